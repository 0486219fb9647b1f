//! `reenact copy`: a suite to another place: a file, an evaluation dataset of MLflow, or the file of another tool; and back.

use std::path::{Path, PathBuf};

use reenact::interchange::{self, Lost, Peer};
use reenact::{Error, ErrorKind, Result, Suite};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Global;
use crate::output::{counted, file};
use crate::{exit, output, suites};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The suite: a file, or mlflow:/datasets/NAME on the server in MLFLOW_TRACKING_URI; or the file of another tool, which its
    /// content tells: DeepEval's goldens (JSON), promptfoo's configuration (YAML), Inspect's samples (JSON or JSON lines)
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Where to: a new file, .yaml for people or .jsonl for machines; or mlflow:/datasets/NAME, whose other records stay
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// Write it as the file of this tool: deepeval, promptfoo or inspect
    #[arg(long = "as", value_name = "TOOL")]
    tool: Option<Peer>,
    /// The experiment that a new dataset belongs to [default: MLFLOW_EXPERIMENT_NAME]
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Copied {
    /// Where the suite is now.
    to: PathBuf,
    /// How many cases are in it.
    cases: usize,
    /// What is not carried over.
    lost: Vec<Lost>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    check(args)?;
    let (suite, mut lost) = read(&args.from)?;
    lost.extend(write(args, &suite)?);
    tell(&Copied { to: args.to.clone(), cases: suite.cases.len(), lost }, global)?;
    Ok(exit::PASSED)
}

/// That the place can take a suite, before anything is read for it.
fn check(args: &Args) -> Result<()> {
    match (suites::dataset(&args.to), args.tool) {
        (Some(_), None) => return Ok(()),
        (Some(_), Some(_)) => {
            let error = Error::new(ErrorKind::Usage, "a dataset of MLflow is no file of another tool");
            return Err(error.at(&args.to, None).hint("leave `--as` out, or name a file"));
        }
        (None, None) => Suite::check_name(&args.to)?,
        (None, Some(_)) => {}
    }
    suites::check_new(&args.to, "name another file, or move this one away")
}

/// A suite, or what another tool's file says as one.
fn read(from: &Path) -> Result<(Suite, Vec<Lost>)> {
    let text = match suites::dataset(from) {
        Some(_) => None,
        None => std::fs::read_to_string(from).ok(),
    };
    match text.as_deref().and_then(|text| Some((text, Peer::of(text)?))) {
        // A file that cannot be read says so as a suite.
        None => Ok((suites::load(from)?, Vec::new())),
        Some((text, peer)) => {
            let read = interchange::read(text, peer).map_err(|error| error.at(from, None))?;
            Ok((read.suite, read.lost))
        }
    }
}

/// Writes the suite, and says what of it the place cannot hold.
fn write(args: &Args, suite: &Suite) -> Result<Vec<Lost>> {
    if let Some(name) = suites::dataset(&args.to) {
        suites::write(name, args.experiment.as_deref(), suite)?;
        return Ok(Vec::new());
    }
    let Some(peer) = args.tool else {
        suite.save(&args.to)?;
        return Ok(Vec::new());
    };
    let written = interchange::write(suite, peer);
    file::write(&args.to, &written.text)?;
    Ok(written.lost)
}

fn tell(copied: &Copied, global: &Global) -> Result<()> {
    if global.json {
        return output::json(copied);
    }
    let mut text = format!("{} in {}\n", counted(copied.cases, "case"), copied.to.display());
    for Lost { what, count } in &copied.lost {
        text += &format!("  not carried over ({count}): {what}\n");
    }
    output::text(&output::printable(&text))
}
