//! Expectations that a model judges: one question for each, and nothing believed that code can check.
//!
//! [`question`] and [`verdict`] are pure functions, so that whoever runs a conversation can record
//! the answer between them and come to the same assessment from the record.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Assessment, Verdict};
use crate::prompt::{Prompt, render, transcript};
use crate::{
    AnswerSchema, ChatMessage, ChatRole, Completion, Conversation, Expectation, ModelFault, ModelRequest, Speaker,
};

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
    let values = Values {
        conversation: transcript::whole(conversation),
        turns: conversation.turn_count(),
        expectation: serde_json::Value::from(text).to_string(),
    };
    let part = |role, name| ChatMessage { role, content: render(Prompt::Judge, name, &values) };
    ModelRequest {
        messages: vec![part(ChatRole::System, "system"), part(ChatRole::User, "question")],
        schema: schema(),
    }
}

/// What a judge model's answer amounts to. An answer that is absent, malformed, without a reason or
/// without turns that exist decides nothing.
#[must_use]
pub fn verdict(
    expectation: &Expectation,
    conversation: &Conversation,
    answer: &Result<Completion, ModelFault>,
    judge_name: &str,
) -> Assessment {
    let (verdict, reason, turns) = match read(answer).and_then(|judgement| checked(judgement, conversation)) {
        Ok(Judgement { verdict, reason, turns }) => (verdict, reason, turns),
        Err(why) => (Verdict::Inconclusive, why, Vec::new()),
    };
    Assessment { expectation: expectation.id.clone(), verdict, reason, turns, judge: judge_name.to_owned() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Judgement {
    reason: String,
    turns: Vec<u32>,
    verdict: Verdict,
}

fn schema() -> AnswerSchema {
    let schema = json!({
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Which words of the agent decide it, in one to three sentences."},
            "turns": {"type": "array", "items": {"type": "integer"}, "description": "The turns that the reason rests on."},
            "verdict": {"type": "string", "enum": ["pass", "fail", "inconclusive"]},
        },
        "required": ["reason", "turns", "verdict"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "judgement".to_owned(), schema }
}

fn read(answer: &Result<Completion, ModelFault>) -> Result<Judgement, String> {
    let completion = answer.as_ref().map_err(|fault| format!("the judge did not answer: {fault}"))?;
    Judgement::deserialize(&completion.answer).map_err(|error| format!("the judge's answer is malformed: {error}"))
}

fn checked(mut judgement: Judgement, conversation: &Conversation) -> Result<Judgement, String> {
    let said = judgement.verdict.as_str();
    let last = conversation.turn_count();
    if judgement.reason.trim().is_empty() {
        return Err(format!("the judge says {said} and gives no reason"));
    }
    if let Some(turn) = judgement.turns.iter().find(|turn| **turn == 0 || **turn as usize > last) {
        return Err(format!("the judge says {said} and cites turn {turn}, but there are {last}: {}", judgement.reason));
    }
    if judgement.verdict != Verdict::Inconclusive && judgement.turns.is_empty() {
        return Err(format!("the judge says {said} and cites no turn: {}", judgement.reason));
    }
    if judgement.verdict == Verdict::Pass
        && let Some(turn) = addressed_in(conversation)
    {
        return Err(format!("the judge says pass, but turn {turn} speaks to the judge: {}", judgement.reason));
    }
    judgement.turns.sort_unstable();
    judgement.turns.dedup();
    Ok(judgement)
}

/// The turn in which words that the agent or a tool produced try to instruct whoever reads them.
///
/// It catches the plain attempts only. A Pass is what such words are after, and losing one to
/// Inconclusive costs a look at the conversation; a Fail needs no such care.
fn addressed_in(conversation: &Conversation) -> Option<u32> {
    static TO_THE_JUDGE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)\b(?:ignore|disregard|forget|override)\b[^.!?\n]{0,40}\b(?:instructions?|rules|prompts?|criteria|expectations?)\b",
            r#"|\bverdict\b["'*_\s:=]{0,8}(?:(?:is|must be|should be|to)\s+)?["'*_]*pass"#,
            r"|\b(?:judges?|graders?|evaluators?|assessors?)\b[^.!?\n]{0,40}\b(?:must|should|please|answer|return|output|mark|say|rate|score|give)\b",
            r"|\b(?:mark|rate|score|grade|judge)\b[^.!?\n]{0,40}\bas\s+(?:a\s+)?[\x22'*_]*(?:pass|passed|met)\b",
        ))
        .expect("a pattern of this file")
    });
    let mut turn = 0;
    conversation.messages.iter().find_map(|message| {
        turn += u32::from(message.speaker == Speaker::User);
        let is_theirs = matches!(message.speaker, Speaker::Agent | Speaker::Tool);
        (is_theirs && TO_THE_JUDGE.is_match(&message.text)).then_some(turn)
    })
}
