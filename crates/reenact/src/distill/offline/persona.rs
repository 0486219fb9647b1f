//! How the user writes: counts turned into instructions, with samples of the user's own words. No guesses about
//! who the person is.

use crate::case::Evidence;
use crate::{acts, text};

use super::recording::Said;

/// How many turns are cited for a persona.
const SAMPLES_MAX: usize = 2;

/// The persona and the turns that show it.
pub(super) fn persona(said: &[Said<'_>]) -> (Option<String>, Vec<Evidence>) {
    let texts: Vec<&str> = said.iter().map(|turn| turn.text).collect();
    let traits: Vec<String> = [length(&texts), casing(&texts), ending(&texts), manners(&texts), questions(&texts)]
        .into_iter()
        .flatten()
        .collect();
    let persona = (!traits.is_empty()).then(|| format!("You {}.", traits.join("; you ")));
    let mut by_length: Vec<&Said<'_>> = said.iter().collect();
    by_length.sort_by_key(|turn| (turn.text.chars().count().abs_diff(median_length(&texts)), turn.turn));
    let samples = by_length.into_iter().take(SAMPLES_MAX).map(|turn| turn.evidence("persona", sample(turn)));
    (persona, samples.collect())
}

/// A sample is one sentence.
fn sample<'a>(turn: &Said<'a>) -> &'a str {
    turn.sentences.first().copied().unwrap_or(turn.text)
}

fn median_length(texts: &[&str]) -> usize {
    let mut lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(0)
}

fn length(texts: &[&str]) -> Option<String> {
    let words: usize = texts.iter().map(|text| text::words(text).count()).sum();
    let mean = (words as f64 / texts.len().max(1) as f64).round() as usize;
    Some(match mean {
        0..=7 => format!("write short messages of about {} words", mean.max(1)),
        8..=25 => format!("write plain messages of about {mean} words"),
        26..=99 => format!("write long messages of about {mean} words"),
        _ => "write very long messages".to_owned(),
    })
}

fn casing(texts: &[&str]) -> Option<String> {
    let count = |is: fn(char) -> bool| texts.iter().flat_map(|text| text.chars()).filter(|c| is(*c)).count();
    let (upper, lower) = (count(char::is_uppercase), count(char::is_lowercase));
    if upper + lower < 20 {
        return None;
    }
    if upper > 2 * lower {
        return Some("write in capitals".into());
    }
    let starts_low = |text: &&&str| text.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_lowercase);
    mostly(texts, starts_low).then(|| "start messages in lower case".into())
}

fn ending(texts: &[&str]) -> Option<String> {
    let bare = |text: &&&str| text.ends_with(char::is_alphanumeric);
    mostly(texts, bare).then(|| "leave out the final full stop".into())
}

fn manners(texts: &[&str]) -> Option<String> {
    let polite = |text: &&&str| {
        text::words(text).any(|w| matches!(w.to_lowercase().as_str(), "please" | "thanks" | "thank" | "sorry"))
    };
    if mostly(texts, polite) {
        return Some("say please and thank you".into());
    }
    let is_english = texts.iter().flat_map(|text| text.chars()).filter(char::is_ascii_alphabetic).count() > 20;
    (is_english && !texts.iter().any(|text| polite(&text))).then(|| "never say please or thank you".into())
}

fn questions(texts: &[&str]) -> Option<String> {
    let asks = |text: &&&str| text::sentences(text).iter().any(|sentence| acts::is_question(sentence));
    mostly(texts, asks).then(|| "mostly ask questions".into())
}

/// Whether more than half of the messages are so.
fn mostly(texts: &[&str], is: impl Fn(&&&str) -> bool) -> bool {
    2 * texts.iter().filter(is).count() > texts.len()
}
