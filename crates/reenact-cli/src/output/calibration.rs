//! A calibration on the terminal: for each question how the judges agree with people, and where they do not.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{Attribute, Cell};
use reenact::calibrate::{Agreement, Calibration, Disagreement, Question};
use reenact::report::statistics::Share;

use super::{counted, printable, shortened, table};

/// Enough to begin with; `--json` has all.
const LISTED_MAX: usize = 5;
const REASON_CHARS_MAX: usize = 120;

pub(crate) fn render(calibration: &Calibration, width: u16) -> String {
    let bold = Style::new().bold();
    let mut text = String::new();
    for (at, question) in calibration.questions.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        let title = format!("{}, judged by {}", printable(&question.question), printable(&calibration.judge));
        let _ = write!(text, "{gap}{bold}{title}{bold:#}\n{}", facts(question, calibration.repeats, width));
    }
    if calibration.questions.is_empty() {
        text += "No label can be held against a judge of this run.\n";
    }
    for skipped in calibration.skipped.iter().take(LISTED_MAX) {
        let _ = writeln!(text, "skipped {}", printable(&skipped.to_string()));
    }
    let more = calibration.skipped.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        let _ = writeln!(text, "… and {more} more labels skipped; --json lists all");
    }
    text
}

fn facts(question: &Question, repeats: u32, width: u16) -> String {
    let mut rows = vec![("labels", labels(question))];
    rows.extend(agreement(&question.agreement));
    if let Some(flips) = &question.flip_rate {
        rows.push(("flips", format!("{}, each judged {repeats} times", share(flips))));
    }
    for judge in &question.judges {
        let figures = agreement(&judge.agreement).into_iter().map(|(name, figure)| format!("{name} {figure}"));
        rows.push(("of these", format!("{}: {}", printable(&judge.judge), figures.collect::<Vec<_>>().join("; "))));
    }
    rows.push(("pass rate", pass_rate(question)));
    rows.extend(question.disagreements.iter().take(LISTED_MAX).map(|it| ("differs", differs(it))));
    let more = question.disagreements.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        rows.push(("", format!("… and {more} more; --json lists all")));
    }
    let mut table = table::new(width);
    let row = |(name, value)| [Cell::new(name).add_attribute(Attribute::Dim), Cell::new(value)];
    table.add_rows(rows.into_iter().map(row));
    table::lines(&table)
}

fn labels(question: &Question) -> String {
    let confusion = &question.agreement.confusion;
    let (passed, failed) = (confusion.true_pass + confusion.false_fail, confusion.true_fail + confusion.false_pass);
    let mut words = format!("{passed} pass, {failed} fail");
    if question.undecided > 0 {
        let _ = write!(words, "; {} more that the judge could not decide", question.undecided);
    }
    words
}

fn agreement(agreement: &Agreement) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let shares = [("passes the good", &agreement.true_pass_rate), ("fails the bad", &agreement.true_fail_rate)];
    rows.extend(shares.into_iter().filter_map(|(name, it)| Some((name, share(it.as_ref()?)))));
    if let Some(kappa) = &agreement.kappa {
        rows.push(("kappa", format!("{:.2}, {:.2} to {:.2}", kappa.kappa, kappa.low, kappa.high)));
    }
    rows
}

fn share(share: &Share) -> String {
    let Share { share, low, high, items } = share;
    format!("{} % of {}, {} to {} %", percent(*share), counted(*items as usize, "item"), percent(*low), percent(*high))
}

fn pass_rate(question: &Question) -> String {
    match (&question.corrected, question.not_informative) {
        (Some(it), _) => format!(
            "{} % says the judge; {} % without its errors, {} to {} %",
            percent(it.apparent),
            percent(it.rate),
            percent(it.low),
            percent(it.high)
        ),
        (None, Some(why)) => format!("not informative: {}", why.words()),
        (None, None) => "not informative".to_owned(),
    }
}

fn differs(disagreement: &Disagreement) -> String {
    let Disagreement { case, trial, item, people, judge, reason } = disagreement;
    let what = format!("{case}/{trial} {item}: people say {people}, the judge {judge}: {reason}");
    shortened(&what, REASON_CHARS_MAX)
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}
