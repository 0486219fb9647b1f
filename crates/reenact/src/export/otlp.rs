//! The messages of OpenTelemetry's protocol that carry spans, as protobuf and as its JSON.
//!
//! Field numbers are those of `opentelemetry-proto` 1.x (`trace.proto`, `common.proto`, `resource.proto`); what is never written
//! here is left out.

use std::fmt::Write as _;

use prost::{Message, Oneof};
use serde::{Serialize, Serializer};

/// `SPAN_KIND_INTERNAL`
pub(super) const KIND_INTERNAL: i32 = 1;
/// `SPAN_KIND_CLIENT`
pub(super) const KIND_CLIENT: i32 = 3;
/// `STATUS_CODE_ERROR`
const STATUS_ERROR: i32 = 2;

/// `ExportTraceServiceRequest`. Several joined byte by byte are one that holds the spans of all.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    #[prost(message, repeated, tag = "1")]
    pub(super) resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    pub(super) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    pub(super) scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(super) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    pub(super) scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    pub(super) spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Scope {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) version: String,
}

/// A span. Times are nanoseconds since 1970.
#[derive(Clone, PartialEq, Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "as_hex")]
    pub(super) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(serialize_with = "as_hex")]
    pub(super) span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "as_hex")]
    pub(super) parent_span_id: Vec<u8>,
    #[prost(fixed32, tag = "16")]
    pub(super) flags: u32,
    #[prost(string, tag = "5")]
    pub(super) name: String,
    #[prost(int32, tag = "6")]
    pub(super) kind: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(serialize_with = "as_digits")]
    pub(super) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    #[serde(serialize_with = "as_digits")]
    pub(super) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    pub(super) attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Status>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct Status {
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(int32, tag = "3")]
    pub(super) code: i32,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message, Serialize)]
pub(super) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3")]
    #[serde(flatten)]
    pub(super) value: Option<Value>,
}

/// What an attribute of ours can hold.
#[derive(Clone, PartialEq, Oneof, Serialize)]
pub(super) enum Value {
    #[prost(string, tag = "1")]
    #[serde(rename = "stringValue")]
    Text(String),
    #[prost(bool, tag = "2")]
    #[serde(rename = "boolValue")]
    Flag(bool),
    #[prost(int64, tag = "3")]
    #[serde(rename = "intValue", serialize_with = "as_digits")]
    Number(i64),
}

impl Request {
    /// Spans of this program.
    pub(super) fn of(spans: Vec<Span>) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let attributes = vec![text("service.name", "reenact"), text("service.version", version)];
        let scope = Scope { name: "reenact".to_owned(), version: version.to_owned() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
        Request { resource_spans: vec![ResourceSpans { resource: Some(Resource { attributes }), scope_spans }] }
    }
}

impl Status {
    pub(super) fn error(message: &str) -> Self {
        Status { message: message.to_owned(), code: STATUS_ERROR }
    }
}

/// An attribute that is a text.
pub(super) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::Text(value.into()))
}

/// An attribute that is a number.
pub(super) fn number(key: &str, value: impl TryInto<i64>) -> KeyValue {
    attribute(key, Value::Number(value.try_into().unwrap_or(i64::MAX)))
}

/// An attribute that is true.
pub(super) fn flag(key: &str) -> KeyValue {
    attribute(key, Value::Flag(true))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

/// Ids are hexadecimal in OTLP's JSON, unlike other bytes in protobuf's.
fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
        hex
    });
    serializer.serialize_str(&hex)
}

/// Numbers of 64 bits are texts in protobuf's JSON.
fn as_digits<S: Serializer>(number: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the library that OpenTelemetry generates for Python writes the same span.
    #[test]
    fn the_bytes_are_those_that_opentelemetrys_own_library_writes() {
        let span = Span {
            trace_id: (1..=16).collect(),
            span_id: (1..=8).collect(),
            parent_span_id: vec![9; 8],
            flags: 1,
            name: "chat".into(),
            kind: KIND_CLIENT,
            start_time_unix_nano: 1_000_000_001,
            end_time_unix_nano: 1_000_000_002,
            attributes: vec![text("a", "b"), number("n", 300), flag("t")],
            status: Some(Status::error("gone")),
        };
        let scope = Some(Scope { name: "s".into(), version: "1".into() });
        let resource = Some(Resource { attributes: vec![text("service.name", "x")] });
        let scope_spans = vec![ScopeSpans { scope, spans: vec![span] }];
        let request = Request { resource_spans: vec![ResourceSpans { resource, scope_spans }] };
        let hex = request.encode_to_vec().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(
            hex,
            concat!(
                "0a90010a150a130a0c736572766963652e6e616d6512030a017812770a060a0173120131126d0a100102030405060708",
                "090a0b0c0d0e0f1012080102030405060708220809090909090909092a046368617430033901ca9a3b000000004102ca",
                "9a3b000000004a080a016112030a01624a080a016e120318ac024a070a0174120210017a081204676f6e651802850101",
                "000000",
            )
        );
    }
}
