//! From a name to an agent: the one parser of agent names.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::{Mutex, OnceCell, Semaphore};

use super::Agent;
use super::a2a::A2aAgent;
use super::address::Address;
use super::chat::{ChatAgent, Delivery, Memory};
use super::command::CommandAgent;
use super::file::{self, Details, Stateful, Surroundings};
use super::model::of_model;
use super::recorded::RecordedAgent;
use super::replayed::ReplayedAgent;
use super::responses::{ResponsesAgent, Thread};
use super::scripted::ScriptedAgent;
use super::started::{Ready, Running, StartedAgent, Startup};
use crate::cassette::{Cassette, Replay, Verb};
use crate::model::Limits;
use crate::script::Script;
use crate::{Environment, Error, ErrorKind, Result, Session};

/// The forms that a name may have, as a hint shows them.
const FORMS: &str = "use `cmd:PROGRAM ARGS`, `http(s)://HOST/…/chat/completions` or `http(s)://HOST/…/responses` (with `#MODEL` where it needs one), \
    `a2a:ADDRESS`, `model:NAME`, `recorded`, `script:FILE`, `replay:FILE`, or an agent file: .yaml or .json";

/// How long an agent may take for one reply, where nothing else is said: agents with tools take their time.
pub(crate) const TIMEOUT_SECONDS_DEFAULT: u32 = 120;

/// Finds a recorded session by its id.
pub type SessionLookup = Arc<dyn Fn(&str) -> Result<Option<Session>> + Send + Sync>;

/// What an agent needs to know besides its name.
#[derive(Clone)]
pub struct AgentSettings {
    /// How long one reply may take, further attempts included.
    pub timeout: Duration,
    /// Where the `recorded` agent finds the sessions that it speaks from.
    pub sessions: SessionLookup,
    /// Variables that the process of a `cmd:` agent gets besides those that it inherits.
    pub variables: Vec<(String, String)>,
    /// Where the key of an HTTP agent comes from (`REENACT_AGENT_API_KEY`), and what no fault may show.
    pub environment: Environment,
    /// How many conversations the agent takes at once; others wait. As many as there are where nothing is said, here or in the
    /// agent's file.
    pub concurrency: Option<u32>,
    /// What the provider of a `model:` agent allows; shared with other models.
    pub limits: Limits,
}

impl Default for AgentSettings {
    /// Two minutes for a reply, no recorded sessions, no variables, no key.
    fn default() -> Self {
        AgentSettings {
            timeout: Duration::from_secs(TIMEOUT_SECONDS_DEFAULT.into()),
            sessions: Arc::new(|_| Ok(None)),
            variables: Vec::new(),
            environment: Environment::default(),
            concurrency: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for AgentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSettings").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Opens the agent of a name. Nothing is started or connected to before the first turn.
///
/// ```
/// use reenact::agent::{self, AgentSettings};
///
/// assert!(agent::open("cmd:python3 agent.py --fast", &AgentSettings::default()).is_ok());
/// let error = agent::open("my-agent", &AgentSettings::default()).err().unwrap();
/// assert_eq!(error.to_string(), "`my-agent` is not the name of an agent");
/// ```
///
/// # Errors
/// Where the name has none of the forms, or its script cannot be read.
pub fn open(name: &str, settings: &AgentSettings) -> Result<Arc<dyn Agent>> {
    let name = name.trim();
    if file::is_file(name) {
        return of_file(Path::new(name), settings);
    }
    let agent = named(name, settings, &Details::default())?;
    match name.starts_with("replay:") {
        true => Ok(agent),
        false => Ok(surrounded(agent, (name, settings, &Details::default()), Surroundings::default())),
    }
}

/// That the agent of a name takes its tools from here ([`AgentTurn::tools`](super::AgentTurn::tools)), as programs and models
/// do. An agent file is read for the name in it.
///
/// ```
/// use reenact::agent;
///
/// assert!(agent::check_takes_tools("cmd:python3 agent.py").is_ok());
/// let error = agent::check_takes_tools("a2a:http://localhost:9000").err().unwrap();
/// assert_eq!(error.to_string(), "`a2a:http://localhost:9000` does not take its tools from reenact");
/// ```
///
/// # Errors
/// Where it runs its tools itself or has none, or the agent file cannot be read. What is wrong with a name otherwise, [`open`] says.
pub fn check_takes_tools(name: &str) -> Result<()> {
    let name = name.trim();
    if file::is_file(name) {
        let path = Path::new(name);
        return taking_tools(file::load(path)?.agent.trim()).map_err(|error| error.at(path, None));
    }
    taking_tools(name)
}

fn taking_tools(name: &str) -> Result<()> {
    let scheme = name.split_once(':').map_or(name, |(scheme, _)| scheme);
    match scheme {
        "http" | "https" | "a2a" | "recorded" | "script" | "replay" | "demo" => {
            let what = format!("`{name}` does not take its tools from reenact");
            Err(Error::new(ErrorKind::Usage, what)
                .hint("`cmd:` agents do, and models that play the agent; see docs/tools.md"))
        }
        _ => Ok(()),
    }
}

/// The agent of an agent file.
fn of_file(path: &Path, settings: &AgentSettings) -> Result<Arc<dyn Agent>> {
    let file = file::load(path)?;
    let settings = &file.settings(settings);
    let details = file.details(path, settings)?;
    let surroundings = file.surroundings(path)?;
    let name = file.agent.trim();
    if file::is_file(name) || name.starts_with("replay:") {
        let what = format!("an agent file cannot name `{name}`");
        return Err(Error::new(ErrorKind::Input, what).at(path, None).hint("name what the agent is itself"));
    }
    let agent = named(name, settings, &details).map_err(|error| match error.place() {
        Some(_) => error,
        None => error.at(path, None),
    })?;
    Ok(surrounded(agent, (name, settings, &details), surroundings))
}

/// The agent of a name, with what else is to be said of it.
fn named(name: &str, settings: &AgentSettings, details: &Details) -> Result<Arc<dyn Agent>> {
    let told = |takes| details.takes(name, takes);
    match name.split_once(':') {
        _ if name == "recorded" => {
            told(&[])?;
            Ok(Arc::new(RecordedAgent { sessions: Arc::clone(&settings.sessions) }))
        }
        Some(("cmd", line)) => told(&[]).and_then(|()| Ok(Arc::new(command(name, line, settings)?) as _)),
        Some(("script", file)) => told(&[]).and_then(|()| Ok(Arc::new(scripted(file, settings)?) as _)),
        Some(("replay", file)) => {
            let cassette = Arc::new(Cassette::load(file)?);
            let replay = Replay::new(&cassette, Verb::Run);
            Ok(Arc::new(ReplayedAgent { replay }))
        }
        Some(("model", model)) => {
            told(&["prompt", "tools"])?;
            of_model(model, details.prompt.clone(), details.toolbox.clone(), settings)
        }
        Some(("a2a", address)) => a2a(address, settings, details),
        Some(("http" | "https", _)) => http(name, settings, details),
        Some(("demo", _)) => {
            Err(Error::new(ErrorKind::Usage, format!("`{name}` can be named on the command line only")).hint(FORMS))
        }
        Some(("python", _)) => {
            let what = format!("`{name}` is Python code, which only Python can hand in");
            Err(Error::new(ErrorKind::Usage, what).hint("go on with `reenact.resume(run, agent)` in Python"))
        }
        _ => Err(Error::new(ErrorKind::Usage, format!("`{name}` is not the name of an agent")).hint(FORMS)),
    }
}

/// The agent with what stands around it, where anything does.
fn surrounded(
    agent: Arc<dyn Agent>,
    (name, settings, details): (&str, &AgentSettings, &Details),
    around: Surroundings,
) -> Arc<dyn Agent> {
    let concurrency = settings.concurrency.or(around.concurrency);
    if concurrency.is_none() && around.version.is_none() && around.start.is_none() {
        return agent;
    }
    let address = name.strip_prefix("a2a:").unwrap_or(name);
    let answers = || Url::parse(address).ok().filter(|url| url.scheme().starts_with("http")).map(Ready::Answers);
    let startup = around.start.map(|start| Startup {
        words: start.words,
        variables: settings.variables.clone(),
        ready: start.ready.map(Ready::Succeeds).or_else(answers),
        within: start.within,
        keeps_conversations: keeps_conversations(name, details),
        environment: settings.environment.clone(),
        running: Mutex::new(Running::default()),
    });
    let places = concurrency.map(|places| Arc::new(Semaphore::new(places as usize)));
    Arc::new(StartedAgent { agent, startup, places, version: around.version })
}

/// Whether a conversation is lost with the process that had it. One that goes by ids can be told again.
fn keeps_conversations(name: &str, details: &Details) -> bool {
    let is_told_again = name.contains("/responses") && details.stateful != Stateful::Session;
    name.starts_with("a2a:") || details.stateful != Stateful::No && !is_told_again
}

fn command(name: &str, line: &str, settings: &AgentSettings) -> Result<CommandAgent> {
    let words = shell_words::split(line).map_err(|error| {
        let what = format!("the command of `{name}` cannot be split into words: {error}");
        Error::new(ErrorKind::Usage, what).hint("close every quotation mark; words are split as a shell does")
    })?;
    let mut words = words.into_iter();
    let program = words.next().filter(|program| !program.is_empty()).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("`{name}` names no program")).hint("use `cmd:PROGRAM ARGS`")
    })?;
    Ok(CommandAgent {
        program,
        arguments: words.collect(),
        variables: settings.variables.clone(),
        timeout: settings.timeout,
        environment: settings.environment.clone(),
    })
}

fn scripted(file: &str, settings: &AgentSettings) -> Result<ScriptedAgent> {
    Ok(ScriptedAgent { script: Script::load(Path::new(file))?, timeout: settings.timeout })
}

fn a2a(address: &str, settings: &AgentSettings, details: &Details) -> Result<Arc<dyn Agent>> {
    details.takes(&format!("a2a:{address}"), &["stateful", "stream", "session", "headers", "key"])?;
    if address.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "`a2a:` names no address").hint("use `a2a:http(s)://HOST`"));
    }
    let address = self::address(crate::http::parse_url(address)?, settings, details);
    let interface = OnceCell::new();
    Ok(Arc::new(A2aAgent { address, delivery: delivery(details), interface }))
}

fn http(name: &str, settings: &AgentSettings, details: &Details) -> Result<Arc<dyn Agent>> {
    details.takes(name, &["stateful", "stream", "session", "headers", "key"])?;
    let mut url = crate::http::parse_url(name)?;
    let model = url.fragment().filter(|model| !model.is_empty()).map(str::to_owned);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let address = self::address(url, settings, details);
    let delivery = delivery(details);
    match (path.ends_with("/chat/completions"), path.ends_with("/responses")) {
        (true, _) => Ok(Arc::new(ChatAgent { address, model, memory: memory(details)?, delivery })),
        (_, true) => Ok(Arc::new(ResponsesAgent { address, model, thread: thread(details), delivery })),
        _ => Err(neither_form(&address.url)),
    }
}

fn address(url: Url, settings: &AgentSettings, details: &Details) -> Address {
    Address {
        url,
        timeout: settings.timeout,
        session_header: details.session_header.clone(),
        session_member: details.session_member.clone(),
        headers: details.headers.clone(),
        key_variable: Some(details.key_variable.clone()),
        environment: settings.environment.clone(),
    }
}

fn delivery(details: &Details) -> Delivery {
    if details.stream { Delivery::Streamed } else { Delivery::Whole }
}

fn memory(details: &Details) -> Result<Memory> {
    match details.stateful {
        Stateful::No => Ok(Memory::None),
        Stateful::Yes | Stateful::Session => Ok(Memory::Session),
        Stateful::PreviousResponse | Stateful::Conversation => {
            let what = "chat completions have no ids by which a conversation goes on";
            Err(Error::new(ErrorKind::Usage, what).hint("use `stateful: true`: the agent knows it by the session id"))
        }
    }
}

fn thread(details: &Details) -> Thread {
    match details.stateful {
        Stateful::No => Thread::None,
        Stateful::Session => Thread::Session,
        Stateful::Yes | Stateful::PreviousResponse => Thread::PreviousResponse,
        Stateful::Conversation => Thread::Conversation,
    }
}

fn neither_form(url: &Url) -> Error {
    let place = crate::http::place(url);
    let base = place.trim_end_matches('/');
    let what = format!("`{place}` is no address of chat completions or responses");
    let hint = format!("did you mean `{base}/chat/completions`, `{base}/responses` or `a2a:{base}`?");
    Error::new(ErrorKind::Usage, what).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        let error = open(name, &AgentSettings::default()).err().expect("the name should not open");
        format!("{error}\n{}", error.hint_text().unwrap_or("no hint"))
    }

    #[test]
    fn each_name_that_does_not_open_says_what_would() {
        let names = [
            "gpt",
            "",
            "cmd:",
            "cmd:'",
            "cmd:''",
            "a2a:",
            "model:gpt",
            "demo:v1",
            "no.yaml",
            "http://localhost:8000/v1",
            "http://",
        ];
        let refusals = names.map(|name| format!("{name:?} -> {}\n", refusal(name)));
        insta::assert_snapshot!(refusals.concat());
    }

    #[test]
    fn a_password_in_an_address_is_refused_because_it_would_be_kept_with_the_run() {
        let refusal = refusal("https://me:hunter22@example.org/v1/chat/completions");
        assert!(refusal.contains("REENACT_AGENT_API_KEY"), "{refusal}");
        assert!(!refusal.contains("hunter22"), "{refusal}");
    }
}
