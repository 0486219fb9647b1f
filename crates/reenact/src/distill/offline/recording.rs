//! The recording as the rules read it: each user turn with what the agent had said just before.

use std::collections::HashSet;

use crate::case::Evidence;
use crate::distill::values;
use crate::{Conversation, Message, Speaker, text};

/// One user turn with what led to it.
pub(super) struct Said<'a> {
    /// The number of the turn, from 1.
    pub(super) turn: u32,
    /// The user's words, trimmed.
    pub(super) text: &'a str,
    /// The user's sentences.
    pub(super) sentences: Vec<&'a str>,
    /// The sentences that the agent had said since the user's message before.
    pub(super) agent_sentences: Vec<&'a str>,
    /// A value in this turn that the agent or a tool had said before the user ever did.
    pub(super) adopted: Option<String>,
    /// The sentences of this turn that carry such a value.
    pub(super) adopting: Vec<&'a str>,
}

impl Said<'_> {
    /// Evidence for a part of the case by words of this turn.
    pub(super) fn evidence(&self, field: &str, quote: &str) -> Evidence {
        Evidence { field: field.to_owned(), turn: self.turn, quote: quote.to_owned() }
    }
}

/// The user turns that have words, in order.
pub(super) fn recording(conversation: &Conversation) -> Vec<Said<'_>> {
    let mut told = Told::default();
    let mut turn = 0;
    let mut agent_sentences = Vec::new();
    let mut said = Vec::new();
    for message in &conversation.messages {
        match message.speaker {
            Speaker::User => {
                turn += 1;
                let text = message.text.trim();
                if !text.is_empty() {
                    said.push(told.said(turn, text, std::mem::take(&mut agent_sentences)));
                }
            }
            Speaker::Agent => {
                agent_sentences.extend(text::sentences(&message.text));
                told.by_agent(message);
            }
            Speaker::Tool | Speaker::Operator => told.by_agent(message),
        }
    }
    said
}

/// The words that each side has said so far.
#[derive(Default)]
struct Told {
    agent: HashSet<String>,
    user: HashSet<String>,
}

impl Told {
    fn by_agent(&mut self, message: &Message) {
        self.agent.extend(text::words(&message.text).map(text::stem));
        for call in &message.tool_calls {
            self.agent.extend(text::words(&call.arguments).map(text::stem));
        }
    }

    fn said<'a>(&mut self, turn: u32, text: &'a str, agent_sentences: Vec<&'a str>) -> Said<'a> {
        let sentences = text::sentences(text);
        let adopts = |sentence: &&&str| values::values(sentence).iter().any(|value| self.is_adopted(value.text));
        let adopting: Vec<&str> = sentences.iter().filter(adopts).copied().collect();
        let adopted = adopting.first().and_then(|sentence| {
            values::values(sentence).iter().find(|value| self.is_adopted(value.text)).map(|value| value.text.to_owned())
        });
        self.user.extend(text::words(text).map(text::stem));
        Said { turn, text, sentences, agent_sentences, adopted, adopting }
    }

    /// Whether the agent's side had said all words of a value before, and the user had not.
    fn is_adopted(&self, value: &str) -> bool {
        let mut stems = text::words(value).map(text::stem).peekable();
        if stems.peek().is_none() {
            return false;
        }
        let stems: Vec<String> = stems.collect();
        stems.iter().all(|s| self.agent.contains(s)) && !stems.iter().all(|s| self.user.contains(s))
    }
}
