//! An estimate on the terminal: what would be asked of whom, and what that would cost.

use comfy_table::{Attribute, Cell};
use reenact::cost::Amount;
use reenact::estimate::Estimate;
use reenact::{Result, Usd};

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
        money(expected, at_most),
    ]
}

/// The tokens stand beside it, so that they need not be named again where their price is not known.
fn money(expected: &Amount, at_most: &Amount) -> String {
    let range = match (expected.usd.to_string(), at_most.usd.to_string()) {
        (expected, at_most) if expected == at_most => expected,
        (expected, at_most) => format!("{expected} to {at_most}"),
    };
    match (at_most.is_whole(), at_most.usd) {
        (true, _) => range,
        (false, Usd::ZERO) => "unknown".to_owned(),
        (false, _) => format!("{range}, and what is unknown"),
    }
}

#[cfg(test)]
mod tests {
    use reenact::Usage;
    use reenact::cost::CostRole;
    use reenact::estimate::Estimated;

    use super::*;

    #[test]
    fn an_estimate_shows_ranges_and_what_is_not_known() {
        let amount = |calls, usd: &str, unpriced_tokens| {
            let usage = Usage { input_tokens: calls * 900, output_tokens: calls * 80, ..Usage::default() };
            Amount { calls, usage, usd: usd.parse().unwrap(), unpriced_tokens, ..Amount::default() }
        };
        let part =
            |role, model: &str, expected, at_most| Estimated { role, model: model.to_owned(), expected, at_most };
        let estimate = Estimate {
            parts: vec![
                part(CostRole::User, "openai:/m", amount(8, "0.0134", 0), amount(48, "0.1912", 0)),
                part(CostRole::Judge, "gateway:/j", amount(6, "0", 5880), amount(6, "0", 5880)),
            ],
            expected: amount(14, "0.0134", 5880),
            at_most: amount(54, "0.1912", 5880),
        };
        let plain = anstream::adapter::strip_str(&render(&estimate, 100)).to_string();
        let lines: String = plain.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        insta::assert_snapshot!(lines);
        assert_eq!(render(&Estimate::default(), 80), "no model would be asked, so it would cost nothing\n");
    }
}
