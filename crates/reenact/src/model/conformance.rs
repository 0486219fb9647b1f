//! Whether a value is of a JSON schema, in words that a model can act on.
//!
//! The keywords are those that structured output knows, and that schemas made from our types have; others are not
//! looked at. A whole validator would be the heaviest part of the build for what these few rules find.

use serde_json::Value;

use super::strict::resolve;
use crate::shorten::shorten;

/// The first thing by which a value is not of the schema; nothing where it is.
pub(super) fn misfit(value: &Value, schema: &Value) -> Option<String> {
    Checked { root: schema }.misfit(value, schema, "the answer")
}

struct Checked<'a> {
    root: &'a Value,
}

impl Checked<'_> {
    fn misfit(&self, value: &Value, schema: &Value, at: &str) -> Option<String> {
        let schema = resolve(schema, self.root);
        let own = wrong_type(value, schema, at).or_else(|| wrong_choice(value, schema, at));
        let own = own.or_else(|| out_of_bounds(value, schema, at));
        let inside = || match value {
            Value::Object(_) => self.wrong_member(value, schema, at),
            Value::Array(items) => {
                let mut items = items.iter().enumerate();
                items.find_map(|(n, item)| self.misfit(item, &schema["items"], &format!("{at}[{n}]")))
            }
            _ => None,
        };
        own.or_else(inside).or_else(|| self.wrong_branch(value, schema, at))
    }

    fn wrong_member(&self, value: &Value, schema: &Value, at: &str) -> Option<String> {
        let members = value.as_object()?;
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<&str> = required.filter(|name| !members.contains_key(*name)).collect();
        if !missing.is_empty() {
            return Some(format!("{at} lacks `{}`: {}", missing.join("`, `"), shorten(&value.to_string())));
        }
        members.iter().find_map(|(name, member)| match schema["properties"].get(name) {
            Some(known) => self.misfit(member, known, &format!("{at}.{name}")),
            None if schema["additionalProperties"] == false => {
                Some(format!("{at} has `{name}`, which the schema has not"))
            }
            None => None,
        })
    }

    fn wrong_branch(&self, value: &Value, schema: &Value, at: &str) -> Option<String> {
        for keyword in ["anyOf", "oneOf"] {
            let Some(branches) = schema[keyword].as_array() else { continue };
            let misfits: Vec<String> = branches.iter().map_while(|branch| self.misfit(value, branch, at)).collect();
            if misfits.len() == branches.len() {
                return Some(misfits.join(", or else "));
            }
        }
        schema["allOf"].as_array()?.iter().find_map(|branch| self.misfit(value, branch, at))
    }
}

fn wrong_type(value: &Value, schema: &Value, at: &str) -> Option<String> {
    let wanted: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let is_of = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    let article = |kind: &&str| match *kind {
        kind @ ("array" | "object" | "integer") => format!("an {kind}"),
        "null" => "null".to_owned(),
        kind => format!("a {kind}"),
    };
    let told = || wanted.iter().map(article).collect::<Vec<_>>().join(" or ");
    (!wanted.iter().any(is_of)).then(|| format!("{at} is not {}: {}", told(), shorten(&value.to_string())))
}

fn wrong_choice(value: &Value, schema: &Value, at: &str) -> Option<String> {
    if let Some(choices) = schema["enum"].as_array().filter(|choices| !choices.contains(value)) {
        let choices = choices.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        return Some(format!("{at} is none of {}: {}", shorten(&choices), shorten(&value.to_string())));
    }
    let only = schema.get("const").filter(|only| *only != value)?;
    Some(format!("{at} is not {only}: {}", shorten(&value.to_string())))
}

fn out_of_bounds(value: &Value, schema: &Value, at: &str) -> Option<String> {
    let bound = |name: &str| schema[name].as_f64();
    let (size, what, least, most) = match value {
        Value::Number(number) => (number.as_f64()?, "", bound("minimum"), bound("maximum")),
        Value::String(text) => (text.chars().count() as f64, " characters", bound("minLength"), bound("maxLength")),
        Value::Array(items) => (items.len() as f64, " items", bound("minItems"), bound("maxItems")),
        _ => return None,
    };
    let is = if what.is_empty() { "is" } else { "has" };
    let too_little =
        least.filter(|least| size < *least).map(|least| format!("{at} {is} {size}{what}, not {least} or more"));
    too_little
        .or_else(|| most.filter(|most| size > *most).map(|most| format!("{at} {is} {size}{what}, not {most} or fewer")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["verdict", "turns"],
            "additionalProperties": false,
            "properties": {
                "verdict": {"type": "string", "enum": ["pass", "fail"]},
                "turns": {"type": "array", "maxItems": 2, "items": {"type": "integer", "minimum": 1}},
                "why": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
                "quote": {"$ref": "#/$defs/Quote"},
            },
            "$defs": {"Quote": {"type": "object", "required": ["turn"], "properties": {"turn": {"type": "integer"}}}},
        })
    }

    #[test]
    fn each_way_of_not_being_of_the_schema_names_the_place() {
        let answers = [
            json!([1]),
            json!({"verdict": "pass"}),
            json!({"verdict": "maybe", "turns": []}),
            json!({"verdict": "pass", "turns": "1"}),
            json!({"verdict": "pass", "turns": [1, 2, 3]}),
            json!({"verdict": "pass", "turns": [1, 0]}),
            json!({"verdict": "pass", "turns": [1.5]}),
            json!({"verdict": "pass", "turns": [], "why": ""}),
            json!({"verdict": "pass", "turns": [], "why": 3}),
            json!({"verdict": "pass", "turns": [], "quote": {}}),
            json!({"verdict": "pass", "turns": [], "score": 1}),
        ];
        let misfits = answers.map(|answer| format!("{}\n", misfit(&answer, &schema()).unwrap()));
        insta::assert_snapshot!(misfits.concat());
    }

    #[test]
    fn what_is_of_the_schema_passes() {
        for answer in [
            json!({"verdict": "pass", "turns": []}),
            json!({"verdict": "fail", "turns": [1.0, 2], "why": null, "quote": {"turn": 1, "more": true}}),
        ] {
            assert_eq!(misfit(&answer, &schema()), None);
        }
    }

    proptest! {
        #[test]
        fn no_text_that_is_json_makes_it_panic(text in r#"[{}\[\]",:0-9a-z]{0,24}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = misfit(&value, &schema());
                let _ = misfit(&schema(), &value);
            }
        }
    }
}
