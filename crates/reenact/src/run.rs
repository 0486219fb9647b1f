//! What will be tried, and what was.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Suite;

/// What will be tried: plain data, kept with the run, so that a run can be resumed from its id alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The agent under test, by name.
    pub agent: String,
    /// What plays the user: a model's name, or `offline`.
    pub user_model: String,
    /// What judges the expectations that no code decides: a model's name, or `offline`.
    pub judge_model: String,
    /// How often each case is tried.
    pub trials: u32,
    /// User messages in one conversation at the most.
    pub max_turns: u32,
    /// Conversations at once.
    pub concurrency: u32,
    /// Where the seeds of the trials start.
    pub seed: u64,
    /// How long one reply of the agent may take.
    pub agent_timeout_seconds: u32,
}

/// A suite that was, or is being, tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its id: a UUID of version 7, so that ids sort by time.
    pub id: String,
    /// When it began.
    pub created_at: Timestamp,
    /// What is tried.
    pub plan: Plan,
    /// The cases as they were when the run began.
    pub suite: Suite,
}
