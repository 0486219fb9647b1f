//! The command as its users call it, in one binary; one module for each verb.

mod check;
#[cfg(unix)]
mod readme;
mod import;
mod report;
mod sessions;
