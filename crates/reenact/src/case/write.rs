//! A suite as a file: the shape that the file has, as YAML for people and as JSON lines for machines.

use serde_json::{Map, Value, json};

use super::{
    Brief, CallPart, CallPattern, Check, Evidence, Expectation, Fact, Gate, JsonPathCheck, Suite, TestCase, Wanted,
    emit, staging,
};
use crate::Usd;

const YAML_HEAD: &str = "# A suite of test cases: `reenact check` finds mistakes in it, `reenact run` plays it.\n";

pub(super) fn yaml(suite: &Suite) -> String {
    let mut file = Map::new();
    if let Some(name) = &suite.name {
        file.insert("suite".to_owned(), name.as_str().into());
    }
    file.insert("cases".to_owned(), suite.cases.iter().map(case).collect());
    format!("{YAML_HEAD}{}", emit::document(&file))
}

pub(super) fn json_lines(suite: &Suite) -> String {
    let header = suite.name.iter().map(|name| json!({ "suite": name }));
    header.chain(suite.cases.iter().map(case)).map(|line| format!("{line}\n")).collect()
}

/// A case, its keys in the order in which a person tells the story: who wants what, then what must happen.
pub(crate) fn case(case: &TestCase) -> Value {
    let mut keys = Map::new();
    keys.insert("id".to_owned(), case.id.as_str().into());
    brief(&case.brief, &mut keys);
    if !case.context.is_empty() {
        keys.insert("context".to_owned(), Value::Object(case.context.clone()));
    }
    list(&mut keys, "expectations", &case.expectations, expectation);
    keys.extend(staging::written(&case.staging).into_iter().map(|(name, value)| (name.to_owned(), value)));
    if let Some(origin) = &case.origin {
        let mut inner = Map::new();
        inner.insert("session".to_owned(), origin.session.as_str().into());
        if origin.alike > 0 {
            inner.insert("alike".to_owned(), origin.alike.into());
        }
        if !origin.distilled.is_empty() {
            inner.insert("distilled".to_owned(), json!(origin.distilled));
        }
        list(&mut inner, "back_test", &origin.back_test, |text| text.as_str().into());
        list(&mut inner, "not_failed", &origin.not_failed, |id| id.as_str().into());
        list(&mut inner, "evidence", &origin.evidence, evidence);
        keys.insert("origin".to_owned(), Value::Object(inner));
    }
    Value::Object(keys)
}

fn brief(brief: &Brief, keys: &mut Map<String, Value>) {
    keys.insert("goal".to_owned(), brief.goal.as_str().into());
    text(keys, "persona", brief.persona.as_ref());
    list(keys, "simulation_guidelines", &brief.guidelines, |text| text.as_str().into());
    text(keys, "opening", brief.opening.as_ref());
    list(keys, "facts", &brief.facts, fact);
    if let Some(patience) = brief.patience {
        keys.insert("patience".to_owned(), patience.into());
    }
}

fn text(keys: &mut Map<String, Value>, name: &str, text: Option<&String>) {
    if let Some(text) = text {
        keys.insert(name.to_owned(), text.as_str().into());
    }
}

fn list<T>(keys: &mut Map<String, Value>, name: &str, items: &[T], value: impl Fn(&T) -> Value) {
    if !items.is_empty() {
        keys.insert(name.to_owned(), items.iter().map(value).collect());
    }
}

fn fact(fact: &Fact) -> Value {
    let mut value = json!({ "id": fact.id, "text": fact.text });
    let gate = match &fact.gate {
        Gate::Open => return value,
        Gate::Never => json!("never"),
        Gate::Asked(topic) => json!({ "asked": topic }),
        Gate::After(id) => json!({ "after": id }),
        Gate::When(act) => json!({ "when": act }),
    };
    value["gate"] = gate;
    value
}

fn expectation(expectation: &Expectation) -> Value {
    let mut keys = Map::new();
    keys.insert("id".to_owned(), expectation.id.as_str().into());
    text(&mut keys, "text", expectation.text.as_ref());
    let check = match &expectation.check {
        Check::InTurn(in_turn) => {
            keys.insert("turn".to_owned(), in_turn.turn.into());
            &in_turn.check
        }
        check => check,
    };
    keys.extend(decided_by(check).map(|(name, check)| (name.to_owned(), check)));
    Value::Object(keys)
}

/// The key of what decides an expectation; none where a judge does.
fn decided_by(check: &Check) -> Option<(&'static str, Value)> {
    Some(match check {
        Check::Judged | Check::InTurn(_) => return None,
        Check::Contains(text) => ("contains", text.as_str().into()),
        Check::Matches(pattern) => ("matches", pattern.as_str().into()),
        Check::MustNotMatch(pattern) => ("must_not_match", pattern.as_str().into()),
        Check::ToolCalled(pattern) => ("tool_called", call(pattern)),
        Check::ToolNeverCalled(pattern) => ("tool_never_called", call(pattern)),
        Check::CalledBefore(patterns) => ("called_before", patterns.iter().map(call).collect()),
        Check::JsonPath(check) => ("json_path", json_path(check)),
        Check::MaxTurns(turns) => ("max_turns", (*turns).into()),
        Check::LatencyMs(latency) => ("latency_ms", (*latency).into()),
        Check::CostUsd(cost) => ("cost_usd", money(*cost)),
    })
}

/// A number as people write it; a text where a number would be written in another way.
fn money(amount: Usd) -> Value {
    let decimal = amount.decimal();
    let number = decimal.parse::<f64>().map_or(Value::Null, Value::from);
    let as_number = number.to_string();
    if as_number == decimal { number } else { decimal.into() }
}

fn call(pattern: &CallPattern) -> Value {
    match pattern.arguments.is_empty() {
        true => pattern.tool.as_str().into(),
        false => json!({ "tool": pattern.tool, "arguments": pattern.arguments }),
    }
}

fn json_path(check: &JsonPathCheck) -> Value {
    let mut keys = json!({ "tool": check.tool });
    if check.part == CallPart::Result {
        keys["in"] = "result".into();
    }
    keys["path"] = check.path.as_str().into();
    match &check.wanted {
        Wanted::Exists => {}
        Wanted::Equals(value) => keys["equals"] = value.clone(),
        Wanted::Matches(pattern) => keys["matches"] = pattern.as_str().into(),
    }
    keys
}

fn evidence(evidence: &Evidence) -> Value {
    json!({ "field": evidence.field, "turn": evidence.turn, "quote": evidence.quote })
}
