//! Chat models under one kind of name.
//!
//! [`Engine::open`] turns a name into a model, or into the embedded engine that needs none.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ChatMessage;
use crate::cassette::Replay;

use replayed::ReplayedModel;

pub use limits::{Limits, Measure, Wait, WaitReason};
pub use name::{Engine, ModelSettings, is_remote};
pub use price::{Over, Price, PriceList, Rate, Rates};
pub use probe::{Probe, probe};
pub use provider::{Provider, Setting};
pub use strict::strict_schema;

mod answer;
mod aws;
pub mod batch;
mod conformance;
pub(crate) mod dialogue;
pub(crate) mod endpoint;
mod limits;
pub(crate) mod manner;
pub(crate) mod name;
mod price;
mod probe;
mod provider;
mod remote;
mod replayed;
mod scripted;
mod strict;
pub(crate) mod wire;

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
    /// Its JSON schema, which thousands of questions share.
    pub schema: Arc<Value>,
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
    /// Tokens read, those from a cache included.
    pub input_tokens: u64,
    /// Of the tokens read, those that came from the provider's prompt cache.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Of the tokens read, those that the provider wrote to its prompt cache, where it charges for that.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// Tokens written, those of reasoning included.
    pub output_tokens: u64,
    /// Whether all of it was used in a provider's batch, where tokens cost half. Only a single call's use says so: a
    /// sum of what was used in other ways too does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub batched: bool,
}

impl Add for Usage {
    type Output = Usage;

    /// What two calls cost together.
    fn add(self, other: Usage) -> Usage {
        Usage {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            cache_write_tokens: self.cache_write_tokens.saturating_add(other.cache_write_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            batched: self.batched && other.batched,
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Usage>>(usages: I) -> Usage {
        usages.fold(Usage::default(), Add::add)
    }
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
    /// The model would not answer what it was asked.
    Declined,
    /// The provider's content filter held the question or the answer back.
    Filtered,
    /// The answer was cut off at a limit of tokens.
    CutOff,
    /// The answer is not JSON of the schema, also when asked again.
    Malformed,
    /// Nobody answered yet: the question waits in a [batch](mod@batch). Stands in no record.
    Waiting,
}

impl ModelFaultKind {
    /// Whether the same question would come to the same: the model or its provider took it in and gave no answer.
    /// Anything else may pass: a line that was down, a key that was wrong, a batch that is still to come.
    #[must_use]
    pub fn is_for_good(self) -> bool {
        use ModelFaultKind::{CutOff, Declined, Filtered, Malformed, Refused, TimedOut, Unreachable, Waiting};
        match self {
            Declined | Filtered | CutOff | Malformed => true,
            Unreachable | TimedOut | Refused | Waiting => false,
        }
    }
}

/// Why there is no completion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct ModelFault {
    /// How it failed.
    pub fault: ModelFaultKind,
    /// What happened, in a line; never contains a key.
    pub reason: String,
    /// What it cost all the same, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl ModelFault {
    /// A fault of a call that cost nothing.
    pub fn new(fault: ModelFaultKind, reason: impl Into<String>) -> Self {
        ModelFault { fault, reason: reason.into(), usage: None }
    }
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
    server: Arc<dyn ServeModel>,
    replay: Option<Replay>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Model {
    /// A model of the caller's own.
    pub fn new(name: impl Into<String>, server: impl ServeModel + 'static) -> Self {
        Model { name: name.into(), server: Arc::new(server), replay: None }
    }

    /// A model whose answers stand in a cassette. Within a run or a distillation the answer is that of the same place.
    pub(crate) fn replayed(name: impl Into<String>, replay: Replay) -> Self {
        let server = ReplayedModel { replay: replay.clone() };
        Model { replay: Some(replay), ..Model::new(name, server) }
    }

    /// What answers for it, where its answers stand in a cassette.
    pub(crate) fn replay(&self) -> Option<&Replay> {
        self.replay.as_ref()
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
