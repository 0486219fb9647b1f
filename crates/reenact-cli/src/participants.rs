//! From the names in a plan to whoever takes part.

use std::ffi::OsString;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use reenact::agent::{self, AgentSettings, OnMiss, RecordedTools, SessionLookup};
use reenact::distill;
use reenact::model::{Engine, Limits, ModelSettings};
use reenact::run::{Part, Participants, Plan, replayed_agent};
use reenact::{Agent, Cassette, Environment, Error, ErrorKind, Judging, Model, Panel, Result, SimulatedUser, Store};

use crate::cassette::{self, Cassettes};
use crate::command::run::Wrong;
use crate::output;

/// The versions of the demo's assistant that can be named as `demo:NAME`.
pub(crate) const DEMO_VERSIONS: [&str; 3] = ["v1", "v2", "v3"];

/// Opens everybody that a plan names; all models by the same settings, so that they share what they learn of limits.
pub(crate) fn open(plan: &Plan, store: &Store, settings: &ModelSettings) -> Result<Participants> {
    Ok(open_each(plan, store, settings)?)
}

/// As [`open`], with the argument that names whoever cannot be opened.
pub(crate) fn open_each(plan: &Plan, store: &Store, settings: &ModelSettings) -> Result<Participants, Wrong> {
    let cassettes = Cassettes::default();
    let agent = match &plan.agent_cassette {
        Some(file) => cassettes.open(file).and_then(|cassette| replayed_agent(&cassette)),
        None => open_agent(plan, store).and_then(|agent| with_tools(agent, plan, store, settings)),
    };
    let user = match &plan.user_cassette {
        Some(file) => cassettes.open(file).and_then(|cassette| Part::replayed(&cassette)),
        None => user(&plan.user_model, settings),
    };
    Ok(Participants {
        agent: agent.map_err(Wrong::with("agent"))?,
        user: user.map_err(Wrong::with("user_model"))?,
        judge: seated(&plan.judging, &cassettes, settings).map_err(Wrong::with("judge_model"))?,
    })
}

/// Whoever judges: the models that are named for all judges, and those that a judge names for itself.
pub(crate) fn panel(judging: &Judging, settings: &ModelSettings) -> Result<Panel> {
    seated(judging, &Cassettes::default(), settings)
}

fn seated(judging: &Judging, cassettes: &Cassettes, settings: &ModelSettings) -> Result<Panel> {
    match &judging.cassette {
        Some(from) => Ok(Panel::replayed(&cassettes.open(&from.file)?, judging)),
        None => panel_of(judging, |name| model(name, settings)),
    }
}

/// Whoever judges, each model opened in a way of the caller's own.
pub(crate) fn panel_of(judging: &Judging, open: impl Fn(&str) -> Result<Option<Model>>) -> Result<Panel> {
    let mut models = Vec::new();
    for name in &judging.models {
        models.extend(open(name)?);
    }
    let mut panel = Panel::of_models(models, judging.rule);
    for name in judging.judges.iter().filter_map(|judge| judge.model.as_ref()) {
        let Some(model) = open(name)? else {
            let error = Error::new(ErrorKind::Usage, "a judge names `offline` as its model");
            return Err(error.hint("name a model, or leave `model` out"));
        };
        panel = panel.with_named_model(model);
    }
    Ok(panel)
}

fn model(name: &str, settings: &ModelSettings) -> Result<Option<Model>> {
    Ok(match Engine::open(name, settings)? {
        Engine::Offline => None,
        Engine::Model(model) => Some(model),
    })
}

fn user(name: &str, settings: &ModelSettings) -> Result<Part<dyn SimulatedUser>> {
    Ok(match Engine::open(name, settings)? {
        Engine::Offline => Part::Offline,
        Engine::Model(model) => Part::Model(model),
    })
}

/// What distils by this name.
pub(crate) fn distiller(name: &str, settings: &ModelSettings) -> Result<Engine> {
    match cassette::file(name) {
        Some(file) => distill::replayed(&Arc::new(Cassette::load(file)?)),
        None => Engine::open(name, settings),
    }
}

/// The settings of all models of a command.
pub(crate) fn settings() -> ModelSettings {
    let (environment, limits) = (Environment::of_process(), limits().clone());
    ModelSettings { environment, limits, ..ModelSettings::default() }
}

/// What providers allow, shared by all models of this process, whatever they do. People are told of waits.
pub(crate) fn limits() -> &'static Limits {
    static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
        let limits = Limits::default();
        limits.on_wait(|wait| output::note(wait));
        limits
    });
    &LIMITS
}

fn open_agent(plan: &Plan, store: &Store) -> Result<Arc<dyn Agent>> {
    let sessions = store.clone();
    let settings = AgentSettings {
        timeout: Duration::from_secs(plan.agent_timeout_seconds.into()),
        sessions: Arc::new(move |id| sessions.session(id).map(Some)),
        environment: Environment::of_process(),
        concurrency: plan.agent_concurrency,
        limits: limits().clone(),
        ..AgentSettings::default()
    };
    match plan.agent.strip_prefix("demo:") {
        Some(version) => agent::open(&demo_command(version)?, &settings),
        None => agent::open(&plan.agent, &settings),
    }
}

/// The agent with the tools of the recording, where the plan hands it those.
fn with_tools(opened: Arc<dyn Agent>, plan: &Plan, store: &Store, settings: &ModelSettings) -> Result<Arc<dyn Agent>> {
    let Some(mocks) = &plan.tools else { return Ok(opened) };
    // An agent file may name another agent by the time that its run goes on.
    agent::check_takes_tools(&plan.agent)?;
    let model = match &mocks.on_miss {
        OnMiss::Ask(name) => model(name, settings)?,
        OnMiss::Fail | OnMiss::Invalid | OnMiss::Nearest => None,
    };
    let sessions = store.clone();
    let sessions: SessionLookup = Arc::new(move |id| sessions.session(id).map(Some));
    Ok(agent::with_recorded_tools(opened, RecordedTools::new(sessions, mocks.clone(), model)))
}

/// The demo's assistant is this program itself, as a process of its own.
fn demo_command(version: &str) -> Result<String> {
    if !DEMO_VERSIONS.contains(&version) {
        let error = Error::new(ErrorKind::Usage, format!("`demo:{version}` is not an agent of the demo"));
        return Err(error.hint("use `demo:v1`, `demo:v2` or `demo:v3`"));
    }
    let words: Vec<String> =
        itself()?.iter().map(|word| shell_words::quote(&word.to_string_lossy()).into_owned()).collect();
    Ok(format!("cmd:{} demo agent {version}", words.join(" ")))
}

/// How this program is started again, where it is not by its own path.
static ITSELF: OnceLock<Vec<OsString>> = OnceLock::new();

/// Says how this program is started again; the first to say so is believed.
pub(crate) fn start_again_by(itself: Vec<OsString>) {
    let _ = ITSELF.set(itself);
}

fn itself() -> Result<Vec<OsString>> {
    if let Some(itself) = ITSELF.get() {
        return Ok(itself.clone());
    }
    let cannot = |source| Error::new(ErrorKind::Io, "the path of this program cannot be told").caused_by(source);
    Ok(vec![std::env::current_exe().map_err(cannot)?.into_os_string()])
}
