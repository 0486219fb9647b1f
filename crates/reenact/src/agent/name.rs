//! From a name to an agent: the one parser of agent names.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::Agent;
use super::command::CommandAgent;
use super::http::HttpAgent;
use super::recorded::RecordedAgent;
use super::replayed::ReplayedAgent;
use super::scripted::ScriptedAgent;
use crate::cassette::{Cassette, Replay, Verb};
use crate::script::Script;
use crate::{Environment, Error, ErrorKind, Result, Session};

/// The forms that a name may have, as a hint shows them.
const FORMS: &str = "use `cmd:PROGRAM ARGS`, `http(s)://HOST/…/chat/completions` (with `#MODEL` where it needs one), `recorded`, `script:FILE` or `replay:FILE`";

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
}

impl Default for AgentSettings {
    /// Two minutes for a reply, no recorded sessions, no variables, no key.
    fn default() -> Self {
        AgentSettings {
            timeout: Duration::from_secs(TIMEOUT_SECONDS_DEFAULT.into()),
            sessions: Arc::new(|_| Ok(None)),
            variables: Vec::new(),
            environment: Environment::default(),
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
    match name.split_once(':') {
        _ if name == "recorded" => Ok(Arc::new(RecordedAgent { sessions: Arc::clone(&settings.sessions) })),
        Some(("cmd", line)) => Ok(Arc::new(command(name, line, settings)?)),
        Some(("script", file)) => Ok(Arc::new(scripted(file, settings)?)),
        Some(("replay", file)) => {
            let cassette = Arc::new(Cassette::load(file)?);
            let replay = Replay::new(&cassette, Verb::Run);
            Ok(Arc::new(ReplayedAgent { replay }))
        }
        Some(("http" | "https", _)) => Ok(Arc::new(http(name, settings)?)),
        Some((scheme @ ("a2a" | "model" | "demo"), _)) => {
            Err(Error::new(ErrorKind::Usage, format!("agents of the form `{scheme}:` cannot be opened here"))
                .hint(FORMS))
        }
        _ => Err(Error::new(ErrorKind::Usage, format!("`{name}` is not the name of an agent")).hint(FORMS)),
    }
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

fn http(name: &str, settings: &AgentSettings) -> Result<HttpAgent> {
    let mut url = crate::http::parse_url(name)?;
    if !url.path().trim_end_matches('/').ends_with("/chat/completions") {
        return Err(not_chat_completions(&url));
    }
    let model = url.fragment().filter(|model| !model.is_empty()).map(str::to_owned);
    url.set_fragment(None);
    Ok(HttpAgent { url, model, timeout: settings.timeout, environment: settings.environment.clone() })
}

fn not_chat_completions(url: &Url) -> Error {
    let place = crate::http::place(url);
    let what = format!("`{place}` is not a chat-completions address");
    Error::new(ErrorKind::Usage, what).hint(format!("did you mean `{}/chat/completions`?", place.trim_end_matches('/')))
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
        let names = ["gpt", "", "cmd:", "cmd:'", "cmd:''", "a2a:http://x", "http://localhost:8000/v1", "http://"];
        let refusals = names.map(|name| format!("{name:?} -> {}\n", refusal(name)));
        insta::assert_snapshot!(refusals.concat());
    }

    #[test]
    fn a_password_in_an_address_is_refused_because_it_would_be_kept_with_the_run() {
        let refusal = refusal("https://me:hunter22@example.org/v1/chat/completions");
        assert!(refusal.contains("REENACT_AGENT_API_KEY"), "{refusal}");
        assert!(!refusal.contains("hunter22"), "{refusal}");
    }

    #[test]
    fn the_model_of_an_address_is_its_fragment() {
        let agent = http("http://localhost/v1/chat/completions#fast", &AgentSettings::default()).unwrap();
        assert_eq!(agent.model.as_deref(), Some("fast"));
        assert_eq!(agent.url.as_str(), "http://localhost/v1/chat/completions");
    }
}
