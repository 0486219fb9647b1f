//! Samples of Inspect, as `json_dataset` reads them. What its solver is asked is the user's first message, and its scorer's target is what the agent must
//! do.

use serde_json::{Map, Value, json};

use super::{Counts, count, expected, list, put_expected, put_text, put_turns, text, turns};

pub(super) fn write(_name: Option<&str>, cases: &[Value]) -> String {
    cases.iter().map(|case| format!("{}\n", entry(case))).collect()
}

pub(super) fn entries(file: &str) -> Option<Vec<Value>> {
    let lines = || serde_json::Deserializer::from_str(file).into_iter::<Value>().collect::<Result<Vec<_>, _>>();
    let entries = serde_json::from_str::<Vec<Value>>(file).or_else(|_| lines()).ok()?;
    let is_sample = |entry: &Value| entry.get("input").is_some_and(|input| input.is_string() || input.is_array());
    (!entries.is_empty() && entries.iter().all(is_sample)).then_some(entries)
}

pub(super) fn entry(case: &Value) -> Value {
    let turns = turns(case);
    let input = match (list(case, "prefix").next(), text(case, "opening").or(text(case, "goal"))) {
        (None, Some(words)) => words.into(),
        _ => Value::from(turns),
    };
    let target: Vec<&str> = expected(case).collect();
    json!({ "id": case.get("id"), "input": input, "target": target, "metadata": { "reenact": case } })
}

pub(super) fn told(entry: &Value, counts: &mut Counts) -> Map<String, Value> {
    let mut case = Map::new();
    put_text(&mut case, "id", text(entry, "id"));
    match entry.get("input") {
        Some(Value::Array(messages)) => put_turns(messages, &mut case, counts),
        Some(Value::String(words)) => put_text(&mut case, "opening", Some(words)),
        _ => {}
    }
    let is_kept = entry.pointer("/metadata/reenact").is_some();
    if let Some(opening) = case.get("opening").filter(|_| !is_kept).cloned() {
        case.insert("goal".to_owned(), opening);
    }
    let target = match entry.get("target") {
        Some(Value::Array(texts)) => texts.iter().filter(|text| text.is_string()).cloned().collect(),
        Some(Value::String(text)) if !text.trim().is_empty() => vec![text.as_str().into()],
        _ => Vec::new(),
    };
    put_expected(&mut case, target);
    for (key, what) in [
        ("choices", "answers to choose from are left out"),
        ("sandbox", "sandboxes are left out"),
        ("files", "files are left out"),
        ("setup", "set-up scripts are left out"),
    ] {
        count(counts, what, usize::from(entry.get(key).is_some_and(|value| !value.is_null())));
    }
    let metadata = entry.get("metadata").and_then(Value::as_object).into_iter().flatten();
    count(counts, "metadata is left out", metadata.filter(|(key, _)| *key != "reenact").count());
    case
}
