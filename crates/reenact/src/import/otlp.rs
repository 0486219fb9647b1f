//! OpenTelemetry traces as JSON: one `ExportTraceServiceRequest` a record.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Format;
use super::format::Parsed;
use super::json::{Reason, Text};
use super::span::{Event, Seen, Span};
use super::trace;
use super::value::Value;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, rename = "resourceSpans", alias = "resource_spans")]
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceSpans<'a> {
    #[serde(borrow)]
    resource: Resource<'a>,
    #[serde(borrow, rename = "scopeSpans", alias = "scope_spans", alias = "instrumentationLibrarySpans")]
    scope_spans: Vec<ScopeSpans<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Resource<'a> {
    #[serde(borrow)]
    attributes: Vec<KeyValue<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeSpans<'a> {
    #[serde(borrow)]
    spans: Vec<WireSpan<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireSpan<'a> {
    #[serde(borrow, rename = "traceId", alias = "trace_id")]
    trace_id: Text<'a>,
    #[serde(borrow, rename = "spanId", alias = "span_id")]
    span_id: Text<'a>,
    #[serde(borrow, rename = "parentSpanId", alias = "parent_span_id")]
    parent_span_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    start: Option<Text<'a>>,
    #[serde(borrow, rename = "endTimeUnixNano", alias = "end_time_unix_nano")]
    end: Option<Text<'a>>,
    #[serde(borrow)]
    attributes: Vec<KeyValue<'a>>,
    #[serde(borrow)]
    events: Vec<WireEvent<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireEvent<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    attributes: Vec<KeyValue<'a>>,
}

/// An attribute, its value left as text.
#[derive(Deserialize)]
pub(super) struct KeyValue<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

pub(super) fn parse(record: &str) -> Result<Parsed, Reason> {
    let mut traces: BTreeMap<String, Vec<Seen<'_>>> = BTreeMap::new();
    each_span(record, &mut |trace_id, seen| traces.entry(trace_id).or_default().push(seen))?;
    Ok(traces.into_iter().map(|(trace_id, spans)| trace::fragment(Format::Otlp, trace_id, spans)).collect())
}

/// Hands over the spans of a request, each with the id of its trace.
pub(super) fn each_span<'a>(record: &'a str, each: &mut impl FnMut(String, Seen<'a>)) -> Result<(), Reason> {
    let request: Request<'a> = serde_json::from_str(record)?;
    for resource_spans in request.resource_spans {
        let service = service_of(&resource_spans.resource);
        for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            each(hex_id(span.trace_id.as_str()), span.understood().seen().of_service(service.as_deref()));
        }
    }
    Ok(())
}

/// A request of which only the structure is read.
#[derive(Deserialize)]
pub(super) struct Outline<'a> {
    #[serde(borrow, rename = "resourceSpans", alias = "resource_spans")]
    pub(super) resource_spans: Vec<OutlinedResource<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutlinedResource<'a> {
    #[serde(borrow)]
    pub(super) resource: Option<&'a RawValue>,
    #[serde(borrow, rename = "scopeSpans", alias = "scope_spans", alias = "instrumentationLibrarySpans")]
    pub(super) scope_spans: Vec<OutlinedScope<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct OutlinedScope<'a> {
    #[serde(borrow)]
    pub(super) spans: Vec<&'a RawValue>,
}

/// The ids of a span, and whether it is where a trace enters the service.
pub(super) fn ids(span: &str) -> Result<(String, String, bool), Reason> {
    let span: WireSpan<'_> = serde_json::from_str(span)?;
    let is_entry = span.parent_span_id.is_none_or(|id| id.as_str().is_empty());
    Ok((hex_id(span.trace_id.as_str()), span.span_id.into_string(), is_entry))
}

fn service_of(resource: &Resource<'_>) -> Option<String> {
    let name = resource.attributes.iter().find(|attribute| attribute.key.as_str() == "service.name")?;
    Some(Value::Any(name.value?).label())
}

pub(super) fn pairs<'a>(attributes: Vec<KeyValue<'a>>) -> Vec<(Text<'a>, Value<'a>)> {
    attributes.into_iter().filter_map(|attribute| Some((attribute.key, Value::Any(attribute.value?)))).collect()
}

impl<'a> WireSpan<'a> {
    fn understood(self) -> Span<'a> {
        let event = |event: WireEvent<'a>| Event { name: event.name, attributes: pairs(event.attributes) };
        Span {
            id: self.span_id,
            parent: self.parent_span_id.filter(|id| !id.as_str().is_empty()),
            name: self.name.unwrap_or_default(),
            start: self.start.and_then(|nanos| nanoseconds(nanos.as_str())),
            end: self.end.and_then(|nanos| nanoseconds(nanos.as_str())),
            attributes: pairs(self.attributes),
            events: self.events.into_iter().map(event).collect(),
        }
    }
}

/// A point in time in nanoseconds since 1970; 0 stands for "not known".
pub(super) fn nanoseconds(digits: &str) -> Option<Timestamp> {
    let nanos: i128 = digits.parse().ok()?;
    (nanos != 0).then(|| Timestamp::from_nanosecond(nanos).ok())?
}

/// A trace id in hexadecimal digits, as OTLP demands. Libraries that follow the general protobuf mapping
/// write base64, and the same trace must have the same id from both.
pub(super) fn hex_id(id: &str) -> String {
    const BASE64_OF_16_BYTES: usize = 24;
    let bytes = (id.len() == BASE64_OF_16_BYTES).then(|| base64_bytes(id.strip_suffix("==")?)).flatten();
    match bytes {
        Some(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        None => id.to_ascii_lowercase(),
    }
}

fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut bytes) = (0u32, 0, Vec::new());
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_the_same_in_hexadecimal_and_in_base64() {
        assert_eq!(hex_id("k3tjKv6xPPZ7XK/7N9XkyQ=="), "937b632afeb13cf67b5caffb37d5e4c9");
        assert_eq!(hex_id("937B632AFEB13CF67B5CAFFB37D5E4C9"), "937b632afeb13cf67b5caffb37d5e4c9");
        assert_eq!(hex_id("odd"), "odd");
    }
}
