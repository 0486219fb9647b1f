//! A dialogue in Bedrock's `Converse`.

use serde_json::{Value, json};

use super::{Dialogue, Spoken, arguments, instructions, turns};
use crate::model::wire::converse::usage;
use crate::{Message, Speaker, Tool, ToolCall};

pub(super) fn body(dialogue: &Dialogue<'_>) -> Value {
    let turns = turns(dialogue, "assistant", |_, message| blocks(message));
    let mut body = json!({});
    body["messages"] = turns.into_iter().map(|(role, blocks)| json!({"role": role, "content": blocks})).collect();
    if let Some(instructions) = instructions(dialogue) {
        body["system"] = json!([{"text": instructions}]);
    }
    if !dialogue.tools.is_empty() {
        let tools: Vec<Value> = dialogue.tools.iter().map(tool).collect();
        body["toolConfig"] = json!({"tools": tools});
    }
    body
}

fn tool(tool: &Tool) -> Value {
    // An empty description is refused.
    let mut spec = json!({"name": tool.name, "inputSchema": {"json": tool.parameters}});
    if let Some(description) = tool.description.as_deref().filter(|description| !description.is_empty()) {
        spec["description"] = json!(description);
    }
    json!({"toolSpec": spec})
}

fn blocks(message: &Message) -> Vec<Value> {
    if message.speaker == Speaker::Tool {
        let content = json!([{"text": message.text}]);
        return vec![json!({"toolResult": {"toolUseId": message.tool_call_id, "content": content}})];
    }
    let text = (!message.text.trim().is_empty()).then(|| json!({"text": message.text}));
    let call =
        |call: &ToolCall| json!({"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments(call)}});
    text.into_iter().chain(message.tool_calls.iter().map(call)).collect()
}

pub(super) fn read(answer: &Value) -> Option<Spoken> {
    let content = answer.pointer("/output/message/content")?.as_array()?;
    let call = |block: &Value| {
        let used = block.get("toolUse")?;
        let name = used["name"].as_str()?.to_owned();
        let id = used["toolUseId"].as_str().map(str::to_owned);
        Some(ToolCall { id, name, arguments: used["input"].to_string() })
    };
    let text = content.iter().filter_map(|block| block["text"].as_str()).collect();
    Some(Spoken {
        text,
        calls: content.iter().filter_map(call).collect(),
        own: Value::Null,
        usage: usage(&answer["usage"]),
    })
}
