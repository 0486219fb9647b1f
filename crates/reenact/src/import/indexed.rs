//! Messages of which every field is an attribute of its own: `0.message.role`, `0.message.content`,
//! `0.message.tool_calls.1.tool_call.function.name` (OpenInference), `0.role`, `0.content` (OpenLLMetry).

use std::collections::BTreeMap;

use super::json::Text;
use super::payload::Side;
use super::value::Value;
use super::wire::{self, speaker_of, unknown_role};
use crate::{Message, Speaker, ToolCall};

type Entry<'a> = (Text<'a>, Value<'a>);

/// Whether these fields are the beginning of longer ones. A "no" may be wrong, a "yes" never is.
pub(super) fn begins(mine: &[Entry<'_>], longer: &[Entry<'_>]) -> bool {
    let same = |(a, b): (&Entry<'_>, &Entry<'_>)| a.0 == b.0 && a.1.is_same_text(b.1);
    let Some(last) = mine.last() else { return false };
    if mine.len() > longer.len() || !mine.iter().zip(longer).all(same) {
        return false;
    }
    let number = |entry: &Entry<'_>| entry.0.as_str().split('.').next().map(str::to_owned);
    longer.get(mine.len()).is_none_or(|next| number(next) != number(last))
}

/// The messages, in the order of their numbers.
pub(super) fn read(entries: &[Entry<'_>], side: Side) -> Result<Vec<Message>, String> {
    let mut slots: BTreeMap<usize, Slot> = BTreeMap::new();
    for (key, value) in entries {
        let Some((number, path)) = key.as_str().split_once('.') else { continue };
        let Ok(number) = number.parse() else { continue };
        slots.entry(number).or_default().take(path, *value);
    }
    slots.into_values().map(|slot| slot.message(side)).collect()
}

/// One message as far as its fields have been met.
#[derive(Default)]
struct Slot {
    role: Option<String>,
    content: Option<String>,
    parts: BTreeMap<usize, PartSlot>,
    calls: BTreeMap<usize, ToolCall>,
    tool_call_id: Option<String>,
    name: Option<String>,
}

#[derive(Default)]
struct PartSlot {
    kind: Option<String>,
    text: Option<String>,
}

impl Slot {
    fn take(&mut self, path: &str, value: Value<'_>) {
        // Segments that only say what the next one belongs to.
        let idle = |segment: &&str| !matches!(*segment, "message" | "message_content" | "tool_call" | "function");
        let mut path = path.split('.').filter(idle);
        match (path.next(), path.next(), path.next()) {
            (Some("role"), None, _) => self.role = Some(value.label()),
            (Some("content"), None, _) => self.content = Some(value.payload().into_owned()),
            (Some("tool_call_id" | "id"), None, _) => self.tool_call_id = Some(value.label()),
            (Some("name"), None, _) => self.name = Some(value.label()),
            (Some("function_call_name"), None, _) => self.call(0).name = value.label(),
            (Some("function_call_arguments_json"), None, _) => self.call(0).arguments = value.payload().into_owned(),
            (Some("tool_calls"), None, _) => {
                let calls = wire::calls_of(&value.payload()).unwrap_or_default();
                self.calls.extend(calls.into_iter().enumerate());
            }
            (Some("tool_calls"), Some(number), Some(field)) => self.take_call(number, field, value),
            (Some("contents"), Some(number), Some(field)) => self.take_part(number, field, value),
            _ => {}
        }
    }

    fn call(&mut self, number: usize) -> &mut ToolCall {
        let unnamed = || ToolCall { id: None, name: String::new(), arguments: String::new() };
        self.calls.entry(number).or_insert_with(unnamed)
    }

    fn take_call(&mut self, number: &str, field: &str, value: Value<'_>) {
        let Ok(number) = number.parse() else { return };
        match field {
            "id" => self.call(number).id = Some(value.label()),
            "name" => self.call(number).name = value.label(),
            "arguments" => self.call(number).arguments = value.payload().into_owned(),
            _ => {}
        }
    }

    fn take_part(&mut self, number: &str, field: &str, value: Value<'_>) {
        let Ok(number) = number.parse() else { return };
        let part = self.parts.entry(number).or_default();
        match field {
            "type" => part.kind = Some(value.label()),
            "text" => part.text = Some(value.payload().into_owned()),
            // An image stands under a key of its own name.
            other if part.kind.is_none() => part.kind = Some(other.to_owned()),
            _ => {}
        }
    }

    fn message(self, side: Side) -> Result<Message, String> {
        let speaker = match &self.role {
            Some(role) => speaker_of(role).ok_or_else(|| unknown_role(role))?,
            None => side.speaker(),
        };
        let parts: Vec<_> = self.parts.into_values().map(PartSlot::words).collect();
        let text = self.content.unwrap_or_else(|| parts.join("\n"));
        let mut message = Message { tool_calls: self.calls.into_values().collect(), ..Message::new(speaker, text) };
        if speaker == Speaker::Tool {
            message.tool_call_id = self.tool_call_id.filter(|id| !id.is_empty());
            message.name = self.name;
        }
        Ok(message)
    }
}

impl PartSlot {
    fn words(self) -> String {
        self.text.unwrap_or_else(|| wire::mark_of(self.kind.as_deref().unwrap_or("part"), None))
    }
}
