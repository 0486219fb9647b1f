//! The command as its users call it, in one binary; one module for each verb.

mod back_test;
mod bad_input;
mod batch;
#[cfg(unix)]
mod browser;
mod cassettes;
mod check;
mod copy;
mod cost;
mod crashes;
mod curation;
mod demo;
mod diff;
mod exporting;
mod faults;
mod import;
mod json;
mod judge;
mod line;
mod masking;
mod model_server;
mod models;
#[cfg(unix)]
mod readme;
mod real_agents;
#[cfg(unix)]
mod real_mlflow;
mod real_tracers;
mod report;
mod resume;
mod serve;
mod served;
mod sessions;
mod stage;
mod statuses;
mod story;
mod together;
mod tools;
mod waits;
