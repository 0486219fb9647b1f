//! `reenact show`: one trial, with the recorded session that its case comes from.

use reenact::report::RunOutput;
use reenact::{Cost, Error, ErrorKind, Result, Session, Store, TestCase, Trial};
use schemars::JsonSchema;
use serde::Serialize;

use super::report::stored_session;
use crate::args::Global;
use crate::{exit, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The trial: RUN/CASE/N; without RUN of the latest run, without N the first
    trial: String,
}

/// What `show --json` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Shown<'a> {
    /// The trial.
    trial: &'a Trial,
    /// What the models cost in it, by role and model; nothing where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<&'a Cost>,
    /// The recorded session that its case comes from, where the store has it.
    session: Option<Session>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let run = RunOutput::read(&store, "latest")?;
    let (run, trial) = match find(&run, &args.trial) {
        Some(index) => (run, index),
        None => of_named_run(&store, &args.trial, &run)?,
    };
    let trial = &run.trials[trial];
    let case = run.run.suite.cases.iter().find(|case| case.id == trial.case);
    let session = origin(&store, case)?;
    let cost = run.report.cost_of(&trial.case, trial.trial);
    if global.json {
        output::json(&Shown { trial, cost, session })?;
    } else {
        output::text(&output::trial::render(trial, cost, (case, session.as_ref()), output::width()))?;
    }
    Ok(exit::PASSED)
}

fn origin(store: &Store, case: Option<&TestCase>) -> Result<Option<Session>> {
    let origin = case.and_then(|case| case.origin.as_ref());
    origin.map_or(Ok(None), |origin| stored_session(store, &origin.session))
}

/// The place of the trial that `CASE` or `CASE/N` names. A case id may itself contain slashes and numbers, so the
/// whole name is tried as a case first.
fn find(run: &RunOutput, name: &str) -> Option<usize> {
    let place = |case: &str, number: Option<u32>| {
        run.trials.iter().position(|trial| trial.case == case && number.is_none_or(|number| trial.trial == number))
    };
    let numbered = || {
        let (case, number) = name.rsplit_once('/')?;
        place(case, Some(number.parse().ok()?))
    };
    place(name, None).or_else(numbered)
}

/// The trial that `RUN/CASE` or `RUN/CASE/N` names.
fn of_named_run(store: &Store, name: &str, latest: &RunOutput) -> Result<(RunOutput, usize)> {
    let Some((run, rest)) = name.split_once('/') else { return Err(unknown(name, latest)) };
    let known = latest.run.suite.cases.iter().any(|case| case.id == run);
    let named = match RunOutput::read(store, run) {
        // `CASE/9` of a case that is there: the number is wrong, and not the run.
        Err(_) if known => return Err(unknown(name, latest)),
        named => named?,
    };
    match find(&named, rest) {
        Some(trial) => Ok((named, trial)),
        None => Err(unknown(rest, &named)),
    }
}

/// How many trials the hint of an error names.
const TRIALS_NAMED_MAX: usize = 8;

fn unknown(name: &str, run: &RunOutput) -> Error {
    let trials = run.trials.iter().map(|trial| format!("{}/{}", trial.case, trial.trial));
    let named: Vec<String> = trials.take(TRIALS_NAMED_MAX).collect();
    let more = if run.trials.len() > TRIALS_NAMED_MAX { ", …" } else { "" };
    let error = Error::new(ErrorKind::Usage, format!("run {} has no trial `{name}`", run.run.id));
    if named.is_empty() {
        error.hint(format!("none of its trials is done; `reenact run --resume {}` goes on with it", run.run.id))
    } else {
        error.hint(format!("its trials are {}{more}", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use reenact::Verdict;

    use super::*;
    use crate::output::fixtures::{case, judged, run};

    #[test]
    fn a_trial_is_found_by_case_and_number_also_where_the_case_has_slashes() {
        let trials =
            ["a", "a/2", "b/c"].into_iter().flat_map(|id| (1..=2).map(move |n| judged(id, n, Verdict::Pass, "r")));
        let output = RunOutput::new(run(2, vec![case("a"), case("a/2"), case("b/c")]), trials.collect());
        let found =
            |name| find(&output, name).map(|place| (output.trials[place].case.as_str(), output.trials[place].trial));
        assert_eq!(found("a"), Some(("a", 1)));
        assert_eq!(found("a/1"), Some(("a", 1)));
        assert_eq!(found("a/2"), Some(("a/2", 1)));
        assert_eq!(found("a/2/2"), Some(("a/2", 2)));
        assert_eq!(found("b/c/2"), Some(("b/c", 2)));
        assert_eq!(found("b"), None);
        assert_eq!(found("a/9"), None);
    }
}
