//! Words that people wrote for a conversation: a script, or what the recorded user said. They are said as they are, as
//! long as they fit; then the simulated user goes on.

use super::guard;
use crate::case::AfterScript;
use crate::text::{content_set, sentences};
use crate::{Brief, Conversation, Telling, TestCase, Turn, acts};

/// How much of their words two replies share at least that say the same, and two that ask for the same, in tenths (the
/// Sørensen–Dice coefficient).
const ALIKE_TENTHS: usize = 6;
const ALIKE_ASKS_TENTHS: usize = 4;

/// The fixed words of a conversation, and how far they are said.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    source: Source<'a>,
    said: usize,
}

#[derive(Debug)]
enum Source<'a> {
    Nobody,
    Script(&'a [String], AfterScript),
    Recording(Vec<Turn<'a>>),
}

/// What is fixed for the user's next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// These words.
    Says(&'a str),
    /// That the user leaves.
    Leaves,
    /// Nothing: the simulated user decides.
    Free,
}

impl<'a> Lines<'a> {
    /// The script of a case; without one, the recording, if its user is to be played back.
    pub(crate) fn of(case: &'a TestCase, recording: Option<&'a Conversation>) -> Self {
        let source = match (&case.staging.script[..], recording) {
            ([], None) => Source::Nobody,
            ([], Some(recording)) => Source::Recording(recording.turns().collect()),
            (script, _) => Source::Script(script, case.staging.after_script),
        };
        Lines { source, said: 0 }
    }

    /// Whether there are any: a simulated user that speaks all the same has taken over.
    pub(crate) fn are_there(&self) -> bool {
        !matches!(self.source, Source::Nobody)
    }

    /// What comes next, given the conversation so far. Once the agent does otherwise than in the recording, nothing of it
    /// is said any more.
    pub(crate) fn next(&mut self, conversation: &Conversation) -> Line<'a> {
        let line = match &self.source {
            Source::Nobody => Line::Free,
            Source::Script(script, after) => match (script.get(self.said), after) {
                (Some(text), _) => Line::Says(text),
                (None, AfterScript::Leave) => Line::Leaves,
                (None, AfterScript::GoOn) => Line::Free,
            },
            Source::Recording(turns) => match turns.get(self.said) {
                Some(turn) if self.is_as_recorded(turns, conversation) => Line::Says(&turn.user.text),
                _ => Line::Free,
            },
        };
        self.said = if line == Line::Free { usize::MAX } else { self.said.saturating_add(1) };
        line
    }

    fn is_as_recorded(&self, turns: &[Turn<'_>], conversation: &Conversation) -> bool {
        let recorded = self.said.checked_sub(1).and_then(|last| turns.get(last));
        let newest = conversation.turns().last();
        match (recorded, newest) {
            (Some(recorded), Some(newest)) => does_the_same(&recorded.said_by_agent(), &newest.said_by_agent()),
            _ => true,
        }
    }
}

/// Whether one reply does what another does: asks for the same, refuses as well, or says much the same.
fn does_the_same(recorded: &str, now: &str) -> bool {
    if recorded == now {
        return true;
    }
    let asking = |reply: &str| {
        let asks = sentences(reply).into_iter().filter(|s| acts::asks(s) && !acts::offers_more(s));
        asks.map(str::to_owned).collect::<Vec<_>>()
    };
    let refuses = |reply: &str| sentences(reply).into_iter().any(acts::refuses);
    let (asked, asks) = (asking(recorded), asking(now));
    if asked.is_empty() != asks.is_empty() || refuses(recorded) != refuses(now) {
        return false;
    }
    match asked.is_empty() {
        true => are_alike(recorded, now, ALIKE_TENTHS),
        false => are_alike(&asked.join(" "), &asks.join(" "), ALIKE_ASKS_TENTHS),
    }
}

fn are_alike(one: &str, other: &str, tenths: usize) -> bool {
    let (one, other) = (content_set(one), content_set(other));
    let total = one.len() + other.len();
    20 * one.intersection(&other).count() >= tenths * total
}

/// The facts that fixed words tell, whatever their gates: whoever wrote them knew what they were doing.
pub(crate) fn told(brief: &Brief, text: &str) -> Vec<Telling> {
    guard::told_in(brief, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_in_other_words_does_the_same_and_another_act_does_not() {
        let same = [
            ("What is your booking number?", "Could you tell me the booking number, please?"),
            ("Parcel 4711 was delivered on Monday.", "Your parcel 4711 was delivered Monday afternoon."),
            ("I can't find the order.", "I cannot find your order."),
        ];
        let other = [
            ("What is your booking number?", "Your flight is changed."),
            ("What is your booking number?", "Which date do you want to fly?"),
            ("The parcel was lost.", "The parcel is on its way."),
            ("Parcel 4711 was delivered on Monday.", "I have refunded you the full price."),
            ("The parcel was delivered.", "I cannot find the parcel."),
        ];
        assert!(same.iter().all(|(one, two)| does_the_same(one, two)), "{same:?}");
        assert!(!other.iter().any(|(one, two)| does_the_same(one, two)), "{other:?}");
    }
}
