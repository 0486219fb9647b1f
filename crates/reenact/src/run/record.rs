//! Cassettes of runs, made from the journal: the run is gone through once more, every answer is the one that it had, and each is
//! kept with what was asked for it. Nobody is asked anything.
//!
//! So a run that was resumed, or stopped, is recorded like any other, as far as it went; and the order of a cassette is
//! that of the cases, whatever the order in which their conversations ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::steps::Steps;
use super::trying::{Trying, place, session_id};
use super::{Done, Participants, Run, Stop, assessed, ledger, open};
use crate::cassette::{Header, Judged, Played, Recorded, Recording, Verb};
use crate::journal::{Journal, StepKey};
use crate::judge::Panel;
use crate::{Cassette, Environment, Error, ErrorKind, Judging, Outcome, Result, Store, Trial};

/// Records a run as far as it went: every answer of its models and its agent. `participants` are those of the run; none of
/// them is asked. What `environment` has as a secret, and what looks like one, is masked.
///
/// # Errors
/// Where the store cannot be read, or what the run asked cannot be told any more, because the prompts or the program changed.
pub async fn record(
    store: &Store,
    run: &Run,
    participants: &Participants,
    environment: &Environment,
) -> Result<Recorded> {
    let run = &store.run(&run.id)?;
    let recording = Arc::new(Recording::new(Verb::Run, environment));
    let (stop, journal) = (&Stop::default(), Arc::new(Journal::open(store, &run.id)?));
    let trying = Trying::new(store, run, participants, stop, (journal, ledger(run, &[], stop)));
    let kept = outcomes(store.trials(&run.id)?);
    let header = Header { played: Some(played(run, participants)), ..Header::default() };
    let mut recorded = recording.begin(&header);
    for ((_, case), n) in open(run, &Done::new()) {
        let rebuilt = trying.trial(case, n, trying.steps(case, n).recorded_by(&recording)).await;
        end(&recording, &mut recorded, (case.id.clone(), n), rebuilt, &kept)?;
    }
    Ok(recorded)
}

/// Records how a run was judged last, as far as that went: every answer of its judges.
///
/// # Errors
/// As [`record`].
pub async fn record_judging(store: &Store, run: &Run, panel: &Panel, environment: &Environment) -> Result<Recorded> {
    let run = &store.run(&run.id)?;
    let recording = Arc::new(Recording::new(Verb::Judge, environment));
    let (stop, journal) = (&Stop::default(), Arc::new(Journal::open(store, &run.id)?));
    let ledger = ledger(run, &[], stop);
    let trials = store.trials(&run.id)?;
    let kept = outcomes(trials.clone());
    let header = Header { judged: Some(judged(run)), ..Header::default() };
    let mut recorded = recording.begin(&header);
    for trial in trials {
        let at = (trial.case.clone(), trial.trial);
        let steps = Steps::new(&journal, &ledger, stop, &trial.case, trial.trial).recorded_by(&recording);
        let rebuilt = assessed(run, &Arc::new(steps), trial, panel).await;
        end(&recording, &mut recorded, at, rebuilt, &kept)?;
    }
    Ok(recorded)
}

fn outcomes(trials: Vec<Trial>) -> BTreeMap<(String, u32), Outcome> {
    trials.into_iter().map(|trial| ((trial.case, trial.trial), trial.outcome)).collect()
}

/// What made a run; a replay is the run whose sessions it plays.
fn played(run: &Run, participants: &Participants) -> Played {
    let mut played = Played::of(run);
    if let Some(first) = participants.played() {
        played.run.clone_from(&first.run);
    }
    played
}

fn judged(run: &Run) -> Judged {
    let (judging, prompts) = (run.plan.judging.clone(), run.provenance.judge_prompts.clone());
    let judging = Judging { cassette: None, ..judging };
    Judged { reenact: env!("CARGO_PKG_VERSION").to_owned(), judging, prompts }
}

/// Whether a cassette can take how these trials were judged again: it holds their run, or none.
///
/// # Errors
/// Where it holds another.
pub fn check_same_run(cassette: &Cassette, trials: &[Trial]) -> Result<()> {
    let Some(played) = &cassette.header().played else { return Ok(()) };
    let is_of_run = |trial: &Trial| {
        trial.session_id == session_id(&played.run, &place(&trial.case, trial.trial, trial.discarded.len() as u32 + 1))
    };
    if trials.iter().all(is_of_run) {
        return Ok(());
    }
    let message = format!("the cassette holds run {}, and another is to be judged", played.run);
    Err(cassette.fault(ErrorKind::Usage, None, message).hint("name another file, or judge that run"))
}

/// One conversation is rebuilt. Where a secret was masked, it may come to something else than it came to.
fn end(
    recording: &Recording,
    recorded: &mut Recorded,
    at: (String, u32),
    rebuilt: Result<Trial>,
    kept: &BTreeMap<(String, u32), Outcome>,
) -> Result<()> {
    let outcome = match rebuilt {
        Ok(trial) => Some(trial.outcome),
        Err(error) if error.kind() == ErrorKind::Interrupted => None,
        Err(error) => return Err(error),
    };
    recording.end(recorded);
    if kept.get(&at).is_some_and(|kept| Some(*kept) != outcome) {
        recorded.altered.push(at);
    }
    Ok(())
}

/// The answer that the journal has for a step, and how long it took in milliseconds, also for the cassette.
pub(super) fn take<T: DeserializeOwned>(
    recording: &Recording,
    journal: &Journal,
    at: (&StepKey, Option<&str>),
    request: &impl Serialize,
    asked: &impl Serialize,
) -> Result<(T, u64)> {
    let (answer, latency_ms) = found(recording, journal, at.0, request)?;
    Ok((recording.take(at, asked, (answer, latency_ms))?, latency_ms))
}

/// The answer of a participant of the caller's own, which no cassette has.
pub(super) fn pass<T: DeserializeOwned>(
    recording: &Recording,
    journal: &Journal,
    key: &StepKey,
    request: &(impl Serialize + ?Sized),
) -> Result<T> {
    let (answer, _) = found(recording, journal, key, request)?;
    serde_json::from_str(&answer).map_err(|error| {
        Error::new(ErrorKind::Store, format!("the recorded answer of {key} cannot be read")).caused_by(error)
    })
}

/// What the journal has. Behind an answer without its secret the question is another one than the journal knows.
fn found(
    recording: &Recording,
    journal: &Journal,
    key: &StepKey,
    request: &(impl Serialize + ?Sized),
) -> Result<(String, u64)> {
    let found = journal.look_up(key, (!recording.is_other()).then_some(request))?;
    found.ok_or_else(|| Error::new(ErrorKind::Interrupted, "the record ends here"))
}
