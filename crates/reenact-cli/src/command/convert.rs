//! `reenact convert`: a suite as the file of another tool, and back.

use std::path::{Path, PathBuf};

use reenact::interchange::{self, Lost, Peer};
use reenact::{Error, ErrorKind, Result, Suite};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Global;
use crate::output::{counted, file};
use crate::{exit, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A suite, or a file of another tool, which its content tells: DeepEval's goldens (JSON), promptfoo's configuration (YAML),
    /// Inspect's samples (JSON or JSON lines)
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Where to write: a suite by its ending (.yaml, .jsonl), unless `--to` says otherwise
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write the file of this tool: deepeval, promptfoo or inspect
    #[arg(long, value_name = "TOOL")]
    to: Option<Peer>,
}

/// What `--json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Converted {
    /// The file that was written.
    output: PathBuf,
    /// How many cases are in it.
    cases: usize,
    /// What is not carried over.
    lost: Vec<Lost>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let (suite, mut lost) = read(&args.from)?;
    match args.to {
        None => suite.save(&args.output)?,
        Some(peer) => {
            let written = interchange::write(&suite, peer);
            file::write(&args.output, &written.text)?;
            lost.extend(written.lost);
        }
    }
    tell(&Converted { output: args.output.clone(), cases: suite.cases.len(), lost }, global)?;
    Ok(exit::PASSED)
}

/// A suite, or what another tool's file says as one.
fn read(path: &Path) -> Result<(Suite, Vec<Lost>)> {
    let text = std::fs::read_to_string(path).map_err(|source| {
        let error = Error::new(ErrorKind::Io, "the file cannot be read").at(path, None).caused_by(source);
        error.hint("name a suite, or a file of another tool")
    })?;
    match Peer::of(&text) {
        None => Ok((Suite::load(path)?, Vec::new())),
        Some(peer) => {
            let read = interchange::read(&text, peer).map_err(|error| error.at(path, None))?;
            Ok((read.suite, read.lost))
        }
    }
}

fn tell(converted: &Converted, global: &Global) -> Result<()> {
    if global.json {
        return output::json(converted);
    }
    let mut text = format!("{} in {}\n", counted(converted.cases, "case"), converted.output.display());
    for Lost { what, count } in &converted.lost {
        text += &format!("  not carried over ({count}): {what}\n");
    }
    output::text(&output::printable(&text))
}
