//! Distillation without a model: extraction by rule, every word of it the user's own.
//!
//! The goal is made of the sentences in which the user asks for something; what the user said later is a fact, gated
//! by what the agent had just done: asked for it, claimed something that the user turned against, or neither. Nothing
//! is rephrased, so every part is grounded by construction; what a rule cannot tell is left out.

use crate::case::{Brief, Evidence, Fact, Gate, Origin};
use crate::slug::{slug, unique};
use crate::{Session, TestCase, acts, text};

use super::values::{FirstSaid, Spoken, Value, values};
use recording::{Said, recording};
use telling::{Channel, Told};

mod brevity;
mod ending;
mod essence;
mod guidelines;
mod heard;
mod language;
mod persona;
mod pushback;
mod recording;
mod remarks;
mod telling;
mod turning;

/// How many words a topic that the agent asked for keeps.
const TOPIC_WORDS_MAX: usize = 8;

/// How many words name a case, and how many a fact.
const CASE_ID_WORDS: usize = 4;
const FACT_ID_WORDS: usize = 3;

/// Distils one session: its case, and the turns with which it plainly turns to something else.
///
/// # Errors
/// Where there is nothing to distil: the reason.
pub(super) fn case(session: &Session) -> Result<(TestCase, Vec<u32>), String> {
    let spoken = Spoken::of(session);
    let said = recording(&session.conversation, &spoken);
    let Some(first) = said.first() else { return Err("the user says nothing".into()) };
    let mut telling = telling::telling(&said, &spoken);
    let told = &mut telling.told;
    gate_learned(told, &spoken);
    brevity::shorten(told, &said);
    let mut evidence: Vec<Evidence> = Vec::new();
    let goal = goal(told, &mut evidence);
    if goal.is_empty() {
        return Err("the user asks for nothing: there is no goal to play again".into());
    }
    let (persona, samples) = persona::persona(&said);
    evidence.extend(samples);
    evidence.push(first.evidence("opening", first.text));
    let facts = facts(told, &mut evidence);
    let expectations = pushback::expectations(&said, &mut evidence);
    let guidelines = guidelines::guidelines(&said, &mut evidence);
    let (patience, left) = ending::ending(&said);
    evidence.extend(left);
    evidence.extend(remarks::remarks(&said, &telling));
    let opening = Some(first.text.to_owned());
    let brief = Brief { goal, persona, guidelines, facts, opening, patience };
    let origin = Some(Origin { session: session.id.clone(), evidence, ..Origin::default() });
    // The first wish names the case.
    let first_wish = text::sentences(&brief.goal).first().copied().unwrap_or_default();
    let id = name(first_wish, CASE_ID_WORDS).unwrap_or_else(|| "case".into());
    let case = TestCase { id, brief, expectations, origin, ..TestCase::default() };
    Ok((case, turning::turnings(&telling.told, &said)))
}

/// What the user may have waited for before a turn: that the agent asks for what it had just asked for, or says what it had
/// just said.
pub(crate) fn gates(session: &Session, turn: u32) -> Vec<Gate> {
    let spoken = Spoken::of(session);
    let said = recording(&session.conversation, &spoken);
    let said = said.iter().find(|said| said.turn == turn);
    let asked = said.and_then(topic).map(Gate::Asked);
    let after = said.and_then(pushback::cue).map(|cue| Gate::When(format!("the agent says \"{cue}\"")));
    asked.into_iter().chain(after).collect()
}

/// What the user came for, one line a turn.
fn goal(told: &[Told<'_>], evidence: &mut Vec<Evidence>) -> String {
    let mut goal = String::new();
    for told in told.iter().filter(|told| told.channel == Channel::Goal) {
        if !goal.is_empty() {
            goal.push('\n');
        }
        goal.push_str(&told.text());
        evidence.push(told.evidence("goal"));
    }
    goal
}

/// What holds a value that the agent brought up is no part of the goal, however the parts read when they are joined.
fn gate_learned(told: &mut [Told<'_>], spoken: &Spoken<'_>) {
    let is_learned = |value: &Value<'_>| spoken.first_said(value.text) == FirstSaid::ByAgent;
    loop {
        let goal = goal(told, &mut Vec::new());
        let Some(value) = values(&goal).into_iter().find(is_learned) else { return };
        let learned = told.iter_mut().find(|told| told.channel == Channel::Goal && told.text().contains(value.text));
        match learned {
            Some(told) => told.channel = Channel::Gated(Gate::When(format!("the agent mentions {}", value.text))),
            None => return,
        }
    }
}

/// What waits for a question or for something that the agent does, one fact a turn, in the order of the recording.
fn facts(told: &[Told<'_>], evidence: &mut Vec<Evidence>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for told in told {
        let Channel::Gated(gate) = &told.channel else { continue };
        let text = told.text();
        let id = fact_id(&text, gate, &facts);
        evidence.push(told.evidence(&format!("facts.{id}")));
        facts.push(Fact { id, text, gate: gate.clone() });
    }
    facts
}

/// Where a piece of a text begins in it.
fn offset(text: &str, piece: &str) -> usize {
    piece.as_ptr() as usize - text.as_ptr() as usize
}

/// What the agent had just asked for, in the words that say what about.
fn topic(turn: &Said<'_>) -> Option<String> {
    // Who begins with a further wish does not answer.
    if turn.sentences.iter().find(|s| !acts::is_social(s)).is_some_and(|s| acts::adds(s) && acts::requests(s)) {
        return None;
    }
    let is_ask = |sentence: &&&str| acts::asks(sentence) && !acts::offers_more(sentence);
    let asks: Vec<&str> = turn.agent_sentences.iter().filter(is_ask).copied().collect();
    let mut words: Vec<String> = Vec::new();
    // The last question is the one that people answer first.
    for ask in asks.iter().rev() {
        for (n, word) in text::words(ask).enumerate() {
            // A name in a question is the agent's, not the user's.
            let is_name = n > 0 && word.starts_with(char::is_uppercase);
            let word = word.to_lowercase();
            if !is_name && tells_topic(&word) && words.len() < TOPIC_WORDS_MAX && !words.contains(&word) {
                words.push(word);
            }
        }
    }
    if words.is_empty() {
        // "When?" names no topic but its own word.
        words = asks.iter().rev().flat_map(|ask| text::words(ask)).map(str::to_lowercase).collect();
        words.retain(|word| acts::is_question_word(word));
        words.dedup();
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// A value of the agent's does not belong into a topic: the simulated user may not know it.
fn tells_topic(word: &str) -> bool {
    !text::is_stop_word(word) && !word.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | '_' | '#'))
}

/// A name for a fact from its first words that carry something, else from what it answers; unique among the others.
fn fact_id(text: &str, gate: &Gate, others: &[Fact]) -> String {
    let topic = match gate {
        Gate::Asked(topic) => slug(topic, FACT_ID_WORDS),
        _ => None,
    };
    let base = name(text, FACT_ID_WORDS).or(topic).or_else(|| slug(text, FACT_ID_WORDS));
    unique(base.unwrap_or_else(|| "fact".to_owned()), |id| others.iter().any(|fact| fact.id == id))
}

/// An id from the first words of a text that carry something; `None` where it has none.
fn name(text: &str, words_max: usize) -> Option<String> {
    let plain = |word: &String| word.chars().all(char::is_alphanumeric);
    let words: Vec<String> = text::content_stems(text).into_iter().filter(plain).take(words_max).collect();
    // Writing without spaces would be taken to pieces.
    if words.iter().any(|word| word.chars().any(text::is_cjk)) {
        slug(text, words_max)
    } else {
        slug(&words.join(" "), words_max)
    }
}
