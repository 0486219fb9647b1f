//! Judges: what decides whether an expectation was met.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Conversation, Expectation};

/// What a judge says of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Met.
    Pass,
    /// Not met.
    Fail,
    /// Cannot be told.
    Inconclusive,
}

/// A verdict with its reason, the turns that it cites and its judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// The expectation's id.
    pub expectation: String,
    /// What the judge says.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The turns of the simulated conversation that it rests on, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<u32>,
    /// Who judged: `assertion`, a model's name, or a name of the caller's own.
    pub judge: String,
}

/// Whoever decides expectations.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Judges one conversation by one expectation. A judge that cannot judge says Inconclusive, with the reason.
    async fn assess(&self, expectation: &Expectation, conversation: &Conversation) -> Assessment;
}
