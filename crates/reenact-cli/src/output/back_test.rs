//! A back-test on the terminal: the figures of all cases beside their floor, and which cases are poor.

use std::fmt::Write as _;

use reenact::BackTest;
use reenact::back_test::Scores;

use super::{counted, note, printable, table, width};

/// How many of the cases that stay poor are named.
const NAMED_MAX: usize = 10;

/// Says what came of a back-test, if there was one.
pub(crate) fn note_all(tests: &[BackTest]) {
    if !tests.is_empty() {
        note(rendered(tests, width()).trim_end());
    }
}

fn rendered(tests: &[BackTest], width: u16) -> String {
    let own: Vec<&Scores> = tests.iter().map(|test| &test.scores).collect();
    let floor: Vec<&Scores> = tests.iter().filter_map(|test| Some(&test.floor.as_ref()?.scores)).collect();
    let repaired = tests.iter().filter(|test| test.repaired.is_some()).count();
    let poor: Vec<&BackTest> = tests.iter().filter(|test| !test.findings.is_empty()).collect();
    let cases = counted(tests.len(), "case");
    let mut text = format!("back-test of {cases}: {repaired} repaired, {} poor and marked\n", poor.len());
    text += &figures(&own, &floor, width);
    for test in poor.iter().take(NAMED_MAX) {
        let words: Vec<&str> = test.findings.iter().map(|finding| finding.words.as_str()).collect();
        let _ = writeln!(text, "  {}: {}", printable(&test.case), words.join("; "));
    }
    if poor.len() > NAMED_MAX {
        let _ = writeln!(text, "  … and {} more; `--json` names them all", poor.len() - NAMED_MAX);
    }
    text
}

/// The means over all cases, and over strangers on the same recordings.
fn figures(own: &[&Scores], floor: &[&Scores], width: u16) -> String {
    let mut table = table::new(width);
    table.set_header(["mean of all cases", "own", "stranger's"]);
    type Figure = fn(&Scores) -> Option<f64>;
    let rows: [(&str, Figure); 6] = [
        ("told of what the user told", |scores| scores.conveyed),
        ("in the user's order (-1 to 1)", |scores| scores.order),
        ("told before the user did", |scores| scores.early),
        ("left within a turn of the user", |scores| {
            scores.leaving.turns_late.map(|late| if late.abs() <= 1 { 1.0 } else { 0.0 })
        }),
        ("left as the user did", |scores| scores.leaving.as_recorded.map(|same| if same { 1.0 } else { 0.0 })),
        ("style distance", |scores| scores.style_distance),
    ];
    for (name, figure) in rows {
        table.add_row([name.to_owned(), mean(own, figure), mean(floor, figure)]);
    }
    table::lines(&table)
}

fn mean(scores: &[&Scores], figure: fn(&Scores) -> Option<f64>) -> String {
    let known: Vec<f64> = scores.iter().filter_map(|scores| figure(scores)).collect();
    match known.len() {
        0 => "–".to_owned(),
        count => format!("{:.2}", known.iter().sum::<f64>() / count as f64),
    }
}
