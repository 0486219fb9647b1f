//! What the user said that tells nothing: thanks, "that sounds good", a goodbye. A simulated user that leaves it out is a
//! turn ahead of the recorded one.

use crate::acts;
use crate::case::Evidence;

use super::essence;
use super::recording::{Prompt, Said};
use super::telling::Told;

/// The courtesies between what was told, and the first one after all of it.
pub(super) fn courtesies(said: &[Said<'_>], told: &[Told<'_>]) -> Vec<Evidence> {
    let last = told.last().map_or(0, |told| told.turn);
    let is_told = |turn: u32| told.iter().any(|told| told.turn == turn);
    let untold = said.iter().skip(1).filter(|turn| !is_told(turn.turn) && is_courtesy(turn));
    let (between, after): (Vec<&Said<'_>>, Vec<&Said<'_>>) = untold.partition(|turn| turn.turn < last);
    let all = between.into_iter().chain(after.into_iter().take(1));
    all.map(|turn| turn.evidence("courtesy", turn.text)).collect()
}

/// Whether a turn only keeps manners: it asks for nothing, turns against nothing and names nothing. What answers a question is
/// no courtesy, but for the one whether there is more.
fn is_courtesy(turn: &Said<'_>) -> bool {
    let tells = |sentence: &&str| {
        acts::requests(sentence)
            || acts::pushes_back(sentence)
            || acts::gives_up(sentence)
            || acts::asks_for_person(sentence)
            || acts::orders_the_machine(sentence)
            || essence::has_values(sentence)
    };
    let waits_for_answer = matches!(turn.prompt, Prompt::Question | Prompt::Consent | Prompt::Invitation);
    !waits_for_answer && !turn.sentences.iter().any(tells)
}
