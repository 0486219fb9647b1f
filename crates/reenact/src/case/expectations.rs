//! The expectations of a case: a list, or MLflow's mapping of ids to values.

use regex::Regex;

use super::fields::{Fields, text_item, text_of};
use super::ids::{self, Named};
use super::keys::EXPECTATION;
use super::tree::{Content, Entry, Fault, Node};
use super::{Check, Expectation};

type MakeCheck = fn(String) -> Check;

/// The keys that say by what code decides, with what each makes of its text.
const CHECKS: [(&str, MakeCheck); 3] =
    [("contains", Check::Contains), ("matches", Check::Matches), ("must_not_match", Check::MustNotMatch)];

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
    let mut checks: Vec<Check> =
        CHECKS.iter().filter_map(|(name, check)| Some(check(checked_text(name, fields)?))).collect();
    if checks.is_empty() && text.is_none() {
        let fix = "add `text` for a judge, or one of `contains`, `matches`, `must_not_match`";
        fields.faults.push(Fault::new(line, "an expectation has neither a text nor a check", fix));
    }
    if checks.len() > 1 {
        let what = format!("an expectation has {} checks, expected one", checks.len());
        fields.faults.push(Fault::new(line, what, "split it into one expectation for each check"));
    }
    Expectation { id, text, check: checks.pop().unwrap_or(Check::Judged) }
}

fn checked_text(name: &'static str, fields: &mut Fields<'_, '_>) -> Option<String> {
    let text = fields.text(name)?;
    if name != "contains"
        && let Err(error) = Regex::new(&text)
    {
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
