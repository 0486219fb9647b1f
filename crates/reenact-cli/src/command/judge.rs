//! `reenact judge`: judges the conversations of a stored run again, without simulating any of them again, or holds its
//! judges against people.

use std::path::{Path, PathBuf};

use reenact::calibrate::{self, Calibration};
use reenact::cassette::{Recorded, Verb};
use reenact::run::check_same_run;
use reenact::{Environment, Error, ErrorKind, Result, Run, RunOutput, Store};

use super::run::is_worth_recording;
use super::{check, report};
use crate::args::Global;
use crate::output::progress::Progress;
use crate::runtime::runtime;
use crate::{cassette, exit, interrupt, judging, output, participants, spending};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the start of its id, or latest
    #[arg(default_value = "latest")]
    run: String,
    #[command(flatten)]
    judging: judging::Args,
    #[command(flatten)]
    spending: spending::Args,
    /// Hold the run's judges against what people say: a file of labels; judges again first only where judges are named
    #[arg(long, value_name = "LABELS", conflicts_with = "record")]
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
    let panel = participants::panel(&judging, &args.spending.settings())?;
    let progress = Progress::new("judged");
    let stop = args.spending.stop();
    let listen = |event: reenact::run::Event<'_>| progress.show(&event);
    let work = reenact::run::rejudge(store, &run.id, &judging, &panel, &stop, &listen);
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
    let program = output::program(store.path());
    let (judging, prices) = (args.judging.in_words(), args.spending.prices_in_words());
    let mut command = format!("{program} judge {}{judging}{prices}{}", run.id, args.cassette.in_words());
    if let Some(labels) = &args.calibrate {
        let labels = output::shell_word(&labels.to_string_lossy());
        command += &format!(" --calibrate {labels} --repeats {}", args.repeats);
    }
    args.spending.resumable(error, &command)
}
