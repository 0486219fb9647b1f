//! What code checks of a judge's answer: that the turns it cites exist, that the words it quotes were said there,
//! and that nobody in the conversation told it what to say.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Ruling, Verdict};
use crate::quote;
use crate::shorten::shorten;
use crate::{Completion, Conversation, Message, ModelFault, Speaker};

/// Words that a judge says were said.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quote {
    /// The turn that they stand in; 0 is what came before the first.
    pub(super) turn: u32,
    pub(super) words: String,
}

impl Quote {
    /// The form of a list of quotes, as a model is asked for it.
    pub(super) fn schema(about: &str) -> Value {
        json!({
            "type": "array",
            "description": about,
            "items": {
                "type": "object",
                "properties": {
                    "turn": {"type": "integer", "description": "The number of the turn that the words stand in."},
                    "words": {"type": "string", "description": "The words, copied exactly."},
                },
                "required": ["turn", "words"],
                "additionalProperties": false,
            },
        })
    }
}

/// What was said and done in each turn, by side.
pub(super) struct Said {
    user: Vec<String>,
    agent: Vec<String>,
    operator: Vec<String>,
}

impl Said {
    pub(super) fn of(conversation: &Conversation) -> Self {
        let nothing = || vec![String::new()];
        let mut said = Said { user: nothing(), agent: nothing(), operator: nothing() };
        for message in &conversation.messages {
            if message.speaker == Speaker::User {
                let sides = [&mut said.user, &mut said.agent, &mut said.operator];
                sides.into_iter().for_each(|turns| turns.push(String::new()));
            }
            match message.speaker {
                Speaker::User => said.user.last_mut().into_iter().for_each(|words| add(words, &message.text)),
                Speaker::Agent | Speaker::Tool => said.agent.last_mut().into_iter().for_each(|words| {
                    add(words, &message.text);
                    message
                        .tool_calls
                        .iter()
                        .for_each(|call| add(words, &format!("{}({})", call.name, call.arguments)));
                }),
                Speaker::Operator => said.operator.last_mut().into_iter().for_each(|words| add(words, &message.text)),
            }
        }
        said
    }

    pub(super) fn turns(&self) -> u32 {
        self.user.len() as u32 - 1
    }

    pub(super) fn by_user(&self, quote: &Quote) -> bool {
        has(&self.user, quote)
    }

    pub(super) fn by_agent(&self, quote: &Quote) -> bool {
        has(&self.agent, quote)
    }

    /// Why a quote cannot be believed.
    pub(super) fn doubt(&self, quote: &Quote) -> Option<String> {
        let Quote { turn, words } = quote;
        if *turn > self.turns() {
            return Some(format!("cites turn {turn}, but there are {}", self.turns()));
        }
        let was_said = self.by_user(quote) || self.by_agent(quote) || has(&self.operator, quote);
        (!was_said).then(|| format!("quotes \"{}\", which turn {turn} does not have", shorten(words)))
    }
}

fn has(turns: &[String], quote: &Quote) -> bool {
    turns.get(quote.turn as usize).is_some_and(|words| quote::find(words, &quote.words).is_some())
}

fn add(words: &mut String, more: &str) {
    if !words.is_empty() {
        words.push('\n');
    }
    words.push_str(more);
}

/// A model's answer in the form that was asked for, or why it is none.
pub(super) fn read<T: for<'de> Deserialize<'de>>(answer: &Result<Completion, ModelFault>) -> Result<T, String> {
    let completion = answer.as_ref().map_err(|fault| format!("the judge did not answer: {fault}"))?;
    T::deserialize(&completion.answer).map_err(|error| format!("the judge's answer is malformed: {error}"))
}

/// Why turns that an answer cites cannot be believed.
pub(super) fn doubt_turns(turns: &[u32], conversation: &Conversation) -> Option<String> {
    let last = conversation.turn_count();
    let wrong = turns.iter().find(|turn| **turn == 0 || **turn as usize > last)?;
    Some(format!("cites turn {wrong}, but there are {last}"))
}

/// The ruling, unless it is a Pass in a conversation where the agent or a tool speaks to whoever judges: to get
/// one is what such words are for.
pub(super) fn undisturbed(ruling: Ruling, conversation: &Conversation) -> Ruling {
    match addressed_in(conversation) {
        Some(turn) if ruling.verdict == Verdict::Pass => Ruling {
            verdict: Verdict::Inconclusive,
            reason: format!("the judge says pass, but turn {turn} speaks to the judge: {}", ruling.reason),
            ..ruling
        },
        _ => ruling,
    }
}

/// The turn in which words that the agent or a tool produced try to instruct whoever reads them.
///
/// It catches the plain attempts only. A Pass is what such words are after, and losing one to
/// Inconclusive costs a look at the conversation; a Fail needs no such care.
pub(super) fn addressed_in(conversation: &Conversation) -> Option<u32> {
    static TO_THE_JUDGE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"(?i)\b(?:ignore|disregard|forget|override)\b[^.!?\n]{0,40}\b(?:instructions?|rules|prompts?|criteria|expectations?)\b",
            r#"|\bverdict\b["'*_\s:=]{0,8}(?:(?:is|must be|should be|to)\s+)?["'*_]*pass"#,
            r"|\b(?:judges?|graders?|evaluators?|assessors?)\b[^.!?\n]{0,40}\b(?:must|should|please|answer|return|output|mark|say|rate|score|give)\b",
            r"|\b(?:mark|rate|score|grade|judge)\b[^.!?\n]{0,40}\bas\s+(?:a\s+)?[\x22'*_]*(?:pass|passed|met)\b",
        ))
        .expect("a pattern of this file")
    });
    let speaks_to_the_judge = |message: &Message| {
        let is_theirs = matches!(message.speaker, Speaker::Agent | Speaker::Tool);
        let calls = message.tool_calls.iter().map(|call| &call.arguments);
        is_theirs && calls.chain([&message.text]).any(|text| TO_THE_JUDGE.is_match(text))
    };
    let mut turn = 0;
    conversation.messages.iter().find_map(|message| {
        turn += u32::from(message.speaker == Speaker::User);
        speaks_to_the_judge(message).then_some(turn)
    })
}
