//! Bedrock's `Converse`.

use serde_json::{Value, json};

use super::{Read, Side, Stopped, sides, tokens, tool_description, written};
use crate::ChatMessage;
use crate::model::manner::{Caching, Manner, Means};
use crate::model::strict::boundless_schema;
use crate::model::{ModelRequest, Usage};

/// The model stands in the address.
pub(super) fn body(messages: &[ChatMessage], request: &ModelRequest, manner: &Manner) -> Value {
    let (system, sides) = sides(messages);
    let mut body = json!({});
    let (name, schema) = (&request.schema.name, || boundless_schema(&request.schema.schema));
    match manner.means {
        Means::Schema => {
            // The schema is a text here.
            let structure = json!({"jsonSchema": {"name": name, "schema": schema().to_string()}});
            body["outputConfig"] = json!({"textFormat": {"type": "json_schema", "structure": structure}});
        }
        Means::Tool => {
            let input = json!({"json": schema()});
            let tool = json!({"name": name, "description": tool_description(request), "inputSchema": input});
            body["toolConfig"] = json!({"tools": [{"toolSpec": tool}], "toolChoice": {"tool": {"name": name}}});
        }
        Means::JsonObject | Means::Prompt => {}
    }
    if let Some(system) = system {
        body["system"] = blocks(&system, manner.caching);
    }
    let turn = |side: &Side<'_>| json!({"role": side.role("assistant"), "content": blocks(side, manner.caching)});
    body["messages"] = sides.iter().map(turn).collect();
    body
}

fn blocks(side: &Side<'_>, caching: Caching) -> Value {
    let mut blocks = Vec::new();
    for part in &side.parts {
        blocks.push(json!({"text": part.text}));
        if part.is_marked && caching == Caching::Marks {
            blocks.push(json!({"cachePoint": {"type": "default"}}));
        }
    }
    Value::Array(blocks)
}

pub(super) fn read(answer: &Value) -> Read {
    let content = answer.pointer("/output/message/content").and_then(Value::as_array);
    let content = content.ok_or("an `output` with a `message`")?;
    let stopped = match answer["stopReason"].as_str() {
        Some("max_tokens" | "model_context_window_exceeded") => Some(Stopped::AtTheLimit),
        Some(word @ ("guardrail_intervened" | "content_filtered")) => Some(Stopped::ByTheFilter(word)),
        _ => None,
    };
    let called = content.iter().find_map(|block| block["toolUse"].get("input")).map(Value::to_string);
    let text = || content.iter().filter_map(|block| block["text"].as_str()).collect();
    written(called.unwrap_or_else(text), None, stopped, usage(&answer["usage"]))
}

/// Bedrock counts what was read from the cache and written to it apart from the rest of the input.
pub(in crate::model) fn usage(usage: &Value) -> Option<Usage> {
    let of = |name| tokens(usage, name).unwrap_or(0);
    let (cached, written) = (of("cacheReadInputTokens"), of("cacheWriteInputTokens"));
    Some(Usage {
        input_tokens: tokens(usage, "inputTokens")?.saturating_add(cached).saturating_add(written),
        cached_tokens: cached,
        cache_write_tokens: written,
        output_tokens: of("outputTokens"),
        batched: false,
    })
}
