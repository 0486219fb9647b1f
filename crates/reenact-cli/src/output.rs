//! What people see: tables, progress, errors; colour only on a terminal.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use reenact::report::statistics;
use reenact::{Error, ErrorKind, Plan, Result};
use serde::Serialize;

use crate::args::{Global, STORE_DEFAULT};

pub(crate) mod back_test;
pub(crate) mod batch;
pub(crate) mod calibration;
pub(crate) mod comparison;
pub(crate) mod curation;
pub(crate) mod estimate;
pub(crate) mod file;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod models;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod sessions;
mod table;
pub(crate) mod trial;

/// As wide as a terminal was for long, where there is no terminal to ask.
const WIDTH_WITHOUT_TERMINAL: u16 = 80;

/// Prints an error on stderr: the message, its causes below it, the hint apart.
pub(crate) fn error(error: &Error) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    note(format_args!("{red}error{red:#}: {}", printable(&error.to_string())));
    let mut source = error.source();
    while let Some(cause) = source {
        note(format_args!("  caused by: {}", printable(&cause.to_string())));
        source = cause.source();
    }
    if let Some(hint) = error.hint_text() {
        let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
        note(format_args!("   {cyan}hint{cyan:#}: {}", printable(hint)));
    }
}

/// Says on stderr which parts the embedded engine plays, because nobody else was named.
pub(crate) fn note_engines(plan: &Plan) {
    let judges = plan.judging.models_in_words();
    let note = match (plan.user_model.as_str(), judges.as_str()) {
        (OFFLINE, OFFLINE) => "offline: no model plays the users or judges; only assertions decide".to_owned(),
        (OFFLINE, judge) => format!("the users are played offline; {judge} judges"),
        (user, OFFLINE) => format!("{user} plays the users; no model judges, only assertions decide"),
        (user, judge) => format!("{user} plays the users; {judge} judges"),
    };
    self::note(note);
}

/// Says on stderr, before anything is tried, which differences the trials will be able to show.
pub(crate) fn note_power(cases: usize, plan: &Plan) {
    let tried = format!("{} x {}", counted(cases, "case"), counted(plan.trials, "trial"));
    let note = match (plan.stopping, statistics::smallest_difference(cases as u64, plan.trials.into())) {
        (Some(rule), _) => format!("trials of a case stop early ({rule}), after {} at the most", plan.trials),
        (None, None) => format!("{tried}: too few to see a difference of pass rates between two agents"),
        (None, Some(smallest)) => {
            let points = smallest * 100.0;
            format!("{tried}: differences of pass rates between two agents show from about {points:.0} points on")
        }
    };
    self::note(note);
}

/// The name of the embedded engine.
const OFFLINE: &str = "offline";

/// Prints a line for people on stderr. Where nobody can read it, there is nobody to tell.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Prints an answer for people: on stdout, unless that is for data.
pub(crate) fn answer(text: &str, global: &Global) -> Result<()> {
    if global.json {
        note(text.trim_end_matches('\n'));
        return Ok(());
    }
    self::text(text)
}

/// Prints a text for people on stdout, without its colours where they do not belong.
pub(crate) fn text(text: &str) -> Result<()> {
    written(anstream::stdout().lock().write_all(text.as_bytes()))
}

/// Prints data on stdout as JSON, one line.
pub(crate) fn json(data: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(data)
        .map_err(|source| Error::new(ErrorKind::Io, "cannot write the result as JSON").caused_by(source))?;
    line.push(b'\n');
    written(io::stdout().lock().write_all(&line))
}

/// A reader who has seen enough, as `head` has, is no error.
fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Io, "cannot write to standard output").caused_by(error))
        }
        _ => Ok(()),
    }
}

/// How a proposed command begins, so that it finds the same store.
pub(crate) fn program(store: &Path) -> String {
    if store == Path::new(STORE_DEFAULT) {
        return "reenact".to_owned();
    }
    format!("reenact --store {}", shell_word(&store.to_string_lossy()))
}

/// A word as a shell takes it, quoted where it must be, so that the line can be copied.
pub(crate) fn shell_word(word: &str) -> String {
    let word = printable(word).replace('\n', " ");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+' | ',');
    if word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A number of things, in words.
pub(crate) fn counted(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// The width to write for, in columns.
pub(crate) fn width() -> u16 {
    comfy_table::Table::new().width().unwrap_or(WIDTH_WITHOUT_TERMINAL)
}

/// Foreign text that is safe to print: control characters, which could move the cursor, recolour the
/// terminal or turn the direction of reading, are taken out; line breaks stay and tabs become spaces.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let turns_reading = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    let harmful = |c: char| c != '\n' && (c.is_control() || turns_reading(c));
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('\t', "    ").chars().filter(|&c| !harmful(c)).collect())
}

/// Foreign text in one line of at most `chars_max` characters; the mark `…` stands where it was cut.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let line = printable(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        None => line,
        Some(_) => line.chars().take(chars_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{7}\u{9b}2J\tc\r\nd\u{202e}"), "a[31mb2J    c\nd");
        assert!(matches!(printable("plain\ntext ✓"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_cut_is_marked_and_never_splits_a_character() {
        assert_eq!(shortened("äöü\n äöü", 7), "äöü äöü");
        assert_eq!(shortened("äöü\n äöü", 6), "äöü ä…");
    }
}
