//! A text as pieces of one kind of sign each, so that a value is found again however it is spaced, dashed or cased.

use std::ops::Range;

use crate::text::is_cjk;

/// What the signs of a piece are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signs {
    Digits,
    Letters,
    /// One character that is written without spaces.
    Character,
}

/// A run of letters, or of digits, or one Chinese or Japanese character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) signs: Signs,
}

/// What may stand between two pieces of one value.
const BETWEEN: &str = " -–._()/@+·\u{a0}";

/// As many such signs may stand there: `(555) 123` has two.
const BETWEEN_MAX: usize = 2;

/// The pieces of a text, in order. An escape of JSON belongs to no word: in `\nMei` the name is Mei.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut signs = text.char_indices().peekable();
    while let Some((at, c)) = signs.next() {
        if c == '\\' {
            signs.next_if(|(_, escaped)| matches!(escaped, 'n' | 'r' | 't'));
            continue;
        }
        let Some(kind) = signs_of(c) else { continue };
        let end = at + c.len_utf8();
        match pieces.last_mut() {
            Some(last) if last.range.end == at && last.signs == kind && kind != Signs::Character => {
                last.range.end = end;
            }
            _ => pieces.push(Piece { range: at..end, signs: kind }),
        }
    }
    pieces
}

fn signs_of(c: char) -> Option<Signs> {
    match c {
        _ if c.is_ascii_digit() => Some(Signs::Digits),
        _ if is_cjk(c) => Some(Signs::Character),
        _ if c.is_alphanumeric() => Some(Signs::Letters),
        _ => None,
    }
}

/// Whether two neighbours may be parts of one value.
pub(super) fn may_join(text: &str, one: &Piece, next: &Piece) -> bool {
    let between = &text[one.range.end..next.range.start];
    between.chars().count() <= BETWEEN_MAX && between.chars().all(|c| BETWEEN.contains(c))
}

/// What all spellings of a value have in common: its letters and digits, in lower case.
pub(super) fn canonical(text: &str) -> String {
    pieces(text).iter().flat_map(|piece| text[piece.range.clone()].chars()).flat_map(char::to_lowercase).collect()
}
