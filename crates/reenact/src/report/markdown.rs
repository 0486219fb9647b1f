//! A run as Markdown, for the summary page of a CI job and for comments on a change.
//!
//! What was said in a conversation is foreign text: every mark that could make a link, an element or a table
//! of it is escaped.

use std::fmt::Write as _;

use super::{CaseReport, Report, RunOutput, Status, html::visible};
use crate::Outcome;
use crate::cost::{Spent, grouped};

/// A summary page holds a megabyte, and a reader a screen or two; the HTML page has all.
const CASES_LISTED_MAX: usize = 50;
/// Longer reasons are cut with a mark.
const WHY_CHARS_MAX: usize = 300;
/// The longest part of a case's id that is shown.
const CASE_CHARS_MAX: usize = 80;

/// The run as Markdown of GitHub's kind: the verdict, the rate, the cases that did not pass, and where it all comes from.
#[must_use]
pub fn markdown(output: &RunOutput) -> String {
    let report = &output.report;
    let figure = |(name, words): (&str, String)| format!("- {name}: {}\n", escaped(&words));
    let figures: String = report.figures().into_iter().map(figure).collect();
    let (headline, cases, costs) = (escaped(&report.headline()), cases(report), costs(report));
    format!("## {headline}\n\n{figures}{cases}{costs}{}", provenance(report))
}

/// What each model cost in each role; nothing where one model says it all, or none was asked.
fn costs(report: &Report) -> String {
    let parts = report.cost_parts();
    if parts.len() < 2 {
        return String::new();
    }
    let row = |Spent { role, model, amount }: &Spent| {
        let (read, written) = (grouped(amount.usage.input_tokens), grouped(amount.usage.output_tokens));
        let (model, money) = (escaped(model), escaped(&amount.money()));
        format!("| {} | {model} | {} | {read} | {written} | {money} |\n", role.words(), grouped(amount.calls))
    };
    let rows: String = parts.iter().map(row).collect();
    format!("\n| role | model | calls | tokens read | written | cost |\n|---|---|---:|---:|---:|---|\n{rows}")
}

/// The cases that did not pass in a table, and how many did.
fn cases(report: &Report) -> String {
    let not_passed: Vec<_> = report.cases.iter().filter(|case| case.status != Status::Passed).collect();
    let mut text = String::new();
    if !not_passed.is_empty() {
        text += "\n| case | trials | rate | why |\n|---|---|---|---|\n";
        text.extend(not_passed.iter().take(CASES_LISTED_MAX).map(|case| row(case)));
    }
    let unlisted = not_passed.len().saturating_sub(CASES_LISTED_MAX);
    if unlisted > 0 {
        let _ = writeln!(text, "\n{unlisted} more cases that did not pass are not listed here.");
    }
    let passed = report.cases_that(Status::Passed);
    if passed > 0 && !not_passed.is_empty() {
        let _ = writeln!(text, "\n{passed} {} passed.", if passed == 1 { "case" } else { "cases" });
    }
    text
}

fn row(case: &CaseReport) -> String {
    let id = escaped(&cut(&case.case, CASE_CHARS_MAX));
    let rate = case.pass_rate.map_or_else(|| "none".to_owned(), |rate| format!("{:.0} %", rate * 100.0));
    let why = case.why().map(|why| cut(&why.to_string(), WHY_CHARS_MAX));
    let why =
        why.into_iter().chain(case.reproduction_in_words()).map(|words| escaped(&words)).collect::<Vec<_>>().join("; ");
    format!("| {id} | {} | {rate} | {why} |\n", outcomes(case))
}

/// Trials by outcome, such as `2 passed, 1 failed`.
fn outcomes(case: &CaseReport) -> String {
    let counted = Outcome::ALL.map(|outcome| (case.outcomes.get(outcome), outcome.as_str()));
    let counted = counted.into_iter().chain([(case.missing.len() as u64, "not done")]);
    let words = counted.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    words.collect::<Vec<_>>().join(", ")
}

fn provenance(report: &Report) -> String {
    let fact = |(name, value): (&str, String)| format!("{name}: {}", escaped(&value));
    let facts: Vec<_> = report.provenance().into_iter().map(fact).collect();
    format!("\n<sub>{}</sub>\n", facts.join(" · "))
}

/// Foreign text in one line, in which nothing is a mark. A browser shows the text as it was.
fn escaped(text: &str) -> String {
    let line = visible(text).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut written = String::with_capacity(line.len());
    for (at, c) in line.char_indices() {
        if is_mark(c) || begins_link(&line[..at], &line[at..]) {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

/// What Markdown or HTML reads as more than itself anywhere in a line.
fn is_mark(c: char) -> bool {
    matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '#' | '!' | '@' | '$')
}

/// An address becomes a link without any mark; its colon or its first full stop makes it one.
fn begins_link(before: &str, rest: &str) -> bool {
    rest.starts_with("://") || rest.starts_with('.') && before.to_ascii_lowercase().ends_with("www")
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
