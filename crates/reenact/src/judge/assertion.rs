//! Expectations that code decides: contains, matches, must not match.
//!
//! Only the agent's own words count. An agent that said nothing has neither met nor broken anything.

use regex::{Regex, RegexBuilder};

use super::{Assessment, Verdict};
use crate::shorten::shorten;
use crate::{Check, Conversation, Expectation, Speaker};

/// The judge's name in an assessment.
pub const NAME: &str = "assertion";

/// Decides an expectation, or says that code cannot (`None`: it needs a reader).
///
/// ```
/// use reenact::judge::{Verdict, assertion};
/// use reenact::{Check, Conversation, Expectation, Message};
///
/// let no_live_claim =
///     Expectation { id: "no-live-claim".into(), text: None, check: Check::MustNotMatch("(?i)is open".into()) };
/// let conversation: Conversation =
///     [Message::user("how are the markets"), Message::agent("The market is open.")].into_iter().collect();
/// let assessment = assertion::assess(&no_live_claim, &conversation).unwrap();
/// assert_eq!(assessment.verdict, Verdict::Fail);
/// assert_eq!(assessment.turns, [1]);
/// ```
#[must_use]
pub fn assess(expectation: &Expectation, conversation: &Conversation) -> Option<Assessment> {
    let (verdict, reason, turns) = match &expectation.check {
        Check::Contains(text) => with_pattern(contained(text), conversation, |p, said| must(p, said, "contains", text)),
        Check::Matches(text) => with_pattern(regex(text), conversation, |p, said| must(p, said, "matches", text)),
        Check::MustNotMatch(text) => with_pattern(regex(text), conversation, |p, said| must_not(p, said, text)),
        Check::Judged => return None,
    };
    Some(Assessment { expectation: expectation.id.clone(), verdict, reason, turns, judge: NAME.to_owned() })
}

type Decision = (Verdict, String, Vec<u32>);

/// What the agent said, with the turn that it stands in; a greeting stands in none.
struct Said<'a> {
    turn: Option<u32>,
    text: &'a str,
}

fn with_pattern(
    pattern: Result<Regex, String>,
    conversation: &Conversation,
    decide: impl Fn(&Regex, &[Said<'_>]) -> Decision,
) -> Decision {
    let said = said_by_agent(conversation);
    match pattern {
        Err(why) => (Verdict::Inconclusive, why, Vec::new()),
        Ok(_) if said.is_empty() => (Verdict::Inconclusive, "the agent said nothing".to_owned(), Vec::new()),
        Ok(pattern) => decide(&pattern, &said),
    }
}

fn contained(text: &str) -> Result<Regex, String> {
    if text.trim().is_empty() {
        return Err("there is no text to look for".to_owned());
    }
    RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build().map_err(|error| bad_pattern(text, &error))
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| bad_pattern(text, &error))
}

/// The library draws the pattern with a marker below it; its last line says what is wrong.
fn bad_pattern(text: &str, error: &regex::Error) -> String {
    let drawn = error.to_string();
    let why = drawn.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
    format!("the pattern `{}` is not a regular expression: {why}", shorten(text))
}

fn must(pattern: &Regex, said: &[Said<'_>], verb: &str, text: &str) -> Decision {
    match matching(pattern, said) {
        Some((reason, turns)) => (Verdict::Pass, reason, turns),
        None => (Verdict::Fail, format!("no message of the agent {verb} `{}`", shorten(text)), turns_of(said)),
    }
}

fn must_not(pattern: &Regex, said: &[Said<'_>], text: &str) -> Decision {
    match matching(pattern, said) {
        Some((reason, turns)) => (Verdict::Fail, reason, turns),
        None => (Verdict::Pass, format!("no message of the agent matches `{}`", shorten(text)), turns_of(said)),
    }
}

/// The first words that match, in a sentence, and all the turns with words that match.
fn matching(pattern: &Regex, said: &[Said<'_>]) -> Option<(String, Vec<u32>)> {
    let matches: Vec<_> = said.iter().filter_map(|s| Some((s, pattern.find(s.text)?))).collect();
    let (first, words) = matches.first()?;
    // The turns are cited beside the reason; a greeting stands in none.
    let place = if first.turn.is_none() { " before the first turn" } else { "" };
    let mut turns: Vec<u32> = matches.iter().filter_map(|(s, _)| s.turn).collect();
    turns.dedup();
    Some((format!("the agent said \"{}\"{place}", shorten(words.as_str())), turns))
}

fn turns_of(said: &[Said<'_>]) -> Vec<u32> {
    let mut turns: Vec<u32> = said.iter().filter_map(|s| s.turn).collect();
    turns.dedup();
    turns
}

fn said_by_agent(conversation: &Conversation) -> Vec<Said<'_>> {
    let mut turn = None;
    let mut said = Vec::new();
    for message in &conversation.messages {
        match message.speaker {
            Speaker::User => turn = Some(turn.unwrap_or(0) + 1),
            Speaker::Agent if message.is_heard() => said.push(Said { turn, text: &message.text }),
            _ => {}
        }
    }
    said
}
