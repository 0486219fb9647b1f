//! The command as its users call it, in one binary; one module for each verb.

mod check;
mod import;
mod report;
