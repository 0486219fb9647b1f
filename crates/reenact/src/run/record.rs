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
use super::{Done, Drive, Part, Participants, Run, Stop, assess_again};
use crate::cassette::{Header, Judged, NAME, Played, Recorded, Recording, Verb};
use crate::journal::{Journal, StepKey};
use crate::judge::Panel;
use crate::{Cassette, Environment, Error, ErrorKind, Outcome, Result, Store, Trial};

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
    let drive = Drive {
        store,
        run,
        participants,
        stop: &Stop::default(),
        journal: Arc::new(Journal::open(store, &run.id)?),
        divergence: Arc::default(),
    };
    let kept = outcomes(store.trials(&run.id)?);
    let header = Header { played: Some(played(run, participants)), ..Header::default() };
    let mut recorded = recording.begin(&header);
    for (_, case, n) in drive.open(&Done::new()) {
        let steps = Steps::rebuilt(Arc::clone(&drive.journal), &recording, &case.id, n);
        let rebuilt = drive.tried(case, n, Arc::new(steps)).await;
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
    let journal = Arc::new(Journal::open(store, &run.id)?);
    let trials = store.trials(&run.id)?;
    let kept = outcomes(trials.clone());
    let header = Header { judged: Some(judged(run, panel)), ..Header::default() };
    let mut recorded = recording.begin(&header);
    for trial in trials {
        let at = (trial.case.clone(), trial.trial);
        let steps = Steps::rebuilt(Arc::clone(&journal), &recording, &trial.case, trial.trial);
        let rebuilt = assess_again(run, trial, Arc::new(steps), panel).await;
        end(&recording, &mut recorded, at, rebuilt, &kept)?;
    }
    Ok(recorded)
}

fn outcomes(trials: Vec<Trial>) -> BTreeMap<(String, u32), Outcome> {
    trials.into_iter().map(|trial| ((trial.case, trial.trial), trial.outcome)).collect()
}

/// What made a run. A replay is a copy: of each participant that played from a cassette it names whoever was recorded there.
fn played(run: &Run, participants: &Participants) -> Played {
    let mut played = Played::of(run);
    if let Some(first) = participants.played() {
        played.run.clone_from(&first.run);
        played.agent.clone_from(&first.agent);
    }
    if let Part::Model(model) = &participants.user {
        model.name().clone_into(&mut played.user_model);
    }
    if participants.judge.replay().is_some() {
        played.judging.models = participants.judge.model_names();
    }
    played
}

fn judged(run: &Run, panel: &Panel) -> Judged {
    let mut judging = run.plan.judging.clone();
    if panel.replay().is_some() {
        judging.models = panel.model_names();
    }
    let prompts = run.provenance.judge_prompts.clone();
    Judged { reenact: env!("CARGO_PKG_VERSION").to_owned(), run: run_of_sessions(run), judging, prompts }
}

/// The run whose sessions a run plays: its own, or those of the cassette that its agent is. One that is gone cannot tell.
fn run_of_sessions(run: &Run) -> String {
    let cassette = run.plan.agent.strip_prefix(NAME).and_then(|file| Cassette::load(file).ok());
    let played = cassette.and_then(|cassette| cassette.header().played.clone());
    played.map_or_else(|| run.id.clone(), |played| played.run)
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
