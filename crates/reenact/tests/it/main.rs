//! The SDK as its users call it, in one binary; one module for each part.

mod agents;
mod casebook;
mod distill_model;
mod import;
mod journal;
mod judge;
mod judges;
mod models;
mod pages;
mod prompts;
mod report;
mod runs;
mod scripted;
mod server;
mod store;
mod suite;
mod tidy;
mod user_model;
