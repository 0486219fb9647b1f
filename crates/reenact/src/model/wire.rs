//! Wire forms: how a question is written for a provider, and how what comes back is read.
//!
//! A form is a pair of pure functions, so that the same bodies serve live calls, batch files and tests. Nothing
//! here knows a key, an address or a connection.
//!
//! What is stable comes first and each turn's body extends the last one's, so that providers that keep the beginnings
//! of prompts can use what they kept.

use std::borrow::Cow;

use serde_json::Value;

use super::manner::{Manner, Means};
use super::{ModelFault, ModelFaultKind, ModelRequest, Usage, strict_schema};
use crate::http::error_message;
use crate::shorten::shorten;
use crate::{ChatMessage, ChatRole};

pub(super) mod anthropic;
mod chat;
pub(super) mod converse;
pub(super) mod gemini;

/// A form in which providers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// OpenAI's chat completions, which most servers speak.
    ChatCompletions,
    /// Anthropic's messages.
    AnthropicMessages,
    /// Gemini's `generateContent`.
    GenerateContent,
    /// Bedrock's `Converse`.
    Converse,
}

/// What a model wrote, before anybody has looked whether it is of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) usage: Option<Usage>,
}

impl Wire {
    /// Every form.
    #[cfg(test)]
    pub(crate) const ALL: [Wire; 4] =
        [Wire::ChatCompletions, Wire::AnthropicMessages, Wire::GenerateContent, Wire::Converse];

    /// The means by which models of this form are brought to write JSON of a schema, the best first.
    pub(crate) const fn means(self) -> &'static [Means] {
        match self {
            Wire::ChatCompletions | Wire::GenerateContent => &[Means::Schema, Means::JsonObject, Means::Prompt],
            Wire::AnthropicMessages | Wire::Converse => &[Means::Schema, Means::Tool, Means::Prompt],
        }
    }

    /// Headers that every request of this form has.
    pub(crate) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Wire::AnthropicMessages => &[("anthropic-version", anthropic::VERSION)],
            Wire::ChatCompletions | Wire::GenerateContent | Wire::Converse => &[],
        }
    }

    /// The body that asks a model for the answer to a request. Forms that name the model in the address leave it out.
    pub(crate) fn body(self, model: &str, request: &ModelRequest, manner: &Manner) -> Value {
        let messages = messages(request, manner);
        match self {
            Wire::ChatCompletions => chat::body(model, &messages, request, manner),
            Wire::AnthropicMessages => anthropic::body(model, &messages, request, manner),
            Wire::GenerateContent => gemini::body(&messages, request, manner),
            Wire::Converse => converse::body(&messages, request, manner),
        }
    }

    /// Tells a provider how many tokens the answer may have at the most; newer models of OpenAI take only the newer word.
    pub(crate) fn limit(self, body: &mut Value, provider: &str, tokens: u64) {
        let limit = match self {
            Wire::ChatCompletions if matches!(provider, "openai" | "azure") => &mut body["max_completion_tokens"],
            Wire::ChatCompletions | Wire::AnthropicMessages => &mut body["max_tokens"],
            Wire::GenerateContent => &mut body["generationConfig"]["maxOutputTokens"],
            Wire::Converse => &mut body["inferenceConfig"]["maxTokens"],
        };
        *limit = tokens.into();
    }

    /// Says a parameter of the caller's own; `name` is that of the forms that most servers speak.
    pub(crate) fn set(self, body: &mut Value, name: &str, value: Value) {
        match self {
            Wire::ChatCompletions | Wire::AnthropicMessages => body[name] = value,
            Wire::GenerateContent if name == "max_tokens" => body["generationConfig"]["maxOutputTokens"] = value,
            Wire::GenerateContent => body["generationConfig"][camel_case(name)] = value,
            Wire::Converse => body["inferenceConfig"][camel_case(name)] = value,
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
            return Err(answered_with(&error));
        }
        let written = match self {
            Wire::ChatCompletions => chat::read(&answer),
            Wire::AnthropicMessages => anthropic::read(&answer),
            Wire::GenerateContent => gemini::read(&answer),
            Wire::Converse => converse::read(&answer),
        };
        written.unwrap_or_else(|expected| Err(malformed(format!("expected {expected}, got: {}", quote()))))
    }
}

/// `top_p` as `topP`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        name + &initial.to_uppercase() + rest
    })
}

/// What a form makes of an answer: the text or why it is none, or else what the form would have expected.
type Read = Result<Result<Written, ModelFault>, &'static str>;

/// Why a model stopped before its answer was whole, as every form knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped<'a> {
    AtTheLimit,
    /// With the provider's word for it.
    ByTheFilter(&'a str),
}

/// The text, unless the model or its provider says that it is not an answer.
fn written(text: String, refusal: Option<&str>, stopped: Option<Stopped<'_>>, usage: Option<Usage>) -> Read {
    let (fault, reason) = match (refusal, stopped) {
        (Some(refusal), _) => (ModelFaultKind::Declined, format!("the model refused: {}", shorten(refusal))),
        (_, Some(Stopped::AtTheLimit)) => {
            (ModelFaultKind::CutOff, "the answer was cut off at the limit of tokens".to_owned())
        }
        (_, Some(Stopped::ByTheFilter(word))) => {
            let reason = format!("the provider's content filter held it back ({})", shorten(word));
            (ModelFaultKind::Filtered, reason)
        }
        (None, None) => return Ok(Ok(Written { text, usage })),
    };
    Ok(Err(ModelFault { fault, reason, usage }))
}

/// An error that stands in an answer in spite of its status.
fn answered_with(error: &str) -> ModelFault {
    ModelFault::new(ModelFaultKind::Refused, format!("answered with an error: {}", shorten(error)))
}

/// The messages of a request, with the schema among the instructions where the manner tells it there.
fn messages<'a>(request: &'a ModelRequest, manner: &Manner) -> Cow<'a, [ChatMessage]> {
    if !manner.tells_the_schema() {
        return Cow::Borrowed(&request.messages);
    }
    let schema = strict_schema(&request.schema.schema);
    let told =
        format!("Answer with one JSON object and nothing around it. It must be valid by this JSON schema:\n{schema}");
    let mut messages = request.messages.clone();
    match messages.iter_mut().find(|message| message.role == ChatRole::System) {
        Some(system) => system.content.extend(["\n\n", &told]),
        None => messages.insert(0, ChatMessage { role: ChatRole::System, content: told }),
    }
    Cow::Owned(messages)
}

/// A message, as a part of its side's turn.
struct Part<'a> {
    text: &'a str,
    /// Whether the provider is to keep the prompt up to here, because other requests begin with it.
    is_marked: bool,
}

/// One side's turn: messages of one side in a row, because most forms let the sides take turns only.
struct Side<'a> {
    role: ChatRole,
    parts: Vec<Part<'a>>,
}

impl<'a> Side<'a> {
    fn of(messages: &[&'a ChatMessage]) -> Self {
        let parts = messages.iter().map(|message| Part { text: &message.content, is_marked: false });
        Side { role: messages[0].role, parts: parts.collect() }
    }

    /// The side's role, where the model's own is called like this.
    fn role(&self, own: &'static str) -> &'static str {
        if self.role == ChatRole::Assistant { own } else { "user" }
    }

    /// The messages as one text.
    fn text(&self) -> String {
        self.parts.iter().map(|part| part.text).collect::<Vec<_>>().join("\n\n")
    }
}

/// The instructions of a request, and its conversation in turns. Providers refuse empty parts, so there are none.
fn sides(messages: &[ChatMessage]) -> (Option<Side<'_>>, Vec<Side<'_>>) {
    let said = messages.iter().filter(|message| !message.content.trim().is_empty());
    let (system, said): (Vec<&ChatMessage>, Vec<_>) = said.partition(|it| it.role == ChatRole::System);
    let mut sides: Vec<Side<'_>> = said.chunk_by(|one, next| one.role == next.role).map(Side::of).collect();
    let mut system = (!system.is_empty()).then(|| Side::of(&system));
    mark(system.as_mut(), &mut sides);
    (system, sides)
}

/// Marks where beginnings end that other requests have in common with this one.
///
/// That is the end of the instructions; the end of a conversation with a history, which goes on from there; and where
/// the last turn has several parts, all but the last of them. What is marked for nothing costs a quarter more, so the
/// end of a single question is not marked.
fn mark(system: Option<&mut Side<'_>>, sides: &mut [Side<'_>]) {
    let has_history = sides.iter().any(|side| side.role == ChatRole::Assistant);
    if let Some(end) = system.and_then(|system| system.parts.last_mut()) {
        end.is_marked = true;
    }
    let mut parts = sides.last_mut().into_iter().flat_map(|side| side.parts.iter_mut().rev());
    if let Some(end) = parts.next() {
        end.is_marked = has_history;
    }
    if let Some(before_the_end) = parts.next() {
        before_the_end.is_marked = true;
    }
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
fn tool_description(request: &ModelRequest) -> String {
    format!("Hands in the {}.", request.schema.name.replace('_', " "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::AnswerSchema;
    use crate::model::manner::Caching;

    /// JSON of any shape, with the names that the readers look for.
    fn any_json() -> impl Strategy<Value = Value> {
        let name =
            "choices|message|content|role|type|text|error|usage|refusal|stop_reason|input|candidates|output|parts";
        let leaf =
            prop_oneof![Just(Value::Null), any::<u64>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    /// A conversation as it grows: what both sides say in each turn, any of it empty.
    fn any_turns() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::vec((".{0,12}", ".{0,12}"), 0..6)
    }

    #[test]
    fn a_parameter_of_the_callers_own_stands_where_each_form_has_it() {
        let set = |wire: Wire, name: &str| {
            let mut body = json!({});
            wire.set(&mut body, name, json!(0.5));
            body
        };
        assert_eq!(set(Wire::ChatCompletions, "top_p"), json!({"top_p": 0.5}));
        assert_eq!(set(Wire::AnthropicMessages, "temperature"), json!({"temperature": 0.5}));
        assert_eq!(set(Wire::GenerateContent, "top_p"), json!({"generationConfig": {"topP": 0.5}}));
        assert_eq!(set(Wire::GenerateContent, "max_tokens"), json!({"generationConfig": {"maxOutputTokens": 0.5}}));
        assert_eq!(set(Wire::Converse, "max_tokens"), json!({"inferenceConfig": {"maxTokens": 0.5}}));
    }

    fn request(turns: &[(String, String)]) -> ModelRequest {
        let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
        let mut messages = vec![message(ChatRole::System, "You are"), message(ChatRole::User, "Begin.")];
        for (own, others) in turns {
            messages.extend([message(ChatRole::Assistant, own), message(ChatRole::User, others)]);
        }
        let schema = json!({"type": "object", "properties": {"say": {"type": "string"}}});
        ModelRequest { messages, schema: AnswerSchema { name: "user_act".to_owned(), schema: schema.into() } }
    }

    /// The parts of a body that a provider reads as the prompt, in its order, each as text and without marks.
    fn prompt(body: &Value) -> Vec<String> {
        let mut body = body.clone();
        let conversation = ["messages", "contents"].iter().find_map(|name| body.as_object_mut()?.remove(*name));
        let mut parts = vec![without_marks(&body).to_string()];
        for message in conversation.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let content = message.get("content").or_else(|| message.get("parts")).unwrap_or(&Value::Null);
            let texts = content.as_array().cloned().unwrap_or_else(|| vec![content.clone()]);
            let part = |text: &Value| format!("{}: {}", message["role"], without_marks(text));
            parts.extend(texts.iter().map(part).filter(|part| !part.contains("cachePoint")));
        }
        parts
    }

    fn without_marks(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let kept = members.iter().filter(|(name, _)| *name != "cache_control");
                kept.map(|(name, value)| (name.clone(), without_marks(value))).collect()
            }
            Value::Array(items) => items.iter().map(without_marks).collect(),
            other => other.clone(),
        }
    }

    fn marks(value: &Value) -> usize {
        let inside = |values: &mut dyn Iterator<Item = &Value>| values.map(marks).sum::<usize>();
        match value {
            Value::Object(members) => {
                let own = members.keys().filter(|name| *name == "cache_control" || *name == "cachePoint").count();
                own + inside(&mut members.values())
            }
            Value::Array(items) => inside(&mut items.iter()),
            _ => 0,
        }
    }

    #[test]
    fn each_form_has_a_word_of_its_own_for_how_long_an_answer_may_be() {
        let limited = |wire: Wire, provider| {
            let mut body = json!({});
            wire.limit(&mut body, provider, 99);
            body.to_string()
        };
        assert_eq!(limited(Wire::ChatCompletions, "openai"), r#"{"max_completion_tokens":99}"#);
        assert_eq!(limited(Wire::ChatCompletions, "mistral"), r#"{"max_tokens":99}"#);
        assert_eq!(limited(Wire::AnthropicMessages, "anthropic"), r#"{"max_tokens":99}"#);
        assert_eq!(limited(Wire::GenerateContent, "gemini"), r#"{"generationConfig":{"maxOutputTokens":99}}"#);
        assert_eq!(limited(Wire::Converse, "bedrock"), r#"{"inferenceConfig":{"maxTokens":99}}"#);
    }

    proptest! {
        #[test]
        fn no_answer_of_a_server_makes_a_reader_panic(body: Vec<u8>, json in any_json()) {
            for wire in Wire::ALL {
                let _ = wire.read(&body);
                let _ = wire.read(json.to_string().as_bytes());
                for name in ["choices", "content", "candidates"] {
                    let _ = wire.read(json!({name: [json], "usage": json}).to_string().as_bytes());
                }
                let _ = wire.read(json!({"output": {"message": json}}).to_string().as_bytes());
            }
        }

        #[test]
        fn in_every_form_the_prompt_of_each_turn_extends_that_of_the_last(turns in any_turns()) {
            for wire in Wire::ALL {
                for caching in [Caching::Untold, Caching::Marks, Caching::Key] {
                    let manner = Manner::new(wire.means(), caching);
                    let body = |turns: &[(String, String)]| wire.body("m", &request(turns), &manner);
                    for n in 0..turns.len() {
                        let (earlier, later) = (prompt(&body(&turns[..n])), prompt(&body(&turns[..=n])));
                        // Blank words of one side make the other's messages one, and the last part grows.
                        let same = earlier.len() - 1;
                        prop_assert_eq!(&earlier[..same], &later[..same]);
                        let last = earlier[same].trim_end_matches(['"', '}']);
                        prop_assert!(later[same].starts_with(last), "{} is not how {} begins", last, later[same]);
                    }
                }
            }
        }

        #[test]
        fn no_prompt_has_more_marks_than_providers_take(turns in any_turns()) {
            for wire in [Wire::AnthropicMessages, Wire::Converse] {
                let body = wire.body("m", &request(&turns), &Manner::new(wire.means(), Caching::Marks));
                prop_assert!((1..=4).contains(&marks(&body)));
                let untold = wire.body("m", &request(&turns), &Manner::new(wire.means(), Caching::Untold));
                prop_assert_eq!(marks(&untold), 0);
            }
        }
    }
}
