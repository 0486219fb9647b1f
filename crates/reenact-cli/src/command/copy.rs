//! `reenact copy`: a suite to another place, a file or an evaluation dataset of MLflow.

use std::path::PathBuf;

use reenact::{Result, Suite};

use crate::args::Global;
use crate::output::counted;
use crate::{exit, output, suites};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The suite: a file, or mlflow:/datasets/NAME on the server in MLFLOW_TRACKING_URI
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// Where to: a new file, .yaml for people or .jsonl for machines; or mlflow:/datasets/NAME, whose other records stay
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// The experiment that a new dataset belongs to [default: MLFLOW_EXPERIMENT_NAME]
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let name = suites::dataset(&args.to);
    if name.is_none() {
        Suite::check_name(&args.to)?;
        suites::check_new(&args.to, "name another file, or move this one away")?;
    }
    let suite = suites::load(&args.from)?;
    match name {
        Some(name) => suites::write(name, args.experiment.as_deref(), &suite)?,
        None => suite.save(&args.to)?,
    }
    match global.json {
        true => output::json(&suite)?,
        false => {
            let cases = counted(suite.cases.len(), "case");
            output::text(&output::printable(&format!("{cases} in {}\n", args.to.display())))?;
        }
    }
    Ok(exit::PASSED)
}
