//! `reenact models`: which providers there are and what they still need, and whether one model answers.

use reenact::model::{Engine, Probe, Provider, Setting, probe};
use reenact::{Environment, Error, ErrorKind, Model, Result, Usage};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Global;
use crate::output::models;
use crate::{exit, output, participants, runtime};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model to ask one small question, such as openai:/gpt-5; without it, the providers are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// A provider, and what of its settings the environment holds.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Listed {
    /// What it is called.
    pub(crate) provider: &'static str,
    /// The form of its models' names.
    pub(crate) name: String,
    /// What it reads from the environment; never what that holds.
    pub(crate) settings: Vec<Setting>,
    /// Whether everything is there that it cannot be asked without.
    pub(crate) ready: bool,
}

/// What became of one small question.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Asked {
    /// The model's name.
    pub(crate) name: String,
    /// Whether it answered as it was asked to.
    pub(crate) answered: bool,
    /// How long that took, in milliseconds.
    pub(crate) latency_ms: u64,
    /// What it cost, where the provider says.
    pub(crate) usage: Option<Usage>,
    /// Why it did not answer.
    pub(crate) fault: Option<String>,
}

/// What the verb prints: the providers, or what became of the question.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Told {
    Providers(Vec<Listed>),
    Asked(Asked),
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    match &args.name {
        None => list(global),
        Some(name) => match Engine::open(name, &participants::settings())? {
            Engine::Model(model) => ask(&model, global),
            Engine::Offline => Err(Error::new(ErrorKind::Usage, "`offline` is the embedded engine and no model")
                .hint("it is always there; name a model to ask it")),
        },
    }
}

fn list(global: &Global) -> Result<u8> {
    let environment = Environment::of_process();
    let listed = |provider: &Provider| Listed {
        provider: provider.title(),
        name: provider.form(),
        settings: provider.settings(&environment),
        ready: provider.is_ready(&environment),
    };
    let providers: Vec<Listed> = Provider::all().iter().map(listed).collect();
    output::answer(&models::table(&providers, output::width()), global)?;
    if global.json {
        output::json(&Told::Providers(providers))?;
    }
    Ok(exit::PASSED)
}

fn ask(model: &Model, global: &Global) -> Result<u8> {
    let Probe { latency_ms, result } = runtime::runtime()?.block_on(probe(model));
    let (usage, fault) = match result {
        Ok(completion) => (completion.usage, None),
        Err(fault) => (fault.usage, Some(fault.reason)),
    };
    let asked = Asked { name: model.name().to_owned(), answered: fault.is_none(), latency_ms, usage, fault };
    let status = if asked.answered { exit::PASSED } else { exit::USAGE };
    match &asked.fault {
        None => output::answer(&models::answered(&asked), global)?,
        Some(fault) => {
            output::error(&Error::new(ErrorKind::Model, format!("{} does not answer: {fault}", asked.name)));
        }
    }
    if global.json {
        output::json(&Told::Asked(asked))?;
    }
    Ok(status)
}
