//! Finding a quote again in the text that it was taken from.
//!
//! Whoever quotes straightens quotation marks, joins lines and changes case. The words are looked up
//! without minding that, and what comes back are the words of the text itself.

use std::ops::Range;

use crate::{Conversation, Evidence, Speaker};

/// Where the words stand that a part of a case comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The message, counted from 0.
    pub message: usize,
    /// The bytes of its text.
    pub bytes: Range<usize>,
}

/// Where a recording has the words that a piece of evidence quotes: in the user's message of its turn, or else in what follows until the next one.
///
/// ```
/// use reenact::quote::quoted;
/// use reenact::{Conversation, Evidence, Message};
///
/// let recording: Conversation = [Message::user("hi"), Message::agent("hello"), Message::user("My parcel 4711!")].into_iter().collect();
/// let evidence = Evidence { field: "goal".into(), turn: 2, quote: "parcel 4711".into() };
/// let quoted = quoted(&evidence, &recording).unwrap();
/// assert_eq!((quoted.message, &recording.messages[2].text[quoted.bytes]), (2, "parcel 4711"));
/// ```
#[must_use]
pub fn quoted(evidence: &Evidence, recording: &Conversation) -> Option<Quoted> {
    let mut turn = 0;
    let of_turn = recording.messages.iter().enumerate().filter(|(_, message)| {
        turn += u32::from(message.speaker == Speaker::User);
        turn == evidence.turn
    });
    let mut found = of_turn.filter_map(|(message, said)| {
        let words = find(&said.text, &evidence.quote)?;
        let start = words.as_ptr() as usize - said.text.as_ptr() as usize;
        Some(Quoted { message, bytes: start..start + words.len() })
    });
    found.next()
}

/// The part of `text` that `quote` quotes, as whole words; `None` where it is not in the text.
pub(crate) fn find<'a>(text: &'a str, quote: &str) -> Option<&'a str> {
    let verbatim = quote.trim();
    let start = text.find(verbatim).filter(|start| is_bounded(text, *start, *start + verbatim.len()));
    match start {
        Some(start) if !verbatim.is_empty() => Some(&text[start..start + verbatim.len()]),
        _ => find_folded(text, quote),
    }
}

/// As [`find`], without minding what changes in quoting.
fn find_folded<'a>(text: &'a str, quote: &str) -> Option<&'a str> {
    let quote = Folded::of(quote);
    let wanted = quote.text.trim_matches(|c: char| c == ' ' || c == '"' || c == '\'' || c == '.');
    if wanted.is_empty() {
        return None;
    }
    let folded = Folded::of(text);
    let is_whole = |start: &usize| is_bounded(&folded.text, *start, *start + wanted.len());
    let start = starts(&folded.text, wanted).find(is_whole)?;
    Some(&text[folded.sources[start].0..folded.sources[start + wanted.len() - 1].1])
}

/// Where the wanted text begins, each place counted, also one that lies within another.
fn starts<'a>(text: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    std::iter::successors(text.find(wanted), move |at| {
        let next = at + text[*at..].chars().next()?.len_utf8();
        Some(next + text[next..].find(wanted)?)
    })
}

/// A text without what may change in quoting, and for each of its bytes the source's start and end.
struct Folded {
    text: String,
    sources: Vec<(usize, usize)>,
}

impl Folded {
    fn of(source: &str) -> Self {
        let mut folded =
            Folded { text: String::with_capacity(source.len()), sources: Vec::with_capacity(source.len()) };
        for (start, c) in source.char_indices() {
            let end = start + c.len_utf8();
            match c {
                _ if c.is_whitespace() && folded.text.ends_with(' ') => {}
                _ if c.is_whitespace() => folded.push(' ', start, end),
                '“' | '”' | '„' | '«' | '»' | '「' | '」' => folded.push('"', start, end),
                '‘' | '’' | '‚' | '`' | '´' => folded.push('\'', start, end),
                '‐' | '‑' | '–' | '—' | '−' => folded.push('-', start, end),
                '…' => (0..3).for_each(|_| folded.push('.', start, end)),
                _ => c.to_lowercase().for_each(|lower| folded.push(lower, start, end)),
            }
        }
        folded
    }

    fn push(&mut self, c: char, start: usize, end: usize) {
        self.text.push(c);
        self.sources.resize(self.text.len(), (start, end));
    }
}

/// Whether no word goes on beyond either end. Only letters with case are minded, because writing
/// without case (Chinese, Japanese) has no spaces between words.
fn is_bounded(text: &str, start: usize, end: usize) -> bool {
    let goes_on = |a: Option<char>, b: Option<char>| a.is_some_and(is_word) && b.is_some_and(is_word);
    !goes_on(text[..start].chars().next_back(), text[start..].chars().next())
        && !goes_on(text[..end].chars().next_back(), text[end..].chars().next())
}

fn is_word(c: char) -> bool {
    c.is_lowercase() || c.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_found_in_spite_of_marks_case_and_line_breaks() {
        let text = "it’s  saturday,\nmarkets are “CLOSED” – right?";
        assert_eq!(find(text, "It's saturday, markets are \"closed\""), Some("it’s  saturday,\nmarkets are “CLOSED"));
        assert_eq!(find(text, "\"closed\" - right?"), Some("CLOSED” – right?"));
        assert_eq!(find("我想订酒店，谢谢", "订酒店"), Some("订酒店"));
    }

    #[test]
    fn a_quote_is_not_found_inside_a_word_or_from_nothing() {
        assert_eq!(find("I know that, no?", "no"), Some("no"));
        assert_eq!(find("ac C C", "c c"), Some("C C"));
        assert_eq!(find("I know that", "no"), None);
        assert_eq!(find("anything", " \"…\" "), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_found_is_always_a_part_of_the_text(text in "[a-c “”’.İ\n…中]{0,30}", quote in "[a-c \"'.i中]{0,8}") {
            if let Some(found) = find(&text, &quote) {
                proptest::prop_assert!(!found.is_empty() && text.contains(found));
            }
        }

        #[test]
        fn words_cut_from_a_text_are_found_in_it(before in "[a-c]{0,5}", words in "[d-fA-C][d-fA-C “’–]{0,20}", after in "[a-c]{0,5}") {
            let text = format!("{before} {words} {after}");
            proptest::prop_assert!(find(&text, &words.to_lowercase()).is_some());
        }
    }
}
