//! The command `reenact`, which comes with the package.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command with these arguments, the program's name first, and gives its exit status. `itself` is how the program is started
/// again, for the verbs that start it.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>, itself: Vec<OsString>) -> u8 {
    py.detach(|| reenact_cli::main_with(arguments, itself))
}
