//! MLflow traces as JSON (`Trace.to_json`, or what its REST interface returns), and MLflow's own
//! attributes, which its tracer also sends over OTLP.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Format;
use super::format::Parsed;
use super::fragment::Fragment;
use super::json::{Reason, Text, time_of, words_of};
use super::otlp::{self, KeyValue, nanoseconds};
use super::span::{Said, Seen, Span, Work};
use super::trace;
use super::value::Value;

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireTrace<'a> {
    #[serde(borrow, alias = "trace_info")]
    info: Info<'a>,
    #[serde(borrow)]
    data: Data<'a>,
    #[serde(borrow)]
    spans: Vec<WireSpan<'a>>,
    #[serde(borrow)]
    traces: Option<Vec<&'a RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info<'a> {
    #[serde(borrow, alias = "request_id")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, alias = "timestamp_ms")]
    request_time: Option<&'a RawValue>,
    #[serde(borrow, alias = "request_metadata")]
    trace_metadata: BTreeMap<String, &'a RawValue>,
    #[serde(borrow)]
    tags: Tags<'a>,
}

/// Tags are an object; the REST interface once gave them as a list of pairs, which says no more.
#[derive(Default)]
struct Tags<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'a RawValue>::deserialize(deserializer)?;
        Ok(Tags(serde_json::from_str(raw.get()).unwrap_or_default()))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    spans: Vec<WireSpan<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSpan<'a> {
    #[serde(borrow)]
    span_id: Option<Text<'a>>,
    #[serde(borrow)]
    context: Option<Context<'a>>,
    #[serde(borrow, alias = "parent_id")]
    parent_span_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, alias = "start_time")]
    start_time_unix_nano: Option<Text<'a>>,
    #[serde(borrow, alias = "end_time")]
    end_time_unix_nano: Option<Text<'a>>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Context<'a> {
    #[serde(borrow)]
    span_id: Text<'a>,
}

/// Attributes in the order of the file: an object of JSON in strings, or the pairs of OTLP.
#[derive(Default)]
struct Attributes<'a>(Vec<(Text<'a>, Value<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> serde::de::Visitor<'de> for AttributesVisitor {
    type Value = Attributes<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the attributes of a span")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Attributes::default())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            attributes.push((key, Value::Json(value)));
        }
        Ok(Attributes(attributes))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Vec::new();
        while let Some(attribute) = seq.next_element::<KeyValue<'de>>()? {
            attributes.push(attribute);
        }
        Ok(Attributes(otlp::pairs(attributes)))
    }
}

pub(super) fn parse(record: &str) -> Result<Parsed, Reason> {
    let trace: WireTrace<'_> = serde_json::from_str(record)?;
    let Some(traces) = trace.traces else { return Ok(vec![fragment(trace)]) };
    let read = |raw: &RawValue| fragment(serde_json::from_str(raw.get())?);
    Ok(traces.into_iter().map(read).collect())
}

fn fragment(trace: WireTrace<'_>) -> Result<Fragment, Reason> {
    let info = trace.info;
    let trace_id = info.trace_id.filter(|id| !id.as_str().is_empty()).ok_or("the trace has no `trace_id`")?;
    let spans = if trace.data.spans.is_empty() { trace.spans } else { trace.data.spans };
    let seen = spans.into_iter().map(|span| span.understood().seen()).collect();
    let mut fragment = trace::fragment(Format::Mlflow, trace_id.into_string(), seen)?;
    let named = |key: &str| info.trace_metadata.get(key).or_else(|| info.tags.0.get(key));
    if let Some(session) = named("mlflow.trace.session").map(|raw| words_of(raw).trim().to_owned()) {
        fragment.session = Some(session).filter(|session| !session.is_empty()).or(fragment.session);
    }
    if let Some(user) = named("mlflow.trace.user") {
        fragment.metadata.insert("user".to_owned(), words_of(user).into_owned());
    }
    if let Some(name) = named("mlflow.traceName") {
        fragment.metadata.entry("agent".to_owned()).or_insert_with(|| words_of(name).into_owned());
    }
    // What starts with `mlflow.` is MLflow's own bookkeeping; the rest is what people marked.
    for (key, value) in info.trace_metadata.iter().chain(&info.tags.0).filter(|(key, _)| !key.starts_with("mlflow.")) {
        fragment.metadata.entry(key.clone()).or_insert_with(|| words_of(value).into_owned());
    }
    fragment.time = fragment.time.or_else(|| time_of(&words_of(info.request_time?)));
    Ok(fragment)
}

impl<'a> WireSpan<'a> {
    fn understood(self) -> Span<'a> {
        let time = |nanos: Option<Text<'a>>| -> Option<Timestamp> { nanoseconds(nanos?.as_str()) };
        Span {
            id: self.span_id.or(self.context.map(|context| context.span_id)).unwrap_or_default(),
            parent: self.parent_span_id.filter(|id| !id.as_str().is_empty()),
            name: self.name.unwrap_or_default(),
            start: time(self.start_time_unix_nano),
            end: time(self.end_time_unix_nano),
            attributes: self.attributes.0,
            events: Vec::new(),
        }
    }
}

/// MLflow's own attributes of a span.
pub(super) fn read<'a>(span: &Span<'a>, seen: &mut Seen<'a>) {
    for (key, value) in &span.attributes {
        match key.as_str() {
            "mlflow.spanType" if seen.work == Work::Other => seen.work = work_of(&value.label()),
            "mlflow.spanInputs" => seen.set_input(Said::Whole(*value)),
            "mlflow.spanOutputs" => seen.set_output(Said::Whole(*value)),
            "mlflow.trace.session" => seen.set_session(*value),
            "mlflow.trace.user" => seen.note("user", *value),
            "mlflow.llm.model" => seen.note("model", *value),
            _ => {}
        }
    }
}

fn work_of(span_type: &str) -> Work {
    match span_type {
        "CHAT_MODEL" | "LLM" => Work::Call,
        "TOOL" => Work::Tool,
        _ => Work::Other,
    }
}
