//! A JSON schema in the form that strict structured output accepts.
//!
//! The rules are those of OpenAI's structured outputs, the strictest of the servers that speak chat
//! completions: every object is closed and requires all its members, a member that was optional may be null
//! instead, a `$ref` stands alone, and keywords that the server would refuse are left out.

use serde_json::{Map, Value, json};

/// Keywords that say nothing a model needs and that strict servers refuse.
const REFUSED: [&str; 3] = ["$schema", "default", "title"];

/// Keywords that bound numbers, texts and lists, which Anthropic's structured outputs refuse as well. What they
/// say is checked when the answer is read.
const BOUNDS: [&str; 11] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "pattern",
    "uniqueItems",
];

/// Formats of text that strict servers know; the others (`uint32` and the like) are refused.
const FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

/// The schema in strict form; answers to it are answers to the original once nulls of optional members are
/// left out.
///
/// ```
/// use reenact::model::strict_schema;
/// use serde_json::json;
///
/// let schema = json!({"type": "object", "properties": {"why": {"type": "string"}}});
/// assert_eq!(strict_schema(&schema), json!({
///     "type": "object",
///     "properties": {"why": {"type": ["string", "null"]}},
///     "additionalProperties": false,
///     "required": ["why"],
/// }));
/// ```
#[must_use]
pub fn strict_schema(schema: &Value) -> Value {
    without(&[], schema)
}

/// The schema in strict form, and without bounds.
pub(super) fn boundless_schema(schema: &Value) -> Value {
    without(&BOUNDS, schema)
}

/// The schema in strict form, without these keywords.
fn without(refused: &[&str], schema: &Value) -> Value {
    let Some(keywords) = schema.as_object() else { return schema.clone() };
    if let Some(reference) = keywords.get("$ref") {
        // The root may be a reference; only there are definitions beside it.
        let mut strict = json!({"$ref": reference});
        if let Some(definitions) = keywords.get("$defs") {
            strict["$defs"] = each_member(refused, definitions);
        }
        return strict;
    }
    let kept = keywords.iter().filter(|(keyword, value)| is_kept(refused, keyword, value));
    let mut strict: Map<_, _> = kept.map(|(keyword, value)| strict_keyword(refused, keyword, value)).collect();
    if strict.contains_key("properties") || strict.get("type").is_some_and(|kind| kind == "object") {
        close(&mut strict, keywords);
    }
    Value::Object(strict)
}

fn is_kept(refused: &[&str], keyword: &str, value: &Value) -> bool {
    let is_known_format = || value.as_str().is_some_and(|format| FORMATS.contains(&format));
    let is_refused = REFUSED.iter().chain(refused).any(|it| *it == keyword);
    !is_refused && (keyword != "format" || is_known_format())
}

fn strict_keyword(refused: &[&str], keyword: &str, value: &Value) -> (String, Value) {
    let each = |schemas: &Value| schemas.as_array().into_iter().flatten().map(|it| without(refused, it)).collect();
    let strict = match keyword {
        "properties" | "$defs" | "definitions" => each_member(refused, value),
        "items" => without(refused, value),
        "anyOf" | "allOf" => each(value),
        // For a model that writes one answer the two mean the same, and strict servers know only `anyOf`.
        "oneOf" => return ("anyOf".to_owned(), each(value)),
        _ => value.clone(),
    };
    (keyword.to_owned(), strict)
}

fn each_member(refused: &[&str], members: &Value) -> Value {
    let members = members.as_object().into_iter().flatten();
    members.map(|(name, schema)| (name.clone(), without(refused, schema))).collect()
}

/// Closes an object: no member but its own, and all of them, those that were optional as null.
fn close(strict: &mut Map<String, Value>, original: &Map<String, Value>) {
    let required = original.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|it| it == name));
    let mut names = Vec::new();
    let properties = strict.entry("properties").or_insert_with(|| json!({}));
    for (name, schema) in properties.as_object_mut().into_iter().flatten() {
        names.push(Value::String(name.clone()));
        if !is_required(name) {
            *schema = nullable(schema.take());
        }
    }
    strict.insert("additionalProperties".to_owned(), Value::Bool(false));
    strict.insert("required".to_owned(), Value::Array(names));
}

fn nullable(mut schema: Value) -> Value {
    let is_null = |kind: &Value| *kind == "null" || kind["type"] == "null";
    let is_closed_list = schema.get("enum").is_some() || schema.get("const").is_some();
    match schema.get_mut("type") {
        Some(Value::Array(kinds)) if !is_closed_list => {
            if !kinds.iter().any(is_null) {
                kinds.push(json!("null"));
            }
            return schema;
        }
        Some(kind @ Value::String(_)) if !is_closed_list => {
            *kind = json!([kind.take(), "null"]);
            return schema;
        }
        _ => {}
    }
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(branches) if branches.iter().any(is_null) => schema,
        Some(branches) => {
            branches.push(json!({"type": "null"}));
            schema
        }
        None => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}

/// The schema that a reference names; a schema that is none is itself.
pub(super) fn resolve<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Judgement {
        /// What it amounts to.
        verdict: crate::Verdict,
        why: Option<String>,
        #[schemars(default)]
        turns: Vec<u32>,
        quotes: Vec<crate::Evidence>,
        origin: Option<crate::Origin>,
    }

    #[test]
    fn a_schema_made_from_a_type_becomes_strict_all_the_way_down() {
        let strict = strict_schema(&schemars::schema_for!(Judgement).to_value());
        insta::assert_json_snapshot!(strict);
    }

    #[test]
    fn a_schema_without_bounds_keeps_members_that_are_called_like_bounds() {
        let bounded = json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}});
        let schema = json!({"type": "object", "required": ["minimum"], "properties": {"minimum": bounded}});
        let plain = boundless_schema(&schema);
        assert_eq!(plain["properties"]["minimum"], json!({"type": "array", "items": {"type": "integer"}}));
    }

    #[test]
    fn making_a_strict_schema_strict_changes_nothing() {
        let once = strict_schema(&schemars::schema_for!(Judgement).to_value());
        assert_eq!(strict_schema(&once), once);
    }
}
