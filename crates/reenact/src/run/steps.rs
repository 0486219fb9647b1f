//! The steps of one trial: every answer from outside goes through here, so that it is journaled before it is used.
//!
//! The participants do not know. Each is wrapped into one that asks the journal first, and that stops asking
//! once the run is to stop or the journal failed.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Part, Stop};
use crate::cost::Ledger;
use crate::journal::{Journal, StepKey, StepRole};
use crate::judge::{Hearing, Panel};
use crate::user::AgendaUser;
use crate::user::model::ModelUser;
use crate::{
    Agent, AgentFault, AgentReply, AgentTurn, Assessment, Completion, Conversation, Error, ErrorKind, Expectation,
    FaultKind, Held, Judge, Model, ModelFault, ModelFaultKind, ModelRequest, Result, Scene, ServeModel, SimulatedUser,
    Trial, UserAct, UserFault, Verdict,
};

/// The journal as one trial sees it.
pub(super) struct Steps {
    journal: Arc<Journal>,
    ledger: Arc<Ledger>,
    stop: Stop,
    case: String,
    trial: u32,
    positions: [AtomicU32; 3],
    latencies_ms: Mutex<Vec<u64>>,
    broken: Mutex<Option<Error>>,
}

/// There is no answer, because the run comes to a stop; [`Steps::unbroken`] says why.
struct Halted;

/// What a halted participant answers; the trial is thrown away, so nobody reads it.
const HALTED: &str = "the run was stopped";

impl Steps {
    pub(super) fn new(journal: &Arc<Journal>, ledger: &Arc<Ledger>, stop: &Stop, case: &str, trial: u32) -> Self {
        let (journal, ledger, stop) = (Arc::clone(journal), Arc::clone(ledger), stop.clone());
        let (positions, latencies_ms, broken) = Default::default();
        Steps { journal, ledger, stop, case: case.to_owned(), trial, positions, latencies_ms, broken }
    }

    /// Whether every step so far has its answer.
    ///
    /// # Errors
    /// Why one has not.
    pub(super) fn unbroken(&self) -> Result<()> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }

    /// How long the agent took for each of its replies so far, in milliseconds; a reply from the journal took what
    /// it took when it was recorded.
    pub(super) fn latencies_ms(&self) -> Vec<u64> {
        self.latencies_ms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn step<Q, T, F>(&self, role: StepRole, request: &Q, call: F) -> Result<T, Halted>
    where
        Q: Serialize + ?Sized + Sync,
        T: Serialize + DeserializeOwned + Send,
        F: Future<Output = T> + Send,
    {
        let key = self.next(role)?;
        let (answer, latency_ms) =
            self.journal.timed_step(key, request, || call).await.map_err(|error| self.halt(error))?;
        if role == StepRole::Agent {
            self.latencies_ms.lock().unwrap_or_else(PoisonError::into_inner).push(latency_ms);
        }
        Ok(answer)
    }

    /// As [`Steps::step`], for a model, whose name and tokens are recorded beside its answer.
    async fn ask(
        &self,
        role: StepRole,
        model: &Model,
        request: &ModelRequest,
    ) -> Result<Result<Completion, ModelFault>, Halted> {
        let key = self.next(role)?;
        let call = async || {
            let reserved = self.ledger.reserve(model.name(), request).await?;
            let answer = model.complete(request).await;
            reserved.settle(&answer);
            Ok(answer)
        };
        let answer = self.journal.model_step(key, model.name(), request, call).await;
        answer.map_err(|error| self.halt(error))
    }

    /// The key of the next step of a role, unless the run is to stop.
    fn next(&self, role: StepRole) -> Result<StepKey, Halted> {
        if self.stop.is_requested() {
            return Err(self.halt(Error::new(ErrorKind::Interrupted, HALTED)));
        }
        let position = self.positions[place(role)].fetch_add(1, Ordering::Relaxed);
        Ok(StepKey { case: self.case.clone(), trial: self.trial, position, role })
    }

    /// Keeps the trial that the steps led to.
    pub(super) async fn keep(&self, trial: &Trial) -> Result<()> {
        self.journal.keep(trial).await
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
    pub(super) fn agent(self: &Arc<Self>, agent: &Arc<dyn Agent>) -> impl Agent {
        JournaledAgent { steps: Arc::clone(self), agent: Arc::clone(agent) }
    }

    /// Whoever judges, journaled.
    pub(super) fn judge(self: &Arc<Self>, panel: &Panel) -> Panel {
        let own = |judge: &Arc<dyn Judge>| -> Arc<dyn Judge> {
            Arc::new(JournaledJudge { steps: Arc::clone(self), judge: Arc::clone(judge) })
        };
        panel.map(|model| self.model(model, StepRole::Judge), own)
    }

    fn model(self: &Arc<Self>, model: &Model, role: StepRole) -> Model {
        Model::new(model.name(), JournaledModel { steps: Arc::clone(self), model: model.clone(), role })
    }
}

fn place(role: StepRole) -> usize {
    match role {
        StepRole::User => 0,
        StepRole::Agent => 1,
        StepRole::Judge => 2,
        StepRole::Distiller => unreachable!("no trial distils"),
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
    conversation: &'a Conversation,
    context: &'a serde_json::Map<String, serde_json::Value>,
}

#[async_trait]
impl Agent for JournaledAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let AgentTurn { session_id, conversation, context, .. } = turn;
        let request = AgentRequest { session_id, conversation, context };
        let answer = self.steps.step(StepRole::Agent, &request, self.agent.reply(turn, held)).await;
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
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
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
        let answer = self.steps.step(StepRole::User, &request, self.user.next(scene)).await;
        answer.unwrap_or_else(|Halted| Err(UserFault::Failed(HALTED.into())))
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
        let answer = self.steps.step(StepRole::Judge, &request, self.judge.assess(expectation, hearing)).await;
        answer.unwrap_or_else(|Halted| Assessment::new(&expectation.id, Verdict::Inconclusive, HALTED, "none"))
    }
}
