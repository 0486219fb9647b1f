//! The simulated user, behind one method.
//!
//! What a user does next is decided by code, from a ledger of what was said ([`agenda`]); a model only words it
//! ([`model`]). Whoever plays the user, [`guard`] reads each message before the agent does.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::Wording;
use crate::{Brief, Cited, Conversation, Disclosure};

pub use agenda::{AgendaUser, PATIENCE_DEFAULT};

use goal::GoalCheck;
use guard::Misstep;

pub mod agenda;
mod checks;
mod gate;
pub mod goal;
pub mod guard;
pub(crate) mod lines;
pub mod model;
mod reading;
mod recorded;

/// What the simulated user knows when it is its turn: its brief, what was heard, and what it has
/// already said. There is no expectation here, and there is no way to one.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// All that the user may know.
    pub brief: &'a Brief,
    /// How the recorded user worded what the brief tells.
    pub wording: &'a Wording<'a>,
    /// What the user has said and heard so far; tool traffic and the operator's prompt are left out.
    pub heard: &'a Conversation,
    /// The facts already said.
    pub disclosures: &'a [Disclosure],
    /// The seed of this trial.
    pub seed: u64,
    /// What was wrong with the messages that were worded for this turn and not let through, the first first.
    pub rejected: &'a [Misstep],
}

impl<'a> Scene<'a> {
    /// A scene in which nothing was recorded, disclosed or rejected yet, with seed 0.
    #[must_use]
    pub fn new(brief: &'a Brief, heard: &'a Conversation) -> Self {
        Scene { brief, wording: Wording::NONE, heard, disclosures: &[], seed: 0, rejected: &[] }
    }

    /// Whether a fact was said already.
    pub(crate) fn is_said(&self, fact: &str) -> bool {
        self.disclosures.iter().any(|said| said.fact == fact)
    }
}

/// What the simulated user does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserAct {
    /// Says something.
    Say(Said),
    /// Leaves the conversation.
    Leave {
        /// Why.
        why: Leaving,
        /// What a check of the goal found, where one was made.
        goal: Option<GoalCheck>,
        /// The last words. The agent may answer them; whoever plays the user is not asked again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        goodbye: Option<String>,
    },
}

/// A message of the simulated user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The words.
    pub text: String,
    /// What the user does with them.
    pub act: DialogueAct,
    /// The facts that they give away.
    #[serde(default)]
    pub discloses: Vec<Telling>,
}

/// A fact that a message gives away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The fact's id.
    pub fact: String,
    /// The agent's words that opened its gate. Where there are none, code has to find them.
    #[serde(default)]
    pub opened_by: Option<Cited>,
}

/// What a user does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DialogueAct {
    /// Begins the conversation.
    Open,
    /// Answers what the agent asked for.
    Answer,
    /// Tells something that the agent did not ask for.
    Tell,
    /// Asks for the next thing.
    Request,
    /// Turns against what the agent said.
    PushBack,
    /// Says yes or no to what the agent proposes.
    Decide,
    /// Says that it does not know.
    DoNotKnow,
    /// Asks again for what stayed open.
    Repeat,
    /// Says something that tells nothing: thanks, a goodbye.
    Remark,
}

impl UserAct {
    /// Says something and gives no fact away.
    pub fn say(act: DialogueAct, text: impl Into<String>) -> Self {
        UserAct::Say(Said { text: text.into(), act, discloses: Vec::new() })
    }

    /// Leaves without a word and without a check of the goal.
    #[must_use]
    pub fn leave(why: Leaving) -> Self {
        UserAct::Leave { why, goal: None, goodbye: None }
    }

    /// The same message, which gives away this fact.
    #[must_use]
    pub fn telling(mut self, fact: &str) -> Self {
        if let UserAct::Say(said) = &mut self {
            said.discloses.push(Telling { fact: fact.to_owned(), opened_by: None });
        }
        self
    }
}

/// Why the simulated user leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Got what the goal asks for.
    Satisfied,
    /// Has nothing more to say, and what the goal asks for was refused.
    GaveUp,
    /// Asked too often without an answer.
    LostPatience,
    /// Has nothing more to say, and whether the goal was reached could not be told.
    SaidAll,
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
    /// A message that a user must not say is not let through; the same scene is then asked again with
    /// [`Scene::rejected`] saying what was wrong, [`guard::REWORDINGS_MAX`] times at the most.
    ///
    /// # Errors
    /// [`UserFault::Invalid`] makes the trial Invalid, [`UserFault::Failed`] makes it Errored.
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault>;

    /// Whether [`guard`] reads its messages before the agent does. It should, unless the words are those of somebody who answers for
    /// them: a program of the caller's own knows things that no brief names.
    fn is_guarded(&self) -> bool {
        true
    }
}
