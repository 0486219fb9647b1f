//! Distillation without a model: extraction by rule, every word of it the user's own.
//!
//! The goal is made of the sentences in which the user asks for something; what the user said later is a fact, gated
//! by what the agent had just done: asked for it, claimed something that the user turned against, or neither. Nothing
//! is rephrased, so every part is grounded by construction; what a rule cannot tell is left out.

use crate::case::{Brief, Evidence, Fact, Gate, Origin};
use crate::slug::{slug, unique};
use crate::{Session, TestCase, acts, text};

use super::values::Spoken;
use recording::{Said, recording};

use goal::Ask;
use pushback::Pushback;

mod goal;
mod persona;
mod pushback;
mod recording;

/// How many words a topic that the agent asked for keeps.
const TOPIC_WORDS_MAX: usize = 8;

/// How many words name a case, and how many a fact.
const CASE_ID_WORDS: usize = 4;
const FACT_ID_WORDS: usize = 3;

/// Distils one session.
///
/// # Errors
/// Where there is nothing to distil: the reason.
pub(super) fn case(session: &Session) -> Result<TestCase, String> {
    let said = recording(&session.conversation, &Spoken::of(session));
    let Some(first) = said.first() else { return Err("the user says nothing".into()) };
    let asks = goal::sentences(&said);
    if asks.is_empty() {
        return Err("the user asks for nothing: there is no goal to play again".into());
    }
    let mut evidence: Vec<Evidence> = asks.iter().map(|ask| ask.evidence("goal")).collect();
    let (persona, samples) = persona::persona(&said);
    evidence.extend(samples);
    evidence.push(first.evidence("opening", first.text));
    let facts = facts(&said, &asks, &mut evidence);
    let expectations = pushback::expectations(&said, &mut evidence);
    let goal = asks.iter().map(|ask| ask.text).collect::<Vec<_>>().join(" ");
    let opening = Some(first.text.to_owned());
    let brief = Brief { goal, persona, guidelines: Vec::new(), facts, opening, patience: None };
    let origin = Some(Origin { session: session.id.clone(), evidence });
    let id = name(&brief.goal, CASE_ID_WORDS).unwrap_or_else(|| "case".into());
    Ok(TestCase { id, brief, expectations, origin, ..TestCase::default() })
}

/// What the user said after the opening, one fact a turn, in the order of the recording.
fn facts(said: &[Said<'_>], asks: &[Ask<'_>], evidence: &mut Vec<Evidence>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut last_unprompted = None;
    let later = &said[1..];
    let end = later.iter().rposition(|turn| substance(turn).is_some()).map_or(0, |last| last + 1);
    for turn in &later[..end] {
        // Manners between two things keep them apart; only those at the end say nothing more.
        let text = substance(turn).unwrap_or(turn.text);
        let gate = match asks.iter().any(|ask| ask.is_repeated_by(turn)) {
            true => asked_again(turn),
            false => gate(turn, last_unprompted.as_deref()),
        };
        let id = fact_id(text, &gate, &facts);
        if matches!(gate, Gate::Open | Gate::After(_)) {
            last_unprompted = Some(id.clone());
        }
        evidence.push(turn.evidence(&format!("facts.{id}"), text));
        facts.push(Fact { id, text: text.to_owned(), gate });
    }
    facts
}

/// The part of a turn that is more than manners, as one verbatim piece.
fn substance<'a>(turn: &Said<'a>) -> Option<&'a str> {
    let kept = turn.sentences.iter().filter(|sentence| !acts::is_social(sentence));
    let (mut first, mut last) = (None, None);
    for sentence in kept {
        first = first.or(Some(*sentence));
        last = Some(*sentence);
    }
    let start = offset(turn.text, first?);
    let last = last?;
    Some(&turn.text[start..offset(turn.text, last) + last.len()])
}

/// Where a piece of a text begins in it.
fn offset(text: &str, piece: &str) -> usize {
    piece.as_ptr() as usize - text.as_ptr() as usize
}

/// When a later turn may be said again: judged by what the agent had done just before.
fn gate(turn: &Said<'_>, last_unprompted: Option<&str>) -> Gate {
    match pushback::pushback(turn) {
        Pushback::Against(claim) => return Gate::When(format!("the agent says \"{claim}\"")),
        // Said to an agent that does nothing wrong, it would help; so it is kept, and not said.
        Pushback::Unclear => return Gate::Never,
        Pushback::None => {}
    }
    if let Some(value) = &turn.adopted {
        return Gate::When(format!("the agent mentions {value}"));
    }
    if let Some(topic) = topic(turn) {
        return Gate::Asked(topic);
    }
    last_unprompted.map_or(Gate::Open, |id| Gate::After(id.to_owned()))
}

/// Who only asks once more does so because the answer was none; to an agent that answers it is not said.
fn asked_again(turn: &Said<'_>) -> Gate {
    pushback::evasion(turn).map_or(Gate::Never, |said| Gate::When(format!("the agent says \"{said}\"")))
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
        for word in text::words(ask).map(str::to_lowercase).filter(|word| tells_topic(word)) {
            if words.len() < TOPIC_WORDS_MAX && !words.contains(&word) {
                words.push(word);
            }
        }
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
