//! Chat completions, as OpenAI made them and most servers speak them.

use serde_json::{Value, json};

use super::{Read, Stopped, answered_with, sides, text_of, tool_description, written};
use crate::ChatMessage;
use crate::chat_completions::read_usage;
use crate::http::error_message;
use crate::model::manner::{Caching, Manner, Means};
use crate::model::{ModelRequest, strict_schema};

pub(super) fn body(model: &str, messages: &[ChatMessage], request: &ModelRequest, manner: &Manner) -> Value {
    // What is long is moved into its place: `json!` copies what it is given.
    let mut body = json!({"model": model});
    body["messages"] = Value::Array(told(messages));
    let (name, schema) = (&request.schema.name, || strict_schema(&request.schema.schema));
    match manner.means {
        Means::Schema => {
            body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": name, "strict": true}});
            body["response_format"]["json_schema"]["schema"] = schema();
        }
        Means::Tool => {
            let described = json!({"name": name, "description": tool_description(request), "parameters": schema()});
            body["tools"] = json!([{"type": "function", "function": described}]);
            body["tool_choice"] = json!({"type": "function", "function": {"name": name}});
        }
        Means::JsonObject => body["response_format"] = json!({"type": "json_object"}),
        Means::Prompt => {}
    }
    if manner.caching == Caching::Key {
        body["prompt_cache_key"] = json!(cache_key(messages));
    }
    body
}

/// Many chat templates refuse two messages of one role in a row, so they are one.
fn told(messages: &[ChatMessage]) -> Vec<Value> {
    let (system, sides) = sides(messages);
    let system = system.map(|side| message("system", side.text()));
    let turns = sides.iter().map(|side| message(side.role("assistant"), side.text()));
    system.into_iter().chain(turns).collect()
}

fn message(role: &str, text: String) -> Value {
    let mut message = json!({"role": role});
    message["content"] = Value::String(text);
    message
}

/// The same for all requests that begin with the same instructions and the same first message, so that the provider
/// sends them to where it keeps that beginning.
fn cache_key(messages: &[ChatMessage]) -> String {
    let mut hash = blake3::Hasher::new();
    for message in messages.iter().take(2) {
        hash.update(message.content.as_bytes()).update(&[0]);
    }
    format!("reenact-{}", &hash.finalize().to_hex()[..16])
}

pub(super) fn read(answer: &Value) -> Read {
    let choice = answer.pointer("/choices/0").ok_or("`choices` with a `message`")?;
    // A router passes on what went wrong behind it.
    if let Some(error) = choice.get("error").and_then(error_message) {
        return Ok(Err(answered_with(&error)));
    }
    let message = choice.get("message").filter(|message| message.is_object()).ok_or("`choices` with a `message`")?;
    let stopped = match choice["finish_reason"].as_str() {
        Some("length" | "model_length") => Some(Stopped::AtTheLimit),
        Some(word @ "content_filter") => Some(Stopped::ByTheFilter(word)),
        _ => None,
    };
    let called = message.pointer("/tool_calls/0/function/arguments").and_then(text_of);
    let text = called.map_or_else(|| text(&message["content"]), str::to_owned);
    written(text, text_of(&message["refusal"]), stopped, read_usage(&answer["usage"]))
}

/// The words of a content; parts of other kinds, such as what a model thought, are no answer.
fn text(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    content.as_str().into_iter().chain(parts).collect()
}
