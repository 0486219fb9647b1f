//! A suite file in which some lines change and the others stay as somebody wrote them: comments, order and style.
//!
//! The tree of the file knows the line of each node. Where a value differs and its text stands on lines of its own, those lines
//! are written anew, as deep inside as possible. What comes of it is read again, and taken only if it says what was meant.

use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Value};

use super::source::{self, Format, SUITE_FILE};
use super::tree::{Content, Entry, Node};
use super::{Suite, emit, json, write, yaml};

/// The text of a suite file, changed into saying `new`; `None` where lines alone cannot be changed. The cases of `new` are
/// those of `old` in their order, and further ones behind them.
pub(super) fn amended(path: &Path, text: &str, old: &Suite, new: &Suite) -> Option<String> {
    let format = source::format_of(path, text);
    let amended = match format {
        Format::Yaml => in_yaml(text, old, new)?,
        Format::JsonLines => in_json_lines(text, old, new)?,
        Format::Json => return None,
    };
    let mut faults = Vec::new();
    let read = source::of_text(format, &amended, &SUITE_FILE, &mut faults);
    (faults.is_empty() && read == *new).then_some(amended)
}

fn in_json_lines(text: &str, old: &Suite, new: &Suite) -> Option<String> {
    let (nodes, _) = json::read_lines(text);
    let nodes = &nodes[nodes.len().checked_sub(old.cases.len())?..];
    let mut lines = Lines::of(text);
    for ((node, old), new) in nodes.iter().zip(&old.cases).zip(&new.cases) {
        if old != new {
            let at = node.line as usize - 1;
            lines.replace(at..at + 1, format!("{}\n", write::case(new)));
        }
    }
    let added = new.cases[old.cases.len()..].iter().map(|case| format!("{}\n", write::case(case)));
    lines.insert(lines.count(), added.collect());
    Some(lines.amended())
}

fn in_yaml(text: &str, old: &Suite, new: &Suite) -> Option<String> {
    let root = yaml::read(text).0?;
    let nodes = match &root.content {
        Content::List(nodes) => nodes,
        Content::Map(entries) => match &entries.last()?.value.content {
            // A key behind the cases would have to be moved down.
            Content::List(nodes) if entries.last()?.key == "cases" => nodes,
            _ => return None,
        },
        _ => return None,
    };
    let values = |suite: &Suite| suite.cases.iter().map(write::case).collect::<Vec<_>>();
    let mut lines = Lines::of(text);
    let end = lines.count();
    lines.list(nodes, "cases", (&values(old), &values(new)), end).then(|| lines.amended())
}

/// The lines of a file, and what is to become of some of them.
struct Lines<'a> {
    lines: Vec<&'a str>,
    edits: Vec<(Range<usize>, String)>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Lines { lines: text.split_inclusive('\n').collect(), edits: Vec::new() }
    }

    fn count(&self) -> usize {
        self.lines.len()
    }

    fn replace(&mut self, lines: Range<usize>, text: String) {
        self.edits.push((lines, text));
    }

    fn insert(&mut self, at: usize, text: String) {
        self.edits.push((at..at, text));
    }

    fn amended(mut self) -> String {
        // A stable sort: what is inserted at one place stays in its order.
        self.edits.sort_by_key(|(lines, _)| lines.start);
        let mut out = String::new();
        let mut at = 0;
        for (lines, text) in &self.edits {
            self.lines[at..lines.start.max(at)].iter().for_each(|line| out.push_str(line));
            if !out.is_empty() && !out.ends_with('\n') && !text.is_empty() {
                out.push('\n');
            }
            out.push_str(text);
            at = lines.end.max(at);
        }
        self.lines[at..].iter().for_each(|line| out.push_str(line));
        out
    }

    /// The lines from one to before another, without the blank lines and comments at their end: those belong to what follows.
    fn region(&self, start: usize, end: usize) -> Range<usize> {
        let is_between = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let kept = (start + 1..end).rev().find(|at| !is_between(self.lines[*at]));
        start..kept.map_or(start + 1, |last| last + 1)
    }

    /// Changes the items of a list; `false` where they do not stand on lines of their own.
    fn list(&mut self, nodes: &[Node], key: &str, (old, new): (&[Value], &[Value]), end: usize) -> bool {
        let starts: Vec<usize> = nodes.iter().map(|node| node.line as usize - 1).collect();
        let dashes: Vec<Option<usize>> = starts.iter().map(|at| dash(self.lines[*at])).collect();
        let Some(indent) = dashes.first().copied().flatten() else { return false };
        let are_apart = starts.is_sorted_by(|one, other| one < other) && dashes.iter().all(|it| *it == Some(indent));
        if !are_apart || nodes.len() != old.len() || new.is_empty() {
            return false;
        }
        let regions: Vec<Range<usize>> =
            (0..nodes.len()).map(|n| self.region(starts[n], starts.get(n + 1).copied().unwrap_or(end))).collect();
        let mut next = 0;
        for (n, item) in old.iter().enumerate() {
            let Some(found) = (next..new.len()).find(|at| is_same(item, &new[*at])) else {
                self.replace(regions[n].clone(), String::new());
                continue;
            };
            let before = new[next..found].iter().map(|item| emit::item(key, item, indent)).collect();
            self.insert(starts[n], before);
            if *item != new[found] && !self.item(&nodes[n], (item, &new[found]), regions[n].end) {
                self.replace(regions[n].clone(), emit::item(key, &new[found], indent));
            }
            next = found + 1;
        }
        let blank = if key == "cases" { "\n" } else { "" };
        let behind = new[next..].iter().map(|item| format!("{blank}{}", emit::item(key, item, indent))).collect();
        self.insert(regions.last().map_or(end, |region| region.end), behind);
        true
    }

    fn item(&mut self, node: &Node, (old, new): (&Value, &Value), end: usize) -> bool {
        match (&node.content, old, new) {
            (Content::Map(entries), Value::Object(old), Value::Object(new)) => self.map(entries, (old, new), end),
            _ => false,
        }
    }

    /// Changes the entries of a mapping; `false` where they do not stand on lines of their own, or where the first is to go.
    fn map(&mut self, entries: &[Entry], (old, new): (&Map<String, Value>, &Map<String, Value>), end: usize) -> bool {
        let columns: Vec<Option<usize>> =
            entries.iter().map(|entry| column(self.lines[entry.line as usize - 1], &entry.key)).collect();
        let Some(indent) = columns.first().copied().flatten() else { return false };
        let are_apart = entries.is_sorted_by(|one, other| one.line < other.line);
        let is_gone = |key: &str| old.contains_key(key) && !new.contains_key(key);
        // A dash may stand before the first.
        let is_first_gone = entries.first().is_some_and(|entry| is_gone(&entry.key));
        if !are_apart || is_first_gone || columns.iter().any(|column| *column != Some(indent)) {
            return false;
        }
        let starts: Vec<usize> = entries.iter().map(|entry| entry.line as usize - 1).collect();
        let region = |n: usize, lines: &Self| lines.region(starts[n], starts.get(n + 1).copied().unwrap_or(end));
        for (n, _) in entries.iter().enumerate().filter(|(_, entry)| is_gone(&entry.key)) {
            self.replace(region(n, self), String::new());
        }
        let mut behind = None;
        for (key, value) in new {
            let Some(n) = entries.iter().position(|entry| entry.key == *key) else {
                if old.get(key) != Some(value) {
                    let Some(at) = behind else { return false };
                    self.insert(at, emit::entry(key, value, indent));
                }
                continue;
            };
            let region = region(n, self);
            behind = Some(region.end);
            if old.get(key) != Some(value) && !self.value(&entries[n], (old.get(key), value), region.end) {
                self.replace_entry(region, &emit::entry(key, value, indent), indent);
            }
        }
        true
    }

    fn value(&mut self, entry: &Entry, (old, new): (Option<&Value>, &Value), end: usize) -> bool {
        let before = self.edits.len();
        let done = match (&entry.value.content, old, new) {
            (Content::List(nodes), Some(Value::Array(old)), Value::Array(new)) => {
                self.list(nodes, &entry.key, (old, new), end)
            }
            (Content::Map(entries), Some(Value::Object(old)), Value::Object(new)) => {
                entry.value.line > entry.line && self.map(entries, (old, new), end)
            }
            _ => false,
        };
        if !done {
            self.edits.truncate(before);
        }
        done
    }

    /// The first entry of an item stands behind its dash, which stays.
    fn replace_entry(&mut self, region: Range<usize>, text: &str, indent: usize) {
        let first = self.lines[region.start];
        let head: String = first.chars().take(indent).collect();
        self.replace(region, format!("{head}{}", &text[indent..]));
    }
}

/// Whether two items are the same one: by their id where they have one.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.get("id"), other.get("id")) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// In which column the dash of a list's item stands, where the line begins with one.
fn dash(line: &str) -> Option<usize> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    line[indent..].starts_with("- ").then_some(indent)
}

/// In which column a key stands, where nothing but dashes stands before it.
fn column(line: &str, key: &str) -> Option<usize> {
    let rest = line.trim_start_matches([' ', '-']);
    let is_key = [key.to_owned(), format!("\"{key}\""), format!("'{key}'")];
    let found = is_key.iter().any(|key| rest.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':')));
    found.then(|| line.len() - rest.len())
}
