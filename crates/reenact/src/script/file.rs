//! The script file as it is written.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{Participant, ScriptedCall};
use crate::AgentUsage;
use crate::shorten::shorten;
use crate::{Error, ErrorKind, FaultKind, Result, Usage};

/// What a script looks like, as a hint shows it.
pub(super) const FORM: &str = "a script is a list of texts and rules such as \
    `- {for: agent, turn: 2, when: refund, reply: which order?}`; a rule has one of `reply`, `json` and `fail`";

/// One entry of the list.
pub(super) enum Entry {
    /// The nth text answers the nth turn.
    Text(String),
    /// A rule.
    Rule(Box<Rule>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(rename = "for")]
    pub(super) speaks: Option<Participant>,
    pub(super) turn: Option<NonZeroU32>,
    pub(super) when: Option<String>,
    pub(super) reply: Option<String>,
    pub(super) json: Option<Value>,
    pub(super) fail: Option<Fail>,
    #[serde(default)]
    pub(super) delay_ms: u64,
    #[serde(default)]
    pub(super) end: bool,
    #[serde(default)]
    pub(super) tool_calls: Vec<ScriptedCall>,
    pub(super) usage: Option<ScriptedUsage>,
}

/// What an answer used: tokens as [`Usage`] has them, and for an agent the model that it asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptedUsage {
    input_tokens: u64,
    #[serde(default)]
    cached_tokens: u64,
    #[serde(default)]
    cache_write_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    model: Option<String>,
}

impl From<ScriptedUsage> for AgentUsage {
    fn from(used: ScriptedUsage) -> Self {
        let ScriptedUsage { input_tokens, cached_tokens, cache_write_tokens, output_tokens, model } = used;
        AgentUsage {
            model,
            usage: Usage { input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched: false },
        }
    }
}

/// A kind of fault and its reason; a reason alone is a refusal.
pub(super) struct Fail(pub(super) FaultKind, pub(super) String);

/// The entries of a script, each with its place.
pub(super) fn entries(text: &str, path: &Path) -> Result<Vec<Spanned<Entry>>> {
    serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map(|location| location.line());
        let message = error.without_snippet().to_string();
        // The place says the line already.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        let what = format!("not a script: {}", shorten(message));
        Error::new(ErrorKind::Input, what).at(path, line).hint(FORM)
    })
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a rule")
            }
            fn visit_str<E>(self, text: &str) -> Result<Entry, E> {
                Ok(Entry::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                Rule::deserialize(MapAccessDeserializer::new(map)).map(|rule| Entry::Rule(Box::new(rule)))
            }
        }
        deserializer.deserialize_any(EntryVisitor)
    }
}

impl<'de> Deserialize<'de> for Fail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FailVisitor;
        impl<'de> Visitor<'de> for FailVisitor {
            type Value = Fail;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reason, or a kind of fault with its reason")
            }
            fn visit_str<E>(self, reason: &str) -> Result<Fail, E> {
                Ok(Fail(FaultKind::Refused, reason.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fail, A::Error> {
                let one = map.next_entry::<FaultKind, String>()?;
                let (kind, reason) = one.ok_or_else(|| A::Error::custom("expected a kind of fault"))?;
                match map.next_key::<FaultKind>()? {
                    None => Ok(Fail(kind, reason)),
                    Some(_) => Err(A::Error::custom("expected one kind of fault, found two")),
                }
            }
        }
        deserializer.deserialize_any(FailVisitor)
    }
}
