//! The facts of a case, and their gates.

use super::fields::{Fields, text_item, text_of};
use super::ids::{self, Named};
use super::keys::{FACT, GATE};
use super::tree::{Content, Entry, Fault, Node, shown};
use super::{Fact, Gate};

const GATE_FORMS: &str =
    "write `open`, `never`, `{ asked: TOPIC }`, `{ after: FACT-ID }` or `{ when: WHAT THE AGENT DOES }`";

/// The facts with the line of the gate of each.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> (Vec<Fact>, Vec<u64>) {
    let nodes = fields.list("facts", "facts");
    let read = nodes.iter().map(|node| fact(node, fields.faults));
    let (mut facts, gate_lines): (Vec<Fact>, Vec<u64>) = read.unzip();
    let named = facts.iter_mut().zip(nodes).enumerate();
    let named =
        named.map(|(n, (fact, node))| Named { id: &mut fact.id, made: format!("fact-{}", n + 1), line: node.line });
    ids::settle("fact", named.collect(), fields.faults);
    (facts, gate_lines)
}

fn fact(node: &Node, faults: &mut Vec<Fault>) -> (Fact, u64) {
    let Content::Map(entries) = &node.content else {
        let text = text_item(node, "a fact", faults);
        return (Fact { id: String::new(), text, gate: Gate::Open }, node.line);
    };
    let mut fields = Fields::new(entries, &FACT, node.line, faults);
    let id = fields.text("id").unwrap_or_default();
    let text = fields.needed_text("text");
    let gate = fields.any("gate").map_or(Gate::Open, |(node, line)| gate(node, line, fields.faults));
    let gate_line = fields.line_of("gate");
    (Fact { id, text, gate }, gate_line)
}

fn gate(node: &Node, line: u64, faults: &mut Vec<Fault>) -> Gate {
    match &node.content {
        Content::Scalar(scalar) if scalar.text == "open" => Gate::Open,
        Content::Scalar(scalar) if scalar.text == "never" => Gate::Never,
        Content::Scalar(scalar) => {
            let what = format!("`{}` is not a gate", shown(&scalar.text));
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
            let what = format!("`{}` is not a gate", shown(unknown));
            faults.push(Fault::new(line, what, fix.unwrap_or_else(|| GATE_FORMS.to_owned())));
            return Gate::Open;
        }
    };
    form(text_of(&entry.value, entry.line, &entry.key, faults))
}
