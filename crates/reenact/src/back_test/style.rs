//! How far two users write apart: seven counts of how their messages look.
//!
//! After the features of Zhou et al. 2026 (arXiv 2603.11245), compared by the Sørensen–Dice overlap as there. The counts
//! are those of `benchmarks/closeness.py`, which measures simulated conversations with them.

use std::sync::LazyLock;

use regex::Regex;

/// The distance of two users by their messages, 0 to 1: the mean over the counts of how little they have in common. None
/// where one of them says nothing.
pub(super) fn distance(one: &[&str], other: &[&str]) -> Option<f64> {
    let (one, other) = (counts(one)?, counts(other)?);
    let apart = one.iter().zip(&other).map(|(a, b)| if a + b > 0.0 { 1.0 - 2.0 * a.min(*b) / (a + b) } else { 0.0 });
    Some(apart.sum::<f64>() / one.len() as f64)
}

/// So few words make a short message.
const SHORT_WORDS_MAX: usize = 3;

/// The shares of short messages, of such with manners, with a question, without a closing mark and with a small first letter;
/// the mean length in words; the share of capitals.
fn counts(texts: &[&str]) -> Option<[f64; 7]> {
    let texts: Vec<&str> = texts.iter().copied().filter(|text| !text.trim().is_empty()).collect();
    if texts.is_empty() {
        return None;
    }
    let words = |text: &str| WORD.find_iter(text).count();
    let share = |is: &dyn Fn(&str) -> bool| texts.iter().filter(|text| is(text)).count() as f64 / texts.len() as f64;
    let letters: Vec<char> = texts.iter().flat_map(|text| text.chars()).filter(|c| c.is_alphabetic()).collect();
    let capitals = letters.iter().filter(|c| c.is_uppercase()).count() as f64 / letters.len().max(1) as f64;
    Some([
        share(&|text| words(text) <= SHORT_WORDS_MAX),
        share(&|text| MANNERS.is_match(text)),
        share(&|text| text.contains(['?', '？'])),
        share(&|text| text.trim_end().ends_with(char::is_alphanumeric)),
        share(&|text| text.trim_start().starts_with(char::is_lowercase)),
        texts.iter().map(|text| words(text)).sum::<usize>() as f64 / texts.len() as f64,
        capitals,
    ])
}

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[\w'’-]+").expect("a pattern of this file"));
static MANNERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:please|thank\w*|sorry|appreciate\w*)\b|谢谢|请|您好").expect("a pattern of this file")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_alike_is_near_and_who_does_not_is_far() {
        let shouts = ["HOW ARE THE MARKETS", "NO", "AND THE DOW"];
        let asks = ["Could you please tell me how the markets are doing today?", "Thank you very much."];
        assert_eq!(distance(&shouts, &shouts), Some(0.0));
        assert!(distance(&shouts, &asks).unwrap() > 0.6);
        assert_eq!(distance(&shouts, &asks), distance(&asks, &shouts));
        assert_eq!(distance(&[], &asks), None);
    }
}
