//! Work that is begun from a page: a run of a suite, one that is gone on with, one that is judged again.
//!
//! What is asked for is put as the arguments of the command and checked by the same code, so that a page takes what the command
//! takes and says the same of what it does not.

use std::path::Path;
use std::sync::Arc;

use axum::http::Method;
use clap::Parser;
use clap::error::ContextKind;
use reenact::cassette::Verb;
use reenact::run::Stop;
use reenact::{Plan, Result as Done, Run};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::Which;
use crate::command::run::{self as command, Wrong};
use crate::serve::App;
use crate::serve::fault::Fault;
use crate::serve::folder::{File, Folder};
use crate::serve::routes::{Answer, Routes};
use crate::serve::work::Job;
use crate::{judging, participants, spending};

pub(super) fn routes() -> Routes {
    let (start, again) = ("Plays a suite against an agent, in this program", "Judges the conversations of a run again");
    Routes::new()
        .shown(
            "/begin",
            "begin.html",
            "What a run can be begun with: the suites, and what is taken where nothing is said",
            form,
        )
        .change(Method::POST, "/api/runs", start, begin)
        .change(
            Method::POST,
            "/api/runs/{id}/stop",
            "Stops a run of this program: the calls on their way are waited for",
            stop,
        )
        .change(Method::POST, "/api/runs/{id}/resume", "Goes on with a run that was stopped, in this program", resume)
        .change(Method::POST, "/api/runs/{id}/judge", again, judge)
}

/// A value as a form sends it: a text, or a number as one.
#[derive(Debug, Clone, Default)]
struct Value(String);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Value(text.trim().to_owned())),
            serde_json::Value::Null => Ok(Value::default()),
            serde_json::Value::Number(number) => Ok(Value(number.to_string())),
            other => Err(serde::de::Error::custom(format!("{other} is neither a text nor a number"))),
        }
    }
}

impl JsonSchema for Value {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

/// A run, by the options of `reenact run`; what is empty is as it is there without the option.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Begin {
    /// The suite file, in the folder of the suites.
    suite: Value,
    /// The agent under test.
    agent: Value,
    /// Which version of it.
    agent_version: Value,
    /// What plays the users: a model's name, or `offline`.
    user_model: Value,
    /// Whose words the users speak: `simulated` or `recorded`.
    user: Value,
    /// What judges whatever no code decides: a model's name, or `offline`.
    judge_model: Value,
    /// A judge that every conversation is put to.
    judge: Value,
    /// How often each case is tried: a number, or `auto`.
    trials: Value,
    /// The pass rate, 0 to 1, that the run is held to.
    threshold: Value,
    /// User messages in one conversation at the most.
    max_turns: Value,
    /// Conversations at once.
    concurrency: Value,
    /// Where the seeds of the trials start.
    seed: Value,
    /// How long one reply of the agent may take, in seconds.
    agent_timeout: Value,
    /// Conversations that the agent takes at once.
    agent_concurrency: Value,
    /// Stop before the models have cost more than this, in US dollars.
    max_cost: Value,
}

/// The options of `reenact judge`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Judge {
    /// What judges whatever no code decides: a model's name, or `offline`; as before where nothing is said.
    judge_model: Value,
    /// A judge that every conversation is put to.
    judge: Value,
    /// Stop before the models have cost more than this, in US dollars.
    max_cost: Value,
}

/// How to go on.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Resume {
    /// Stop before the models have cost more than this, in US dollars, what they cost before included.
    max_cost: Value,
}

/// Nothing needs to be said.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The run that is worked on.
#[derive(Serialize, JsonSchema)]
struct Begun {
    /// Its id.
    run: String,
}

/// The command's arguments, read from a list of them.
#[derive(Parser)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

#[derive(clap::Args)]
struct JudgeArgs {
    #[command(flatten)]
    judging: judging::Args,
    #[command(flatten)]
    spending: spending::Args,
}

fn parsed<A: clap::Args>(options: &[(&str, &Value)]) -> Result<A, Fault> {
    let given = options.iter().filter(|(_, value)| !value.0.is_empty());
    let arguments = given.map(|(name, Value(value))| match *name {
        "suite" => value.clone(),
        name => format!("--{}={value}", name.replace('_', "-")),
    });
    let line = std::iter::once("run".to_owned()).chain(arguments);
    Line::try_parse_from(line).map(|line: Line<A>| line.args).map_err(|error| unreadable(&error))
}

/// What the command says of arguments that it cannot read, about the first of them.
fn unreadable(error: &clap::Error) -> Fault {
    let text = |kind| error.get(kind).map(|value| value.to_string().lines().next().unwrap_or_default().to_owned());
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    let field = argument.trim_start_matches(['-', '[', '<']).split([' ', ']', '>', '=']).next().unwrap_or_default();
    let field = field.to_lowercase().replace('-', "_");
    // The reason of a value's own parser, or else clap's own sentence, without the usage behind it.
    let reason = std::error::Error::source(error).map(ToString::to_string);
    let sentence = || {
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        first.trim_start_matches("error: ").to_owned()
    };
    let fault = Fault::bad(reason.unwrap_or_else(sentence));
    if field.is_empty() { fault } else { fault.about(field) }
}

impl From<Wrong> for Fault {
    fn from(wrong: Wrong) -> Fault {
        Fault::from(wrong.error).about(wrong.argument)
    }
}

/// A name as it is, or the file of the folder that it names as a whole path: names lead to no other files.
fn named(folder: &Folder, Value(name): &Value, field: &str) -> Result<Value, Fault> {
    let prefix = ["script:", "replay:"].into_iter().find(|prefix| name.starts_with(prefix));
    let extension = Path::new(name).extension().and_then(|it| it.to_str()).unwrap_or_default();
    let is_file = !name.contains(':') && ["yaml", "yml", "json", "jsonl"].contains(&extension);
    let prefix = match (prefix, is_file) {
        (Some(prefix), _) => prefix,
        (None, true) => "",
        (None, false) => return Ok(Value(name.clone())),
    };
    let file = folder.existing(&name[prefix.len()..]).map_err(|error| Fault::from(error).about(field))?;
    Ok(Value(format!("{prefix}{}", file.display())))
}

async fn begin(app: App, (): (), asked: Begin) -> Answer<Begun> {
    let folder = app.folder().clone();
    let planned = app.read(move |store| Ok(planned(store, &folder, &asked)));
    let (run, participants, stop) = planned.await??;
    let id = run.id.clone();
    app.work().begin(app.store().clone(), run, stop, Job::Try(Box::new(participants))).await?;
    Ok(Begun { run: id })
}

/// The run, which stands in the store once nothing is wrong with it.
fn planned(
    store: &reenact::Store,
    folder: &Folder,
    asked: &Begin,
) -> Result<(Run, reenact::run::Participants, Stop), Fault> {
    let needed = |value: &Value, field: &str, what: &str| match value.0.is_empty() {
        true => Err(Fault::bad(what).about(field)),
        false => Ok(()),
    };
    needed(&asked.suite, "suite", "which suite is to be played?")?;
    needed(&asked.agent, "agent", "which agent is to be tested?")?;
    let suite = folder.existing(&asked.suite.0).map_err(|error| Fault::from(error).about("suite"))?;
    let suite = Value(suite.display().to_string());
    let named = |value, field| named(folder, value, field);
    let args: command::Args = parsed(&[
        ("suite", &suite),
        ("agent", &named(&asked.agent, "agent")?),
        ("agent_version", &asked.agent_version),
        ("user_model", &named(&asked.user_model, "user_model")?),
        ("user", &asked.user),
        ("judge_model", &named(&asked.judge_model, "judge_model")?),
        ("judge", &named(&asked.judge, "judge")?),
        ("trials", &asked.trials),
        ("threshold", &asked.threshold),
        ("max_turns", &asked.max_turns),
        ("concurrency", &asked.concurrency),
        ("seed", &asked.seed),
        ("agent_timeout", &asked.agent_timeout),
        ("agent_concurrency", &asked.agent_concurrency),
        ("max_cost", &asked.max_cost),
    ])?;
    let run = command::planned(&args)?;
    let (participants, stop) = command::open(&args, store, &run)?;
    store.create_run(&run)?;
    Ok((run, participants, stop))
}

async fn stop(app: App, which: Which, _: Nothing) -> Answer<Begun> {
    let (run, is_driven) = found(&app, which).await?;
    match (app.work().stop(&run.id), is_driven) {
        (true, _) => Ok(Begun { run: run.id }),
        (false, true) => {
            let fault = Fault::conflict("another process drives the run");
            Err(fault.hint("stop it where it was started"))
        }
        (false, false) => Err(Fault::conflict("nobody drives the run")),
    }
}

/// A run, and whether somebody drives it.
async fn found(app: &App, Which { id }: Which) -> Answer<(Run, bool)> {
    let found = app.read(move |store| {
        let run = store.run(&id)?;
        let is_driven = store.is_driven(&run.id)?;
        Ok((run, is_driven))
    });
    found.await.map_err(Fault::missing)
}

/// A run that nobody drives.
async fn at_rest(app: &App, which: Which) -> Answer<Run> {
    let (run, is_driven) = found(app, which).await?;
    let taken = || Fault::conflict("the run goes on already").hint("wait until it ends, or stop it first");
    if is_driven { Err(taken()) } else { Ok(run) }
}

async fn resume(app: App, which: Which, asked: Resume) -> Answer<Begun> {
    let run = at_rest(&app, which).await?;
    let (planned, spending) = (run.clone(), parsed::<spending::Args>(&[("max_cost", &asked.max_cost)])?);
    let opened = app.read(move |store| {
        let checked = spending.check(&planned).map_err(Wrong::with("max_cost"));
        let opened = checked.and_then(|()| participants::open_each(&planned.plan, store, &spending.settings()));
        Ok(opened.map(|participants| (participants, spending.stop())))
    });
    let (participants, stop) = opened.await??;
    let id = run.id.clone();
    app.work().begin(app.store().clone(), run, stop, Job::Try(Box::new(participants))).await?;
    Ok(Begun { run: id })
}

async fn judge(app: App, which: Which, asked: Judge) -> Answer<Begun> {
    let run = at_rest(&app, which).await?;
    let folder = app.folder();
    let (model, judge) = (named(folder, &asked.judge_model, "judge_model")?, named(folder, &asked.judge, "judge")?);
    let args: JudgeArgs = parsed(&[("judge_model", &model), ("judge", &judge), ("max_cost", &asked.max_cost)])?;
    let planned = run.clone();
    let opened = app.read(move |_| Ok(judges(&args, &planned)));
    let (job, stop) = opened.await??;
    let id = run.id.clone();
    app.work().begin(app.store().clone(), run, stop, job).await?;
    Ok(Begun { run: id })
}

fn judges(args: &JudgeArgs, run: &Run) -> Result<(Job, Stop), Wrong> {
    let judging = args.judging.over(&run.plan.judging, Verb::Judge).map_err(Wrong::with("judge"))?;
    judging.check(&run.suite).map_err(Wrong::with("judge"))?;
    args.spending.check(&run.clone().judged_by(&judging)).map_err(Wrong::with("max_cost"))?;
    let panel = participants::panel(&judging, &args.spending.settings()).map_err(Wrong::with("judge_model"))?;
    Ok((Job::Judge(judging, panel), args.spending.stop()))
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Preset {
    /// The suite that is chosen already.
    #[serde(default)]
    suite: String,
    /// The run whose plan is taken, to play the same once more.
    #[serde(default)]
    like: String,
}

/// What a form to begin a run is made of.
#[derive(Serialize, JsonSchema)]
struct Form {
    preset: Preset,
    /// The files in the folder that can be read as suites.
    suites: Vec<Choice>,
    /// What is taken where nothing is said.
    plan: Plan,
    /// Agents that runs of this store tested, the latest first.
    agents: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Choice {
    file: String,
    name: Option<String>,
    cases: usize,
}

async fn form(app: App, (): (), preset: Preset) -> Answer<Form> {
    let folder = app.folder().clone();
    app.read(move |store| {
        let like = (!preset.like.is_empty()).then(|| store.run(&preset.like)).transpose()?;
        let agents = agents(store)?;
        let plan = like.map(|run| run.plan).unwrap_or_else(|| Plan { agent: String::new(), ..Plan::default() });
        Ok(Form { preset, suites: choices(&folder)?, plan, agents })
    })
    .await
}

/// Runs that are looked through for agents.
const AGENTS_OF: usize = 20;

fn agents(store: &reenact::Store) -> Done<Vec<String>> {
    let mut agents: Vec<String> = Vec::new();
    for (id, _) in store.run_ids()?.iter().take(AGENTS_OF) {
        let agent = store.run(id)?.plan.agent;
        if !agents.contains(&agent) {
            agents.push(agent);
        }
    }
    Ok(agents)
}

fn choices(folder: &Folder) -> Done<Vec<Choice>> {
    let files = folder.files()?;
    let playable = files.iter().filter(|file| file.problems.is_empty() && !file.suite.cases.is_empty());
    let choice = |file: &Arc<File>| Choice {
        file: file.name.clone(),
        name: file.suite.name.clone(),
        cases: file.suite.cases.len(),
    };
    Ok(playable.map(choice).collect())
}
