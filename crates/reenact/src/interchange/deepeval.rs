//! `ConversationalGolden`s of DeepEval, as `EvaluationDataset.add_goldens_from_json_file` reads them and `save_as` writes them.

use serde_json::{Map, Value, json};

use super::{Counts, count, expected, list, manners, put_expected, put_text, put_turns, scenario, text, turns};

pub(super) fn write(_name: Option<&str>, cases: &[Value]) -> String {
    let entries: Value = cases.iter().map(entry).collect();
    format!("{entries:#}\n")
}

pub(super) fn entries(file: &str) -> Option<Vec<Value>> {
    let entries: Vec<Value> = serde_json::from_str(file).ok()?;
    let is_golden = |entry: &Value| entry.get("scenario").is_some();
    (!entries.is_empty() && entries.iter().all(is_golden)).then_some(entries)
}

pub(super) fn entry(case: &Value) -> Value {
    let expected: Vec<&str> = expected(case).collect();
    let turns = turns(case);
    json!({
        "scenario": scenario(case),
        "expected_outcome": (!expected.is_empty()).then(|| expected.join("\n")),
        "user_description": manners(case),
        "turns": (!turns.is_empty()).then_some(turns),
        "name": case.get("id"),
        "additional_metadata": { "reenact": case },
    })
}

pub(super) fn told(entry: &Value, counts: &mut Counts) -> Map<String, Value> {
    let mut case = Map::new();
    put_text(&mut case, "id", text(entry, "name"));
    put_text(&mut case, "goal", text(entry, "scenario"));
    let persona = entry.get("persona").and_then(|persona| text(persona, "characteristics"));
    put_text(&mut case, "persona", text(entry, "user_description").or(persona));
    put_turns(&turns_of(entry), &mut case, counts);
    let outcome =
        text(entry, "expected_outcome").into_iter().flat_map(str::lines).filter(|line| !line.trim().is_empty());
    let mut expectations: Vec<Value> = outcome.map(Value::from).collect();
    let must = entry.get("expectations").unwrap_or(&Value::Null);
    expectations.extend(list(must, "must").filter(|text| text.is_string()).cloned());
    let never = list(must, "must_not").filter_map(Value::as_str);
    expectations.extend(never.map(|text| format!("The agent does not do this: {text}").into()));
    put_expected(&mut case, expectations);
    for (key, what) in [
        ("context", "the context that a golden was made from is left out"),
        ("comments", "comments are left out"),
        ("expected_labels", "expected labels are left out"),
        ("custom_column_key_values", "columns of one's own are left out"),
    ] {
        count(counts, what, usize::from(entry.get(key).is_some_and(|value| !value.is_null())));
    }
    case
}

/// Turns are a list, or the JSON of one.
fn turns_of(entry: &Value) -> Vec<Value> {
    match entry.get("turns") {
        Some(Value::Array(turns)) => turns.clone(),
        Some(Value::String(turns)) => serde_json::from_str(turns).unwrap_or_default(),
        _ => Vec::new(),
    }
}
