//! What a text says without its manners and frames: "could you please book me a table for two, thanks" is
//! "book me a table for two". Only ends are cut, so that each piece is a verbatim part of the text.
//!
//! A piece is a clause without the words that people put around what they say. The words are those of grammar and
//! politeness, in English and Chinese; in another language a clause stays whole.

use std::collections::BTreeSet;

use crate::distill::values::values;
use crate::text;

use super::offset;

/// A part of a sentence that carries something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// The words, as they stand in the text.
    pub(super) text: &'a str,
    /// What they are about: stems, and pairs of characters where writing has no spaces.
    pub(super) about: Vec<String>,
    /// Whether the sentence asks for something or names something; other sentences tell how the user feels and why.
    pub(super) is_wish: bool,
    /// Whether it has a number or names one particular thing.
    pub(super) names: bool,
}

impl<'a> Piece<'a> {
    fn of(text: &'a str) -> Self {
        Piece { text, about: about(text), is_wish: true, names: has_values(text) }
    }

    /// Whether it tells something that is not among what was told.
    pub(super) fn is_new(&self, told: &BTreeSet<String>) -> bool {
        self.about.iter().any(|word| !told.contains(word))
    }
}

/// Whether a text has a number or names one particular thing.
pub(super) fn has_values(text: &str) -> bool {
    let is_number = |word: &str| NUMBERS.contains(&word.to_lowercase().as_str());
    text.contains(|c: char| c.is_ascii_digit()) || text::words(text).any(is_number) || !values(text).is_empty()
}

const NUMBERS: [&str; 17] = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "fifteen", "twenty",
    "thirty", "fifty", "hundred", "thousand",
];

/// The pieces of a sentence, in order; none where it is nothing but manners.
pub(super) fn pieces(sentence: &str) -> Vec<Piece<'_>> {
    let clauses = clauses(sentence);
    let trimmed = clauses.into_iter().map(trimmed).filter(|clause| !clause.is_empty());
    trimmed.map(Piece::of).filter(|piece| !piece.about.is_empty() || is_denial(piece.text)).collect()
}

/// The words of a text without frames at its ends; empty where there is nothing else.
pub(super) fn trimmed(clause: &str) -> &str {
    if clause.chars().any(text::is_cjk) { trimmed_cjk(clause) } else { trimmed_words(clause) }
}

/// Pieces as one text: neighbours as they stood, others with a comma between them.
pub(super) fn joined(source: &str, pieces: &[Piece<'_>]) -> String {
    let mut joined = String::new();
    let mut end = 0;
    for piece in pieces {
        let start = offset(source, piece.text);
        let between = &source[end..start];
        if !joined.is_empty() {
            joined.push_str(separator(between));
        }
        joined.push_str(piece.text);
        end = start + piece.text.len();
        if piece.text.matches('"').count() % 2 == 1 && source[end..].starts_with('"') {
            joined.push('"');
        }
    }
    if source[end..].starts_with(['?', '？']) {
        joined.push_str(&source[end..end + source[end..].chars().next().map_or(0, char::len_utf8)]);
    }
    joined
}

/// What stands between two pieces: sentences stay sentences.
fn separator(between: &str) -> &'static str {
    match between.chars().find(|c| matches!(c, '.' | '!' | '?' | '\n' | '。' | '！' | '？')) {
        Some('?' | '？') => "? ",
        Some(_) => ". ",
        None if between.contains(['，', '、']) => "，",
        None if between.contains([',', ';', ':', '(', ')', '-', '—', '–']) => ", ",
        None => " ",
    }
}

/// The clauses of a sentence: they end at a comma and before a word that begins another.
fn clauses(sentence: &str) -> Vec<&str> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut end = 0;
    let words: Vec<&str> = text::words(sentence).collect();
    for (n, word) in words.iter().enumerate() {
        let at = offset(sentence, word);
        let is_parted = sentence[end..at]
            .contains([',', ';', ':', '(', ')', '—', '–', '!', '，', '、', '；', '：', '～', '…'])
            || sentence[end..at].contains(" - ");
        if end > start && (is_parted || begins_clause(&words[n..])) {
            clauses.push(&sentence[start..end]);
            start = at;
        } else if end == 0 {
            start = at;
        }
        end = at + word.len();
    }
    if end > start {
        clauses.push(&sentence[start..end]);
    }
    clauses
}

/// Whether a clause begins here: "but", or "and" before a subject, a verb of asking or a manner.
fn begins_clause(words: &[&str]) -> bool {
    let lower = |n: usize| words.get(n).map(|word| word.to_lowercase()).unwrap_or_default();
    match lower(0).as_str() {
        "but" | "because" | "since" | "so" | "although" | "though" | "while" => true,
        "and" | "or" | "then" => AFTER_AND.contains(&lower(1).as_str()),
        _ => false,
    }
}

const AFTER_AND: [&str; 30] = [
    "also", "can", "could", "do", "does", "how", "i", "i'd", "i'll", "i'm", "if", "is", "it", "it's", "let", "may",
    "my", "please", "tell", "thank", "thanks", "that", "then", "we", "what", "when", "where", "which", "would", "you",
];

fn trimmed_words(clause: &str) -> &str {
    let words: Vec<&str> = text::words(clause).collect();
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase().replace('’', "'")).collect();
    let starts_with_digit = |n: usize| lower.get(n).is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let is_date = |n: usize| lower[n] == "may" && starts_with_digit(n + 1);
    let is_head =
        |n: &usize| (HEAD.binary_search(&lower[*n].as_str()).is_ok() || follows_frame(&lower, *n)) && !is_date(*n);
    let start = (0..words.len()).take_while(is_head).count();
    if follows_thanks(&lower, start) {
        return "";
    }
    let is_time = |n: usize| lower[n] == "am" && n > 0 && starts_with_digit(n - 1);
    // "where it is" ends with what it asks.
    let is_asking =
        lower.get(start).is_some_and(|word| matches!(word.as_str(), "where" | "when" | "how" | "who" | "why"));
    let is_verb = |n: usize| is_asking && matches!(lower[n].as_str(), "is" | "are" | "was" | "were" | "do" | "does");
    let is_tail = |n: &usize| TAIL.binary_search(&lower[*n].as_str()).is_ok() && !is_time(*n) && !is_verb(*n);
    let kept = (start..words.len()).rev().find(|at| !is_tail(at));
    let Some(last) = kept else { return "" };
    let from = offset(clause, words[start]);
    let end = offset(clause, words[last]) + words[last].len();
    &clause[from..end]
}

/// What somebody is thanked for is manners as well.
fn follows_thanks(lower: &[String], at: usize) -> bool {
    let thanks = ["thank", "thanks", "appreciate", "sorry", "apologize", "apologise"];
    lower[..at].iter().any(|word| thanks.contains(&word.as_str())) && lower.get(at).is_some_and(|word| word == "for")
}

/// A piece without the frame that goals begin with, "looking for a", where it has one.
pub(super) fn without_frame(piece: &str) -> Option<&str> {
    const FRAMES: [&str; 13] = [
        "looking for",
        "looking to",
        "looking",
        "look for",
        "want to",
        "wanted to",
        "want",
        "wanted",
        "wanna",
        "trying to",
        "also",
        "please",
        "find",
    ];
    let bare = FRAMES.iter().find_map(|frame| {
        let (head, rest) = piece.split_at_checked(frame.len())?;
        (head.eq_ignore_ascii_case(frame) && rest.starts_with(' ')).then(|| trimmed(rest))
    })?;
    (!bare.is_empty()).then_some(bare)
}

/// "for" and "in" belong to the frame after "looking" and "interested".
fn follows_frame(lower: &[String], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| lower[before].as_str());
    matches!(
        (before, lower[at].as_str()),
        (Some("hoping" | "asking"), "for")
            | (Some("go" | "going"), "with" | "for")
            | (Some("ahead"), "and")
            | (Some("interested"), "in")
            | (Some("help" | "assist"), "with")
            | (Some("know" | "me"), "about")
    )
}

/// Whether a piece without a word that says what it is about still answers something.
fn is_denial(piece: &str) -> bool {
    text::words(piece).any(crate::claim::denies)
}

/// Words that a clause begins with and that do not say what it is about. Sorted.
#[rustfmt::skip]
const HEAD: &[&str] = &[
    "a", "able", "actually", "additionally", "afternoon", "again", "ah", "ahead", "all", "alright", "also", "am", "an", "and", "any", "anyway", "apologise", "apologize", "appreciate", "are", "as", "assume", "awesome", "basically", "be", "because", "been", "being", "believe", "bit", "but", "bye", "can", "cool", "could", "currently", "d", "dear", "definitely", "did", "do", "does", "doing", "evening", "everything", "excellent", "fantastic", "finally", "fine", "first", "get", "getting", "give", "go", "going", "gonna", "good", "got", "great", "guess", "had", "has", "have", "having", "hello", "help", "here", "here's", "hey", "hi", "hm", "hmm", "honestly", "hope", "hoping", "i", "i'd", "i'll", "i'm", "i've", "id", "if", "ill", "im", "interested", "is", "it", "it'll", "it's", "its", "just", "kind", "kindly", "know", "lastly", "let", "let's", "like", "love", "lovely", "make", "may", "maybe", "me", "might", "morning", "much", "my", "need", "needed", "needs", "nice", "now", "oh", "ok", "okay", "perfect", "perhaps", "please", "possibly", "pretty", "provide", "quite", "really", "right", "say", "see", "shall", "show", "since", "so", "some", "something", "sorry", "sounds", "specifically", "still", "sure", "tell", "thank", "thanks", "that", "that'll", "that's", "thats", "the", "their", "them", "then", "there", "there's", "these", "they", "think", "this", "those", "though", "to", "too", "trying", "uh", "um", "us", "very", "was", "we", "we'd", "we'll", "we're", "we've", "welcome", "well", "were", "what", "what's", "whats", "while", "will", "wish", "wonderful", "wondering", "would", "wow", "ya", "yea", "yeah", "yep", "yes", "you", "you're", "your", "yup",
];

/// Words that a clause ends with and that do not say what it is about. Sorted.
#[rustfmt::skip]
const TAIL: &[&str] = &[
    "a", "again", "all", "also", "am", "an", "and", "any", "anyway", "are", "as", "at", "available", "be", "but", "by", "can", "could", "currently", "did", "do", "does", "either", "else", "exactly", "first", "for", "from", "get", "has", "have", "help", "here", "i", "if", "in", "instead", "into", "is", "it", "just", "know", "like", "me", "moment", "my", "now", "of", "ok", "okay", "on", "or", "please", "possible", "really", "right", "so", "some", "sure", "thank", "thanks", "that", "the", "them", "then", "there", "these", "they", "this", "tho", "those", "though", "to", "too", "us", "very", "was", "well", "were", "will", "with", "would", "yes", "yet", "you", "your",
];

/// What a text is about: stems of its words without manners; pairs of characters where writing has no spaces.
pub(super) fn about(text: &str) -> Vec<String> {
    let mut about: Vec<String> = Vec::new();
    let mut before: Option<&str> = None;
    for word in text::words(text) {
        let is_cjk = word.chars().next().is_some_and(text::is_cjk);
        if is_cjk {
            if let Some(before) = before {
                about.push(format!("{before}{word}"));
            }
            before = Some(word);
            continue;
        }
        before = None;
        let lower = word.to_lowercase();
        if !text::is_stop_word(&lower) && EMPTY.binary_search(&lower.as_str()).is_err() {
            about.push(text::stem(word));
        }
    }
    about
}

/// Words that are no grammar and still tell nothing to whoever hears them. Sorted.
#[rustfmt::skip]
const EMPTY: &[&str] = &[
    "absolutely", "again", "ahead", "alright", "amazing", "anyway", "apologies", "apologise", "apologize", "appreciate", "appreciated", "assist", "assistance", "awesome", "bye", "certainly", "cheers", "clear", "confirm", "confirmed", "confirming", "continue", "correct", "course", "day", "definitely", "double-check", "enough", "ensure", "everything", "exactly", "excellent", "fantastic", "fine", "forward", "glad", "goodbye", "happy", "hear", "helpful", "helping", "hold", "inconvenience", "issue", "letting", "lot", "lovely", "luck", "mind", "moment", "nice", "note", "patience", "prefer", "problem", "proceed", "processing", "question", "questions", "quick", "reach", "see", "sense", "soon", "sorry", "sound", "sounds", "still", "talk", "thing", "think", "today", "touch", "trouble", "understand", "understanding", "understood", "wait", "wonderful", "work", "works", "worries", "wow", "yet",
];

/// A clause of writing without spaces, without the phrases of asking and of manners at its ends.
fn trimmed_cjk(clause: &str) -> &str {
    let mut rest = clause.trim_matches(|c: char| !c.is_alphanumeric());
    while let Some(frame) = CJK_HEAD.iter().find(|frame| rest.starts_with(**frame)) {
        rest = rest[frame.len()..].trim_start_matches(|c: char| !c.is_alphanumeric());
    }
    while let Some(frame) = CJK_TAIL.iter().find(|frame| rest.ends_with(**frame)) {
        rest = rest[..rest.len() - frame.len()].trim_end_matches(|c: char| !c.is_alphanumeric());
    }
    rest
}

/// Longer ones before those that they begin with.
#[rustfmt::skip]
const CJK_HEAD: &[&str] = &[
    "游玩结束后", "介绍一下", "推荐一下", "游玩以后", "玩完之后", "非常感谢", "太好了", "帮我们", "找一下", "有什么", "有没有", "查一下", "没问题", "看一下", "结束后", "给我们", "能不能", "问一下", "一下", "一个", "一家", "不错", "之后", "什么", "介绍", "他家", "你好", "准备", "另外", "可以", "告诉", "咨询", "咱们", "哈哈", "喜欢", "嗯嗯", "多谢", "她家", "好吧", "好啊", "好嘞", "好滴", "好的", "对了", "希望", "帮忙", "帮我", "您好", "想要", "感谢", "我们", "打听", "打算", "推荐", "收到", "既然", "晚上", "最后", "查查", "比较", "没事", "然后", "玩完", "看看", "知道", "给我", "继续", "能否", "自然", "行吧", "请问", "谢谢", "这个", "这么", "这家", "那么", "那就", "那边", "那里", "都有", "问问", "需要", "顺便", "麻烦", "个", "么", "也", "他", "你", "再", "到", "去", "吧", "咱", "哦", "啊", "啥", "嗯", "噢", "在", "好", "它", "家", "就", "帮", "您", "想", "我", "找", "把", "是", "有", "查", "玩", "的", "能", "行", "要", "请", "还", "这", "那", "都", "里",
];

#[rustfmt::skip]
const CJK_TAIL: &[&str] = &[
    "有什么好的建议", "介绍一下", "推荐一个", "推荐给我", "有推荐的", "还有哪些", "都有哪些", "发过来", "可以吗", "告诉我", "在哪儿", "在哪里", "就可以", "推荐下", "是什么", "是多少", "有什么", "有哪些", "谢谢你", "谢谢您", "都有啥", "一下", "一个", "一家", "什么", "住宿", "可以", "吃饭", "哈哈", "哪些", "在哪", "多少", "多谢", "好吗", "就行", "推荐", "是啥", "有啥", "游玩", "用餐", "看看", "给我", "行吗", "谢谢", "转转", "还有", "这个", "这里", "那个", "么", "了", "你", "吗", "吧", "呀", "呗", "呢", "哈", "哦", "啊", "啥", "您", "是", "有", "玩", "的", "还", "这", "都",
];
