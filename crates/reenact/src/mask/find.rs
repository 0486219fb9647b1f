//! What in a text is somebody's: by its form, by the label beside it, or because it answers a question for it.

use std::ops::Range;

use super::Form;
use crate::Speaker;

pub(super) use answers::Asked;

mod answers;
mod contacts;
mod labels;
mod names;
mod numbers;
mod places;

/// A value in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) form: Form,
    pub(super) range: Range<usize>,
}

/// Who says a text, and what was asked before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) speaker: Speaker,
    pub(super) asked: Asked,
}

/// The values in a text; where forms overlap, all that were seen.
pub(super) fn find(text: &str, told: Told) -> Vec<Found> {
    let mut found = contacts::find(text);
    found.extend(numbers::find(text));
    found.extend(labels::find(text, told.speaker));
    found.extend(names::find(text));
    if told.speaker == Speaker::User {
        found.extend(places::find(text));
        found.extend(answers::find(text, told.asked));
    }
    without_parts(found)
}

/// A value that is a part of one that says more about itself is none of its own: digits of a card that look like a phone's.
fn without_parts(found: Vec<Found>) -> Vec<Found> {
    let is_part = |one: &Found, other: &Found| {
        let overlap = other.range.start < one.range.end && one.range.start < other.range.end;
        overlap && one.form.certainty() < other.form.certainty()
    };
    let kept: Vec<bool> = found.iter().map(|one| !found.iter().any(|other| is_part(one, other))).collect();
    found.into_iter().zip(kept).filter_map(|(found, is_kept)| is_kept.then_some(found)).collect()
}

/// Whether a range ends and begins where a word of ASCII does; Chinese signs may stand beside it.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    !text[..range.start].ends_with(is_word) && !text[range.end..].starts_with(is_word)
}

/// The digits of a text.
fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
