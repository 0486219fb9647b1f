//! The SDK as its users call it, in one binary; one module for each part.

mod agents;
mod models;
mod report;
mod server;
mod store;
mod suite;
