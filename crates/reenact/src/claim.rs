//! A claim: a short phrase of an agent, and the pattern that finds it said again in nearly the same words.
//!
//! The pattern keeps the words that carry the claim in their order and lets only words pass between them that do
//! not turn it round: "the market is open" is found again in "markets are currently open", not in "the market is not
//! open".

use std::fmt::Write as _;

use crate::text;

/// Words that may stand between the words of a claim without changing what it says.
const PASSING: &str =
    "is|are|was|were|be|been|has|have|will|any|the|a|your|now|still|already|currently|to|of|for|in|on|at";

/// Of these, the words that say that something is so.
const LINKING: &str = "is|are|was|were|has|have|been|will";

/// How many passing words may stand between two words of a claim.
const PASSING_MAX: u32 = 4;

/// A regular expression that matches a text in which the phrase is said again, or `None` where the phrase has no
/// words that carry anything.
pub(crate) fn pattern(phrase: &str) -> Option<String> {
    let mut pattern = String::from("(?i)");
    let mut passed = false;
    let mut carried = 0;
    for word in text::words(phrase) {
        if !carries(word) {
            passed = true;
            continue;
        }
        match carried {
            // A phrase that begins with "was" is not found in "was not".
            0 if passed => write!(pattern, r"\b(?:{LINKING}){}", gap(0)).expect("a string takes everything"),
            0 => {}
            _ => pattern.push_str(&gap(u32::from(passed))),
        }
        write!(pattern, r"\b{}", inflected(word)).expect("a string takes everything");
        (passed, carried) = (false, carried + 1);
    }
    (carried > 0).then_some(pattern)
}

/// Whether a word carries a part of a claim; what denies it does.
pub(crate) fn carries(word: &str) -> bool {
    denies(word) || !text::is_stop_word(&word.to_lowercase())
}

/// Whether a word denies what it stands with.
pub(crate) fn denies(word: &str) -> bool {
    let word = word.to_lowercase().replace('’', "'");
    matches!(word.as_str(), "no" | "not" | "never" | "none" | "cannot" | "without" | "unable") || word.ends_with("n't")
}

/// Whether a word says that something is so.
pub(crate) fn links(word: &str) -> bool {
    LINKING.split('|').any(|linking| word.eq_ignore_ascii_case(linking))
}

/// What may stand between two words, at least so much: where the phrase had words there, one must stand there again.
fn gap(least: u32) -> String {
    let most = if least > 0 { PASSING_MAX } else { 1 };
    format!(r"(?:\s+(?:{PASSING})){{{least},{most}}}\s+")
}

/// The word in singular or plural.
fn inflected(word: &str) -> String {
    let stem = text::stem(word);
    let has_plural = stem.ends_with(|c: char| c.is_alphabetic() && !text::is_cjk(c)) && !stem.ends_with("ed");
    let plural = if has_plural { "s?" } else { "" };
    format!(
        "{}{plural}{}",
        regex::escape(&stem),
        if text::is_cjk(word.chars().next_back().unwrap_or(' ')) { "" } else { r"\b" }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says_again(phrase: &str, text: &str) -> bool {
        regex::Regex::new(&pattern(phrase).unwrap()).unwrap().is_match(text)
    }

    #[test]
    fn a_claim_is_found_again_in_nearly_the_same_words() {
        for text in ["The market is open.", "US markets are currently open!", "the stock Market is now open"] {
            assert!(says_again("market is open", text), "{text}");
        }
    }

    #[test]
    fn a_claim_turned_round_is_not_the_claim() {
        for text in ["The market is not open.", "Markets are closed and open on Monday", "the market opens at 9:30"] {
            assert!(!says_again("market is open", text), "{text}");
        }
    }

    #[test]
    fn a_claim_may_begin_with_what_links_it() {
        assert!(says_again("was delivered", "Parcel 4711 was already delivered."));
        assert!(!says_again("was delivered", "Parcel 4711 was not delivered."));
    }

    #[test]
    fn a_phrase_of_passing_words_claims_nothing() {
        assert_eq!(pattern("it is on the"), None);
    }
}
