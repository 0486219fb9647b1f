//! Everything that is wrong with a suite file, at once.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::source;
use crate::{Place, Result};

/// One thing that is wrong with a suite file. Its `Display` is `file:line: what`, its JSON an object with
/// `file`, `line`, `what` and `fix`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// All problems of a suite file, in the order of its lines; none where [`Suite::load`](crate::Suite::load)
/// will read it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("refunds.yaml");
/// std::fs::write(&path, "cases:\n  - gaol: get my money back\n")?;
/// let problems = reenact::case::check(&path)?;
/// assert_eq!(problems[0].what, "`gaol` is not a key of a case");
/// assert_eq!(problems[0].fix, "did you mean `goal`?");
/// assert_eq!(problems[0].place.line, Some(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Where the file cannot be read at all. A file that is no suite has problems, and is no error.
pub fn check(path: &Path) -> Result<Vec<Problem>> {
    Ok(source::read(path, &source::SUITE_FILE)?.err().unwrap_or_default())
}
