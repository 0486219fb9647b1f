//! What was said in a trial that has not ended: the conversation is gone through once more on the answers that the journal has.

use std::sync::Arc;

use async_trait::async_trait;

use super::trying::Trying;
use super::{Part, Participants, Stop, ledger};
use crate::cassette::{Recording, Verb};
use crate::journal::Journal;
use crate::judge::{OFFLINE, Panel, is_model};
use crate::{
    Agent, AgentFault, AgentReply, AgentTurn, Environment, Error, ErrorKind, FaultKind, Held, Model, ModelFault,
    ModelFaultKind, ModelRequest, Result, Scene, ServeModel, SimulatedUser, Store, Trial, UserAct, UserFault,
};

/// A trial as far as the journal knows it: what was said, told and not let through, and no assessment yet. Nobody is asked
/// anything, and what `environment` has as a secret is masked.
///
/// # Errors
/// Where there is no such run or case, the store cannot be read, or what was asked cannot be told any more, because the prompts
/// or the program changed.
pub async fn so_far(store: &Store, run: &str, case: &str, trial: u32, environment: &Environment) -> Result<Trial> {
    let run = store.run(run)?;
    let Some(case) = run.suite.cases.iter().find(|known| known.id == case) else {
        return Err(Error::new(ErrorKind::Usage, format!("run `{}` has no case `{case}`", run.id))
            .hint("`reenact report` lists the cases of a run"));
    };
    let recording = Arc::new(Recording::new(Verb::Run, environment));
    let (stop, journal) = (Stop::default(), Arc::new(Journal::of_trial(store, &run.id, &case.id, trial)?));
    let trying = Trying::new(store, &run, &absent(&run.plan.user_model), &stop, (journal, ledger(&run, &[], &stop)));
    let steps = trying.steps(case, trial).recorded_by(&recording);
    trying.so_far(case, trial, steps).await
}

/// Participants by name alone. Each is asked through the journal, which answers or says that the record ends.
fn absent(user_model: &str) -> Participants {
    let user: Part<dyn SimulatedUser> = match user_model {
        OFFLINE => Part::Offline,
        own if !is_model(own) => Part::Own(Arc::new(Absent)),
        name => Part::Model(Model::new(name, Absent)),
    };
    Participants { agent: Arc::new(Absent), user, judge: Panel::offline() }
}

struct Absent;

/// Nobody reads it: the journal ends before anybody is asked.
const NOT_HERE: &str = "nobody is asked here";

#[async_trait]
impl Agent for Absent {
    async fn reply(&self, _: AgentTurn<'_>, _: &mut Held) -> Result<AgentReply, AgentFault> {
        Err(AgentFault::new(FaultKind::Unreachable, NOT_HERE))
    }
}

#[async_trait]
impl SimulatedUser for Absent {
    async fn next(&self, _: Scene<'_>) -> Result<UserAct, UserFault> {
        Err(UserFault::Failed(NOT_HERE.to_owned()))
    }
}

#[async_trait]
impl ServeModel for Absent {
    async fn complete(&self, _: &ModelRequest) -> Result<crate::Completion, ModelFault> {
        Err(ModelFault::new(ModelFaultKind::Unreachable, NOT_HERE))
    }
}
