//! What the user turned against: the agent's claim, as a gate for the user's words and as an expectation.

use std::collections::BTreeSet;

use crate::case::{Check, Evidence, Expectation};
use crate::distill::values::values;
use crate::{acts, claim, text};

use super::recording::{Prompt, Said};

/// A claim is a phrase, not a paragraph.
const CLAIM_WORDS_MAX: usize = 5;

/// What a turn turns against.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushback {
    /// Nothing.
    None,
    /// This phrase, in the agent's words without their values.
    Against(String),
    /// Something that the agent did, and the words do not tell what.
    Unclear,
}

/// What a turn turns against, of what the agent had said just before.
pub(super) fn pushback(turn: &Said<'_>) -> Pushback {
    let Some(at) = turn.sentences.iter().position(|sentence| acts::pushes_back(sentence)) else {
        return Pushback::None;
    };
    // "No" to a question is an answer; it takes plainer words to turn against what was said beside it.
    let answers_question = turn.agent_sentences.last().is_some_and(|s| acts::asks(s) && !acts::offers_more(s));
    let decides = decides(turn.sentences[at]);
    if turn.agent_sentences.is_empty() || answers_question && decides {
        return Pushback::None;
    }
    let told: BTreeSet<String> = turn.sentences[at..].iter().flat_map(|s| text::content_stems(s)).collect();
    let statements = turn.agent_sentences.iter().filter(|s| !acts::asks(s)).flat_map(|s| clauses(s));
    let phrases = statements.filter_map(|clause| Some((shared(clause, &told), phrase(clause, &told)?)));
    let best = phrases.reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best {
        Some((_, phrase)) => Pushback::Against(phrase),
        // "No" to the question whether there is more.
        None if turn.prompt == Prompt::More && decides => Pushback::None,
        None => Pushback::Unclear,
    }
}

/// Words of the agent's that a reaction can wait for: what it stated, or else the first plain words of what it said last.
pub(super) fn cue(turn: &Said<'_>) -> Option<String> {
    let stated = turn.agent_sentences.iter().filter(|s| !acts::asks(s)).flat_map(|s| clauses(s));
    let stated = stated.filter_map(|clause| phrase(clause, &BTreeSet::new())).filter(|phrase| names_nothing(phrase));
    let plain = turn.agent_sentences.iter().rev().flat_map(|s| clauses(s)).filter_map(plain_words);
    stated.chain(plain).find(|phrase| claim::pattern(phrase).is_some_and(|pattern| fails_on_recording(turn, &pattern)))
}

/// A name in the agent's words is not the user's to know, not even in a gate.
fn names_nothing(phrase: &str) -> bool {
    values(&format!("x {phrase}")).is_empty()
}

/// The plain words that a clause begins with, where they carry something.
fn plain_words(clause: &str) -> Option<String> {
    let words: Vec<&str> = text::words(clause).take_while(|word| is_plain(word)).take(CLAIM_WORDS_MAX).collect();
    let phrase = words.join(" ");
    (words.len() > 1 && names_nothing(&phrase)).then_some(phrase)
}

/// How many words of a clause the user took up.
fn shared(clause: &str, told: &BTreeSet<String>) -> usize {
    text::content_set(clause).intersection(told).count()
}

/// Whether a sentence begins with a yes, a no or "not now".
fn decides(sentence: &str) -> bool {
    let mut words = text::words(sentence).map(str::to_lowercase);
    let decision = words.next().unwrap_or_default();
    matches!(decision.as_str(), "no" | "nope" | "nah" | "yes" | "yeah" | "yep")
        || decision == "not" && words.take(2).any(|word| matches!(word.as_str(), "now" | "yet" | "this"))
}

/// The clauses of a sentence: claims do not reach over a comma or a colon.
fn clauses(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split([',', ';', ':', '(', ')', '—', '–']).map(str::trim).filter(|clause| !clause.is_empty())
}

/// The piece of a clause that says something is or is not so, if possible around what the user took up.
fn phrase(clause: &str, told: &BTreeSet<String>) -> Option<String> {
    let words: Vec<&str> = text::words(clause).collect();
    let at = |is: &dyn Fn(usize) -> bool| (0..words.len()).filter(|at| is(*at)).collect::<Vec<_>>();
    let carrying = at(&|at| claim::carries(words[at]) && is_plain(words[at]));
    let is_shared = |at: &usize| told.contains(&text::stem(words[*at]));
    let shared: Vec<usize> = carrying.iter().copied().filter(is_shared).collect();
    // "was delivered" states something as well, where what was is a value.
    let linking = at(&|at| claim::links(words[at]) && shared.contains(&(at + 1)));
    shared.iter().chain(&linking).chain(&carrying).find_map(|start| phrase_from(&words, *start))
}

/// The phrase that begins with a word: up to the last word that carries the claim, and before any value.
fn phrase_from(words: &[&str], start: usize) -> Option<String> {
    let plain = words[start..].iter().take(CLAIM_WORDS_MAX).take_while(|word| is_plain(word)).count();
    let end = (start..start + plain).rev().find(|at| claim::carries(words[*at]))?;
    (end > start && states(&words[start..=end])).then(|| words[start..=end].join(" "))
}

/// Whether a word is a word and not a value.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-'))
}

/// Whether a phrase says that something is or is not so, and does not just name a thing.
fn states(words: &[&str]) -> bool {
    const PLACING: [&str; 8] = ["at", "by", "for", "from", "in", "into", "on", "to"];
    let is_placed = words[0].ends_with("ed") && PLACING.contains(&words[1].to_lowercase().as_str());
    is_placed || words.iter().any(|word| claim::links(word) || claim::denies(word))
}

/// What the agent must not say again: each claim that the user turned against and that the recording shows.
pub(super) fn expectations(said: &[Said<'_>], evidence: &mut Vec<Evidence>) -> Vec<Expectation> {
    let mut expectations: Vec<Expectation> = Vec::new();
    for turn in said {
        let Pushback::Against(claim) = pushback(turn) else { continue };
        let (Some(pattern), Some(name)) = (claim::pattern(&claim), super::name(&claim, CLAIM_WORDS_MAX)) else {
            continue;
        };
        let id = format!("not-{name}");
        if !fails_on_recording(turn, &pattern) || expectations.iter().any(|known| known.id == id) {
            continue;
        }
        evidence.push(turn.evidence(&format!("expectations.{id}"), against(turn)));
        let text = Some(format!("The agent does not say \"{claim}\""));
        expectations.push(Expectation { id, text, check: Check::MustNotMatch(pattern) });
    }
    expectations
}

/// The words from where the user turns against the agent to the end of the turn: "no" alone says little.
fn against<'a>(turn: &Said<'a>) -> &'a str {
    let sentence = turn.sentences.iter().find(|sentence| acts::pushes_back(sentence));
    sentence.map_or(turn.text, |sentence| &turn.text[super::offset(turn.text, sentence)..])
}

/// An expectation that the recording itself does not fail would not have caught what the user turned against.
fn fails_on_recording(turn: &Said<'_>, pattern: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|pattern| turn.agent_sentences.iter().any(|s| pattern.is_match(s)))
}
