//! Every call of a trial, with the attempt and the turn that it was made for.

use std::collections::BTreeMap;

use reenact::case::FirstSpeaker;
use reenact::cost::Amount;
use reenact::journal::Call;
use reenact::{Discarded, Price, Speaker, StepRole, TestCase, Usage};
use schemars::JsonSchema;
use serde::Serialize;

/// A call: who answered, how long it took, and what it used.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CallShown {
    /// Who answered: user, agent, judge or tool.
    role: String,
    /// Which conversation of the trial it belongs to, from 1: more than one where a simulated user misbehaved.
    attempt: Option<u32>,
    /// The turn that it was made for.
    turn: Option<u32>,
    model: Option<String>,
    latency_ms: u64,
    usage: Option<Usage>,
    /// What it cost, in words.
    money: Option<String>,
    /// Whether a later round of judging replaced it.
    is_replaced: bool,
}

/// The turn of the first reply that the agent gives in a case.
pub(super) fn first_reply(case: &TestCase) -> u32 {
    let prefix = &case.staging.prefix;
    let said = prefix.turn_count() as u32;
    let is_asked = prefix.messages.last().is_some_and(|last| last.speaker == Speaker::User);
    let is_first = case.staging.first_speaker == FirstSpeaker::Agent && prefix.messages.is_empty();
    if is_asked || is_first { said } else { said + 1 }
}

/// The calls, in the order in which they were answered; `round` is the one that the run is in.
pub(super) fn shown(
    calls: Vec<Call>,
    case: &TestCase,
    discarded: &[Discarded],
    round: u32,
    prices: &BTreeMap<String, Price>,
) -> Vec<CallShown> {
    let mut place = Place { first: first_reply(case), replies: 0, attempt: 0, wordings: 0, discarded };
    let shown = |call: Call| {
        let at = place.of(call.key.role);
        let amount = call.charge.as_ref().map(|charge| Amount::of(charge, prices.get(&charge.model).copied()));
        CallShown {
            role: call.key.role.to_string(),
            attempt: at.map(|(attempt, _)| attempt),
            turn: at.map(|(_, turn)| turn),
            latency_ms: call.latency_ms,
            usage: call.charge.as_ref().and_then(|charge| charge.usage),
            model: call.charge.map(|charge| charge.model),
            money: amount.map(|amount| amount.money()),
            is_replaced: call.key.role == StepRole::Judge && call.round < round,
        }
    };
    calls.into_iter().map(shown).collect()
}

/// Where in its conversations a trial is.
struct Place<'a> {
    first: u32,
    /// What the agent answered in this attempt.
    replies: u32,
    attempt: usize,
    /// What was asked of the user since the last reply.
    wordings: u32,
    discarded: &'a [Discarded],
}

impl Place<'_> {
    fn of(&mut self, role: StepRole) -> Option<(u32, u32)> {
        if !matches!(role, StepRole::User | StepRole::Agent | StepRole::Tool) {
            return None;
        }
        if self.is_thrown_away(role) {
            (self.attempt, self.replies, self.wordings) = (self.attempt + 1, 0, 0);
        }
        let at = (self.attempt as u32 + 1, self.first + self.replies);
        match role {
            StepRole::Agent => (self.replies, self.wordings) = (self.replies + 1, 0),
            StepRole::User => self.wordings += 1,
            _ => {}
        }
        Some(at)
    }

    /// Whether this attempt was thrown away before such a call: the agent had given all its replies in it, and the user had
    /// worded its last message as often as it may.
    fn is_thrown_away(&self, role: StepRole) -> bool {
        let Some(discarded) = self.discarded.get(self.attempt) else { return false };
        let turns = discarded.conversation.turn_count() as u32;
        let replies = (turns + 1).saturating_sub(self.first);
        let rejected = discarded.corrections.iter().filter(|it| it.turn > turns).count() as u32;
        self.replies >= replies && (role == StepRole::Agent || self.wordings >= rejected)
    }
}

#[cfg(test)]
mod tests {
    use reenact::journal::StepKey;
    use reenact::{Conversation, Message};

    use super::*;

    fn call(role: StepRole) -> Call {
        let key = StepKey { case: "a".into(), trial: 1, position: 0, role };
        Call { key, round: u32::from(role == StepRole::Judge), latency_ms: 5, charge: None }
    }

    #[test]
    fn a_call_belongs_to_its_attempt_and_turn() {
        let conversation: Conversation = [Message::user("hi"), Message::agent("yes?")].into_iter().collect();
        let discarded = Discarded {
            session_id: "sim-1".into(),
            reason: "it spoke as the agent".into(),
            conversation,
            disclosures: Vec::new(),
            corrections: Vec::new(),
        };
        let roles = [StepRole::Agent, StepRole::Agent, StepRole::Agent, StepRole::Judge];
        let shown =
            shown(roles.map(call).into(), &TestCase::default(), std::slice::from_ref(&discarded), 2, &BTreeMap::new());
        let at: Vec<_> = shown.iter().map(|call| (call.attempt, call.turn, call.is_replaced)).collect();
        assert_eq!(
            at,
            [(Some(1), Some(1), false), (Some(2), Some(1), false), (Some(2), Some(2), false), (None, None, true)]
        );
    }
}
