//! Everything that is wrong with a suite file, at once.

use std::path::Path;

use crate::{Place, Result};

/// One thing that is wrong with a suite file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub fix: String,
}

/// All problems of a suite file.
///
/// # Errors
/// Where the file cannot be read.
pub fn check(path: &Path) -> Result<Vec<Problem>> {
    let _ = path;
    Ok(Vec::new())
}
