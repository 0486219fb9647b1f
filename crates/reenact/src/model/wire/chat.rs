//! Chat completions, as OpenAI made them and most servers speak them.

use serde_json::{Value, json};

use super::{Manner, Means, Read, Stopped, text_of, told_the_schema, tool_description, written};
use crate::chat_completions::{read_content, read_usage};
use crate::model::{ModelRequest, strict_schema};

pub(super) fn body(model: &str, request: &ModelRequest, manner: &Manner) -> Value {
    let mut body = json!({"model": model, "messages": told_the_schema(request, manner.means)});
    let (name, schema) = (&request.schema.name, || strict_schema(&request.schema.schema));
    match manner.means {
        Means::Schema => {
            let described = json!({"name": name, "strict": true, "schema": schema()});
            body["response_format"] = json!({"type": "json_schema", "json_schema": described});
        }
        Means::Tool => {
            let described = json!({"name": name, "description": tool_description(request), "parameters": schema()});
            body["tools"] = json!([{"type": "function", "function": described}]);
            body["tool_choice"] = json!({"type": "function", "function": {"name": name}});
        }
        Means::JsonObject => body["response_format"] = json!({"type": "json_object"}),
        Means::Prompt => {}
    }
    body
}

pub(super) fn read(answer: &Value) -> Read {
    let choice = answer.pointer("/choices/0").filter(|choice| choice["message"].is_object());
    let choice = choice.ok_or("`choices` with a `message`")?;
    let message = &choice["message"];
    let stopped = match choice["finish_reason"].as_str() {
        Some("length") => Some(Stopped::AtTheLimit),
        Some("content_filter") => Some(Stopped::ByTheFilter),
        _ => None,
    };
    let arguments = message.pointer("/tool_calls/0/function/arguments").and_then(text_of);
    let text = arguments.map_or_else(|| read_content(&message["content"]).unwrap_or_default(), str::to_owned);
    written(text, text_of(&message["refusal"]), stopped, read_usage(&answer["usage"]))
}
