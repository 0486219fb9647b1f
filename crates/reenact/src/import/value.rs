//! The value of a span's attribute, not looked into until it is needed.
//!
//! Most of a trace file is the history of a conversation, told again by every call of a model. So a
//! value stays the text that it is in the file, and only the calls that tell something new are read.

use std::borrow::Cow;

use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::json::{Text, words_of};
use super::packed;

/// The value of an attribute, as the file has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// An OTLP `AnyValue`: `{"stringValue": "..."}`, or structured.
    Any(&'a RawValue),
    /// JSON, or a string that holds JSON, as MLflow writes it.
    Json(&'a RawValue),
    /// The text of a protobuf `AnyValue` that is one.
    Text(&'a str),
    /// A protobuf `AnyValue` that is something else.
    Packed(&'a [u8]),
}

impl<'a> Value<'a> {
    /// What the value holds: text, or JSON text where it is structured.
    pub(super) fn payload(self) -> Cow<'a, str> {
        match self {
            Value::Json(raw) => words_of(raw),
            Value::Any(raw) => match string_literal(raw.get()) {
                Some(literal) => serde_json::from_str::<Text<'a>>(literal).unwrap_or_default().0,
                None => plain_json(raw.get()).map_or(Cow::Borrowed(""), Cow::Owned),
            },
            Value::Text(text) => Cow::Borrowed(text),
            Value::Packed(any) => json_of(&packed::Any(any)).map_or(Cow::Borrowed(""), Cow::Owned),
        }
    }

    /// A name or an id: the payload without the quotes that some tracers leave around it.
    pub(super) fn label(self) -> String {
        let payload = self.payload();
        match payload.as_bytes().first() {
            Some(b'"') => serde_json::from_str(&payload).unwrap_or_else(|_| payload.into_owned()),
            _ => payload.into_owned(),
        }
    }

    /// Whether both are the same text in the file.
    pub(super) fn is_same_text(self, other: Value<'_>) -> bool {
        self.raw() == other.raw()
    }

    fn raw(self) -> &'a [u8] {
        self.text().map_or_else(|packed| packed, str::as_bytes)
    }

    /// The text of the file, or the bytes where it is none.
    fn text(self) -> Result<&'a str, &'a [u8]> {
        match self {
            Value::Any(raw) | Value::Json(raw) => Ok(raw.get()),
            Value::Text(text) => Ok(text),
            Value::Packed(any) => Err(any),
        }
    }

    /// Whether this list of messages is the beginning of a longer or equal one, told without reading
    /// either: their texts are compared. A "no" may be wrong, a "yes" never is.
    pub(super) fn begins(self, longer: Value<'_>) -> bool {
        let (mine, other) = match (self.text(), longer.text()) {
            (Ok(mine), Ok(other)) => (list_of(mine), list_of(other)),
            (Err(mine), Err(other)) => return packed::begins(mine, other),
            _ => return false,
        };
        let (Some(mine), Some(other)) = (mine, other) else { return false };
        let Some(rest) = without_end(mine).and_then(|mine| other.strip_prefix(mine)) else { return false };
        rest.trim_start().starts_with([',', ']'])
    }
}

/// The JSON string in `{"stringValue": "..."}`, quotes included.
fn string_literal(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('{')?.trim_start();
    let inner = inner.strip_prefix("\"stringValue\"").or_else(|| inner.strip_prefix("\"string_value\""))?;
    let literal = inner.trim_start().strip_prefix(':')?.trim_start().strip_suffix('}')?.trim_end();
    literal.starts_with('"').then_some(literal)
}

/// The text from the bracket that opens the list of messages on: the value itself where it is a list, or
/// what stands under its key `messages`.
fn list_of(raw: &str) -> Option<&str> {
    const KEYS: [&str; 2] = ["\"messages\":", "\\\"messages\\\":"];
    const STRUCTURED: &str = "{\"arrayValue\":{\"values\":";
    let inner = raw.strip_prefix(STRUCTURED).or_else(|| string_literal(raw)).unwrap_or(raw);
    let inner = inner.trim_start().trim_start_matches('"').trim_start();
    if inner.starts_with('[') {
        return Some(inner);
    }
    let key = KEYS.iter().find_map(|key| Some(inner.find(key)? + key.len()))?;
    Some(inner[key..].trim_start()).filter(|list| list.starts_with('['))
}

/// A list without what closes it and the values around it.
fn without_end(list: &str) -> Option<&str> {
    let mut rest = list.trim_end().trim_end_matches('"').trim_end();
    while let Some(shorter) = rest.strip_suffix('}') {
        // The last message of a plain list ends in a brace too, but then a bracket has been taken before.
        rest = shorter.trim_end().trim_end_matches('"').trim_end();
    }
    let rest = rest.strip_suffix(']')?.trim_end();
    (rest.len() > 1).then_some(rest)
}

/// A structured `AnyValue` as plain JSON.
fn plain_json(raw: &str) -> Option<String> {
    let any: Any<'_> = serde_json::from_str(raw).ok()?;
    match &any {
        Any { string_value: Some(text), .. } => Some(text.as_str().to_owned()),
        _ => json_of(&any),
    }
}

fn json_of(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok().filter(|json| json != "null")
}

/// An OTLP `AnyValue`; keys in both spellings of the protobuf JSON mapping.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Any<'a> {
    #[serde(borrow, rename = "stringValue", alias = "string_value")]
    string_value: Option<Text<'a>>,
    #[serde(rename = "boolValue", alias = "bool_value")]
    bool_value: Option<bool>,
    #[serde(borrow, rename = "intValue", alias = "int_value")]
    int_value: Option<Text<'a>>,
    #[serde(rename = "doubleValue", alias = "double_value")]
    double_value: Option<f64>,
    #[serde(borrow, rename = "arrayValue", alias = "array_value")]
    array_value: Option<AnyList<'a>>,
    #[serde(borrow, rename = "kvlistValue", alias = "kvlist_value")]
    kvlist_value: Option<AnyPairs<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnyList<'a> {
    #[serde(borrow)]
    values: Vec<Any<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnyPairs<'a> {
    #[serde(borrow)]
    values: Vec<AnyPair<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AnyPair<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Any<'a>,
}

impl Serialize for Any<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = &self.string_value {
            return serializer.serialize_str(text.as_str());
        }
        if let Some(digits) = &self.int_value {
            return match digits.as_str().parse::<i64>() {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_str(digits.as_str()),
            };
        }
        if let Some(list) = &self.array_value {
            return serializer.collect_seq(&list.values);
        }
        if let Some(pairs) = &self.kvlist_value {
            let mut map = serializer.serialize_map(Some(pairs.values.len()))?;
            for pair in &pairs.values {
                map.serialize_entry(pair.key.as_str(), &pair.value)?;
            }
            return map.end();
        }
        match (self.bool_value, self.double_value) {
            (Some(truth), _) => serializer.serialize_bool(truth),
            (None, Some(number)) => serializer.serialize_f64(number),
            (None, None) => serializer.serialize_unit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_value_gives_the_same_payload_however_it_is_wrapped() {
        let string = raw(r#"{ "stringValue" : "[{\"a\": \"b\"}]" }"#);
        assert_eq!(Value::Any(&string).payload(), r#"[{"a": "b"}]"#);
        let structured = raw(
            r#"{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":"b"}},
                {"key":"n","value":{"intValue":"7"}},{"key":"t","value":{"boolValue":true}},{"key":"z","value":{}}]}}]}}"#,
        );
        assert_eq!(Value::Any(&structured).payload(), r#"[{"a":"b","n":7,"t":true,"z":null}]"#);
        let encoded = raw(r#""{\"a\": 1}""#);
        assert_eq!(Value::Json(&encoded).payload(), r#"{"a": 1}"#);
        assert_eq!(Value::Json(&raw(r#"{"a":1}"#)).payload(), r#"{"a":1}"#);
        assert_eq!(Value::Json(&raw(r#""\"AGENT\"""#)).label(), "AGENT");
        assert_eq!(Value::Any(&raw("{}")).payload(), "");
    }

    #[test]
    fn the_beginning_of_a_longer_history_is_seen_without_reading_it() {
        let wraps: [fn(&str) -> String; 4] = [
            |list| serde_json::json!({ "stringValue": list }).to_string(),
            |list| format!("{{ \"stringValue\" : {} }}", serde_json::json!(list)),
            |list| serde_json::json!(format!("{{\"model\": \"m\", \"messages\": {list}}}")).to_string(),
            |list| format!("{{\"messages\": {list} }}"),
        ];
        for wrap in wraps {
            let begins = |shorter: &str, longer: &str| {
                let (shorter, longer) = (raw(&wrap(shorter)), raw(&wrap(longer)));
                Value::Json(&shorter).begins(Value::Json(&longer))
            };
            let one = r#"[{"role": "user", "content": "hi"}]"#;
            let two = r#"[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]"#;
            let other = r#"[{"role": "user", "content": "hi there"}, {"role": "assistant", "content": "ho"}]"#;
            assert!(begins(one, two) && begins(one, one) && begins(two, two));
            assert!(!begins(two, one) && !begins(one, other) && !begins("[]", two) && !begins("7", two));
        }
    }
}
