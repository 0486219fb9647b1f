//! How text becomes the words that search compares, the same for what is stored and for what is asked.
//!
//! A word is a run of letters and digits in lower case. Scripts that are written without spaces between
//! words have no such runs: there each character stands alone, and two that follow each other make one
//! term of the index, so that a phrase of two characters is found without reading any conversation.

use crate::{Conversation, Speaker};

/// Longer runs are encoded data, not words; what follows these bytes is left out, in text and query alike.
const WORD_BYTES_MAX: usize = 64;

/// A piece of text that search compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word<'a> {
    /// A run of letters and digits, in lower case.
    Run(&'a str),
    /// A character of a script that is written without spaces.
    Character(char),
}

/// The words of a text, in order.
fn each_word(text: &str, run: &mut String, mut visit: impl FnMut(Word<'_>)) {
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
        let end = (0..=run.len().min(WORD_BYTES_MAX)).rev().find(|&at| run.is_char_boundary(at));
        visit(Word::Run(&run[..end.unwrap_or(0)]));
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

/// The texts that search looks into: what was said, and the calls of tools. The operator's prompt is left
/// out: it is the same in every session of an agent, so a word of it would find them all.
pub(crate) fn searched_texts(conversation: &Conversation) -> impl Iterator<Item = &str> {
    let messages = conversation.messages.iter().filter(|message| message.speaker != Speaker::Operator);
    messages.flat_map(|message| {
        let calls = message.tool_calls.iter().flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
        std::iter::once(message.text.as_str()).chain(calls)
    })
}

/// The terms under which the index knows a text: each run of letters, each pair of unspaced characters,
/// and the last of such characters alone. So each character stands at the start of exactly one term.
pub(crate) fn each_term(text: &str, run: &mut String, mut visit: impl FnMut(&str)) {
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

/// A text that is looked for: its words must stand one after the other in one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sought(Vec<Owned>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Run(String),
    Character(char),
}

impl From<Word<'_>> for Owned {
    fn from(word: Word<'_>) -> Owned {
        match word {
            Word::Run(run) => Owned::Run(run.to_owned()),
            Word::Character(character) => Owned::Character(character),
        }
    }
}

/// A condition on the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IndexTerm {
    /// This very term.
    Exactly(String),
    /// A term that starts with this.
    StartingWith(char),
}

impl Sought {
    /// The words of a text; none where it has no letter and no digit.
    pub(crate) fn new(text: &str) -> Option<Sought> {
        let words = words_of(text);
        (!words.is_empty()).then_some(Sought(words))
    }

    /// What the index must know of every session that holds the text.
    pub(crate) fn index_terms(&self) -> Vec<IndexTerm> {
        let term = |at: usize| match (&self.0[at], self.0.get(at + 1)) {
            (Owned::Run(run), _) => Some(IndexTerm::Exactly(run.clone())),
            (Owned::Character(a), Some(Owned::Character(b))) => Some(IndexTerm::Exactly(String::from_iter([a, b]))),
            (Owned::Character(_), _) if at > 0 && matches!(self.0[at - 1], Owned::Character(_)) => None,
            (Owned::Character(alone), _) => Some(IndexTerm::StartingWith(*alone)),
        };
        (0..self.0.len()).filter_map(term).collect()
    }

    /// Whether the index alone decides: it knows words, and pairs of unspaced characters, but no order.
    pub(crate) fn is_decided_by_index(&self) -> bool {
        matches!(self.0[..], [_] | [Owned::Character(_), Owned::Character(_)])
    }

    /// Whether one text of the conversation holds the words one after the other.
    pub(crate) fn is_in(&self, conversation: &Conversation) -> bool {
        searched_texts(conversation).any(|text| words_of(text).windows(self.0.len()).any(|window| window == self.0))
    }
}

fn words_of(text: &str) -> Vec<Owned> {
    let mut words = Vec::new();
    each_word(text, &mut String::new(), |word| words.push(word.into()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, ToolCall};

    fn terms(messages: impl IntoIterator<Item = Message>) -> String {
        let mut terms = Vec::new();
        for text in searched_texts(&messages.into_iter().collect()) {
            each_term(text, &mut String::new(), |term| terms.push(term.to_owned()));
        }
        terms.join(" ")
    }

    #[test]
    fn words_are_kept_in_lower_case_and_without_punctuation() {
        let said = [Message::user("Is the market OPEN?"), Message::agent("The market: CLOSED, café 42")];
        assert_eq!(terms(said), "is the market open the market closed café 42");
    }

    #[test]
    fn chinese_is_kept_in_pairs_so_that_it_is_found_without_spaces() {
        assert_eq!(terms([Message::user("退款iPhone手")]), "退款 款 iphone 手");
    }

    #[test]
    fn the_operators_prompt_is_not_searched_but_the_calls_of_tools_are() {
        let mut calling = Message::agent("");
        calling.tool_calls.push(ToolCall { id: None, name: "get_quote".into(), arguments: r#"{"t":"AAPL"}"#.into() });
        assert_eq!(terms([Message::new(Speaker::Operator, "policy"), calling]), "get quote t aapl");
    }

    #[test]
    fn a_phrase_must_stand_in_one_text_in_its_order() {
        let phrase = Sought::new("market, Closed").unwrap();
        let said = |text: &str| Conversation::from_iter([Message::agent(text)]);
        assert!(phrase.is_in(&said("the MARKET (closed)")));
        assert!(!phrase.is_in(&said("closed market")));
        assert!(!phrase.is_in(&Conversation::from_iter([Message::user("market"), Message::agent("closed")])));
    }

    #[test]
    fn a_character_alone_is_sought_at_the_start_of_terms() {
        let sought = Sought::new("退").unwrap();
        assert_eq!(sought.index_terms(), [IndexTerm::StartingWith('退')]);
        let sought = Sought::new("要退款").unwrap();
        assert_eq!(sought.index_terms(), ["要退", "退款"].map(|pair| IndexTerm::Exactly(pair.into())));
        assert!(!sought.is_decided_by_index());
    }

    #[test]
    fn encoded_data_is_cut_at_a_whole_character() {
        let data = "é".repeat(100);
        assert_eq!(terms([Message::user(data)]), "é".repeat(32));
    }
}
