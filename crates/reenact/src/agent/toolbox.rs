//! Where the tools of a model come from that plays the agent: servers of tools, a recording, the caller's own code.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AgentFault, AgentTurn, Held};
use crate::{Message, ToolCall};

/// A tool, as a model is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// The name by which it is called.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// What came of a call. That a tool refuses or fails is a result too: the model reads it and goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolResult {
    /// What the model gets to read.
    pub text: String,
    /// Whether it is the tool's word that the call failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

impl ToolResult {
    /// The result of a call that the tool carried out.
    pub fn done(text: impl Into<String>) -> Self {
        ToolResult { text: text.into(), failed: false }
    }

    /// The tool's word that the call failed.
    pub fn failed(text: impl Into<String>) -> Self {
        ToolResult { text: text.into(), failed: true }
    }
}

/// Where in a conversation a tool is called.
#[derive(Debug, Clone, Copy)]
pub struct ToolScene<'a> {
    /// The turn that the agent is answering.
    pub turn: AgentTurn<'a>,
    /// What the agent said and called in this turn so far, with the results that are there; the call itself included.
    pub since: &'a [Message],
}

/// Where the tools of a model come from.
///
/// One value serves every conversation of a run, many at once. What belongs to one conversation is kept in `held`, which is
/// the toolbox's own, starts empty and is dropped when the conversation ends: a server's process, which results were given.
#[async_trait]
pub trait Toolbox: Send + Sync {
    /// The tools that the model is told of; asked once a turn.
    ///
    /// # Errors
    /// Where they cannot be had; ends this conversation and no other.
    async fn tools(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<Vec<Tool>, AgentFault>;

    /// Carries out one call. Arguments are the model's own text, which need not be JSON, and the tool need not be one that
    /// there is: what is wrong with a call is a failed [`ToolResult`].
    ///
    /// # Errors
    /// Where there is no result that the model could go on with, such as a server that is gone; ends this conversation and no
    /// other.
    async fn call(&self, call: &ToolCall, scene: ToolScene<'_>, held: &mut Held) -> Result<ToolResult, AgentFault>;
}
