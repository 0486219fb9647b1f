//! `reenact report`: what a stored run amounts to, on the terminal, as JSON, JUnit XML, Markdown or a page.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reenact::export::{Tracking, log_run};
use reenact::model::PriceList;
use reenact::report::{self, RunOutput};
use reenact::{ErrorKind, Result, Session, Store, Suite};

use super::share;
use crate::args::Global;
use crate::runtime::runtime;
use crate::{exit, mlflow, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the start of its id, or `latest`
    #[arg(default_value = "latest")]
    run: String,
    /// Write the run as JUnit XML, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the run as Markdown, for a CI job's summary: `--markdown "$GITHUB_STEP_SUMMARY"`
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write the run as one HTML page that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The pass rate, 0 to 1, that the run is held to, in place of its own; it then decides the exit status
    #[arg(long, value_name = "P", value_parser = share)]
    threshold: Option<f64>,
    /// What models cost, where it was not known or not right when the run began: a YAML or JSON file, see docs/cost.md
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    #[command(flatten)]
    mlflow: mlflow::Args,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let prices = args.prices.as_ref().map_or_else(|| Ok(PriceList::default()), |file| PriceList::load(file))?;
    let mut run = RunOutput::read_priced(&store, &args.run, &prices)?;
    if let Some(threshold) = args.threshold {
        run.run.plan.threshold = Some(threshold);
        run.report = run.report.held_to(threshold);
    }
    for (path, content) in files(args, &store, &run)? {
        output::file::write(path, &content)?;
        output::note(format_args!("wrote {}", path.display()));
    }
    log(&run, &args.mlflow)?;
    present(&run, global)
}

/// Logs the run to a server of MLflow, where one is named.
fn log(run: &RunOutput, mlflow: &mlflow::Args) -> Result<()> {
    let Some((server, experiment)) = mlflow.open()? else { return Ok(()) };
    let place = server.place();
    runtime()?.block_on(log_run(run, &Tracking::new(server, &experiment)))?;
    output::note(format_args!("logged to experiment {} of {place}", output::printable(&experiment)));
    Ok(())
}

/// Prints a run, for a person or as JSON, and gives its exit status.
pub(crate) fn present(run: &RunOutput, global: &Global) -> Result<u8> {
    if global.json {
        output::json(run)?;
    } else {
        output::text(&output::report::render(&run.report, &output::program(&global.store), output::width()))?;
    }
    Ok(exit::of_run(run.report.status()))
}

/// All files that were asked for, made before the first is written.
fn files<'a>(args: &'a Args, store: &Store, run: &RunOutput) -> Result<Vec<(&'a PathBuf, String)>> {
    let mut files = Vec::new();
    if let Some(path) = &args.junit {
        files.push((path, report::junit(run)?));
    }
    if let Some(path) = &args.markdown {
        files.push((path, report::markdown(run)));
    }
    if let Some(path) = &args.html {
        files.push((path, report::html(run, &origins(store, &run.run.suite)?)));
    }
    Ok(files)
}

/// The recorded sessions that the cases come from, as far as the store has them.
pub(super) fn origins(store: &Store, suite: &Suite) -> Result<BTreeMap<String, Session>> {
    let mut sessions = BTreeMap::new();
    for origin in suite.cases.iter().filter_map(|case| case.origin.as_ref()) {
        if let Some(session) = stored_session(store, &origin.session)? {
            sessions.insert(origin.session.clone(), session);
        }
    }
    Ok(sessions)
}

/// A recorded session; nothing where the store does not have it, as with a suite from another machine.
pub(crate) fn stored_session(store: &Store, id: &str) -> Result<Option<Session>> {
    match store.session(id) {
        // The store also takes the start of an id, and an origin must not be taken for another session.
        Ok(session) => Ok((session.id == id).then_some(session)),
        Err(error) if error.kind() == ErrorKind::Usage => Ok(None),
        Err(error) => Err(error),
    }
}
