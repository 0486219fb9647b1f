//! The tests of the SDK from outside, one module for each part.

mod distill_model;
mod judge;
mod prompts;
mod scripted;
mod user_model;
