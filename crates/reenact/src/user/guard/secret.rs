//! What a message must not say: a fact that is withheld or an expectation, and whether words give it away.

use std::collections::BTreeSet;

use super::values::{self, Value};
use crate::spelling::{normalised, says};
use crate::text::{content_set, sentences};

/// A text that is kept from somebody.
#[derive(Debug)]
pub(super) struct Secret {
    /// The words in their normal form.
    pub(super) normal: String,
    /// The values that it names.
    pub(super) values: Vec<Value>,
    /// The stems of its words, without those that say nothing.
    stems: BTreeSet<String>,
}

/// Words that may give a secret away.
pub(super) struct Words {
    /// In their normal form.
    pub(super) normal: String,
    /// The stems of each sentence, and of all.
    stems: Vec<BTreeSet<String>>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let stems = sentences(text).into_iter().chain([text]).map(content_set).collect();
        Words { normal: normalised(text), stems }
    }
}

/// Words that every statement about an agent has.
const FRAME: [&str; 12] =
    ["agent", "assistant", "bot", "user", "customer", "say", "tell", "state", "give", "ask", "answer", "reply"];

/// How many words of a secret must be said, and what share of them in tenths, to give it away.
const SAID_WORDS_MIN: usize = 2;
const SAID_SHARE_TENTHS: usize = 6;

impl Secret {
    pub(super) fn of(text: &str) -> Self {
        Secret { normal: normalised(text), values: values::named(text), stems: content_set(text) }
    }

    /// Whether it stands whole in words in their normal form. One such as "yes" stands in too much to mean anything.
    pub(super) fn stands_in(&self, words: &str) -> bool {
        !self.stems.is_empty() && says(words, &self.normal)
    }

    /// Those of its words that a sentence says, where they are most of those that nothing known has. One word alone gives
    /// nothing away that is not a value.
    pub(super) fn most_said_in(&self, words: &Words, known: &BTreeSet<String>) -> Option<String> {
        let is_own = |word: &&String| !known.contains(*word) && !FRAME.contains(&word.as_str());
        let own: Vec<&String> = self.stems.iter().filter(is_own).collect();
        words.stems.iter().find_map(|said| {
            let hits: Vec<&str> = own.iter().filter(|word| said.contains(**word)).map(|word| word.as_str()).collect();
            let is_most = hits.len() >= SAID_WORDS_MIN && hits.len() * 10 >= own.len() * SAID_SHARE_TENTHS;
            is_most.then(|| hits.join(" "))
        })
    }
}
