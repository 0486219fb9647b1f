//! YAML as a person would write it: blocks for what is long, one line for what is short.

use serde_json::{Map, Value};

use super::scalar::{self, Spot};

/// A line that is longer is broken where it can be.
const WIDTH_MAX: usize = 110;

/// A key that is longer must say that it is one (`? key`); a reader gives up looking for its colon.
const IMPLICIT_KEY_MAX: usize = 500;

/// The keys whose value stands on one line where it fits.
const ON_ONE_LINE: [&str; 7] =
    ["gate", "context", "evidence", "tool_called", "tool_never_called", "called_before", "json_path"];

/// The key whose value nobody reads: it stands on one line however long.
const MARKS: &str = "distilled";

/// One entry of a mapping, its lines indented so far.
pub(super) fn entry(key: &str, value: &Value, indent: usize) -> String {
    let mut out = " ".repeat(indent);
    map(&mut out, &Map::from_iter([(key.to_owned(), value.clone())]), indent);
    out
}

/// One item of the list under a key, its dash indented so far.
pub(super) fn item(key: &str, value: &Value, indent: usize) -> String {
    let mut out = String::new();
    list(&mut out, key, std::slice::from_ref(value), indent);
    end_line(&mut out);
    out
}

/// A mapping as YAML that every reader takes for the same.
pub(crate) fn document(keys: &Map<String, Value>) -> String {
    let mut out = String::new();
    map(&mut out, keys, 0);
    out
}

/// The entries of a mapping, each on lines of its own; the first continues the line that `out` ends with.
fn map(out: &mut String, keys: &Map<String, Value>, indent: usize) {
    for (position, (key, value)) in keys.iter().enumerate() {
        if position > 0 {
            start_line(out, indent);
        }
        let name = scalar::one_line(key, Spot::Flow);
        if name.len() > IMPLICIT_KEY_MAX {
            out.push_str("? ");
            out.push_str(&name);
            start_line(out, indent);
        } else {
            out.push_str(&name);
        }
        out.push(':');
        under_key(out, key, value, indent);
        end_line(out);
    }
}

fn under_key(out: &mut String, key: &str, value: &Value, indent: usize) {
    if ON_ONE_LINE.contains(&key) && flow(out, value, WIDTH_MAX) || key == MARKS && flow(out, value, usize::MAX) {
        return;
    }
    match value {
        Value::Object(keys) if !keys.is_empty() => {
            start_line(out, indent + 2);
            map(out, keys, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => list(out, key, items, indent + 2),
        _ => {
            out.push(' ');
            leaf(out, value, indent + 2);
        }
    }
}

fn list(out: &mut String, key: &str, items: &[Value], indent: usize) {
    for (position, item) in items.iter().enumerate() {
        if key == "cases" && position > 0 {
            end_line(out);
            out.push('\n');
        }
        start_line(out, indent);
        out.push('-');
        if ON_ONE_LINE.contains(&key) && flow(out, item, WIDTH_MAX) {
            continue;
        }
        out.push(' ');
        match item {
            Value::Object(keys) if !keys.is_empty() => map(out, keys, indent + 2),
            Value::Array(inner) if !inner.is_empty() => {
                // A list in a list starts on a line of its own, which every reader understands.
                out.pop();
                list(out, "", inner, indent + 2);
            }
            _ => leaf(out, item, indent + 2),
        }
    }
}

fn leaf(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::String(text) => out.push_str(&scalar::anywhere(text, indent, WIDTH_MAX.saturating_sub(column(out)))),
        other => out.push_str(&one_line(other)),
    }
}

/// Writes a mapping on the rest of the line, where it fits; says whether it did.
fn flow(out: &mut String, value: &Value, width_max: usize) -> bool {
    let Value::Object(_) = value else { return false };
    let line = one_line(value);
    let fits = column(out) + 1 + line.chars().count() <= width_max;
    if fits {
        out.push(' ');
        out.push_str(&line);
    }
    fits
}

fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => scalar::one_line(text, Spot::Flow),
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        Value::Object(keys) if keys.is_empty() => "{}".to_owned(),
        Value::Object(keys) => {
            let entry =
                |(key, value): (&String, &Value)| format!("{}: {}", scalar::one_line(key, Spot::Flow), one_line(value));
            format!("{{ {} }}", keys.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn column(out: &str) -> usize {
    out.rsplit('\n').next().map_or(0, |line| line.chars().count())
}

fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn start_line(out: &mut String, indent: usize) {
    if !out.is_empty() {
        end_line(out);
    }
    out.extend(std::iter::repeat_n(' ', indent));
}
