//! Who takes part: Python's own code behind the SDK's traits, and everybody else by name.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use pyo3::prelude::*;
use reenact::agent::{self, AgentSettings, OnMiss, RecordedTools, SessionLookup};
use reenact::judge::Ruling;
use reenact::model::{Engine, Limits, ModelSettings};
use reenact::run::{Part, Participants, replayed_agent};
use reenact::{
    Agent, AgentFault, AgentReply, AgentTurn, Assessment, Cassette, Environment, Error, ErrorKind, Expectation,
    FaultKind, Hearing, Held, Judge, Judging, Model, Panel, Plan, Result, Scene, SimulatedUser, Store, UserAct,
    UserFault, Verdict,
};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::desk::{Asked, Desk, Failure, Turn};

/// Which parts Python's own code plays, and where it is asked.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Own {
    pub(crate) desk: Desk,
    pub(crate) roles: Vec<String>,
    /// Whether the words of Python's own user are read before the agent reads them.
    pub(crate) is_guarded: bool,
    /// What the user's model is told besides, as a JSON object.
    pub(crate) user_parameters: String,
}

impl Own {
    fn plays(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }
}

/// Opens everybody that a plan names; whoever is Python's own is asked at the desk.
pub(crate) fn open(plan: &Plan, store: &Store, own: &Own) -> Result<Participants> {
    let agent = match own.plays("agent") {
        true => Arc::new(OwnAgent::of(plan, &own.desk)),
        false => named_agent(plan, store)?,
    };
    let user: Part<dyn SimulatedUser> = match (own.plays("user"), &plan.user_cassette) {
        (true, _) => Part::Own(Arc::new(OwnUser { desk: own.desk.clone(), is_guarded: own.is_guarded })),
        (false, Some(file)) => Part::replayed(&Arc::new(Cassette::load(file)?))?,
        (false, None) => match Engine::open(&plan.user_model, &with_parameters(&own.user_parameters)?)? {
            Engine::Offline => Part::Offline,
            Engine::Model(model) => Part::Model(model),
        },
    };
    Ok(Participants { agent, user, judge: panel(&plan.judging, own)? })
}

/// Whoever judges: Python's own judge, or the models that are named.
pub(crate) fn panel(judging: &Judging, own: &Own) -> Result<Panel> {
    let mut panel = match (own.plays("judge"), &judging.cassette) {
        (true, _) => Panel::of_judge(Arc::new(OwnJudge { desk: own.desk.clone(), name: judging.models.join(", ") })),
        (false, Some(from)) => return Ok(Panel::replayed(&Arc::new(Cassette::load(&from.file)?), judging)),
        (false, None) => {
            let named: Result<Vec<Option<Model>>> = judging.models.iter().map(|name| model(name)).collect();
            Panel::of_models(named?.into_iter().flatten().collect(), judging.rule)
        }
    };
    for name in judging.judges.iter().filter_map(|judge| judge.model.as_ref()) {
        if let Some(model) = model(name)? {
            panel = panel.with_named_model(model);
        }
    }
    Ok(panel)
}

/// The model of a name; none for `offline`.
pub(crate) fn model(name: &str) -> Result<Option<Model>> {
    Ok(match Engine::open(name, &settings())? {
        Engine::Offline => None,
        Engine::Model(model) => Some(model),
    })
}

/// The settings of all models: what is learned of a provider's limits is shared by the whole process.
pub(crate) fn settings() -> ModelSettings {
    let (environment, limits) = (Environment::of_process(), limits().clone());
    ModelSettings { environment, limits, ..ModelSettings::default() }
}

/// The settings of a model that is told something besides: a JSON object of parameters such as `temperature`.
pub(crate) fn with_parameters(parameters: &str) -> Result<ModelSettings> {
    let parameters = serde_json::from_str(parameters).map_err(|error| {
        let error = Error::new(ErrorKind::Usage, format!("the parameters of a model are no JSON object: {error}"));
        error.hint("give names and values, such as `temperature=0.7`")
    })?;
    Ok(ModelSettings { parameters, ..settings() })
}

/// Waits that a provider asks for go to Python's log, under the name `reenact`.
fn limits() -> &'static Limits {
    static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
        let limits = Limits::default();
        limits.on_wait(|wait| {
            let _ = Python::attach(|py| {
                let log = py.import("logging")?.call_method1("getLogger", ("reenact",))?;
                log.call_method1("info", (wait.to_string(),)).map(drop)
            });
        });
        limits
    });
    &LIMITS
}

fn named_agent(plan: &Plan, store: &Store) -> Result<Arc<dyn Agent>> {
    if let Some(file) = &plan.agent_cassette {
        return replayed_agent(&Arc::new(Cassette::load(file)?));
    }
    let settings = AgentSettings {
        timeout: Duration::from_secs(plan.agent_timeout_seconds.into()),
        sessions: lookup(store),
        environment: Environment::of_process(),
        concurrency: plan.agent_concurrency,
        limits: limits().clone(),
        ..AgentSettings::default()
    };
    let opened = agent::open(&plan.agent, &settings)?;
    let Some(mocks) = &plan.tools else { return Ok(opened) };
    agent::check_takes_tools(&plan.agent)?;
    let model = match &mocks.on_miss {
        OnMiss::Ask(name) => model(name)?,
        OnMiss::Fail | OnMiss::Invalid | OnMiss::Nearest => None,
    };
    Ok(agent::with_recorded_tools(opened, RecordedTools::new(lookup(store), mocks.clone(), model)))
}

fn lookup(store: &Store) -> SessionLookup {
    let sessions = store.clone();
    Arc::new(move |id| sessions.session(id).map(Some))
}

/// Python's own agent. How many conversations it takes at once, and how long it may take, is as for any other.
struct OwnAgent {
    desk: Desk,
    deadline: Duration,
    places: Option<Arc<Semaphore>>,
}

impl OwnAgent {
    fn of(plan: &Plan, desk: &Desk) -> Self {
        let places = plan.agent_concurrency.map(|places| Arc::new(Semaphore::new(places.max(1) as usize)));
        OwnAgent { desk: desk.clone(), deadline: Duration::from_secs(plan.agent_timeout_seconds.into()), places }
    }

    /// A place for the conversation, kept until it ends.
    async fn take_place(&self, held: &mut Held) -> Duration {
        let Some(places) = self.places.as_ref().filter(|_| held.is_none()) else { return Duration::ZERO };
        let began = Instant::now();
        let place: OwnedSemaphorePermit = Arc::clone(places).acquire_owned().await.expect("nobody closes it");
        *held = Some(Box::new(place));
        began.elapsed()
    }
}

#[async_trait]
impl Agent for OwnAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let waited = self.take_place(held).await;
        let asked = self.desk.ask("agent", Asked::Turn(Box::new(Turn::of(turn))));
        let reply = match timeout(self.deadline, asked).await {
            Err(_) => Err(AgentFault::new(FaultKind::TimedOut, format!("no answer within {:?}", self.deadline))),
            Ok(None) => Err(AgentFault::new(FaultKind::Died, "nobody answers any more")),
            Ok(Some(Err(failure))) => Err(fault(failure)),
            Ok(Some(Ok(answer))) => AgentReply::read(&answer),
        };
        reply.map(|reply| AgentReply { waited, ..reply })
    }
}

fn fault(failure: Failure) -> AgentFault {
    let kind = match failure.kind.as_str() {
        "timed_out" => FaultKind::TimedOut,
        "malformed" => FaultKind::Malformed,
        _ => FaultKind::Refused,
    };
    AgentFault::new(kind, failure.reason)
}

/// Python's own simulated user.
struct OwnUser {
    desk: Desk,
    is_guarded: bool,
}

#[async_trait]
impl SimulatedUser for OwnUser {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        let asked = json!({
            "brief": scene.brief,
            "conversation": scene.heard,
            "disclosures": scene.disclosures,
            "seed": scene.seed,
            "rejected": scene.rejected,
        });
        match self.desk.ask("user", Asked::Data(asked)).await {
            None => Err(UserFault::Failed("nobody answers any more".into())),
            Some(Err(failure)) => Err(UserFault::Failed(failure.reason)),
            Some(Ok(act)) => serde_json::from_value(act)
                .map_err(|error| UserFault::Failed(format!("the simulated user's answer is no act: {error}"))),
        }
    }

    fn is_guarded(&self) -> bool {
        self.is_guarded
    }
}

/// Python's own judge.
struct OwnJudge {
    desk: Desk,
    name: String,
}

#[async_trait]
impl Judge for OwnJudge {
    async fn assess(&self, expectation: &Expectation, hearing: Hearing<'_>) -> Assessment {
        let asked = json!({
            "case_id": hearing.case.id,
            "expectation": expectation,
            "case": hearing.case,
            "conversation": hearing.conversation,
            "ending": hearing.ending,
            "latencies_ms": hearing.latencies_ms,
        });
        let ruling = match self.desk.ask("judge", Asked::Data(asked)).await {
            None => undecided("nobody answers any more".into()),
            Some(Err(failure)) => undecided(failure.reason),
            Some(Ok(ruling)) => read(ruling),
        };
        let Ruling { verdict, value, reason, turns } = ruling;
        Assessment { value, ..Assessment::new(&expectation.id, verdict, reason, &self.name).citing(&turns) }
    }
}

fn read(ruling: Value) -> Ruling {
    serde_json::from_value(ruling)
        .unwrap_or_else(|error| undecided(format!("the judge's answer is no verdict: {error}")))
}

fn undecided(reason: String) -> Ruling {
    Ruling { verdict: Verdict::Inconclusive, value: None, reason, turns: Vec::new() }
}
