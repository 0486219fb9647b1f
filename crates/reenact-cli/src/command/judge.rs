//! `reenact judge`: judges the conversations of a stored run again, without simulating any of them again.

use reenact::run::Stop;
use reenact::{ErrorKind, Result, Store};

use super::report;
use crate::args::Global;
use crate::output::progress::Progress;
use crate::runtime::runtime;
use crate::{interrupt, output, participants};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the start of its id, or latest
    #[arg(default_value = "latest")]
    run: String,
    /// What judges the expectations that no code decides: a model's name, or offline; the run's own where not named
    #[arg(long, value_name = "M")]
    judge_model: Option<String>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let run = store.run(&args.run)?;
    let judge_model = args.judge_model.as_ref().unwrap_or(&run.plan.judge_model);
    let judge = participants::judge(judge_model)?;
    let progress = Progress::new("judged");
    let stop = Stop::default();
    let listen = |event: reenact::run::Event<'_>| progress.show(&event);
    let work = reenact::run::rejudge(&store, &run.id, judge_model, &judge, &stop, &listen);
    let judged = runtime()?.block_on(interrupt::stopping(&stop, work));
    progress.finish();
    let judged = judged.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => error.hint(format!(
            "nothing is lost; go on with `{} judge {} --judge-model {}`",
            output::program(&global.store),
            run.id,
            output::shell_word(judge_model)
        )),
        _ => error,
    })?;
    report::present(&judged, global)
}
