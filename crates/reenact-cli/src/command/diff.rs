//! `reenact diff`: two runs of the same cases compared, and what got worse tried once more where that is asked for.

use reenact::report::Comparison;
use reenact::{Error, ErrorKind, Result, Run, RunOutput, Store};

use super::run::play;
use super::share;
use crate::args::Global;
use crate::{exit, exporting, output, spending};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run that is compared with: its id, the start of it, or latest
    baseline: String,
    /// The run that is compared
    candidate: String,
    /// Pass only if the candidate is shown to be worse by less than this, 0 to 1
    #[arg(long, value_name = "P", value_parser = share)]
    margin: Option<f64>,
    /// Try each case that passed less often once more with both agents, so often (20 where no number is given), and
    /// judge it by these trials alone
    #[arg(long, value_name = "TRIALS", num_args = 0..=1, default_missing_value = "20", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rerun: Option<u32>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let (baseline, candidate) = (RunOutput::read(&store, &args.baseline)?, RunOutput::read(&store, &args.candidate)?);
    let mut comparison = Comparison::of(&baseline, &candidate, args.margin);
    if let Some(trials) = args.rerun.filter(|_| !comparison.suspects().is_empty()) {
        let suspects: Vec<String> = comparison.suspects().into_iter().map(str::to_owned).collect();
        let seed = baseline.run.plan.seed.wrapping_add(1);
        let again = |run: &Run| tried_again(&store, run, &suspects, trials, seed);
        comparison = comparison.with_rerun(&again(&baseline.run)?, &again(&candidate.run)?);
    }
    if global.json {
        output::json(&comparison)?;
    } else {
        output::text(&output::comparison::render(&comparison, &output::program(&global.store), output::width()))?;
    }
    Ok(exit::of_run(comparison.status))
}

/// The suspects tried again with one of the agents. A rerun that was begun before goes on, and one that is there is
/// taken as it is, so that no answer is paid for twice.
fn tried_again(store: &Store, run: &Run, suspects: &[String], trials: u32, seed: u64) -> Result<RunOutput> {
    if run.plan.agent_cassette.is_some() {
        let error = Error::new(ErrorKind::Usage, format!("run `{}` was played from a cassette", run.id));
        return Err(error.hint("its agent would say the same again; compare without `--rerun`"));
    }
    let suspects: Vec<&str> = suspects.iter().map(String::as_str).collect();
    let wanted = run.rerun(&suspects, trials, seed);
    let is_wanted = |there: &Run| there.plan == wanted.plan && there.suite == wanted.suite;
    let rerun = match store.reruns(&run.id)?.into_iter().find(is_wanted) {
        Some(rerun) => rerun,
        None => {
            store.create_run(&wanted)?;
            wanted
        }
    };
    let what = format!("trying {} again, {trials} times each, with {}", suspects.join(", "), rerun.plan.agent);
    output::note(output::printable(&what));
    play(store, &rerun, &spending::Args::default(), &exporting::Args::default())
}
