//! The command as its users call it, in one binary; one module for each verb.

mod check;
mod import;
#[cfg(unix)]
mod readme;
mod report;
mod sessions;
