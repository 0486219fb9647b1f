//! An estimate on the terminal: what would be asked of whom, and what that would cost.

use comfy_table::{Attribute, Cell};
use reenact::Result;
use reenact::cost::Amount;
use reenact::estimate::Estimate;

use super::{printable, shortened, table};
use crate::args::Global;

const MODEL_CHARS_MAX: usize = 40;

/// Prints an estimate, for a person or as JSON.
pub(crate) fn present(estimate: &Estimate, global: &Global) -> Result<()> {
    match global.json {
        true => super::json(estimate),
        false => super::text(&render(estimate, super::width())),
    }
}

/// The estimate as a table of the given width.
pub(crate) fn render(estimate: &Estimate, width: u16) -> String {
    if estimate.parts.is_empty() {
        return "no model would be asked, so it would cost nothing\n".to_owned();
    }
    let mut table = table::new(width);
    let header = ["role", "model", "calls", "tokens read", "written", "cost"];
    table.set_header(header.map(|word| Cell::new(word).add_attribute(Attribute::Dim)));
    for part in &estimate.parts {
        let model = shortened(&printable(&part.model), MODEL_CHARS_MAX);
        table.add_row(row(part.role.words(), &model, &part.expected, &part.at_most));
    }
    if estimate.parts.len() > 1 {
        table.add_row(row("all", "", &estimate.expected, &estimate.at_most));
    }
    format!("{}\n", table::lines(&table))
}

fn row(role: &str, model: &str, expected: &Amount, at_most: &Amount) -> [String; 6] {
    let range = |of: &dyn Fn(&Amount) -> String| match (of(expected), of(at_most)) {
        (expected, at_most) if expected == at_most => expected,
        (expected, at_most) => format!("{expected} to {at_most}"),
    };
    [
        role.to_owned(),
        model.to_owned(),
        range(&|amount| amount.calls.to_string()),
        range(&|amount| amount.usage.input_tokens.to_string()),
        range(&|amount| amount.usage.output_tokens.to_string()),
        range(&money),
    ]
}

/// The tokens stand beside it, so that they need not be named again where their price is not known.
fn money(amount: &Amount) -> String {
    match (amount.is_whole(), amount.usd) {
        (true, usd) => usd.to_string(),
        (false, usd) if usd == reenact::Usd::ZERO => "unknown".to_owned(),
        (false, usd) => format!("at least {usd}"),
    }
}
