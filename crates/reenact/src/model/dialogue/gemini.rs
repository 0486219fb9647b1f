//! A dialogue in Gemini's `generateContent`.

use serde_json::{Value, json};

use super::{Dialogue, Spoken, arguments, instructions, turns};
use crate::model::wire::gemini::usage;
use crate::{Message, Speaker, Tool, ToolCall};

pub(super) fn body(dialogue: &Dialogue<'_>) -> Value {
    let turns = turns(dialogue, "model", |n, message| match dialogue.own.get(&n) {
        Some(Value::Array(own)) => own.clone(),
        _ => parts(message),
    });
    let mut body = json!({});
    body["contents"] = turns.into_iter().map(|(role, parts)| json!({"role": role, "parts": parts})).collect();
    if let Some(instructions) = instructions(dialogue) {
        body["systemInstruction"] = json!({"parts": [{"text": instructions}]});
    }
    if !dialogue.tools.is_empty() {
        let tools: Vec<Value> = dialogue.tools.iter().map(tool).collect();
        body["tools"] = json!([{"functionDeclarations": tools}]);
    }
    body
}

fn tool(tool: &Tool) -> Value {
    json!({"name": tool.name, "description": tool.description.as_deref().unwrap_or_default(), "parametersJsonSchema": tool.parameters})
}

fn parts(message: &Message) -> Vec<Value> {
    if message.speaker == Speaker::Tool {
        let name = message.name.as_deref().unwrap_or_default();
        return vec![json!({"functionResponse": {"name": name, "response": {"result": message.text}}})];
    }
    let text = (!message.text.trim().is_empty()).then(|| json!({"text": message.text}));
    let call = |call: &ToolCall| json!({"functionCall": {"name": call.name, "args": arguments(call)}});
    text.into_iter().chain(message.tool_calls.iter().map(call)).collect()
}

pub(super) fn read(answer: &Value) -> Option<Spoken> {
    let parts = answer.pointer("/candidates/0/content/parts")?.as_array()?;
    let call = |part: &Value| {
        let call = &part["functionCall"];
        let name = call["name"].as_str()?.to_owned();
        let arguments = call.get("args").map_or_else(|| "{}".to_owned(), Value::to_string);
        Some(ToolCall { id: call["id"].as_str().map(str::to_owned), name, arguments })
    };
    let text = parts.iter().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect();
    // The signatures of thoughts must stand in the very parts that had them.
    let is_signed = parts.iter().any(|part| part["thoughtSignature"].is_string());
    let own = if is_signed { Value::Array(parts.clone()) } else { Value::Null };
    Some(Spoken { text, calls: parts.iter().filter_map(call).collect(), own, usage: usage(&answer["usageMetadata"]) })
}
