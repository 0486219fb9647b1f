//! The simulated user, behind one method.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Brief, Conversation, Disclosure};

pub use agenda::{AgendaUser, PATIENCE_DEFAULT};

mod agenda;
mod gate;
pub mod guard;
pub mod model;

/// What the simulated user knows when it is its turn: its brief, what was heard, and what it has
/// already said. There is no expectation here, and there is no way to one.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// All that the user may know.
    pub brief: &'a Brief,
    /// What the user has said and heard so far; tool traffic and the operator's prompt are left out.
    pub heard: &'a Conversation,
    /// The facts already said.
    pub disclosures: &'a [Disclosure],
    /// The seed of this trial.
    pub seed: u64,
}

/// What the simulated user does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAct {
    /// Says something; `discloses` are the ids of the facts that it gives away.
    Say {
        /// The words.
        text: String,
        /// The facts that they give away.
        #[serde(default)]
        discloses: Vec<String>,
    },
    /// Leaves the conversation.
    Leave(Leaving),
}

/// Why the simulated user leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Got what the goal asks for.
    Satisfied,
    /// Lost patience.
    GaveUp,
    /// Asked for a person.
    AskedForPerson,
}

/// Why there is no act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserFault {
    /// What plays the user did something that a user must not do.
    #[error("{0}")]
    Invalid(String),
    /// What plays the user did not answer.
    #[error("{0}")]
    Failed(String),
}

/// Whoever plays the user.
#[async_trait]
pub trait SimulatedUser: Send + Sync {
    /// What the user does next. A pure function of the scene and of what a model answers.
    ///
    /// # Errors
    /// [`UserFault::Invalid`] makes the trial Invalid, [`UserFault::Failed`] makes it Errored.
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault>;
}
