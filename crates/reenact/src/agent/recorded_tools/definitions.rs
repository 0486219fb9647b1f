//! The tools of a recording as a model is told of them: their arguments as far as recorded calls show them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Tool;
use super::matching::Recording;

/// The tools that were called, in the order in which they came up.
pub(super) fn of(recording: &Recording) -> Vec<Tool> {
    let mut names: Vec<&str> = Vec::new();
    for call in &recording.calls {
        if !names.contains(&call.tool.as_str()) {
            names.push(&call.tool);
        }
    }
    let tool = |name: &str| {
        let calls = recording.calls.iter().filter(|call| call.tool == name);
        let arguments = calls.map(|call| serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({})));
        let arguments: Vec<Value> = arguments.filter(Value::is_object).collect();
        Tool { name: name.to_owned(), description: None, parameters: object(&arguments.iter().collect::<Vec<_>>()) }
    };
    names.into_iter().map(tool).collect()
}

/// The schema of some values.
fn schema(values: &[&Value]) -> Value {
    let kinds: BTreeSet<&str> = values.iter().filter_map(|value| kind(value)).collect();
    match &kinds.iter().copied().collect::<Vec<_>>()[..] {
        ["object"] => object(values),
        ["array"] => {
            let items: Vec<&Value> = values.iter().filter_map(|value| value.as_array()).flatten().collect();
            json!({"type": "array", "items": schema(&items)})
        }
        ["integer", "number"] => json!({"type": "number"}),
        [one] => json!({"type": one}),
        // Whatever was seen may come again, and a model is not told more than that.
        _ => json!({}),
    }
}

/// The schema of some objects: what all of them have is required.
fn object(objects: &[&Value]) -> Value {
    let members: Vec<&Map<String, Value>> = objects.iter().filter_map(|value| value.as_object()).collect();
    let mut names: Vec<&String> = Vec::new();
    for name in members.iter().flat_map(|members| members.keys()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let has = |members: &&&Map<String, Value>, name: &str| members.get(name).is_some_and(|value| !value.is_null());
    let required: Vec<&&String> =
        names.iter().filter(|name| members.iter().all(|members| has(&members, name))).collect();
    let property = |name: &&String| {
        let values: Vec<&Value> = members.iter().filter_map(|members| members.get(*name)).collect();
        ((*name).clone(), schema(&values))
    };
    let properties: Map<String, Value> = names.iter().map(property).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) if number.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        Value::String(_) => Some("string"),
        Value::Array(_) => Some("array"),
        Value::Object(_) => Some("object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Speaker, ToolCall};

    #[test]
    fn the_arguments_of_a_tool_are_what_recorded_calls_show() {
        let call = |arguments: &str| {
            let call = ToolCall { id: None, name: "find".into(), arguments: arguments.into() };
            [Message { tool_calls: vec![call], ..Message::agent("") }, Message::new(Speaker::Tool, "it")]
        };
        let calls = [
            r#"{"order": 47, "by": {"day": "Monday"}, "tags": ["a"]}"#,
            r#"{"order": 4.5, "tags": [], "page": null}"#,
            "nonsense",
        ];
        let recording = Recording::of(&calls.into_iter().take(2).flat_map(call).collect(), &[]);
        insta::assert_json_snapshot!(of(&recording));
    }
}
