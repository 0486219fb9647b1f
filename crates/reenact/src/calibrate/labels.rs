//! What people say of conversations of a run: JSON lines, one item on each.

use std::path::Path;

use crate::case::Problem;
use crate::case::fields::Fields;
use crate::case::keys::LABEL;
use crate::case::source::{self, Kind};
use crate::case::tree::{Content, Fault, Node, shown};
use crate::{Result, Verdict};

/// What a person says of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The line that it stands in, from 1.
    pub line: u64,
    /// The run's id or the start of it; without it, whatever run is calibrated.
    pub run: Option<String>,
    /// The case's id.
    pub case: String,
    /// Which trial of the case, from 1.
    pub trial: u32,
    /// The expectation's id, or the name of a judge.
    pub item: String,
    /// [`Pass`](Verdict::Pass) or [`Fail`](Verdict::Fail).
    pub verdict: Verdict,
}

const LABELS_FILE: Kind<Vec<Label>> = Kind {
    what: "a file of labels",
    names: "name a file of labels: .jsonl",
    start: "write one label a line, such as `{\"case\": \"refund\", \"expectation\": \"names-order\", \"verdict\": \"pass\"}`",
    document,
    lines,
};

/// Reads labels, or all that is wrong with them, in the order of the lines.
///
/// # Errors
/// Where the file cannot be read at all.
pub fn labels(path: &Path) -> Result<std::result::Result<Vec<Label>, Vec<Problem>>> {
    source::read(path, &LABELS_FILE)
}

/// A file of one label, or a list of them, is read as well: what a tool wrote need not be JSON lines.
fn document(root: &Node, faults: &mut Vec<Fault>) -> Vec<Label> {
    match &root.content {
        Content::List(nodes) => lines(nodes, faults),
        _ => lines(std::slice::from_ref(root), faults),
    }
}

fn lines(nodes: &[Node], faults: &mut Vec<Fault>) -> Vec<Label> {
    nodes.iter().filter_map(|node| label(node, faults)).collect()
}

fn label(node: &Node, faults: &mut Vec<Fault>) -> Option<Label> {
    let Content::Map(entries) = &node.content else {
        let what = format!("expected a label, found {}", node.described());
        faults.push(Fault::new(node.line, what, LABELS_FILE.start));
        return None;
    };
    let mut fields = Fields::new(entries, &LABEL, node.line, faults);
    let (run, case) = (fields.text("run"), fields.needed_text("case"));
    let trial = fields.count("trial").unwrap_or(1);
    let item = item(&mut fields, node.line);
    let verdict = verdict(&mut fields);
    Some(Label { line: node.line, run, case, trial, item: item?, verdict: verdict? })
}

fn item(fields: &mut Fields<'_, '_>, line: u64) -> Option<String> {
    match (fields.text("expectation"), fields.text("judge")) {
        (Some(item), None) | (None, Some(item)) => Some(item),
        (None, None) => {
            let fix = "add `expectation` with its id, or `judge` with its name";
            fields.faults.push(Fault::new(line, "a label has neither an expectation nor a judge", fix));
            None
        }
        (Some(_), Some(_)) => {
            let what = "a label has both an expectation and a judge";
            fields.faults.push(Fault::new(line, what, "keep one of the two"));
            None
        }
    }
}

fn verdict(fields: &mut Fields<'_, '_>) -> Option<Verdict> {
    match fields.needed_text("verdict").as_str() {
        "pass" => Some(Verdict::Pass),
        "fail" => Some(Verdict::Fail),
        "" => None,
        other => {
            let what = format!("`{}` is not a verdict of a person", shown(other));
            let fix = "write `pass` or `fail`; leave out what a person could not decide";
            fields.faults.push(Fault::new(fields.line_of("verdict"), what, fix));
            None
        }
    }
}
