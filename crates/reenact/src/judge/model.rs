//! Expectations that a model judges: one question for each, and nothing believed that code can check.
//!
//! [`question`] and [`verdict`] are pure functions, so that whoever runs a conversation can record
//! the answer between them and come to the same assessment from the record.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::assertion::acted;
use super::calls::sorted;
use super::evidence::{self, Quote, Said};
use super::panel::Inquiry;
use super::{Ruling, Verdict};
use crate::prompt::{Prompt, render, transcript};
use crate::{
    AnswerSchema, ChatMessage, ChatRole, Check, Completion, Conversation, Expectation, ModelFault, ModelRequest,
};

/// What is to be done to judge an expectation that no code decides.
pub(super) fn inquire(expectation: &Expectation, conversation: &Conversation) -> Inquiry {
    if let Check::InTurn(in_turn) = &expectation.check
        && in_turn.turn as usize > conversation.turn_count()
    {
        return Inquiry::Decided(Ruling::undecided(format!("the conversation has no turn {}", in_turn.turn)));
    }
    if expectation.text.as_deref().is_none_or(|text| text.trim().is_empty()) {
        Inquiry::Decided(Ruling::undecided("the expectation has no text to judge by"))
    } else if !acted(conversation) {
        Inquiry::Decided(Ruling::undecided("the agent said nothing"))
    } else {
        Inquiry::Ask(vec![question(expectation, conversation)])
    }
}

/// What is asked of a judge model about one expectation.
#[must_use]
pub fn question(expectation: &Expectation, conversation: &Conversation) -> ModelRequest {
    #[derive(Serialize)]
    struct Values {
        conversation: String,
        turns: usize,
        expectation: String,
    }
    let text = expectation.text.as_deref().unwrap_or_default();
    let text = match &expectation.check {
        Check::InTurn(in_turn) => format!("In turn {}, and whatever was said elsewhere: {text}", in_turn.turn),
        _ => text.to_owned(),
    };
    let values = Values {
        conversation: transcript::fitted(conversation),
        turns: conversation.turn_count(),
        expectation: serde_json::Value::from(text).to_string(),
    };
    let part = |role, name| ChatMessage { role, content: render(Prompt::Judge, name, &values) };
    // The conversation is a message of its own: all questions about it begin with it.
    let messages =
        vec![part(ChatRole::System, "system"), part(ChatRole::User, "conversation"), part(ChatRole::User, "question")];
    ModelRequest { messages, schema: SCHEMA.clone() }
}

/// What a judge model's answer amounts to. An answer that is absent, malformed, without a reason, without
/// turns that exist, or with words that were not said decides nothing.
#[must_use]
pub fn verdict(conversation: &Conversation, answer: &Result<Completion, ModelFault>) -> Ruling {
    match evidence::read(answer).and_then(|judgement| checked(judgement, conversation)) {
        Ok(ruling) => evidence::undisturbed(ruling, conversation),
        Err(why) => Ruling::undecided(why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Judgement {
    reason: String,
    turns: Vec<u32>,
    #[serde(default)]
    quotes: Vec<Quote>,
    verdict: Verdict,
}

static SCHEMA: LazyLock<AnswerSchema> = LazyLock::new(|| {
    let schema = json!({
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Which words of the agent decide it, in one to three sentences."},
            "turns": {"type": "array", "items": {"type": "integer"}, "description": "The turns that the reason rests on."},
            "quotes": Quote::schema("The words that decide it; none where it is decided by what was not said."),
            "verdict": {"type": "string", "enum": ["pass", "fail", "inconclusive"]},
        },
        "required": ["reason", "turns", "verdict"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "judgement".to_owned(), schema: schema.into() }
});

fn checked(judgement: Judgement, conversation: &Conversation) -> Result<Ruling, String> {
    let Judgement { reason, turns, quotes, verdict } = judgement;
    if reason.trim().is_empty() {
        return Err(format!("the judge says {verdict} and gives no reason"));
    }
    let said = Said::of(conversation);
    let doubt = evidence::doubt_turns(&turns, conversation).or_else(|| quotes.iter().find_map(|q| said.doubt(q)));
    if let Some(doubt) = doubt {
        return Err(format!("the judge says {verdict} and {doubt}: {reason}"));
    }
    if verdict != Verdict::Inconclusive && turns.is_empty() {
        return Err(format!("the judge says {verdict} and cites no turn: {reason}"));
    }
    let quoted = quotes.iter().map(|quote| quote.turn);
    Ok(Ruling::new(verdict, reason, sorted(turns.iter().copied().chain(quoted))))
}
