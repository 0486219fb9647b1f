//! Judges: what decides whether a conversation is as it should be.
//!
//! The questions are ours: [`assess`] goes through the expectations of the case and then through the judges that
//! the run names, in their order, and gives each exactly one [`Assessment`]. What code can decide, code decides
//! ([`assertion`]); the rest is asked of a [`Panel`] of models. Nothing of an answer is believed that code can
//! check, and whatever cannot be decided is Inconclusive, with the reason.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Conversation, Ending, Expectation, TestCase, Usd, cost};

pub use built_in::BuiltIn;
pub use file::{check, file_schema, is_judges_file, load};
pub use named::{Asks, JudgeSpec, JudgesCassette, Judging, OwnJudge, Passes, ValueType};
pub(crate) use panel::questions;
pub use panel::{JudgeRule, Panel};

pub mod assertion;
mod built_in;
mod calls;
mod evidence;
mod failure;
mod file;
mod findings;
mod items;
pub mod model;
mod named;
mod own;
mod panel;

/// The judge's name where none was named.
pub const OFFLINE: &str = "offline";

/// How the name of a participant begins that is Python's own code.
pub(crate) const PYTHON: &str = "python:";

/// Whether a participant's name is that of a model: neither the embedded engine nor somebody's own code.
pub(crate) fn is_model(name: &str) -> bool {
    name != OFFLINE && !name.starts_with(PYTHON)
}

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

impl Verdict {
    /// The verdict as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one judge says, before it is said of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ruling {
    /// What the judge says.
    pub verdict: Verdict,
    /// The value that it gives, for a judge that gives one: true or false, a number, a label or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why.
    pub reason: String,
    /// The turns of the simulated conversation that it rests on, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<u32>,
}

impl Ruling {
    pub(crate) fn new(verdict: Verdict, reason: impl Into<String>, turns: Vec<u32>) -> Self {
        Ruling { verdict, value: None, reason: reason.into(), turns }
    }

    /// What it says in a line, such as `fail (3): the answer is late`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let value = self.value.as_ref().map(|value| format!(" ({})", value_in_words(value))).unwrap_or_default();
        format!("{}{value}: {}", self.verdict, self.reason)
    }

    /// It cannot be told, and why.
    pub(crate) fn undecided(reason: impl Into<String>) -> Self {
        Ruling::new(Verdict::Inconclusive, reason, Vec::new())
    }
}

/// What one judge of several said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Vote {
    /// Who.
    pub judge: String,
    /// What.
    #[serde(flatten)]
    pub ruling: Ruling,
}

/// A verdict with its reason, the turns that it cites and its judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assessment {
    /// The expectation's id; for a judge that the run names, that judge's name.
    pub expectation: String,
    /// What the judge says.
    pub verdict: Verdict,
    /// Whether the outcome depends on it. What a judge says whose value nothing tells how to pass, or that does not
    /// apply to the case, is shown and decides nothing.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub decides: bool,
    /// The value that the judge gives, where it gives one: true or false, a number, a label or a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why.
    pub reason: String,
    /// The turns of the simulated conversation that it rests on, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<u32>,
    /// Who judged: `assertion`, a model's name, several with the rule that joined them, `offline` where no judge was
    /// named, or a name of the caller's own.
    pub judge: String,
    /// What each judge said, where several were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_yes(decides: &bool) -> bool {
    *decides
}

impl Assessment {
    /// An assessment that decides, by one judge.
    ///
    /// ```
    /// use reenact::{Assessment, Verdict};
    ///
    /// let assessment = Assessment::new("is-brief", Verdict::Fail, "the answer has 900 words", "word counter").citing(&[2]);
    /// assert_eq!((assessment.turns, assessment.decides), (vec![2], true));
    /// ```
    #[must_use]
    pub fn new(expectation: &str, verdict: Verdict, reason: impl Into<String>, judge: impl Into<String>) -> Self {
        Assessment::of(expectation, Ruling::new(verdict, reason, Vec::new()), judge)
    }

    /// The same assessment with the turns that it rests on, from 1.
    #[must_use]
    pub fn citing(mut self, turns: &[u32]) -> Self {
        self.turns = turns.to_vec();
        self
    }

    pub(crate) fn of(expectation: &str, ruling: Ruling, judge: impl Into<String>) -> Self {
        let Ruling { verdict, value, reason, turns } = ruling;
        let (expectation, judge) = (expectation.to_owned(), judge.into());
        Assessment { expectation, verdict, decides: true, value, reason, turns, judge, votes: Vec::new() }
    }

    /// The value as a person reads it, without the quotation marks of JSON.
    #[must_use]
    pub fn value_in_words(&self) -> Option<String> {
        self.value.as_ref().map(value_in_words)
    }
}

fn value_in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What lies before a judge: one conversation of one case.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Hearing<'a> {
    /// The case that was played.
    pub case: &'a TestCase,
    /// What was said.
    pub conversation: &'a Conversation,
    /// Why it stopped; none for a conversation that no run played.
    pub ending: Option<&'a Ending>,
    /// How long the agent took for each of its replies, in milliseconds and in order; empty where nobody measured.
    pub latencies_ms: &'a [u64],
    /// What the agent's answers cost, or why that is not known.
    pub agent_cost: Result<Usd, &'a str>,
}

impl<'a> Hearing<'a> {
    /// A conversation of which nothing is known but what was said.
    #[must_use]
    pub fn new(case: &'a TestCase, conversation: &'a Conversation) -> Self {
        Hearing { case, conversation, ending: None, latencies_ms: &[], agent_cost: Err(cost::NOT_TOLD) }
    }
}

/// Whoever decides expectations.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Judges one conversation by one expectation. A judge that cannot judge says Inconclusive, with the reason.
    async fn assess(&self, expectation: &Expectation, hearing: Hearing<'_>) -> Assessment;
}

/// Judges a conversation: exactly one assessment for each expectation of its case and for each judge, in order.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use reenact::judge::{Hearing, Panel, Verdict, assess};
/// use reenact::{Check, Conversation, Expectation, Message, TestCase};
///
/// let expectations = vec![
///     Expectation { id: "says-closed".into(), text: None, check: Check::Contains("closed".into()) },
///     Expectation { id: "is-kind".into(), text: Some("The agent is kind".into()), check: Check::Judged },
/// ];
/// let case = TestCase { id: "markets".into(), expectations, ..TestCase::default() };
/// let conversation: Conversation =
///     [Message::user("how are the markets"), Message::agent("Closed today.")].into_iter().collect();
///
/// // Without a model, what only a reader can tell is Inconclusive.
/// let assessments = assess(Hearing::new(&case, &conversation), &[], &Panel::offline()).await;
/// let verdicts: Vec<_> = assessments.iter().map(|assessment| assessment.verdict).collect();
/// assert_eq!(verdicts, [Verdict::Pass, Verdict::Inconclusive]);
/// # });
/// ```
pub async fn assess(hearing: Hearing<'_>, judges: &[JudgeSpec], panel: &Panel) -> Vec<Assessment> {
    let mut assessments = Vec::with_capacity(hearing.case.expectations.len() + judges.len());
    for expectation in &hearing.case.expectations {
        assessments.push(panel.assess(expectation, hearing).await);
    }
    for judge in judges {
        let assessment = match judge.asks {
            Asks::BuiltIn(BuiltIn::FailurePresent) => failure::assess(&judge.name, hearing.case, &assessments),
            _ => panel.assess_by(judge, hearing).await,
        };
        assessments.push(assessment);
    }
    assessments
}

/// What is said of one expectation or one judge alone; nothing where there is none of that name.
pub(crate) async fn assess_only(
    id: &str,
    hearing: Hearing<'_>,
    judges: &[JudgeSpec],
    panel: &Panel,
) -> Option<Verdict> {
    if let Some(expectation) = hearing.case.expectations.iter().find(|it| it.id == id) {
        return Some(panel.assess(expectation, hearing).await.verdict);
    }
    let judge = judges.iter().find(|judge| judge.name == id)?;
    Some(panel.assess_by(judge, hearing).await.verdict)
}

/// The assessments of a conversation that broke off: there is one for each question, and none decides it.
pub(crate) fn not_judged(expectations: &[Expectation], judges: &[JudgeSpec]) -> Vec<Assessment> {
    let ids = expectations.iter().map(|expectation| &expectation.id).chain(judges.iter().map(|judge| &judge.name));
    ids.map(|id| Assessment::of(id, Ruling::undecided("the conversation broke off, so it was not judged"), "none"))
        .collect()
}
