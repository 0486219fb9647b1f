//! A case is read and edited by people: it takes half of the user's words at the most, where that leaves out nothing
//! that the user wants or names.

use crate::case::Gate;
use crate::text;

use super::essence;
use super::recording::Said;
use super::telling::{Channel, Told};

/// How much of the user's words a case takes, in hundredths: somewhat less than half, because the shortest sessions take more.
const SHARE_MAX: usize = 48;

/// Shorter pieces are what is wanted: "phone number", "the cheapest one". A character is not a word.
fn aside_min(piece: &str) -> usize {
    if piece.chars().any(text::is_cjk) { 14 } else { 5 }
}

/// So few words are read at a glance; cut further they are no longer understood.
const WORDS_ENOUGH: usize = 10;

/// Leaves out what tells least, until what is left takes half of the user's words or tells only what it must.
pub(super) fn shorten(told: &mut Vec<Told<'_>>, said: &[Said<'_>]) {
    let said_words: usize = said.iter().map(|turn| words(turn.text)).sum();
    let limit = (said_words * SHARE_MAX / 100).max(WORDS_ENOUGH);
    let mut length: usize = told.iter().flat_map(|told| &told.pieces).map(|piece| words(piece.text)).sum();
    for cost in [Cost::Feeling, Cost::Reason, Cost::Aside, Cost::Frame] {
        while length > limit {
            let Some((at, n)) = longest(told, cost) else { break };
            length -= cut(&mut told[at], n, cost);
        }
    }
    told.retain(|told| !told.pieces.is_empty());
}

/// What is lost with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cost {
    /// What the user said beside a wish and of the user's own accord.
    Feeling,
    /// A further wish in the same breath that names nothing; the longest are the least telling.
    Aside,
    /// "looking for a" before what is looked for.
    Frame,
    /// What the user said beside an answer.
    Reason,
}

fn words(text: &str) -> usize {
    text::words(text).count()
}

/// The longest piece that can be cut at such a cost.
fn longest(told: &[Told<'_>], cost: Cost) -> Option<(usize, usize)> {
    let all = told.iter().enumerate().flat_map(|(at, told)| (0..told.pieces.len()).map(move |n| (at, n)));
    let of_cost = all.filter(|(at, n)| can_be_cut(&told[*at], *n, cost, *at == 0));
    // Of pieces that are alike the last one goes, because people tell what matters first.
    of_cost.max_by_key(|(at, n)| (words(told[*at].pieces[*n].text), *at, *n))
}

fn can_be_cut(told: &Told<'_>, n: usize, cost: Cost, is_first: bool) -> bool {
    let piece = &told.pieces[n];
    let is_aside = !piece.names && !piece.is_wish;
    match (cost, &told.channel) {
        (Cost::Feeling, Channel::Goal) => is_aside && !is_first && told.pieces.len() > 1,
        (Cost::Reason, Channel::Gated(Gate::Asked(_))) => is_aside && told.pieces.len() > 1,
        (Cost::Aside, Channel::Goal) => {
            !is_first && !piece.names && told.pieces.len() > 1 && words(piece.text) >= aside_min(piece.text)
        }
        (Cost::Frame, _) => essence::without_frame(piece.text).is_some(),
        _ => false,
    }
}

/// Cuts a piece, and says how many words went.
fn cut(told: &mut Told<'_>, n: usize, cost: Cost) -> usize {
    let before = words(told.pieces[n].text);
    match essence::without_frame(told.pieces[n].text).filter(|_| cost == Cost::Frame) {
        Some(bare) => {
            told.pieces[n].text = bare;
            before - words(bare)
        }
        None => words(told.pieces.remove(n).text),
    }
}
