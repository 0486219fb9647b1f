//! A dialogue in Anthropic's messages.

use serde_json::{Value, json};

use super::{Dialogue, Spoken, arguments, instructions, turns};
use crate::model::wire::anthropic::usage;
use crate::{Message, Speaker, Tool, ToolCall};

pub(super) fn body(model: &str, dialogue: &Dialogue<'_>, tokens_max: u64) -> Value {
    let mut body = json!({"model": model, "max_tokens": tokens_max});
    if let Some(instructions) = instructions(dialogue) {
        body["system"] = json!(instructions);
    }
    let turns = turns(dialogue, "assistant", |_, message| blocks(message));
    body["messages"] = turns.into_iter().map(|(role, blocks)| json!({"role": role, "content": blocks})).collect();
    if !dialogue.tools.is_empty() {
        body["tools"] = dialogue.tools.iter().map(tool).collect();
    }
    body
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description.as_deref().unwrap_or_default(), "input_schema": tool.parameters})
}

fn blocks(message: &Message) -> Vec<Value> {
    if message.speaker == Speaker::Tool {
        return vec![json!({"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text})];
    }
    // Providers refuse empty texts.
    let text = (!message.text.trim().is_empty()).then(|| json!({"type": "text", "text": message.text}));
    let call =
        |call: &ToolCall| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments(call)});
    text.into_iter().chain(message.tool_calls.iter().map(call)).collect()
}

pub(super) fn read(answer: &Value) -> Option<Spoken> {
    let content = answer["content"].as_array()?;
    let of = |kind: &'static str| content.iter().filter(move |block| block["type"] == kind);
    let call = |block: &Value| {
        let name = block["name"].as_str()?.to_owned();
        let id = block["id"].as_str().map(str::to_owned);
        Some(ToolCall { id, name, arguments: block["input"].to_string() })
    };
    let text = of("text").filter_map(|block| block["text"].as_str()).collect();
    Some(Spoken {
        text,
        calls: of("tool_use").filter_map(call).collect(),
        own: Value::Null,
        usage: usage(&answer["usage"]),
    })
}
