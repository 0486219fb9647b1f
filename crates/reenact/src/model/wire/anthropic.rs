//! Anthropic's messages.

use serde_json::{Value, json};

use super::{Part, Read, Side, Stopped, sides, text_of, tokens, tool_description, written};
use crate::ChatMessage;
use crate::model::manner::{Caching, Manner, Means};
use crate::model::strict::boundless_schema;
use crate::model::{ModelRequest, Usage};

/// The version of the interface, which each request names.
pub(super) const VERSION: &str = "2023-06-01";

pub(super) fn body(model: &str, messages: &[ChatMessage], request: &ModelRequest, manner: &Manner) -> Value {
    let (system, sides) = sides(messages);
    let mut body = json!({"model": model, "max_tokens": manner.answer_tokens_max});
    let (name, schema) = (&request.schema.name, || boundless_schema(&request.schema.schema));
    match manner.means {
        Means::Schema => body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}}),
        Means::Tool => {
            let description = tool_description(request);
            body["tools"] = json!([{"name": name, "description": description, "input_schema": schema()}]);
            body["tool_choice"] = json!({"type": "tool", "name": name});
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
    let block = |part: &Part<'_>| match part.is_marked && caching == Caching::Marks {
        true => json!({"type": "text", "text": part.text, "cache_control": {"type": "ephemeral"}}),
        false => json!({"type": "text", "text": part.text}),
    };
    side.parts.iter().map(block).collect()
}

pub(super) fn read(answer: &Value) -> Read {
    let content = answer["content"].as_array().ok_or("a list of `content`")?;
    let stopped = match answer["stop_reason"].as_str() {
        Some("max_tokens" | "model_context_window_exceeded") => Some(Stopped::AtTheLimit),
        _ => None,
    };
    let said = text_of(&answer["stop_details"]["explanation"]).unwrap_or("it gives no reason");
    let refusal = (answer["stop_reason"] == "refusal").then_some(said);
    let called = content.iter().find(|block| block["type"] == "tool_use").map(|block| block["input"].to_string());
    let text = || content.iter().filter(|block| block["type"] == "text").filter_map(|block| block["text"].as_str());
    written(called.unwrap_or_else(|| text().collect()), refusal, stopped, usage(&answer["usage"]))
}

/// Anthropic counts what was read from the cache and written to it apart from the rest of the input.
pub(in crate::model) fn usage(usage: &Value) -> Option<Usage> {
    let of = |name| tokens(usage, name).unwrap_or(0);
    let (cached, written) = (of("cache_read_input_tokens"), of("cache_creation_input_tokens"));
    Some(Usage {
        input_tokens: tokens(usage, "input_tokens")?.saturating_add(cached).saturating_add(written),
        cached_tokens: cached,
        cache_write_tokens: written,
        output_tokens: of("output_tokens"),
        batched: false,
    })
}
