//! What the recorded user told, thing by thing, and when; and when the simulated user tells it.

use std::collections::BTreeSet;

use crate::distill::values::{FirstSaid, Spoken, values};
use crate::spelling::{normalised, says};
use crate::text::{content_set, sentences};
use crate::{Session, acts};

/// Something that the recorded user told, with the turn in which it was told first.
///
/// Each name, number, time or id that the user brought up is a thing; so is each sentence without one, by the words that the
/// user had not said before. What the agent had said first, manners, and what was said again tell nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thing<'a> {
    /// The turn, from 1.
    pub(super) turn: u32,
    /// The words, as they were said.
    pub(super) words: &'a str,
    telling: Telling,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Telling {
    /// In its normal form.
    Value(String),
    /// The stems of a sentence.
    Words(BTreeSet<String>),
}

impl Thing<'_> {
    /// Whether a message tells it: it has the value, or half of the words, as half of a fact's words make it guessable.
    pub(super) fn is_told_by(&self, message: &Message) -> bool {
        match &self.telling {
            Telling::Value(value) => says(&message.normal, value),
            Telling::Words(words) => words.intersection(&message.stems).count() * 2 >= words.len(),
        }
    }
}

/// A message in the forms in which things are looked for in it.
pub(super) struct Message {
    normal: String,
    stems: BTreeSet<String>,
}

impl Message {
    pub(super) fn of(text: &str) -> Self {
        Message { normal: normalised(text), stems: content_set(text) }
    }
}

/// All that the user of a session told, in its order.
pub(super) fn things(session: &Session) -> Vec<Thing<'_>> {
    let spoken = Spoken::of(session);
    let (mut known, mut said) = (BTreeSet::new(), String::from(" "));
    let mut things = Vec::new();
    for turn in session.conversation.turns() {
        let all = sentences(&turn.user.text);
        for sentence in all.into_iter().filter(|s| !acts::is_social(s) && !acts::is_done(s)) {
            things.extend(of_sentence(sentence, turn.number, (&spoken, &known, &said)));
            known.extend(content_set(sentence));
            said.push_str(&normalised(sentence));
        }
    }
    things
}

/// What a sentence tells beside all that the user knew to say before it.
fn of_sentence<'a>(
    sentence: &'a str,
    turn: u32,
    (spoken, known, said): (&Spoken<'_>, &BTreeSet<String>, &str),
) -> Vec<Thing<'a>> {
    let (own, heard): (Vec<_>, Vec<_>) =
        values(sentence).into_iter().partition(|value| spoken.first_heard(value.text) != FirstSaid::ByAgent);
    let is_new = |value: &String| !says(said, value);
    let thing = |words, telling| Thing { turn, words, telling };
    let new = own.iter().map(|value| (value.text, normalised(value.text))).filter(|(_, value)| is_new(value));
    let new: Vec<Thing<'a>> = new.map(|(words, value)| thing(words, Telling::Value(value))).collect();
    if !new.is_empty() {
        return new;
    }
    let mut words = content_set(sentence);
    let heard: BTreeSet<String> = heard.iter().flat_map(|value| content_set(value.text)).collect();
    words.retain(|word| !known.contains(word) && !heard.contains(word));
    if words.is_empty() { Vec::new() } else { vec![thing(sentence, Telling::Words(words))] }
}

/// How far two orders agree, from -1 to 1: Kendall's tau (Kendall 1938, Biometrika 30) over the pairs that the first order
/// tells apart, so that pairs which only the second has at once count for neither. None where there are no such pairs.
pub(super) fn tau(pairs: &[(u32, u32)]) -> Option<f64> {
    let (mut alike, mut all) = (0_i64, 0_i64);
    for (at, one) in pairs.iter().enumerate() {
        for other in pairs[..at].iter().filter(|other| other.0 != one.0) {
            let (first, second) = (one.0.cmp(&other.0) as i64, one.1.cmp(&other.1) as i64);
            alike += first * second;
            all += 1;
        }
    }
    (all > 0).then(|| alike as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conversation, Message as Line};

    #[test]
    fn values_are_things_and_so_are_sentences_without_one_and_manners_and_echoes_are_none() {
        let messages = [
            Line::user("I want to fly to New York. A window seat would be lovely."),
            Line::agent("There is one with Harbour Air at 17:30."),
            Line::user("Thank you! The one with Harbour Air then. My number is T-4711, and a window seat please."),
        ];
        let session = Session::new("s", messages.into_iter().collect::<Conversation>());
        let told: Vec<(u32, &str)> = things(&session).iter().map(|thing| (thing.turn, thing.words)).collect();
        assert_eq!(told, [(1, "New York"), (1, "A window seat would be lovely."), (2, "T-4711")]);
        let all = things(&session);
        assert!(all[2].is_told_by(&Message::of("it is t-4711")));
        assert!(all[1].is_told_by(&Message::of("at the window, a seat")));
        assert!(!all[1].is_told_by(&Message::of("lovely")));
    }

    #[test]
    fn an_order_is_compared_pair_by_pair() {
        assert_eq!(tau(&[(1, 1), (2, 2), (3, 5)]), Some(1.0));
        assert_eq!(tau(&[(1, 3), (2, 2), (3, 1)]), Some(-1.0));
        assert_eq!(tau(&[(1, 1), (2, 1), (2, 2)]), Some(0.5));
        assert_eq!(tau(&[(1, 1), (1, 2)]), None);
    }
}
