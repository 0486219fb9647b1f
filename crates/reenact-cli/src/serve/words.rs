//! Figures, times and drawings as templates need them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;

/// Hands the filters to the templates.
pub(super) fn add(templates: &mut Environment<'_>) {
    templates.add_filter("when", when);
    templates.add_filter("percent", percent);
    templates.add_filter("grouped", grouped);
    templates.add_filter("lasting", lasting);
    templates.add_filter("took", took);
    templates.add_filter("drawn", |overview: Vec<String>| Value::from(Serde(Drawing::of(&overview))));
}

/// A time as `23 Nov 2026, 18:40 UTC`.
#[expect(clippy::needless_pass_by_value, reason = "a filter is handed values")]
fn when(time: String) -> String {
    let time: Result<Timestamp, _> = time.parse();
    time.map_or(String::new(), |time| time.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string())
}

/// A share as `66.7`, without the sign.
fn percent(share: f64) -> String {
    let percent = (share * 1000.0).round() / 10.0;
    // Adding zero makes a negative zero a plain one.
    format!("{}", percent + 0.0)
}

/// A count with its thousands set apart.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// How long something lasts, in a person's words: `about 3 minutes`.
fn lasting(seconds: u64) -> String {
    let of = |count: u64, unit: &str| format!("about {count} {unit}{}", if count == 1 { "" } else { "s" });
    match seconds {
        0..=4 => "a few seconds".to_owned(),
        5..=89 => of(seconds.div_ceil(5) * 5, "second"),
        90..=5399 => of(seconds.div_ceil(60), "minute"),
        _ => of(seconds.div_ceil(3600), "hour"),
    }
}

/// How long a call took: `240 ms`, `3.2 s`.
fn took(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", ms as f64 / 1000.0) }
}

/// All trials of a run at once: a column for each case, in bands that fit a page.
#[derive(Serialize)]
struct Drawing {
    width: usize,
    height: usize,
    /// For each mark, the path of its squares.
    paths: Vec<(&'static str, String)>,
}

/// Columns in a band: as many as a telephone can show.
const COLUMNS_MAX: usize = 120;
/// A column and the gap behind it.
const PITCH: usize = 8;
/// A square, where there is room for squares.
const SIDE: usize = 6;
/// Higher columns are pressed together.
const HEIGHT_MAX: usize = 96;
const BAND_GAP: usize = 8;

/// The letters of an overview, and the mark of each.
const LETTERS: [(char, &str); 7] = [
    ('p', "passed"),
    ('f', "failed"),
    ('i', "inconclusive"),
    ('v', "invalid"),
    ('e', "errored"),
    ('b', "begun"),
    ('o', "open"),
];

impl Drawing {
    fn of(overview: &[String]) -> Drawing {
        let rows = overview.iter().map(String::len).max().unwrap_or(0).max(1);
        let high = (rows * PITCH).min(HEIGHT_MAX);
        let bands = overview.len().div_ceil(COLUMNS_MAX).max(1);
        // Bands of about the same length look like one drawing.
        let columns = overview.len().div_ceil(bands).max(1);
        let path = |(letter, mark): (char, &'static str)| {
            let columns = overview.iter().enumerate().map(|(place, trials)| {
                let (x, y) = (place % columns * PITCH, place / columns * (high + BAND_GAP));
                column(trials, letter, (x, y), high as f64 / rows as f64)
            });
            (mark, columns.collect::<String>())
        };
        let paths = LETTERS.into_iter().map(path).filter(|(_, path)| !path.is_empty()).collect();
        Drawing { width: columns * PITCH - (PITCH - SIDE), height: bands * (high + BAND_GAP) - BAND_GAP, paths }
    }
}

/// The squares of one letter in a column; those that follow each other are one where they are pressed together.
fn column(trials: &str, letter: char, (x, y): (usize, usize), pitch: f64) -> String {
    let side = pitch * SIDE as f64 / PITCH as f64;
    let mut path = String::new();
    let letters: Vec<char> = trials.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let run = letters[at..].iter().take_while(|found| **found == letter).count();
        let (length, height) = if pitch < PITCH as f64 { (run, pitch * run as f64) } else { (run.min(1), side) };
        if length > 0 {
            let top = y as f64 + at as f64 * pitch;
            path.push_str(&format!("M{x} {}h{SIDE}v{}h-{SIDE}z", rounded(top), rounded(height)));
        }
        at += length.max(1);
    }
    path
}

fn rounded(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_as_people_do() {
        assert_eq!(when("2026-11-23T18:40:09Z".into()), "23 Nov 2026, 18:40 UTC");
        assert_eq!([0.0, 0.666_667, 1.0, -0.25].map(percent).join(" "), "0 66.7 100 -25");
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped).join(" "), "0 999 1,000 1,234,567");
        let told = [3, 42, 100, 3_600, 7_300].map(lasting).join("; ");
        assert_eq!(told, "a few seconds; about 45 seconds; about 2 minutes; about 60 minutes; about 3 hours");
        assert_eq!([12, 3_200].map(took).join(" "), "12 ms 3.2 s");
    }

    #[test]
    fn every_trial_is_drawn_once() {
        let drawing = Drawing::of(&["pf".into(), "pp".into(), "bo".into()]);
        let squares = |mark: &str| {
            let path = drawing.paths.iter().find(|(of, _)| *of == mark);
            path.map_or(0, |(_, path)| path.matches('M').count())
        };
        assert_eq!(["passed", "failed", "begun", "open", "errored"].map(squares), [3, 1, 1, 1, 0]);
        assert_eq!((drawing.width, drawing.height), (22, 16));
    }

    #[test]
    fn thousands_of_cases_stand_in_bands_and_many_trials_are_pressed_together() {
        let drawing = Drawing::of(&vec!["p".repeat(100); 250]);
        assert_eq!(drawing.height, 3 * (HEIGHT_MAX + BAND_GAP) - BAND_GAP);
        assert_eq!(drawing.paths[0].1.matches('M').count(), 250, "a hundred trials alike are one stroke");
    }
}
