//! The SDK as its users call it, in one binary; one module for each part.

mod agents;
mod models;
mod server;
//! The SDK as its users call it, in one binary; one module for each part.

mod distill_model;
mod judge;
mod prompts;
mod report;
mod scripted;
mod report;
mod server;
mod store;
mod suite;
mod user_model;
//! The integration tests of the SDK, one module for each part.

mod report;
//! The SDK as its users call it; one module for each part.

mod store;
