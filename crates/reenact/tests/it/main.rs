//! The SDK as its users call it, in one binary; one module for each part.

mod report;
mod store;
mod suite;
