//! Messages in the form of OpenTelemetry's conventions for generative AI: a role, and parts.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::{ChatMessage, Message, Speaker, ToolCall};

/// A message; one that came out has a reason for its end.
#[derive(Serialize)]
struct Said<'a> {
    role: &'a str,
    parts: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text {
        content: &'a str,
    },
    ToolCall {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        arguments: Option<Box<RawValue>>,
    },
    ToolCallResponse {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        response: Option<Box<RawValue>>,
    },
}

/// What went in, as JSON.
pub(super) fn input<'a>(messages: impl Iterator<Item = &'a Message>) -> String {
    written(&messages.map(said).collect::<Vec<_>>())
}

/// What came out, as JSON.
pub(super) fn output(messages: &[Message]) -> String {
    let finished = |message| Said { finish_reason: Some("stop"), ..said(message) };
    written(&messages.iter().map(finished).collect::<Vec<_>>())
}

/// What a model was asked, as JSON.
pub(super) fn asked(messages: &[ChatMessage]) -> String {
    let said = |message: &ChatMessage| serde_json::json!({"role": message.role, "parts": [{"type": "text", "content": message.content}]});
    Value::from_iter(messages.iter().map(said)).to_string()
}

/// What a model answered, as JSON.
pub(super) fn answered(answer: &Value) -> String {
    let answer = answer.to_string();
    let parts = vec![Part::Text { content: &answer }];
    written(&[Said { role: "assistant", parts, finish_reason: Some("stop") }])
}

/// The arguments of a call; nothing where it has none.
pub(super) fn arguments(call: &ToolCall) -> Option<String> {
    structured(&call.arguments).map(|json| json.get().to_owned())
}

fn written(messages: &[Said<'_>]) -> String {
    serde_json::to_string(messages).expect("texts and JSON values have a JSON form")
}

fn said(message: &Message) -> Said<'_> {
    let role = match message.speaker {
        Speaker::User => "user",
        Speaker::Agent => "assistant",
        Speaker::Tool => "tool",
        Speaker::Operator => "system",
    };
    let parts = match message.speaker {
        Speaker::Tool => vec![result(message)],
        _ => {
            let words = Some(Part::Text { content: &message.text }).filter(|_| !message.text.is_empty());
            words.into_iter().chain(message.tool_calls.iter().map(call)).collect()
        }
    };
    Said { role, parts, finish_reason: None }
}

fn call(call: &ToolCall) -> Part<'_> {
    Part::ToolCall { id: call.id.as_deref(), name: &call.name, arguments: structured(&call.arguments) }
}

fn result(message: &Message) -> Part<'_> {
    let (id, name) = (message.tool_call_id.as_deref(), message.name.as_deref());
    let response = structured(&message.text).or_else(|| to_raw_value("").ok());
    Part::ToolCallResponse { id, name, response }
}

/// A text as the JSON that it is, letter for letter, where it is an object or a list; else as a text.
fn structured(text: &str) -> Option<Box<RawValue>> {
    if text.is_empty() {
        return None;
    }
    let is_structured = text.starts_with(['{', '[']) && text.ends_with(['}', ']']);
    let json = is_structured.then(|| RawValue::from_string(text.to_owned()).ok()).flatten();
    json.or_else(|| to_raw_value(text).ok())
}
