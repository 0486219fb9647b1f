//! What a built-in judge lists. The list is made by code from the conversation, the case and the judge's own
//! settings, so that an answer can leave nothing out and add nothing.

use serde_json::{Value, json};

use super::built_in::{BuiltIn, Lists};
use super::{Hearing, calls};
use crate::{Conversation, Speaker, text};

/// One thing that is asked about.
#[derive(Debug)]
pub(super) struct Item {
    /// Its id in the question and in the answer.
    pub(super) id: String,
    /// The turn that it stands in, where it stands in one; 0 is what came before the first.
    pub(super) turn: Option<u32>,
    /// What else the model is shown of it.
    shown: Value,
}

impl Item {
    fn of_turn(turn: u32) -> Self {
        Item { id: format!("turn-{turn}"), turn: Some(turn), shown: json!({}) }
    }

    fn of_text(kind: &str, number: usize, text: &str) -> Self {
        Item { id: format!("{kind}-{number}"), turn: None, shown: json!({ "text": text }) }
    }

    /// The item as a line of a question: one JSON object.
    pub(super) fn line(&self) -> String {
        let mut line = json!({ "id": self.id });
        for (key, value) in self.shown.as_object().into_iter().flatten() {
            line[key] = value.clone();
        }
        line.to_string()
    }
}

/// Everything that a judge asks about, in order.
pub(super) fn of(judge: &BuiltIn, hearing: Hearing<'_>) -> Vec<Item> {
    let conversation = hearing.conversation;
    match judge.rubric().lists {
        Lists::UserTurns => (1..=conversation.turn_count() as u32).map(Item::of_turn).collect(),
        Lists::AgentTurns => agent_turns(conversation).into_iter().map(Item::of_turn).collect(),
        Lists::ToolCalls => tool_calls(conversation),
        Lists::Guidelines => {
            let BuiltIn::ConversationalGuidelines { guidelines } = judge else { return Vec::new() };
            guidelines.iter().zip(1..).map(|(text, number)| Item::of_text("guideline", number, text)).collect()
        }
        Lists::GoalParts => {
            let parts = text::sentences(&hearing.case.brief.goal);
            parts.into_iter().zip(1..).map(|(text, number)| Item::of_text("part", number, text)).collect()
        }
    }
}

fn agent_turns(conversation: &Conversation) -> Vec<u32> {
    let mut turn = 0;
    let mut turns = Vec::new();
    for message in &conversation.messages {
        turn += u32::from(message.speaker == Speaker::User);
        let acts = message.speaker == Speaker::Agent && (message.is_heard() || !message.tool_calls.is_empty());
        if acts && turns.last() != Some(&turn) {
            turns.push(turn);
        }
    }
    turns
}

/// The calls; one that repeats an earlier one word for word is marked, because code sees that better than a reader.
fn tool_calls(conversation: &Conversation) -> Vec<Item> {
    let calls = calls::of(conversation);
    let item = |(at, call): (usize, &calls::Call<'_>)| {
        let is_same = |earlier: &calls::Call<'_>| {
            earlier.call.name == call.call.name && earlier.call.arguments.trim() == call.call.arguments.trim()
        };
        let mut shown = json!({ "turn": call.turn, "tool": call.call.name, "arguments": call.call.arguments });
        if let Some(earlier) = calls[..at].iter().position(is_same) {
            shown["same_as"] = format!("call-{}", earlier + 1).into();
        }
        Item { id: format!("call-{}", at + 1), turn: Some(call.turn), shown }
    };
    calls.iter().enumerate().map(item).collect()
}
