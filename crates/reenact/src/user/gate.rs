//! Whether a gate is open: judged by code from what the simulated user has heard.

use crate::{Gate, Scene, acts, claim, text};

/// How many of the words of a topic or a condition must be heard, in tenths.
const SHARE_TENTHS: usize = 6;

/// How strongly the newest words of the agent call for what stands behind a gate: `None` where it is closed, else
/// the number of words that call for it. A gate that needs no call is open with 0.
pub(super) fn call(gate: &Gate, scene: &Scene<'_>, reply: &str) -> Option<usize> {
    match gate {
        Gate::Never => None,
        Gate::Open => Some(0),
        Gate::After(id) => scene.disclosures.iter().any(|said| said.fact == *id).then_some(0),
        Gate::Asked(topic) => asked(topic, reply),
        Gate::When(act) => happened(act, scene, reply),
    }
}

/// A topic is asked for where the agent asks and says enough of its words. Words outside the asking sentence count too:
/// agents list what they want above or below the question.
fn asked(topic: &str, reply: &str) -> Option<usize> {
    let asks = text::sentences(reply).into_iter().any(acts::asks);
    let topic = text::content_set(topic);
    let heard = topic.intersection(&text::content_set(reply)).count();
    (asks && heard > 0 && heard * 10 >= topic.len().min(5) * SHARE_TENTHS).then_some(heard)
}

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

/// A condition holds where the newest reply shows it; "twice" wants two replies that do. What stands in quotation marks is
/// looked for as a claim, other words in any order.
fn happened(act: &str, scene: &Scene<'_>, reply: &str) -> Option<usize> {
    let strength = shows(act, reply)?;
    let wanted = if text::words(act).any(|word| word.eq_ignore_ascii_case("twice")) { 2 } else { 1 };
    let replies = scene.heard.turns().map(|turn| turn.said_by_agent());
    (replies.filter(|reply| shows(act, reply).is_some()).count() >= wanted).then_some(strength)
}

fn shows(act: &str, reply: &str) -> Option<usize> {
    if let Some(phrase) = quoted(act) {
        let pattern = regex::Regex::new(&claim::pattern(phrase)?).ok()?;
        return pattern.is_match(reply).then(|| text::content_stems(phrase).len());
    }
    let words = text::words(act).filter(|word| !FRAME.contains(&word.to_lowercase().as_str()));
    let wanted = text::content_set(&words.collect::<Vec<_>>().join(" "));
    let shown = |sentence: &str| wanted.intersection(&text::content_set(sentence)).count();
    let most = text::sentences(reply).into_iter().map(shown).max()?;
    (most > 0 && most * 10 >= wanted.len() * SHARE_TENTHS).then_some(most)
}

fn quoted(act: &str) -> Option<&str> {
    let start = act.find('"')? + 1;
    let end = start + act[start..].find('"')?;
    Some(&act[start..end])
}
