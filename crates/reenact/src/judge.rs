//! Judges: what decides whether an expectation was met.
//!
//! The questions are ours: [`assess`] goes through the expectations of the case, in their order, and
//! gives each exactly one [`Assessment`]. What code can decide, code decides ([`assertion`]); the rest
//! is asked of a model, one question for each ([`model`]). Whatever cannot be decided is
//! Inconclusive, with the reason.

use std::fmt;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Conversation, Expectation, Model, ModelRequest, Speaker};

pub mod assertion;
pub mod model;

/// The judge's name where none was named.
pub const OFFLINE: &str = "offline";

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
    /// Who judged: `assertion`, a model's name, `offline` where no judge was named, or a name of the caller's own.
    pub judge: String,
}

/// Whoever decides expectations.
#[async_trait]
pub trait Judge: Send + Sync {
    /// Judges one conversation by one expectation. A judge that cannot judge says Inconclusive, with the reason.
    async fn assess(&self, expectation: &Expectation, conversation: &Conversation) -> Assessment;
}

/// Judges a conversation by every expectation: exactly one assessment for each, in order.
///
/// Without a model, what only a reader can tell is Inconclusive.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use reenact::judge::{Verdict, assess};
/// use reenact::{Check, Conversation, Expectation, Message};
///
/// let expectations = [
///     Expectation { id: "says-closed".into(), text: None, check: Check::Contains("closed".into()) },
///     Expectation { id: "is-kind".into(), text: Some("The agent is kind".into()), check: Check::Judged },
/// ];
/// let conversation: Conversation =
///     [Message::user("how are the markets"), Message::agent("Closed today.")].into_iter().collect();
/// let verdicts: Vec<_> = assess(&expectations, &conversation, None).await.iter().map(|a| a.verdict).collect();
/// assert_eq!(verdicts, [Verdict::Pass, Verdict::Inconclusive]);
/// # });
/// ```
pub async fn assess(
    expectations: &[Expectation],
    conversation: &Conversation,
    model: Option<&Model>,
) -> Vec<Assessment> {
    let mut assessments = Vec::with_capacity(expectations.len());
    for expectation in expectations {
        assessments.push(assess_one(expectation, conversation, model).await);
    }
    assessments
}

/// How an expectation comes to its assessment.
#[derive(Debug, Clone, PartialEq)]
pub enum Inquiry {
    /// It is decided: by code, or because nothing can decide it.
    Decided(Assessment),
    /// A model must be asked this, and its answer read with [`model::verdict`].
    Ask(ModelRequest),
}

/// What is to be done to assess an expectation; `judge_model` says whether a model can be asked.
///
/// This is [`assess`] in halves, for whoever records a model's answer before using it.
#[must_use]
pub fn inquire(expectation: &Expectation, conversation: &Conversation, judge_model: Option<&str>) -> Inquiry {
    let Some(name) = judge_model else { return Inquiry::Decided(without_model(expectation, conversation)) };
    if let Some(assessment) = assertion::assess(expectation, conversation) {
        return Inquiry::Decided(assessment);
    }
    let is_blank = expectation.text.as_deref().is_none_or(|text| text.trim().is_empty());
    let agent_spoke = conversation.by(Speaker::Agent).any(|m| m.is_heard() || !m.tool_calls.is_empty());
    if is_blank {
        Inquiry::Decided(undecided(expectation, "the expectation has no text to judge by", name))
    } else if !agent_spoke {
        Inquiry::Decided(undecided(expectation, "the agent said nothing", name))
    } else {
        Inquiry::Ask(model::question(expectation, conversation))
    }
}

async fn assess_one(expectation: &Expectation, conversation: &Conversation, model: Option<&Model>) -> Assessment {
    let Some(model) = model else { return without_model(expectation, conversation) };
    match inquire(expectation, conversation, Some(model.name())) {
        Inquiry::Decided(assessment) => assessment,
        Inquiry::Ask(request) => {
            model::verdict(expectation, conversation, &model.complete(&request).await, model.name())
        }
    }
}

fn without_model(expectation: &Expectation, conversation: &Conversation) -> Assessment {
    let by_code = assertion::assess(expectation, conversation);
    by_code.unwrap_or_else(|| undecided(expectation, "no judge model is named", OFFLINE))
}

fn undecided(expectation: &Expectation, why: &str, judge: &str) -> Assessment {
    let expectation = expectation.id.clone();
    Assessment {
        expectation,
        verdict: Verdict::Inconclusive,
        reason: why.to_owned(),
        turns: Vec::new(),
        judge: judge.to_owned(),
    }
}

/// The judge of a run: code where code can decide, a model for the rest, if one is named.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    model: Option<Model>,
}

impl Panel {
    /// Code alone; what only a reader can tell is Inconclusive.
    #[must_use]
    pub fn offline() -> Self {
        Panel { model: None }
    }

    /// Code, and a model for the rest.
    #[must_use]
    pub fn with_model(model: Model) -> Self {
        Panel { model: Some(model) }
    }
}

#[async_trait]
impl Judge for Panel {
    async fn assess(&self, expectation: &Expectation, conversation: &Conversation) -> Assessment {
        assess_one(expectation, conversation, self.model.as_ref()).await
    }
}
