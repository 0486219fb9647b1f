//! Sessions into test cases.

use std::collections::HashMap;

use crate::{Session, Skipped, TestCase, text};

pub mod evidence;
pub mod model;
mod offline;
mod quote;
pub mod values;

/// What a distillation gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distilled {
    /// The cases, in the order of the sessions.
    pub cases: Vec<TestCase>,
    /// The sessions that gave none, with the reason.
    pub skipped: Vec<Skipped>,
}

/// Distils sessions without a model.
pub fn offline(sessions: &[Session]) -> Distilled {
    let mut distilled = Distilled::default();
    for session in sessions {
        match offline::case(session) {
            Ok(case) => distilled.cases.push(case),
            Err(reason) => distilled.skipped.push(session.skipped(reason)),
        }
    }
    name(&mut distilled.cases);
    distilled
}

/// Gives each case an id from its goal; where two would be the same, a piece of the session's hash tells them apart.
fn name(cases: &mut [TestCase]) {
    let slugs: Vec<String> =
        cases.iter().map(|case| slug(&case.brief.goal, 4).unwrap_or_else(|| "case".into())).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for slug in &slugs {
        *uses.entry(slug).or_default() += 1;
    }
    for (case, slug) in cases.iter_mut().zip(&slugs) {
        let session = case.origin.as_ref().map_or("", |origin| &origin.session);
        let mark = &blake3::hash(session.as_bytes()).to_hex()[..8];
        case.id = if uses[slug.as_str()] == 1 { slug.clone() } else { format!("{slug}-{mark}") };
    }
}

/// A name from the first words of a text that carry something; `None` where it has none.
fn slug(text: &str, words_max: usize) -> Option<String> {
    let is_plain = |word: &String| word.chars().all(char::is_alphanumeric);
    let words: Vec<String> = text::content_stems(text).into_iter().filter(is_plain).take(words_max).collect();
    (!words.is_empty()).then(|| words.join("-"))
}
