//! The expectations of a case: a list, or MLflow's mapping of ids to values.

use super::checks;
use super::fields::{Fields, text_item, text_of};
use super::ids::{self, Named};
use super::keys::EXPECTATION;
use super::tree::{Content, Entry, Fault, Node};
use super::{Check, Expectation, InTurn};

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Vec<Expectation> {
    let Some((node, _)) = fields.any("expectations") else { return Vec::new() };
    match &node.content {
        Content::Map(entries) => entries.iter().map(|entry| under_id(entry, fields.faults)).collect(),
        _ => listed(fields.list("expectations", "expectations"), fields.faults),
    }
}

fn listed(nodes: &[Node], faults: &mut Vec<Fault>) -> Vec<Expectation> {
    let mut expectations: Vec<Expectation> = nodes.iter().map(|node| item(node, faults)).collect();
    let named = expectations.iter_mut().zip(nodes).enumerate().map(|(n, (expectation, node))| Named {
        id: &mut expectation.id,
        made: format!("expectation-{}", n + 1),
        line: node.line,
    });
    ids::settle("expectation", named.collect(), faults);
    expectations
}

fn item(node: &Node, faults: &mut Vec<Fault>) -> Expectation {
    let Content::Map(entries) = &node.content else {
        return judged(String::new(), text_item(node, "an expectation", faults));
    };
    let mut fields = Fields::new(entries, &EXPECTATION, node.line, faults);
    let id = fields.text("id").unwrap_or_default();
    of_fields(id, &mut fields, node.line)
}

/// An entry of MLflow's mapping. Its value may be any JSON; one that has the keys of an expectation, and
/// no others, is read as one.
fn under_id(entry: &Entry, faults: &mut Vec<Fault>) -> Expectation {
    let id = entry.key.clone();
    if id.trim().is_empty() {
        faults.push(Fault::new(entry.line, "an expectation has an empty id", "name what is expected"));
    }
    match &entry.value.content {
        Content::Map(entries) if !entries.is_empty() && entries.iter().all(|entry| EXPECTATION.has(&entry.key)) => {
            let mut fields = Fields::new(entries, &EXPECTATION, entry.line, faults);
            of_fields(id, &mut fields, entry.line)
        }
        Content::Map(_) | Content::List(_) => judged(id, entry.value.to_json(faults).to_string()),
        Content::Null | Content::Scalar(_) => {
            let text = text_of(&entry.value, entry.line, &entry.key, faults);
            judged(id, text)
        }
    }
}

fn judged(id: String, text: String) -> Expectation {
    Expectation { id, text: Some(text), check: Check::Judged }
}

fn of_fields(id: String, fields: &mut Fields<'_, '_>, line: u64) -> Expectation {
    let text = fields.text("text");
    let mut checks: Vec<Check> = EXPECTATION.checks().filter_map(|name| checks::read(name, fields)).collect();
    if checks.is_empty() && text.is_none() {
        let names: Vec<String> = EXPECTATION.checks().map(|name| format!("`{name}`")).collect();
        let fix = format!("add `text` for a judge, or one of {}", names.join(", "));
        fields.faults.push(Fault::new(line, "an expectation has neither a text nor a check", fix));
    }
    if checks.len() > 1 {
        let what = format!("an expectation has {} checks, expected one", checks.len());
        fields.faults.push(Fault::new(line, what, "split it into one expectation for each check"));
    }
    let check = checks.pop().unwrap_or(Check::Judged);
    let check = match fields.count("turn") {
        Some(turn) => Check::InTurn(Box::new(InTurn { turn, check })),
        None => check,
    };
    Expectation { id, text, check }
}
