//! A model's text, read as JSON of a schema.

use serde_json::Value;

use super::conformance::misfit;
use super::strict::resolve;
use crate::shorten::shorten;

/// Reads the JSON in a model's text: bare, in a code fence, or with words around it.
///
/// Members that the schema does not require and that are null are left out: a strict schema made the model
/// write them.
///
/// # Errors
/// What is wrong with the text, as a fragment that a model can act on.
pub(super) fn read_answer(text: &str, schema: &Value) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Err("the answer is empty".to_owned());
    }
    let mut answer = parse(without_thoughts(text))?;
    leave_out_absent(&mut answer, schema, schema);
    misfit(&answer, schema).map_or(Ok(answer), Err)
}

/// Some servers leave what a model thought before its answer.
fn without_thoughts(text: &str) -> &str {
    let thoughts = text.trim_start().strip_prefix("<think>").and_then(|text| text.split_once("</think>"));
    thoughts.map_or(text, |(_, answer)| answer)
}

fn parse(text: &str) -> Result<Value, String> {
    let error = match serde_json::from_str(without_fence(text)) {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let between_braces = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
    let found = between_braces.and_then(|json| serde_json::from_str(json).ok());
    found.ok_or_else(|| format!("the answer is not JSON ({error}): {}", shorten(text)))
}

/// The text inside a code fence, or all of it where there is none.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let Some(fenced) = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")) else { return text };
    // The rest of the opening line names the language.
    fenced.split_once('\n').map_or(fenced, |(_, inside)| inside)
}

fn leave_out_absent(answer: &mut Value, schema: &Value, root: &Value) {
    let schema = resolve(schema, root);
    match answer {
        Value::Object(members) => {
            let properties = schema["properties"].as_object();
            let required = schema["required"].as_array();
            let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|it| it == name));
            let is_known = |name: &str| properties.is_some_and(|properties| properties.contains_key(name));
            members.retain(|name, value| !value.is_null() || is_required(name) || !is_known(name));
            for (name, value) in members.iter_mut() {
                leave_out_absent(value, &schema["properties"][name.as_str()], root);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| leave_out_absent(item, &schema["items"], root)),
        _ => {}
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let branches = schema[keyword].as_array().map(Vec::as_slice).unwrap_or_default();
        branches.iter().for_each(|branch| leave_out_absent(answer, branch, root));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["verdict", "note"],
            "properties": {
                "verdict": {"type": "string"},
                "note": {"type": ["string", "null"]},
                "turns": {"type": "array", "items": {"$ref": "#/$defs/Turn"}},
                "why": {"type": "string"},
            },
            "$defs": {"Turn": {"type": "object", "properties": {"quote": {"type": "string"}}}},
        })
    }

    #[test]
    fn json_is_found_in_a_fence_and_among_words() {
        let answer = json!({"verdict": "pass", "note": null});
        for text in [
            r#"{"verdict":"pass","note":null}"#,
            "```json\n{\"verdict\":\"pass\",\"note\":null}\n```",
            "<think>\nIs {it} said? I {think} so.\n</think>\n{\"verdict\":\"pass\",\"note\":null}",
            "Here it is: {\"verdict\":\"pass\",\"note\":null} I hope it helps",
        ] {
            assert_eq!(read_answer(text, &schema()).as_ref(), Ok(&answer), "{text}");
        }
    }

    #[test]
    fn nulls_that_only_a_strict_schema_asked_for_are_left_out() {
        let text = r#"{"verdict":"pass","note":null,"why":null,"turns":[{"quote":null}],"extra":null}"#;
        let expected = json!({"verdict": "pass", "note": null, "turns": [{}], "extra": null});
        assert_eq!(read_answer(text, &schema()), Ok(expected));
    }

    #[test]
    fn each_bad_answer_says_what_is_wrong_with_it() {
        let bad = ["", "I think so.", "[1]", r#"{"verdict":"pass"}"#, "{}", "```\n```", "} and {"];
        let refusals = bad.map(|text| format!("{text:?}: {}\n", read_answer(text, &schema()).unwrap_err()));
        insta::assert_snapshot!(refusals.concat());
    }

    proptest! {
        #[test]
        fn no_text_from_a_model_makes_it_panic(text in r#"(```|json|[{}\["\]:,é\n]|"verdict"|null){0,12}"#) {
            let _ = read_answer(&text, &schema());
        }
    }
}
