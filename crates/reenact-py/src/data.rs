//! Values on their way between the two languages: what serde has, as dicts, lists, texts and numbers.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Result;

/// A value as Python's plain data.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &impl Serialize) -> Result<Bound<'py, PyAny>> {
    Ok(pythonize::pythonize(py, value)?)
}

/// A value from Python's plain data; `what` names it where it is none.
pub(crate) fn from_python<T: DeserializeOwned>(data: &Bound<'_, PyAny>, what: &str) -> Result<T> {
    pythonize::depythonize(data).map_err(|error| {
        let raised = PyValueError::new_err(format!("this is not {what}: {error}"));
        raised.set_cause(data.py(), Some(error.into()));
        raised
    })
}
