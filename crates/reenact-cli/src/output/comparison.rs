//! A comparison on the terminal: the sentence that matters, the cases that changed, the figures, and what to do next.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, Width};
use reenact::report::statistics::{Difference, Reproduction, Tally};
use reenact::report::{CaseChange, Change, Compared, Comparison, FailureShown};

use super::report::{ansi_color, figure_table};
use super::{counted, printable, shell_word, shortened, table};

/// Longer comparisons list only the cases that changed; the rest is counted.
const CASES_LISTED_MAX: usize = 20;
const WHY_CHARS_MAX: usize = 160;
const CASE_CHARS_MAX: usize = 48;

/// The comparison as text of the given width, with colours.
pub(crate) fn render(comparison: &Comparison, program: &str, width: u16) -> String {
    let mut text = headline(comparison, width);
    if !comparison.cases.is_empty() {
        let _ = write!(text, "\n{}", cases(comparison, width));
    }
    if !comparison.unmatched.is_empty() {
        let _ = write!(text, "\n{}", unmatched(comparison, width));
    }
    let _ = write!(text, "\n{}{}", figures(comparison, width), next(comparison, program));
    text
}

fn headline(comparison: &Comparison, width: u16) -> String {
    let style = Style::new().bold().fg_color(Some(ansi_color(comparison.status).into()));
    let mut table = table::new(width);
    table.add_row([comparison.headline()]);
    table::lines(&table).lines().map(|line| format!("{style}{}{style:#}\n", line.trim())).collect()
}

fn cases(comparison: &Comparison, width: u16) -> String {
    let lists_all = comparison.cases.len() <= CASES_LISTED_MAX;
    let mut listed: Vec<_> =
        comparison.cases.iter().filter(|case| lists_all || case.change != Change::Unchanged).collect();
    listed.sort_by_key(|case| Change::ALL.iter().position(|change| *change == case.change));
    let mut text = if listed.is_empty() { String::new() } else { case_table(&listed, comparison, width) };
    let unlisted = comparison.cases.len() - listed.len();
    if unlisted > 0 {
        let _ = writeln!(text, " {} unchanged, not listed; --json lists all", counted(unlisted as u64, "case"));
    }
    text
}

fn case_table(cases: &[&CaseChange], comparison: &Comparison, width: u16) -> String {
    let mut table = table::new(width);
    let header = ["case", "change", "before", "after", "why"];
    table.set_header(header.map(|word| Cell::new(word).add_attribute(Attribute::Dim)));
    table.add_rows(cases.iter().map(|case| case_row(case, comparison)));
    let upper = |columns| ColumnConstraint::UpperBoundary(Width::Fixed(columns));
    let why = ColumnConstraint::LowerBoundary(Width::Fixed(28));
    table.set_constraints([upper(width / 4), upper(11), upper(9), upper(9), why]);
    table::lines(&table)
}

fn case_row(case: &CaseChange, comparison: &Comparison) -> [Cell; 5] {
    let color = match case.change {
        Change::Broken => Color::Red,
        Change::Worse | Change::Undecided => Color::Yellow,
        Change::Better | Change::Fixed => Color::Green,
        Change::Unchanged => Color::Reset,
    };
    [
        Cell::new(shortened(&case.case, CASE_CHARS_MAX)),
        Cell::new(case.change.word()).fg(color),
        Cell::new(passed(case.baseline)),
        Cell::new(passed(case.candidate)),
        Cell::new(why(case, comparison)),
    ]
}

fn passed(tally: Tally) -> String {
    if tally.decided == 0 { "?".to_owned() } else { format!("{}/{}", tally.passed, tally.decided) }
}

/// The evidence: the rerun, what became of the recorded failure, and the failure itself.
fn why(case: &CaseChange, comparison: &Comparison) -> String {
    let fresh = case.fresh.map(|fresh| {
        let (before, after) = (passed(fresh.baseline), passed(fresh.candidate));
        format!("tried again: {before}, then {after} (p {:.3})", fresh.p)
    });
    let recorded = case.reproduction_candidate.map(|after| recorded(case.reproduction_baseline, after));
    let failure = case.failure.as_ref().map(|failure| failed(failure, comparison));
    [fresh, recorded, failure].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

fn recorded(before: Option<Reproduction>, after: Reproduction) -> String {
    let now = after.reproduced.words();
    let was = before.filter(|before| before.reproduced != after.reproduced);
    let words = was.map_or_else(|| now.to_owned(), |was| format!("{}, then {now}", was.reproduced.words()));
    let room = if after.failed == 0 { format!(" (up to {:.0} %)", after.high * 100.0) } else { String::new() };
    format!("recorded failure: {words}{room}")
}

/// Says in which of the two runs it failed, where that is not the one that a reader expects.
fn failed(failure: &FailureShown, comparison: &Comparison) -> String {
    let place = if failure.run == comparison.baseline.run { "before: " } else { "" };
    let turn = failure.first_bad_turn.map_or_else(String::new, |turn| format!("from turn {turn} on, "));
    shortened(&format!("{place}{turn}{}", failure.why), WHY_CHARS_MAX)
}

fn unmatched(comparison: &Comparison, width: u16) -> String {
    let mut table = table::new(width);
    table.set_header(["not compared", "why"].map(|word| Cell::new(word).add_attribute(Attribute::Dim)));
    table.add_rows(comparison.unmatched.iter().map(|case| [shortened(&case.case, CASE_CHARS_MAX), case.why.clone()]));
    table::lines(&table)
}

fn figures(comparison: &Comparison, width: u16) -> String {
    let difference = comparison.difference.as_ref();
    let mut rows = vec![("difference", difference.map_or("none: no case was decided in both".to_owned(), in_words))];
    rows.push(("power", power(difference)));
    rows.push(("cases", counts(comparison)));
    if !comparison.also_differ.is_empty() {
        rows.push(("also differ", also(comparison)));
    }
    rows.push(("baseline", arm(&comparison.baseline)));
    rows.push(("candidate", arm(&comparison.candidate)));
    figure_table(rows, width)
}

fn in_words(difference: &Difference) -> String {
    format!(
        "{:+.0} points, 95 % interval {:+.0} to {:+.0}, p {:.3}, from {}",
        difference.mean * 100.0,
        difference.low * 100.0,
        difference.high * 100.0,
        difference.p,
        counted(difference.cases, "case")
    )
}

fn power(difference: Option<&Difference>) -> String {
    match difference.and_then(|difference| difference.smallest_difference) {
        Some(smallest) => format!("differences show from about {:.0} points on", smallest * 100.0),
        None => "too few cases to see a difference of the whole".to_owned(),
    }
}

fn counts(comparison: &Comparison) -> String {
    let count = |change| (comparison.cases_that(change), change);
    let counted = Change::ALL.map(count).into_iter().filter(|(count, _)| *count > 0);
    let mut words: Vec<String> =
        counted.map(|(count, change): (usize, Change)| format!("{count} {}", change.word())).collect();
    if !comparison.unmatched.is_empty() {
        words.push(format!("{} not compared", comparison.unmatched.len()));
    }
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn also(comparison: &Comparison) -> String {
    let differing = comparison.also_differ.iter();
    let words = differing.map(|d| format!("{} ({}, then {})", d.key, printable(&d.baseline), printable(&d.candidate)));
    words.collect::<Vec<_>>().join(", ")
}

fn arm(arm: &Compared) -> String {
    let version = arm.agent_version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
    format!("{}, run {}", printable(&format!("{}{version}", arm.agent)), arm.run)
}

/// The commands that get a reader further.
fn next(comparison: &Comparison, program: &str) -> String {
    let (baseline, candidate) = (&comparison.baseline.run, &comparison.candidate.run);
    let mut commands = Vec::new();
    if comparison.rerun.is_none() && !comparison.suspects().is_empty() {
        commands.push(format!("{program} diff {baseline} {candidate} --rerun"));
    }
    let urgent = |change| comparison.cases.iter().find(move |case| case.change == change && case.failure.is_some());
    let shown = [Change::Broken, Change::Worse].into_iter().find_map(urgent);
    if let Some((case, failure)) = shown.and_then(|case| Some((case, case.failure.as_ref()?))) {
        let trial = format!("{}/{}/{}", failure.run, case.case, failure.why.trial);
        commands.push(format!("{program} show {}", shell_word(&trial)));
    }
    for arm in [&comparison.baseline, &comparison.candidate].into_iter().filter(|arm| arm.missing > 0) {
        commands.push(format!("{program} run --resume {}", arm.run));
    }
    let line =
        |(index, command): (usize, String)| format!(" {}  {command}\n", if index == 0 { "next" } else { "    " });
    let lines: String = commands.into_iter().enumerate().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}
