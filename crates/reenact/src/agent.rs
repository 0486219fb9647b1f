//! The agent under test, behind one method.
//!
//! [`open`] turns a name into an agent, [`from_fn`] a function. What each kind of agent is told and what it
//! answers stands in `docs/agents.md`.

use std::any::Any;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Conversation, Message, Speaker, Usage, chat_completions, trace_context};

pub use crate::trace_context::Traces;
pub use function::from_fn;
pub use mcp::{McpServer, McpToolbox};
pub use model::of_model;
pub(crate) use name::TIMEOUT_SECONDS_DEFAULT;
pub use name::{AgentSettings, SessionLookup, check_takes_tools, open};
pub(crate) use recorded_tools::ToolServed;
pub use recorded_tools::{OnMiss, RecordedTools, Stopgap, ToolMiss, ToolMocks, with_recorded_tools};
pub(crate) use replayed::ReplayedAgent;
pub use toolbox::{Tool, ToolResult, ToolScene, Toolbox};

mod a2a;
mod address;
mod answer;
mod chat;
mod command;
mod file;
mod function;
#[cfg(fuzzing)]
pub mod fuzzing;
mod mcp;
mod model;
mod name;
mod process;
mod recorded;
mod recorded_tools;
mod replayed;
mod responses;
mod scripted;
mod started;
mod toolbox;

/// What is told to the agent on each turn.
#[derive(Debug, Clone, Copy)]
pub struct AgentTurn<'a> {
    /// The id of the simulated session, `sim-` and 16 hex digits; the same on every turn.
    pub session_id: &'a str,
    /// The number of the turn, from 1.
    pub turn: u32,
    /// The turn with which the agent came in: 1, or a later one where the case begins in the middle of a conversation.
    pub first_turn: u32,
    /// All that was said so far; its last message is the user's new one.
    pub conversation: &'a Conversation,
    /// The case's context.
    pub context: &'a Map<String, Value>,
    /// The case's id.
    pub case: &'a str,
    /// The id of the recorded session that the case comes from, where it has one.
    pub origin: Option<&'a str>,
    /// The tools that it may call, where it takes them from here and not from a back end of its own.
    pub tools: Option<&'a dyn Toolbox>,
    /// Which trace its own spans of this turn belong to: that of the session, or that of the turn.
    pub traces: Traces,
}

impl AgentTurn<'_> {
    /// The user's new words.
    #[must_use]
    pub fn said(&self) -> &str {
        self.conversation.messages.last().map_or("", |message| message.text.as_str())
    }

    /// The W3C `traceparent` of the turn, below which the agent's own spans hang.
    #[must_use]
    pub fn traceparent(&self) -> String {
        trace_context::traceparent(self.session_id, self.turn, self.traces)
    }
}

impl<'a> AgentTurn<'a> {
    /// What the agent does not know yet: what was said since it spoke last; all of it where it comes in with this turn.
    #[must_use]
    pub fn new_messages(&self) -> &'a [Message] {
        let messages = &self.conversation.messages;
        if self.turn == self.first_turn {
            return messages;
        }
        let is_users = |message: &Message| message.speaker == Speaker::User;
        let known = messages.iter().rposition(|message| !is_users(message)).map_or(0, |at| at + 1);
        &messages[known..]
    }
}

impl AgentTurn<'_> {
    /// All that was said so far as chat messages, in which the agent's own words are the `assistant`'s and every tool call has an
    /// id and its result.
    #[must_use]
    pub fn history(&self) -> Vec<Value> {
        chat_completions::history(&self.conversation.messages)
    }

    /// What a cassette holds against what it recorded: all but the ids, which are other ones in each run.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { conversation: self.conversation, context: self.context }
    }
}

/// What an agent is asked, whatever the session.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Asked<'a> {
    conversation: &'a Conversation,
    context: &'a Map<String, Value>,
}

/// What the agent did with a turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReply {
    /// What it said, with its tool calls and their results. At least one message has text, unless the agent
    /// ends the conversation without a word.
    pub messages: Vec<Message>,
    /// Whether the agent says that the conversation is over.
    #[serde(default)]
    pub ended: bool,
    /// Which version of itself answered, where the agent says: a release, a commit, the model behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it took, where the agent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<AgentUsage>,
    /// Calls of tools that no recorded call answered; noted by whoever hands it the tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_misses: Vec<ToolMiss>,
    /// How long it was not the agent that we waited for: for its place, or for its program to be ready. No part of what is kept.
    #[serde(skip)]
    pub waited: Duration,
}

/// What an agent says that a reply took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentUsage {
    /// The model that it asked, by a name as models have them here (`openai:/gpt-5`), where it says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its tokens.
    #[serde(flatten)]
    pub usage: Usage,
}

impl AgentReply {
    /// A reply of one text.
    pub fn text(text: impl Into<String>) -> Self {
        AgentReply { messages: vec![Message::agent(text)], ..AgentReply::default() }
    }

    /// The same reply, if a user can do something with it.
    ///
    /// # Errors
    /// [`FaultKind::Empty`] where the agent said nothing and did not end the conversation.
    pub fn checked(self) -> Result<Self, AgentFault> {
        if self.ended || self.messages.iter().any(|message| message.speaker == Speaker::Agent && message.is_heard()) {
            return Ok(self);
        }
        let only_calls = self.messages.iter().any(|message| !message.tool_calls.is_empty());
        let reason = match only_calls {
            true => "the agent answered with tool calls and no text; it must run its tools itself and then answer",
            false => "the agent answered without any text",
        };
        Err(AgentFault::new(FaultKind::Empty, reason))
    }
}

impl From<String> for AgentReply {
    fn from(text: String) -> Self {
        AgentReply::text(text)
    }
}

impl From<&str> for AgentReply {
    fn from(text: &str) -> Self {
        AgentReply::text(text)
    }
}

/// How an agent failed to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It could not be started or reached.
    Unreachable,
    /// It did not answer in time.
    TimedOut,
    /// It stopped in the middle of the conversation.
    Died,
    /// Its answer is not of the agreed form.
    Malformed,
    /// Its answer has no text.
    Empty,
    /// It answered that it will not: an HTTP status, an error of its own.
    Refused,
    /// It called a tool for which the recording has no result, and the trial shall not count then.
    NotRecorded,
    /// Its tools cannot be had, or cannot go on.
    ToolsFailed,
}

/// Why a turn got no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{reason}{}", hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct AgentFault {
    /// How it failed.
    pub fault: FaultKind,
    /// What happened, in a line, with what the agent printed where that helps.
    pub reason: String,
    /// What to do about it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl AgentFault {
    /// A fault of a kind with its reason.
    pub fn new(fault: FaultKind, reason: impl Into<String>) -> Self {
        AgentFault { fault, reason: reason.into(), hint: None }
    }

    /// The same fault with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        AgentFault { hint: Some(hint.into()), ..self }
    }
}

/// What an agent keeps for one conversation: a child process, a thread id. Dropped when it ends.
pub type Held = Option<Box<dyn Any + Send>>;

/// The agent under test.
///
/// One value serves every conversation of a run, many at once. What belongs to one conversation is
/// kept in `held`, which starts empty and is dropped when the conversation ends. It is [`Any`], so that a run can tell
/// an agent whose answers stand in a cassette.
#[async_trait]
pub trait Agent: Any + Send + Sync {
    /// Answers the user's newest message.
    ///
    /// # Errors
    /// A fault ends this conversation and no other.
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault>;
}
