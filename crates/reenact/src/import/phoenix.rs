//! Spans of Phoenix as JSON, one span a record: what its client's `get_spans` gives, and its data frame of spans written by
//! pandas as records. Their attributes are OpenInference's, flat or as a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Format;
use super::format::Parsed;
use super::json::{Reason, Text, time_of, words_of};
use super::span::{Seen, Span};
use super::trace;
use super::value::Value;

/// A tree that is deeper is no attribute, and reading it would need a stack as deep.
const NESTING_MAX: usize = 32;

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The trace that a span is of.
pub(super) fn trace_of(record: &str) -> Result<String, Reason> {
    let fields: Fields<'_> = serde_json::from_str(record)?;
    of_context(&fields, "trace_id").ok_or_else(|| "the span has no `context.trace_id`".into())
}

/// The spans of one trace.
pub(super) fn parse(records: &str) -> Result<Parsed, Reason> {
    let records: Vec<Fields<'_>> = serde_json::Deserializer::from_str(records).into_iter().collect::<Result<_, _>>()?;
    let Some(first) = records.first() else { return Ok(Vec::new()) };
    let trace = of_context(first, "trace_id").unwrap_or_default();
    Ok(vec![trace::fragment(Format::Phoenix, trace, records.iter().map(seen).collect())])
}

/// An id in `context`, which is an object, or columns with its name before theirs.
fn of_context(fields: &Fields<'_>, key: &str) -> Option<String> {
    let context = || serde_json::from_str::<Fields<'_>>(fields.get("context")?.get()).ok()?.remove(key);
    let id = fields.get(format!("context.{key}").as_str()).copied().or_else(context)?;
    Some(words_of(id).into_owned()).filter(|id| !id.is_empty())
}

fn seen<'a>(fields: &Fields<'a>) -> Seen<'a> {
    let text = |key: &str| Some(words_of(fields.get(key)?)).filter(|text| !text.is_empty());
    let mut attributes = Vec::new();
    if let Some(kind) = fields.get("span_kind") {
        attributes.push((Text(Cow::Borrowed("openinference.span.kind")), Value::Json(kind)));
    }
    if let Some(tree) = fields.get("attributes") {
        flatten("", tree, NESTING_MAX, &mut attributes);
    }
    for (key, value) in fields {
        if let Some(key) = key.strip_prefix("attributes.") {
            flatten(key, value, NESTING_MAX, &mut attributes);
        }
    }
    let span = Span {
        id: Text(Cow::Owned(of_context(fields, "span_id").unwrap_or_default())),
        parent: text("parent_id").map(Text),
        name: Text(text("name").unwrap_or_default()),
        start: text("start_time").and_then(|time| time_of(&time)),
        end: text("end_time").and_then(|time| time_of(&time)),
        attributes,
        events: Vec::new(),
    };
    span.seen()
}

/// Attributes as a tracer sent them: `llm.input_messages.0.message.role`. A list of plain values is one.
fn flatten<'a>(key: &str, raw: &'a RawValue, deeper: usize, attributes: &mut Vec<(Text<'a>, Value<'a>)>) {
    let under = |part: &str| if key.is_empty() { part.to_owned() } else { format!("{key}.{part}") };
    let Some(deeper) = deeper.checked_sub(1) else { return };
    let text = raw.get();
    if text.starts_with('{') {
        let fields: Fields<'a> = serde_json::from_str(text).unwrap_or_default();
        fields.into_iter().for_each(|(part, value)| flatten(&under(&part), value, deeper, attributes));
    } else if text.starts_with('[') && text[1..].trim_start().starts_with('{') {
        let items: Vec<&'a RawValue> = serde_json::from_str(text).unwrap_or_default();
        for (number, value) in items.into_iter().enumerate() {
            flatten(&under(&number.to_string()), value, deeper, attributes);
        }
    } else if text != "null" {
        attributes.push((Text(Cow::Owned(key.to_owned())), Value::Json(raw)));
    }
}
