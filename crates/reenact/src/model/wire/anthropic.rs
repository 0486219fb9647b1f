//! Anthropic's messages.

use serde_json::{Value, json};

use super::{Manner, Means, Read, Stopped, instructions, text_of, tokens, told_the_schema, tool_description, written};
use crate::model::{ModelRequest, Usage, strict_schema};
use crate::{ChatMessage, ChatRole};

/// The form insists on a limit. Ours are answers of a page at most; this leaves a model room to think before one.
const ANSWER_TOKENS_MAX: u32 = 8192;

pub(super) fn body(model: &str, request: &ModelRequest, manner: &Manner) -> Value {
    let messages = told_the_schema(request, manner.means);
    let (system, said) = instructions(&messages);
    let mut body = json!({"model": model, "max_tokens": ANSWER_TOKENS_MAX});
    if !system.is_empty() {
        body["system"] = marked(system.into_iter().map(block).collect());
    }
    body["messages"] = turns(&said);
    let (name, schema) = (&request.schema.name, || strict_schema(&request.schema.schema));
    match manner.means {
        Means::Schema => body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema()}}),
        Means::Tool => {
            let description = tool_description(request);
            body["tools"] = json!([{"name": name, "description": description, "input_schema": schema()}]);
            body["tool_choice"] = json!({"type": "tool", "name": name});
        }
        Means::JsonObject | Means::Prompt => {}
    }
    body
}

fn block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// Blocks with the mark up to which the provider keeps the prompt for the next request.
fn marked(mut blocks: Vec<Value>) -> Value {
    if let Some(last) = blocks.last_mut() {
        last["cache_control"] = json!({"type": "ephemeral"});
    }
    Value::Array(blocks)
}

/// The conversation, in turns: messages of one side in a row are blocks of one. The next request goes on where
/// this one ends, so that its end is marked.
fn turns(said: &[&ChatMessage]) -> Value {
    let sides = said.chunk_by(|one, next| one.role == next.role);
    let count = sides.clone().count();
    let turn = |(n, side): (usize, &[&ChatMessage])| {
        let role = if side[0].role == ChatRole::Assistant { "assistant" } else { "user" };
        let blocks: Vec<Value> = side.iter().map(|message| block(&message.content)).collect();
        let content = if n + 1 == count { marked(blocks) } else { Value::Array(blocks) };
        json!({"role": role, "content": content})
    };
    sides.enumerate().map(turn).collect()
}

pub(super) fn read(answer: &Value) -> Read {
    let content = answer["content"].as_array().ok_or("a list of `content`")?;
    let stopped = match answer["stop_reason"].as_str() {
        Some("max_tokens" | "model_context_window_exceeded") => Some(Stopped::AtTheLimit),
        _ => None,
    };
    let refusal = (answer["stop_reason"] == "refusal").then_some("it gives no reason");
    let called = content.iter().find(|block| block["type"] == "tool_use").map(|block| block["input"].to_string());
    let text = || content.iter().filter_map(|block| text_of(&block["text"])).collect::<String>();
    written(called.unwrap_or_else(text), refusal, stopped, usage(&answer["usage"]))
}

/// Anthropic counts what was read from the cache and written to it apart from the rest of the input.
fn usage(usage: &Value) -> Option<Usage> {
    let of = |name| tokens(usage, name).unwrap_or(0);
    let (cached, written) = (of("cache_read_input_tokens"), of("cache_creation_input_tokens"));
    Some(Usage {
        input_tokens: tokens(usage, "input_tokens")?.saturating_add(cached).saturating_add(written),
        cached_tokens: cached,
        cache_write_tokens: written,
        output_tokens: of("output_tokens"),
    })
}
