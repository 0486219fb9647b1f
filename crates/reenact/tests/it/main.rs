//! The SDK as its users call it, in one binary; one module for each part.

mod agents;
mod calibrate;
mod casebook;
mod comparison;
mod cost;
mod distill_model;
mod early_stopping;
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
mod statistics;
mod store;
mod suite;
mod tidy;
mod user_model;
mod users;
