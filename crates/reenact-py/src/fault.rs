//! An error of the SDK as Python's `reenact.Error`, with its parts kept apart.

use std::fmt::Write as _;

use pyo3::prelude::*;
use reenact::{Error, ErrorKind};

/// What every function here that calls the SDK gives.
pub(crate) type Result<T> = PyResult<T>;

/// The error for Python to raise.
pub(crate) fn raised(error: &Error) -> PyErr {
    Python::attach(|py| match in_python(py, error) {
        Ok(raised) => PyErr::from_value(raised),
        Err(other) => other,
    })
}

fn in_python<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("reenact.errors")?.getattr("Error")?;
    let (file, line) = match error.place() {
        Some(place) => (Some(place.file.to_string_lossy().into_owned()), place.line),
        None => (None, None),
    };
    class.call1((kind(error.kind()), with_causes(error), error.hint_text(), file, line))
}

/// The message, and after it what caused it.
fn with_causes(error: &Error) -> String {
    let mut text = error.message().to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Usage => "usage",
        ErrorKind::Input => "input",
        ErrorKind::Io => "io",
        ErrorKind::Store => "store",
        ErrorKind::Model => "model",
        ErrorKind::Divergence => "divergence",
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::CapReached => "cap_reached",
        _ => "other",
    }
}

/// The results of the SDK as Python's.
pub(crate) trait Raise<T> {
    /// The value, or the error for Python to raise.
    fn raise(self) -> Result<T>;
}

impl<T> Raise<T> for reenact::Result<T> {
    fn raise(self) -> Result<T> {
        self.map_err(|error| raised(&error))
    }
}
