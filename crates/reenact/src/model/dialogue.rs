//! A model that talks and calls tools, in its own words and not in JSON of a schema: the model as the agent under test.
//!
//! How its provider is asked is a pair of pure functions for each form, as it is for questions.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::limits::{Call, Queue};
use super::name::endpoint;
use super::remote::{REFUSED_FOR_ITS_FORM, with_advice};
use super::wire::Wire;
use super::{ModelFault, ModelFaultKind, ModelSettings, Usage};
use crate::http::{HttpFault, Post, error_message, exchange, place};
use crate::shorten::shorten;
use crate::{Environment, Message, Result, Tool, ToolCall};

mod anthropic;
mod chat;
mod converse;
mod gemini;

/// What a model is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialogue<'a> {
    /// Who the model is, where somebody says.
    pub(crate) prompt: Option<&'a str>,
    /// All that was said; every call has its result.
    pub(crate) messages: &'a [Message],
    pub(crate) tools: &'a [Tool],
    /// What the provider wants to read again in place of a message, by its number from 0: [`Spoken::own`].
    pub(crate) own: &'a BTreeMap<usize, Value>,
}

/// What a model said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Spoken {
    pub(crate) text: String,
    pub(crate) calls: Vec<ToolCall>,
    /// What the provider wants to read again with the results of these calls, such as the signature of what the model thought;
    /// null where it wants nothing.
    pub(crate) own: Value,
    pub(crate) usage: Option<Usage>,
}

/// A model behind an address, to talk to.
pub(crate) struct DialogueModel {
    name: String,
    endpoint: Endpoint,
    /// Shared with all who ask the same model.
    queue: Queue,
    /// For one answer, once it is its turn.
    timeout: Duration,
    environment: Environment,
}

impl DialogueModel {
    /// Opens the model of a name.
    ///
    /// # Errors
    /// Where the name is none of a model behind an address, or its key or its address is missing.
    pub(crate) fn open(name: &str, settings: &ModelSettings) -> Result<Self> {
        let endpoint = endpoint(name, &settings.environment)?;
        let queue = settings.limits.queue(endpoint.provider, &endpoint.url, &endpoint.model);
        let (timeout, environment) = (settings.timeout, settings.environment.clone());
        Ok(DialogueModel { name: name.to_owned(), endpoint, queue, timeout, environment })
    }

    /// The name under which it was asked for.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Lets the model speak.
    ///
    /// # Errors
    /// Where there is no usable answer after the provider's own retries.
    pub(crate) async fn speak(&self, dialogue: &Dialogue<'_>) -> std::result::Result<Spoken, ModelFault> {
        loop {
            let manner = self.endpoint.manner();
            let mut body = body(self.endpoint.wire, &self.endpoint.model, dialogue, manner.answer_tokens_max);
            self.endpoint.without_what_the_address_says(&mut body);
            let fault = match self.exchange(Bytes::from(body.to_string())).await {
                Ok(spoken) => return spoken.map_err(|fault| self.fault(fault)),
                Err(fault) => fault,
            };
            let refusal = fault.refusal.as_ref().filter(|it| REFUSED_FOR_ITS_FORM.contains(&it.status.as_u16()));
            let next = refusal.and_then(|it| manner.with_smaller_limit(&String::from_utf8_lossy(&it.body)));
            match next {
                Some(next) => self.endpoint.remember(next),
                None => return Err(self.fault(with_advice(&fault, &self.endpoint))),
            }
        }
    }

    async fn exchange(&self, body: Bytes) -> std::result::Result<std::result::Result<Spoken, ModelFault>, HttpFault> {
        let (url, timeout, body) = (&self.endpoint.url, self.timeout, &body);
        let attempt = |until| async move {
            let headers = self.endpoint.headers(url, body);
            exchange(&Post { url, key: None, headers: &headers, body: body.clone(), timeout }, until).await
        };
        let reply = self.queue.call(Call { url, bytes: body.len(), timeout }, attempt).await?;
        let spoken = read(self.endpoint.wire, &reply.body);
        spoken.as_ref().ok().and_then(|spoken| spoken.usage).into_iter().for_each(|usage| reply.used(usage));
        Ok(spoken.map_err(|fault| ModelFault { reason: format!("{}: {}", place(url), fault.reason), ..fault }))
    }

    /// The fault, as people may read it: with the model's name, and without keys.
    fn fault(&self, fault: ModelFault) -> ModelFault {
        let ModelFault { fault, reason, usage } = fault;
        let reason = self.endpoint.redact(&format!("{}: {reason}", self.endpoint.model));
        ModelFault { fault, reason: self.environment.redact(&reason), usage }
    }
}

/// The body that lets a model speak.
fn body(wire: Wire, model: &str, dialogue: &Dialogue<'_>, tokens_max: u64) -> Value {
    match wire {
        Wire::ChatCompletions => chat::body(model, dialogue),
        Wire::AnthropicMessages => anthropic::body(model, dialogue, tokens_max),
        Wire::GenerateContent => gemini::body(dialogue),
        Wire::Converse => converse::body(dialogue),
    }
}

/// Reads the body of a successful answer.
fn read(wire: Wire, body: &[u8]) -> std::result::Result<Spoken, ModelFault> {
    let quote = || shorten(&String::from_utf8_lossy(body));
    let malformed = |reason| ModelFault::new(ModelFaultKind::Malformed, reason);
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("expected JSON ({error}), got: {}", quote())))?;
    if let Some(error) = answer.get("error").and_then(error_message) {
        let reason = format!("answered with an error: {}", shorten(&error));
        return Err(ModelFault::new(ModelFaultKind::Refused, reason));
    }
    let spoken = match wire {
        Wire::ChatCompletions => chat::read(&answer),
        Wire::AnthropicMessages => anthropic::read(&answer),
        Wire::GenerateContent => gemini::read(&answer),
        Wire::Converse => converse::read(&answer),
    };
    spoken.ok_or_else(|| malformed(format!("expected a message of a model, got: {}", quote())))
}

/// Arguments as an object, where a form takes nothing else; what is none stays readable under a name.
fn arguments(call: &ToolCall) -> Value {
    match serde_json::from_str(&call.arguments) {
        Ok(arguments @ Value::Object(_)) => arguments,
        _ if call.arguments.trim().is_empty() => serde_json::json!({}),
        _ => serde_json::json!({"arguments": call.arguments}),
    }
}

/// The prompt and what operators said in the conversation.
fn instructions(dialogue: &Dialogue<'_>) -> Option<String> {
    let operators = dialogue.messages.iter().filter(|message| message.speaker == crate::Speaker::Operator);
    let parts: Vec<&str> = dialogue.prompt.into_iter().chain(operators.map(|message| message.text.as_str())).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// Messages in turns: a role and its blocks, one turn of a role after another's, because these forms take nothing else.
fn turns(
    dialogue: &Dialogue<'_>,
    own: &'static str,
    blocks: impl Fn(usize, &Message) -> Vec<Value>,
) -> Vec<(&'static str, Vec<Value>)> {
    let mut turns: Vec<(&'static str, Vec<Value>)> = Vec::new();
    for (n, message) in dialogue.messages.iter().enumerate() {
        let role = match message.speaker {
            crate::Speaker::Operator => continue,
            crate::Speaker::Agent => own,
            crate::Speaker::User | crate::Speaker::Tool => "user",
        };
        let blocks = blocks(n, message);
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ if blocks.is_empty() => {}
            _ => turns.push((role, blocks)),
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Speaker;

    fn conversation() -> Vec<Message> {
        let call = |id: &str, arguments: &str| ToolCall {
            id: Some(id.to_owned()),
            name: "look".to_owned(),
            arguments: arguments.to_owned(),
        };
        let result = |id: &str, text: &str| Message {
            tool_call_id: Some(id.to_owned()),
            name: Some("look".to_owned()),
            ..Message::new(Speaker::Tool, text)
        };
        let calls = vec![call("a", r#"{"at":1}"#), call("b", "not json")];
        vec![
            Message::agent("Welcome."),
            Message::user("hi"),
            Message { tool_calls: calls, ..Message::agent("Let me see.") },
            result("a", "seven"),
            result("b", "no such place"),
            Message::agent("Seven."),
            Message::user("thanks"),
        ]
    }

    #[test]
    fn every_form_tells_the_prompt_the_tools_and_what_was_called() {
        let messages = conversation();
        let parameters = json!({"type": "object", "properties": {"at": {"type": "integer"}}});
        let tools = [Tool { name: "look".into(), description: Some("Looks.".into()), parameters }];
        let dialogue =
            Dialogue { prompt: Some("You help."), messages: &messages, tools: &tools, own: &BTreeMap::new() };
        let told = Wire::ALL.map(|wire| format!("{wire:?}\n{:#}\n", body(wire, "m", &dialogue, 99)));
        insta::assert_snapshot!(told.concat());
        let bare = Dialogue { prompt: None, messages: &messages[1..2], tools: &[], own: &BTreeMap::new() };
        let told = Wire::ALL.map(|wire| format!("{}\n", body(wire, "m", &bare, 99)));
        insta::assert_snapshot!("bare", told.concat());
    }

    #[test]
    fn every_form_says_and_calls() {
        let answers = [
            json!({"choices": [{"message": {"content": "Look:", "tool_calls": [{"id": "a", "function": {"name": "look", "arguments": "{\"at\":1}"}}]}}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2}}),
            json!({"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Look:"},
                {"type": "tool_use", "id": "a", "name": "look", "input": {"at": 1}}], "usage": {"input_tokens": 5, "output_tokens": 2}}),
            json!({"candidates": [{"content": {"parts": [{"text": "Look:"}, {"functionCall": {"id": "a", "name": "look", "args": {"at": 1}}, "thoughtSignature": "s"}]}}],
                "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}}),
            json!({"output": {"message": {"content": [{"text": "Look:"}, {"toolUse": {"toolUseId": "a", "name": "look", "input": {"at": 1}}}]}},
                "usage": {"inputTokens": 5, "outputTokens": 2}}),
        ];
        for (wire, answer) in Wire::ALL.into_iter().zip(answers) {
            let spoken = read(wire, answer.to_string().as_bytes()).unwrap();
            let call = ToolCall { id: Some("a".into()), name: "look".into(), arguments: r#"{"at":1}"#.into() };
            assert_eq!((spoken.text.as_str(), spoken.calls), ("Look:", vec![call]), "{wire:?}");
            assert_eq!(spoken.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((5, 2)), "{wire:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_a_reader_panic(answer in r#"\{"(choices|content|candidates|output)":(\[\{"(message|type|content)":(\{"(content|parts|tool_calls)":(\[\{\}\]|1|null)\}|"tool_use"|3)\}\]|\{"message":\{"content":\[\{"toolUse":1\}\]\}\}|1)\}"#) {
            for wire in Wire::ALL {
                let _ = read(wire, answer.as_bytes());
            }
        }
    }
}
