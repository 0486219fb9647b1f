//! A text as a YAML scalar, in the plainest form that every reader takes for the same text.
//!
//! Readers of YAML 1.1 are many (Python's among them) and take `no`, `1:30` and `2024-05-01` for other
//! things than text, so such words are quoted although YAML 1.2 would not ask for it.

use std::fmt::Write as _;

use super::tree::{Meaning, meaning};

/// What stands around a scalar, and so which characters mean something there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// After `key: ` or `- `, to the end of the line.
    Block,
    /// Between brackets, or before the colon of a key.
    Flow,
}

/// The text where it may take several lines, indented by `indent`; `room` is what the first line has left.
pub(super) fn anywhere(text: &str, indent: usize, room: usize) -> String {
    if !reads_in_block(text) {
        return one_line(text, Spot::Block);
    }
    if text.contains('\n') {
        return literal(text, indent);
    }
    let is_long = text.chars().count() > room && text.contains(' ');
    if is_long { folded(text, indent) } else { one_line(text, Spot::Block) }
}

/// The text on one line.
pub(super) fn one_line(text: &str, spot: Spot) -> String {
    let needs_escapes = text.contains(needs_escape);
    if !needs_escapes && is_plain(text, spot) {
        return text.to_owned();
    }
    if !needs_escapes && text.contains(['"', '\\']) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    double_quoted(text)
}

/// Whether the text keeps every character as a block: no blanks at its ends or at the end of a line, which
/// editors take away, no more than one line break at its end, and nothing that needs an escape.
fn reads_in_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let starts_and_ends = !body.starts_with(char::is_whitespace) && !body.ends_with(char::is_whitespace);
    let lines_end = body.split('\n').all(|line| line.trim_end() == line);
    !body.is_empty() && starts_and_ends && lines_end && !body.contains(|c| c != '\n' && needs_escape(c))
}

fn literal(text: &str, indent: usize) -> String {
    let (head, body) = match text.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", text),
    };
    let mut out = head.to_owned();
    for line in body.split('\n') {
        push_line(&mut out, line, indent);
    }
    out
}

/// A long line over several; a reader joins them by single blanks again.
fn folded(text: &str, indent: usize) -> String {
    const WIDTH: usize = 100;
    let width = WIDTH.saturating_sub(indent).max(40);
    let mut out = ">-".to_owned();
    let mut line = String::new();
    let mut length = 0;
    for word in words(text) {
        let word_length = word.chars().count();
        if !line.is_empty() && length + 1 + word_length > width {
            push_line(&mut out, &line, indent);
            line.clear();
            length = 0;
        }
        if !line.is_empty() {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += word_length;
    }
    push_line(&mut out, &line, indent);
    out
}

/// The text cut at its single blanks, the only places where a line may break; more than one stay inside.
fn words(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_blank = |index: usize| matches!(bytes.get(index), Some(b' ' | b'\t'));
    let mut words = Vec::new();
    let mut start = 0;
    for index in 1..bytes.len() {
        if bytes[index] == b' ' && !is_blank(index - 1) && !is_blank(index + 1) {
            words.push(&text[start..index]);
            start = index + 1;
        }
    }
    words.push(&text[start..]);
    words
}

fn push_line(out: &mut String, line: &str, indent: usize) {
    out.push('\n');
    if !line.is_empty() {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(line);
    }
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => {
                let code = u32::from(c);
                let _ = if code > 0xFFFF { write!(out, "\\U{code:08X}") } else { write!(out, "\\u{code:04X}") };
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A character that YAML does not take as it is, or that an eye does not see.
fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn is_plain(text: &str, spot: Spot) -> bool {
    const INDICATORS: [char; 19] =
        ['-', '?', ':', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`'];
    let starts_plain = text.chars().next().is_some_and(|c| !INDICATORS.contains(&c));
    let is_trimmed = text.trim() == text;
    let has_mark = text.contains(": ") || text.ends_with(':') || text.contains(" #");
    let has_flow_mark = spot == Spot::Flow && text.contains([',', '[', ']', '{', '}', ':', '#', '?']);
    starts_plain && is_trimmed && !has_mark && !has_flow_mark && !is_other_than_text(text)
}

/// Whether some reader takes the plain text for a number, a date, a truth value, nothing or a mark.
fn is_other_than_text(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_word = matches!(
        lower.as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | "=" | "<<" | ".inf" | ".nan"
    );
    let is_mark = text.starts_with("---") || text.starts_with("...");
    let is_prefixed = ["0x", "0o", "0b"].iter().any(|prefix| lower.trim_start_matches(['+', '-']).starts_with(prefix));
    let starts_number = lower.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    // All that numbers, dates, times of day and `.inf` are made of.
    let is_number_like = starts_number && lower.chars().all(|c| c.is_ascii_digit() || "_.:+- etzinf".contains(c));
    is_word || is_mark || is_prefixed || is_number_like || !matches!(meaning(text), Meaning::Text)
}
