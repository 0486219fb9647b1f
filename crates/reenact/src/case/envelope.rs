//! What MLflow wraps around its records, and what it keeps of a case that only we know.

use serde_json::{Map, Value, json};

use super::tree::{Content, Entry, Fault, Node};
use super::{TestCase, json as reading, write};

/// The tag of a record that has the whole case, as a suite file has it.
const CASE_TAG: &str = "reenact.case";

/// The tag of a record that has its place in the suite, from 0.
pub(crate) const PLACE_TAG: &str = "reenact.place";

/// Whether a document is what MLflow's interface answers: its records, as a list or as a text of JSON.
pub(super) fn is_one(entries: &[Entry]) -> bool {
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    has("records") && !has("cases")
}

/// The records of such a document.
pub(super) fn records(entries: &[Entry], faults: &mut Vec<Fault>) -> Vec<Node> {
    let Some(records) = entries.iter().find(|entry| entry.key == "records") else { return Vec::new() };
    let read = text(&records.value).and_then(|text| parsed(&text, records.line, faults));
    match read.as_ref().unwrap_or(&records.value) {
        Node { content: Content::List(nodes), .. } => nodes.clone(),
        node => {
            let what = format!("`records` is {}, expected a list of records", node.described());
            faults.push(Fault::new(records.line, what, "name what MLflow answered for the records of a dataset"));
            Vec::new()
        }
    }
}

/// The whole case that a record keeps.
pub(super) fn kept(entries: &[Entry], faults: &mut Vec<Fault>) -> Option<Node> {
    let tags = entries.iter().find(|entry| entry.key == "tags")?;
    let Content::Map(tags) = &tags.value.content else { return None };
    let tag = tags.iter().find(|entry| entry.key == CASE_TAG)?;
    parsed(&text(&tag.value)?, tag.line, faults)
}

/// A JSON text within a file: its lines are all that of the text.
fn parsed(text: &str, line: u64, faults: &mut Vec<Fault>) -> Option<Node> {
    let (node, found) = reading::read(text);
    faults.extend(found.into_iter().map(|fault| Fault { line, ..fault }));
    node
}

fn text(node: &Node) -> Option<String> {
    match &node.content {
        Content::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    }
}

/// The case that we wrote with what somebody changed of it in MLflow since.
pub(super) fn joined(kept: TestCase, told: TestCase) -> TestCase {
    let mut case = kept;
    case.brief.goal = told.brief.goal;
    case.brief.persona = told.brief.persona;
    case.brief.guidelines = told.brief.guidelines;
    case.context = told.context;
    // A database need not keep the order of what a record maps.
    let mut of_both = [case.expectations.clone(), told.expectations.clone()];
    of_both.iter_mut().for_each(|expectations| expectations.sort_by(|a, b| a.id.cmp(&b.id)));
    if of_both[0] != of_both[1] {
        case.expectations = told.expectations;
    }
    case
}

/// A case as a record: what MLflow's own simulator reads of it where it looks for that, and all of it in a tag.
pub(crate) fn record(case: &TestCase, place: usize) -> Value {
    let whole = write::case(case);
    let of_inputs = ["goal", "persona", "simulation_guidelines", "context"];
    let inputs: Map<String, Value> =
        of_inputs.iter().filter_map(|key| Some(((*key).to_owned(), whole.get(*key)?.clone()))).collect();
    json!({
        "inputs": inputs,
        "expectations": expectations(&whole["expectations"]),
        "tags": { CASE_TAG: whole.to_string(), PLACE_TAG: place.to_string() },
    })
}

/// The list as MLflow has it: each id with its text, or with all there is of one that code decides.
fn expectations(list: &Value) -> Value {
    let by_id = list.as_array().into_iter().flatten().filter_map(|expectation| {
        let mut rest = expectation.as_object()?.clone();
        let id = rest.shift_remove("id")?.as_str()?.to_owned();
        let is_text = rest.len() == 1 && rest.contains_key("text");
        Some((id, if is_text { rest.shift_remove("text")? } else { Value::Object(rest) }))
    });
    Value::Object(by_id.collect())
}
