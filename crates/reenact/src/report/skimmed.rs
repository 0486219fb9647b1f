//! A stored trial in a line, read without what was said in it: lists of thousands of trials need no conversations.

use serde::Deserialize;

use super::{EndingKind, TrialSummary, why_of};
use crate::{Assessment, Ending, Outcome, Speaker};

/// Of a trial what its line needs; the parser passes over the rest.
#[derive(Deserialize)]
struct Skimmed {
    trial: u32,
    ending: Ending,
    outcome: Outcome,
    conversation: Vec<Spoken>,
    assessments: Vec<Assessment>,
}

#[derive(Deserialize)]
struct Spoken {
    speaker: Speaker,
}

/// The line of a trial, from its JSON.
pub(crate) fn skimmed(body: &str) -> serde_json::Result<TrialSummary> {
    let Skimmed { trial, ending, outcome, conversation, assessments } = serde_json::from_str(body)?;
    let turns = conversation.iter().filter(|message| message.speaker == Speaker::User).count() as u32;
    let why = why_of(trial, outcome, &ending, &assessments);
    Ok(TrialSummary { trial, outcome, ending: EndingKind::from(&ending), turns, cost: None, why })
}
