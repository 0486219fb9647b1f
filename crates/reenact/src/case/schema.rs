//! The suite file as a JSON schema, for editors that complete and check while somebody writes.

use serde_json::{Map, Value, json};

use super::RESERVED_CONTEXT_KEYS;
use super::keys::{
    CALL, CASE, EVIDENCE, EXPECTATION, FACT, Form, GATE, JSON_PATH, JUDGE, JUDGES, Key, Need, ORIGIN, RECORD, SUITE,
    Table,
};

pub(super) fn of_suite_file() -> Value {
    let tables = [&SUITE, &CASE, &FACT, &GATE, &EXPECTATION, &CALL, &JSON_PATH, &ORIGIN, &EVIDENCE, &RECORD];
    let mut defs: Map<String, Value> = tables.iter().map(|table| (table.name.to_owned(), mapping(table))).collect();
    defs.insert("text".to_owned(), text());
    defs.insert("any_case".to_owned(), json!({ "anyOf": [reference("case"), reference("record")] }));
    defs.insert("gate".to_owned(), json!({ "anyOf": [{ "enum": ["open", "never"] }, one_key(&GATE)] }));
    defs.insert("expectation".to_owned(), expectation());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reenact suite",
        "description": "A suite of test cases for an AI agent, or a list of cases as MLflow writes it.",
        "anyOf": [reference("suite"), list_of(&reference("any_case"), 1)],
        "$defs": defs,
    })
}

pub(crate) fn of_judges_file() -> Value {
    let tables = [&JUDGES, &JUDGE];
    let mut defs: Map<String, Value> = tables.iter().map(|table| (table.name.to_owned(), mapping(table))).collect();
    defs.insert("text".to_owned(), text());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "reenact judges",
        "description": "Judges that every conversation of a run is put to.",
        "$ref": "#/$defs/judges",
        "$defs": defs,
    })
}

fn mapping(table: &Table) -> Value {
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let needed: Vec<&str> = table.keys.iter().filter(|key| key.need == Need::Needed).map(|key| key.name).collect();
    let mut mapping = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !needed.is_empty() {
        mapping["required"] = needed.into();
    }
    mapping
}

/// A mapping that has exactly one of the table's keys.
fn one_key(table: &Table) -> Value {
    let mut mapping = mapping(table);
    mapping["minProperties"] = 1.into();
    mapping["maxProperties"] = 1.into();
    mapping
}

/// At least a text or a check, and at most one check.
fn expectation() -> Value {
    let mut mapping = mapping(&EXPECTATION);
    let having = |name: &str| json!({ "required": [name] });
    let one: Vec<Value> = EXPECTATION.checks().map(having).collect();
    let none = json!({ "required": ["text"], "not": { "anyOf": one } });
    mapping["oneOf"] = one.into_iter().chain([none]).collect();
    mapping
}

fn property(key: &Key) -> Value {
    let mut property = form(key.form);
    property["description"] = key.about.into();
    property
}

fn form(form: Form) -> Value {
    let text = reference("text");
    match form {
        Form::Text => text,
        Form::Pattern => json!({ "type": "string", "minLength": 1 }),
        Form::Count => json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        Form::Money => {
            json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "pattern": "^\\$?[0-9]*\\.?[0-9]+$" }] })
        }
        Form::TextOrTexts => json!({ "anyOf": [text, list_of(&text, 0)] }),
        Form::Context => json!({ "type": "object", "propertyNames": { "not": { "enum": RESERVED_CONTEXT_KEYS } } }),
        Form::Cases => list_of(&reference("any_case"), 1),
        Form::Facts => list_of(&json!({ "anyOf": [text, reference("fact")] }), 0),
        Form::Prefix => {
            let line = |who: &str| json!({ "type": "object", "additionalProperties": false, "required": [who], "properties": { who: text } });
            list_of(&json!({ "anyOf": [line("user"), line("agent")] }), 0)
        }
        Form::FirstSpeaker => json!({ "enum": ["user", "agent"] }),
        Form::AfterScript => json!({ "enum": ["leave", "go_on"] }),
        Form::Gate => reference("gate"),
        Form::Expectations => {
            let list = list_of(&json!({ "anyOf": [text, reference("expectation")] }), 0);
            json!({ "anyOf": [list, { "type": "object" }] })
        }
        Form::Origin => reference("origin"),
        Form::EvidenceList => list_of(&reference("evidence"), 0),
        Form::Distilled => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Form::Inputs => reference("case"),
        Form::Call => call(),
        Form::CallPair => json!({ "type": "array", "items": call(), "minItems": 2, "maxItems": 2 }),
        Form::JsonPath => reference("json_path"),
        Form::CallPart => json!({ "enum": ["arguments", "result"] }),
        Form::Arguments => json!({ "type": "object" }),
        Form::Judges => list_of(&json!({ "anyOf": [text, reference("judge")] }), 1),
        Form::ValueType => json!({ "anyOf": [{ "enum": ["bool", "number", "text"] }, list_of(&text, 2)] }),
        Form::Labels => list_of(&text, 1),
        Form::Number => json!({ "type": "number" }),
        Form::Any => json!({}),
        Form::Ignored => json!({}),
    }
}

/// The name of a tool, or a call with what its arguments hold.
fn call() -> Value {
    json!({ "anyOf": [reference("text"), reference("call")] })
}

/// What is read as text: a text that is not blank, or what YAML takes for a number or a truth value.
fn text() -> Value {
    json!({ "anyOf": [{ "type": "string", "pattern": "\\S" }, { "type": ["number", "boolean"] }] })
}

fn list_of(items: &Value, at_least: u32) -> Value {
    if at_least > 0 {
        json!({ "type": "array", "items": items, "minItems": at_least })
    } else {
        json!({ "type": "array", "items": items })
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}
