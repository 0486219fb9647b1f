//! The suite file.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result, TestCase};

/// A file of cases that a person reads, edits and keeps in git.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suite {
    /// The suite's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The cases.
    pub cases: Vec<TestCase>,
}

impl Suite {
    /// Reads a suite.
    ///
    /// # Errors
    /// Where it is not one.
    pub fn load(path: &Path) -> Result<Suite> {
        Err(Error::new(ErrorKind::Input, "not built yet").at(path, None))
    }
}
