//! How text becomes the words that search compares, the same for what is stored and for what is asked.
//!
//! A word is a run of letters and digits in lower case. Scripts that are written without spaces between
//! words have no such runs: there each character stands alone, and two that follow each other make one
//! term of the index, so that a phrase of two characters is found without reading any conversation.
//!
//! Words are made here and not by a tokenizer of SQLite's, because an index needs each word of a session
//! only once: a conversation repeats itself, and what is not handed over is not paid for.

use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::{Conversation, Message, Speaker};

/// Longer runs are encoded data, not words; what follows these bytes is left out, in text and query alike.
const WORD_BYTES_MAX: usize = 64;

/// A piece of text that search compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A run of letters and digits, in lower case.
    Run(&'a str),
    /// A character of a script that is written without spaces.
    Character(char),
}

/// The words of a text, in order.
pub(super) fn each_word(text: &str, run: &mut String, mut visit: impl FnMut(Word<'_>)) {
    run.clear();
    let mut rest = text;
    while let Some(&byte) = rest.as_bytes().first() {
        if byte.is_ascii() {
            let length = rest.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
            run.push_str(&rest[..length]);
            run.make_ascii_lowercase();
            rest = &rest[length..];
            if rest.as_bytes().first().is_some_and(u8::is_ascii) {
                finish(run, &mut visit);
                rest = &rest[1..];
            }
            continue;
        }
        let Some(character) = rest.chars().next() else { break };
        rest = &rest[character.len_utf8()..];
        if is_unspaced(character) {
            finish(run, &mut visit);
            visit(Word::Character(character));
        } else if character.is_alphanumeric() || is_mark(character) && !run.is_empty() {
            run.extend(character.to_lowercase());
        } else {
            finish(run, &mut visit);
        }
    }
    finish(run, &mut visit);
}

fn finish(run: &mut String, visit: &mut impl FnMut(Word<'_>)) {
    if !run.is_empty() {
        visit(Word::Run(&run[..run.floor_char_boundary(WORD_BYTES_MAX)]));
        run.clear();
    }
}

/// Scripts without spaces between words, and Hangul, where particles grow onto the words.
fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0E00}'..='\u{0EFF}' // Thai, Lao
        | '\u{1000}'..='\u{109F}' // Myanmar
        | '\u{1100}'..='\u{11FF}' // Hangul letters
        | '\u{1780}'..='\u{17FF}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' // kana
        | '\u{3130}'..='\u{318F}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' // Chinese characters
        | '\u{AC00}'..='\u{D7AF}' // Hangul syllables
        | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FF9F}'
        | '\u{20000}'..='\u{3FFFF}')
}

/// An accent that is written as a character of its own belongs to the word before it.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{0300}'..='\u{036F}')
}

/// The texts of a message that search looks into: what was said, and the calls of tools.
pub(super) fn searched_texts(message: &Message) -> impl Iterator<Item = &str> {
    let calls = message.tool_calls.iter().flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
    std::iter::once(message.text.as_str()).chain(calls)
}

/// The messages that search looks into. The operator's prompt is left out: it is the same in every
/// session of an agent, so a word of it would find them all.
pub(super) fn searched_messages(conversation: &Conversation) -> impl Iterator<Item = &Message> {
    conversation.messages.iter().filter(|message| message.speaker != Speaker::Operator)
}

/// The terms under which the index knows a text: each run of letters, each pair of unspaced characters,
/// and the last of such characters alone. So each character stands at the start of exactly one term.
fn each_term(text: &str, run: &mut String, mut visit: impl FnMut(&str)) {
    let mut before: Option<char> = None;
    each_word(text, run, |word| match word {
        Word::Run(run) => {
            if let Some(last) = before.take() {
                visit(last.encode_utf8(&mut [0; 4]));
            }
            visit(run);
        }
        Word::Character(character) => {
            if let Some(first) = before.replace(character) {
                visit(&String::from_iter([first, character]));
            }
        }
    });
    if let Some(last) = before {
        visit(last.encode_utf8(&mut [0; 4]));
    }
}

/// Collects the distinct terms of a session, joined by spaces; kept between sessions for its memory.
#[derive(Debug, Default)]
pub(super) struct Terms {
    joined: String,
    seen: HashTable<Range<usize>>,
    hasher: DefaultHashBuilder,
    run: String,
}

impl Terms {
    /// The distinct terms of a conversation.
    pub(super) fn of(&mut self, conversation: &Conversation) -> &str {
        self.joined.clear();
        self.seen.clear();
        let mut run = std::mem::take(&mut self.run);
        for text in searched_messages(conversation).flat_map(searched_texts) {
            each_term(text, &mut run, |term| self.add(term));
        }
        self.run = run;
        &self.joined
    }

    fn add(&mut self, term: &str) {
        let hash = self.hasher.hash_one(term);
        if self.seen.find(hash, |at| self.joined[at.clone()] == *term).is_some() {
            return;
        }
        let start = self.joined.len();
        self.joined.push_str(term);
        let (joined, hasher) = (&self.joined, &self.hasher);
        self.seen.insert_unique(hash, start..joined.len(), |at| hasher.hash_one(&joined[at.clone()]));
        self.joined.push(' ');
    }
}
