//! Suites by what names them: a file, or an evaluation dataset of MLflow.

use std::path::Path;

use reenact::mlflow::{Server, Written, dataset_exists, dataset_name, read_suite, write_suite};
use reenact::{Environment, Error, ErrorKind, Result, Suite};

use crate::output;
use crate::runtime::runtime;

/// The dataset that an argument names, where it names one.
pub(crate) fn dataset(argument: &Path) -> Option<&str> {
    dataset_name(argument.to_str()?)
}

/// Reads a suite.
pub(crate) fn load(argument: &Path) -> Result<Suite> {
    match dataset(argument) {
        None => Suite::load(argument),
        Some(name) => runtime()?.block_on(read_suite(&server()?, name)),
    }
}

/// Whether there is something of that name already.
pub(crate) fn exists(argument: &Path) -> Result<bool> {
    match dataset(argument) {
        None => Ok(argument.exists()),
        Some(name) => runtime()?.block_on(dataset_exists(&server()?, name)),
    }
}

/// That a new suite does not take the place of one that is there.
pub(crate) fn check_new(argument: &Path, hint: &str) -> Result<()> {
    if !exists(argument)? {
        return Ok(());
    }
    let what = if dataset(argument).is_some() { "the dataset" } else { "the file" };
    let error = Error::new(ErrorKind::Usage, format!("{what} exists, and may hold somebody's edits"));
    Err(error.at(argument, None).hint(hint))
}

/// Writes a suite to a dataset, and says what became of its records.
pub(crate) fn write(name: &str, experiment: Option<&str>, suite: &Suite) -> Result<()> {
    let environment = Environment::of_process();
    let experiment = experiment.or_else(|| environment.get("MLFLOW_EXPERIMENT_NAME"));
    let written = runtime()?.block_on(write_suite(&server()?, name, experiment, suite))?;
    let Written { new, renewed, unchanged, left } = written;
    let left = if left > 0 { format!("; {left} records of the dataset are not in the suite") } else { String::new() };
    output::note(format_args!(
        "dataset {}: {new} new, {renewed} renewed, {unchanged} unchanged{left}",
        output::printable(name)
    ));
    Ok(())
}

fn server() -> Result<Server> {
    Server::open(None, &Environment::of_process())
}
