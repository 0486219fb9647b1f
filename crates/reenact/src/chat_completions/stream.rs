//! A chat completion that comes in pieces, put together again.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::{Choice, read_content, read_usage};
use crate::Usage;
use crate::http::{HttpFault, HttpFaultKind, error_message};
use crate::shorten::shorten;

/// What servers send when a stream is over.
const OVER: &str = "[DONE]";

/// The pieces of a first choice so far.
#[derive(Debug, Default)]
pub(crate) struct ChoiceStream {
    messages: Vec<Growing>,
    model: Option<String>,
    usage: Option<Usage>,
    is_whole: bool,
    fault: Option<HttpFault>,
}

/// A message that grows.
#[derive(Debug, Default)]
struct Growing {
    role: Option<String>,
    content: String,
    refusal: String,
    tool_call_id: Option<String>,
    name: Option<String>,
    calls: Vec<GrowingCall>,
}

#[derive(Debug, Default)]
struct GrowingCall {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    arguments: String,
}

impl ChoiceStream {
    /// Takes in one event; breaks where nothing can come after it.
    pub(crate) fn hear(&mut self, data: &str) -> ControlFlow<()> {
        if data.trim() == OVER {
            self.is_whole = true;
            return ControlFlow::Break(());
        }
        match self.take_in(data) {
            Ok(()) => ControlFlow::Continue(()),
            Err(fault) => {
                self.fault = Some(fault);
                ControlFlow::Break(())
            }
        }
    }

    fn take_in(&mut self, data: &str) -> Result<(), HttpFault> {
        let malformed = |why: String| {
            HttpFault::new(HttpFaultKind::Malformed, format!("expected {why} in a stream, got: {}", shorten(data)))
        };
        let chunk: Value = serde_json::from_str(data).map_err(|error| malformed(format!("JSON ({error})")))?;
        if let Some(error) = chunk.get("error").and_then(error_message) {
            let reason = format!("answered with an error: {}", shorten(&error));
            return Err(HttpFault::new(HttpFaultKind::Refused, reason));
        }
        self.model = self.model.take().or_else(|| text(&chunk["model"]));
        self.usage = read_usage(&chunk["usage"]).or(self.usage);
        let Some(choice) = chunk.pointer("/choices/0") else { return Ok(()) };
        self.is_whole |= choice["finish_reason"].is_string();
        // Some servers end a stream with the whole message.
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        self.grow(delta).map_err(malformed)
    }

    fn grow(&mut self, delta: &Value) -> Result<(), String> {
        let role = text(&delta["role"]);
        let is_another = self.messages.last().is_none_or(|last| last.is_followed_by(role.as_deref(), delta));
        if is_another {
            self.messages.push(Growing { role, ..Growing::default() });
        }
        let last = self.messages.last_mut().expect("one is there or was pushed");
        last.content.push_str(&read_content(&delta["content"])?);
        last.refusal.push_str(delta["refusal"].as_str().unwrap_or_default());
        last.tool_call_id = text(&delta["tool_call_id"]).or(last.tool_call_id.take());
        last.name = text(&delta["name"]).or(last.name.take());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            last.call(call);
        }
        Ok(())
    }

    /// The choice, once the stream is over.
    ///
    /// # Errors
    /// Where it ended too early, or with an error.
    pub(crate) fn read(self) -> Result<Choice, HttpFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.is_whole {
            let reason = "the stream ended before the answer did";
            return Err(HttpFault::new(HttpFaultKind::BrokenOff, reason));
        }
        let messages = self.messages.into_iter().map(Growing::message).collect();
        Ok(Choice { messages, model: self.model, usage: self.usage })
    }
}

impl Growing {
    /// Whether what comes begins another message: another speaks, or another tool answers.
    fn is_followed_by(&self, role: Option<&str>, delta: &Value) -> bool {
        let is_other_result = delta["tool_call_id"].is_string() && text(&delta["tool_call_id"]) != self.tool_call_id;
        role.is_some() && (role != self.role.as_deref() || is_other_result)
    }

    fn call(&mut self, piece: &Value) {
        let (index, id) = (piece["index"].as_u64(), text(&piece["id"]));
        let is_same = |call: &&mut GrowingCall| match (index, call.index) {
            (Some(index), Some(own)) => index == own,
            _ => id.is_none() || id == call.id,
        };
        let place = self.calls.iter_mut().rev().find(is_same);
        let call = match place {
            Some(call) => call,
            None => {
                self.calls.push(GrowingCall { index, ..GrowingCall::default() });
                self.calls.last_mut().expect("one was pushed")
            }
        };
        call.id = call.id.take().or(id);
        // Some servers repeat the name with each piece.
        call.name = text(&piece["function"]["name"]).unwrap_or_else(|| std::mem::take(&mut call.name));
        match &piece["function"]["arguments"] {
            Value::Null => {}
            Value::String(text) => call.arguments.push_str(text),
            other => call.arguments = other.to_string(),
        }
    }

    fn message(self) -> Value {
        let call =
            |call: GrowingCall| json!({"id": call.id, "function": {"name": call.name, "arguments": call.arguments}});
        let refusal = Some(self.refusal).filter(|refusal| !refusal.is_empty());
        json!({
            "role": self.role, "content": self.content, "refusal": refusal, "tool_call_id": self.tool_call_id,
            "name": self.name, "tool_calls": self.calls.into_iter().map(call).collect::<Vec<_>>(),
        })
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::read_message;
    use super::*;
    use crate::Message;

    fn read(events: &[&str]) -> Result<Vec<Message>, String> {
        let mut stream = ChoiceStream::default();
        let _ = events.iter().try_for_each(|event| stream.hear(event));
        let choice = stream.read().map_err(|fault| fault.reason)?;
        choice.messages.iter().map(read_message).collect()
    }

    #[test]
    fn pieces_of_text_and_of_tool_calls_become_the_messages_that_they_were() {
        let heard = read(&[
            r#"{"model":"m-1","choices":[{"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"look","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"see","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"at\":"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{"role":"tool","tool_call_id":"a","content":"seven"}}]}"#,
            r#"{"choices":[{"delta":{"role":"tool","tool_call_id":"b","content":"nothing"}}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":"It is "}}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":"seven."},"finish_reason":"stop"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}"#,
            "[DONE]",
        ]);
        let told =
            heard.unwrap().iter().map(|m| format!("{}\n", serde_json::to_string(m).unwrap())).collect::<String>();
        insta::assert_snapshot!(told);
    }

    #[test]
    fn a_stream_that_is_cut_or_fails_is_no_answer() {
        let begun = r#"{"choices":[{"delta":{"content":"It is"}}]}"#;
        assert_eq!(read(&[begun]).unwrap_err(), "the stream ended before the answer did");
        let failed = r#"{"error":{"message":"overloaded"}}"#;
        assert_eq!(read(&[begun, failed]).unwrap_err(), "answered with an error: overloaded");
        let nonsense = read(&[begun, "It is"]).unwrap_err();
        assert!(nonsense.starts_with("expected JSON"), "{nonsense}");
        // Not every server says `[DONE]`.
        let ended = r#"{"choices":[{"delta":{"content":" so"},"finish_reason":"stop"}]}"#;
        assert_eq!(read(&[begun, ended]).unwrap()[0].text, "It is so");
    }

    proptest! {
        #[test]
        fn no_events_make_it_panic(events in prop::collection::vec(r#"\{"(choices|usage)":(\[\{"delta":(\{"(content|role|tool_calls|refusal)":("x"|1|null|\[\{"index":[0-9]{1,20},"function":\{\}\}\])\}|3)\}\]|\{\})\}|.{0,6}"#, 0..6)) {
            let mut stream = ChoiceStream::default();
            let _ = events.iter().try_for_each(|event| stream.hear(event));
            let _ = stream.read();
        }
    }
}
