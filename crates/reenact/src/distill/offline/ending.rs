//! How the real user left, and after how many asks that stayed unanswered.

use crate::case::Evidence;
use crate::{acts, text};

use super::recording::{Prompt, Said};

/// How the real user left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Satisfied,
    GaveUp,
    AskedForPerson,
    /// The recording stops: nobody said goodbye.
    CutOff,
}

impl Left {
    pub(super) fn field(self) -> &'static str {
        match self {
            Left::Satisfied => "ending.satisfied",
            Left::GaveUp => "ending.gave_up",
            Left::AskedForPerson => "ending.asked_for_person",
            Left::CutOff => "ending.cut_off",
        }
    }
}

/// The ending with the words that show it; and where the user gave up, the patience that the user had.
pub(super) fn ending(said: &[Said<'_>]) -> (Option<u32>, Vec<Evidence>) {
    let Some(last) = said.last() else { return (None, Vec::new()) };
    let left = left(said, last);
    let mut evidence = vec![last.evidence(left.field(), last.text)];
    let unanswered: Vec<&Said<'_>> =
        said.iter().rev().take_while(|turn| turn.turn > 1 && is_unanswered(turn)).collect();
    let patience = (left == Left::GaveUp).then(|| unanswered.len().max(1) as u32);
    if patience.is_some() {
        let asks = unanswered.iter().rev().copied();
        let shown: Vec<Evidence> = asks.map(|turn| turn.evidence("patience", turn.text)).collect();
        evidence.extend(if shown.is_empty() { vec![last.evidence("patience", last.text)] } else { shown });
    }
    (patience, evidence)
}

fn left(said: &[Said<'_>], last: &Said<'_>) -> Left {
    let wants_person = |turn: &Said<'_>| turn.sentences.iter().any(|s| acts::asks_for_person(s));
    if said.iter().rev().take(2).any(wants_person) {
        return Left::AskedForPerson;
    }
    let despairs = last.sentences.iter().any(|s| acts::gives_up(s));
    if despairs || last.turn > 1 && last.sentences.iter().any(|s| acts::pushes_back(s)) && is_refused(last) {
        return Left::GaveUp;
    }
    let is_content = last.sentences.iter().any(|s| acts::is_social(s) || acts::is_done(s));
    if is_content && last.turn > 1 || last.prompt == Prompt::More && text::words(last.text).count() <= 4 {
        return Left::Satisfied;
    }
    Left::CutOff
}

/// Whether a turn asks again or objects: what came before it was no answer.
fn is_unanswered(turn: &Said<'_>) -> bool {
    turn.sentences.iter().any(|s| acts::pushes_back(s) || acts::gives_up(s)) || is_refused(turn)
}

fn is_refused(turn: &Said<'_>) -> bool {
    turn.agent_sentences.iter().any(|sentence| acts::refuses(sentence))
}
