//! The facts of a case, and their gates.

use super::fields::{Fields, shortened, text_item, text_of};
use super::ids::{self, Named};
use super::keys::{FACT, GATE};
use super::tree::{Content, Entry, Fault, Node};
use super::{Fact, Gate};

const GATE_FORMS: &str =
    "write `open`, `never`, `{ asked: TOPIC }`, `{ after: FACT-ID }` or `{ when: WHAT THE AGENT DOES }`";

/// The facts with the line of each.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> (Vec<Fact>, Vec<u64>) {
    let nodes = fields.list("facts", "facts");
    let lines: Vec<u64> = nodes.iter().map(|node| node.line).collect();
    let mut facts: Vec<Fact> = nodes.iter().map(|node| fact(node, fields.faults)).collect();
    let named = facts.iter_mut().zip(&lines).enumerate();
    let named = named.map(|(n, (fact, line))| Named { id: &mut fact.id, made: format!("fact-{}", n + 1), line: *line });
    ids::settle("fact", named.collect(), fields.faults);
    (facts, lines)
}

fn fact(node: &Node, faults: &mut Vec<Fault>) -> Fact {
    let Content::Map(entries) = &node.content else {
        return Fact { id: String::new(), text: text_item(node, "a fact", faults), gate: Gate::Open };
    };
    let mut fields = Fields::new(entries, &FACT, node.line, faults);
    let id = fields.text("id").unwrap_or_default();
    let text = fields.needed_text("text");
    let gate = fields.any("gate").map_or(Gate::Open, |(node, line)| gate(node, line, fields.faults));
    Fact { id, text, gate }
}

fn gate(node: &Node, line: u64, faults: &mut Vec<Fault>) -> Gate {
    match &node.content {
        Content::Scalar(scalar) if scalar.text == "open" => Gate::Open,
        Content::Scalar(scalar) if scalar.text == "never" => Gate::Never,
        Content::Scalar(scalar) => {
            let what = format!("`{}` is not a gate", shortened(&scalar.text));
            faults.push(Fault::new(line, what, GATE_FORMS));
            Gate::Open
        }
        Content::Map(entries) if entries.len() == 1 => conditional(&entries[0], line, faults),
        _ => {
            let found = if matches!(node.content, Content::Map(_)) { "not one condition" } else { node.described() };
            faults.push(Fault::new(line, format!("`gate` is {found}"), GATE_FORMS));
            Gate::Open
        }
    }
}

fn conditional(entry: &Entry, line: u64, faults: &mut Vec<Fault>) -> Gate {
    let form = match entry.key.as_str() {
        "asked" => Gate::Asked,
        "after" => Gate::After,
        "when" => Gate::When,
        unknown => {
            let fix = GATE.nearest(unknown).map(|name| format!("did you mean `{name}`?"));
            let what = format!("`{}` is not a gate", shortened(unknown));
            faults.push(Fault::new(line, what, fix.unwrap_or_else(|| GATE_FORMS.to_owned())));
            return Gate::Open;
        }
    };
    form(text_of(&entry.value, entry.line, &entry.key, faults))
}
