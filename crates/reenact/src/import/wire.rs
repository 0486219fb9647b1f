//! A message as chat interfaces and tracers write it, in all its dialects, and what it says.
//!
//! One shape serves OpenAI chat, OpenAI responses, Anthropic content blocks, the parts of the
//! OpenTelemetry GenAI conventions, LangChain and ShareGPT: they differ in the names of the keys, and
//! no two of them give one key two meanings.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde_json::value::RawValue;

use super::json::{Text, time_of, words_of};
use crate::{Message, Speaker, ToolCall};

/// A message, not yet understood.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireMessage<'a> {
    #[serde(borrow, alias = "from")]
    role: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, alias = "value")]
    content: Content<'a>,
    #[serde(borrow)]
    parts: Content<'a>,
    #[serde(borrow)]
    tool_calls: Option<Vec<WireCall<'a>>>,
    #[serde(borrow)]
    function_call: Option<WireCall<'a>>,
    #[serde(borrow)]
    tool_call_id: Option<Text<'a>>,
    #[serde(borrow)]
    call_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
    /// The message itself, in what LangChain makes of one to store it.
    #[serde(borrow)]
    kwargs: Option<Box<WireMessage<'a>>>,
}

/// A call of a tool, not yet understood.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireCall<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Option<Box<WireCall<'a>>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, alias = "args", alias = "input")]
    arguments: Option<&'a RawValue>,
}

/// What a message holds: nothing, words, or parts.
#[derive(Debug, Default)]
pub(super) enum Content<'a> {
    #[default]
    Nothing,
    Words(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

/// One part of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Content<'a>,
    #[serde(borrow, alias = "value")]
    content: Content<'a>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    modality: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow, alias = "tool_call_id", alias = "call_id")]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, alias = "args", alias = "input")]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, alias = "result", alias = "output")]
    response: Option<&'a RawValue>,
}

/// The speaker that a role stands for, in the words of the formats that are read.
pub(super) fn speaker_of(role: &str) -> Option<Speaker> {
    let lower = if role.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(role.to_ascii_lowercase())
    } else {
        Cow::Borrowed(role)
    };
    Some(match lower.as_ref() {
        "user" | "human" => Speaker::User,
        "assistant" | "agent" | "gpt" | "ai" | "model" | "bot" | "chatgpt" => Speaker::Agent,
        "tool" | "function" | "observation" | "tool_response" | "ipython" => Speaker::Tool,
        "system" | "developer" | "operator" => Speaker::Operator,
        _ => return None,
    })
}

pub(super) fn unknown_role(role: &str) -> String {
    let role: String = role.chars().take(40).collect();
    format!("role `{role}` is not known; expected user, assistant, system, developer, tool or function")
}

impl<'a> WireMessage<'a> {
    /// Whether the message says who speaks, so that it can be told from other objects.
    pub(super) fn has_speaker(&self) -> bool {
        self.role.is_some() || self.kind.is_some()
    }

    /// A message of a speaker, of the parts that stand alone, such as system instructions.
    pub(super) fn of_content(role: &'a str, content: Content<'a>) -> Self {
        WireMessage { role: Some(Text(Cow::Borrowed(role))), content, ..WireMessage::default() }
    }

    /// Adds what this message says: often one message, more where results of tools are parts of it.
    pub(super) fn push_to(self, out: &mut Vec<Message>) -> Result<(), String> {
        if let Some(message) = self.kwargs {
            return message.push_to(out);
        }
        let role = match (&self.role, &self.kind) {
            (Some(role), _) => role.as_str(),
            (None, Some(kind)) => kind.as_str(),
            (None, None) => return Err("a message has no role".to_owned()),
        };
        match role {
            "function_call" => self.push_call(out),
            "function_call_output" => {
                out.push(self.tool_output());
                Ok(())
            }
            // The agent's thoughts were not said.
            "reasoning" if self.role.is_none() => Ok(()),
            _ => {
                let speaker = speaker_of(role).ok_or_else(|| unknown_role(role))?;
                self.push_said(speaker, out);
                Ok(())
            }
        }
    }

    fn push_said(self, speaker: Speaker, out: &mut Vec<Message>) {
        let at = self.timestamp.or(self.created_at).and_then(|raw| time_of(&words_of(raw)));
        let mut message = Message { at, ..Message::new(speaker, "") };
        let first = out.len();
        let content = if matches!(self.content, Content::Nothing) { self.parts } else { self.content };
        read_content(content, &mut message, out);
        if message.text.is_empty() {
            message.text = self.refusal.map(Text::into_string).unwrap_or_default();
        }
        let calls = self.tool_calls.into_iter().flatten().chain(self.function_call);
        message.tool_calls.extend(calls.map(WireCall::understood));
        if speaker == Speaker::Tool {
            message.tool_call_id = self.tool_call_id.or(self.call_id).map(Text::into_string);
            message.name = self.name.map(Text::into_string);
        }
        for result in &mut out[first..] {
            result.at = at;
        }
        let only_results = out.len() > first && message.text.is_empty() && message.tool_calls.is_empty();
        if !only_results {
            out.push(message);
        }
    }

    /// A call that stands as a message of its own: an item of a response, or a line of ShareGPT whose
    /// words are the JSON of the call.
    fn push_call(self, out: &mut Vec<Message>) -> Result<(), String> {
        let mut message = Message::agent("");
        if let Some(name) = self.name {
            let id = self.call_id.or(self.tool_call_id);
            message
                .tool_calls
                .push(WireCall { id, function: None, name: Some(name), arguments: self.arguments }.understood());
        } else {
            let words = self.content.words();
            message.tool_calls = calls_of(&words).ok_or("a function_call does not say which function")?;
        }
        out.push(message);
        Ok(())
    }

    fn tool_output(self) -> Message {
        let text = self.output.map_or_else(|| self.content.words(), |raw| words_of(raw).into_owned());
        let tool_call_id = self.call_id.or(self.tool_call_id).map(Text::into_string);
        Message { tool_call_id, ..Message::new(Speaker::Tool, text) }
    }
}

/// The calls in the words of a ShareGPT line: one object or a list of them.
pub(super) fn calls_of(words: &str) -> Option<Vec<ToolCall>> {
    let calls: Vec<WireCall<'_>> = match words.trim_start().as_bytes().first()? {
        b'[' => serde_json::from_str(words).ok()?,
        _ => vec![serde_json::from_str(words).ok()?],
    };
    let named = |call: &WireCall<'_>| call.name.is_some() || call.function.is_some();
    calls.iter().all(named).then(|| calls.into_iter().map(WireCall::understood).collect())
}

impl WireCall<'_> {
    fn understood(self) -> ToolCall {
        let id = self.id.map(Text::into_string);
        let inner = self.function.map(|function| *function);
        let (name, arguments) = match inner {
            Some(function) => (function.name, function.arguments),
            None => (self.name, self.arguments),
        };
        let arguments = arguments.map(|raw| words_of(raw).into_owned()).unwrap_or_default();
        ToolCall { id, name: name.map(Text::into_string).unwrap_or_default(), arguments }
    }
}

fn read_content(content: Content<'_>, message: &mut Message, results: &mut Vec<Message>) {
    match content {
        Content::Nothing => {}
        Content::Words(words) => message.text = words.into_owned(),
        Content::Parts(parts) => parts.into_iter().for_each(|part| read_part(part, message, results)),
    }
}

fn read_part(part: Part<'_>, message: &mut Message, results: &mut Vec<Message>) {
    let kind = part.kind.as_ref().map_or("text", Text::as_str);
    match kind {
        "text" | "input_text" | "output_text" => add_text(message, part.spoken()),
        "refusal" => add_text(message, part.spoken()),
        "tool_call" | "tool_use" | "function_call" | "tool-call" => {
            let call = WireCall {
                id: part.tool_use_id.or(part.id),
                function: None,
                name: part.name,
                arguments: part.arguments,
            };
            message.tool_calls.push(call.understood());
        }
        "tool_call_response" | "tool_result" | "function_call_output" | "tool-result" => results.push(part.result()),
        // The agent's thoughts were not said.
        "reasoning" | "thinking" | "redacted_thinking" => {}
        _ => {
            let mark = mark_of(kind, part.modality.as_ref().map(Text::as_str));
            add_text(message, Cow::Owned(mark));
        }
    }
}

/// How a part that is not text stands in the text.
pub(super) fn mark_of(kind: &str, modality: Option<&str>) -> String {
    let name = match kind {
        "image_url" | "input_image" => "image",
        "input_audio" => "audio",
        "input_file" | "document" => "file",
        "blob" | "uri" | "file" => modality.unwrap_or("file"),
        other => other,
    };
    format!("[{}]", name.chars().take(40).collect::<String>())
}

fn add_text(message: &mut Message, words: Cow<'_, str>) {
    if message.text.is_empty() {
        message.text = words.into_owned();
    } else {
        message.text.push('\n');
        message.text.push_str(&words);
    }
}

impl<'a> Part<'a> {
    fn spoken(self) -> Cow<'a, str> {
        match (self.text, self.content, self.refusal) {
            (Content::Words(words), _, _) | (_, Content::Words(words), _) => words,
            (_, _, Some(refusal)) => refusal.0,
            (text, content, None) => {
                let words = text.words();
                Cow::Owned(if words.is_empty() { content.words() } else { words })
            }
        }
    }

    fn result(self) -> Message {
        let text = match self.response {
            Some(raw) => words_of(raw).into_owned(),
            None => self.content.words(),
        };
        let mut message = Message::new(Speaker::Tool, text);
        message.tool_call_id = self.tool_use_id.or(self.id).map(Text::into_string);
        message.name = self.name.map(Text::into_string);
        message
    }
}

impl<'a> Content<'a> {
    /// The text alone, with marks for what is not text.
    pub(super) fn words(self) -> String {
        let mut message = Message::user("");
        read_content(self, &mut message, &mut Vec::new());
        message.text
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a list of parts or null")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::Words(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Words(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Content::Nothing)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Content::Words(Cow::Owned(truth.to_string())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Content::Words(Cow::Owned(number.to_string())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Content::Words(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Content::Words(Cow::Owned(number.to_string())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(piece) = seq.next_element::<Piece<'de>>()? {
            parts.extend(piece.0);
        }
        Ok(Content::Parts(parts))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Content::Parts(vec![Part::deserialize(MapAccessDeserializer::new(map))?]))
    }
}

/// An element of a list of parts: an object, or bare text.
struct Piece<'a>(Option<Part<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Piece<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PieceVisitor)
    }
}

struct PieceVisitor;

impl<'de> Visitor<'de> for PieceVisitor {
    type Value = Piece<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part: text or an object")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Piece(Some(Part { text: Content::Words(Cow::Borrowed(text)), ..Part::default() })))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Piece(Some(Part { text: Content::Words(Cow::Owned(text.to_owned())), ..Part::default() })))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Piece(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Err(de::Error::custom("a part of a message is a list; expected text or an object"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Piece(Some(Part::deserialize(MapAccessDeserializer::new(map))?)))
    }
}

/// Gives results of tools the name of the tool that was called, where the recording left it out.
pub(super) fn name_results(messages: &mut [Message]) {
    for index in 0..messages.len() {
        if messages[index].speaker == Speaker::Tool && messages[index].name.is_none() {
            messages[index].name = called_name(&messages[..index], messages[index].tool_call_id.as_deref());
        }
    }
}

/// The name of the call with this id, or, without ids, of the call whose turn it is.
fn called_name(before: &[Message], id: Option<&str>) -> Option<String> {
    let calls = |message: &&Message| !message.tool_calls.is_empty();
    let Some(id) = id else {
        let results = before.iter().rev().take_while(|message| message.speaker == Speaker::Tool).count();
        let caller = before.iter().rev().nth(results).filter(calls)?;
        return caller.tool_calls.get(results).or(caller.tool_calls.last()).map(|call| call.name.clone());
    };
    let mut called = before.iter().rev().flat_map(|message| message.tool_calls.iter());
    called.find(|call| call.id.as_deref() == Some(id)).map(|call| call.name.clone())
}
