//! A simulated conversation laid beside the recorded one, turn by turn.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::{Conversation, Message, Turn};

/// How many recorded turns a simulated user may leave out at once; further apart, like words are chance.
const LOOK_AHEAD: usize = 3;

/// A later recorded message is taken for the simulated one only where they share this much of their words …
const ALIKE_MIN: f64 = 0.6;

/// … and this much more than the next one does: "yes" and "yes please" must not skip a turn.
const ALIKE_MARGIN_MIN: f64 = 0.4;

/// A turn of each of two conversations that stand for each other, or one of one alone; turns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Aligned {
    /// The turn of the first conversation; nothing where it has none for this.
    pub one: Option<u32>,
    /// The turn of the other.
    pub other: Option<u32>,
}

/// The turns of two conversations beside each other: every turn of each once, in order.
///
/// Each user message of the first stands for the next one of the other, unless one a little later is clearly more like it; those
/// between are then left out of the first. It is how the [`recorded` agent](crate::agent) finds what to answer.
///
/// ```
/// use reenact::alignment::{Aligned, aligned};
/// use reenact::{Conversation, Message};
///
/// let said = |texts: &[&str]| texts.iter().map(|text| Message::user(*text)).collect::<Conversation>();
/// let simulated = said(&["change my flight", "Next Tuesday in the morning"]);
/// let recorded = said(&["I need to change my flight", "It is ABC123", "Next Tuesday in the morning please"]);
/// let beside = aligned(&simulated, &recorded);
/// let turns: Vec<_> = beside.iter().map(|Aligned { one, other }| (*one, *other)).collect();
/// assert_eq!(turns, [(Some(1), Some(1)), (None, Some(2)), (Some(2), Some(3))]);
/// ```
#[must_use]
pub fn aligned(one: &Conversation, other: &Conversation) -> Vec<Aligned> {
    let turns: Vec<Turn<'_>> = other.turns().collect();
    let number = |place: usize| Some(place as u32 + 1);
    let (mut rows, mut next) = (Vec::new(), 0);
    for turn in one.turns() {
        let at = align(&turns, next, turn.user);
        let between = at.map_or(next..next, |at| next..at);
        rows.extend(between.map(|place| Aligned { one: None, other: number(place) }));
        rows.push(Aligned { one: Some(turn.number), other: at.and_then(number) });
        next = at.map_or(next, |at| at + 1);
    }
    rows.extend((next..turns.len()).map(|place| Aligned { one: None, other: number(place) }));
    rows
}

/// The recorded turn that a simulated message stands for: the next one, unless one a little later is clearly
/// more like it.
pub(crate) fn align(turns: &[Turn<'_>], next: usize, said: &Message) -> Option<usize> {
    let window = turns.get(next..)?.iter().take(1 + LOOK_AHEAD);
    let alike = window.map(|turn| likeness(&turn.user.text, &said.text)).collect::<Vec<_>>();
    let at_next = *alike.first()?;
    let is_clearly_more = |alike: f64| alike >= ALIKE_MIN && alike >= at_next + ALIKE_MARGIN_MIN;
    let best = alike.iter().copied().fold(0.0, f64::max);
    let offset = if is_clearly_more(best) { alike.iter().position(|alike| *alike == best)? } else { 0 };
    Some(next + offset)
}

/// How much of their words two messages share, from 0 to 1 (the Sørensen–Dice coefficient of their word sets).
fn likeness(one: &str, other: &str) -> f64 {
    let (one, other) = (words(one), words(other));
    let total = one.len() + other.len();
    if total == 0 { 0.0 } else { 2.0 * one.intersection(&other).count() as f64 / total as f64 }
}

fn words(text: &str) -> BTreeSet<String> {
    text.unicode_words().map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(texts: &[String]) -> Conversation {
        texts.iter().flat_map(|text| [Message::user(text.as_str()), Message::agent("yes")]).collect()
    }

    #[test]
    fn words_of_languages_without_blanks_are_told_apart() {
        assert!(likeness("我想订酒店", "我想订酒店房间") > 0.7);
    }

    #[test]
    fn what_was_said_longer_than_the_recording_stands_alone() {
        let (long, short) = (said(&["a".into(), "b".into()]), said(&["a".into()]));
        let rows: Vec<_> = aligned(&long, &short).iter().map(|row| (row.one, row.other)).collect();
        assert_eq!(rows, [(Some(1), Some(1)), (Some(2), None)]);
    }

    proptest! {
        #[test]
        fn every_turn_of_both_stands_there_once_and_in_order(
            one in prop::collection::vec("[a-c]{1,2}( [a-c]{1,2}){0,3}", 0..8),
            other in prop::collection::vec("[a-c]{1,2}( [a-c]{1,2}){0,3}", 0..8),
        ) {
            let rows = aligned(&said(&one), &said(&other));
            let ones: Vec<u32> = rows.iter().filter_map(|row| row.one).collect();
            let others: Vec<u32> = rows.iter().filter_map(|row| row.other).collect();
            prop_assert_eq!(ones, (1..=one.len() as u32).collect::<Vec<_>>());
            prop_assert_eq!(others, (1..=other.len() as u32).collect::<Vec<_>>());
            prop_assert!(rows.iter().all(|row| row.one.is_some() || row.other.is_some()));
        }
    }
}
