//! What will be tried, and the trying of it: every case, as often as planned, many at once, through the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::PriceList;
use crate::agent::{OnMiss, TIMEOUT_SECONDS_DEFAULT, ToolMocks, ToolServed};
use crate::case::Stress;
use crate::cost::Ledger;
use crate::export::{Delivery, Ended, Exports};
use crate::journal::{self, Charged, Journal};
use crate::judge::{Judging, OFFLINE, Panel, is_model};
use crate::report::RunOutput;
use crate::report::statistics::{Course, EarlyStopping};
use crate::{
    Agent, Model, Outcome, Result, SimulatedUser, Skipped, StepRole, Store, Suite, TestCase, Trial, Usd, clock,
};

use divergence::FirstDivergence;
pub use event::Event;
pub use log::{Entry, Mark, log};
pub use provenance::{PromptHash, Provenance};
pub use questions::{batch_scope, put_questions};
pub use record::{check_same_run, record, record_judging};
pub use replay::replayed_agent;
pub use so_far::so_far;
pub use standing::{CaseStanding, Progress, RunState, Standing, TrialStanding};
use steps::Steps;
use trying::{Trying, judged};

mod divergence;
mod event;
mod log;
mod provenance;
mod questions;
mod record;
pub(crate) mod repeats;
mod replay;
mod so_far;
mod standing;
mod steps;
mod task;
mod trying;

/// What will be tried: plain data, kept with the run, so that a run can be resumed from its id alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The agent under test, by name.
    pub agent: String,
    /// Its version, as whoever planned the run gave it; an agent may also tell its own with its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// The cassette that answers in place of the agent, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_cassette: Option<String>,
    /// What plays the user: a model's name, or `offline`.
    pub user_model: String,
    /// The cassette that answers in place of that model, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_cassette: Option<String>,
    /// Which words the users speak.
    #[serde(default, skip_serializing_if = "UserKind::is_simulated")]
    pub user: UserKind,
    /// Ways in which each case is made harder besides; tried as often, and reported apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Stress>,
    /// How the agent's tools are answered from the recording, where it takes them from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolMocks>,
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
    /// How often a trial is played at the most whose simulated user misbehaves. What is thrown away stays with the trial.
    #[serde(default = "once")]
    pub attempts: u32,
    /// User messages in one conversation at the most.
    pub max_turns: u32,
    /// Conversations at once.
    pub concurrency: u32,
    /// Where the seeds of the trials start.
    pub seed: u64,
    /// How long one reply of the agent may take.
    pub agent_timeout_seconds: u32,
    /// How many conversations the agent takes at once, where that is less than there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_concurrency: Option<u32>,
}

/// Which words the users of a run speak. Where a case has a script, it is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// Those of the simulated user.
    #[default]
    Simulated,
    /// Those of the recorded user, as long as the agent does what it did in the recording; then those of the simulated
    /// user.
    Recorded,
}

impl UserKind {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    fn is_simulated(&self) -> bool {
        *self == UserKind::Simulated
    }
}

/// A plan that was stored before trials were played again.
fn once() -> u32 {
    1
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            agent: "recorded".into(),
            agent_version: None,
            agent_cassette: None,
            user_model: "offline".into(),
            user_cassette: None,
            user: UserKind::default(),
            variants: Vec::new(),
            tools: None,
            judging: Judging::default(),
            trials: 1,
            stopping: None,
            threshold: None,
            rerun_of: None,
            attempts: 3,
            max_turns: 20,
            concurrency: 16,
            seed: 0,
            agent_timeout_seconds: TIMEOUT_SECONDS_DEFAULT,
            agent_concurrency: None,
        }
    }
}

impl Plan {
    /// The models that it names for playing users, answering for tools and judging, each once.
    #[must_use]
    pub fn models(&self) -> BTreeSet<&str> {
        let user = std::iter::once(self.user_model.as_str());
        let tools = self.tools.as_ref().and_then(|tools| match &tools.on_miss {
            OnMiss::Ask(model) => Some(model.as_str()),
            OnMiss::Fail | OnMiss::Invalid | OnMiss::Nearest => None,
        });
        user.chain(tools).chain(self.judging.all_models()).filter(|model| is_model(model)).collect()
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
    /// The cases as they were when the run began, and after them their variants.
    pub suite: Suite,
    /// The variants that were asked for and could not be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Skipped>,
}

impl Run {
    /// A new run of a suite, with an id and a time of its own.
    #[must_use]
    pub fn new(plan: Plan, suite: Suite) -> Self {
        let provenance = Provenance::of(&plan);
        let (suite, left_out) = with_variants(suite, &plan);
        Run { id: clock::run_id(), created_at: clock::now(), plan, provenance, suite, left_out }
    }

    /// The same run judged in this way, with the prompts and prices of today.
    #[must_use]
    pub fn judged_by(mut self, judging: &Judging) -> Self {
        self.plan.judging = judging.clone();
        self.provenance.judged_now(&self.plan);
        self
    }

    /// The same run with the prices that a list states for its models.
    #[must_use]
    pub fn priced(mut self, list: &PriceList) -> Self {
        self.provenance.price(&self.plan, list);
        self
    }

    /// A new run that tries some cases of this one once more, all of them equally often and with seeds of their own.
    #[must_use]
    pub fn rerun(&self, cases: &[&str], trials: u32, seed: u64) -> Self {
        let rerun_of = Some(self.id.clone());
        let plan =
            Plan { trials, seed, rerun_of, stopping: None, threshold: None, variants: Vec::new(), ..self.plan.clone() };
        let chosen = self.suite.cases.iter().filter(|case| cases.contains(&case.id.as_str())).cloned();
        Run::new(plan, Suite { name: self.suite.name.clone(), cases: chosen.collect() })
    }
}

/// The cases, and after them their variants; and the variants that cannot be made, each with the reason.
fn with_variants(mut suite: Suite, plan: &Plan) -> (Suite, Vec<Skipped>) {
    let is_derived = |case: &TestCase| case.variant.is_some();
    let mut variants: Vec<TestCase> = Vec::new();
    let mut left_out = Vec::new();
    for &stress in &plan.variants {
        for case in suite.cases.iter().filter(|case| !is_derived(case)) {
            let id = format!("{}~{stress}", case.id);
            let made = match stress.takes_a_model() && plan.user_model == OFFLINE {
                true => Err("it takes a model to play the user".to_owned()),
                false => stress.variant_of(case),
            };
            match made {
                Ok(variant) if !suite.cases.iter().chain(&variants).any(|other| other.id == id) => {
                    variants.push(variant);
                }
                Ok(_) => left_out.push(Skipped { what: id, reason: "another case has its id".to_owned() }),
                Err(reason) => left_out.push(Skipped { what: id, reason }),
            }
        }
    }
    suite.cases.extend(variants);
    (suite, left_out)
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

impl<T: ?Sized> Clone for Part<T> {
    fn clone(&self) -> Self {
        match self {
            Part::Offline => Part::Offline,
            Part::Model(model) => Part::Model(model.clone()),
            Part::Own(own) => Part::Own(Arc::clone(own)),
        }
    }
}

/// Who takes part in a run.
#[derive(Clone)]
pub struct Participants {
    /// The agent under test.
    pub agent: Arc<dyn Agent>,
    /// Whoever plays the users.
    pub user: Part<dyn SimulatedUser>,
    /// Whoever judges what no code decides.
    pub judge: Panel,
}

impl Participants {
    /// The names of the models among them; what the caller's own code asks is its own business.
    fn models(&self) -> impl Iterator<Item = &str> {
        let user = match &self.user {
            Part::Model(model) => Some(model.name()),
            Part::Offline | Part::Own(_) => None,
        };
        let tools = ToolServed::of(self.agent.as_ref()).and_then(ToolServed::model).map(Model::name);
        user.into_iter().chain(tools).chain(self.judge.models())
    }
}

/// A wish to stop: no new call is made, the calls on their way are waited for and kept.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    max_cost: Option<Usd>,
}

impl Stop {
    /// A wish to stop before the models have cost more than this, what they cost before included.
    #[must_use]
    pub fn before_cost(max_cost: Usd) -> Self {
        Stop { max_cost: Some(max_cost), ..Stop::default() }
    }

    /// What the models may cost, where there is a limit.
    #[must_use]
    pub fn max_cost(&self) -> Option<Usd> {
        self.max_cost
    }

    /// Asks the run to stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }
}

/// Tries what is still to be tried of a stored run, and gives all that came of it.
///
/// A run goes on where it was left: trials that ended are kept, and the answers of those that did not are taken
/// from the journal. One that was being judged again goes on being judged.
///
/// # Errors
/// Where the store or the journal fails, another process drives the run, or `stop` was requested
/// ([`Interrupted`](crate::ErrorKind::Interrupted)) or has a cost that would be passed
/// ([`CapReached`](crate::ErrorKind::CapReached)). No call on its way is dropped, and what was answered until then is kept.
pub async fn run(
    store: &Store,
    run: &Run,
    participants: &Participants,
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<RunOutput> {
    run_exported(store, run, participants, stop, listen, &Exports::default()).await
}

/// As [`run()`], with traces of the conversations, and of what the simulator and the judges ask, sent to collectors while it goes on
/// and a little longer.
///
/// What came of it is told as [`Event::Exported`], one for each collector, also where the run itself fails. What a collector did
/// not take is kept with the run, and goes out when this is called again for the same run, however little is left to be tried.
///
/// # Errors
/// As [`run()`]. A collector that fails is no error.
pub async fn run_exported(
    store: &Store,
    run: &Run,
    participants: &Participants,
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
    exports: &Exports,
) -> Result<RunOutput> {
    run.plan.judging.check(&run.suite)?;
    let _lease = store.lease(&run.id)?;
    let key = store.run_key(&run.id)?;
    let (ended, _) = watch::channel(Ended::Trials(0));
    let heard = |event: Event<'_>| {
        if matches!(event, Event::Ended(_)) {
            ended.send_modify(Ended::another);
        }
        listen(event);
    };
    let deliveries = exports.exporting().filter_map(|what| {
        let delivery = Delivery { store, run: key, what, to: exports.to(what, run)?, patience: exports.patience() };
        let ended = ended.subscribe();
        Some(async move { delivery.deliver(ended).await })
    });
    let deliveries = futures::future::join_all(deliveries);
    let tried = async {
        let tried = try_all(store, run, participants, stop, &heard, exports).await;
        ended.send_replace(Ended::Run);
        tried
    };
    let (tried, exported) = futures::future::join(tried, deliveries).await;
    for exported in exported {
        listen(Event::Exported(&exported?));
    }
    tried?;
    RunOutput::read(store, &run.id)
}

/// Tries what is still to be tried.
async fn try_all(
    store: &Store,
    run: &Run,
    participants: &Participants,
    stop: &Stop,
    listen: &(dyn Fn(Event<'_>) + Sync),
    exports: &Exports,
) -> Result<()> {
    let ledger = ledger(run, &journal::charges_of_run(store, &run.id)?, stop);
    ledger.check(participants.models())?;
    if store.is_half_judged(&run.id)? {
        judge_all(store, run, &participants.judge, (&ledger, stop), &|_| {}).await?;
    }
    let done: Done = store.trials(&run.id)?.into_iter().map(|t| ((t.case, t.trial), t.outcome)).collect();
    listen(Event::Began { planned: run.suite.cases.len() * run.plan.trials as usize, done: done.len() });
    let journal = Arc::new(Journal::open(store, &run.id)?);
    let trying = Trying::new(store, run, participants, stop, (journal, ledger)).exporting(exports);
    let drive = Drive { run, trying: Arc::new(trying), divergence: Arc::default() };
    drive.all(&done, listen).await?;
    drive.divergence.none_of(|| participants.changed_for(run))?;
    store.finish_run(&run.id)
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
    let planned = store.run(run)?.judged_by(judging);
    judging.check(&planned.suite)?;
    ledger(&planned, &[], stop).check(panel.models())?;
    let run = store.judge_again(run, judging)?;
    let is_of_round = |charged: &Charged| charged.key.role == StepRole::Judge && !charged.replaced;
    let charged = journal::charges_of_run(store, &run.id)?.into_iter().filter(is_of_round);
    let ledger = ledger(&run, &charged.collect::<Vec<_>>(), stop);
    judge_all(store, &run, panel, (&ledger, stop), listen).await?;
    store.finish_run(&run.id)?;
    RunOutput::read(store, &run.id)
}

/// The account of a run that was charged this so far.
fn ledger(run: &Run, charged: &[Charged], stop: &Stop) -> Arc<Ledger> {
    Arc::new(Ledger::new(run.provenance.prices.clone(), charged, stop.max_cost()))
}

/// Judges every trial that is there in the round that the store is in; what that round's judge answered is not asked again.
async fn judge_all(
    store: &Store,
    run: &Run,
    panel: &Panel,
    (ledger, stop): (&Arc<Ledger>, &Stop),
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<()> {
    let trials = store.trials(&run.id)?;
    listen(Event::Began { planned: trials.len(), done: 0 });
    let journal = Arc::new(Journal::open(store, &run.id)?);
    let divergence = Arc::new(FirstDivergence::default());
    let judging = trials.into_iter().enumerate().map(|(place, trial)| {
        let steps = Steps::new(&journal, ledger, stop, &trial.case, trial.trial).until(&divergence, place);
        let divergence = &divergence;
        async move { divergence.settle(place, assessed(run, &Arc::new(steps), trial, panel).await) }
    });
    let mut judged = futures::stream::iter(judging).buffer_unordered(run.plan.concurrency.max(1) as usize);
    all(&mut judged, (ledger, stop), listen).await?;
    divergence.none_of(|| panel.changed_for(run))
}

/// Judges a trial as its run says.
async fn assessed(run: &Run, steps: &Arc<Steps>, trial: Trial, panel: &Panel) -> Result<Trial> {
    let unknown = TestCase { id: trial.case.clone(), ..TestCase::default() };
    let case = run.suite.cases.iter().find(|case| case.id == trial.case).unwrap_or(&unknown);
    let trial = judged(steps, panel, (&run.plan, &run.provenance.prices), case, trial).await?;
    // Its conversation was exported when it was held, if it was to be.
    steps.keep(&trial, Vec::new()).await?;
    Ok(trial)
}

/// The trials that are kept already.
type Done = BTreeMap<(String, u32), Outcome>;

/// The trying of a run's cases.
struct Drive<'a> {
    run: &'a Run,
    trying: Arc<Trying>,
    divergence: Arc<FirstDivergence>,
}

impl Drive<'_> {
    async fn all(&self, done: &Done, listen: &(dyn Fn(Event<'_>) + Sync)) -> Result<()> {
        let width = self.run.plan.concurrency.max(1) as usize;
        let watched = (&*self.trying.ledger, &self.trying.stop);
        match self.run.plan.stopping {
            Some(rule) => {
                let cases = self.run.suite.cases.iter().enumerate();
                let cases = cases.map(|case| Box::pin(self.until_stop(rule, case, done)));
                all(&mut futures::stream::iter(cases).flatten_unordered(width), watched, listen).await
            }
            None => {
                let trials = open(self.run, done).map(|(case, n)| self.trial(case, n));
                all(&mut futures::stream::iter(trials).buffer_unordered(width), watched, listen).await
            }
        }
    }

    /// The trials of one case, one after another, until the rule says that no other is needed.
    fn until_stop(
        &self,
        rule: EarlyStopping,
        (index, case): (usize, &TestCase),
        done: &Done,
    ) -> impl Stream<Item = Result<Option<Trial>>> {
        let kept = (1..=self.run.plan.trials).map_while(|n| done.get(&(case.id.clone(), n)).copied());
        futures::stream::unfold(Some(kept.collect::<Vec<_>>()), move |outcomes| async move {
            let mut outcomes = outcomes?;
            if rule.stop(outcomes.iter().copied(), self.run.plan.trials).course != Course::GoesOn {
                return None;
            }
            let trial = self.trial((index, case), outcomes.len() as u32 + 1).await;
            let going_on = trial.as_ref().ok().and_then(Option::as_ref).map(|trial| {
                outcomes.push(trial.outcome);
                outcomes
            });
            Some((trial, going_on))
        })
    }

    /// One trial, on a task of its own: thousands of conversations are too many for one thread. Nothing comes of it where it, or
    /// one before it, is not as it was recorded.
    fn trial(&self, (index, case): (usize, &TestCase), n: u32) -> impl Future<Output = Result<Option<Trial>>> {
        let place = index * self.run.plan.trials as usize + n as usize;
        let steps = self.trying.steps(case, n).until(&self.divergence, place);
        let (trying, case) = (Arc::clone(&self.trying), case.clone());
        let tried = task::run(async move { trying.trial(&case, n, steps).await });
        async move { self.divergence.settle(place, tried.await) }
    }
}

/// The trials that the plan asks for and that are not done, with the index of each case.
fn open<'a>(run: &'a Run, done: &Done) -> impl Iterator<Item = ((usize, &'a TestCase), u32)> {
    let numbers = move |case| (1..=run.plan.trials).map(move |n| (case, n));
    let all = run.suite.cases.iter().enumerate().flat_map(numbers);
    all.filter(|((_, case), n)| !done.contains_key(&(case.id.clone(), *n)))
}

/// Waits for all trials. After the first error nothing new is begun, and what is on its way comes to a stop at its next
/// step, so that no answer is lost.
async fn all(
    trials: &mut (impl Stream<Item = Result<Option<Trial>>> + Unpin),
    (ledger, stop): (&Ledger, &Stop),
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<()> {
    let mut first_error = None;
    while let Some(trial) = trials.next().await {
        match trial {
            Ok(None) => {}
            Ok(Some(trial)) => {
                listen(Event::Ended(&trial));
                listen(Event::Spent(ledger.spent()));
            }
            Err(error) => {
                stop.request();
                first_error.get_or_insert(error);
            }
        }
    }
    first_error.map_or(Ok(()), Err)
}
