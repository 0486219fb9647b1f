//! What a request tells of each trace, cut out of it to be kept, and read again once the trace is quiet.
//!
//! A piece stays in the encoding that it came in: a protobuf or JSON `ExportTraceServiceRequest` with the spans of one
//! trace only. The first byte tells which, because no protobuf message of ours begins with a brace.

use std::collections::{BTreeMap, HashMap};

use prost::encoding::{encode_varint, encoded_len_varint};
use serde_json::value::RawValue;

use super::Encoding;
use crate::import::json::Reason;
use crate::import::otlp::{self, Outline};
use crate::import::span::Seen;
use crate::import::{Format, Fragment, packed, trace};

/// What one request tells of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// In hexadecimal digits.
    pub(super) trace: String,
    pub(super) spans: u64,
    /// Whether the span is in it with which the trace enters the service, which ends last.
    pub(super) has_entry: bool,
    pub(super) bytes: Vec<u8>,
}

/// A request cut into pieces.
#[derive(Debug, Default)]
pub(super) struct Cut {
    pub(super) pieces: Vec<Piece>,
    /// How many spans cannot be kept, by reason.
    pub(super) rejected: BTreeMap<String, u64>,
}

/// The spans of one trace while a request is cut, each with the place of its resource.
struct Group<'a> {
    trace: String,
    spans: Vec<(usize, &'a [u8])>,
    has_entry: bool,
}

/// The traces of a request, in the order in which they are met.
#[derive(Default)]
struct Groups<'a> {
    groups: Vec<Group<'a>>,
    by_trace: HashMap<String, usize>,
    rejected: BTreeMap<String, u64>,
}

impl<'a> Groups<'a> {
    fn put(&mut self, resource: usize, span: &'a [u8], ids: Result<(String, String, bool), String>) {
        match ids.and_then(|(trace, span_id, is_entry)| Ok((checked(trace, &span_id)?, is_entry))) {
            Ok((trace, is_entry)) => {
                let at = *self.by_trace.entry(trace).or_insert_with_key(|trace| {
                    self.groups.push(Group { trace: trace.clone(), spans: Vec::new(), has_entry: false });
                    self.groups.len() - 1
                });
                self.groups[at].spans.push((resource, span));
                self.groups[at].has_entry |= is_entry;
            }
            Err(reason) => *self.rejected.entry(reason).or_default() += 1,
        }
    }

    fn cut(self, write: impl Fn(&[(usize, &'a [u8])]) -> Vec<u8>) -> Cut {
        let piece = |Group { trace, spans, has_entry }: Group<'a>| Piece {
            trace,
            spans: spans.len() as u64,
            has_entry,
            bytes: write(&spans),
        };
        Cut { pieces: self.groups.into_iter().map(piece).collect(), rejected: self.rejected }
    }
}

/// A trace that has its id from nobody, or a span that has none, could not be told from another.
fn checked(trace: String, span_id: &str) -> Result<String, String> {
    const TRACE_ID_DIGITS: usize = 32;
    let is_id = |id: &str| !id.is_empty() && id.bytes().any(|byte| byte != b'0');
    let is_hex = trace.len() == TRACE_ID_DIGITS && trace.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (is_hex && is_id(&trace), is_id(span_id)) {
        (true, true) => Ok(trace),
        (false, _) => Err("the trace id is not 16 bytes of which one is not 0".to_owned()),
        (true, false) => Err("the span id is empty or 0".to_owned()),
    }
}

/// Cuts a request into what it tells of each trace.
pub(super) fn cut(request: &[u8], encoding: Encoding) -> Result<Cut, Reason> {
    match encoding {
        Encoding::Protobuf => cut_packed(request),
        Encoding::Json => cut_json(request),
    }
}

fn cut_packed(request: &[u8]) -> Result<Cut, Reason> {
    let resources = packed::resources(request)
        .map_err(|_| Reason::from("not an `ExportTraceServiceRequest` of OpenTelemetry in protobuf"))?;
    let mut groups = Groups::default();
    for (at, resource) in resources.iter().enumerate() {
        for span in &resource.spans {
            let ids = packed::ids(span)
                .map(|ids| (packed::hex(ids.trace), packed::hex(ids.span), ids.is_entry))
                .map_err(|_| "the span is damaged, is not UTF-8, or nests too deeply".to_owned());
            groups.put(at, span, ids);
        }
    }
    let write = |spans: &[(usize, &[u8])]| {
        let mut bytes = Vec::new();
        for spans in spans.chunk_by(|(a, _), (b, _)| a == b) {
            write_resource(resources[spans[0].0].resource, spans, &mut bytes);
        }
        bytes
    };
    Ok(groups.cut(write))
}

/// `ResourceSpans` as field 1 of a request: a resource, and one scope with all the spans.
fn write_resource(resource: &[u8], spans: &[(usize, &[u8])], bytes: &mut Vec<u8>) {
    const RESOURCE_SPANS: u8 = 0x0a;
    const RESOURCE: u8 = 0x0a;
    const SCOPE_SPANS: u8 = 0x12;
    const SPAN: u8 = 0x12;
    let framed = |length: usize| 1 + encoded_len_varint(length as u64) + length;
    let scope_length: usize = spans.iter().map(|(_, span)| framed(span.len())).sum();
    let mut begin = |tag: u8, length: usize, content: &[u8]| {
        bytes.push(tag);
        encode_varint(length as u64, bytes);
        bytes.extend_from_slice(content);
    };
    begin(RESOURCE_SPANS, framed(resource.len()) + framed(scope_length), &[]);
    begin(RESOURCE, resource.len(), resource);
    begin(SCOPE_SPANS, scope_length, &[]);
    spans.iter().for_each(|(_, span)| begin(SPAN, span.len(), span));
}

fn cut_json(request: &[u8]) -> Result<Cut, Reason> {
    let text = std::str::from_utf8(request).map_err(|error| format!("not UTF-8 (byte {})", error.valid_up_to() + 1))?;
    let outline: Outline<'_> = serde_json::from_str(text)?;
    let mut groups = Groups::default();
    for (at, resource) in outline.resource_spans.iter().enumerate() {
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            groups.put(at, span.get().as_bytes(), otlp::ids(span.get()).map_err(|reason| reason.text));
        }
    }
    let write = |spans: &[(usize, &[u8])]| {
        let mut bytes = b"{\"resourceSpans\":[".to_vec();
        for (number, spans) in spans.chunk_by(|(a, _), (b, _)| a == b).enumerate() {
            bytes.extend_from_slice(if number == 0 { b"" } else { b"," });
            write_json_resource(outline.resource_spans[spans[0].0].resource, spans, &mut bytes);
        }
        bytes.extend_from_slice(b"]}");
        bytes
    };
    Ok(groups.cut(write))
}

fn write_json_resource(resource: Option<&RawValue>, spans: &[(usize, &[u8])], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"{\"resource\":");
    bytes.extend_from_slice(resource.map_or("{}", RawValue::get).as_bytes());
    bytes.extend_from_slice(b",\"scopeSpans\":[{\"spans\":[");
    for (number, (_, span)) in spans.iter().enumerate() {
        bytes.extend_from_slice(if number == 0 { b"" } else { b"," });
        bytes.extend_from_slice(span);
    }
    bytes.extend_from_slice(b"]}]}");
}

/// What all the pieces of a trace tell together. A span that came twice counts as it came last.
pub(super) fn read(trace: &str, pieces: &[Vec<u8>]) -> Result<Fragment, Reason> {
    let mut spans: Vec<Seen<'_>> = Vec::new();
    let mut by_id: HashMap<String, usize> = HashMap::new();
    for piece in pieces {
        each_span(piece, &mut |seen| match by_id.get(seen.id.as_str()) {
            Some(&at) => spans[at] = seen,
            None => {
                by_id.insert(seen.id.as_str().to_owned(), spans.len());
                spans.push(seen);
            }
        })?;
    }
    trace::fragment(Format::Otlp, trace.to_owned(), spans)
}

fn each_span<'a>(piece: &'a [u8], each: &mut impl FnMut(Seen<'a>)) -> Result<(), Reason> {
    let damaged = || Reason::from("what was kept of the trace is damaged");
    if piece.starts_with(b"{") {
        let text = std::str::from_utf8(piece).map_err(|_| damaged())?;
        return otlp::each_span(text, &mut |_, seen| each(seen));
    }
    for resource in packed::resources(piece).map_err(|_| damaged())? {
        let service = resource.service();
        for span in resource.spans {
            each(packed::span(span).map_err(|_| damaged())?.seen().of_service(service.as_deref()));
        }
    }
    Ok(())
}
