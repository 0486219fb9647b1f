//! What was said, by whom, and how each participant sees it.
//!
//! Who spoke is a fact and is stored. "assistant" is somebody's point of view and is projected when
//! it is needed: to an agent under test the user is `user`; to the model that plays the user, the
//! user's own words are the `assistant`'s.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who contributed a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The person, real or simulated.
    User,
    /// The AI agent.
    Agent,
    /// A tool, answering a call of the agent.
    Tool,
    /// Whoever runs the agent: the system or developer prompt.
    Operator,
}

/// A call of a tool by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolCall {
    /// The id that the tool's answer refers to, where the recording has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The tool's name.
    pub name: String,
    /// The arguments as they were sent: JSON text, also where it is not valid JSON.
    #[serde(default)]
    pub arguments: String,
}

/// One contribution: text, tool calls or a tool's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who spoke.
    pub speaker: Speaker,
    /// What was said. A part that is not text stands as a mark, such as `[image]`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Tools that the agent called with this message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// For a tool's result: the id of the call that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// For a tool's result: the tool's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was said, where the recording knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Message {
    /// A message of text by a speaker.
    pub fn new(speaker: Speaker, text: impl Into<String>) -> Self {
        let text = text.into();
        Message { speaker, text, tool_calls: Vec::new(), tool_call_id: None, name: None, at: None }
    }

    /// What the user said.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Speaker::User, text)
    }

    /// What the agent said.
    pub fn agent(text: impl Into<String>) -> Self {
        Self::new(Speaker::Agent, text)
    }

    /// Whether a user of the agent sees this message: words of the user or of the agent.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        matches!(self.speaker, Speaker::User | Speaker::Agent) && !self.text.trim().is_empty()
    }
}

/// An ordered list of messages, recorded or simulated alike.
///
/// ```
/// use reenact::{Conversation, Message};
///
/// let conversation: Conversation =
///     [Message::user("how are the markets"), Message::agent("closed, it is Saturday")].into_iter().collect();
/// let turns: Vec<_> = conversation.turns().collect();
/// assert_eq!(turns[0].number, 1);
/// assert_eq!(turns[0].said_by_agent(), "closed, it is Saturday");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Conversation {
    /// The messages, in the order in which they were said.
    pub messages: Vec<Message>,
}

/// A view of a conversation: one user message and all that follows it until the next.
///
/// Turns count from 1. What is said before the first user message (a greeting of the agent, the
/// operator's prompt) belongs to no turn.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The number of the turn, from 1.
    pub number: u32,
    /// The user's message.
    pub user: &'a Message,
    /// All that follows it until the next user message.
    pub rest: &'a [Message],
}

impl Turn<'_> {
    /// The words of the agent in this turn, its messages joined by line breaks.
    #[must_use]
    pub fn said_by_agent(&self) -> String {
        let texts = self.rest.iter().filter(|m| m.speaker == Speaker::Agent && m.is_heard());
        texts.map(|m| m.text.as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// A message as a chat-completions interface wants it: a point of view and a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// From whose point of view.
    pub role: ChatRole,
    /// What was said.
    pub content: String,
}

/// The roles of a chat-completions interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    /// Instructions.
    System,
    /// The other side.
    User,
    /// The model itself.
    Assistant,
}

impl Conversation {
    /// The turns, in order.
    pub fn turns(&self) -> impl Iterator<Item = Turn<'_>> {
        let is_user = |m: &Message| m.speaker == Speaker::User;
        let starts = self.messages.iter().enumerate().filter(move |(_, m)| is_user(m)).map(|(i, _)| i);
        starts.enumerate().map(move |(n, start)| {
            let rest = &self.messages[start + 1..];
            let end = rest.iter().position(is_user).unwrap_or(rest.len());
            Turn { number: n as u32 + 1, user: &self.messages[start], rest: &rest[..end] }
        })
    }

    /// The number of user messages.
    #[must_use]
    pub fn turn_count(&self) -> usize {
        self.messages.iter().filter(|m| m.speaker == Speaker::User).count()
    }

    /// The messages of one speaker.
    pub fn by(&self, speaker: Speaker) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |m| m.speaker == speaker)
    }

    /// The transcript as the model that plays the user reads it: the user's own words are the
    /// assistant's, and tool traffic is left out, because a user never sees it.
    #[must_use]
    pub fn seen_by_user(&self) -> Vec<ChatMessage> {
        let project = |m: &Message| {
            let role = if m.speaker == Speaker::User { ChatRole::Assistant } else { ChatRole::User };
            ChatMessage { role, content: m.text.clone() }
        };
        self.messages.iter().filter(|m| m.is_heard()).map(project).collect()
    }
}

impl FromIterator<Message> for Conversation {
    fn from_iter<I: IntoIterator<Item = Message>>(messages: I) -> Self {
        Conversation { messages: messages.into_iter().collect() }
    }
}
