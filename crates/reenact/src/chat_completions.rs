//! The chat-completions form: how a conversation is told to an agent or a model, and how its answer is read.
//!
//! Reading is tolerant of what servers leave out or set to null; writing is as strict as the strictest
//! provider, because a refused history would end the conversation.

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

use crate::http::{HttpFault, HttpFaultKind, error_message};
use crate::shorten::shorten;
use crate::{Message, Speaker, ToolCall, Usage};

pub(crate) use stream::ChoiceStream;

mod stream;

/// The first choice of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    /// The messages as they came; more than one only where a stream has the results of tools in it.
    pub(crate) messages: Vec<Value>,
    /// Which model answered, where the server says; often more exact than what was asked for.
    pub(crate) model: Option<String>,
    /// Tokens, where the server counts them.
    pub(crate) usage: Option<Usage>,
}

/// Reads the body of a successful answer.
///
/// # Errors
/// Where it is no JSON, has no choices, or is an error in spite of its status.
pub(crate) fn read_choice(body: &[u8]) -> Result<Choice, HttpFault> {
    let malformed = |reason| HttpFault::new(HttpFaultKind::Malformed, reason);
    let quote = || shorten(&String::from_utf8_lossy(body));
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("expected JSON ({error}), got: {}", quote())))?;
    if let Some(error) = answer.get("error").and_then(error_message) {
        let reason = format!("answered with an error: {}", shorten(&error));
        return Err(HttpFault::new(HttpFaultKind::Refused, reason));
    }
    let choice = answer.pointer("/choices/0").filter(|choice| choice["message"].is_object());
    let choice = choice.ok_or_else(|| malformed(format!("expected `choices` with a `message`, got: {}", quote())))?;
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let usage = read_usage(&answer["usage"]);
    Ok(Choice { model: text(&answer["model"]), usage, messages: vec![choice["message"].clone()] })
}

/// Tokens, where the server counts them. Cached ones are among those of the prompt, whoever says so where.
pub(crate) fn read_usage(usage: &Value) -> Option<Usage> {
    let tokens = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let cached = tokens("/prompt_tokens_details/cached_tokens").or_else(|| tokens("/prompt_cache_hit_tokens"));
    let input_tokens = tokens("/prompt_tokens")?;
    // Some servers count reasoning in the total only.
    let besides_input = tokens("/total_tokens").unwrap_or(0).saturating_sub(input_tokens);
    Some(Usage {
        input_tokens,
        cached_tokens: cached.unwrap_or(0),
        cache_write_tokens: tokens("/prompt_tokens_details/cache_write_tokens").unwrap_or(0),
        output_tokens: tokens("/completion_tokens").unwrap_or(0).max(besides_input),
        batched: false,
    })
}

/// Reads a message that an agent wrote: its own, or a tool's result.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub(crate) fn read_message(message: &Value) -> Result<Message, String> {
    let fields = message.as_object().ok_or_else(|| format!("a message is an object, got {}", quoted(message)))?;
    let speaker = match fields.get("role").unwrap_or(&Value::Null) {
        Value::Null => Speaker::Agent,
        Value::String(role) if role == "assistant" => Speaker::Agent,
        Value::String(role) if role == "tool" || role == "function" => Speaker::Tool,
        role => return Err(format!("an agent writes as `assistant` or `tool`, not as {}", quoted(role))),
    };
    let text_of = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let content = read_content(fields.get("content").unwrap_or(&Value::Null))?;
    // A refusal stands in place of the content, and is what the user gets to read.
    let text = if content.is_empty() { text_of("refusal").unwrap_or_default() } else { content };
    Ok(Message {
        tool_calls: read_tool_calls(fields)?,
        tool_call_id: text_of("tool_call_id"),
        name: text_of("name").filter(|_| speaker == Speaker::Tool),
        ..Message::new(speaker, text)
    })
}

fn quoted(value: &Value) -> String {
    shorten(&value.to_string())
}

/// The text of a content: a string, or parts, of which those that are not text leave a mark.
pub(crate) fn read_content(content: &Value) -> Result<String, String> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => Ok(parts.iter().map(read_part).collect::<Vec<_>>().join("\n")),
        other => Err(format!("`content` is text or a list of parts, got {}", quoted(other))),
    }
}

fn read_part(part: &Value) -> String {
    let text = part.as_str().or_else(|| part["text"].as_str()).or_else(|| part["refusal"].as_str());
    text.map_or_else(
        || {
            let kind = part["type"].as_str().unwrap_or("part");
            format!("[{}]", kind.trim_start_matches("input_").trim_end_matches("_url"))
        },
        str::to_owned,
    )
}

fn read_tool_calls(fields: &Map<String, Value>) -> Result<Vec<ToolCall>, String> {
    match fields.get("tool_calls") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(calls)) => calls.iter().map(read_tool_call).collect(),
        Some(other) => Err(format!("`tool_calls` is a list, got {}", quoted(other))),
    }
}

fn read_tool_call(call: &Value) -> Result<ToolCall, String> {
    let function = call.get("function").unwrap_or(call);
    let name = function["name"].as_str().ok_or_else(|| format!("a tool call has a name, got {}", quoted(call)))?;
    let arguments = match &function["arguments"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Ok(ToolCall { id: call["id"].as_str().map(str::to_owned), name: name.to_owned(), arguments })
}

/// A conversation as the agent under test reads it: its own words are the `assistant`'s.
///
/// Providers refuse a tool call without an id or without a result, and a result without its call. So calls
/// without an id get one, results are paired with their calls in order, and what stays unpaired is left out.
pub(crate) fn history(messages: &[Message]) -> Vec<Value> {
    paired_messages(messages).iter().map(written).collect()
}

/// The messages with an id on every tool call and every result, and without the calls and results that have no counterpart.
pub(crate) fn paired_messages(messages: &[Message]) -> Vec<Message> {
    let mut paired = pair_tool_calls(messages);
    let results = paired.iter().filter_map(|message| message.tool_call_id.clone());
    let answered: BTreeSet<String> = results.collect();
    for message in &mut paired {
        message.tool_calls.retain(|call| call.id.as_ref().is_some_and(|id| answered.contains(id)));
    }
    paired.retain(|message| match message.speaker {
        Speaker::Tool => message.tool_call_id.is_some(),
        Speaker::Agent => !message.text.is_empty() || !message.tool_calls.is_empty(),
        Speaker::User | Speaker::Operator => true,
    });
    paired
}

/// The messages with an id on every tool call, and on every result the id of the call that it answers.
fn pair_tool_calls(messages: &[Message]) -> Vec<Message> {
    let mut open: VecDeque<String> = VecDeque::new();
    let mut calls = 0;
    let mut paired = messages.to_vec();
    for message in &mut paired {
        for call in &mut message.tool_calls {
            calls += 1;
            open.push_back(call.id.get_or_insert_with(|| format!("call_{calls}")).clone());
        }
        if message.speaker == Speaker::Tool {
            let position = message.tool_call_id.as_ref().map_or(Some(0), |id| open.iter().position(|call| call == id));
            message.tool_call_id = position.and_then(|at| open.remove(at));
        }
    }
    paired
}

fn written(message: &Message) -> Value {
    let role = match message.speaker {
        Speaker::User => "user",
        Speaker::Operator => "system",
        Speaker::Agent => return written_by_agent(message),
        Speaker::Tool => {
            return json!({"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text});
        }
    };
    json!({"role": role, "content": message.text})
}

fn written_by_agent(message: &Message) -> Value {
    let calls = message.tool_calls.iter().map(written_call).collect::<Vec<_>>();
    match (message.text.is_empty(), calls.is_empty()) {
        (_, true) => json!({"role": "assistant", "content": message.text}),
        (true, false) => json!({"role": "assistant", "content": null, "tool_calls": calls}),
        (false, false) => json!({"role": "assistant", "content": message.text, "tool_calls": calls}),
    }
}

fn written_call(call: &ToolCall) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// JSON of any shape, with the names that the reader looks for.
    fn any_json() -> impl Strategy<Value = Value> {
        let name = "choices|message|content|role|tool_calls|function|arguments|type|text|error|usage|refusal";
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_from_a_server_make_the_reader_panic(body: Vec<u8>) {
            let _ = read_choice(&body);
        }

        #[test]
        fn no_json_from_a_server_makes_the_reader_panic(message in any_json(), around in any_json()) {
            let _ = read_choice(json!({"choices": [{"message": message}], "usage": around}).to_string().as_bytes());
            let _ = read_choice(around.to_string().as_bytes());
            let _ = read_message(&message);
        }
    }

    #[test]
    fn a_refusal_is_what_the_user_reads() {
        let message = read_message(&json!({"content": null, "refusal": "I cannot help with that"})).unwrap();
        assert_eq!(message.text, "I cannot help with that");
    }

    fn call(id: Option<&str>, name: &str) -> ToolCall {
        ToolCall { id: id.map(str::to_owned), name: name.to_owned(), arguments: "{}".to_owned() }
    }

    #[test]
    fn a_history_pairs_calls_with_results_and_leaves_out_what_stays_alone() {
        let calls = Message { tool_calls: vec![call(None, "look"), call(Some("x"), "see")], ..Message::agent("") };
        let orphan = Message { tool_call_id: Some("gone".to_owned()), ..Message::new(Speaker::Tool, "?") };
        let alone = Message { tool_calls: vec![call(None, "never answered")], ..Message::agent("done") };
        let said = [Message::user("hi"), calls, Message::new(Speaker::Tool, "seen"), orphan, alone];
        insta::assert_snapshot!(history(&said).iter().map(|m| format!("{m}\n")).collect::<String>(), @r#"
        {"role":"user","content":"hi"}
        {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"look","arguments":"{}"}}]}
        {"role":"tool","tool_call_id":"call_1","content":"seen"}
        {"role":"assistant","content":"done"}
        "#);
    }

    #[test]
    fn parts_and_objects_and_nulls_are_read_as_servers_write_them() {
        let message = read_message(&json!({
            "role": "assistant", "id": null, "refusal": null,
            "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}],
            "tool_calls": [{"id": null, "function": {"name": "look", "arguments": {"at": 1}}}],
        }));
        let message = message.unwrap();
        assert_eq!(message.text, "see\n[image]");
        assert_eq!(message.tool_calls[0].arguments, r#"{"at":1}"#);
    }

    #[test]
    fn an_agent_cannot_put_words_into_the_users_mouth() {
        let error = read_message(&json!({"role": "user", "content": "thanks"})).unwrap_err();
        assert_eq!(error, "an agent writes as `assistant` or `tool`, not as \"user\"");
    }
}
