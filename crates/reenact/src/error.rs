//! One error for the whole crate: what happened, where, and what to do about it.
//!
//! The message says what happened, the [`Place`] says where, the hint says what to do, and the source
//! keeps the error that caused it. They are kept apart so that a terminal, a page and a log can each
//! show them in their own way.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; decides nothing but how a caller may react.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that cannot be: a bad name, an unknown id, a wrong option.
    Usage,
    /// A file or a stream that somebody else wrote is not what it should be.
    Input,
    /// A file could not be read or written.
    Io,
    /// The store could not be opened, read or written.
    Store,
    /// A model did not answer, or not usably.
    Model,
    /// What is asked now differs from what was recorded under the same key.
    Divergence,
    /// The work was stopped before its end and can be resumed.
    Interrupted,
    /// The work came to a stop before it would have cost more than it may; it can be resumed with a higher cap.
    CapReached,
}

/// Where in somebody's file the trouble is. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The file, as the user named it; `<stdin>` for standard input.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    pub file: PathBuf,
    /// The line, where one is known.
    pub line: Option<u64>,
}

/// A path need not be Unicode and JSON must be; a name that is not is shown as well as it can be.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file.display()),
            None => write!(f, "{}", self.file.display()),
        }
    }
}

/// The error of this crate. Its `Display` is one line, `place: message`; the hint is apart.
///
/// ```
/// use reenact::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Input, "expected a list of cases")
///     .at("suite.yaml", Some(3))
///     .hint("start the list with `cases:`");
/// assert_eq!(error.to_string(), "suite.yaml:3: expected a list of cases");
/// assert_eq!(error.hint_text(), Some("start the list with `cases:`"));
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of a kind, with a message that names the thing and starts in lower case.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Error(Box::new(Inner { kind, message, place: None, hint: None, source: None }))
    }

    /// The same error with the place where it was found.
    #[must_use]
    pub fn at(mut self, file: impl AsRef<Path>, line: Option<u64>) -> Self {
        self.0.place = Some(Place { file: file.as_ref().to_owned(), line });
        self
    }

    /// The same error with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error with the one that caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where it was found, where that is known.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
