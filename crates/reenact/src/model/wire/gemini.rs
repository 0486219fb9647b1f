//! Gemini's `generateContent`.

use serde_json::{Value, json};

use super::{Read, Side, Stopped, sides, text_of, tokens, written};
use crate::ChatMessage;
use crate::model::manner::{Manner, Means};
use crate::model::{ModelRequest, Usage, strict_schema};

/// The model stands in the address, and caching needs no word: what comes again is recognised.
pub(super) fn body(messages: &[ChatMessage], request: &ModelRequest, manner: &Manner) -> Value {
    let (system, sides) = sides(messages);
    let turn = |side: &Side<'_>| json!({"role": side.role("model"), "parts": parts(side)});
    let mut body = json!({"contents": sides.iter().map(turn).collect::<Vec<_>>()});
    if let Some(system) = system {
        body["systemInstruction"] = json!({"parts": parts(&system)});
    }
    match manner.means {
        Means::Schema => {
            let schema = strict_schema(&request.schema.schema);
            let config = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
            body["generationConfig"] = config;
        }
        Means::JsonObject => body["generationConfig"] = json!({"responseMimeType": "application/json"}),
        Means::Tool | Means::Prompt => {}
    }
    body
}

fn parts(side: &Side<'_>) -> Vec<Value> {
    side.parts.iter().map(|part| json!({"text": part.text})).collect()
}

pub(super) fn read(answer: &Value) -> Read {
    let usage = usage(&answer["usageMetadata"]);
    if let Some(word) = text_of(&answer["promptFeedback"]["blockReason"]) {
        return written(String::new(), None, Some(Stopped::ByTheFilter(word)), usage);
    }
    let candidate = answer.pointer("/candidates/0").ok_or("`candidates`")?;
    let stopped = match candidate["finishReason"].as_str() {
        Some("MAX_TOKENS") => Some(Stopped::AtTheLimit),
        Some(word @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "OTHER")) => {
            Some(Stopped::ByTheFilter(word))
        }
        _ => None,
    };
    let parts = candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten();
    let text = parts.filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str()).collect();
    written(text, None, stopped, usage)
}

/// Gemini counts what a model thought apart from what it wrote.
pub(in crate::model) fn usage(usage: &Value) -> Option<Usage> {
    let of = |name| tokens(usage, name).unwrap_or(0);
    Some(Usage {
        input_tokens: tokens(usage, "promptTokenCount")?,
        cached_tokens: of("cachedContentTokenCount"),
        cache_write_tokens: 0,
        output_tokens: of("candidatesTokenCount").saturating_add(of("thoughtsTokenCount")),
        batched: false,
    })
}
