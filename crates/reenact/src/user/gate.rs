//! Whether a gate is open: judged by code from what the simulated user has heard.

use crate::{Cited, Gate, Scene, acts, claim, text};

/// How many of the words of a topic or a condition must be heard, in tenths.
const SHARE_TENTHS: usize = 6;

/// What an open gate wants of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Nothing: it may be said at any time.
    Free,
    /// What it waited for has happened, and it may be said from now on.
    Ready,
    /// The newest reply may ask for it: it says much of the topic, and not all.
    Hint,
    /// The newest reply asks for it, or provokes it.
    Answer,
}

/// A gate that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) call: Call,
    /// The agent's words that opened it, where it waits for the agent.
    pub(super) by: Option<Cited>,
}

/// Whether a gate is open, by what and what that wants of the user; `None` where it is closed.
pub(super) fn opened(gate: &Gate, scene: &Scene<'_>) -> Option<Opened> {
    let free = Opened { call: Call::Free, by: None };
    match gate {
        Gate::Never => None,
        Gate::Open => Some(free),
        Gate::After(id) => scene.is_said(id).then_some(free),
        Gate::Asked(topic) => {
            let turn = scene.heard.turns().last()?;
            let (call, words) = asked(topic, &turn.said_by_agent())?;
            Some(Opened { call, by: Some(Cited { turn: turn.number, words }) })
        }
        Gate::When(act) => happened(act, scene),
    }
}

/// The words in which a topic is asked for: the agent asks, and says enough of the topic's words. Words outside the
/// asking sentence count too: agents list what they want above or below the question.
fn asked(topic: &str, reply: &str) -> Option<(Call, String)> {
    let mut asks = text::sentences(reply).into_iter().rev().filter(|sentence| acts::asks(sentence));
    let wanted = text::content_set(topic);
    if wanted.is_empty() {
        let (call, ask) = asks.find_map(|ask| Some((asked_bare(topic, ask)?, ask)))?;
        return Some((call, ask.to_owned()));
    }
    let ask = asks.next()?;
    let heard = wanted.intersection(&text::content_set(reply)).count();
    let all = wanted.len().min(TOPIC_WORDS_HEARD);
    let call = if heard >= all { Call::Answer } else { Call::Hint };
    let is_asked = heard > 0 && heard * 10 >= all * SHARE_TENTHS;
    is_asked.then(|| (call, ask.to_owned()))
}

/// A topic of nothing but "when" is asked for by "When?", and may be by a question that names what about.
fn asked_bare(topic: &str, ask: &str) -> Option<Call> {
    let asks_so = |word: &str| text::words(ask).any(|other| other.eq_ignore_ascii_case(word));
    let is_asked = text::words(topic).any(|word| acts::is_question_word(&word.to_lowercase()) && asks_so(word));
    let call = if text::content_stems(ask).is_empty() { Call::Answer } else { Call::Hint };
    is_asked.then_some(call)
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
fn happened(act: &str, scene: &Scene<'_>) -> Option<Opened> {
    let shown = scene.heard.turns().filter_map(|turn| {
        let words = shows(act, &turn.said_by_agent())?;
        Some(Cited { turn: turn.number, words })
    });
    let by = shown.collect::<Vec<_>>();
    let last = by.last().filter(|_| by.len() >= times_wanted(act))?;
    let is_new = last.turn as usize == scene.heard.turn_count();
    let call = if is_new && quoted(act).is_some() { Call::Answer } else { Call::Ready };
    Some(Opened { call, by: Some(last.clone()) })
}

/// How many replies must show a condition.
pub(super) fn times_wanted(act: &str) -> usize {
    if text::words(act).any(|word| word.eq_ignore_ascii_case("twice")) { 2 } else { 1 }
}

/// The sentence in which a reply shows what a condition names: a claim in quotation marks is looked for in nearly its own
/// words, other words in any order within a sentence.
fn shows(act: &str, reply: &str) -> Option<String> {
    let sentences = text::sentences(reply);
    if let Some(phrase) = quoted(act) {
        let pattern = claim::pattern(phrase).and_then(|pattern| regex::Regex::new(&pattern).ok())?;
        let found = pattern.find(reply)?;
        let whole = sentences.into_iter().find(|sentence| pattern.is_match(sentence));
        return Some(whole.unwrap_or(found.as_str()).to_owned());
    }
    let words = text::words(act).filter(|word| !FRAME.contains(&word.to_lowercase().as_str()));
    let wanted = text::content_set(&words.collect::<Vec<_>>().join(" "));
    let shown = |sentence: &&str| wanted.intersection(&text::content_set(sentence)).count();
    let best = sentences.into_iter().max_by_key(shown)?;
    let most = shown(&best);
    (most > 0 && most * 10 >= wanted.len() * SHARE_TENTHS).then(|| best.to_owned())
}

fn quoted(act: &str) -> Option<&str> {
    let start = act.find('"')? + 1;
    let end = start + act[start..].find('"')?;
    Some(&act[start..end])
}

/// Whether the newest reply says once more what a condition names in quotation marks.
pub(super) fn is_claimed_again(gate: &Gate, reply: &str) -> bool {
    matches!(gate, Gate::When(act) if quoted(act).is_some() && shows(act, reply).is_some())
}
