//! `reenact judge`: judges the conversations of a stored run again, without simulating any of them again.

use reenact::run::Stop;
use reenact::{Error, ErrorKind, Result, Run, RunOutput, Store};

use super::report;
use crate::args::Global;
use crate::output::progress::Progress;
use crate::runtime::runtime;
use crate::{interrupt, judging, output, participants};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the start of its id, or latest
    #[arg(default_value = "latest")]
    run: String,
    #[command(flatten)]
    judging: judging::Args,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let run = store.run(&args.run)?;
    report::present(&judge(args, &store, &run)?, global)
}

/// Judges all trials again; what the arguments do not say stays as it was in the run.
fn judge(args: &Args, store: &Store, run: &Run) -> Result<RunOutput> {
    let judging = args.judging.over(&run.plan.judging)?;
    let panel = participants::panel(&judging)?;
    let progress = Progress::new("judged");
    let stop = Stop::default();
    let listen = |event: reenact::run::Event<'_>| progress.show(&event);
    let work = reenact::run::rejudge(store, &run.id, &judging, &panel, &stop, &listen);
    let judged = runtime()?.block_on(interrupt::stopping(&stop, work));
    progress.finish();
    judged.map_err(|error| resumable(error, args, store, run))
}

fn resumable(error: Error, args: &Args, store: &Store, run: &Run) -> Error {
    if error.kind() != ErrorKind::Interrupted {
        return error;
    }
    let program = output::program(store.path());
    error.hint(format!("nothing is lost; go on with `{program} judge {}{}`", run.id, args.judging.in_words()))
}
