//! What an import did, as a value: what came in, what was left out, and why.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Skipped};

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// Files and streams that were read.
    pub files: u64,
    /// Bytes that were read, as they lie on disk.
    pub bytes: u64,
    /// Records that were found: lines, elements of arrays, documents.
    pub records: u64,
    /// Sessions that the store did not know.
    pub sessions_new: u64,
    /// Sessions that the store knew and that have grown. A session whose traces lie far apart in the
    /// files can be new first and grow later, and is then counted in both.
    pub sessions_grown: u64,
    /// Sessions that the store knew as they are.
    pub sessions_unchanged: u64,
    /// How many records, traces and sessions were skipped.
    pub skipped_count: u64,
    /// What was skipped, with the reason; no more than the first thousand of `skipped_count`.
    pub skipped: Vec<Skipped>,
    /// Files that could not be read, or not to their end.
    pub unreadable: Vec<Unreadable>,
    /// Whether the import was refused for one of these problems, and nothing was written.
    pub refused: bool,
}

/// A file that could not be read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unreadable {
    /// The file, as the user named it.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// What to do about it.
    pub hint: String,
}

/// What is named of a file of ten million bad lines must not fill the memory.
const SKIPPED_NAMED_MAX: usize = 1_000;

impl Imported {
    /// Whether anything was skipped or could not be read.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.skipped_count > 0 || !self.unreadable.is_empty()
    }

    /// Sessions that were found, known or not.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions_new + self.sessions_grown + self.sessions_unchanged
    }

    pub(super) fn skip(&mut self, file: &Path, line: u64, reason: impl Into<String>) {
        self.skipped_count += 1;
        if self.skipped.len() < SKIPPED_NAMED_MAX {
            let what = if line == 0 { file.display().to_string() } else { format!("{}:{line}", file.display()) };
            self.skipped.push(Skipped { what, reason: reason.into() });
        }
    }

    pub(super) fn cannot_read(&mut self, error: &Error) {
        let file = error.place().map(|place| place.file.clone()).unwrap_or_default();
        let hint = error.hint_text().unwrap_or_default().to_owned();
        self.unreadable.push(Unreadable { file, reason: error.message().to_owned(), hint });
    }
}

/// How far an import is; told often enough for a progress bar.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The file that is being read.
    pub file: &'a Path,
    /// Bytes of this file that were read, as they lie on disk.
    pub bytes_read: u64,
    /// The size of this file, where it is known.
    pub bytes_total: Option<u64>,
    /// Records so far, of all files.
    pub records: u64,
    /// What was skipped so far, of all files.
    pub skipped: u64,
}
