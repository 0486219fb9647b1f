//! What the user came for: the sentences that ask for something, without what later turns had to put right.

use crate::case::Evidence;
use crate::{acts, text};

use super::pushback::{self, Pushback};
use super::recording::Said;

/// A goal is read at a glance; what does not fit stays in the facts.
const GOAL_WORDS_MAX: usize = 60;

/// A sentence of the goal and where it was said.
pub(super) struct Ask<'a> {
    pub(super) text: &'a str,
    turn: u32,
}

impl Ask<'_> {
    pub(super) fn evidence(&self, field: &str) -> Evidence {
        Evidence { field: field.to_owned(), turn: self.turn, quote: self.text.to_owned() }
    }

    /// Whether a later turn does nothing but ask for this once more.
    pub(super) fn is_repeated_by(&self, turn: &Said<'_>) -> bool {
        turn.turn > self.turn && repeats(turn.text, self.text)
    }
}

/// The sentences that make the goal, in the order of the recording.
pub(super) fn sentences<'a>(said: &[Said<'a>]) -> Vec<Ask<'a>> {
    let mut asks: Vec<Ask<'a>> = Vec::new();
    for turn in said {
        let keeps = |sentence: &&'a str| match asks.is_empty() {
            true => opens(turn, sentence),
            false => adds(turn, sentence),
        };
        let kept: Vec<&str> = turn.sentences.iter().copied().filter(keeps).collect();
        for text in kept {
            if !asks.iter().any(|ask| repeats(text, ask.text)) {
                asks.push(Ask { text, turn: turn.turn });
            }
        }
    }
    if asks.is_empty() {
        asks.extend(first_statement(said));
    }
    within_limit(asks)
}

/// Whether a sentence asks once more for what was asked before.
fn repeats(sentence: &str, ask: &str) -> bool {
    let words = text::content_set(sentence);
    !words.is_empty() && words.is_subset(&text::content_set(ask))
}

/// Whether a sentence can be the first of the goal.
fn opens(turn: &Said<'_>, sentence: &&str) -> bool {
    acts::requests(sentence) && is_own(turn, sentence)
}

/// Whether a sentence adds a further request: not an answer to a question, not a correction.
fn adds(turn: &Said<'_>, sentence: &&str) -> bool {
    let answers = turn.agent_sentences.iter().any(|s| acts::asks(s) && !acts::offers_more(s));
    let further = acts::adds(sentence) || !answers;
    further && acts::requests(sentence) && is_own(turn, sentence) && pushback::pushback(turn) == Pushback::None
}

/// Whether a sentence is the user's own: no manners, no pushback, no value that the agent brought up.
fn is_own(turn: &Said<'_>, sentence: &&str) -> bool {
    !acts::is_social(sentence) && !acts::pushes_back(sentence) && !turn.adopting.contains(sentence)
}

/// Where nobody asks in so many words, the first thing said that is more than manners is what the user came for.
fn first_statement<'a>(said: &[Said<'a>]) -> Option<Ask<'a>> {
    let own = |turn: &Said<'a>| turn.sentences.iter().copied().find(|sentence| is_own(turn, sentence));
    said.iter().find_map(|turn| own(turn).map(|text| Ask { text, turn: turn.turn }))
}

/// The first sentences that fit; the very first always does.
fn within_limit(asks: Vec<Ask<'_>>) -> Vec<Ask<'_>> {
    let mut words = 0;
    let mut fits = |ask: &Ask<'_>| {
        let is_first = words == 0;
        words += text::words(ask.text).count();
        is_first || words <= GOAL_WORDS_MAX
    };
    asks.into_iter().filter(&mut fits).collect()
}
