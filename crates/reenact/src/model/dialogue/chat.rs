//! A dialogue in chat completions.

use serde_json::{Value, json};

use super::{Dialogue, Spoken};
use crate::chat_completions::{history, read_message, read_usage};

pub(super) fn body(model: &str, dialogue: &Dialogue<'_>) -> Value {
    let mut body = json!({"model": model});
    let prompt = dialogue.prompt.map(|prompt| json!({"role": "system", "content": prompt}));
    body["messages"] = prompt.into_iter().chain(history(dialogue.messages)).collect();
    if !dialogue.tools.is_empty() {
        body["tools"] = dialogue.tools.iter().map(|tool| json!({"type": "function", "function": tool})).collect();
    }
    body
}

pub(super) fn read(answer: &Value) -> Option<Spoken> {
    let message = answer.pointer("/choices/0/message").filter(|message| message.is_object())?;
    let read = read_message(message).ok()?;
    Some(Spoken { text: read.text, calls: read.tool_calls, own: Value::Null, usage: read_usage(&answer["usage"]) })
}
