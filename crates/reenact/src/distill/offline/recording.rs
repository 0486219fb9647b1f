//! The recording as the rules read it: each user turn with what the agent had said just before.

use crate::case::Evidence;
use crate::distill::values::{FirstSaid, Spoken, Value, values};
use crate::{Conversation, Speaker, acts, text};

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
    /// A value in this turn that the user had heard from the agent before ever saying it.
    pub(super) adopted: Option<String>,
    /// What the agent had just wanted of the user.
    pub(super) prompt: Prompt,
}

/// What an agent wants of the user, by the last thing that it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Nothing: it told something, or was silent.
    Nothing,
    /// That the user says what is wanted.
    Invitation,
    /// Only whether there is more.
    More,
    /// A yes.
    Consent,
    /// An answer.
    Question,
}

/// What the agent's sentences want.
fn prompt(agent_sentences: &[&str]) -> Prompt {
    let mut asks = agent_sentences.iter().rev().filter(|sentence| acts::asks(sentence)).peekable();
    if asks.peek().is_none() {
        return Prompt::Nothing;
    }
    match asks.find(|ask| !acts::offers_more(ask)) {
        None => Prompt::More,
        Some(ask) if acts::invites(ask) => Prompt::Invitation,
        Some(ask) if acts::is_open(ask) => Prompt::Question,
        Some(ask) if acts::wants_consent(ask) || acts::is_yes_no(ask) => Prompt::Consent,
        Some(_) => Prompt::Question,
    }
}

impl Said<'_> {
    /// Evidence for a part of the case by words of this turn.
    pub(super) fn evidence(&self, field: &str, quote: &str) -> Evidence {
        Evidence { field: field.to_owned(), turn: self.turn, quote: quote.to_owned() }
    }
}

/// The user turns that have words, in order.
pub(super) fn recording<'a>(conversation: &'a Conversation, spoken: &Spoken<'_>) -> Vec<Said<'a>> {
    let mut turn = 0;
    let mut agent_sentences = Vec::new();
    let mut recording = Vec::new();
    for message in &conversation.messages {
        match message.speaker {
            Speaker::User => {
                turn += 1;
                let text = message.text.trim();
                if has_words(text) {
                    recording.push(said(turn, text, std::mem::take(&mut agent_sentences), spoken));
                }
            }
            Speaker::Agent => agent_sentences.extend(text::sentences(&message.text)),
            Speaker::Tool | Speaker::Operator => {}
        }
    }
    recording
}

/// A message of nothing but marks, such as `[image]`, cannot be said again. What tells what the user did can:
/// `[submits the form: two adults, one child]`.
fn has_words(text: &str) -> bool {
    let mut inside = false;
    let is_outside = |c: char| {
        inside = (inside || c == '[') && c != ']';
        !inside && c.is_alphanumeric()
    };
    text.chars().any(is_outside) || text::words(text).count() > MARK_WORDS_MAX
}

/// How many words name a mark: "[voice message sent]".
const MARK_WORDS_MAX: usize = 3;

fn said<'a>(turn: u32, text: &'a str, agent_sentences: Vec<&'a str>, spoken: &Spoken<'_>) -> Said<'a> {
    let sentences = text::sentences(text);
    let is_heard = |value: &Value<'_>| spoken.first_heard(value.text) == FirstSaid::ByAgent;
    let adopted = sentences.iter().flat_map(|s| values(s)).find(is_heard).map(|value| value.text.to_owned());
    let prompt = prompt(&agent_sentences);
    Said { turn, text, sentences, agent_sentences, adopted, prompt }
}
