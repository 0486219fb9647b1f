//! OTLP's JSON as protobuf, so that both can be sent and must tell the same.

use prost::encoding::encode_varint;
use serde_json::Value;

/// An `ExportTraceServiceRequest`.
pub(super) fn request(json: &Value) -> Vec<u8> {
    let resources = list(json, "resourceSpans").map(|resource| {
        let attributes =
            list(&resource["resource"], "attributes").map(|pair| message(1, &key_value(pair))).collect::<Vec<_>>();
        let spans = list(resource, "scopeSpans").map(|scope| {
            let name = message(1, &message(1, b"a library"));
            message(2, &[name, list(scope, "spans").flat_map(|each| message(2, &span(each))).collect()].concat())
        });
        message(1, &[message(1, &attributes.concat()), spans.flatten().collect()].concat())
    });
    resources.flatten().collect()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value[key].as_array().into_iter().flatten()
}

fn span(span: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, key) in [(1, "traceId"), (2, "spanId"), (4, "parentSpanId")] {
        if let Some(id) = span[key].as_str() {
            bytes.extend(message(number, &unhex(id)));
        }
    }
    bytes.extend(message(5, span["name"].as_str().unwrap_or_default().as_bytes()));
    for (number, key) in [(7, "startTimeUnixNano"), (8, "endTimeUnixNano")] {
        let nanos: u64 = span[key].as_str().map(str::to_owned).unwrap_or(span[key].to_string()).parse().unwrap_or(0);
        bytes.push(number << 3 | 1);
        bytes.extend(nanos.to_le_bytes());
    }
    bytes.extend(list(span, "attributes").flat_map(|pair| message(9, &key_value(pair))));
    for event in list(span, "events") {
        let name = message(2, event["name"].as_str().unwrap_or_default().as_bytes());
        let attributes = list(event, "attributes").flat_map(|pair| message(3, &key_value(pair)));
        bytes.extend(message(11, &name.into_iter().chain(attributes).collect::<Vec<_>>()));
    }
    bytes
}

fn key_value(pair: &Value) -> Vec<u8> {
    [message(1, pair["key"].as_str().unwrap().as_bytes()), message(2, &any(&pair["value"]))].concat()
}

fn any(value: &Value) -> Vec<u8> {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else { return Vec::new() };
    match kind.as_str() {
        "stringValue" => message(1, value.as_str().unwrap().as_bytes()),
        "boolValue" => vec![2 << 3, u8::from(value.as_bool().unwrap())],
        "intValue" => {
            let mut bytes = vec![3 << 3];
            let number = value.as_str().map_or_else(|| value.as_i64(), |digits| digits.parse().ok());
            encode_varint(number.unwrap().cast_unsigned(), &mut bytes);
            bytes
        }
        "doubleValue" => [vec![4 << 3 | 1], value.as_f64().unwrap().to_le_bytes().to_vec()].concat(),
        "arrayValue" => message(5, &list(value, "values").flat_map(|each| message(1, &any(each))).collect::<Vec<_>>()),
        "kvlistValue" => {
            message(6, &list(value, "values").flat_map(|pair| message(1, &key_value(pair))).collect::<Vec<_>>())
        }
        other => panic!("{other}"),
    }
}

/// A field that is text, bytes or a message.
pub(super) fn message(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    encode_varint(bytes.len() as u64, &mut field);
    field.extend_from_slice(bytes);
    field
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}
