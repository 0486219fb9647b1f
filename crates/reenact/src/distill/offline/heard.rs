//! Names in writing without spaces and case: what the agent wrote first and the user then repeats.
//!
//! Such a name cannot be seen in a text alone. What tells it is that the same run of characters stands in the agent's
//! words before it stands in the user's.

use std::collections::HashSet;

use crate::text;

/// Shorter runs are words that both sides have.
const RUN: usize = 4;

/// Numbers with a unit are not names.
const WRITTEN_MIN: usize = 3;

type Run = [char; RUN];

/// The runs of characters that the agent wrote before the user did.
#[derive(Default)]
pub(super) struct HeardNames {
    heard: HashSet<Run>,
    said: HashSet<Run>,
}

impl HeardNames {
    pub(super) fn hear(&mut self, sentences: &[&str]) {
        for run in sentences.iter().flat_map(|sentence| runs(sentence)) {
            if !self.said.contains(&run.0) {
                self.heard.insert(run.0);
            }
        }
    }

    pub(super) fn say(&mut self, text: &str) {
        self.said.extend(runs(text).into_iter().map(|run| run.0));
    }

    /// Where names that the agent wrote first begin and end in a text of the user's.
    pub(super) fn names(&self, text: &str) -> Vec<(usize, usize)> {
        let mut names: Vec<(usize, usize)> = Vec::new();
        for (_, start, end) in runs(text).into_iter().filter(|(run, ..)| self.heard.contains(run)) {
            match names.last_mut() {
                Some(last) if start < last.1 => last.1 = end,
                _ => names.push((start, end)),
            }
        }
        names.into_iter().map(|name| without_digits(text, name)).collect()
    }
}

/// A number beside a name is not to be torn.
fn without_digits(text: &str, (start, end): (usize, usize)) -> (usize, usize) {
    let is_digit = |c: char| c.is_ascii_digit();
    let name = text[start..end].trim_start_matches(is_digit);
    let start = end - name.len();
    (start, start + name.trim_end_matches(is_digit).len())
}

/// The runs of a text that has writing without spaces, each with its start and end.
fn runs(source: &str) -> Vec<(Run, usize, usize)> {
    if !source.chars().any(text::is_cjk) {
        return Vec::new();
    }
    let letters: Vec<(usize, char)> = source.char_indices().filter(|(_, c)| c.is_alphanumeric()).collect();
    let run = |window: &[(usize, char)]| {
        let (start, _) = window[0];
        let (last, c) = window[RUN - 1];
        ([window[0].1, window[1].1, window[2].1, window[3].1], start, last + c.len_utf8())
    };
    let is_written = |run: &Run| run.iter().filter(|c| text::is_cjk(**c)).count() >= WRITTEN_MIN;
    letters.windows(RUN).map(run).filter(|(run, ..)| is_written(run)).collect()
}
