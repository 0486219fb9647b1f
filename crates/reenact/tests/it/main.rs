//! What the crate does, seen from outside: one module for each part.

mod agents;
mod models;
mod server;
