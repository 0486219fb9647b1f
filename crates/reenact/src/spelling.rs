//! The normal form of a text: what two spellings of the same words have in common.
//!
//! It is a string of lower-case words with one space before, between and after them, so
//! that a phrase occurs in a text if and only if its normal form is a substring of the text's.

use std::borrow::Cow;
use std::str::Chars;

use crate::text::is_cjk;

/// The normal form of a text. Case, punctuation, possessives, thousands separators, ordinals and
/// the spelling of a time of day (to the half day) do not count; each CJK character is a word.
pub(crate) fn normalised(text: &str) -> String {
    let mut form = String::with_capacity(text.len() + 2);
    form.push(' ');
    let mut last = ' ';
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        push(&mut form, c, last, &mut rest);
        last = c;
    }
    end_word(&mut form);
    if form.bytes().any(|b| b.is_ascii_digit()) { with_plain_numbers(&form) } else { form }
}

/// Whether a phrase occurs in a text; both are normal forms. The empty phrase occurs nowhere.
pub(crate) fn says(text: &str, phrase: &str) -> bool {
    phrase.len() > 2 && text.contains(phrase)
}

fn push(form: &mut String, c: char, last: char, rest: &mut Chars<'_>) {
    let next = rest.clone().next().unwrap_or(' ');
    match c {
        _ if is_cjk(c) => {
            end_word(form);
            form.push(c);
            form.push(' ');
        }
        _ if c.is_alphanumeric() || c == '_' => form.extend(c.to_lowercase()),
        '\'' | '’' | '‘' if last.is_alphabetic() => skip_possessive(rest),
        ',' if last.is_ascii_digit() && is_thousands(rest.as_str()) => {}
        '.' | ':' if last.is_ascii_digit() && next.is_ascii_digit() => form.push(c),
        _ => end_word(form),
    }
}

fn end_word(form: &mut String) {
    if !form.ends_with(' ') {
        form.push(' ');
    }
}

fn skip_possessive(rest: &mut Chars<'_>) {
    let mut ahead = rest.clone();
    let is_s = matches!(ahead.next(), Some('s' | 'S'));
    if is_s && !ahead.next().is_some_and(char::is_alphanumeric) {
        rest.next();
    }
}

fn is_thousands(rest: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits == 3
}

/// Numbers and times in one spelling: `20th` is `20`, `17.00` is `17`, `5:30 pm` and `17:30` are one.
fn with_plain_numbers(form: &str) -> String {
    let words: Vec<&str> = form.split_whitespace().collect();
    let mut plain = String::with_capacity(form.len());
    plain.push(' ');
    let mut at = 0;
    while at < words.len() {
        let (word, taken) = plain_number(&words[at..]);
        plain.push_str(&word);
        plain.push(' ');
        at += taken;
    }
    plain
}

fn plain_number<'a>(words: &[&'a str]) -> (Cow<'a, str>, usize) {
    let word = words[0];
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return (word.into(), 1);
    }
    if let Some((time, taken)) = time_of_day(words) {
        return (time.into(), taken);
    }
    let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    if matches!(&word[digits.len()..], "st" | "nd" | "rd" | "th") {
        return (digits.into(), 1);
    }
    match word.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => (whole.into(), 1),
        _ => (word.into(), 1),
    }
}

/// A time at the front of the words, as its minutes within half a day, and how many words it takes.
fn time_of_day(words: &[&str]) -> Option<(String, usize)> {
    let digits = words[0].trim_end_matches(|c: char| !c.is_ascii_digit());
    let half_day = match (&words[0][digits.len()..], words.get(1), words.get(2)) {
        ("am" | "pm", ..) => 1,
        ("", Some(&("am" | "pm")), _) => 2,
        ("", Some(&("a" | "p")), Some(&"m")) => 3,
        ("", ..) => 0,
        _ => return None,
    };
    let clock = if half_day > 0 { digits.replace('.', ":") } else { digits.to_owned() };
    let (hour, minute) = match clock.split_once(':') {
        Some((hour, minute)) => (hour, minute.get(..2)?),
        None if half_day > 0 => (clock.as_str(), "00"),
        None => return None,
    };
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then(|| (format!("t{:02}{minute:02}", hour % 12), half_day.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_value_have_one_normal_form() {
        for (one, other) in [
            ("5:30 PM", "17:30"),
            ("5 p.m.", "5pm"),
            ("$1,700.00", "1700"),
            ("May 20th", "may 20"),
            ("Mei’s order", "mei order"),
            ("#W123-4", "w123 4"),
        ] {
            assert_eq!(normalised(one), normalised(other), "{one} and {other}");
        }
    }

    #[test]
    fn a_phrase_is_found_as_words_and_not_as_letters() {
        let text = normalised("Flights to Newark, 3 of them; 想订酒店");
        assert!(says(&text, &normalised("newark")));
        assert!(says(&text, &normalised("酒店")));
        assert!(!says(&text, &normalised("New")));
        assert!(!says(&text, &normalised("?!")));
    }
}
