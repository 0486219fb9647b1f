//! A conversation inside a prompt: data, one JSON object a line.
//!
//! JSON is the fence. A line break inside a message is written `\n`, so no message can open a line of
//! its own, pose as another speaker, or end the data early.

use serde::Serialize;

use crate::{Conversation, Message, Speaker, ToolCall};

/// Tool results tell a distiller only who said a value first, and one page of them is enough to see what was going on.
const TOOL_CHARS_MAX: usize = 1_500;

#[derive(Serialize)]
struct Line<'a> {
    turn: u32,
    speaker: Speaker,
    #[serde(skip_serializing_if = "str::is_empty")]
    text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [ToolCall],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Everything that was said. What precedes the first user message stands in turn 0.
pub(crate) fn whole(conversation: &Conversation) -> String {
    lines(conversation, |message| Some(message.text.clone()))
}

/// What a distiller needs: the operator's prompt is left out, because the user never saw it, and a
/// tool's long result is cut, with a mark that says how much is missing.
pub(crate) fn abridged(conversation: &Conversation) -> String {
    lines(conversation, |message| match message.speaker {
        Speaker::Operator => None,
        Speaker::Tool => Some(cut(&message.text)),
        Speaker::User | Speaker::Agent => Some(message.text.clone()),
    })
}

fn lines(conversation: &Conversation, text_of: impl Fn(&Message) -> Option<String>) -> String {
    let mut turn = 0;
    let mut lines = Vec::with_capacity(conversation.messages.len());
    for message in &conversation.messages {
        turn += u32::from(message.speaker == Speaker::User);
        let Some(text) = text_of(message) else { continue };
        lines.push(line(turn, message, &text));
    }
    lines.join("\n")
}

fn line(turn: u32, message: &Message, text: &str) -> String {
    let Message { speaker, tool_calls, name, .. } = message;
    let line = Line { turn, speaker: *speaker, text, tool_calls, name: name.as_deref() };
    serde_json::to_string(&line).expect("strings and numbers are JSON")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TOOL_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} [… {} characters left out]", &text[..end], text[end..].chars().count()),
    }
}
