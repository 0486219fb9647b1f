//! A test case: what the simulated user may know, what the agent must do, and where both come from.
//!
//! [`Brief`] and [`Expectation`] are different types on purpose. Whatever plays the user is handed a
//! brief and nothing else, so an expectation cannot reach it.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Conversation;

use crate::Usd;

pub use check::{Problem, check};
pub use edited::{PartProblem, check_case};
pub(crate) use emit::document as yaml;
pub use suite::{Saved, Suite};
pub use variant::{Stress, Variant};
pub(crate) use wording::Part;
pub use wording::Wording;
pub(crate) use write::case as written;

mod amend;
mod check;
mod checks;
mod edited;
mod emit;
pub(crate) mod envelope;
mod expectations;
mod facts;
pub(crate) mod fields;
pub(crate) mod ids;
mod json;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod parts;
mod reader;
pub(crate) mod save;
mod scalar;
pub(crate) mod schema;
pub(crate) mod source;
mod staging;
mod suite;
pub(crate) mod tree;
mod variant;
mod wording;
mod write;
mod yaml;

/// Keys that `context` cannot have, because the agent's own arguments have those names.
pub const RESERVED_CONTEXT_KEYS: [&str; 4] = ["input", "messages", "mlflow_session_id", "session_id"];

/// One case of a suite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestCase {
    /// Unique in its suite.
    pub id: String,
    /// All that the simulated user may know.
    pub brief: Brief,
    /// Handed to the agent with every turn, never to the user.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub context: Map<String, Value>,
    /// What the agent must do; never shown to the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<Expectation>,
    /// What was said before, who speaks first, and which words are fixed.
    #[serde(default, skip_serializing_if = "Staging::is_plain")]
    pub staging: Staging,
    /// Which case it was derived from to stress the agent, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// Where the case comes from, for a case that was distilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// All that the simulated user may know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// What the user wants, in a sentence or two.
    pub goal: String,
    /// How the user writes and behaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// How to play this user beyond the persona.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guidelines: Vec<String>,
    /// What the user knows, each with when it may be said, in the order of the recording.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// The first message, word for word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<String>,
    /// How many asks may stay unanswered before the user gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
}

impl Brief {
    /// The wishes of the goal: one a line, each with the number of its line among them, from 1.
    pub(crate) fn wishes(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.goal.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.enumerate().map(|(at, wish)| (at + 1, wish))
    }
}

/// How the conversation of a case is set up, beyond its brief.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Staging {
    /// What the user and the agent said before; the conversation goes on from there.
    #[serde(default, skip_serializing_if = "no_messages")]
    pub prefix: Conversation,
    /// Who speaks first.
    #[serde(default)]
    pub first_speaker: FirstSpeaker,
    /// The user's messages, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<String>,
    /// What the user does at the end of the script.
    #[serde(default)]
    pub after_script: AfterScript,
}

impl Staging {
    /// Whether nothing is set up.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Staging::default()
    }
}

fn no_messages(conversation: &Conversation) -> bool {
    conversation.messages.is_empty()
}

/// Who speaks first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstSpeaker {
    /// The user.
    #[default]
    User,
    /// The agent, before it has heard anything.
    Agent,
}

/// What the user does at the end of a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterScript {
    /// Leaves.
    #[default]
    Leave,
    /// Goes on as a simulated user.
    GoOn,
}

/// Something that the user knows, and when it may be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    /// Unique in its brief.
    pub id: String,
    /// What the user knows, in the user's own words where it was distilled.
    pub text: String,
    /// When it may be said.
    #[serde(default)]
    pub gate: Gate,
}

/// When a fact may be said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// At any time after the opening.
    #[default]
    Open,
    /// When the agent asks for this topic.
    Asked(String),
    /// Once the fact with this id has been said.
    After(String),
    /// When the agent does this.
    When(String),
    /// Never: the user knows it and keeps it.
    Never,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gate::Open => f.write_str("open"),
            Gate::Asked(topic) => write!(f, "asked: {topic}"),
            Gate::After(id) => write!(f, "after: {id}"),
            Gate::When(act) => write!(f, "when: {act}"),
            Gate::Never => f.write_str("never"),
        }
    }
}

/// One checkable statement about the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// Unique in its case.
    pub id: String,
    /// The statement, for a reader or a judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What decides it.
    #[serde(flatten)]
    pub check: Check,
}

/// What decides an expectation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Code: some message of the agent contains this text, upper and lower case alike.
    Contains(String),
    /// Code: some message of the agent matches this regular expression.
    Matches(String),
    /// Code: no message of the agent matches this regular expression.
    MustNotMatch(String),
    /// Code: the agent makes such a call.
    ToolCalled(CallPattern),
    /// Code: the agent makes no such call.
    ToolNeverCalled(CallPattern),
    /// Code: before the agent makes the second call, it makes the first.
    CalledBefore([CallPattern; 2]),
    /// Code: some call of a tool has this in its arguments or its result.
    JsonPath(JsonPathCheck),
    /// Code: the user needs no more messages than this.
    MaxTurns(u32),
    /// Code: no reply of the agent takes longer than this, in milliseconds.
    LatencyMs(u32),
    /// Code: the agent's answers cost no more than this, all together.
    CostUsd(Usd),
    /// The same, of the agent's part of one turn alone.
    InTurn(Box<InTurn>),
    /// A judge, from the expectation's text. In JSON: `"judged": null`.
    Judged,
}

/// What decides an expectation about one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InTurn {
    /// The turn, from 1.
    pub turn: u32,
    /// What decides it.
    pub check: Check,
}

impl Check {
    /// Whether it takes a judge.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        match self {
            Check::InTurn(in_turn) => in_turn.check.is_judged(),
            check => *check == Check::Judged,
        }
    }
}

/// Which calls of a tool are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallPattern {
    /// The tool's name.
    pub tool: String,
    /// What the arguments hold at least: objects may have more members, all else must be the same.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub arguments: Map<String, Value>,
}

/// What some call of a tool has in its arguments or its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonPathCheck {
    /// The tool's name.
    pub tool: String,
    /// Where to look.
    #[serde(rename = "in", default)]
    pub part: CallPart,
    /// A JSONPath (RFC 9535).
    pub path: String,
    /// What one of the values at the path is.
    #[serde(flatten)]
    pub wanted: Wanted,
}

/// A side of a tool call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallPart {
    /// What the agent sent.
    #[default]
    Arguments,
    /// What the tool answered.
    Result,
}

/// What a value is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// This value; numbers are compared as numbers.
    Equals(Value),
    /// A text that matches this regular expression, or a value whose JSON does.
    Matches(String),
    /// Anything. In JSON: `"exists": null`.
    Exists,
}

impl TestCase {
    /// What the recording shows to have failed: the expectations for which it has evidence, but for those that it met.
    #[must_use]
    pub fn failure_signature(&self) -> Vec<&Expectation> {
        let evidence = self.origin.iter().flat_map(|origin| &origin.evidence);
        let failed = evidence.filter_map(|entry| entry.field.strip_prefix("expectations."));
        let is_met = |id: &&str| self.origin.iter().flat_map(|origin| &origin.not_failed).any(|met| met == id);
        let failed: Vec<&str> = failed.filter(|id| !is_met(id)).collect();
        self.expectations.iter().filter(|expectation| failed.contains(&expectation.id.as_str())).collect()
    }
}

/// Where a case comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The id of the session.
    pub session: String,
    /// How many other sessions are nearly the same, where it was chosen among many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub alike: u32,
    /// Each part of the case as it was distilled, by a piece of its hash: shows which of them somebody edited since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub distilled: BTreeMap<String, String>,
    /// For each part of the case, the turn and the words that it comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Why the case plays its own recording poorly, where a back-test found that and could not repair it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back_test: Vec<String>,
    /// The ids of the expectations that the recorded agent is not seen to have failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_failed: Vec<String>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The words that a part of a case comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The part: `goal`, `persona`, `opening`, `patience`, `facts.ID`, `guidelines.N`, `expectations.ID`. How the user left
    /// stands here as well: `ending.satisfied`, `ending.gave_up`, `ending.asked_for_person` or `ending.cut_off`; and as
    /// `remark` what the user said that tells nothing.
    pub field: String,
    /// The turn of the session, from 1.
    pub turn: u32,
    /// The user's words, verbatim.
    pub quote: String,
}
