//! Expectations that code decides: what the agent says, which tools it calls, how many turns, how long it takes and what
//! it costs.
//!
//! Only the agent's own words count. An agent that said nothing has neither met nor broken anything.

use regex::{Regex, RegexBuilder};

use super::{Assessment, Hearing, Ruling, Verdict, calls};
use crate::case::InTurn;
use crate::shorten::shorten;
use crate::{Check, Conversation, Ending, Expectation, Speaker, Usd};

/// The judge's name in an assessment.
pub const NAME: &str = "assertion";

/// Decides an expectation, or says that code cannot (`None`: it needs a reader).
///
/// ```
/// use reenact::judge::{Hearing, Verdict, assertion};
/// use reenact::{Check, Conversation, Expectation, Message, TestCase};
///
/// let no_live_claim =
///     Expectation { id: "no-live-claim".into(), text: None, check: Check::MustNotMatch("(?i)is open".into()) };
/// let conversation: Conversation =
///     [Message::user("how are the markets"), Message::agent("The market is open.")].into_iter().collect();
/// let case = TestCase::default();
/// let assessment = assertion::assess(&no_live_claim, Hearing::new(&case, &conversation)).unwrap();
/// assert_eq!(assessment.verdict, Verdict::Fail);
/// assert_eq!(assessment.turns, [1]);
/// ```
#[must_use]
pub fn assess(expectation: &Expectation, hearing: Hearing<'_>) -> Option<Assessment> {
    let conversation = hearing.conversation;
    let ruling = match &expectation.check {
        Check::Judged => return None,
        Check::InTurn(in_turn) => return assess_in_turn(expectation, in_turn, hearing),
        Check::Contains(text) => with_pattern(contained(text), conversation, |p, said| must(p, said, "contains", text)),
        Check::Matches(text) => with_pattern(regex(text), conversation, |p, said| must(p, said, "matches", text)),
        Check::MustNotMatch(text) => with_pattern(regex(text), conversation, |p, said| must_not(p, said, text)),
        _ if !acted(conversation) => Ruling::undecided("the agent said nothing"),
        Check::ToolCalled(pattern) => calls::called(pattern, conversation),
        Check::ToolNeverCalled(pattern) => calls::never_called(pattern, conversation),
        Check::CalledBefore(patterns) => calls::called_before(patterns, conversation),
        Check::JsonPath(check) => calls::json_path(check, conversation),
        Check::MaxTurns(turns) => within_turns(*turns, hearing),
        Check::LatencyMs(latency) => within_latency(*latency, hearing),
        Check::CostUsd(cost) => within_cost(*cost, hearing),
    };
    Some(Assessment::of(&expectation.id, ruling, NAME))
}

/// Decides of one turn alone, as if nothing else had been said.
fn assess_in_turn(expectation: &Expectation, in_turn: &InTurn, hearing: Hearing<'_>) -> Option<Assessment> {
    let InTurn { turn, check } = in_turn;
    let place = (*turn as usize).checked_sub(1)?;
    let Some(only) = hearing.conversation.turns().nth(place) else {
        let ruling = Ruling::undecided(format!("the conversation has no turn {turn}"));
        return Some(Assessment::of(&expectation.id, ruling, NAME));
    };
    let conversation: Conversation = std::iter::once(only.user).chain(only.rest).cloned().collect();
    let latencies_ms = hearing.latencies_ms.get(place..=place).unwrap_or_default();
    let alone = Expectation { check: check.clone(), ..expectation.clone() };
    let mut assessment = assess(&alone, Hearing { conversation: &conversation, latencies_ms, ..hearing })?;
    assessment.turns.iter_mut().for_each(|cited| *cited += turn - 1);
    Some(assessment)
}

/// Whether the agent said or did anything.
pub(super) fn acted(conversation: &Conversation) -> bool {
    conversation.by(Speaker::Agent).any(|message| message.is_heard() || !message.tool_calls.is_empty())
}

/// A conversation that the limit of the run cut short might have gone on for longer than is allowed.
fn within_turns(turns_max: u32, hearing: Hearing<'_>) -> Ruling {
    let turns = hearing.conversation.turn_count() as u32;
    let all: Vec<u32> = (1..=turns).collect();
    if turns > turns_max {
        let past = all.into_iter().filter(|turn| *turn > turns_max).collect();
        return Ruling::new(
            Verdict::Fail,
            format!("the conversation has {turns} turns, at most {turns_max} expected"),
            past,
        );
    }
    if hearing.ending == Some(&Ending::TurnLimit) {
        return Ruling::undecided(format!("the limit of the run cut the conversation short after {turns} turns"));
    }
    Ruling::new(Verdict::Pass, format!("the conversation has {turns} turns"), all)
}

fn within_latency(latency_max: u32, hearing: Hearing<'_>) -> Ruling {
    let timed = hearing.latencies_ms.iter().zip(1..).max_by_key(|(latency, turn)| (**latency, u32::MAX - turn));
    let Some((slowest, turn)) = timed else {
        return Ruling::undecided("nobody measured how long the agent took");
    };
    let reason = format!("the slowest reply took {slowest} ms, in turn {turn}; {latency_max} ms allowed");
    let verdict = if *slowest > u64::from(latency_max) { Verdict::Fail } else { Verdict::Pass };
    Ruling::new(verdict, reason, vec![turn])
}

/// A conversation that the limit of the run cut short might have gone on and cost more than is allowed.
fn within_cost(cost_max: Usd, hearing: Hearing<'_>) -> Ruling {
    let cost = match hearing.agent_cost {
        Ok(cost) => cost,
        Err(why) => return Ruling::undecided(why),
    };
    let reason = format!("the agent's answers cost {cost}; {cost_max} allowed");
    let turns = (1..=hearing.conversation.turn_count() as u32).collect();
    if cost > cost_max {
        return Ruling::new(Verdict::Fail, reason, turns);
    }
    if hearing.ending == Some(&Ending::TurnLimit) {
        return Ruling::undecided(format!("{reason}, and the limit of the run cut the conversation short"));
    }
    Ruling::new(Verdict::Pass, reason, turns)
}

/// What the agent said, with the turn that it stands in; a greeting stands in none.
struct Said<'a> {
    turn: Option<u32>,
    text: &'a str,
}

fn with_pattern(
    pattern: Result<Regex, String>,
    conversation: &Conversation,
    decide: impl Fn(&Regex, &[Said<'_>]) -> Ruling,
) -> Ruling {
    let said = said_by_agent(conversation);
    match pattern {
        Err(why) => Ruling::undecided(why),
        Ok(_) if said.is_empty() => Ruling::undecided("the agent said nothing"),
        Ok(pattern) => decide(&pattern, &said),
    }
}

fn contained(text: &str) -> Result<Regex, String> {
    if text.trim().is_empty() {
        return Err("there is no text to look for".to_owned());
    }
    RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build().map_err(|error| bad_pattern(text, &error))
}

pub(super) fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| bad_pattern(text, &error))
}

/// The library draws the pattern with a marker below it; its last line says what is wrong.
fn bad_pattern(text: &str, error: &regex::Error) -> String {
    let drawn = error.to_string();
    let why = drawn.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
    format!("the pattern `{}` is not a regular expression: {why}", shorten(text))
}

fn must(pattern: &Regex, said: &[Said<'_>], verb: &str, text: &str) -> Ruling {
    match matching(pattern, said) {
        Some((reason, turns)) => Ruling::new(Verdict::Pass, reason, turns),
        None => {
            Ruling::new(Verdict::Fail, format!("no message of the agent {verb} `{}`", shorten(text)), turns_of(said))
        }
    }
}

fn must_not(pattern: &Regex, said: &[Said<'_>], text: &str) -> Ruling {
    match matching(pattern, said) {
        Some((reason, turns)) => Ruling::new(Verdict::Fail, reason, turns),
        None => {
            Ruling::new(Verdict::Pass, format!("no message of the agent matches `{}`", shorten(text)), turns_of(said))
        }
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
