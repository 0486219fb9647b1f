//! What the input or the output of a span says, whatever shape the tracer gave it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::words_of;
use super::wire::{Content, WireMessage};
use crate::{Message, Speaker};

/// Whether something was told to the agent or by it; decides who spoke where no role is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    pub(super) fn speaker(self) -> Speaker {
        match self {
            Side::Input => Speaker::User,
            Side::Output => Speaker::Agent,
        }
    }

    /// Keys under which agents take a question or give an answer, the surest first.
    fn text_keys(self) -> &'static [&'static str] {
        match self {
            Side::Input => &[
                "input",
                "question",
                "query",
                "user_input",
                "message",
                "prompt",
                "text",
                "content",
                "request",
                "inputs",
            ],
            Side::Output => &[
                "output",
                "answer",
                "response",
                "message",
                "output_text",
                "text",
                "content",
                "result",
                "completion",
                "outputs",
            ],
        }
    }
}

/// The envelopes that interfaces put around messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    generations: Option<Vec<Vec<Choice<'a>>>>,
    #[serde(borrow)]
    instructions: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<WireMessage<'a>>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

/// The messages of a payload. Text that is no JSON, and JSON that holds no messages, is what was said.
pub(super) fn read(payload: &str, side: Side) -> Result<Vec<Message>, String> {
    let text = payload.trim();
    match text.as_bytes().first() {
        None => Ok(Vec::new()),
        Some(b'"') => Ok(said(serde_json::from_str(text).unwrap_or_else(|_| payload.to_owned()), side)),
        Some(b'[') => Ok(read_list(text)?.unwrap_or_else(|| said(payload.to_owned(), side))),
        Some(b'{') => read_object(payload, side),
        _ if text == "null" => Ok(Vec::new()),
        _ => Ok(said(payload.to_owned(), side)),
    }
}

/// System instructions, which come as text, as parts, or as messages.
pub(super) fn read_system(payload: &str) -> Result<Vec<Message>, String> {
    let content = match payload.trim_start().as_bytes().first() {
        None => return Ok(Vec::new()),
        Some(b'[' | b'{' | b'"') => serde_json::from_str::<Content<'_>>(payload).ok(),
        _ => None,
    };
    let content = content.unwrap_or_else(|| Content::Words(payload.into()));
    let mut messages = Vec::new();
    WireMessage::of_content("system", content).push_to(&mut messages)?;
    messages.retain(|message| !message.text.is_empty());
    Ok(messages)
}

fn said(text: String, side: Side) -> Vec<Message> {
    if text.trim().is_empty() { Vec::new() } else { vec![Message::new(side.speaker(), text)] }
}

/// A list of messages, or a batch that holds one such list; nothing where it is another list.
fn read_list(text: &str) -> Result<Option<Vec<Message>>, String> {
    let wire = match serde_json::from_str::<Vec<WireMessage<'_>>>(text) {
        Ok(wire) => wire,
        Err(_) => match serde_json::from_str::<Vec<Vec<WireMessage<'_>>>>(text) {
            Ok(batches) => batches.into_iter().next().unwrap_or_default(),
            Err(_) => return Ok(None),
        },
    };
    if !wire.iter().all(WireMessage::has_speaker) {
        return Ok(None);
    }
    understood(wire).map(Some)
}

fn understood(wire: Vec<WireMessage<'_>>) -> Result<Vec<Message>, String> {
    let mut messages = Vec::with_capacity(wire.len());
    for message in wire {
        message.push_to(&mut messages)?;
    }
    Ok(messages)
}

fn read_object(payload: &str, side: Side) -> Result<Vec<Message>, String> {
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(payload) else {
        return Ok(said(payload.to_owned(), side));
    };
    if let Some(messages) = envelope.messages {
        return match read_list(messages.get())? {
            Some(messages) => Ok(messages),
            None => Ok(said(words_of(messages).into_owned(), side)),
        };
    }
    let choices = envelope.choices.or_else(|| envelope.generations?.into_iter().next());
    if let Some(choice) = choices.and_then(|choices| choices.into_iter().next()) {
        return read_choice(choice, side);
    }
    if let Ok(message) = serde_json::from_str::<WireMessage<'_>>(payload) {
        let mut messages = Vec::new();
        if message.has_speaker() && message.push_to(&mut messages).is_ok() {
            return Ok(messages);
        }
    }
    let mut messages = match envelope.instructions {
        Some(instructions) => read_system(&words_of(instructions))?,
        None => Vec::new(),
    };
    messages.extend(read_named(payload, side)?);
    Ok(messages)
}

fn read_choice(choice: Choice<'_>, side: Side) -> Result<Vec<Message>, String> {
    match (choice.message, choice.text) {
        (Some(message), _) => understood(vec![message]),
        (None, Some(text)) => Ok(said(words_of(text).into_owned(), side)),
        (None, None) => Ok(Vec::new()),
    }
}

/// Arguments or results by name: what stands under a telling key, else the only text, else all of it.
fn read_named(payload: &str, side: Side) -> Result<Vec<Message>, String> {
    let fields: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(payload).unwrap_or_default();
    let telling = side.text_keys().iter().find_map(|key| fields.get(*key));
    let mut texts = fields.values().filter(|value| value.get().starts_with('"'));
    let only_text = texts.next().filter(|_| texts.next().is_none());
    match telling.or(only_text) {
        // A payload that holds itself cannot be: each step reads a shorter text.
        Some(value) => read(&words_of(value), side),
        None => Ok(said(payload.to_owned(), side)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(payload: &str, side: Side) -> Vec<String> {
        let messages = read(payload, side).unwrap();
        messages.iter().map(|m| format!("{:?}: {}", m.speaker, m.text)).collect()
    }

    #[test]
    fn the_same_question_is_found_in_every_envelope() {
        for payload in [
            "are you open",
            r#""are you open""#,
            r#"{"messages": [{"role": "user", "content": "are you open"}], "model": "m"}"#,
            r#"{"messages": [[{"type": "human", "content": "are you open"}]]}"#,
            r#"{"messages": [[{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"],
                "kwargs": {"content": "are you open", "type": "human"}}]]}"#,
            r#"[{"role": "user", "parts": [{"type": "text", "content": "are you open"}]}]"#,
            r#"{"role": "user", "content": [{"type": "text", "text": "are you open"}]}"#,
            r#"{"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "are you open"}]}]}"#,
            r#"{"question": "are you open", "top_k": 3, "tenant": "a"}"#,
            r#"{"anything": "are you open"}"#,
        ] {
            assert_eq!(lines(payload, Side::Input), ["User: are you open"], "{payload}");
        }
    }

    #[test]
    fn the_same_answer_is_found_in_every_envelope() {
        for payload in [
            "we are",
            r#"{"choices": [{"index": 0, "message": {"role": "assistant", "content": "we are"}}]}"#,
            r#"{"generations": [[{"text": "we are", "message": {"type": "ai", "content": "we are"}}]]}"#,
            r#"{"output": [{"type": "reasoning", "summary": []}, {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "we are"}]}]}"#,
            r#"{"answer": "we are", "sources": ["a"]}"#,
        ] {
            assert_eq!(lines(payload, Side::Output), ["Agent: we are"], "{payload}");
        }
        assert!(lines("null", Side::Output).is_empty());
        assert!(lines("  ", Side::Output).is_empty());
    }

    #[test]
    fn text_that_only_looks_like_json_is_what_was_said() {
        assert_eq!(lines("{smiles} hi", Side::Input), ["User: {smiles} hi"]);
        assert_eq!(lines("[1, 2]", Side::Input), ["User: [1, 2]"]);
        assert_eq!(lines("\"quoted\" he said", Side::Input), ["User: \"quoted\" he said"]);
    }
}
