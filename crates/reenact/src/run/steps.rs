//! The steps of one trial: every answer from outside goes through here, so that it is journaled before it is used.
//!
//! The participants do not know. Each is wrapped into one that asks the journal first, and that stops asking
//! once the run is to stop or the journal failed.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::divergence::FirstDivergence;
use super::{Part, Stop, record};
use crate::agent::{Asked, ReplayedAgent, ToolServed, Traces};
use crate::cassette::{At, Recording, Replay};
use crate::cost::Ledger;
use crate::export::{self, ReplyTime};
use crate::journal::{Charge, Journal, StepKey, StepRole};
use crate::judge::{Hearing, Panel};
use crate::store::Outgoing;
use crate::user::AgendaUser;
use crate::user::model::ModelUser;
use crate::{
    Agent, AgentFault, AgentReply, AgentTurn, Assessment, Completion, Error, ErrorKind, Expectation, FaultKind, Held,
    Judge, Model, ModelFault, ModelFaultKind, ModelRequest, Result, Scene, ServeModel, SimulatedUser, Trial, UserAct,
    UserFault, Verdict, clock,
};

/// The journal as one trial sees it.
pub(super) struct Steps {
    journal: Arc<Journal>,
    ledger: Arc<Ledger>,
    stop: Stop,
    case: String,
    trial: u32,
    positions: [AtomicU32; 4],
    replies: Mutex<Vec<ReplyTime>>,
    /// What models were asked, where that is exported.
    asked: Option<Mutex<Vec<export::Asked>>>,
    broken: Mutex<Option<Error>>,
    /// Whatever plays from a cassette, by the place of its role.
    replays: [OnceLock<Replay>; 4],
    /// Where this stands among all conversations, and the first of them that was not as recorded.
    among: Option<(Arc<FirstDivergence>, usize)>,
    /// Where this is no trial but the rebuilding of one from its journal.
    recording: Option<Arc<Recording>>,
    /// Which trace the agent's own spans belong to.
    traces: Traces,
}

/// There is no answer, because the run comes to a stop; [`Steps::unbroken`] says why.
struct Halted;

/// What a halted participant answers; the trial is thrown away, so nobody reads it.
const HALTED: &str = "the run was stopped";

impl Steps {
    pub(super) fn new(journal: &Arc<Journal>, ledger: &Arc<Ledger>, stop: &Stop, case: &str, trial: u32) -> Self {
        let (journal, ledger, stop, case) = (Arc::clone(journal), Arc::clone(ledger), stop.clone(), case.to_owned());
        let (positions, replies, asked, broken, replays, among, recording) = Default::default();
        let traces = Traces::default();
        Steps {
            journal,
            ledger,
            stop,
            case,
            trial,
            positions,
            replies,
            asked,
            broken,
            replays,
            among,
            recording,
            traces,
        }
    }

    /// The same steps, which need not go on once a conversation that stands before them was not as recorded.
    pub(super) fn until(self, divergence: &Arc<FirstDivergence>, place: usize) -> Self {
        Steps { among: Some((Arc::clone(divergence), place)), ..self }
    }

    /// The same steps, which are only read: each answer is what the journal has, and goes to the recording with its request.
    pub(super) fn recorded_by(self, recording: &Arc<Recording>) -> Self {
        Steps { recording: Some(Arc::clone(recording)), ..self }
    }

    /// The same steps, with the agent's own spans in these traces.
    pub(super) fn in_traces(self, traces: Traces) -> Self {
        Steps { traces, ..self }
    }

    /// The same steps, which note what models are asked.
    pub(super) fn noting_questions(self) -> Self {
        Steps { asked: Some(Mutex::default()), ..self }
    }

    /// Whether every step so far has its answer.
    ///
    /// # Errors
    /// Why one has not: [`ErrorKind::Interrupted`] where the run is to stop, or where an answer is still to come.
    pub(super) fn unbroken(&self) -> Result<()> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// When the agent was asked for each of its replies so far, and how long it took; a reply from the journal took what
    /// it took when it was recorded.
    pub(super) fn replies(&self) -> Vec<ReplyTime> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What models were asked so far, where that is noted.
    pub(super) fn asked(&self) -> Vec<export::Asked> {
        let asked = self.asked.as_ref().map(|asked| asked.lock().unwrap_or_else(PoisonError::into_inner));
        asked.map(|asked| asked.clone()).unwrap_or_default()
    }

    /// That a conversation which came to its end asked a role for all that a cassette has of it.
    ///
    /// # Errors
    /// [`ErrorKind::Divergence`] where the cassette goes on.
    pub(super) fn is_over(&self, role: StepRole) -> Result<()> {
        let Some(replay) = self.replays[place(role)].get() else { return Ok(()) };
        replay.is_over(&self.key(role, self.positions[place(role)].load(Ordering::Relaxed)))
    }

    /// Asks a user or a judge of the caller's own: code that takes part in a replay itself, so that no cassette has its answers.
    async fn step<Q, T, F>(&self, role: StepRole, request: &Q, call: F) -> Result<T, Halted>
    where
        Q: Serialize + ?Sized + Sync,
        T: Serialize + DeserializeOwned + Send,
        F: Future<Output = Result<T>> + Send,
    {
        let key = self.next(role)?;
        let answer = match &self.recording {
            Some(recording) => record::pass(recording, &self.journal, &key, request),
            None => self.journal.waited_step(key, request, || call, |_| Duration::ZERO).await.map(|(answer, _)| answer),
        };
        answer.map_err(|error| self.halt(error))
    }

    /// An answer, unless it is a fault that comes when the run is to stop: it may be of the stop's own making, and is no answer.
    fn unless_halted<T, E>(&self, answer: Result<T, E>) -> Result<Result<T, E>> {
        match answer.is_err() && self.stop.is_requested() {
            true => Err(Error::new(ErrorKind::Interrupted, HALTED)),
            false => Ok(answer),
        }
    }

    /// Asks the agent, whose latency is kept.
    async fn reply(&self, agent: &dyn Agent, turn: AgentTurn<'_>, held: &mut Held) -> Result<Reply, Halted> {
        let turn = AgentTurn { traces: self.traces, ..turn };
        let key = self.next(StepRole::Agent)?;
        let request = AgentRequest { session_id: turn.session_id, asked: turn.asked() };
        let at = At { key: &key, turn: Some(turn.turn) };
        let mut asked_at = clock::now();
        let answered = match (&self.recording, self.replays[place(StepRole::Agent)].get()) {
            (Some(recording), _) => record::take(recording, &self.journal, (&key, None), &request, &request.asked),
            (None, Some(replay)) => {
                let recorded = || replay.answer(at, &request.asked);
                self.journal.replayed_step(key.clone(), &request, |_| None, recorded).await
            }
            (None, None) => {
                let call = async || {
                    let reply = agent.reply(turn, held).await;
                    // What the agent makes of a tool that came to a stop is no answer of its own.
                    if self.is_broken() {
                        Err(Error::new(ErrorKind::Interrupted, HALTED))
                    } else {
                        self.unless_halted(reply)
                    }
                };
                let waited = |reply: &Reply| {
                    let waited = waited(reply);
                    // The agent has been asked when the wait was over.
                    asked_at = asked_at.checked_add(waited).unwrap_or(asked_at);
                    waited
                };
                self.journal.waited_step(key, &request, call, waited).await
            }
        };
        let (reply, latency_ms) = answered.map_err(|error| self.halt(error))?;
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).push(ReplyTime { asked_at, latency_ms });
        Ok(reply)
    }

    /// Asks a model, whose name and tokens are recorded beside its answer.
    async fn ask(&self, role: StepRole, model: &Model, request: &ModelRequest) -> Result<Answer, Halted> {
        let key = match role {
            // Within one step of the agent, which may be asked again after a stop and then call its tools in another way.
            StepRole::Tool => self.by_question(role, request)?,
            _ => self.next(role)?,
        };
        let at = At { key: &key, turn: self.turn(role) };
        let asked_at = clock::now();
        let answered = match (&self.recording, model.replay()) {
            (Some(recording), _) => {
                record::take(recording, &self.journal, (&key, Some(model.name())), request, request)
            }
            (None, Some(replay)) => {
                let charge = |answer: &Answer| Some(Charge::of(model.name(), answer));
                let recorded = || replay.answer(at, request);
                self.journal.replayed_step(key.clone(), request, charge, recorded).await
            }
            (None, None) => {
                let call = async || {
                    let reserved = self.ledger.reserve(model.name(), request).await?;
                    let answer = model.complete(request).await;
                    reserved.settle(&answer);
                    match answer {
                        Err(fault) if fault.fault == ModelFaultKind::Waiting => {
                            Err(Error::new(ErrorKind::Interrupted, format!("{}: {fault}", model.name())))
                        }
                        answer => Ok(answer),
                    }
                };
                self.journal.timed_model_step(key.clone(), model.name(), request, call).await
            }
        };
        let (answer, latency_ms) = answered.map_err(|error| self.halt(error))?;
        if let Some(asked) = &self.asked {
            let (model, request, answer) = (model.name().to_owned(), request.clone(), answer.clone());
            let question = export::Asked { key, model, request, answer, asked_at, latency_ms };
            asked.lock().unwrap_or_else(PoisonError::into_inner).push(question);
        }
        Ok(answer)
    }

    /// The turn that a user is about to begin: one more than the agent has answered.
    fn turn(&self, role: StepRole) -> Option<u32> {
        let answered = self.positions[place(StepRole::Agent)].load(Ordering::Relaxed);
        (role == StepRole::User).then_some(answered + 1)
    }

    /// The key of the next step of a role, unless the run is to stop.
    fn next(&self, role: StepRole) -> Result<StepKey, Halted> {
        self.goes_on()?;
        Ok(self.key(role, self.positions[place(role)].fetch_add(1, Ordering::Relaxed)))
    }

    /// The key of a step that is known by its question: asked again, it is the same step.
    fn by_question(&self, role: StepRole, request: &ModelRequest) -> Result<StepKey, Halted> {
        self.goes_on()?;
        let question = serde_json::to_vec(request).expect("texts and JSON values have a JSON form");
        let hash = blake3::hash(&question);
        let [a, b, c, d, ..] = *hash.as_bytes();
        Ok(self.key(role, u32::from_be_bytes([a, b, c, d])))
    }

    fn goes_on(&self) -> Result<(), Halted> {
        let is_behind = self.among.as_ref().is_some_and(|(first, place)| first.is_before(*place));
        match is_behind || self.stop.is_requested() {
            true => Err(self.halt(Error::new(ErrorKind::Interrupted, HALTED))),
            false => Ok(()),
        }
    }

    fn is_broken(&self) -> bool {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn key(&self, role: StepRole, position: u32) -> StepKey {
        StepKey { case: self.case.clone(), trial: self.trial, position, role }
    }

    /// Keeps the trial that the steps led to, with the traces that tell of it; one that was only rebuilt is kept already.
    pub(super) async fn keep(&self, trial: &Trial, traces: Vec<Outgoing>) -> Result<()> {
        match self.recording {
            Some(_) => Ok(()),
            None => self.journal.keep(trial, traces).await,
        }
    }

    /// Keeps the first reason.
    fn halt(&self, error: Error) -> Halted {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        Halted
    }

    /// Whoever plays the user, journaled. The embedded engine needs no journal: nothing of it comes from outside.
    pub(super) fn user(self: &Arc<Self>, part: &Part<dyn SimulatedUser>) -> Box<dyn SimulatedUser> {
        match part {
            Part::Offline => Box::new(AgendaUser),
            Part::Model(model) => Box::new(ModelUser::new(self.model(model, StepRole::User))),
            Part::Own(user) => Box::new(JournaledUser { steps: Arc::clone(self), user: Arc::clone(user) }),
        }
    }

    /// The agent under test, journaled.
    pub(super) fn agent(self: &Arc<Self>, agent: &Arc<dyn Agent>) -> impl Agent + use<> {
        self.plays(StepRole::Agent, replay_of(agent.as_ref()));
        let agent = match ToolServed::of(agent.as_ref()) {
            Some(served) => Arc::new(served.asking(|model| self.model(model, StepRole::Tool))),
            None => Arc::clone(agent),
        };
        JournaledAgent { steps: Arc::clone(self), agent }
    }

    /// Whoever judges, journaled.
    pub(super) fn judge(self: &Arc<Self>, panel: &Panel) -> Panel {
        let own = |judge: &Arc<dyn Judge>| -> Arc<dyn Judge> {
            Arc::new(JournaledJudge { steps: Arc::clone(self), judge: Arc::clone(judge) })
        };
        panel.map(|model| self.model(model, StepRole::Judge), own)
    }

    fn plays(&self, role: StepRole, replay: Option<&Replay>) {
        if let Some(replay) = replay {
            self.replays[place(role)].get_or_init(|| replay.clone());
        }
    }

    fn model(self: &Arc<Self>, model: &Model, role: StepRole) -> Model {
        self.plays(role, model.replay());
        Model::new(model.name(), JournaledModel { steps: Arc::clone(self), model: model.clone(), role })
    }
}

fn place(role: StepRole) -> usize {
    match role {
        StepRole::User => 0,
        StepRole::Agent => 1,
        StepRole::Judge => 2,
        StepRole::Tool => 3,
        StepRole::Distiller => unreachable!("no trial distils"),
    }
}

/// What came of asking an agent.
type Reply = Result<AgentReply, AgentFault>;

/// How much of the time that a reply took was not the agent's.
fn waited(reply: &Reply) -> Duration {
    reply.as_ref().map_or(Duration::ZERO, |reply| reply.waited)
}

/// What came of asking a model.
type Answer = Result<Completion, ModelFault>;

/// What answers for an agent, where its answers stand in a cassette.
pub(super) fn replay_of(agent: &dyn Agent) -> Option<&Replay> {
    match ToolServed::of(agent) {
        Some(served) => replay_of(served.agent().as_ref()),
        None => (agent as &dyn Any).downcast_ref::<ReplayedAgent>().map(|agent| &agent.replay),
    }
}

struct JournaledAgent {
    steps: Arc<Steps>,
    agent: Arc<dyn Agent>,
}

/// What an agent is asked, as it is hashed.
#[derive(Serialize)]
struct AgentRequest<'a> {
    session_id: &'a str,
    #[serde(flatten)]
    asked: Asked<'a>,
}

#[async_trait]
impl Agent for JournaledAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Reply {
        let answer = self.steps.reply(self.agent.as_ref(), turn, held).await;
        answer.unwrap_or_else(|Halted| Err(AgentFault::new(FaultKind::Unreachable, HALTED)))
    }
}

struct JournaledModel {
    steps: Arc<Steps>,
    model: Model,
    role: StepRole,
}

#[async_trait]
impl ServeModel for JournaledModel {
    async fn complete(&self, request: &ModelRequest) -> Answer {
        let answer = self.steps.ask(self.role, &self.model, request).await;
        let halted = || ModelFault::new(ModelFaultKind::Unreachable, HALTED);
        answer.unwrap_or_else(|Halted| Err(halted()))
    }
}

struct JournaledUser {
    steps: Arc<Steps>,
    user: Arc<dyn SimulatedUser>,
}

#[async_trait]
impl SimulatedUser for JournaledUser {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        let request = (scene.brief, scene.heard, scene.disclosures, scene.seed, scene.rejected);
        let next = async { self.steps.unless_halted(self.user.next(scene).await) };
        let answer = self.steps.step(StepRole::User, &request, next).await;
        answer.unwrap_or_else(|Halted| Err(UserFault::Failed(HALTED.into())))
    }

    fn is_guarded(&self) -> bool {
        self.user.is_guarded()
    }
}

struct JournaledJudge {
    steps: Arc<Steps>,
    judge: Arc<dyn Judge>,
}

#[async_trait]
impl Judge for JournaledJudge {
    async fn assess(&self, expectation: &Expectation, hearing: Hearing<'_>) -> Assessment {
        let request = (expectation, hearing);
        let assess = async { Ok(self.judge.assess(expectation, hearing).await) };
        let answer = self.steps.step(StepRole::Judge, &request, assess).await;
        answer.unwrap_or_else(|Halted| Assessment::new(&expectation.id, Verdict::Inconclusive, HALTED, "none"))
    }
}
