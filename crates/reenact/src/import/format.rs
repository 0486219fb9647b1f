//! The formats that are read, each listed once.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fragment::Fragment;
use super::json::{Reason, Text};
use super::{chat, langfuse, langsmith, mlflow, native, otlp, phoenix, sharegpt};
use crate::{Error, ErrorKind};

/// How recorded conversations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// OpenAI chat: an object with `messages` of `role` and `content`.
    OpenAiChat,
    /// ShareGPT: an object with `conversations` of `from` and `value`.
    ShareGpt,
    /// OpenTelemetry traces in JSON (`resourceSpans`), with the attributes of the GenAI conventions, of
    /// OpenInference, or of MLflow.
    Otlp,
    /// MLflow traces in JSON (`info` and `data`).
    Mlflow,
    /// Traces and observations of Langfuse in JSON.
    Langfuse,
    /// Runs of LangSmith in JSON.
    LangSmith,
    /// Spans of Phoenix in JSON.
    Phoenix,
    /// The sessions of this project, as [`Session`](crate::Session) serialises.
    Reenact,
}

/// What one record gave: fragments, and for what is wrong in it, why. A record of several traces can
/// give both.
pub(super) type Parsed = Vec<Result<Fragment, Reason>>;

/// Finds the trace that a record is of.
type TraceOf = fn(&str) -> Result<String, Reason>;

/// All there is to say about a format. To add one: a file, a variant, a row.
pub(super) struct Row {
    format: Format,
    name: &'static str,
    /// What a record of it looks like, for people.
    pub(super) shape: &'static str,
    looks_like: fn(&Glance) -> bool,
    /// For a format whose records are parts of traces: the trace that a record is of.
    pub(super) trace_of: Option<TraceOf>,
    /// What a record tells; where records are parts, what all those of one trace tell, which stand one after the other.
    pub(super) parse: fn(&str) -> Result<Parsed, Reason>,
}

const FORMATS: [Row; 8] = [
    Row {
        format: Format::OpenAiChat,
        name: "openai-chat",
        shape: "{\"messages\": [{\"role\", \"content\"}]}",
        looks_like: |glance| glance.has("messages") && !glance.item_has("speaker"),
        trace_of: None,
        parse: chat::parse,
    },
    Row {
        format: Format::ShareGpt,
        name: "sharegpt",
        shape: "{\"conversations\": [{\"from\", \"value\"}]}",
        looks_like: |glance| glance.has("conversations"),
        trace_of: None,
        parse: sharegpt::parse,
    },
    Row {
        format: Format::Otlp,
        name: "otlp",
        shape: "{\"resourceSpans\": [...]}",
        looks_like: |glance| glance.has("resourceSpans") || glance.has("resource_spans"),
        trace_of: None,
        parse: otlp::parse,
    },
    Row {
        format: Format::Mlflow,
        name: "mlflow",
        shape: "{\"info\": {...}, \"data\": {\"spans\": [...]}}",
        looks_like: |glance| {
            glance.has("traces")
                || ((glance.has("info") || glance.has("trace_info")) && (glance.has("data") || glance.has("spans")))
        },
        trace_of: None,
        parse: mlflow::parse,
    },
    Row {
        format: Format::LangSmith,
        name: "langsmith",
        shape: "{\"id\", \"run_type\", \"inputs\", \"outputs\"}",
        looks_like: |glance| glance.has("run_type"),
        trace_of: Some(langsmith::trace_of),
        parse: langsmith::parse,
    },
    Row {
        format: Format::Langfuse,
        name: "langfuse",
        shape: "{\"id\", \"sessionId\", \"observations\": [...]}, or an observation with its \"traceId\"",
        looks_like: |glance| {
            let has = |key: &str, column: &str| glance.has(key) || glance.has(column);
            glance.has("observations")
                || (glance.has("type") && has("traceId", "trace_id") && has("startTime", "start_time"))
                || (has("sessionId", "session_id") && glance.has("timestamp") && glance.has("input"))
        },
        trace_of: Some(langfuse::trace_of),
        parse: langfuse::parse,
    },
    Row {
        format: Format::Phoenix,
        name: "phoenix",
        shape: "{\"name\", \"context\": {\"trace_id\", \"span_id\"}, \"attributes\": {...}}",
        looks_like: |glance| glance.has("context.trace_id") || (glance.has("context") && glance.has("span_kind")),
        trace_of: Some(phoenix::trace_of),
        parse: phoenix::parse,
    },
    Row {
        format: Format::Reenact,
        name: "reenact",
        shape: "{\"id\", \"messages\": [{\"speaker\", \"text\"}]}",
        looks_like: |glance| glance.has("messages") && glance.item_has("speaker"),
        trace_of: None,
        parse: native::parse,
    },
];

impl Format {
    /// Every format, in the order in which they are listed to people.
    pub fn all() -> impl Iterator<Item = Format> {
        FORMATS.iter().map(|row| row.format)
    }

    /// The name that the command line and messages use.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn row(self) -> &'static Row {
        // The table has a row for every variant; a test below holds it to that.
        FORMATS.iter().find(|row| row.format == self).unwrap_or(&FORMATS[0])
    }

    /// The format that a record is written in, where it is one of ours.
    pub(super) fn of(record: &str) -> Option<Format> {
        let glance: Glance = serde_json::from_str(record).ok()?;
        FORMATS.iter().find(|row| (row.looks_like)(&glance)).map(|row| row.format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Format::all().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Format::all().map(Format::name).collect();
            let error = Error::new(ErrorKind::Usage, format!("format `{name}` is not known"));
            error.hint(format!("use one of {}, or leave it out: the content tells", names.join(", ")))
        })
    }
}

/// The keys of a record, and those of the first element of its `messages`: enough to tell formats apart
/// without reading the values.
#[derive(Debug, Default)]
pub(super) struct Glance {
    keys: BTreeSet<String>,
    item_keys: BTreeSet<String>,
}

impl Glance {
    fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    fn item_has(&self, key: &str) -> bool {
        self.item_keys.contains(key)
    }
}

impl<'de> Deserialize<'de> for Glance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(GlanceVisitor)
    }
}

struct GlanceVisitor;

impl<'de> Visitor<'de> for GlanceVisitor {
    type Value = Glance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Glance, A::Error> {
        let mut glance = Glance::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if key.as_str() == "messages" {
                glance.item_keys = map.next_value::<FirstItem>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            glance.keys.insert(key.into_string());
        }
        Ok(glance)
    }
}

/// The keys of the first element of a list.
#[derive(Default)]
struct FirstItem(BTreeSet<String>);

impl<'de> Deserialize<'de> for FirstItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstItemVisitor)
    }
}

struct FirstItemVisitor;

impl<'de> Visitor<'de> for FirstItemVisitor {
    type Value = FirstItem;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<FirstItem, E> {
        Ok(FirstItem::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FirstItem, A::Error> {
        let first = seq.next_element::<std::collections::BTreeMap<String, IgnoredAny>>()?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(FirstItem(first.unwrap_or_default().into_keys().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_row_and_a_name_that_leads_back_to_it() {
        let all = [
            Format::OpenAiChat,
            Format::ShareGpt,
            Format::Otlp,
            Format::Mlflow,
            Format::LangSmith,
            Format::Langfuse,
            Format::Phoenix,
            Format::Reenact,
        ];
        assert_eq!(Format::all().collect::<Vec<_>>(), all);
        for format in all {
            assert_eq!(format.row().format, format);
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
        }
        let error = "yaml".parse::<Format>().unwrap_err();
        assert!(error.hint_text().is_some_and(|hint| hint.contains("openai-chat")));
    }

    #[test]
    fn a_record_is_recognised_by_its_keys() {
        let of = |record| Format::of(record);
        assert_eq!(of(r#"{"id": 1, "messages": [{"role": "user", "content": "hi"}]}"#), Some(Format::OpenAiChat));
        assert_eq!(of(r#"{"id": "a", "messages": [{"speaker": "user", "text": "hi"}]}"#), Some(Format::Reenact));
        assert_eq!(of(r#"{"conversations": []}"#), Some(Format::ShareGpt));
        assert_eq!(of(r#"{"resourceSpans": []}"#), Some(Format::Otlp));
        assert_eq!(of(r#"{"info": {}, "data": {}}"#), Some(Format::Mlflow));
        assert_eq!(of(r#"{"id": "a", "run_type": "llm"}"#), Some(Format::LangSmith));
        assert_eq!(of(r#"{"id": "a", "observations": []}"#), Some(Format::Langfuse));
        assert_eq!(of(r#"{"id": "a", "traceId": "t", "type": "SPAN", "startTime": "…"}"#), Some(Format::Langfuse));
        assert_eq!(of(r#"{"context": {}, "span_kind": "LLM"}"#), Some(Format::Phoenix));
        assert_eq!(of(r#"{"name": "widget"}"#), None);
        assert_eq!(of("[1]"), None);
    }
}
