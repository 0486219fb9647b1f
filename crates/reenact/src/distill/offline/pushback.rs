//! What the user turned against: the agent's claim, as a gate for the user's words and as an expectation.

use std::collections::BTreeSet;

use crate::case::{Check, Evidence, Expectation};
use crate::{acts, claim, text};

use super::recording::Said;

/// A claim is a phrase, not a paragraph.
const CLAIM_WORDS_MAX: usize = 5;

/// The phrase of the agent that this turn turns against, in the agent's words without their values, or `None`
/// where the user turns against nothing, or it cannot be told against what.
pub(super) fn claim(turn: &Said<'_>) -> Option<String> {
    let sentence = turn.sentences.iter().find(|sentence| acts::pushes_back(sentence))?;
    let at = turn.sentences.iter().position(|s| s == sentence)?;
    let told: BTreeSet<String> = turn.sentences[at..].iter().flat_map(|s| text::content_stems(s)).collect();
    let answers_question = turn.agent_sentences.last().is_some_and(|s| acts::asks(s));
    let shares = |clause: &str| text::content_set(clause).intersection(&told).count();
    let clauses = turn.agent_sentences.iter().filter(|s| !acts::asks(s)).flat_map(|s| clauses(s));
    let best = clauses.filter(|clause| shares(clause) > 0).fold(None, |best: Option<&str>, clause| match best {
        Some(best) if shares(best) >= shares(clause) => Some(best),
        _ => Some(clause),
    })?;
    // "No" to a question is an answer; it takes plainer words to turn against what was said beside it.
    if answers_question && starts_with_no(sentence) {
        return None;
    }
    phrase(best, &told)
}

fn starts_with_no(sentence: &str) -> bool {
    text::words(sentence).next().is_some_and(|word| matches!(word.to_lowercase().as_str(), "no" | "nope"))
}

/// The clauses of a sentence that claim something: claims do not reach over a comma or a colon, and a pattern cannot tell
/// what a clause denies.
fn clauses(sentence: &str) -> impl Iterator<Item = &str> {
    sentence
        .split([',', ';', ':', '(', ')', '—', '–'])
        .map(str::trim)
        .filter(|clause| !clause.is_empty() && !denies(clause))
}

fn denies(clause: &str) -> bool {
    text::words(clause).map(str::to_lowercase).any(|word| {
        matches!(word.as_str(), "no" | "not" | "never" | "none" | "cannot" | "without" | "unable")
            || word.ends_with("n't")
    })
}

/// The piece of a clause around what the user took up, trimmed to words that carry the claim.
fn phrase(clause: &str, told: &BTreeSet<String>) -> Option<String> {
    let words: Vec<&str> = text::words(clause).collect();
    let carries = |word: &str| !text::is_stop_word(&word.to_lowercase()) && is_plain(word);
    let shared = words.iter().position(|word| told.contains(&text::stem(word)) && carries(word))?;
    let run_end = words[shared..].iter().position(|word| !is_plain(word)).map_or(words.len(), |n| shared + n);
    let last = words[..run_end].iter().rposition(|word| carries(word))?;
    let start = if last > shared { shared } else { words[..shared].iter().rposition(|word| carries(word))? };
    let end = last.min(start + CLAIM_WORDS_MAX - 1);
    let end = (start..=end).rev().find(|at| carries(words[*at]))?;
    (end > start && states(&words[start..=end])).then(|| words[start..=end].join(" "))
}

/// Whether a phrase says that something is so, and does not just name a thing.
fn states(words: &[&str]) -> bool {
    const LINKING: [&str; 9] = ["is", "are", "was", "were", "has", "have", "had", "will", "been"];
    let lower = |word: &&str| word.to_lowercase();
    words.iter().map(lower).any(|word| LINKING.contains(&word.as_str())) || words[0].ends_with("ed")
}

/// Whether a word is a word and not a value.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-'))
}

/// What the agent must not say again: each claim that the user turned against and that the recording shows.
pub(super) fn expectations(said: &[Said<'_>], evidence: &mut Vec<Evidence>) -> Vec<Expectation> {
    let mut expectations: Vec<Expectation> = Vec::new();
    for turn in said {
        let Some((claim, pattern)) = claim(turn).and_then(|c| claim::pattern(&c).map(|p| (c, p))) else { continue };
        let Some(id) = super::slug(&claim, 4).map(|slug| format!("not-{slug}")) else { continue };
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
