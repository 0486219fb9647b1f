//! What will be tried, and the trying of it: every case, as often as planned, many at once, through the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::TIMEOUT_SECONDS_DEFAULT;
use crate::journal::Journal;
use crate::judge::{Hearing, JudgeSpec, Judging, Panel};
use crate::report::RunOutput;
use crate::report::statistics::{Course, EarlyStopping};
use crate::simulate::{Setting, Simulated, simulate};
use crate::{
    Agent, Assessment, Ending, Model, Outcome, Result, SimulatedUser, Store, Suite, TestCase, Trial, clock, judge,
};

pub use event::Event;
pub use provenance::{PromptHash, Provenance};
use steps::Steps;

mod event;
mod provenance;
pub(crate) mod repeats;
mod steps;

/// What will be tried: plain data, kept with the run, so that a run can be resumed from its id alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The agent under test, by name.
    pub agent: String,
    /// Its version, as whoever planned the run gave it; an agent may also tell its own with its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// What plays the user: a model's name, or `offline`.
    pub user_model: String,
    /// Who judges, and what besides the expectations.
    pub judging: Judging,
    /// How often each case is tried; at the most, where trials stop early.
    pub trials: u32,
    /// When the trials of a case may stop before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<EarlyStopping>,
    /// The pass rate, 0 to 1, that the run is held to; it then decides the exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The run whose cases are tried once more, where this is such a rerun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<String>,
    /// User messages in one conversation at the most.
    pub max_turns: u32,
    /// Conversations at once.
    pub concurrency: u32,
    /// Where the seeds of the trials start.
    pub seed: u64,
    /// How long one reply of the agent may take.
    pub agent_timeout_seconds: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            agent: "recorded".into(),
            agent_version: None,
            user_model: "offline".into(),
            judging: Judging::default(),
            trials: 1,
            stopping: None,
            threshold: None,
            rerun_of: None,
            max_turns: 20,
            concurrency: 16,
            seed: 0,
            agent_timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
        }
    }
}

/// A suite that was, or is being, tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id: a UUID of version 7, so that ids sort by time.
    pub id: String,
    /// When it began.
    pub created_at: Timestamp,
    /// What is tried.
    pub plan: Plan,
    /// What made it, so that a later report tells of the run and not of whatever reports it.
    #[serde(default)]
    pub provenance: Provenance,
    /// The cases as they were when the run began.
    pub suite: Suite,
}

impl Run {
    /// A new run of a suite, with an id and a time of its own.
    #[must_use]
    pub fn new(plan: Plan, suite: Suite) -> Self {
        let provenance = Provenance::of(&plan);
        Run { id: clock::run_id(), created_at: clock::now(), plan, provenance, suite }
    }

    /// A new run that tries some cases of this one once more, all of them equally often and with seeds of their own.
    #[must_use]
    pub fn rerun(&self, cases: &[&str], trials: u32, seed: u64) -> Self {
        let rerun_of = Some(self.id.clone());
        let plan = Plan { trials, seed, rerun_of, stopping: None, threshold: None, ..self.plan.clone() };
        let chosen = self.suite.cases.iter().filter(|case| cases.contains(&case.id.as_str())).cloned();
        Run::new(plan, Suite { name: self.suite.name.clone(), cases: chosen.collect() })
    }
}

/// One of the participants that a model, the embedded engine or the caller's own code can play.
pub enum Part<T: ?Sized> {
    /// The embedded engine.
    Offline,
    /// A model.
    Model(Model),
    /// The caller's own.
    Own(Arc<T>),
}

/// Who takes part in a run.
pub struct Participants {
    /// The agent under test.
    pub agent: Arc<dyn Agent>,
    /// Whoever plays the users.
    pub user: Part<dyn SimulatedUser>,
    /// Whoever judges what no code decides.
    pub judge: Panel,
}

/// A wish to stop: no new call is made, the calls on their way are waited for and kept.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks the run to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tries what is still to be tried of a stored run, and gives all that came of it.
///
/// A run goes on where it was left: trials that ended are kept, and the answers of those that did not are taken
/// from the journal. One that was being judged again goes on being judged.
///
/// # Errors
/// Where the store or the journal fails, another process drives the run, or `stop` was requested
/// ([`Interrupted`](crate::ErrorKind::Interrupted)). No call on its way is dropped, and what was answered until then is kept.
pub async fn run(
    store: &Store,
    run: &Run,
    participants: &Participants,
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<RunOutput> {
    run.plan.judging.check(&run.suite)?;
    let _lease = store.lease(&run.id)?;
    if store.is_half_judged(&run.id)? {
        judge_all(store, run, &participants.judge, stop, &|_| {}).await?;
    }
    let done: Done = store.trials(&run.id)?.into_iter().map(|t| ((t.case, t.trial), t.outcome)).collect();
    listen(Event::Began { planned: run.suite.cases.len() * run.plan.trials as usize, done: done.len() });
    let journal = Arc::new(Journal::open(store, &run.id)?);
    let drive = Drive { store, run, participants, stop, journal };
    drive.all(&done, listen).await?;
    store.finish_run(&run.id)?;
    RunOutput::read(store, &run.id)
}

/// Judges the conversations of a stored run again, without simulating any of them again.
///
/// # Errors
/// As [`run`].
pub async fn rejudge(
    store: &Store,
    run: &str,
    judging: &Judging,
    panel: &Panel,
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<RunOutput> {
    let _lease = store.lease(run)?;
    judging.check(&store.run(run)?.suite)?;
    let run = store.judge_again(run, judging)?;
    judge_all(store, &run, panel, stop, listen).await?;
    store.finish_run(&run.id)?;
    RunOutput::read(store, &run.id)
}

/// Judges every trial that is there in the round that the store is in; what that round's judge answered is not asked again.
async fn judge_all(
    store: &Store,
    run: &Run,
    panel: &Panel,
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<()> {
    let trials = store.trials(&run.id)?;
    listen(Event::Began { planned: trials.len(), done: 0 });
    let journal = Arc::new(Journal::open(store, &run.id)?);
    let judging = trials.into_iter().map(|trial| assess_again(run, trial, Arc::clone(&journal), panel, stop));
    let mut judged = futures::stream::iter(judging).buffer_unordered(run.plan.concurrency.max(1) as usize);
    keep(store, run, &mut judged, stop, listen).await
}

async fn assess_again(run: &Run, trial: Trial, journal: Arc<Journal>, panel: &Panel, stop: &Stop) -> Result<Trial> {
    let steps = Arc::new(Steps::new(journal, stop.clone(), &trial.case, trial.trial));
    let unknown = TestCase { id: trial.case.clone(), ..TestCase::default() };
    let case = run.suite.cases.iter().find(|case| case.id == trial.case).unwrap_or(&unknown);
    let (conversation, ending) = (&trial.conversation, &trial.ending);
    let hearing = Hearing { case, conversation, ending: Some(ending), latencies_ms: &trial.agent_latencies_ms };
    let assessments = assess(&steps, panel, &run.plan.judging.judges, hearing).await;
    steps.unbroken()?;
    let outcome = Outcome::of(&trial.ending, &assessments);
    Ok(Trial { assessments, outcome, ..trial })
}

/// The trials that are kept already.
type Done = BTreeMap<(String, u32), Outcome>;

/// What every trial of a run needs.
struct Drive<'a> {
    store: &'a Store,
    run: &'a Run,
    participants: &'a Participants,
    stop: &'a Stop,
    journal: Arc<Journal>,
}

impl Drive<'_> {
    async fn all(&self, done: &Done, listen: &(dyn Fn(Event<'_>) + Sync)) -> Result<()> {
        let width = self.run.plan.concurrency.max(1) as usize;
        match self.run.plan.stopping {
            Some(rule) => {
                let cases = self.run.suite.cases.iter().map(|case| Box::pin(self.until_stop(rule, case, done)));
                let trials = &mut futures::stream::iter(cases).flatten_unordered(width);
                keep(self.store, self.run, trials, self.stop, listen).await
            }
            None => {
                let trials = self.open(done).map(|(case, n)| self.trial(case, n));
                let trials = &mut futures::stream::iter(trials).buffer_unordered(width);
                keep(self.store, self.run, trials, self.stop, listen).await
            }
        }
    }

    /// The trials that the plan asks for and that are not done.
    fn open(&self, done: &Done) -> impl Iterator<Item = (&TestCase, u32)> {
        let numbers = move |case| (1..=self.run.plan.trials).map(move |n| (case, n));
        self.run.suite.cases.iter().flat_map(numbers).filter(|(case, n)| !done.contains_key(&(case.id.clone(), *n)))
    }

    /// The trials of one case, one after another, until the rule says that no other is needed.
    fn until_stop(&self, rule: EarlyStopping, case: &TestCase, done: &Done) -> impl Stream<Item = Result<Trial>> {
        let kept = (1..=self.run.plan.trials).map_while(|n| done.get(&(case.id.clone(), n)).copied());
        futures::stream::unfold(Some(kept.collect::<Vec<_>>()), move |outcomes| async move {
            let mut outcomes = outcomes?;
            if rule.stop(outcomes.iter().copied(), self.run.plan.trials).course != Course::GoesOn {
                return None;
            }
            let trial = self.trial(case, outcomes.len() as u32 + 1).await;
            let going_on = trial.as_ref().ok().map(|trial| {
                outcomes.push(trial.outcome);
                outcomes
            });
            Some((trial, going_on))
        })
    }

    async fn trial(&self, case: &TestCase, n: u32) -> Result<Trial> {
        let steps = Arc::new(Steps::new(Arc::clone(&self.journal), self.stop.clone(), &case.id, n));
        let session_id = session_id(&self.run.id, &case.id, n);
        let seed = seed(self.run.plan.seed, &case.id, n);
        let setting = Setting { case, session_id: &session_id, seed, max_turns: self.run.plan.max_turns };
        let user = steps.user(&self.participants.user);
        let agent = steps.agent(&self.participants.agent);
        let Simulated { conversation, ending, disclosures, corrections, goal, agent_version } =
            simulate(setting, user.as_ref(), &agent).await;
        steps.unbroken()?;
        let agent_latencies_ms = steps.latencies_ms();
        let (heard, ended) = (&conversation, Some(&ending));
        let hearing = Hearing { case, conversation: heard, ending: ended, latencies_ms: &agent_latencies_ms };
        let judges = &self.run.plan.judging.judges;
        let assessments = assess(&steps, &self.participants.judge, judges, hearing).await;
        steps.unbroken()?;
        let outcome = Outcome::of(&ending, &assessments);
        let case = case.id.clone();
        Ok(Trial {
            case,
            trial: n,
            session_id,
            ending,
            outcome,
            conversation,
            disclosures,
            corrections,
            goal,
            discarded: Vec::new(),
            agent_version,
            agent_latencies_ms,
            assessments,
        })
    }
}

/// Keeps each trial as it ends. After the first error nothing new is begun, and what is on its way comes to a stop at
/// its next step, so that no answer is lost.
async fn keep(
    store: &Store,
    run: &Run,
    trials: &mut (impl Stream<Item = Result<Trial>> + Unpin),
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<()> {
    let mut first_error = None;
    while let Some(trial) = trials.next().await {
        let kept = trial.and_then(|trial| store.put_trial(&run.id, &trial).map(|()| trial));
        match kept {
            Ok(trial) => listen(Event::Ended(&trial)),
            Err(error) => {
                stop.request();
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}

/// One assessment for each question of our own list.
async fn assess(steps: &Arc<Steps>, panel: &Panel, judges: &[JudgeSpec], hearing: Hearing<'_>) -> Vec<Assessment> {
    if !hearing.ending.is_none_or(Ending::is_judgeable) {
        return judge::not_judged(&hearing.case.expectations, judges);
    }
    judge::assess(hearing, judges, &steps.judge(panel)).await
}

/// The id under which the agent sees a trial: the same on every turn and after every resume.
fn session_id(run: &str, case: &str, trial: u32) -> String {
    format!("sim-{}", &hash(&[run, case, &trial.to_string()]).to_hex()[..16])
}

/// The seed of a trial: the same for the same place in the same plan, whatever the run's id.
fn seed(plan: u64, case: &str, trial: u32) -> u64 {
    let hash = hash(&[&plan.to_string(), case, &trial.to_string()]);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes of thirty-two"))
}

fn hash(parts: &[&str]) -> blake3::Hash {
    blake3::hash(parts.join("\n").as_bytes())
}
