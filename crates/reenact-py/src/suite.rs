//! The suite file.

use std::path::PathBuf;

use pyo3::prelude::*;
use reenact::Suite;

use crate::data::{from_python, to_python};
use crate::fault::{Raise as _, Result};

/// Reads a suite file.
#[pyfunction]
pub(crate) fn suite_load(py: Python<'_>, path: PathBuf) -> Result<Bound<'_, PyAny>> {
    let suite = py.detach(|| Suite::load(&path)).raise()?;
    to_python(py, &suite)
}

/// Writes a suite file, whole or not at all.
#[pyfunction]
pub(crate) fn suite_save(py: Python<'_>, suite: &Bound<'_, PyAny>, path: PathBuf) -> Result<()> {
    let suite: Suite = from_python(suite, "a suite")?;
    py.detach(|| suite.save(&path)).raise()
}

/// All problems of a suite file.
#[pyfunction]
pub(crate) fn suite_check(py: Python<'_>, path: PathBuf) -> Result<Bound<'_, PyAny>> {
    let problems = py.detach(|| reenact::case::check(&path)).raise()?;
    to_python(py, &problems)
}

/// A suite as YAML or as JSON lines.
#[pyfunction]
pub(crate) fn suite_text(suite: &Bound<'_, PyAny>, form: &str) -> Result<String> {
    let suite: Suite = from_python(suite, "a suite")?;
    Ok(if form == "jsonl" { suite.to_jsonl() } else { suite.to_yaml() })
}
