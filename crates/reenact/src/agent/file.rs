//! An agent file: an agent with all that there is to say of it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use super::address::{KEY_VARIABLE, SESSION_HEADER};
use super::mcp::{McpServer, McpToolbox};
use super::{AgentSettings, Toolbox};
use crate::shorten::shorten;
use crate::{Environment, Error, ErrorKind, Result};

/// What an agent file looks like, as a hint shows it.
const FORM: &str = "an agent file has `agent:` with an agent's name, and what else docs/agents.md lists";

/// How long a program may take until it is ready, where nothing else is said.
const READY_WITHIN_SECONDS: u32 = 30;

/// An agent file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentFile {
    pub(super) agent: String,
    version: Option<Value>,
    #[serde(default)]
    pub(super) stateful: Stateful,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    session: SessionPlaces,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    key: Option<String>,
    timeout_seconds: Option<NonZeroU32>,
    concurrency: Option<NonZeroU32>,
    start: Option<String>,
    ready: Option<String>,
    ready_within_seconds: Option<NonZeroU32>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    prompt: Option<String>,
    #[serde(default)]
    tools: Vec<ToolServer>,
}

/// Whether an agent keeps its conversations itself, and how it is told which one goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stateful {
    /// It is told the whole conversation with each message.
    #[default]
    No,
    /// In the way that is natural to its form.
    Yes,
    /// By the session id alone.
    Session,
    /// By the id of its last answer.
    PreviousResponse,
    /// By the id of a conversation that is made beforehand.
    Conversation,
}

impl<'de> Deserialize<'de> for Stateful {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (value.as_bool(), value.as_str()) {
            (Some(false), _) => Ok(Stateful::No),
            (Some(true), _) => Ok(Stateful::Yes),
            (_, Some("session")) => Ok(Stateful::Session),
            (_, Some("previous_response")) => Ok(Stateful::PreviousResponse),
            (_, Some("conversation")) => Ok(Stateful::Conversation),
            _ => {
                let expected = "`stateful` is true, false, session, previous_response or conversation";
                Err(serde::de::Error::custom(expected))
            }
        }
    }
}

/// Where the session id stands in a request.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionPlaces {
    header: Option<String>,
    body: Option<String>,
}

/// A server of tools.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolServer {
    command: Option<String>,
    url: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// What an agent behind a name can be told besides the name.
#[derive(Clone)]
pub(super) struct Details {
    pub(super) stateful: Stateful,
    pub(super) stream: bool,
    pub(super) session_header: String,
    pub(super) session_member: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) key_variable: String,
    pub(super) prompt: Option<String>,
    pub(super) toolbox: Option<Arc<dyn Toolbox>>,
}

impl Default for Details {
    fn default() -> Self {
        Details {
            stateful: Stateful::No,
            stream: false,
            session_header: SESSION_HEADER.to_owned(),
            session_member: None,
            headers: Vec::new(),
            key_variable: KEY_VARIABLE.to_owned(),
            prompt: None,
            toolbox: None,
        }
    }
}

impl Details {
    /// That nothing is said of an agent which does not matter to one of its kind.
    ///
    /// # Errors
    /// Where something is.
    pub(super) fn takes(&self, name: &str, takes: &[&str]) -> Result<()> {
        let own = Details::default();
        let session = self.session_header != own.session_header || self.session_member.is_some();
        let said = [
            ("stateful", self.stateful != Stateful::No),
            ("stream", self.stream),
            ("session", session),
            ("headers", !self.headers.is_empty()),
            ("key", self.key_variable != own.key_variable),
            ("prompt", self.prompt.is_some()),
            ("tools", self.toolbox.is_some()),
        ];
        match said.iter().find(|(key, is_said)| *is_said && !takes.contains(key)) {
            None => Ok(()),
            Some((key, _)) => {
                let what = format!("`{key}` means nothing to an agent such as `{name}`");
                Err(Error::new(ErrorKind::Input, what).hint(format!("leave `{key}` out of the agent file")))
            }
        }
    }
}

/// What stands around an agent.
#[derive(Default)]
pub(super) struct Surroundings {
    pub(super) concurrency: Option<u32>,
    pub(super) version: Option<String>,
    pub(super) start: Option<StartSpec>,
}

/// A program to be started.
pub(super) struct StartSpec {
    pub(super) words: Vec<String>,
    pub(super) ready: Option<reqwest::Url>,
    pub(super) within: Duration,
}

/// Whether a name is that of an agent file.
pub(super) fn is_file(name: &str) -> bool {
    let has_scheme =
        name.split_once(':').is_some_and(|(scheme, _)| scheme.len() > 1 && !scheme.contains(['/', '.', '\\']));
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    !has_scheme && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Reads an agent file.
///
/// # Errors
/// Where it cannot be read or is not of the form, with its line.
pub(super) fn load(path: &Path) -> Result<AgentFile> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let kind = if error.kind() == std::io::ErrorKind::InvalidData { ErrorKind::Input } else { ErrorKind::Io };
        let error = Error::new(kind, "the agent file cannot be read").at(path, None).caused_by(error);
        error.hint("name an agent file that is there")
    })?;
    serde_saphyr::from_str(&text).map_err(|error| {
        let line = error.location().map(|location| location.line());
        let message = error.without_snippet().to_string();
        // The place says the line already.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        Error::new(ErrorKind::Input, format!("not an agent file: {}", shorten(message))).at(path, line).hint(FORM)
    })
}

impl AgentFile {
    /// The settings with what the file says of them.
    pub(super) fn settings(&self, settings: &AgentSettings) -> AgentSettings {
        let seconds = self.timeout_seconds.map(|seconds| Duration::from_secs(seconds.get().into()));
        let variables = self.variables.clone().into_iter();
        AgentSettings {
            timeout: seconds.unwrap_or(settings.timeout),
            variables: settings.variables.iter().cloned().chain(variables).collect(),
            ..settings.clone()
        }
    }

    /// What the agent is told besides its name.
    ///
    /// # Errors
    /// Where a header names a variable that is not set, or a server of tools is neither of the two.
    pub(super) fn details(&self, path: &Path, settings: &AgentSettings) -> Result<Details> {
        let wrong = |what: String| Error::new(ErrorKind::Input, what).at(path, None).hint(FORM);
        let headers = headers(&self.headers, &settings.environment).map_err(wrong)?;
        let servers = self.tools.iter().map(|server| server.opened(&settings.environment));
        let servers = servers.collect::<std::result::Result<Vec<_>, _>>().map_err(wrong)?;
        let toolbox: Option<Arc<dyn Toolbox>> = match servers.is_empty() {
            true => None,
            false => Some(Arc::new(McpToolbox::new(servers, settings.timeout, settings.environment.clone())?)),
        };
        let own = Details::default();
        Ok(Details {
            stateful: self.stateful,
            stream: self.stream,
            session_header: header_name(self.session.header.as_deref().unwrap_or(&own.session_header))
                .map_err(wrong)?,
            session_member: self.session.body.clone(),
            headers,
            key_variable: self.key.clone().unwrap_or(own.key_variable),
            prompt: self.prompt.clone(),
            toolbox,
        })
    }

    /// What stands around the agent.
    ///
    /// # Errors
    /// Where the start command or the address cannot be read.
    pub(super) fn surroundings(&self, path: &Path) -> Result<Surroundings> {
        let wrong = |what: String| Error::new(ErrorKind::Input, what).at(path, None).hint(FORM);
        if self.start.is_none() && (self.ready.is_some() || self.ready_within_seconds.is_some()) {
            return Err(wrong("`ready` says when a program is ready, and there is no `start`".to_owned())
                .hint("add the command that starts the agent as `start`"));
        }
        let ready = self.ready.as_deref().map(crate::http::parse_url).transpose()?;
        let seconds = self.ready_within_seconds.map_or(READY_WITHIN_SECONDS, NonZeroU32::get);
        let start = match &self.start {
            None => None,
            Some(line) => {
                let words = words("start", line).map_err(wrong)?;
                Some(StartSpec { words, ready, within: Duration::from_secs(seconds.into()) })
            }
        };
        let version = self.version.as_ref().map(|version| match version {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        Ok(Surroundings { concurrency: self.concurrency.map(NonZeroU32::get), version, start })
    }
}

impl ToolServer {
    fn opened(&self, environment: &Environment) -> std::result::Result<McpServer, String> {
        match (&self.command, &self.url) {
            (Some(line), None) if self.headers.is_empty() => Ok(McpServer::Program {
                words: words("command", line)?,
                variables: filled(&self.variables, environment)?,
            }),
            (None, Some(url)) if self.variables.is_empty() => {
                Ok(McpServer::Address { url: url.clone(), headers: headers(&self.headers, environment)? })
            }
            _ => Err("a server of tools is a `command` with `variables`, or a `url` with `headers`".to_owned()),
        }
    }
}

fn words(key: &str, line: &str) -> std::result::Result<Vec<String>, String> {
    let words = shell_words::split(line).map_err(|error| format!("`{key}` cannot be split into words: {error}"))?;
    if words.is_empty() { Err(format!("`{key}` names no program")) } else { Ok(words) }
}

/// The values with `${NAME}` filled in from the environment, so that no secret stands in a file.
fn filled(
    values: &BTreeMap<String, String>,
    environment: &Environment,
) -> std::result::Result<Vec<(String, String)>, String> {
    let one = |(name, value): (&String, &String)| Ok((name.clone(), with_variables(value, environment)?));
    values.iter().map(one).collect()
}

/// Headers as they can be sent.
fn headers(
    values: &BTreeMap<String, String>,
    environment: &Environment,
) -> std::result::Result<Vec<(String, String)>, String> {
    let headers = filled(values, environment)?;
    for (name, value) in &headers {
        header_name(name)?;
        HeaderValue::from_str(value)
            .map_err(|_| format!("the value of the header `{name}` has characters that no header can have"))?;
    }
    Ok(headers)
}

fn header_name(name: &str) -> std::result::Result<String, String> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no name of a header"))?;
    Ok(parsed.as_str().to_owned())
}

fn with_variables(text: &str, environment: &Environment) -> std::result::Result<String, String> {
    let Some((before, rest)) = text.split_once("${") else { return Ok(text.to_owned()) };
    let (name, after) = rest.split_once('}').ok_or_else(|| format!("`{before}${{` is not closed with a `}}`"))?;
    let value = environment.get(name).ok_or_else(|| format!("the variable {name} is not set"))?;
    Ok(format!("{before}{value}{}", with_variables(after, environment)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), text).unwrap();
        let settings = AgentSettings::default();
        let opened = crate::agent::open(file.path().to_str().unwrap(), &settings);
        let error = opened.err().expect("the file should not open");
        let place = file.path().display().to_string();
        format!("{error}\n    {}", error.hint_text().unwrap_or("no hint")).replace(&place, "agent.yaml")
    }

    #[test]
    fn each_bad_agent_file_says_what_is_wrong_with_it() {
        let files = [
            "",
            "- agent: recorded",
            "agent: recorded\nstatefull: true",
            "agent: nobody",
            "agent: other.yaml",
            "agent: http://h/responses\nstateful: sometimes",
            "agent: http://h/chat/completions\nstateful: previous_response",
            "agent: cmd:true\nstream: true",
            "agent: cmd:true\nprompt: You help.",
            "agent: cmd:true\ntools: [{command: t}]",
            "agent: model:openai:/gpt-5\ntools: [{}]",
            "agent: recorded\nready: http://h/health",
            "agent: http://h/chat/completions\nheaders: {x-key: '${NOT_SET_ANYWHERE}'}",
            "agent: http://h/chat/completions\nheaders: {x-key: '${NOT'}",
            "agent: http://h/chat/completions\nheaders: {x key: v}",
            "agent: http://h/chat/completions\nstart: \"'\"",
            "agent: a2a:http://h\nconcurrency: 0",
        ];
        let refusals = files.map(|file| format!("{file:?}\n    {}\n", refusal(file)));
        insta::assert_snapshot!(refusals.concat());
    }

    #[test]
    fn a_name_is_a_file_by_its_extension() {
        for file in ["agent.yaml", "agents/shop.yml", "./a.json"] {
            assert!(is_file(file), "{file}");
        }
        for name in ["http://h/agent.json", "cmd:run agent.yaml", "script:a.yaml", "recorded", "a2a:http://h/card.json"]
        {
            assert!(!is_file(name), "{name}");
        }
    }
}
