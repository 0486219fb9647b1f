//! The band of manners within which the recorded user writes: length, case, politeness, layout, script.

use crate::{TestCase, text};

/// Fewer words of a user than these show no style.
const WORDS_MIN: usize = 12;
const SAMPLES_MIN: usize = 2;

/// Who never said please or thank you in so many messages does not.
const SAMPLES_FOR_MANNERS: usize = 4;

/// A message may be this much longer than the longest of the recording: twice, and a sentence more.
const LENGTH_FACTOR: usize = 2;
const LENGTH_ROOM: usize = 12;

/// What the recorded user's messages have in common.
#[derive(Debug)]
pub(super) struct Style {
    words_max: usize,
    case: Option<Case>,
    is_polite: bool,
    has_layout: bool,
    scripts: Vec<Script>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Capitals,
    Mixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Cjk,
    Other,
}

impl Style {
    /// The style of the words that the case took from its recording; none where those are too few to show one.
    pub(super) fn recorded(case: &TestCase) -> Option<Self> {
        // A variant of the recorded user is not to write as it did.
        if case.variant.is_some() {
            return None;
        }
        let quotes = case.origin.iter().flat_map(|origin| &origin.evidence).map(|evidence| evidence.quote.as_str());
        let mut samples: Vec<&str> = Vec::new();
        for sample in case.brief.opening.as_deref().into_iter().chain(quotes) {
            if !samples.iter().any(|other| other.contains(sample)) {
                samples.push(sample);
            }
        }
        let words: Vec<usize> = samples.iter().map(|sample| text::words(sample).count()).collect();
        if samples.len() < SAMPLES_MIN || words.iter().sum::<usize>() < WORDS_MIN {
            return None;
        }
        Some(Style {
            words_max: words.into_iter().max().unwrap_or(0) * LENGTH_FACTOR + LENGTH_ROOM,
            case: case_of(&samples.join(" ")),
            is_polite: samples.len() < SAMPLES_FOR_MANNERS || samples.iter().any(|sample| manners(sample) > 0),
            has_layout: samples.iter().any(|sample| has_layout(sample)),
            scripts: samples.iter().filter_map(|sample| script_of(sample)).collect(),
        })
    }

    /// How a message leaves the style, in a line.
    pub(super) fn left_by(&self, message: &str) -> Option<String> {
        let words = text::words(message).count();
        if words > self.words_max {
            return Some(format!(
                "it has {words} words, and a message of the recorded user at most {}",
                self.words_max
            ));
        }
        let reason = match (case_of(message), self.case) {
            (Some(Case::Mixed), Some(Case::Capitals)) => "it is not in capitals, and the recorded user's messages are",
            (Some(Case::Capitals), Some(Case::Mixed)) => "it is in capitals, and the recorded user's messages are not",
            _ if !self.is_polite && manners(message) > 1 => "it thanks and begs, and the recorded user never does",
            _ if !self.has_layout && has_layout(message) => {
                "it is laid out as a list or with headings, as no user writes"
            }
            _ if script_of(message).is_some_and(|script| !self.scripts.contains(&script)) => {
                "it is in another writing than the recorded user's messages"
            }
            _ => return None,
        };
        Some(reason.to_owned())
    }
}

/// Whether a text is mostly in capitals; unclear in a short one, and where there is no case.
fn case_of(text: &str) -> Option<Case> {
    let count = |is: fn(char) -> bool| text.chars().filter(|c| is(*c)).count();
    let (upper, lower) = (count(char::is_uppercase), count(char::is_lowercase));
    match upper + lower {
        0..=11 => None,
        _ if upper > 2 * lower => Some(Case::Capitals),
        _ if lower > 2 * upper => Some(Case::Mixed),
        _ => None,
    }
}

/// How many words of a text are only manners.
fn manners(text: &str) -> usize {
    const MANNERS: [&str; 10] = [
        "please",
        "thanks",
        "thank",
        "sorry",
        "appreciate",
        "appreciated",
        "grateful",
        "apologise",
        "apologize",
        "apologies",
    ];
    text::words(text).filter(|word| MANNERS.contains(&word.to_lowercase().as_str())).count()
}

fn has_layout(text: &str) -> bool {
    let is_item = |line: &str| {
        let line = line.trim_start();
        line.starts_with("- ")
            || line.starts_with("* ")
            || line.starts_with("# ")
            || line.starts_with("## ")
            || line.starts_with("1. ")
    };
    text.contains("**") || text.lines().filter(|line| is_item(line)).count() > 1
}

/// The script of most letters; none where there are too few to tell.
fn script_of(text: &str) -> Option<Script> {
    let letters: Vec<char> = text.chars().filter(|c| c.is_alphabetic()).collect();
    let share = |is: fn(char) -> bool| letters.iter().filter(|c| is(**c)).count() * 2 > letters.len();
    match letters.len() {
        0..=3 => None,
        _ if share(text::is_cjk) => Some(Script::Cjk),
        _ if share(|c| matches!(c, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}')) => Some(Script::Latin),
        _ => Some(Script::Other),
    }
}
