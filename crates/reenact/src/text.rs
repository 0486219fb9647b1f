//! How text is cut into sentences and words, the same for distilling, simulating and aligning.
//!
//! Everything returns slices of the text that it was given, so that a quote stays verbatim.

use std::collections::BTreeSet;

/// The sentences of a text, in order, each trimmed and none empty. A line break always ends one.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (end, c) in text.char_indices() {
        let after = end + c.len_utf8();
        if ends_sentence(text, start, end, c) {
            push_trimmed(&mut found, &text[start..after]);
            start = after;
        }
    }
    push_trimmed(&mut found, &text[start..]);
    found
}

fn push_trimmed<'a>(found: &mut Vec<&'a str>, piece: &'a str) {
    let piece = piece.trim();
    if piece.chars().any(char::is_alphanumeric) {
        found.push(piece);
    }
}

fn ends_sentence(text: &str, start: usize, at: usize, c: char) -> bool {
    let rest = &text[at + c.len_utf8()..];
    match c {
        '\n' | '。' | '！' | '？' => true,
        '!' | '?' => !rest.starts_with(['!', '?', '.', '"', '\'', ')']),
        '.' => rest.starts_with(char::is_whitespace) && !is_abbreviated(&text[start..at]),
        _ => false,
    }
}

/// Words that a full stop shortens rather than ends.
const ABBREVIATIONS: [&str; 14] =
    ["approx", "dr", "e.g", "etc", "i.e", "inc", "jr", "mr", "mrs", "ms", "no", "prof", "st", "vs"];

fn is_abbreviated(before: &str) -> bool {
    let word = before.rsplit(char::is_whitespace).next().unwrap_or("");
    let is_list_number = before.trim() == word && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    // "No." shortens "number" only where it does not stand alone as an answer.
    let is_answer = before.trim() == word && word.eq_ignore_ascii_case("no");
    let shortens = ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known)) && !is_answer;
    is_list_number || shortens || word.chars().count() == 1 && word != "I"
}

/// Whether a character is written without spaces around words.
pub(crate) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The words of a text: runs of letters and digits, with what holds them together inside (`user_id`,
/// `o'clock`, `10:30`, `a@b.c`). Chinese and Japanese characters are words of their own.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(|c: char| c.is_alphanumeric() || c == '#')?;
        let tail = &rest[start..];
        let end = word_end(tail);
        rest = &tail[end..];
        Some(&tail[..end])
    })
}

fn word_end(tail: &str) -> usize {
    let mut chars = tail.char_indices().peekable();
    let Some((_, first)) = chars.next() else { return 0 };
    if is_cjk(first) {
        return first.len_utf8();
    }
    while let Some((at, c)) = chars.next() {
        let joins = matches!(c, '\'' | '’' | '_' | '-' | ':' | '@' | '.' | ',' | '/')
            && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric() && !is_cjk(*next))
            && (!matches!(c, ',' | '.' | '/' | ':') || holds_together(tail, at, c));
        let continues = c.is_alphanumeric() && !is_cjk(c);
        if !continues && !joins {
            return at;
        }
    }
    tail.len()
}

/// A comma, colon or slash joins digits only; a full stop also joins an e-mail address.
fn holds_together(tail: &str, at: usize, c: char) -> bool {
    if c == '.' && tail.split_whitespace().next().is_some_and(|token| token.contains('@')) {
        return true;
    }
    let before = tail[..at].chars().next_back().is_some_and(|c| c.is_ascii_digit());
    let after = tail[at + c.len_utf8()..].chars().next().is_some_and(|c| c.is_ascii_digit());
    before && after
}

/// A word in the form in which words are compared: lower case, light plural removed.
pub(crate) fn stem(word: &str) -> String {
    let mut stem = word.to_lowercase();
    if let Some(bare) = stem.strip_suffix("'s").or_else(|| stem.strip_suffix("’s")) {
        stem.truncate(bare.len());
    }
    let is_plural = stem.len() > 3 && stem.ends_with('s') && !stem.ends_with("ss");
    if is_plural && stem.bytes().all(|b| b.is_ascii_lowercase()) {
        stem.pop();
    }
    stem
}

/// Words that say nothing about what a text is about. Sorted.
const STOP_WORDS: [&str; 156] = [
    "a", "about", "all", "also", "am", "an", "and", "any", "anything", "are", "as", "at", "be", "because", "been",
    "being", "but", "by", "bye", "can", "could", "did", "do", "does", "don't", "else", "for", "from", "get", "give",
    "go", "good", "goodbye", "got", "great", "had", "has", "have", "hello", "help", "here", "hey", "hi", "him", "how",
    "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "it", "it's", "just", "kindly", "know", "let", "like",
    "look", "looking", "make", "may", "me", "might", "more", "my", "need", "no", "not", "now", "of", "off", "ok",
    "okay", "on", "one", "or", "our", "out", "over", "perfect", "please", "provide", "really", "right", "shall",
    "share", "she", "should", "so", "some", "specify", "sure", "tell", "than", "thank", "thanks", "that", "that's",
    "the", "their", "them", "then", "there", "there's", "these", "they", "this", "those", "to", "too", "up", "us",
    "very", "want", "was", "we", "we'll", "welcome", "well", "were", "what", "what's", "when", "where", "which",
    "while", "who", "why", "will", "with", "would", "yeah", "yep", "yes", "you", "you'd", "you'll", "you're", "you've",
    "your", "yours", "yourself", "了", "你", "吗", "呢", "好", "您", "我", "是", "的", "请",
];

/// Whether a word says nothing about what a text is about.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Whether all words of a text are among those of another.
pub(crate) fn stands_in(text: &str, other: &str) -> bool {
    let said: BTreeSet<String> = words(other).map(stem).collect();
    words(text).all(|word| said.contains(&stem(word)))
}

/// The stems of the words that say what a text is about, in order, with repeats.
pub(crate) fn content_stems(text: &str) -> Vec<String> {
    words(text).filter(|w| !is_stop_word(&w.to_lowercase())).map(stem).collect()
}

/// The distinct stems of the words that say what a text is about.
pub(crate) fn content_set(text: &str) -> BTreeSet<String> {
    content_stems(text).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_so_that_they_can_be_searched() {
        assert!(STOP_WORDS.is_sorted(), "{:?}", STOP_WORDS.windows(2).find(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        assert_eq!(
            sentences("Hi! My order no. 4711 came e.g. late. 1. It cost $3.50?! No. Dr. Who knows"),
            ["Hi!", "My order no. 4711 came e.g. late.", "1. It cost $3.50?!", "No.", "Dr. Who knows"]
        );
        assert_eq!(sentences("你好。我想订酒店！多少钱？"), ["你好。", "我想订酒店！", "多少钱？"]);
        assert_eq!(sentences("...\n\n- "), Vec::<&str>::new());
    }

    #[test]
    fn words_keep_together_what_belongs_together() {
        let found: Vec<_> = words("my user_id is a.b@c.de, o'clock 10:30, #W12; $1,200.50. 酒店2").collect();
        assert_eq!(found, ["my", "user_id", "is", "a.b@c.de", "o'clock", "10:30", "#W12", "1,200.50", "酒", "店", "2"]);
    }

    #[test]
    fn content_leaves_out_manners() {
        assert_eq!(content_stems("Could you please provide your order numbers?"), ["order", "number"]);
    }
}
