//! OpenAI's Responses form: how a conversation is told, and how an answer is read, whole or in pieces.

use std::ops::ControlFlow;

use serde_json::{Map, Value, json};

use crate::chat_completions::{paired_messages, read_content};
use crate::http::{HttpFault, HttpFaultKind, error_message};
use crate::shorten::shorten;
use crate::{Message, Speaker, ToolCall, Usage};

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// By which the next request can go on from it.
    pub(crate) id: Option<String>,
    /// What the agent said and called, with the results that are there.
    pub(crate) messages: Vec<Message>,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// Messages as items of the input.
pub(crate) fn items(messages: &[Message]) -> Vec<Value> {
    paired_messages(messages).iter().flat_map(items_of).collect()
}

fn items_of(message: &Message) -> Vec<Value> {
    let said = |role: &str| json!({"type": "message", "role": role, "content": message.text});
    match message.speaker {
        Speaker::User => vec![said("user")],
        Speaker::Operator => vec![said("system")],
        Speaker::Tool => {
            vec![json!({"type": "function_call_output", "call_id": message.tool_call_id, "output": message.text})]
        }
        Speaker::Agent => {
            let text = (!message.text.is_empty()).then(|| said("assistant"));
            let call = |call: &ToolCall| json!({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments});
            text.into_iter().chain(message.tool_calls.iter().map(call)).collect()
        }
    }
}

/// Reads the body of a successful answer.
///
/// # Errors
/// Where it is no JSON, is not of the form, or says that there is no answer.
pub(crate) fn read(body: &[u8]) -> Result<Response, HttpFault> {
    let quote = || shorten(&String::from_utf8_lossy(body));
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("expected JSON ({error}), got: {}", quote())))?;
    read_response(&answer)
}

fn malformed(reason: String) -> HttpFault {
    HttpFault::new(HttpFaultKind::Malformed, reason)
}

fn refused(reason: &str) -> HttpFault {
    HttpFault::new(HttpFaultKind::Refused, format!("answered with an error: {}", shorten(reason)))
}

fn read_response(answer: &Value) -> Result<Response, HttpFault> {
    if let Some(error) = answer.get("error").and_then(error_message) {
        return Err(refused(&error));
    }
    match answer["status"].as_str() {
        Some(status @ ("failed" | "cancelled")) => return Err(refused(&format!("the response {status}"))),
        Some(status @ ("queued" | "in_progress")) => {
            return Err(malformed(format!("expected a whole response, got one that is {status}")));
        }
        _ => {}
    }
    let items = answer["output"].as_array();
    let items = items.ok_or_else(|| malformed(format!("expected `output`, got: {}", shorten(&answer.to_string()))))?;
    let messages = read_items(items).map_err(malformed)?;
    let cut = answer.pointer("/incomplete_details/reason").and_then(Value::as_str);
    if let (Some(why), false) = (cut, messages.iter().any(Message::is_heard)) {
        return Err(malformed(format!("the answer was cut off before any text: {}", shorten(why))));
    }
    let (id, model) = (text(&answer["id"]), text(&answer["model"]));
    Ok(Response { id, messages, model, usage: read_usage(&answer["usage"]) })
}

fn read_items(items: &[Value]) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    for item in items {
        match item["type"].as_str().unwrap_or("message") {
            "message" => messages.push(Message::agent(read_content(&item["content"])?)),
            "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
                let text = read_content(&item["output"]).unwrap_or_else(|_| item["output"].to_string());
                messages
                    .push(Message { tool_call_id: text_of(item, &["call_id"]), ..Message::new(Speaker::Tool, text) });
            }
            // What was thought, listed or asked for leave is nothing that was said or done.
            kind if kind.ends_with("_call") || kind == "mcp_approval_request" => add_call(&mut messages, kind, item),
            _ => {}
        }
    }
    Ok(messages)
}

/// Adds a call, and the result where the item has it.
fn add_call(messages: &mut Vec<Message>, kind: &str, item: &Value) {
    let call = call(kind, item);
    let (id, name) = (call.id.clone(), call.name.clone());
    // Calls in a row were made together.
    match messages.last_mut() {
        Some(last) if last.speaker == Speaker::Agent && last.text.is_empty() => last.tool_calls.push(call),
        _ => messages.push(Message { tool_calls: vec![call], ..Message::agent("") }),
    }
    let result = text_of(item, &["output"]).or_else(|| item.get("error").and_then(error_message));
    if let Some(result) = result {
        messages.push(Message { tool_call_id: id, name: Some(name), ..Message::new(Speaker::Tool, result) });
    }
}

fn call(kind: &str, item: &Value) -> ToolCall {
    let id = text_of(item, &["call_id", "id"]);
    let name = text_of(item, &["name"]).unwrap_or_else(|| kind.trim_end_matches("_call").to_owned());
    let arguments = match item.get("arguments").or_else(|| item.get("input")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => {
            // Tools of the provider's own have members of their own in place of arguments.
            let is_argument =
                |name: &str| !["type", "id", "call_id", "status", "name", "output", "results"].contains(&name);
            let members = item.as_object().into_iter().flatten().filter(|(name, _)| is_argument(name));
            let members: Map<String, Value> = members.map(|(name, value)| (name.clone(), value.clone())).collect();
            Value::Object(members).to_string()
        }
        Some(other) => other.to_string(),
    };
    ToolCall { id, name, arguments }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn text_of(item: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(&item[*name]))
}

fn read_usage(usage: &Value) -> Option<Usage> {
    let tokens = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    Some(Usage {
        input_tokens: tokens("/input_tokens")?,
        cached_tokens: tokens("/input_tokens_details/cached_tokens").unwrap_or(0),
        output_tokens: tokens("/output_tokens").unwrap_or(0),
        ..Usage::default()
    })
}

/// A response that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct ResponseStream {
    /// The items that are whole.
    items: Vec<Value>,
    answer: Option<Result<Response, HttpFault>>,
}

impl ResponseStream {
    /// Takes in one event; breaks where nothing can come after it.
    pub(crate) fn hear(&mut self, data: &str) -> ControlFlow<()> {
        if data.trim() == "[DONE]" {
            return ControlFlow::Break(());
        }
        let event: Value = match serde_json::from_str(data) {
            Ok(event) => event,
            Err(error) => {
                let reason = format!("expected JSON in a stream ({error}), got: {}", shorten(data));
                self.answer = Some(Err(malformed(reason)));
                return ControlFlow::Break(());
            }
        };
        self.answer = match event["type"].as_str() {
            Some("response.output_item.done") => {
                self.items.push(event["item"].clone());
                None
            }
            Some("response.completed" | "response.incomplete" | "response.failed" | "response.cancelled") => {
                Some(self.ended(event["response"].clone()))
            }
            Some("error") => {
                let error = event.get("error").and_then(error_message).or_else(|| error_message(&event["message"]));
                Some(Err(refused(&error.unwrap_or_else(|| data.to_owned()))))
            }
            _ => None,
        };
        if self.answer.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Some servers leave the items out of the last event, which were said before.
    fn ended(&mut self, mut response: Value) -> Result<Response, HttpFault> {
        if response["output"].as_array().is_none_or(Vec::is_empty) && response.is_object() {
            response["output"] = Value::Array(std::mem::take(&mut self.items));
        }
        read_response(&response)
    }

    /// The answer, once the stream is over.
    ///
    /// # Errors
    /// Where it ended too early, or with an error.
    pub(crate) fn read(self) -> Result<Response, HttpFault> {
        let cut = || Err(HttpFault::new(HttpFaultKind::BrokenOff, "the stream ended before the answer did"));
        self.answer.unwrap_or_else(cut)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(messages: &[Message]) -> String {
        messages.iter().map(|m| format!("{}\n", serde_json::to_string(m).unwrap())).collect()
    }

    #[test]
    fn each_kind_of_item_is_read_as_what_was_said_or_done() {
        let answer = json!({"id": "resp_1", "model": "m-1", "status": "completed", "error": null, "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "look", "arguments": "{\"at\":1}"},
            {"type": "function_call", "id": "fc_2", "call_id": "b", "name": "see", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "seven"},
            {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "nothing"}]},
            {"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "{}", "output": "4", "error": null},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "weather"}},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is seven.", "annotations": []}]},
            {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No more."}]},
        ], "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 2}});
        let response = read(answer.to_string().as_bytes()).unwrap();
        assert_eq!((response.id.as_deref(), response.usage.unwrap().cached_tokens), (Some("resp_1"), 4));
        insta::assert_snapshot!(told(&response.messages));
        insta::assert_snapshot!(
            "told_back",
            items(&response.messages).iter().map(|i| format!("{i}\n")).collect::<String>()
        );
    }

    #[test]
    fn what_is_no_answer_says_why() {
        let reason = |answer: Value| read(answer.to_string().as_bytes()).unwrap_err().reason;
        assert_eq!(reason(json!({"error": {"message": "no credit"}})), "answered with an error: no credit");
        assert_eq!(reason(json!({"status": "failed", "output": []})), "answered with an error: the response failed");
        assert!(reason(json!({"status": "in_progress", "output": []})).contains("in_progress"));
        assert!(reason(json!({"choices": []})).starts_with("expected `output`"));
        let cut = json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []});
        assert_eq!(reason(cut), "the answer was cut off before any text: max_output_tokens");
    }

    #[test]
    fn a_stream_is_read_from_its_last_event_or_from_its_items() {
        let item = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]});
        let done = json!({"type": "response.output_item.done", "item": item}).to_string();
        for output in [json!([]), json!([item]), Value::Null] {
            let mut stream = ResponseStream::default();
            assert!(stream.hear(&json!({"type": "response.created", "response": {}}).to_string()).is_continue());
            assert!(stream.hear(&done).is_continue());
            let last =
                json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": output}});
            assert!(stream.hear(&last.to_string()).is_break());
            assert_eq!(stream.read().unwrap().messages, [Message::agent("hi")]);
        }
        let mut cut = ResponseStream::default();
        let _ = cut.hear(&done);
        assert_eq!(cut.read().unwrap_err().reason, "the stream ended before the answer did");
        let mut failed = ResponseStream::default();
        let _ = failed.hear(r#"{"type":"error","code":"x","message":"overloaded"}"#);
        assert_eq!(failed.read().unwrap_err().reason, "answered with an error: overloaded");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = "output|type|content|text|role|arguments|error|usage|status|response|item|call_id|input_tokens";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u64>().prop_map(Value::from),
            "message|function_call|mcp_call|response\\.completed|error|[a-z]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(body: Vec<u8>, answer in any_json(), events in prop::collection::vec(any_json(), 0..5)) {
            let _ = read(&body);
            let _ = read(answer.to_string().as_bytes());
            let _ = read(json!({"output": answer}).to_string().as_bytes());
            let mut stream = ResponseStream::default();
            let _ = events.iter().try_for_each(|event| stream.hear(&event.to_string()));
            let _ = stream.read();
        }
    }
}
