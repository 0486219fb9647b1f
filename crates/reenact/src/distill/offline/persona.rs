//! How the user writes: counts turned into instructions that can be acted on, with samples of the user's own words. No
//! guesses about who the person is.

use crate::case::Evidence;
use crate::distill::values::{Value, ValueKind, values};
use crate::{acts, text};

use super::language::language;
use super::offset;
use super::recording::Said;

/// Fewer messages than this have no habits, only accidents.
const MESSAGES_MIN: usize = 2;

/// How many samples of the user's words a persona shows.
const SAMPLES_MAX: usize = 2;

/// A sample shows a manner, not a story.
const SAMPLE_WORDS_MAX: usize = 14;

/// The persona and the words that show it.
pub(super) fn persona(said: &[Said<'_>]) -> (Option<String>, Vec<Evidence>) {
    let texts: Vec<&str> = said.iter().map(|turn| turn.text).collect();
    let habits = [casing(&texts), ending(&texts), marks(&texts), manners(&texts), questions(&texts), persistence(said)];
    let mut traits: Vec<String> = [language(&texts).map(|language| format!("write in {language}")), length(&texts)]
        .into_iter()
        .chain(habits.into_iter().filter(|_| texts.len() >= MESSAGES_MIN))
        .flatten()
        .collect();
    let samples = samples(said);
    let shown: Vec<String> = samples.iter().map(|(_, sample)| format!("\"{}\"", masked(sample))).collect();
    if !shown.is_empty() {
        traits.push(format!("sound like {}", shown.join(" and ")));
    }
    let persona = (!traits.is_empty()).then(|| format!("You {}.", traits.join("; you ")));
    // Counts are shown by any words; where none is short enough to be a sample, by how the user began.
    let first = said
        .iter()
        .take(1)
        .filter(|_| samples.is_empty())
        .map(|turn| (turn, *turn.sentences.first().unwrap_or(&turn.text)));
    let evidence =
        samples.iter().copied().chain(first).map(|(turn, sample)| turn.evidence("persona", sample)).collect();
    (persona, evidence)
}

/// Words that give nothing away: what was said at once, and manners. What comes later may wait for something.
fn samples<'s, 'a>(said: &'s [Said<'a>]) -> Vec<(&'s Said<'a>, &'a str)> {
    let opening = said.first().and_then(|turn| Some((turn, *turn.sentences.last()?)));
    let is_short = |sentence: &str| text::words(sentence).count() <= SAMPLE_WORDS_MAX;
    let manners = said.iter().skip(1).rev().find_map(|turn| {
        let social = turn.sentences.iter().find(|sentence| acts::is_social(sentence))?;
        Some((turn, *social))
    });
    opening.into_iter().chain(manners).filter(|(_, sample)| is_short(sample)).take(SAMPLES_MAX).collect()
}

/// A text with a kind of thing in the place of each value, so that a persona is true of any user who writes so.
fn masked(sample: &str) -> String {
    let mut found: Vec<Value<'_>> = values(sample);
    found.sort_by_key(|value| offset(sample, value.text));
    let (mut masked, mut end) = (String::new(), 0);
    for value in found {
        let at = offset(sample, value.text);
        masked.push_str(&sample[end..at.max(end)]);
        masked.push_str(kind(value.kind));
        end = at + value.text.len();
    }
    masked.push_str(&sample[end..]);
    let lone_digits = |c: char| if c.is_ascii_digit() { '#' } else { c };
    masked.replace(['"', '“', '”'], "'").chars().map(lone_digits).collect()
}

fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Email => "[email]",
        ValueKind::Id => "[id]",
        ValueKind::Time => "[time]",
        ValueKind::Amount => "[amount]",
        ValueKind::Number => "[number]",
        ValueKind::Name => "[name]",
    }
}

fn length(texts: &[&str]) -> Option<String> {
    let words: usize = texts.iter().map(|text| text::words(text).count()).sum();
    let mean = (words as f64 / texts.len().max(1) as f64).round() as usize;
    let unit = if texts.iter().any(|text| text.chars().any(text::is_cjk)) { "characters" } else { "words" };
    Some(match mean {
        0..=7 => format!("write short messages of about {} {unit}", mean.max(1)),
        8..=25 => format!("write plain messages of about {mean} {unit}"),
        26..=99 => format!("write long messages of about {mean} {unit}"),
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

fn marks(texts: &[&str]) -> Option<String> {
    let exclaims = |text: &&&str| text.contains(['!', '！']);
    mostly(texts, exclaims).then(|| "use exclamation marks".into())
}

fn manners(texts: &[&str]) -> Option<String> {
    let polite = |text: &&&str| {
        text::words(text).any(|w| POLITE.contains(&w.to_lowercase().as_str()))
            || text.contains("谢")
            || text.contains('请')
    };
    if mostly(texts, polite) {
        return Some("say please and thank you".into());
    }
    let is_known = matches!(language(texts), Some("English" | "Chinese"));
    (is_known && !texts.iter().any(|text| polite(&text))).then(|| "never say please or thank you".into())
}

const POLITE: [&str; 12] = [
    "please", "thanks", "thank", "sorry", "bitte", "danke", "merci", "gracias", "grazie", "obrigado", "obrigada", "pls",
];

/// How many of the messages ask: in tenths, because people do not count closer.
fn questions(texts: &[&str]) -> Option<String> {
    let asks = |text: &&&str| text::sentences(text).iter().any(|sentence| acts::is_question(sentence));
    match (texts.iter().filter(asks).count() * 10).checked_div(texts.len())? {
        0 => Some("ask no questions".into()),
        1..=5 => None,
        tenths @ 6..=9 => Some(format!("ask a question in {tenths} of 10 messages")),
        _ => Some("ask a question in every message".into()),
    }
}

/// What the user does with an answer that is none.
fn persistence(said: &[Said<'_>]) -> Option<String> {
    let objections = said.iter().filter(|turn| turn.sentences.iter().any(|s| acts::pushes_back(s))).count();
    (objections > 1).then(|| "object when an answer is not what you asked for".into())
}

/// Whether more than half of the messages are so.
fn mostly(texts: &[&str], is: impl Fn(&&&str) -> bool) -> bool {
    2 * texts.iter().filter(is).count() > texts.len()
}
