//! The checks of an expectation: what code decides, one key for each.

use regex::Regex;
use serde_json_path::JsonPath;

use super::fields::{Fields, text_item};
use super::keys::{CALL, JSON_PATH};
use super::tree::{Content, Fault, Node, json_object};
use super::{CallPart, CallPattern, Check, JsonPathCheck, Wanted};
use crate::Usd;

const CALL_FORMS: &str = "write the tool's name, or `{ tool: NAME, arguments: { … } }`";

/// The check under a key of an expectation, where the key is there.
pub(super) fn read(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<Check> {
    match name {
        "contains" => fields.text(name).map(Check::Contains),
        "matches" => pattern(name, fields).map(Check::Matches),
        "must_not_match" => pattern(name, fields).map(Check::MustNotMatch),
        "tool_called" => fields.any(name).map(|(node, _)| Check::ToolCalled(call(node, fields.faults))),
        "tool_never_called" => fields.any(name).map(|(node, _)| Check::ToolNeverCalled(call(node, fields.faults))),
        "called_before" => call_pair(name, fields).map(Check::CalledBefore),
        "json_path" => json_path(name, fields).map(Check::JsonPath),
        "max_turns" => fields.count(name).map(Check::MaxTurns),
        "latency_ms" => fields.count(name).map(Check::LatencyMs),
        "cost_usd" => money(name, fields).map(Check::CostUsd),
        _ => unreachable!("{name} is a check of the table, and nothing reads it"),
    }
}

/// An amount, from the digits that were written, so that none is lost.
fn money(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<Usd> {
    let text = fields.text(name).filter(|text| !text.is_empty())?;
    let amount = text.parse();
    if let Err(why) = &amount {
        let line = fields.line_of(name);
        fields.faults.push(Fault::new(line, format!("`{name}`: {why}"), "write an amount such as `0.05`"));
    }
    amount.ok()
}

fn call(node: &Node, faults: &mut Vec<Fault>) -> CallPattern {
    let Content::Map(entries) = &node.content else {
        return CallPattern { tool: text_item(node, "a call", faults), arguments: serde_json::Map::new() };
    };
    let mut fields = Fields::new(entries, &CALL, node.line, faults);
    let tool = fields.needed_text("tool");
    let arguments = fields.map("arguments", "a mapping of names to values").unwrap_or_default();
    let arguments = json_object(arguments, fields.faults);
    CallPattern { tool, arguments }
}

fn call_pair(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<[CallPattern; 2]> {
    fields.any(name)?;
    let nodes = fields.list(name, "two calls");
    let is_list = fields.any(name).is_some_and(|(node, _)| matches!(node.content, Content::List(_)));
    match nodes {
        [first, then] => Some([call(first, fields.faults), call(then, fields.faults)]),
        _ if !is_list => None,
        _ => {
            let what = format!("`{name}` has {} calls, expected two", nodes.len());
            fields.faults.push(Fault::new(fields.line_of(name), what, CALL_FORMS));
            None
        }
    }
}

fn json_path(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<JsonPathCheck> {
    let line = fields.line_of(name);
    let entries = fields.map(name, "a mapping with a `tool` and a `path`")?;
    let mut fields = Fields::new(entries, &JSON_PATH, line, fields.faults);
    let (tool, part, path) = (fields.needed_text("tool"), part(&mut fields), path(&mut fields));
    let equals = fields.any("equals").map(|(node, _)| Wanted::Equals(node.to_json(fields.faults)));
    let matches = pattern("matches", &mut fields).map(Wanted::Matches);
    if equals.is_some() && matches.is_some() {
        fields.faults.push(Fault::new(line, "`json_path` has both `equals` and `matches`", "keep one of the two"));
    }
    Some(JsonPathCheck { tool, part, path, wanted: equals.or(matches).unwrap_or(Wanted::Exists) })
}

fn part(fields: &mut Fields<'_, '_>) -> CallPart {
    match fields.text("in").as_deref() {
        None | Some("arguments" | "") => CallPart::Arguments,
        Some("result") => CallPart::Result,
        Some(other) => {
            let what = format!("`{}` is no side of a call", super::tree::shown(other));
            fields.faults.push(Fault::new(fields.line_of("in"), what, "write `arguments` or `result`"));
            CallPart::Arguments
        }
    }
}

fn path(fields: &mut Fields<'_, '_>) -> String {
    let path = fields.needed_text("path");
    if !path.is_empty()
        && let Err(error) = JsonPath::parse(&path)
    {
        let what = format!("`path` is not a JSONPath: {}", error.message());
        let fix = "write a path such as `$.order.id`, `$.items[0].price` or `$..price`";
        fields.faults.push(Fault::new(fields.line_of("path"), what, fix));
    }
    path
}

fn pattern(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<String> {
    let text = fields.text(name)?;
    if let Err(error) = Regex::new(&text) {
        let (reason, fix) = reason(&error);
        let what = format!("`{name}` is not a usable regular expression: {reason}");
        let line = fields.line_of(name);
        fields.faults.push(Fault::new(line, what, fix));
    }
    Some(text)
}

/// The reason of a pattern's error in one line, where its own form points into the pattern over several,
/// and what to do about it.
fn reason(error: &regex::Error) -> (String, &'static str) {
    if let regex::Error::CompiledTooBig(limit) = error {
        return (format!("it takes more than {limit} bytes"), "ask for fewer repetitions");
    }
    let message = error.to_string();
    let last = message.lines().last().unwrap_or_default().trim();
    let reason = last.strip_prefix("error: ").unwrap_or(last).to_owned();
    (reason, "mend the pattern; a character meant as itself takes a `\\` before it")
}
