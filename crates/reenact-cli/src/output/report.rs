//! A report on the terminal: the sentence that matters, the cases, the figures, and what to do next.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, Width};
use reenact::Outcome;
use reenact::report::{CaseReport, EndingKind, Report, Status};

use super::{counted, printable, shell_word, shortened, table};

/// Longer suites list only the cases that did not pass; the rest is counted.
const CASES_LISTED_MAX: usize = 20;
/// More trials of a case are counted by outcome, because a row of marks is no longer read.
const MARKS_MAX: usize = 6;
/// Nobody scrolls through more than this; the pages have them all.
const NOT_PASSED_LISTED_MAX: usize = 50;
/// Enough for the gist in two or three lines of the last column.
const WHY_CHARS_MAX: usize = 120;
const CASE_CHARS_MAX: usize = 48;
/// What a cell has beside its content, and the line between columns.
const PADDING: usize = 3;

/// The report as text of the given width, with colours.
///
/// `program` is how the commands begin that it proposes.
pub(crate) fn render(report: &Report, program: &str, width: u16) -> String {
    let mut text = headline(report, width);
    if !report.cases.is_empty() {
        let _ = write!(text, "\n{}\n{}", cases(report, width), figures(report, width));
    }
    text + &next(report, program)
}

/// The sentence that matters and the cases, for a reader who knows the rest.
pub(crate) fn in_short(report: &Report, width: u16) -> String {
    format!("{}\n{}", headline(report, width), cases(report, width))
}

fn headline(report: &Report, width: u16) -> String {
    let style = Style::new().bold().fg_color(Some(ansi_color(report.status).into()));
    let mut table = table::new(width);
    table.add_row([report.headline()]);
    let lines = table::lines(&table);
    let paint = |line: &str| format!("{style}{}{style:#}\n", line.trim());
    lines.lines().map(paint).collect()
}

fn cases(report: &Report, width: u16) -> String {
    let lists_all = report.cases.len() <= CASES_LISTED_MAX;
    let mut listed: Vec<_> = report.cases.iter().filter(|case| lists_all || case.status != Status::Passed).collect();
    let passed = report.cases.len() - listed.len();
    let more = listed.len().saturating_sub(NOT_PASSED_LISTED_MAX);
    listed.truncate(NOT_PASSED_LISTED_MAX);
    let mut text = if listed.is_empty() { String::new() } else { case_table(&listed, width) };
    for (unlisted, case, became) in [(more, "more case", "did not pass"), (passed, "case", "passed")] {
        if unlisted > 0 {
            let _ =
                writeln!(text, " {} that {became} are not listed; --json and --html list all", counted(unlisted, case));
        }
    }
    text
}

fn case_table(cases: &[&CaseReport], width: u16) -> String {
    let mut table = table::new(width);
    let header = ["case", "trials", "ending", "why"];
    table.set_header(header.map(|word| Cell::new(word).add_attribute(Attribute::Dim)));
    table.add_rows(cases.iter().map(|case| case_row(case)));
    // Where there is room for all of it nothing is wrapped; where there is not, the reason gets most of it.
    let natural: usize = table.column_max_content_widths().iter().map(|&columns| usize::from(columns) + PADDING).sum();
    if natural > usize::from(width) {
        let upper = |columns| ColumnConstraint::UpperBoundary(Width::Fixed(columns));
        table.set_constraints([upper(width / 3), upper(20), upper(18)]);
    }
    table::lines(&table)
}

fn case_row(case: &CaseReport) -> [Cell; 4] {
    let color = match case.status {
        Status::Passed => Color::Green,
        Status::Failed => Color::Red,
        Status::Undecided => Color::Yellow,
    };
    let why = case.why().map(|why| shortened(&why.to_string(), WHY_CHARS_MAX)).unwrap_or_default();
    [
        Cell::new(shortened(&case.case, CASE_CHARS_MAX)),
        Cell::new(marks(case)).fg(color),
        Cell::new(endings(case)),
        Cell::new(why),
    ]
}

/// What became of each trial, in words that need no colour.
fn marks(case: &CaseReport) -> String {
    if case.trials.len() + case.missing.len() <= MARKS_MAX {
        let mut marks: Vec<_> = case.trials.iter().map(|trial| (trial.trial, mark(trial.outcome))).collect();
        marks.extend(case.missing.iter().map(|&number| (number, "-")));
        marks.sort_by_key(|(number, _)| *number);
        return marks.into_iter().map(|(_, mark)| mark).collect::<Vec<_>>().join(" ");
    }
    let counted = Outcome::ALL.map(|outcome| (case.outcomes.get(outcome), mark(outcome)));
    let counted = counted.into_iter().chain([(case.missing.len() as u64, "-")]);
    let words = counted.filter(|(count, _)| *count > 0).map(|(count, mark)| format!("{count} {mark}"));
    words.collect::<Vec<_>>().join(", ")
}

pub(super) fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "pass",
        Outcome::Failed => "FAIL",
        Outcome::Inconclusive => "?",
        Outcome::Invalid => "invalid",
        Outcome::Errored => "error",
    }
}

fn endings(case: &CaseReport) -> String {
    let mut counts: Vec<(EndingKind, usize)> = Vec::new();
    for trial in &case.trials {
        match counts.iter_mut().find(|(ending, _)| *ending == trial.ending) {
            Some((_, count)) => *count += 1,
            None => counts.push((trial.ending, 1)),
        }
    }
    let words = |&(ending, count): &(EndingKind, usize)| match (counts.len(), count) {
        (1, _) | (_, 1) => ending.words().to_owned(),
        _ => format!("{} x{count}", ending.words()),
    };
    counts.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn figures(report: &Report, width: u16) -> String {
    let mut rows = report.figures();
    if let Some((_, value)) = rows.iter_mut().find(|(name, _)| *name == "left out") {
        *value += legend(report);
    }
    for (name, value) in report.provenance() {
        rows.push((name, value));
        if name == "cost" && report.cost_parts().len() > 1 {
            rows.extend(report.cost_parts().iter().map(|part| ("", part.words())));
        }
    }
    let printable = |(name, value): (&'static str, String)| (name, printable(&value).into_owned());
    figure_table(rows.into_iter().map(printable).collect(), width)
}

/// Named figures below each other.
pub(super) fn figure_table(rows: Vec<(&str, String)>, width: u16) -> String {
    let mut table = table::new(width);
    table.add_rows(
        rows.into_iter().map(|(name, value)| [Cell::new(name).add_attribute(Attribute::Dim), Cell::new(value)]),
    );
    table::lines(&table)
}

/// The two marks that are no words, where they were used.
fn legend(report: &Report) -> &'static str {
    match (report.outcomes.inconclusive > 0, report.missing() > 0) {
        (true, true) => " (? is inconclusive, - is not done)",
        (true, false) => " (? is inconclusive)",
        (false, true) => " (- is not done)",
        (false, false) => "",
    }
}

/// The commands that get a reader further; none where all passed.
fn next(report: &Report, program: &str) -> String {
    let mut commands = Vec::new();
    let of_interest = report.cases.iter().find_map(|case| case.first_failure.as_ref().map(|why| (case, why)));
    let of_interest = of_interest.or_else(|| report.cases.iter().find_map(|case| case.why().map(|why| (case, why))));
    if let Some((case, why)) = of_interest {
        commands.push(format!("{program} show {}", shell_word(&format!("{}/{}/{}", report.run, case.case, why.trial))));
    }
    if report.missing() > 0 {
        commands.push(format!("{program} run --resume {}", report.run));
    }
    let line =
        |(index, command): (usize, String)| format!(" {}  {command}\n", if index == 0 { "next" } else { "    " });
    let lines: String = commands.into_iter().enumerate().map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

pub(super) fn ansi_color(status: Status) -> AnsiColor {
    match status {
        Status::Passed => AnsiColor::Green,
        Status::Failed => AnsiColor::Red,
        Status::Undecided => AnsiColor::Yellow,
    }
}

#[cfg(test)]
mod tests {
    use reenact::Verdict;
    use reenact::report::RunOutput;

    use super::super::fixtures::{case, judged, market, run};
    use super::*;

    fn plain(report: &Report, width: u16) -> String {
        anstream::adapter::strip_str(&render(report, "reenact", width)).to_string()
    }

    #[test]
    fn a_report_fits_eighty_columns() {
        let text = plain(&market().report, 80);
        insta::assert_snapshot!(text);
        let too_wide: Vec<_> =
            text.lines().filter(|line| line.chars().count() > 80 && !line.contains("reenact ")).collect();
        assert!(too_wide.is_empty(), "{too_wide:?}");
    }

    #[test]
    fn a_run_that_passed_says_so_and_asks_for_nothing() {
        let passed = |number| judged("closed-market", number, Verdict::Pass, "said");
        let output = RunOutput::new(run(3, vec![case("closed-market")]), (1..=3).map(passed).collect());
        insta::assert_snapshot!(plain(&output.report, 80));
    }

    #[test]
    fn a_run_of_nothing_is_one_sentence() {
        let output = RunOutput::new(run(3, Vec::new()), Vec::new());
        assert_eq!(plain(&output.report, 80), "Nothing was tried: the suite has no cases.\n");
    }

    #[test]
    fn a_long_suite_lists_what_did_not_pass_and_counts_the_rest() {
        let ids: Vec<String> = (0..40).map(|number| format!("case-{number}")).collect();
        let verdict = |index| if index == 7 { Verdict::Fail } else { Verdict::Pass };
        let trials =
            ids.iter().enumerate().flat_map(|(index, id)| (1..=8).map(move |n| judged(id, n, verdict(index), "r")));
        let output = RunOutput::new(run(8, ids.iter().map(|id| case(id)).collect()), trials.collect());
        let text = plain(&output.report, 80);
        assert!(text.contains("case-7 ") && text.contains("8 FAIL") && !text.contains("case-8 "), "{text}");
        assert!(text.contains("39 cases that passed are not listed"), "{text}");
    }

    #[test]
    fn a_suite_in_which_nearly_everything_failed_is_cut_with_a_mark() {
        let ids: Vec<String> = (0..90).map(|number| format!("case-{number}")).collect();
        let trials = ids.iter().map(|id| judged(id, 1, Verdict::Fail, "r")).collect();
        let output = RunOutput::new(run(1, ids.iter().map(|id| case(id)).collect()), trials);
        let text = plain(&output.report, 80);
        assert!(text.contains("case-49 ") && !text.contains("case-50 "), "{text}");
        assert!(text.contains("40 more cases that did not pass are not listed"), "{text}");
    }

    #[test]
    fn foreign_text_reaches_neither_the_terminal_nor_the_shell_unguarded() {
        let hostile = "a\u{1b}[2J; rm -rf 'x'";
        let trials = vec![judged(hostile, 1, Verdict::Fail, "\u{1b}]0;title\u{7}")];
        let text = plain(&RunOutput::new(run(1, vec![case(hostile)]), trials).report, 80);
        let painted = text.lines().find(|line| line.contains("reenact show")).unwrap();
        assert!(painted.ends_with(r"/a[2J; rm -rf '\''x'\''/1'"), "{painted}");
        assert!(!text.contains(['\u{7}', '\u{1b}']));
    }
}
