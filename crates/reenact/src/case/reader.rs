//! The tree as a suite, with everything that is wrong on the way.
//!
//! The reader never stops at the first problem: what cannot be read is noted and stood in for by an empty
//! value, so that the rest of the file is still looked at. A suite with problems is never handed out.

use serde_json::{Map, Value};

use super::envelope;
use super::expectations;
use super::facts;
use super::fields::{Fields, text_of};
use super::ids::{self, Named};
use super::keys::{CASE, EVIDENCE, HEADER, ORIGIN, RECORD, SUITE};
use super::links;
use super::staging;
use super::tree::{Content, Entry, Fault, Node, json_object};
use super::{Brief, Evidence, Origin, RESERVED_CONTEXT_KEYS, Suite, TestCase};

/// Reads a document: a suite, or a list of cases.
pub(super) fn document(root: &Node, faults: &mut Vec<Fault>) -> Suite {
    match &root.content {
        Content::List(nodes) => suite(None, nodes, root.line, faults),
        Content::Map(entries) if is_a_case(entries) => {
            let fix = "put it into a list: `cases:` on a line of its own, and below it the case after `- `";
            faults.push(Fault::new(root.line, "this is a case, expected a suite", fix));
            Suite::default()
        }
        Content::Map(entries) if envelope::is_one(entries) => {
            let records = envelope::records(entries, faults);
            suite(None, &records, root.line, faults)
        }
        Content::Map(entries) => {
            let mut fields = Fields::new(entries, &SUITE, root.line, faults);
            let name = fields.text("suite");
            let nodes = fields.list("cases", "cases");
            fields.needs("cases");
            let is_list = fields.any("cases").is_some_and(|(node, _)| matches!(node.content, Content::List(_)));
            if is_list { suite(name, nodes, root.line, faults) } else { Suite { name, cases: Vec::new() } }
        }
        _ => {
            let what = format!("expected a suite, found {}", root.described());
            faults.push(Fault::new(root.line, what, "start with `cases:` and list the cases below it"));
            Suite::default()
        }
    }
}

fn is_a_case(entries: &[Entry]) -> bool {
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    !has("cases") && (has("goal") || has("inputs"))
}

/// Reads the lines of a JSONL suite: each a case, the first perhaps a header.
pub(super) fn lines(nodes: &[Node], faults: &mut Vec<Fault>) -> Suite {
    let header = nodes.first().and_then(|first| header(first, faults));
    let rest = if header.is_some() { &nodes[1..] } else { nodes };
    suite(header, rest, nodes.first().map_or(1, |first| first.line), faults)
}

fn header(first: &Node, faults: &mut Vec<Fault>) -> Option<String> {
    let Content::Map(entries) = &first.content else { return None };
    let is_header = entries.iter().any(|entry| entry.key == "suite");
    is_header.then(|| {
        let mut fields = Fields::new(entries, &HEADER, first.line, faults);
        fields.text("suite").unwrap_or_default()
    })
}

fn suite(name: Option<String>, nodes: &[Node], line: u64, faults: &mut Vec<Fault>) -> Suite {
    if nodes.is_empty() {
        faults.push(Fault::new(line, "there are no cases", "add a case with a `goal`"));
    }
    let mut cases: Vec<TestCase> = nodes.iter().map(|node| case(node, faults)).collect();
    let made: Vec<String> = cases.iter().map(|case| ids::from_goal(&case.brief.goal)).collect();
    let named = cases.iter_mut().zip(nodes).zip(made);
    let named = named.map(|((case, node), made)| Named { id: &mut case.id, made, line: node.line }).collect();
    ids::settle("case", named, faults);
    Suite { name, cases }
}

fn case(node: &Node, faults: &mut Vec<Fault>) -> TestCase {
    let Content::Map(entries) = &node.content else {
        let what = format!("expected a case, found {}", node.described());
        faults.push(Fault::new(node.line, what, "write the case as a mapping with a `goal`"));
        return case_of(&mut Fields::unreadable(&CASE, faults));
    };
    match entries.iter().find(|entry| entry.key == "inputs") {
        Some(inputs) => record(entries, inputs, node.line, faults),
        None => case_of(&mut Fields::new(entries, &CASE, node.line, faults)),
    }
}

/// A record of an MLflow dataset keeps the case under `inputs`, and its expectations beside it.
fn record(entries: &[Entry], inputs: &Entry, line: u64, faults: &mut Vec<Fault>) -> TestCase {
    let _checked = Fields::new(entries, &RECORD, line, faults);
    let Content::Map(inner) = &inputs.value.content else {
        let what = format!("`inputs` is {}, expected a mapping", inputs.value.described());
        faults.push(Fault::new(inputs.line, what, "write the case's `goal` below `inputs`"));
        return case_of(&mut Fields::unreadable(&CASE, faults));
    };
    let outer = entries.iter().find(|entry| entry.key == "expectations" && !is_empty(&entry.value));
    if let Some(outer) = outer.filter(|_| inner.iter().any(|entry| entry.key == "expectations")) {
        let what = "`expectations` stands both in `inputs` and beside it";
        faults.push(Fault::new(outer.line, what, "join them in one place"));
    }
    let joined: Vec<Entry> = inner.iter().chain(outer).cloned().collect();
    let told = case_of(&mut Fields::new(&joined, &CASE, inputs.line, faults));
    match kept(entries, faults) {
        Some(kept) => envelope::joined(kept, told),
        None => told,
    }
}

/// The whole case, where we wrote the record: beside what MLflow knows of it, in a tag.
fn kept(entries: &[Entry], faults: &mut Vec<Fault>) -> Option<TestCase> {
    let node = envelope::kept(entries, faults)?;
    let Content::Map(entries) = &node.content else { return None };
    Some(case_of(&mut Fields::new(entries, &CASE, node.line, faults)))
}

fn is_empty(node: &Node) -> bool {
    match &node.content {
        Content::Null => true,
        Content::List(nodes) => nodes.is_empty(),
        Content::Map(entries) => entries.is_empty(),
        Content::Scalar(_) => false,
    }
}

fn case_of(fields: &mut Fields<'_, '_>) -> TestCase {
    let id = fields.text("id").unwrap_or_default();
    let (facts, fact_lines) = facts::read(fields);
    let brief = Brief {
        goal: fields.needed_text("goal"),
        persona: fields.text("persona"),
        guidelines: fields.texts("simulation_guidelines"),
        facts,
        opening: fields.text("opening"),
        patience: fields.count("patience"),
    };
    links::check_gates(&brief.facts, &fact_lines, fields.faults);
    let context = context(fields);
    let expectations = expectations::read(fields);
    let staging = staging::read(fields);
    let mut case = TestCase { id, brief, context, expectations, staging, ..TestCase::default() };
    case.origin = origin(fields, &case);
    case
}

fn context(fields: &mut Fields<'_, '_>) -> Map<String, Value> {
    let entries = fields.map("context", "a mapping of names to values").unwrap_or_default();
    for entry in entries.iter().filter(|entry| RESERVED_CONTEXT_KEYS.contains(&entry.key.as_str())) {
        let what = format!("`{}` is a reserved key of `context`", entry.key);
        fields.faults.push(Fault::new(entry.line, what, "rename it: the agent has an argument of that name already"));
    }
    json_object(entries, fields.faults)
}

fn origin(fields: &mut Fields<'_, '_>, case: &TestCase) -> Option<Origin> {
    let line = fields.line_of("origin");
    let entries = fields.map("origin", "a mapping with a `session`")?;
    let mut fields = Fields::new(entries, &ORIGIN, line, fields.faults);
    let session = fields.needed_text("session");
    let alike = fields.count("alike").unwrap_or_default();
    let marks = fields.map("distilled", "a mapping of parts to marks").unwrap_or_default();
    let mark = |entry: &Entry| (entry.key.clone(), text_of(&entry.value, entry.line, &entry.key, fields.faults));
    let distilled = marks.iter().map(mark).collect();
    let nodes = fields.list("evidence", "evidence entries");
    let evidence = nodes.iter().filter_map(|node| evidence(node, case, fields.faults)).collect();
    let back_test = fields.texts("back_test");
    let (not_failed, line) = (fields.texts("not_failed"), fields.line_of("not_failed"));
    not_failed.iter().for_each(|id| links::check_field(&format!("expectations.{id}"), case, line, fields.faults));
    Some(Origin { session, alike, distilled, evidence, back_test, not_failed })
}

fn evidence(node: &Node, case: &TestCase, faults: &mut Vec<Fault>) -> Option<Evidence> {
    let Content::Map(entries) = &node.content else {
        let what = format!("expected an evidence entry, found {}", node.described());
        faults.push(Fault::new(node.line, what, "write `{ field: goal, turn: 1, quote: \"…\" }`"));
        return None;
    };
    let mut fields = Fields::new(entries, &EVIDENCE, node.line, faults);
    let (field, quote) = (fields.needed_text("field"), fields.needed_text("quote"));
    let turn = if fields.needs("turn") { fields.count("turn").unwrap_or(1) } else { 1 };
    let line = fields.line_of("field");
    links::check_field(&field, case, line, faults);
    Some(Evidence { field, turn, quote })
}
