//! Recorded sessions on the terminal: a list of them, and one as a person would read it.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{Attribute, Cell, ColumnConstraint, Table, Width};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reenact::{Message, Session, SessionSummary, Speaker, ToolCall};

use super::trial::speaker;
use super::{printable, shortened, table};

/// Tool results and operators' prompts run to pages.
const LONG_CHARS_MAX: usize = 400;
/// Enough of the first words to tell one session from another in a line or two.
const OPENING_CHARS_MAX: usize = 80;

/// How much of long texts is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Shortened,
    Whole,
}

/// A table of sessions under their short ids, and how many of how many they are.
pub(crate) fn list(rows: &[(String, SessionSummary)], matched: usize, width: u16) -> String {
    let mut table = table::new(width);
    table.set_header(["session", "began (UTC)", "turns", "first words"].map(dim));
    for (short_id, session) in rows {
        let began = session.started_at.map_or_else(String::new, minute);
        let opening = shortened(&session.opening, OPENING_CHARS_MAX);
        table.add_row([printable(short_id).as_ref(), &began, &session.turns.to_string(), &opening]);
    }
    let date = ColumnConstraint::Absolute(Width::Fixed(18));
    let turns = ColumnConstraint::Absolute(Width::Fixed(7));
    let id = ColumnConstraint::UpperBoundary(Width::Percentage(40));
    table.set_constraints([id, date, turns, ColumnConstraint::LowerBoundary(Width::Fixed(16))]);
    format!("{}\n{}\n", table::lines(&table), counts(rows.len(), matched))
}

fn counts(shown: usize, matched: usize) -> String {
    let sessions = if matched == 1 { "1 session".to_owned() } else { format!("{matched} sessions") };
    if shown == matched { sessions } else { format!("{sessions}, the newest {shown} shown; --limit N shows more") }
}

/// All that is known of a session, then its turns.
pub(crate) fn session(session: &Session, length: Length, width: u16) -> String {
    let bold = Style::new().bold();
    let mut text = format!("{bold}session {}{bold:#}\n", printable(&session.id));
    let _ = write!(text, "{}\n{}", facts(session, width), conversation(session, length, width));
    text
}

fn facts(session: &Session, width: u16) -> String {
    let mut rows = vec![("source".to_owned(), session.source.clone())];
    rows.extend(session.started_at.map(|at| ("began".to_owned(), second(at))));
    rows.extend(session.metadata.clone());
    let mut table = table::new(width);
    table.add_rows(rows.iter().map(|(name, value)| [dim(&printable(name)), Cell::new(printable(value))]));
    table::lines(&table)
}

fn conversation(session: &Session, length: Length, width: u16) -> String {
    let mut table = table::new(width);
    table.set_header(["turn", "who", "what"].map(dim));
    let mut turn = 0;
    for message in &session.conversation.messages {
        let opens = message.speaker == Speaker::User;
        turn += usize::from(opens);
        let number = if opens { turn.to_string() } else { String::new() };
        table.add_row([Cell::new(number), who(message.speaker), Cell::new(what(message, length))]);
    }
    set_columns(&mut table);
    table::lines(&table)
}

fn set_columns(table: &mut Table) {
    let fixed = |columns| ColumnConstraint::Absolute(Width::Fixed(columns));
    table.set_constraints([fixed(6), fixed(10), ColumnConstraint::LowerBoundary(Width::Fixed(20))]);
}

fn who(who: Speaker) -> Cell {
    let cell = Cell::new(speaker(who));
    if who == Speaker::User { cell.add_attribute(Attribute::Bold) } else { cell }
}

/// What was said, and below it, set in, the tools that were called.
fn what(message: &Message, length: Length) -> String {
    let is_for_people = matches!(message.speaker, Speaker::User | Speaker::Agent);
    let said = match length {
        Length::Shortened if !is_for_people => cut(&message.text),
        _ => printable(&message.text).into_owned(),
    };
    let call = |call: &ToolCall| {
        let arguments = match length {
            Length::Shortened => cut(&call.arguments),
            Length::Whole => printable(&call.arguments).into_owned(),
        };
        format!("  calls {} {arguments}", printable(&call.name))
    };
    let name = message.name.iter().map(|name| format!("{}:", printable(name)));
    let said = (!said.trim().is_empty()).then_some(said);
    name.chain(said).chain(message.tool_calls.iter().map(call)).collect::<Vec<_>>().join("\n")
}

/// The beginning of a long text, with how much of it is left out.
fn cut(text: &str) -> String {
    let characters = text.chars().count();
    if characters <= LONG_CHARS_MAX {
        return printable(text).into_owned();
    }
    let left_out = characters - LONG_CHARS_MAX;
    let beginning: String = text.chars().take(LONG_CHARS_MAX).collect();
    format!("{}… [{left_out} more characters; --full shows them]", printable(&beginning))
}

fn dim(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Dim)
}

fn minute(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string()
}

fn second(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
