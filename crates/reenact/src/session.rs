//! A conversation that really happened, with its id and where it came from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Conversation, Skipped};

pub(crate) use query::{Comparison, Condition};
pub use query::{SessionCursor, SessionQuery};

mod query;
pub(crate) mod words;

/// A conversation that really happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The id under which it was traced, or one made from its content where it had none.
    pub id: String,
    /// The format and file that it came from, such as `mlflow traces/july.jsonl.gz`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// When it began, where the recording knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// What the recording says about it: user, agent, model, tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// What was said.
    #[serde(rename = "messages")]
    pub conversation: Conversation,
}

impl Session {
    /// A session of a conversation under an id.
    pub fn new(id: impl Into<String>, conversation: Conversation) -> Self {
        Session { id: id.into(), source: String::new(), started_at: None, metadata: BTreeMap::new(), conversation }
    }

    /// This session as one that gave nothing, with the reason.
    pub fn skipped(&self, reason: impl Into<String>) -> Skipped {
        Skipped { what: format!("session {}", self.id), reason: reason.into() }
    }
}
