//! Whether the goal is reached: a check of its parts against what the agent said, made apart from whoever plays the
//! user, who would like to be done.
//!
//! Code sees that something was refused, and that a reply speaks of what was asked. What it cannot see is unknown,
//! and not a no.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{content_set, sentences, words};
use crate::{Cited, Scene, acts};

/// Who checked, where code did.
pub const CODE: &str = "code";

/// Whether a part of a goal, or all of it, is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// The agent gave what was asked for.
    Yes,
    /// Not yet, and nothing says that it will not be.
    Open,
    /// The agent made clear that it cannot or will not.
    Refused,
    /// It could not be told.
    Unknown,
}

/// One thing that the user wants, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GoalPart {
    /// What the user wants, in the words of the brief.
    pub text: String,
    /// What became of it.
    pub reached: Reached,
    /// The agent's words that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cited: Vec<Cited>,
    /// Why it could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// What a check of the goal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GoalCheck {
    /// Who checked: `code`, or a model's name.
    pub by: String,
    /// The parts of the goal.
    pub parts: Vec<GoalPart>,
}

impl GoalCheck {
    /// What code sees.
    pub(super) fn by_code(scene: &Scene<'_>) -> Self {
        let parts = parts(scene).into_iter().map(|(text, since)| part_by_code(scene, text, since));
        GoalCheck { by: CODE.to_owned(), parts: parts.collect() }
    }

    /// A check that gave nothing, and why.
    pub(super) fn unknown(scene: &Scene<'_>, by: &str, why: &str) -> Self {
        let unknown =
            |(text, _)| GoalPart { text, reached: Reached::Unknown, cited: Vec::new(), doubt: Some(why.to_owned()) };
        GoalCheck { by: by.to_owned(), parts: parts(scene).into_iter().map(unknown).collect() }
    }

    /// What became of the whole: what is open comes first, then what was refused, then what nobody can tell.
    #[must_use]
    pub fn reached(&self) -> Reached {
        let has = |reached| self.parts.iter().any(|part| part.reached == reached);
        let worst = [Reached::Open, Reached::Refused, Reached::Unknown].into_iter().find(|reached| has(*reached));
        worst.unwrap_or(if self.parts.is_empty() { Reached::Unknown } else { Reached::Yes })
    }

    /// The first part that is still open.
    #[must_use]
    pub fn open_part(&self) -> Option<&str> {
        self.parts.iter().find(|part| part.reached == Reached::Open).map(|part| part.text.as_str())
    }
}

/// What the user has asked for, each with the turn since which it has: the requests of the goal, or all of it where
/// none stands out, and those facts that were said and ask for something.
pub(super) fn parts(scene: &Scene<'_>) -> Vec<(String, u32)> {
    let requests = |text: &str, since: u32| {
        let asks = sentences(text).into_iter().filter(|sentence| acts::requests(sentence));
        asks.map(|ask| (ask.to_owned(), since)).collect::<Vec<_>>()
    };
    let mut parts = requests(&scene.brief.goal, 1);
    if parts.is_empty() {
        parts.push((scene.brief.goal.clone(), 1));
    }
    for said in scene.disclosures {
        let fact = scene.brief.facts.iter().find(|fact| fact.id == said.fact);
        parts.extend(fact.iter().flat_map(|fact| requests(&fact.text, said.turn)));
    }
    let mut distinct: Vec<(String, u32)> = Vec::with_capacity(parts.len());
    for (text, since) in parts {
        if !distinct.iter().any(|(other, _)| *other == text) {
            distinct.push((text, since));
        }
    }
    distinct
}

fn part_by_code(scene: &Scene<'_>, text: String, since: u32) -> GoalPart {
    let wanted = content_set(&text);
    let newest = scene.heard.turns().last();
    let refusal = newest.and_then(|turn| Some((turn.number, sentence(&turn.said_by_agent(), acts::refuses)?)));
    let answers = |reply: &str| speaks_of(&wanted, reply) && acts_as_answer(reply);
    let later = scene.heard.turns().filter(|turn| turn.number >= since);
    let answer = later.filter_map(|turn| Some((turn.number, sentence(&turn.said_by_agent(), answers)?)));
    let (reached, found) = match (refusal, answer.last()) {
        (Some(refusal), _) => (Reached::Refused, Some(refusal)),
        (None, Some(answer)) => (Reached::Yes, Some(answer)),
        (None, None) => (Reached::Unknown, None),
    };
    let doubt = found.is_none().then(|| "no reply says it in words that code can see".to_owned());
    let cited = found.into_iter().map(|(turn, words)| Cited { turn, words }).collect();
    GoalPart { text, reached, cited, doubt }
}

fn sentence(reply: &str, is: impl Fn(&str) -> bool) -> Option<String> {
    sentences(reply).into_iter().rev().find(|sentence| is(sentence)).map(str::to_owned)
}

/// What says something, rather than asks, refuses or is polite.
fn acts_as_answer(sentence: &str) -> bool {
    !(acts::asks(sentence) || acts::refuses(sentence) || acts::offers_more(sentence) || acts::is_social(sentence))
}

/// How many letters two words must begin with in common to be forms of one: "update", "updated".
const STEM_LETTERS: usize = 5;

/// Whether a sentence has a word of what is wanted, in whatever form, or gives a number.
fn speaks_of(wanted: &BTreeSet<String>, sentence: &str) -> bool {
    let is_form = |one: &str, other: &str| {
        let shared = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        one == other || shared >= STEM_LETTERS
    };
    let said = content_set(sentence);
    let has_number = words(sentence).any(|word| word.chars().any(|c| c.is_ascii_digit()));
    has_number || said.iter().any(|said| wanted.iter().any(|wanted| is_form(said, wanted)))
}
