//! Where the user plainly turns to something else.
//!
//! The bias is to continuity: a further wish belongs to the same goal unless what came before was closed, and the wish
//! neither points back nor takes up a word of it.

use std::collections::BTreeSet;

use crate::acts;

use super::essence;
use super::recording::{Prompt, Said};
use super::telling::{Channel, Told, closes};

/// The turns with which a further goal begins.
pub(super) fn turnings(told: &[Told<'_>], said: &[Said<'_>]) -> Vec<u32> {
    let mut turnings = Vec::new();
    let mut about: BTreeSet<String> = BTreeSet::new();
    for (n, next) in told.iter().enumerate() {
        let words: BTreeSet<String> = next.pieces.iter().flat_map(|piece| piece.about.iter().cloned()).collect();
        if n > 0 && next.channel == Channel::Goal && is_elsewhere(next, said, &about, &words) {
            turnings.push(next.turn);
            about.clear();
        }
        about.extend(words);
    }
    turnings
}

fn is_elsewhere(next: &Told<'_>, said: &[Said<'_>], about: &BTreeSet<String>, words: &BTreeSet<String>) -> bool {
    let Some(at) = said.iter().position(|turn| turn.turn == next.turn) else { return false };
    let turn = &said[at];
    let Some(wish) = turn.sentences.iter().find(|sentence| !essence::pieces(sentence).is_empty()) else { return false };
    let shared = words.intersection(about).count();
    let is_new = !words.is_empty() && shared * 4 <= words.len();
    is_new && acts::opens_wish(wish) && !acts::points_back(wish) && is_closed(turn, &said[..at])
}

/// Whether what came before was closed: thanks or a goodbye of the user's, a goodbye of the agent's, or its question
/// whether there is more.
fn is_closed(turn: &Said<'_>, before: &[Said<'_>]) -> bool {
    let has_parted = turn.agent_sentences.iter().any(|sentence| acts::parts(sentence));
    let begins_with_thanks = turn.sentences.first().is_some_and(|sentence| acts::is_social(sentence));
    let was_closed = before.last().is_some_and(|last| last.turn > 1 && closes(last));
    match turn.prompt {
        Prompt::More => true,
        Prompt::Question => has_parted,
        _ => has_parted || was_closed || begins_with_thanks,
    }
}
