//! OpenAI chat: `{"messages": [{"role", "content", ...}], ...}`, one conversation a record.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Format;
use super::format::Parsed;
use super::fragment::Fragment;
use super::json::{Reason, Text, scalar_of, time_of, words_of};
use super::wire::{WireMessage, name_results};
use crate::{Message, Speaker};

pub(super) fn parse(record: &str) -> Result<Parsed, Reason> {
    let talk = Talk::read(record, "messages")?;
    Ok(vec![fragment(Format::OpenAiChat, talk)])
}

/// A conversation of a format whose records are whole sessions.
pub(super) fn fragment(format: Format, talk: Talk<'_>) -> Result<Fragment, Reason> {
    let Talk { messages: wire, about } = talk;
    let mut messages = Vec::with_capacity(wire.len());
    for (index, message) in wire.into_iter().enumerate() {
        message.push_to(&mut messages).map_err(|reason| format!("message {}: {reason}", index + 1))?;
    }
    put_in_order(&mut messages);
    name_results(&mut messages);
    let time = about.time.or_else(|| messages.iter().find_map(|message| message.at));
    let About { session, metadata, .. } = about;
    Ok(Fragment { session: session.map(|(_, id)| id), time, metadata, ..Fragment::new(format, messages) })
}

/// A log can be written as answers arrive; where every message has its time, the times tell the order.
fn put_in_order(messages: &mut [Message]) {
    let timed = |message: &Message| message.at.is_some() || message.speaker == Speaker::Operator;
    if messages.iter().all(timed) {
        messages.sort_by_key(|message| message.at);
    }
}

/// What a record says about its conversation.
#[derive(Debug, Default)]
pub(super) struct About {
    /// The id, with the rank of the key that it stood under.
    session: Option<(usize, String)>,
    time: Option<jiff::Timestamp>,
    metadata: BTreeMap<String, String>,
}

/// Keys that can hold the session's id, the surest first.
const ID_KEYS: [&str; 4] = ["session_id", "conversation_id", "thread_id", "id"];

/// Longer texts beside a conversation are content of their own, not a mark to find it by.
const METADATA_CHARS_MAX: usize = 256;

impl About {
    /// Takes up what stands under a key that is not the conversation itself.
    pub(super) fn read(&mut self, key: &str, value: &RawValue) {
        if let Some(rank) = ID_KEYS.iter().position(|id_key| *id_key == key) {
            let id = scalar_of(value).map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
            if let Some(id) = id.filter(|_| self.session.as_ref().is_none_or(|(best, _)| rank < *best)) {
                self.session = Some((rank, id));
            }
            return;
        }
        if matches!(key, "created_at" | "started_at" | "timestamp" | "created" | "create_time") {
            self.time = self.time.or_else(|| time_of(&words_of(value)));
            return;
        }
        if key == "metadata" {
            let inner = serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).unwrap_or_default();
            for (key, value) in inner {
                self.remember(&key, value);
            }
            return;
        }
        self.remember(key, value);
    }

    fn remember(&mut self, key: &str, value: &RawValue) {
        let text = scalar_of(value).filter(|text| !text.is_empty() && text.chars().count() <= METADATA_CHARS_MAX);
        if let Some(text) = text {
            self.metadata.insert(key.to_owned(), text.into_owned());
        }
    }
}

/// A conversation and what stands beside it.
pub(super) struct Talk<'a> {
    pub(super) messages: Vec<WireMessage<'a>>,
    pub(super) about: About,
}

impl<'a> Talk<'a> {
    /// Reads a record whose conversation stands under a key.
    pub(super) fn read(record: &'a str, key: &'static str) -> Result<Self, Reason> {
        let mut deserializer = serde_json::Deserializer::from_str(record);
        let (messages, about) = TalkSeed { key }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        let messages = messages.ok_or_else(|| format!("there is no `{key}` in the record"))?;
        Ok(Talk { messages, about })
    }
}

struct TalkSeed {
    key: &'static str,
}

impl<'de> DeserializeSeed<'de> for TalkSeed {
    type Value = (Option<Vec<WireMessage<'de>>>, About);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TalkSeed {
    type Value = (Option<Vec<WireMessage<'de>>>, About);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut messages, mut about) = (None, About::default());
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if key.as_str() == self.key {
                messages = Some(map.next_value()?);
            } else {
                about.read(key.as_str(), map.next_value()?);
            }
        }
        Ok((messages, about))
    }
}
