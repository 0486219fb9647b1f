//! The SDK as its users call it, in one binary; one module for each part.

mod distill_model;
mod judge;
mod prompts;
mod report;
mod scripted;
mod store;
mod suite;
mod user_model;
