//! What was left out, and why: nothing vanishes.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A thing that gave nothing, with the reason; counted and shown wherever it arises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Skipped {
    /// The thing: `file:line`, or `session ID`.
    pub what: String,
    /// Why it gave nothing.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}
