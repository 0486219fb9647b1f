//! Whether a gate is open: judged by code from what the simulated user has heard.

use crate::{Gate, Scene, acts, claim, text};

/// How many of the words of a topic or a condition must be heard, in tenths.
const SHARE_TENTHS: usize = 6;

/// What an open gate wants of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Nothing: it may be said at any time.
    Free,
    /// What it waited for has happened, and it may be said from now on.
    Ready,
    /// The newest reply asks for it, or provokes it.
    Answer,
}

/// Whether a gate is open, and what that wants of the user; `None` where it is closed.
pub(super) fn call(gate: &Gate, scene: &Scene<'_>, reply: &str) -> Option<Call> {
    match gate {
        Gate::Never => None,
        Gate::Open => Some(Call::Free),
        Gate::After(id) => scene.disclosures.iter().any(|said| said.fact == *id).then_some(Call::Free),
        Gate::Asked(topic) => asked(topic, reply).then_some(Call::Answer),
        Gate::When(act) => happened(act, scene, reply),
    }
}

/// A topic is asked for where the agent asks and says enough of its words. Words outside the asking sentence count too:
/// agents list what they want above or below the question.
fn asked(topic: &str, reply: &str) -> bool {
    let asks = text::sentences(reply).into_iter().any(acts::asks);
    let topic = text::content_set(topic);
    let heard = topic.intersection(&text::content_set(reply)).count();
    asks && heard > 0 && heard * 10 >= topic.len().min(TOPIC_WORDS_HEARD) * SHARE_TENTHS
}

/// Of a long topic not all words need be heard again: agents ask for one thing after another.
const TOPIC_WORDS_HEARD: usize = 5;

/// Words that frame a condition and are not part of what must be heard.
const FRAME: [&str; 16] = [
    "agent",
    "assistant",
    "says",
    "say",
    "said",
    "states",
    "claims",
    "mentions",
    "tells",
    "offers",
    "answers",
    "asks",
    "user",
    "twice",
    "again",
    "bot",
];

/// A condition holds once a reply has shown it; "twice" wants two that do. A claim in quotation marks provokes an
/// answer at once.
fn happened(act: &str, scene: &Scene<'_>, reply: &str) -> Option<Call> {
    let wanted = if text::words(act).any(|word| word.eq_ignore_ascii_case("twice")) { 2 } else { 1 };
    let replies = scene.heard.turns().map(|turn| turn.said_by_agent());
    let holds = replies.filter(|reply| shows(act, reply)).count() >= wanted;
    let provokes = quoted(act).is_some() && shows(act, reply);
    holds.then_some(if provokes { Call::Answer } else { Call::Ready })
}

/// Whether a reply shows what a condition names: a claim in quotation marks is looked for in nearly its own words, other
/// words in any order within a sentence.
fn shows(act: &str, reply: &str) -> bool {
    if let Some(phrase) = quoted(act) {
        let pattern = claim::pattern(phrase).and_then(|pattern| regex::Regex::new(&pattern).ok());
        return pattern.is_some_and(|pattern| pattern.is_match(reply));
    }
    let words = text::words(act).filter(|word| !FRAME.contains(&word.to_lowercase().as_str()));
    let wanted = text::content_set(&words.collect::<Vec<_>>().join(" "));
    let shown = |sentence: &str| wanted.intersection(&text::content_set(sentence)).count();
    let most = text::sentences(reply).into_iter().map(shown).max().unwrap_or(0);
    most > 0 && most * 10 >= wanted.len() * SHARE_TENTHS
}

fn quoted(act: &str) -> Option<&str> {
    let start = act.find('"')? + 1;
    let end = start + act[start..].find('"')?;
    Some(&act[start..end])
}
