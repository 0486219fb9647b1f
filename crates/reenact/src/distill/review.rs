//! What of a distillation needs a person's eye.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Distilled;
use crate::{TestCase, acts, text};

/// Something to look at in one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The case's id.
    pub case: String,
    /// The session that it comes from.
    pub session: String,
    /// What to look at.
    #[serde(flatten)]
    pub at: At,
}

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum At {
    /// A part was left out.
    LeftOut {
        /// The part.
        part: String,
        /// Why.
        reason: String,
    },
    /// The user turns to something else with these turns, and the case has it all.
    SeveralGoals {
        /// The turns, from 1.
        turns: Vec<u32>,
    },
    /// The case plays its own recording poorly, as a back-test found and could not repair.
    PlaysPoorly {
        /// What is poor.
        findings: Vec<String>,
    },
    /// The goal says hardly anything.
    ThinGoal,
    /// The case was made by rules that do not know its language.
    UnknownLanguage,
    /// Words of the user address a machine that reads the recording.
    OrdersTheMachine,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::LeftOut { part, reason } => write!(f, "{part} was left out: {reason}"),
            At::SeveralGoals { turns } => {
                let turns = turns.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                write!(f, "turns to something else (turn {turns}); `--split` makes a case of each goal")
            }
            At::PlaysPoorly { .. } => f.write_str("plays its own recording poorly"),
            At::ThinGoal => f.write_str("the goal says hardly anything"),
            At::UnknownLanguage => f.write_str("the rules do not know its language"),
            At::OrdersTheMachine => f.write_str("some words address a machine that reads the recording"),
        }
    }
}

/// A goal with fewer words than this, those of grammar not counted, says hardly anything.
const GOAL_WORDS_MIN: usize = 2;

/// What needs a person's eye, in the order of the cases. Nothing where all is well.
///
/// ```
/// use reenact::distill::{Distiller, distill, review::review};
/// use reenact::{Message, Session};
///
/// # futures::executor::block_on(async {
/// let session = Session::new("s-1", [Message::user("I need a taxi")].into_iter().collect());
/// let distilled = distill([Ok(session)], Distiller::Offline).await?;
/// assert_eq!(review(&distilled)[0].at.to_string(), "the goal says hardly anything");
/// # Ok::<_, reenact::Error>(()) }).unwrap();
/// ```
#[must_use]
pub fn review(distilled: &Distilled) -> Vec<Look> {
    distilled.cases.iter().flat_map(|case| looks(case, distilled)).collect()
}

fn looks(case: &TestCase, distilled: &Distilled) -> Vec<Look> {
    let session = case.origin.as_ref().map(|origin| origin.session.clone()).unwrap_or_default();
    let of_session = format!("session {session}, ");
    let left_out = distilled.dropped.iter().filter_map(|dropped| {
        let part = dropped.what.strip_prefix(&of_session)?.to_owned();
        Some(At::LeftOut { part, reason: dropped.reason.clone() })
    });
    let splits = distilled.splits.iter().filter(|split| split.session == session);
    let splits = splits.map(|split| At::SeveralGoals { turns: split.turns.clone() });
    let findings = case.origin.as_ref().map(|origin| origin.back_test.clone()).filter(|findings| !findings.is_empty());
    let poor = findings.map(|findings| At::PlaysPoorly { findings });
    let (goal, opening) = (&case.brief.goal, case.brief.opening.as_deref().unwrap_or_default());
    let is_by_rule = distilled.cost.is_none();
    let signs = [
        (text::content_set(goal).len() < GOAL_WORDS_MIN, At::ThinGoal),
        (is_by_rule && !acts::knows(&format!("{goal}\n{opening}")), At::UnknownLanguage),
        (
            said(case).any(|words| text::sentences(words).into_iter().any(acts::orders_the_machine)),
            At::OrdersTheMachine,
        ),
    ];
    let signs = signs.into_iter().filter(|(shows, _)| *shows).map(|(_, at)| at);
    let look = |at| Look { case: case.id.clone(), session: session.clone(), at };
    left_out.chain(splits).chain(poor).chain(signs).map(look).collect()
}

/// What whoever plays the user may say.
fn said(case: &TestCase) -> impl Iterator<Item = &str> {
    let brief = &case.brief;
    let facts = brief.facts.iter().map(|fact| fact.text.as_str());
    brief.opening.as_deref().into_iter().chain([brief.goal.as_str()]).chain(facts)
}
