//! A model asked for what a tool would have answered. It sees the recorded calls of that tool and nothing else: no case, no
//! conversation, no expectation.

use serde::Serialize;
use serde_json::{Value, json};

use super::matching::Recording;
use crate::prompt::{Prompt, render};
use crate::{AnswerSchema, ChatMessage, ChatRole, ModelRequest, ToolCall};

/// More recorded calls than this teach a model nothing new; the latest know the latest state.
const CALLS_MAX: usize = 50;

/// What is asked about a call.
pub(super) fn request(recording: &Recording, call: &ToolCall) -> ModelRequest {
    #[derive(Serialize)]
    struct Values<'a> {
        tool: &'a str,
        calls: String,
        arguments: String,
        left_out: usize,
    }
    let calls: Vec<_> = recording.calls.iter().filter(|recorded| recorded.tool == call.name).collect();
    let left_out = calls.len().saturating_sub(CALLS_MAX);
    let line = |recorded: &&super::matching::RecordedCall| {
        json!({"arguments": parsed(&recorded.arguments), "result": recorded.result}).to_string()
    };
    let values = Values {
        tool: &call.name,
        calls: calls[left_out..].iter().map(line).collect::<Vec<_>>().join("\n"),
        arguments: parsed(&call.arguments).to_string(),
        left_out,
    };
    let part = |role, name| ChatMessage { role, content: render(Prompt::Tool, name, &values) };
    let schema = json!({
        "type": "object",
        "properties": {"result": {"type": "string", "description": "What the tool answers, in the very form of the recorded results."}},
        "required": ["result"],
        "additionalProperties": false,
    });
    ModelRequest {
        messages: vec![part(ChatRole::System, "system"), part(ChatRole::User, "call")],
        schema: AnswerSchema { name: "tool_result".to_owned(), schema: schema.into() },
    }
}

/// The result in a model's answer.
pub(super) fn result(answer: &Value) -> String {
    answer["result"].as_str().map_or_else(|| answer.to_string(), str::to_owned)
}

fn parsed(arguments: &str) -> Value {
    serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments))
}
