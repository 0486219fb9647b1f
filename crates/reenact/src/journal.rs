//! The durable record of every answer that a conversation needed from outside.
//!
//! A model's completion, the agent's reply, a judge's answer: each is one *step* with a key. A step that is
//! recorded gives its recorded answer; any other makes its call and records the answer before anybody sees
//! it. So a run that was killed goes on where it was, a finished one plays again without a call, and the code
//! that drives conversations does not know which of the two it is part of.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Outgoing, TrialRow};
use crate::{Completion, Error, ErrorKind, ModelFault, Result, Store, Trial};
use recorder::{Recorder, Step};

pub use calls::{Call, of_trial as calls_of_trial};
pub use charges::{Charge, Charged, of_run as charges_of_run};

pub(crate) mod calls;
mod charges;
mod recorder;

/// Who answers a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepRole {
    /// What plays the user.
    User,
    /// The agent under test.
    Agent,
    /// A judge.
    Judge,
    /// What distils cases.
    Distiller,
    /// What answers for tools what the recording does not.
    Tool,
}

impl fmt::Display for StepRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StepRole::User => "user",
            StepRole::Agent => "agent",
            StepRole::Judge => "judge",
            StepRole::Distiller => "distiller",
            StepRole::Tool => "tool",
        })
    }
}

/// Which step of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepKey {
    /// The case's id.
    pub case: String,
    /// Which trial of the case, from 1.
    pub trial: u32,
    /// Which step of this role in the trial; the caller counts, always in the same way.
    pub position: u32,
    /// Who answers.
    pub role: StepRole,
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "case `{}`, trial {}, {} step {}", self.case, self.trial, self.role, self.position)
    }
}

/// The record of one run. Shared by all its conversations; dropped, it waits until all is written.
///
/// The steps of a judge belong to the run's round of judging (see [`Store::judge_again`]), so that a run can be
/// judged again without being simulated again.
///
/// ```
/// use reenact::journal::{Journal, StepKey, StepRole};
/// # use reenact::{Plan, Run, Store, Suite, run::Provenance};
/// # fn run() -> Run {
/// #     let plan = Plan {
/// #         agent: "recorded".into(), user_model: "offline".into(), trials: 1,
/// #         max_turns: 8, concurrency: 1, seed: 0, agent_timeout_seconds: 60,
/// #         ..Plan::default()
/// #     };
/// #     Run { id: "r1".into(), created_at: jiff::Timestamp::UNIX_EPOCH, plan, provenance: Provenance::default(), suite: Suite::default(), left_out: Vec::new() }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = Store::temporary()?;
/// store.create_run(&run())?;
/// let key = StepKey { case: "closed-market".into(), trial: 1, position: 1, role: StepRole::Agent };
///
/// let journal = Journal::open(&store, "r1")?;
/// let reply: String = journal.step(key.clone(), "is the market open?", || async { "it is Saturday".to_owned() }).await?;
/// assert_eq!(reply, "it is Saturday");
///
/// let again: String = journal.step(key, "is the market open?", || async { unreachable!() }).await?;
/// assert_eq!(again, "it is Saturday");
/// # Ok::<(), reenact::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Journal {
    known: Mutex<HashMap<StepKey, Known>>,
    recorder: Recorder,
}

/// What is known of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Its call is being made.
    Asked,
    /// Its answer was handed to the recorder, with the hash of the request.
    Answered(blake3::Hash),
}

impl Journal {
    /// Opens the journal of a run, with what is recorded so far. The run is named as in [`Store::run`].
    ///
    /// # Errors
    /// Where there is no such run, or the store cannot be read.
    pub fn open(store: &Store, run: &str) -> Result<Journal> {
        Ok(Self::of(Recorder::of_run(store, run)?))
    }

    /// Opens the journal of a run for one of its trials; nothing is known of any other.
    pub(crate) fn of_trial(store: &Store, run: &str, case: &str, trial: u32) -> Result<Journal> {
        Ok(Self::of(Recorder::of_trial(store, run, (case, trial))?))
    }

    /// Opens the journal of all distillations, which belong to no run.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of_distillation(store: &Store) -> Result<Journal> {
        Ok(Self::of(Recorder::of_no_run(store)?))
    }

    /// Opens the journal of all calibrations, whose answers change nothing in the runs that they are about.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of_calibration(store: &Store) -> Result<Journal> {
        Ok(Self::of(Recorder::of_no_run(store)?))
    }

    fn of((recorder, recorded): (Recorder, Vec<(StepKey, blake3::Hash)>)) -> Journal {
        let known = recorded.into_iter().map(|(key, request)| (key, Known::Answered(request))).collect();
        Journal { known: Mutex::new(known), recorder }
    }

    /// The recorded answer of a step, or else the answer of `call`, which is recorded before it is returned.
    ///
    /// `T` may itself be a `Result`: that an agent failed is an answer like any other. What is returned is
    /// what the record holds, read back, so a live run and a replayed one see the same value. A future that is
    /// dropped once the call has answered loses nothing: the answer is with the recorder by then.
    ///
    /// # Errors
    /// [`ErrorKind::Divergence`] where the step is recorded with another request, [`ErrorKind::Store`] where the
    /// answer cannot be recorded, and [`ErrorKind::Usage`] where a step is asked while its call is being made.
    pub async fn step<Q, T, F, Fut>(&self, key: StepKey, request: &Q, call: F) -> Result<T>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        self.timed_step(key, request, call).await.map(|(answer, _)| answer)
    }

    /// As [`Journal::step`], with how long the call took in milliseconds: when it was made, not when it is read.
    ///
    /// # Errors
    /// As [`Journal::step`].
    pub async fn timed_step<Q, T, F, Fut>(&self, key: StepKey, request: &Q, call: F) -> Result<(T, u64)>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        self.charged_step(key, request, |_| None, async || Ok((call().await, None))).await
    }

    /// As [`Journal::timed_step`], for a call that says of its answer how much of the time was somebody else's, and that may
    /// come to a stop halfway: then nothing is recorded of it.
    ///
    /// # Errors
    /// As [`Journal::step`], and those of `call`.
    pub(crate) async fn waited_step<Q, T, F, Fut>(
        &self,
        key: StepKey,
        request: &Q,
        call: F,
        waited: impl FnOnce(&T) -> Duration,
    ) -> Result<(T, u64)>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let call = async || {
            let began = Instant::now();
            let answer = call().await?;
            let took = began.elapsed().saturating_sub(waited(&answer));
            Ok((answer, Some(took.as_millis() as u64)))
        };
        self.charged_step(key, request, |_| None, call).await
    }

    /// As [`Journal::step`], for what a model is asked: what its call used is recorded beside the answer, under the
    /// model's name. A call that could not be made is an error, and nothing is recorded of it.
    ///
    /// # Errors
    /// As [`Journal::step`], and those of `call`.
    pub async fn model_step<Q, F, Fut>(&self, key: StepKey, model: &str, request: &Q, call: F) -> Result<Answer>
    where
        Q: Serialize + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Answer>>,
    {
        self.timed_model_step(key, model, request, call).await.map(|(answer, _)| answer)
    }

    /// As [`Journal::model_step`], with how long the call took in milliseconds when it was made.
    pub(crate) async fn timed_model_step<Q, F, Fut>(
        &self,
        key: StepKey,
        model: &str,
        request: &Q,
        call: F,
    ) -> Result<(Answer, u64)>
    where
        Q: Serialize + ?Sized,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Answer>>,
    {
        let charge = |answer: &Answer| Some(Charge::of(model, answer));
        let call = async || Ok((call().await?, None));
        self.charged_step(key, request, charge, call).await
    }

    /// As [`Journal::timed_step`], with an answer that was recorded elsewhere, and the milliseconds that it took then; as
    /// [`Journal::model_step`] where it is charged to a model.
    pub(crate) async fn replayed_step<Q, T>(
        &self,
        key: StepKey,
        request: &Q,
        charge: impl FnOnce(&T) -> Option<Charge>,
        recorded: impl FnOnce() -> Result<(T, u64)>,
    ) -> Result<(T, u64)>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        let recorded = async || recorded().map(|(answer, latency_ms)| (answer, Some(latency_ms)));
        self.charged_step(key, request, charge, recorded).await
    }

    async fn charged_step<Q, T, F, Fut>(
        &self,
        key: StepKey,
        request: &Q,
        charge: impl FnOnce(&T) -> Option<Charge>,
        call: F,
    ) -> Result<(T, u64)>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<(T, Option<u64>)>>,
    {
        let request = hash(request, &key)?;
        match self.claim(&key)? {
            Claim::Recorded(recorded) if recorded == request => self.recorded(&key).await,
            Claim::Recorded(_) => Err(diverged(&key)),
            Claim::Free(claim) if self.is_recorded_elsewhere(&key)? => {
                claim.answered(request);
                self.recorded(&key).await
            }
            Claim::Free(claim) => {
                let began = Instant::now();
                let (answer, took_ms) = call().await?;
                let elapsed_ms = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let latency_ms = took_ms.unwrap_or_else(elapsed_ms);
                let charge = charge(&answer);
                let answer = serde_json::to_string(&answer).map_err(|error| unwritable(&key, error))?;
                let step = Step { key: key.clone(), request, answer: answer.clone(), latency_ms, charge };
                let written = self.recorder.record(step)?;
                claim.answered(request);
                written.wait().await?;
                match self.recorder.is_shared() {
                    // Whoever was first is believed, so that all have the same answer.
                    true => self.recorded(&key).await,
                    false => Ok((parsed(&key, &answer)?, latency_ms)),
                }
            }
        }
    }

    /// What is recorded of a step, if anything is: its answer as JSON, and the milliseconds that it took. Nothing is called. A
    /// request that is given must be the one that was recorded.
    pub(crate) fn look_up<Q: Serialize + ?Sized>(
        &self,
        key: &StepKey,
        request: Option<&Q>,
    ) -> Result<Option<(String, u64)>> {
        let known = self.known().get(key).copied();
        let Some(Known::Answered(recorded)) = known else { return Ok(None) };
        if let Some(request) = request
            && hash(request, key)? != recorded
        {
            return Err(diverged(key));
        }
        let answer = self.recorder.answer(key)?;
        Ok(answer.map(|(answer, latency_ms)| (answer, latency_ms.unsigned_abs())))
    }

    /// What a step used, where it is recorded and a model was asked.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn charge(&self, key: &StepKey) -> Result<Option<Charge>> {
        self.recorder.charge(key)
    }

    /// Keeps a trial of the journal's run, as [`Store::put_trial`] does, together with whatever else is written at the time. The
    /// traces that tell of it are kept with it or not at all.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub(crate) async fn keep(&self, trial: &Trial, traces: Vec<Outgoing>) -> Result<()> {
        self.recorder.keep(TrialRow::of(trial)?, traces)?.wait().await
    }

    /// How many steps are recorded.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.known().values().filter(|known| matches!(known, Known::Answered(_))).count()
    }

    /// Whether another process recorded a step since this journal was opened. A run is driven by one process alone.
    fn is_recorded_elsewhere(&self, key: &StepKey) -> Result<bool> {
        Ok(self.recorder.is_shared() && self.recorder.answer(key)?.is_some())
    }

    fn claim(&self, key: &StepKey) -> Result<Claim<'_>> {
        match self.known().entry(key.clone()) {
            Entry::Occupied(known) => match *known.get() {
                Known::Answered(request) => Ok(Claim::Recorded(request)),
                Known::Asked => Err(asked_twice(key)),
            },
            Entry::Vacant(place) => {
                place.insert(Known::Asked);
                Ok(Claim::Free(Claimed { journal: self, key: key.clone() }))
            }
        }
    }

    async fn recorded<T: DeserializeOwned>(&self, key: &StepKey) -> Result<(T, u64)> {
        let answer = match self.recorder.answer(key)? {
            Some(answer) => Some(answer),
            // Its future was dropped before the answer was written; it is in the queue, or lost to a full disk.
            None => {
                self.recorder.flush()?.wait().await?;
                self.recorder.answer(key)?
            }
        };
        let (answer, latency_ms) = answer.ok_or_else(|| lost(key))?;
        Ok((parsed(key, &answer)?, latency_ms.unsigned_abs()))
    }

    /// A panic elsewhere leaves the map as it was.
    fn known(&self) -> MutexGuard<'_, HashMap<StepKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of asking a model.
type Answer = Result<Completion, ModelFault>;

/// What a step may do.
enum Claim<'a> {
    /// Take the recorded answer, if the request is the one with this hash.
    Recorded(blake3::Hash),
    /// Make the call.
    Free(Claimed<'a>),
}

/// The right to make a step's call; given back where there is no answer.
struct Claimed<'a> {
    journal: &'a Journal,
    key: StepKey,
}

impl Claimed<'_> {
    fn answered(self, request: blake3::Hash) {
        self.journal.known().insert(self.key.clone(), Known::Answered(request));
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        let mut known = self.journal.known();
        if known.get(&self.key) == Some(&Known::Asked) {
            known.remove(&self.key);
        }
    }
}

fn hash<Q: Serialize + ?Sized>(request: &Q, key: &StepKey) -> Result<blake3::Hash> {
    let request = serde_json::to_vec(request).map_err(|error| unwritable(key, error))?;
    Ok(blake3::hash(&request))
}

fn parsed<T: DeserializeOwned>(key: &StepKey, answer: &str) -> Result<T> {
    serde_json::from_str(answer).map_err(|error| {
        Error::new(ErrorKind::Store, format!("the recorded answer of {key} is not of the form that is expected"))
            .hint("it was recorded by another version of reenact; start a new run")
            .caused_by(error)
    })
}

fn diverged(key: &StepKey) -> Error {
    Error::new(ErrorKind::Divergence, format!("{key}: what is asked now is not what was recorded"))
        .hint("the suite, the plan, a prompt or the program changed since the run began; start a new run")
}

fn asked_twice(key: &StepKey) -> Error {
    Error::new(ErrorKind::Usage, format!("{key} is asked twice at the same time"))
        .hint("give each step of a trial a position of its own")
}

fn unwritable(key: &StepKey, error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Store, format!("{key} cannot be written as JSON"))
        .hint("requests and answers must be values that serde_json can write")
        .caused_by(error)
}

fn lost(key: &StepKey) -> Error {
    Error::new(ErrorKind::Store, format!("the answer of {key} could not be recorded"))
        .hint("see the error before this one, and resume the run")
}
