//! Joins what several traces tell of one session, so that each message appears once.
//!
//! A trace tells the history that it was given and what it added itself. What it added has its time; the
//! history has none. Two messages are the same where they say the same and their times, if both are
//! known, agree: so a history finds its place in what is known, and a user who says "yes" twice is
//! heard twice.

use jiff::Timestamp;
use serde_json::Value;
use similar::DiffOp;
use similar::algorithms::{Capture, Replace, myers};

use super::fragment::Fragment;
use crate::{Message, Session, Speaker, ToolCall};

/// Whether times tell messages with the same words apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// They do: each comes from a trace of its own.
    TellApart,
    /// They do not: both tell of the same trace, whose spans see one message at slightly different times.
    Ignored,
}

/// Whether two messages say the same.
pub(super) fn says_same(a: &Message, b: &Message) -> bool {
    let ids_agree = match (&a.tool_call_id, &b.tool_call_id) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    a.speaker == b.speaker
        && ids_agree
        && a.text.trim() == b.text.trim()
        && a.tool_calls.len() == b.tool_calls.len()
        && a.tool_calls.iter().zip(&b.tool_calls).all(|(a, b)| calls_same(a, b))
}

/// Whether two tellings are of the same call.
pub(super) fn calls_same(a: &ToolCall, b: &ToolCall) -> bool {
    let ids_agree = match (&a.id, &b.id) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    ids_agree && a.name == b.name && (a.arguments == b.arguments || json_same(&a.arguments, &b.arguments))
}

/// The same JSON in another layout.
fn json_same(a: &str, b: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    matches!((parse(a), parse(b)), (Some(a), Some(b)) if a == b)
}

/// The operator's messages that a conversation begins with.
pub(super) fn prompt_of(messages: &[Message]) -> &[Message] {
    let length = messages.iter().take_while(|message| message.speaker == Speaker::Operator).count();
    &messages[..length]
}

/// Adds what a trace tells to a session and says whether the session changed.
pub(super) fn merge(session: &mut Session, traces: &mut Vec<String>, fragment: Fragment) -> bool {
    let Fragment { trace, time, metadata, messages, .. } = fragment;
    let trace_is_new = trace.is_some_and(|trace| match traces.binary_search(&trace) {
        Ok(_) => false,
        Err(position) => {
            traces.insert(position, trace);
            true
        }
    });
    let before = (!trace_is_new).then(|| session.clone());
    let is_earlier = matches!((time, session.started_at), (Some(time), Some(started)) if time < started);
    let known = std::mem::take(&mut session.conversation.messages);
    let (known, messages) = one_prompt(known, messages, is_earlier);
    let times = if trace_is_new { Times::TellApart } else { Times::Ignored };
    let is_known = !trace_is_new && holds(&known, &messages);
    session.conversation.messages = if is_known { known } else { merge_messages(known, messages, times) };
    for (key, value) in metadata {
        if is_earlier || !session.metadata.contains_key(&key) {
            session.metadata.insert(key, value);
        }
    }
    session.started_at = [session.started_at, time].into_iter().flatten().min();
    before.is_none_or(|before| *session != before)
}

/// A prompt that changes from turn to turn (it may hold the date) is told once: as the session began.
fn one_prompt(mut known: Vec<Message>, mut told: Vec<Message>, told_is_earlier: bool) -> (Vec<Message>, Vec<Message>) {
    let (known_length, told_length) = (prompt_of(&known).len(), prompt_of(&told).len());
    if known_length > 0 && told_length > 0 {
        if told_is_earlier {
            known.splice(..known_length, told[..told_length].iter().cloned());
        }
        told.drain(..told_length);
        let prompt = prompt_of(&known).to_vec();
        told.splice(..0, prompt);
    }
    (known, told)
}

/// Both lists as one, in which what both tell appears once.
pub(super) fn merge_messages(mut known: Vec<Message>, mut told: Vec<Message>, times: Times) -> Vec<Message> {
    let same = |(known, told): (&Message, &Message)| matches(known, told, times);
    let common = known.iter().zip(&told).take_while(|pair| same(*pair)).count();
    for (known, told) in known.iter_mut().zip(told.drain(..common)) {
        fill(known, told);
    }
    if told.is_empty() {
        return known;
    }
    let rest = known.split_off(common);
    known.extend(align(rest, told, times));
    known
}

/// Whether all that is told is known already, in the same order and with the same times.
fn holds(known: &[Message], told: &[Message]) -> bool {
    let mut known = known.iter();
    let knows_time = |known: &Message, told: &Message| told.at.is_none() || known.at == told.at;
    told.iter().all(|told| known.any(|known| knows_time(known, told) && matches(known, told, Times::TellApart)))
}

fn matches(known: &Message, told: &Message, times: Times) -> bool {
    let times_agree = times == Times::Ignored || known.at.is_none() || told.at.is_none() || known.at == told.at;
    let at_one_time = known.at.is_some() && known.at == told.at;
    (times_agree && says_same(known, told)) || (at_one_time && is_wrapped(known, told))
}

/// What one telling leaves out, the other may know; and who wraps words, says more than was said.
fn fill(known: &mut Message, told: Message) {
    if told.text.len() < known.text.len() {
        known.text = told.text;
    }
    known.at = known.at.or(told.at);
    known.name = known.name.take().or(told.name);
    known.tool_call_id = known.tool_call_id.take().or(told.tool_call_id);
}

/// A message as the comparison sees it.
struct Compared<'m>(&'m Message, Times);

impl PartialEq for Compared<'_> {
    fn eq(&self, other: &Self) -> bool {
        matches(self.0, other.0, self.1)
    }
}

fn differences(known: &[Message], told: &[Message], times: Times) -> Vec<DiffOp> {
    let known: Vec<_> = known.iter().map(|message| Compared(message, times)).collect();
    let told: Vec<_> = told.iter().map(|message| Compared(message, times)).collect();
    let mut found = Replace::new(Capture::new());
    // The hook only collects and cannot fail.
    let Ok(()) = myers::diff(&mut found, &known[..], 0..known.len(), &told[..], 0..told.len());
    found.into_inner().into_ops()
}

/// Joins two lists along the longest run of messages that both tell; what stands between goes in by time.
fn align(known: Vec<Message>, told: Vec<Message>, times: Times) -> Vec<Message> {
    let operations = differences(&known, &told, times);
    let (mut known, mut told) = (known.into_iter(), told.into_iter());
    let mut joined = Vec::new();
    for operation in operations {
        let (known_count, told_count) = (operation.old_range().len(), operation.new_range().len());
        if let DiffOp::Equal { len, .. } = operation {
            let pairs = known.by_ref().take(len).zip(told.by_ref().take(len));
            joined.extend(pairs.map(|(mut known, told)| {
                fill(&mut known, told);
                known
            }));
        } else {
            let known = known.by_ref().take(known_count).collect();
            let told = told.by_ref().take(told_count).collect();
            joined.extend(by_time(known, told));
        }
    }
    joined
}

/// Joins what lies between two messages that both tell.
fn by_time(known: Vec<Message>, told: Vec<Message>) -> Vec<Message> {
    if let ([one], [other]) = (&known[..], &told[..])
        && (one.at.is_none() || other.at.is_none())
        && is_wrapped(one, other)
    {
        let mut one = one.clone();
        fill(&mut one, other.clone());
        return vec![one];
    }
    let (known_times, told_times) = (times_of(&known), times_of(&told));
    let mut joined = Vec::with_capacity(known.len() + told.len());
    let mut told = told.into_iter().zip(told_times).peekable();
    for (message, time) in known.into_iter().zip(known_times) {
        while let Some((earlier, _)) =
            told.next_if(|(_, told_time)| told_time.is_some() && time.is_some() && *told_time < time)
        {
            joined.push(earlier);
        }
        joined.push(message);
    }
    joined.extend(told.map(|(message, _)| message));
    joined
}

/// The user's words, bare and in the prompt that an agent made of them. Short words are in many texts, so
/// this says something only of messages in the same place or at the same time.
fn is_wrapped(one: &Message, other: &Message) -> bool {
    let (a, b) = (one.text.trim(), other.text.trim());
    let both_by_user = one.speaker == Speaker::User && other.speaker == Speaker::User;
    both_by_user && !a.is_empty() && !b.is_empty() && (a.contains(b) || b.contains(a))
}

/// When each message was said as far as its neighbours tell: no earlier than the one before it.
fn times_of(messages: &[Message]) -> Vec<Option<Timestamp>> {
    let mut last = messages.iter().find_map(|message| message.at);
    let mut time = |message: &Message| {
        last = message.at.or(last);
        last
    };
    messages.iter().map(&mut time).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `u hi @3`: the user says hi at second 3.
    fn said(lines: &str) -> Vec<Message> {
        let message = |line: &str| {
            let (words, at) = match line.split_once('@') {
                Some((words, second)) => (words.trim(), Timestamp::from_second(second.trim().parse().unwrap()).ok()),
                None => (line.trim(), None),
            };
            let (who, text) = words.split_once(' ').unwrap();
            let speaker = match who {
                "u" => Speaker::User,
                "a" => Speaker::Agent,
                "t" => Speaker::Tool,
                _ => Speaker::Operator,
            };
            Message { at, ..Message::new(speaker, text) }
        };
        lines.split('/').map(message).collect()
    }

    fn joined(known: &str, told: &str) -> Vec<String> {
        let merged = merge_messages(said(known), said(told), Times::TellApart);
        merged.into_iter().map(|message| message.text).collect()
    }

    #[test]
    fn a_history_that_grows_is_told_once() {
        assert_eq!(joined("u hi @1/a ho @2", "u hi/a ho/u bye @3/a cu @4"), ["hi", "ho", "bye", "cu"]);
        assert_eq!(joined("u hi/a ho/u bye @3/a cu @4", "u hi @1/a ho @2"), ["hi", "ho", "bye", "cu"]);
    }

    #[test]
    fn a_window_of_the_history_finds_its_place() {
        assert_eq!(joined("u 1/a 2/u 3/a 4", "u 3/a 4/u 5 @9/a 6 @10"), ["1", "2", "3", "4", "5", "6"]);
        assert_eq!(joined("u 1/a 2/u 7/a 8", "a 2/u 3/a 4/u 7"), ["1", "2", "3", "4", "7", "8"]);
    }

    #[test]
    fn turns_without_history_are_ordered_by_time() {
        assert_eq!(
            joined("u one @1/a two @2/u five @5/a six @6", "u three @3/a four @4"),
            ["one", "two", "three", "four", "five", "six"]
        );
    }

    #[test]
    fn a_user_who_says_yes_twice_is_heard_twice() {
        assert_eq!(joined("u yes @1/a ok @2", "u yes @3/a ok @4"), ["yes", "ok", "yes", "ok"]);
        assert_eq!(joined("u yes @1/a ok @2", "u yes/a ok/u yes @3/a ok @4"), ["yes", "ok", "yes", "ok"]);
    }

    #[test]
    fn words_that_an_agent_wrapped_into_a_prompt_are_told_once() {
        assert_eq!(
            joined("u are you open @1/a yes @2", "u Context: x. Question: are you open/a yes/u fine @3"),
            ["are you open", "yes", "fine"]
        );
    }

    #[test]
    fn wrapped_words_are_told_once_also_when_they_are_told_again() {
        let wrapped = "u Question: fine @3/a good @4";
        let once = merge_messages(said("u hi @1/a ho @2"), said(wrapped), Times::TellApart);
        let once = merge_messages(once, said("u hi/a ho/u fine/a good/u bye @5/a cu @6"), Times::TellApart);
        let texts: Vec<_> = once.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["hi", "ho", "fine", "good", "bye", "cu"]);
        assert_eq!(merge_messages(once.clone(), said(wrapped), Times::Ignored), once);
    }

    #[test]
    fn a_prompt_that_changes_with_the_date_is_told_as_the_session_began() {
        let fragment = |second: i64, lines: &str| Fragment {
            trace: Some(format!("t{second}")),
            time: Timestamp::from_second(second).ok(),
            ..Fragment::new(super::super::Format::Otlp, said(lines))
        };
        let one = fragment(1, "s it is Monday/u hi @1/a ho @2");
        let two = fragment(5, "s it is Tuesday/u hi/a ho/u bye @5/a cu @6");
        for order in [[one.clone(), two.clone()], [two, one]] {
            let mut session = Session::new("s", crate::Conversation::default());
            let mut traces = Vec::new();
            for fragment in order {
                assert!(merge(&mut session, &mut traces, fragment));
            }
            let texts: Vec<_> = session.conversation.messages.iter().map(|m| m.text.as_str()).collect();
            assert_eq!(texts, ["it is Monday", "hi", "ho", "bye", "cu"]);
            assert_eq!(traces, ["t1", "t5"]);
        }
    }
}
