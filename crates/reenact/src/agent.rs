//! The agent under test, behind one method.

use std::any::Any;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Conversation, Message};

/// What is told to the agent on each turn.
#[derive(Debug, Clone, Copy)]
pub struct AgentTurn<'a> {
    /// The id of the simulated session, `sim-` and 16 hex digits; the same on every turn.
    pub session_id: &'a str,
    /// The number of the turn, from 1.
    pub turn: u32,
    /// All that was said so far; its last message is the user's new one.
    pub conversation: &'a Conversation,
    /// The case's context.
    pub context: &'a Map<String, Value>,
    /// The case's id.
    pub case: &'a str,
    /// The id of the recorded session that the case comes from, where it has one.
    pub origin: Option<&'a str>,
}

/// What the agent did with a turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReply {
    /// What it said, with its tool calls and their results; at least one message has text.
    pub messages: Vec<Message>,
    /// Whether the agent says that the conversation is over.
    #[serde(default)]
    pub ended: bool,
}

impl AgentReply {
    /// A reply of one text.
    pub fn text(text: impl Into<String>) -> Self {
        AgentReply { messages: vec![Message::agent(text)], ended: false }
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
}

/// Why a turn got no usable reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{reason}")]
pub struct AgentFault {
    /// How it failed.
    pub fault: FaultKind,
    /// What happened, in a line, with what the agent printed where that helps.
    pub reason: String,
}

impl AgentFault {
    /// A fault of a kind with its reason.
    pub fn new(fault: FaultKind, reason: impl Into<String>) -> Self {
        AgentFault { fault, reason: reason.into() }
    }
}

/// What an agent keeps for one conversation: a child process, a thread id. Dropped when it ends.
pub type Held = Option<Box<dyn Any + Send>>;

/// The agent under test.
///
/// One value serves every conversation of a run, many at once. What belongs to one conversation is
/// kept in `held`, which starts empty and is dropped when the conversation ends.
#[async_trait]
pub trait Agent: Send + Sync {
    /// Answers the user's newest message.
    ///
    /// # Errors
    /// A fault ends this conversation and no other.
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault>;
}
