//! OpenTelemetry traces in protobuf, read without copying: what a receiver is sent.
//!
//! Field numbers are those of `opentelemetry-proto` 1.x (`trace.proto`, `common.proto`, `resource.proto`).

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::json::Text;
use super::protobuf::{Field, Fields, Malformed, text};
use super::span::{Event, Span};
use super::value::Value;

/// A value that nests deeper was not made by a tracer, and reading it would need a stack as deep.
const NESTING_MAX: usize = 64;

/// The spans of all resources in an `ExportTraceServiceRequest`, each resource as its bytes.
pub(super) fn resources(request: &[u8]) -> Result<Vec<ResourceSpans<'_>>, Malformed> {
    messages(request, 1).map(|bytes| ResourceSpans::of(bytes?)).collect()
}

/// What one resource sent.
pub(super) struct ResourceSpans<'a> {
    /// The `Resource` itself.
    pub(super) resource: &'a [u8],
    /// Each a `Span`.
    pub(super) spans: Vec<&'a [u8]>,
}

impl<'a> ResourceSpans<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let resource = messages(bytes, 1).next().transpose()?.unwrap_or_default();
        let mut spans = Vec::new();
        for scope in messages(bytes, 2) {
            for span in messages(scope?, 2) {
                spans.push(span?);
            }
        }
        Ok(ResourceSpans { resource, spans })
    }

    /// The name of the service that it is.
    pub(super) fn service(&self) -> Option<String> {
        let attributes = messages(self.resource, 1).filter_map(|bytes| attribute(bytes.ok()?).ok().flatten());
        attributes.into_iter().find(|(key, _)| key.as_str() == "service.name").map(|(_, value)| value.label())
    }
}

/// The messages under a field; other fields are passed.
fn messages(bytes: &[u8], number: u64) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    Fields::of(bytes).filter_map(move |field| match field {
        Ok((found, Field::Bytes(message))) if found == number => Some(Ok(message)),
        // What should be a message and is none.
        Ok((found, _)) if found == number => Some(Err(Malformed)),
        Ok(_) => None,
        Err(malformed) => Some(Err(malformed)),
    })
}

/// The ids of a span, and whether it is where a trace enters the service.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids<'a> {
    pub(super) trace: &'a [u8],
    pub(super) span: &'a [u8],
    pub(super) is_entry: bool,
}

/// Looks through all of a span, so that reading it later cannot fail.
pub(super) fn ids(span: &[u8]) -> Result<Ids<'_>, Malformed> {
    /// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE` and `SPAN_FLAGS_CONTEXT_IS_REMOTE`
    const PARENT_IS_ELSEWHERE: u32 = 0x300;
    let (mut ids, mut parent, mut flags): (Ids<'_>, &[u8], u32) = Default::default();
    for field in Fields::of(span) {
        match field? {
            (1, Field::Bytes(id)) => ids.trace = id,
            (2, Field::Bytes(id)) => ids.span = id,
            (4, Field::Bytes(id)) => parent = id,
            (16, Field::Fixed32(bits)) => flags = bits,
            (5, Field::Bytes(name)) => drop(text(name)?),
            (9, Field::Bytes(bytes)) => check_attribute(bytes)?,
            (11, Field::Bytes(event)) => messages(event, 3).try_for_each(|bytes| check_attribute(bytes?))?,
            _ => {}
        }
    }
    Ok(Ids { is_entry: parent.is_empty() || flags & PARENT_IS_ELSEWHERE == PARENT_IS_ELSEWHERE, ..ids })
}

fn check_attribute(bytes: &[u8]) -> Result<(), Malformed> {
    for field in Fields::of(bytes) {
        match field? {
            (1, Field::Bytes(key)) => drop(text(key)?),
            (2, Field::Bytes(any)) => check_any(any, NESTING_MAX)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_any(bytes: &[u8], deeper: usize) -> Result<(), Malformed> {
    let deeper = deeper.checked_sub(1).ok_or(Malformed)?;
    for field in Fields::of(bytes) {
        match field? {
            (1, Field::Bytes(string)) => drop(text(string)?),
            (5, Field::Bytes(list)) => messages(list, 1).try_for_each(|any| check_any(any?, deeper))?,
            (6, Field::Bytes(pairs)) => {
                for pair in messages(pairs, 1) {
                    messages(pair?, 1).try_for_each(|key| text(key?).map(drop))?;
                    messages(pair?, 2).try_for_each(|any| check_any(any?, deeper))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A span, its values not looked into.
pub(super) fn span(bytes: &[u8]) -> Result<Span<'_>, Malformed> {
    let mut span = Span::default();
    for field in Fields::of(bytes) {
        match field? {
            (2, Field::Bytes(id)) => span.id = Text(Cow::Owned(hex(id))),
            (4, Field::Bytes(id)) if !id.is_empty() => span.parent = Some(Text(Cow::Owned(hex(id)))),
            (5, Field::Bytes(name)) => span.name = Text(Cow::Borrowed(text(name)?)),
            (7, Field::Fixed64(nanos)) => span.start = time(nanos),
            (8, Field::Fixed64(nanos)) => span.end = time(nanos),
            (9, Field::Bytes(bytes)) => span.attributes.extend(attribute(bytes)?),
            (11, Field::Bytes(bytes)) => span.events.push(event(bytes)?),
            _ => {}
        }
    }
    Ok(span)
}

fn event(bytes: &[u8]) -> Result<Event<'_>, Malformed> {
    let mut event = Event::default();
    for field in Fields::of(bytes) {
        match field? {
            (2, Field::Bytes(name)) => event.name = Text(Cow::Borrowed(text(name)?)),
            (3, Field::Bytes(bytes)) => event.attributes.extend(attribute(bytes)?),
            _ => {}
        }
    }
    Ok(event)
}

/// An attribute, where it has a value.
fn attribute(bytes: &[u8]) -> Result<Option<(Text<'_>, Value<'_>)>, Malformed> {
    let (mut key, mut value) = ("", None);
    for field in Fields::of(bytes) {
        match field? {
            (1, Field::Bytes(bytes)) => key = text(bytes)?,
            (2, Field::Bytes(any)) => value = Some(value_of(any)?),
            _ => {}
        }
    }
    Ok(value.map(|value| (Text(Cow::Borrowed(key)), value)))
}

fn value_of(any: &[u8]) -> Result<Value<'_>, Malformed> {
    Ok(match Fields::of(any).next().transpose()? {
        Some((1, Field::Bytes(string))) => Value::Text(text(string)?),
        _ => Value::Packed(any),
    })
}

/// 0 stands for "not known".
fn time(nanos: u64) -> Option<Timestamp> {
    (nanos != 0).then(|| Timestamp::from_nanosecond(nanos.into()).ok())?
}

/// An id as OTLP's JSON writes it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
        hex
    })
}

/// Whether this list is the beginning of a longer or equal one: values follow each other without anything between them
/// or around them, so their bytes tell.
pub(super) fn begins(mine: &[u8], longer: &[u8]) -> bool {
    let list = |any| match Fields::of(any).next() {
        Some(Ok((5, Field::Bytes(list)))) => Some(list),
        _ => None,
    };
    let (Some(mine), Some(longer)) = (list(mine), list(longer)) else { return false };
    !mine.is_empty() && longer.starts_with(mine)
}

/// An `AnyValue` as plain JSON.
pub(super) struct Any<'a>(pub(super) &'a [u8]);

impl Serialize for Any<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let found = Fields::of(self.0).filter_map(Result::ok).find(|(number, _)| (1..=6).contains(number));
        match found {
            Some((1, Field::Bytes(string))) => serializer.serialize_str(text(string).unwrap_or_default()),
            Some((2, Field::Varint(truth))) => serializer.serialize_bool(truth != 0),
            Some((3, Field::Varint(number))) => serializer.serialize_i64(number.cast_signed()),
            Some((4, Field::Fixed64(bits))) => serializer.serialize_f64(f64::from_bits(bits)),
            Some((5, Field::Bytes(list))) => {
                let mut seq = serializer.serialize_seq(None)?;
                messages(list, 1).filter_map(Result::ok).try_for_each(|any| seq.serialize_element(&Any(any)))?;
                seq.end()
            }
            Some((6, Field::Bytes(pairs))) => {
                let mut map = serializer.serialize_map(None)?;
                for pair in messages(pairs, 1).filter_map(Result::ok) {
                    let part = |number| messages(pair, number).find_map(Result::ok).unwrap_or_default();
                    map.serialize_entry(text(part(1)).unwrap_or_default(), &Any(part(2)))?;
                }
                map.end()
            }
            _ => serializer.serialize_unit(),
        }
    }
}
