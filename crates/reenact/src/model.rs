//! Chat models under one kind of name.
//!
//! [`Engine::open`] turns a name into a model, or into the embedded engine that needs none.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ChatMessage;

pub use name::{Engine, ModelSettings};
pub use strict::strict_schema;

mod answer;
mod chat;
mod name;
mod scripted;
mod strict;

/// What is asked of a model: data, the same for every provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRequest {
    /// Instructions and history, what is stable first.
    pub messages: Vec<ChatMessage>,
    /// The JSON schema that the answer must have, with its name.
    pub schema: AnswerSchema,
}

/// The form of a structured answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerSchema {
    /// What the answer is: `user_message`, `check_goal`, `judgement`, `distilled_case`. A script knows by its beginning
    /// (`user`, `check`, `judge`, `distil`) whose part it plays.
    pub name: String,
    /// Its JSON schema.
    pub schema: Value,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The answer, parsed as JSON.
    pub answer: Value,
    /// What it cost, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Tokens of one or more calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// How a model failed to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelFaultKind {
    /// Could not be reached, or broke off.
    Unreachable,
    /// Did not answer in time.
    TimedOut,
    /// The provider refused: key, quota, bad request.
    Refused,
    /// The answer is not JSON of the schema.
    Malformed,
}

/// Why there is no completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct ModelFault {
    /// How it failed.
    pub fault: ModelFaultKind,
    /// What happened, in a line; never contains a key.
    pub reason: String,
}

/// What serves a model.
#[async_trait]
pub trait ServeModel: Send + Sync {
    /// Asks once and waits for the whole answer.
    ///
    /// # Errors
    /// Where there is no usable answer after the server's own retries.
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault>;
}

/// A chat model under its name.
#[derive(Clone)]
pub struct Model {
    name: String,
    server: std::sync::Arc<dyn ServeModel>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Model {
    /// A model of the caller's own.
    pub fn new(name: impl Into<String>, server: impl ServeModel + 'static) -> Self {
        Model { name: name.into(), server: std::sync::Arc::new(server) }
    }

    /// The name under which it was asked for; stands in every result.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the model.
    ///
    /// # Errors
    /// As [`ServeModel::complete`].
    pub async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        self.server.complete(request).await
    }
}
