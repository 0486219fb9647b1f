//! `reenact judge`: judges the conversations of a stored run again, without simulating any of them again, or holds its
//! judges against people.

use std::path::{Path, PathBuf};

use reenact::calibrate::{self, Calibration};
use reenact::cassette::{Recorded, Verb};
use reenact::model::batch::Batch;
use reenact::run::{batch_scope, check_same_run, put_questions};
use reenact::{Environment, Error, ErrorKind, Judging, Panel, Result, Run, RunOutput, Store};

use super::run::is_worth_recording;
use super::{check, report};
use crate::args::Global;
use crate::output::progress::Progress;
use crate::runtime::runtime;
use crate::{batching, cassette, exit, interrupt, judging, output, participants, spending};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the start of its id, or latest
    #[arg(default_value = "latest")]
    run: String,
    #[command(flatten)]
    judging: judging::Args,
    #[command(flatten)]
    spending: spending::Args,
    #[command(flatten)]
    batching: batching::Args,
    /// Hold the run's judges against what people say: a file of labels; judges again first only where judges are named
    #[arg(long, value_name = "LABELS", conflicts_with_all = ["record", "batching"])]
    calibrate: Option<PathBuf>,
    /// How often each labelled item is judged, to see whether the judges say the same again
    #[arg(long, value_name = "N", default_value_t = 1, requires = "calibrate", value_parser = clap::value_parser!(u32).range(1..=100))]
    repeats: u32,
    #[command(flatten)]
    cassette: cassette::Args,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let run = store.run(&args.run)?;
    if args.spending.estimate {
        return estimate(args, &store, run, global);
    }
    let run = match args.spending.states_prices() {
        true => store.price_run(&run.id, &args.spending.prices()?)?,
        false => run,
    };
    match &args.calibrate {
        Some(labels) => calibrate(labels, args, &store, run, global),
        None => {
            if let Some(before) = args.cassette.check()? {
                check_same_run(&before, &store.trials(&run.id)?)?;
            }
            let judged = judge(args, &store, &run);
            if is_worth_recording(&judged) {
                args.cassette.write(|environment| record(&store, &run, args, environment))?;
            }
            let judged = judged?;
            cassette::note_unplayed(&judged)?;
            report::present(&judged, global)
        }
    }
}

fn record(store: &Store, run: &Run, args: &Args, environment: &Environment) -> Result<Recorded> {
    let judging = store.run(&run.id)?.plan.judging;
    let panel = participants::panel(&judging, &args.spending.settings())?;
    runtime()?.block_on(reenact::run::record_judging(store, run, &panel, environment))
}

/// What judging would cost; nothing is stored, and no model is needed for it.
fn estimate(args: &Args, store: &Store, run: Run, global: &Global) -> Result<u8> {
    if args.calibrate.is_some() {
        let error = Error::new(ErrorKind::Usage, "what a calibration would cost cannot be estimated");
        return Err(error.hint(
            "leave `--calibrate` out to see what judging once would cost; `--max-cost` holds a calibration too",
        ));
    }
    let judging = args.judging.over(&run.plan.judging, Verb::Judge)?;
    judging.check(&run.suite)?;
    let trials = store.trials(&run.id)?;
    let run = run.judged_by(&judging).priced(&args.spending.prices()?);
    output::estimate::present(&reenact::estimate::of_judging(&run, &trials), global)?;
    Ok(exit::PASSED)
}

/// Judges all trials again; what the arguments do not say stays as it was in the run.
fn judge(args: &Args, store: &Store, run: &Run) -> Result<RunOutput> {
    let judging = args.judging.over(&run.plan.judging, Verb::Judge)?;
    let Some(batch) = args.batching.open(store, || batch_scope(store, &run.id, &judging))? else {
        return judge_by(&participants::panel(&judging, &args.spending.settings())?, args, (store, run), &judging);
    };
    let panel = ask_in(&batch, args, (store, run), &judging)?;
    let judged = judge_by(&panel, args, (store, run), &judging)?;
    // Every answer stands in the journal by now.
    batch.forget()?;
    Ok(judged)
}

/// Asks all that judging will ask, and gives a panel that knows the answers. Until then the run stays as it is.
fn ask_in(batch: &Batch, args: &Args, (store, run): (&Store, &Run), judging: &Judging) -> Result<Panel> {
    if judging.cassette.is_some() {
        let error =
            Error::new(ErrorKind::Usage, "the judges answer from a cassette, so there is nobody to ask in batches");
        return Err(error.hint("name a judge model with `--judge-model`"));
    }
    let panel = participants::panel_of(judging, |name| batching::model(batch, name).map(Some))?;
    if panel.models().next().is_none() {
        let error = Error::new(ErrorKind::Usage, "no judge model is named, so there is nobody to ask in batches");
        return Err(error.hint("name one with `--judge-model`"));
    }
    let work = async || put_questions(store, &run.id, judging, &panel).await;
    batching::rounds(batch, &again(args, store, run), work)?;
    Ok(panel)
}

fn judge_by(panel: &Panel, args: &Args, (store, run): (&Store, &Run), judging: &Judging) -> Result<RunOutput> {
    let progress = Progress::new("judged");
    let stop = args.spending.stop();
    let listen = |event: reenact::run::Event<'_>| progress.show(&event);
    let work = reenact::run::rejudge(store, &run.id, judging, panel, &stop, &listen);
    let judged = runtime()?.block_on(interrupt::stopping(&stop, work));
    progress.finish();
    judged.map_err(|error| resumable(error, args, store, run))
}

fn calibrate(path: &Path, args: &Args, store: &Store, run: Run, global: &Global) -> Result<u8> {
    let labels = match calibrate::labels(path)? {
        Ok(labels) => labels,
        Err(problems) => return check::tell(&problems, global),
    };
    let judged = match args.judging.is_empty() {
        true => {
            let trials = store.trials(&run.id)?;
            RunOutput::new(run, trials)
        }
        false => judge(args, store, &run)?,
    };
    let panel = participants::panel(&judged.run.plan.judging, &args.spending.settings())?;
    let stop = args.spending.stop();
    let work = calibrate::calibrate(store, &judged, &panel, (path, &labels), args.repeats, &stop);
    let calibration = runtime()?.block_on(interrupt::stopping(&stop, work));
    let calibration = calibration.map_err(|error| resumable(error, args, store, &judged.run))?;
    present(&calibration, global)
}

fn present(calibration: &Calibration, global: &Global) -> Result<u8> {
    match global.json {
        true => output::json(calibration)?,
        false => output::text(&output::calibration::render(calibration, output::width()))?,
    }
    Ok(if calibration.is_informative() { exit::PASSED } else { exit::UNDECIDED })
}

fn resumable(error: Error, args: &Args, store: &Store, run: &Run) -> Error {
    args.spending.resumable(error, &again(args, store, run))
}

/// The command that goes on with the same judging.
fn again(args: &Args, store: &Store, run: &Run) -> String {
    let (program, judging) = (output::program(store.path()), args.judging.in_words());
    let (prices, batching) = (args.spending.prices_in_words(), args.batching.in_words());
    let record = args.cassette.in_words();
    let mut command = format!("{program} judge {}{judging}{prices}{batching}{record}", run.id);
    if let Some(labels) = &args.calibrate {
        command += &format!(" --calibrate {} --repeats {}", batching::word(labels), args.repeats);
    }
    command
}
