//! What the user said that tells nothing: thanks, "that sounds good", "what else is there?", a goodbye. A simulated user that
//! leaves it out is a turn ahead of the recorded one.

use crate::acts;
use crate::case::Evidence;

use super::recording::{Prompt, Said};
use super::telling::Telling;

/// The remarks between what was told, and the goodbye after all of it.
pub(super) fn remarks(said: &[Said<'_>], telling: &Telling<'_>) -> Vec<Evidence> {
    let last = telling.told.last().map_or(0, |told| told.turn);
    let is_told = |turn: u32| telling.told.iter().any(|told| told.turn == turn) || telling.in_vain.contains(&turn);
    let untold: Vec<&Said<'_>> = said.iter().skip(1).filter(|turn| !is_told(turn.turn)).collect();
    let between = untold.iter().filter(|turn| turn.turn < last && is_remark(turn));
    let goodbye = untold.iter().find(|turn| turn.turn > last && is_goodbye(turn));
    between.chain(goodbye).map(|turn| turn.evidence("remark", turn.text)).collect()
}

/// Whether a turn that tells nothing fits wherever the agent asks for nothing. What answers a question, turns against
/// something or gives up does not.
fn is_remark(turn: &Said<'_>) -> bool {
    let reacts =
        |sentence: &&str| acts::pushes_back(sentence) || acts::orders_the_machine(sentence) || leaves(sentence);
    match turn.prompt {
        Prompt::Nothing => !turn.sentences.iter().any(reacts),
        Prompt::More => is_goodbye(turn),
        Prompt::Question | Prompt::Consent | Prompt::Invitation => false,
    }
}

/// Whether a turn takes leave in good terms. "No" is no objection to the question whether there is more.
fn is_goodbye(turn: &Said<'_>) -> bool {
    let may_object = turn.prompt == Prompt::More;
    let goes_on = |sentence: &&str| {
        let asks = acts::requests(sentence) && !acts::is_done(sentence) && !acts::is_social(sentence);
        asks || leaves(sentence) || acts::pushes_back(sentence) && !may_object
    };
    !turn.sentences.iter().any(goes_on)
}

fn leaves(sentence: &str) -> bool {
    acts::gives_up(sentence) || acts::asks_for_person(sentence)
}
