//! One conversation of one case, judged, and the one rule that gives its outcome.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::agent::{AgentFault, AgentUsage, ToolMiss};
use crate::user::goal::GoalCheck;
use crate::user::guard::Misstep;
use crate::{Assessment, Conversation, Verdict};

/// Why a conversation stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Ending {
    /// The user got what the goal asks for, as far as the user could tell.
    Satisfied,
    /// The user had nothing more to say, and what the goal asks for was refused.
    GaveUp,
    /// The user's asks stayed unanswered until patience ran out.
    LostPatience,
    /// The user had nothing more to say, and whether the goal was reached could not be told.
    SaidAll,
    /// The user asked for a person and left.
    AskedForPerson,
    /// The agent said that the conversation is over.
    AgentEnded,
    /// The limit of turns was reached.
    TurnLimit,
    /// The agent under test did not answer, or not usably.
    AgentFailed(AgentFault),
    /// The agent called a tool for which the recording has no result, and the plan says that such a trial does not count.
    ToolMissed(String),
    /// The simulated user misbehaved; what it did.
    UserInvalid(String),
    /// What plays the simulated user did not answer: a model or its network.
    UserFailed(String),
}

impl Ending {
    /// Whether the conversation says something about the agent: neither the simulated user nor the infrastructure broke it.
    #[must_use]
    pub fn is_judgeable(&self) -> bool {
        !matches!(self, Ending::UserInvalid(_) | Ending::ToolMissed(_) | Ending::AgentFailed(_) | Ending::UserFailed(_))
    }
}

/// What a trial amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every expectation was met, and every judge that decides was content.
    Passed,
    /// At least one expectation was not met.
    Failed,
    /// It could not be decided.
    Inconclusive,
    /// The simulated user misbehaved, or the recording could not answer for a tool; says nothing about the agent.
    Invalid,
    /// The infrastructure failed; says nothing about the agent.
    Errored,
}

impl Outcome {
    /// All outcomes, in the order in which they are shown.
    pub const ALL: [Outcome; 5] =
        [Outcome::Passed, Outcome::Failed, Outcome::Inconclusive, Outcome::Invalid, Outcome::Errored];

    /// The outcome as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Invalid => "invalid",
            Outcome::Errored => "errored",
        }
    }

    /// The one rule: what an ending and the assessments amount to.
    ///
    /// How the conversation ended comes first: where the simulated user or the infrastructure was at
    /// fault, nothing is held against the agent, and nothing counts in its favour. Then one Fail fails,
    /// and only Passes, at least one of them, pass. Assessments that do not decide are left aside.
    ///
    /// ```
    /// use reenact::{Ending, Outcome};
    ///
    /// assert_eq!(Outcome::of(&Ending::Satisfied, &[]), Outcome::Inconclusive);
    /// ```
    #[must_use]
    pub fn of(ending: &Ending, assessments: &[Assessment]) -> Outcome {
        let verdict_is = |verdict| move |assessment: &Assessment| assessment.decides && assessment.verdict == verdict;
        let deciding = || assessments.iter().filter(|assessment| assessment.decides);
        match ending {
            Ending::UserInvalid(_) | Ending::ToolMissed(_) => Outcome::Invalid,
            Ending::AgentFailed(_) | Ending::UserFailed(_) => Outcome::Errored,
            _ if assessments.iter().any(verdict_is(Verdict::Fail)) => Outcome::Failed,
            _ if deciding().next().is_none() => Outcome::Inconclusive,
            _ if deciding().all(verdict_is(Verdict::Pass)) => Outcome::Passed,
            _ => Outcome::Inconclusive,
        }
    }
}

/// One fact that the simulated user said, when, and by which gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disclosure {
    /// The turn of the simulated conversation, from 1.
    pub turn: u32,
    /// The fact's id.
    pub fact: String,
    /// The gate that allowed it, as a person reads it.
    pub gate: String,
    /// The agent's words that opened the gate, where it waits for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_by: Option<Cited>,
}

/// Words that were said in a turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Cited {
    /// The turn, from 1; 0 is what came before the first.
    pub turn: u32,
    /// The words, as they were said.
    pub words: String,
}

/// A message of the simulated user that was not let through, and so was never said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    /// The turn that it was worded for, from 1.
    pub turn: u32,
    /// The words.
    pub text: String,
    /// What a simulated user must not do, and this one did.
    pub misstep: Misstep,
    /// What it did, for whoever reads the trial.
    pub reason: String,
}

/// A conversation of a trial that was thrown away, because its simulated user misbehaved, and played again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Discarded {
    /// The session id under which the agent saw it.
    pub session_id: String,
    /// What the simulated user did.
    pub reason: String,
    /// What was said until then.
    pub conversation: Conversation,
    /// Which fact was said when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disclosures: Vec<Disclosure>,
    /// What was not let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
}

/// One conversation of one case, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// The case's id.
    pub case: String,
    /// Which trial of the case, from 1.
    pub trial: u32,
    /// The session id under which the agent saw it.
    pub session_id: String,
    /// Why the conversation stopped.
    pub ending: Ending,
    /// What it amounts to.
    pub outcome: Outcome,
    /// What was said.
    pub conversation: Conversation,
    /// Which fact was said when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disclosures: Vec<Disclosure>,
    /// Messages of the simulated user that were not let through and worded again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
    /// Whether the goal was reached, where the user came to ask itself that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<GoalCheck>,
    /// From which turn on the simulated user spoke, where a script or the recorded user's words came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handed_over_at: Option<u32>,
    /// Earlier conversations of this trial whose simulated user misbehaved; they count for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<Discarded>,
    /// Which version of the agent answered, where the agent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// How long the agent took for each of its replies, in milliseconds and in order, also where a reply was a fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agent_latencies_ms: Vec<u64>,
    /// What each of the agent's replies took, in order, where the agent says; none where it never does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agent_usage: Vec<Option<AgentUsage>>,
    /// The calls of tools that no recorded call answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_misses: Vec<ToolMiss>,
    /// One assessment for each expectation, in the order of the case, then one for each judge that the run names.
    pub assessments: Vec<Assessment>,
}

impl Discarded {
    /// What is kept of a trial that is to be played again, if its simulated user misbehaved.
    pub(crate) fn of(trial: &Trial) -> Option<Self> {
        let Ending::UserInvalid(reason) = &trial.ending else { return None };
        Some(Discarded {
            session_id: trial.session_id.clone(),
            reason: reason.clone(),
            conversation: trial.conversation.clone(),
            disclosures: trial.disclosures.clone(),
            corrections: trial.corrections.clone(),
        })
    }
}
