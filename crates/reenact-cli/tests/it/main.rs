//! The command as its users call it, in one binary; one module for each verb or story.

mod check;
mod import;
#[cfg(unix)]
mod readme;
mod demo;
mod faults;
mod judge;
mod line;
mod report;
mod resume;
mod sessions;
mod stage;
mod statuses;
