//! The SDK as its users call it; one module for each part.

mod journal;
mod runs;
mod store;
