//! The newest reply as the agenda reads it: which gates are open now, and what the agent wants of the user.
//!
//! Code reads first. Where it cannot tell (a paraphrase, another language), [`Reading::doubts`] says which gates
//! somebody who reads might see open.

use super::gate::{self, Call, Opened};
use crate::{Fact, Gate, Scene, acts, text};

/// What the agent wants of a user who has nothing on the agenda for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Nothing.
    Nothing,
    /// A yes or a no.
    Decision,
    /// Something that the user would have to know.
    Knowledge,
    /// The wish, once more: it was not served, or not understood.
    Repetition,
}

/// A reply, read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// The facts that may be said and were not, in the order of the brief.
    pub(super) opened: Vec<(&'a Fact, Opened)>,
    pub(super) wants: Wants,
}

impl<'a> Reading<'a> {
    /// What code reads.
    pub(super) fn by_code(scene: &Scene<'a>) -> Self {
        let facts = unsaid(scene).filter_map(|fact| Some((fact, gate::opened(&fact.gate, scene)?)));
        Reading { opened: facts.collect(), wants: wants(&newest_reply(scene)) }
    }

    /// The facts behind gates of which code cannot tell whether they are open. There are none where it saw the reply
    /// call for a fact: then the next move stands, whatever else may be said.
    pub(super) fn doubts(&self, scene: &Scene<'a>) -> Vec<&'a Fact> {
        if self.opened.iter().any(|(_, opened)| matches!(opened.call, Call::Answer | Call::Hint)) {
            return Vec::new();
        }
        let reply = newest_reply(scene);
        let asks = |sentence: &str| acts::asks(sentence) && !acts::offers_more(sentence);
        let may_ask = !acts::knows(&reply) || text::sentences(&reply).into_iter().any(asks);
        let is_doubtful = |gate: &Gate| match gate {
            Gate::When(_) => true,
            Gate::Asked(_) => may_ask,
            Gate::Open | Gate::After(_) | Gate::Never => false,
        };
        let is_closed = |fact: &Fact| !self.opened.iter().any(|(open, _)| open.id == fact.id);
        unsaid(scene).filter(|fact| is_closed(fact) && is_doubtful(&fact.gate)).collect()
    }

    /// Adds what somebody else read.
    pub(super) fn add(&mut self, scene: &Scene<'a>, fact: &'a Fact, opened: Opened) {
        self.opened.push((fact, opened));
        let place = |fact: &Fact| scene.brief.facts.iter().position(|other| other.id == fact.id);
        self.opened.sort_by_key(|(fact, _)| place(fact));
    }
}

fn unsaid<'a>(scene: &Scene<'a>) -> impl Iterator<Item = &'a Fact> {
    scene.brief.facts.iter().filter(|fact| !scene.is_said(&fact.id))
}

/// What the agent said last.
pub(super) fn newest_reply(scene: &Scene<'_>) -> String {
    scene.heard.turns().last().map(|turn| turn.said_by_agent()).unwrap_or_default()
}

fn wants(reply: &str) -> Wants {
    let sentences = text::sentences(reply);
    let asks = sentences.iter().rev().find(|s| acts::asks(s) && !acts::offers_more(s));
    match asks {
        Some(ask) if acts::invites(ask) => Wants::Repetition,
        Some(ask) if acts::wants_consent(ask) => Wants::Decision,
        Some(_) => Wants::Knowledge,
        None if sentences.is_empty() || sentences.iter().any(|s| acts::refuses(s)) => Wants::Repetition,
        None => Wants::Nothing,
    }
}
