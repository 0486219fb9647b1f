//! Wire forms: how a question is written for a provider, and how what comes back is read.
//!
//! A form is a pair of pure functions, so that the same bodies serve live calls, batch files and tests. Nothing
//! here knows a key, an address or a connection.

use serde_json::{Value, json};

use super::answer::read_answer;
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, Usage, strict_schema};
use crate::http::error_message;
use crate::shorten::shorten;
use crate::{ChatMessage, ChatRole};

mod anthropic;
mod chat;

/// A form in which providers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// OpenAI's chat completions, which most servers speak.
    ChatCompletions,
    /// Anthropic's messages.
    AnthropicMessages,
}

/// By which means a model is brought to write JSON of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The provider's own structured output, which cannot write anything else.
    Schema,
    /// A tool that the model must call, with the schema as its arguments.
    Tool,
    /// Any JSON object; the schema stands in the prompt.
    JsonObject,
    /// The prompt alone: the last resort.
    Prompt,
}

/// How one model is asked: what it takes, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) means: Means,
}

/// What a model wrote, before anybody has looked whether it is of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) usage: Option<Usage>,
}

#[allow(dead_code, reason = "batch files and the other providers are written with these")]
impl Wire {
    /// The body that asks a model for the answer to a request.
    pub(crate) fn body(self, model: &str, request: &ModelRequest, manner: &Manner) -> Value {
        match self {
            Wire::ChatCompletions => chat::body(model, request, manner),
            Wire::AnthropicMessages => anthropic::body(model, request, manner),
        }
    }

    /// Reads the body of a successful answer.
    ///
    /// # Errors
    /// Where it holds no text of a model, or says that the text is not an answer; asking again would not
    /// change that. What it cost all the same is in the fault.
    pub(crate) fn read(self, body: &[u8]) -> Result<Written, ModelFault> {
        let malformed = |reason| ModelFault::new(ModelFaultKind::Malformed, reason);
        let quote = || shorten(&String::from_utf8_lossy(body));
        let answer: Value = serde_json::from_slice(body)
            .map_err(|error| malformed(format!("expected JSON ({error}), got: {}", quote())))?;
        if let Some(error) = answer.get("error").and_then(error_message) {
            let reason = format!("answered with an error: {}", shorten(&error));
            return Err(ModelFault::new(ModelFaultKind::Refused, reason));
        }
        let written = match self {
            Wire::ChatCompletions => chat::read(&answer),
            Wire::AnthropicMessages => anthropic::read(&answer),
        };
        written.unwrap_or_else(|expected| Err(malformed(format!("expected {expected}, got: {}", quote()))))
    }

    /// Reads the body of a successful answer all the way to the JSON that was asked for.
    ///
    /// # Errors
    /// As [`Wire::read`], and where the text is not JSON of the schema.
    pub(crate) fn complete(self, body: &[u8], request: &ModelRequest) -> Result<Completion, ModelFault> {
        let Written { text, usage } = self.read(body)?;
        match read_answer(&text, &request.schema.schema) {
            Ok(answer) => Ok(Completion { answer, usage }),
            Err(complaint) => Err(ModelFault { usage, ..ModelFault::new(ModelFaultKind::Malformed, complaint) }),
        }
    }
}

/// What a form makes of an answer: the text or why it is none, or else what the form would have expected.
type Read = Result<Result<Written, ModelFault>, &'static str>;

/// Why a model stopped before its answer was whole, as every form knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    AtTheLimit,
    ByTheFilter,
}

/// The text, unless the model or its provider says that it is not an answer.
fn written(text: String, refusal: Option<&str>, stopped: Option<Stopped>, usage: Option<Usage>) -> Read {
    let (kind, reason) = match (refusal, stopped) {
        (Some(refusal), _) => (ModelFaultKind::Declined, format!("the model refused: {}", shorten(refusal))),
        (_, Some(Stopped::AtTheLimit)) => {
            (ModelFaultKind::CutOff, "the answer was cut off at the limit of tokens".to_owned())
        }
        (_, Some(Stopped::ByTheFilter)) => {
            (ModelFaultKind::Filtered, "the provider's content filter held the answer back".to_owned())
        }
        (None, None) => return Ok(Ok(Written { text, usage })),
    };
    Ok(Err(ModelFault { fault: kind, reason, usage }))
}

/// The instructions of a request apart from its conversation, for forms that keep them apart.
fn instructions(messages: &[ChatMessage]) -> (Vec<&str>, Vec<&ChatMessage>) {
    let (system, said): (Vec<_>, Vec<_>) =
        messages.iter().filter(|it| !it.content.trim().is_empty()).partition(|it| it.role == ChatRole::System);
    (system.into_iter().map(|message| message.content.as_str()).collect(), said)
}

/// The messages with the schema among the instructions, where nothing but the prompt tells the model of it.
fn told_the_schema(request: &ModelRequest, means: Means) -> Vec<ChatMessage> {
    let mut messages = request.messages.clone();
    if matches!(means, Means::Schema | Means::Tool) {
        return messages;
    }
    let schema = strict_schema(&request.schema.schema);
    let told =
        format!("Answer with one JSON object, and nothing around it. It must be valid by this JSON schema:\n{schema}");
    match messages.iter_mut().find(|message| message.role == ChatRole::System) {
        Some(system) => system.content.extend(["\n\n", &told]),
        None => messages.insert(0, ChatMessage { role: ChatRole::System, content: told }),
    }
    messages
}

/// The count of tokens under this name.
fn tokens(usage: &Value, name: &str) -> Option<u64> {
    usage.get(name).and_then(Value::as_u64)
}

/// A text that is there and not empty.
fn text_of(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// What the tool is for that a model must call to answer.
fn tool_description(request: &ModelRequest) -> Value {
    json!(format!("Hands in the {}.", request.schema.name.replace('_', " ")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIRES: [Wire; 2] = [Wire::ChatCompletions, Wire::AnthropicMessages];

    /// JSON of any shape, with the names that the readers look for.
    fn any_json() -> impl Strategy<Value = Value> {
        let name = "choices|message|content|role|type|text|error|usage|refusal|stop_reason|input|details";
        let leaf =
            prop_oneof![Just(Value::Null), any::<u64>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_answer_of_a_server_makes_a_reader_panic(body: Vec<u8>, json in any_json()) {
            for wire in WIRES {
                let _ = wire.read(&body);
                let _ = wire.read(json.to_string().as_bytes());
                let _ = wire.read(json!({"choices": [json], "content": json, "usage": json}).to_string().as_bytes());
            }
        }
    }
}
