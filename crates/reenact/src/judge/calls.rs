//! The agent's tool calls, and what code can say of them: made or not, with these arguments, in this order, with
//! this in their arguments or results.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::{Ruling, Verdict};
use crate::case::{CallPart, JsonPathCheck, Wanted};
use crate::shorten::shorten;
use crate::{CallPattern, Conversation, Message, Speaker, ToolCall};

/// A call that the agent made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The turn that it stands in; 0 before the first.
    pub(super) turn: u32,
    pub(super) call: &'a ToolCall,
    /// What the tool answered, where the conversation has it.
    pub(super) result: Option<&'a str>,
}

/// The calls of the agent, in order.
pub(super) fn of(conversation: &Conversation) -> Vec<Call<'_>> {
    let mut answered = vec![false; conversation.messages.len()];
    let mut turn = 0;
    let mut calls = Vec::new();
    for (at, message) in conversation.messages.iter().enumerate() {
        turn += u32::from(message.speaker == Speaker::User);
        for call in message.tool_calls.iter().filter(|_| message.speaker == Speaker::Agent) {
            let answer = answer_of(call, &conversation.messages, at + 1, &answered);
            answer.into_iter().for_each(|answer| answered[answer] = true);
            let result = answer.map(|answer| conversation.messages[answer].text.as_str());
            calls.push(Call { turn, call, result });
        }
    }
    calls
}

/// A tool's answer carries the id of its call, or else its name, or else it is simply the next one.
fn answer_of(call: &ToolCall, messages: &[Message], from: usize, answered: &[bool]) -> Option<usize> {
    let is_free = |at: &usize| messages[*at].speaker == Speaker::Tool && !answered[*at];
    let free: Vec<usize> = (from..messages.len()).filter(is_free).collect();
    if call.id.is_some()
        && let Some(at) = free.iter().find(|at| messages[**at].tool_call_id == call.id)
    {
        return Some(*at);
    }
    let unclaimed = |at: &&usize| messages[**at].tool_call_id.is_none() || call.id.is_none();
    let next_words = (from..messages.len()).find(|at| messages[*at].speaker != Speaker::Tool).unwrap_or(messages.len());
    let mut near = free.iter().filter(|at| **at < next_words).filter(unclaimed);
    near.find(|at| messages[**at].name.as_ref().is_none_or(|name| *name == call.name)).copied()
}

impl Call<'_> {
    fn arguments(&self) -> Option<Value> {
        serde_json::from_str(&self.call.arguments).ok()
    }

    fn part(&self, part: CallPart) -> Option<Value> {
        match part {
            CallPart::Arguments => self.arguments(),
            // A tool may answer in plain words; its answer is then a text.
            CallPart::Result => self.result.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into())),
        }
    }

    fn is(&self, pattern: &CallPattern) -> bool {
        let holds = || {
            let arguments = self.arguments()?;
            Some(pattern.arguments.iter().all(|(name, value)| arguments.get(name).is_some_and(|it| within(value, it))))
        };
        self.call.name == pattern.tool && (pattern.arguments.is_empty() || holds().unwrap_or(false))
    }

    /// The call as a reason names it.
    fn shown(&self) -> String {
        format!("{}({})", self.call.name, shorten(&self.call.arguments))
    }

    fn place(&self) -> String {
        if self.turn == 0 { "before the first turn".to_owned() } else { format!("in turn {}", self.turn) }
    }
}

/// Whether a value holds what is wanted: objects may have more members, all else must be the same.
fn within(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Object(wanted), Value::Object(value)) => {
            wanted.iter().all(|(name, wanted)| value.get(name).is_some_and(|value| within(wanted, value)))
        }
        (Value::Array(wanted), Value::Array(value)) => {
            wanted.len() == value.len() && wanted.iter().zip(value).all(|(wanted, value)| within(wanted, value))
        }
        _ => same(wanted, value),
    }
}

/// Whether two values are the same; numbers are compared as numbers, so that `30` is `30.0`.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let is_in_other = |(name, value): (&String, &Value)| other.get(name).is_some_and(|it| same(value, it));
            one.len() == other.len() && one.iter().all(is_in_other)
        }
        _ => one == other,
    }
}

pub(super) fn called(pattern: &CallPattern, conversation: &Conversation) -> Ruling {
    let calls = of(conversation);
    match found(&calls, pattern) {
        Some(call) => Ruling::new(Verdict::Pass, met(call), turns(&calls, pattern)),
        None => Ruling::new(Verdict::Fail, not_met(&calls, pattern), all_turns(conversation)),
    }
}

pub(super) fn never_called(pattern: &CallPattern, conversation: &Conversation) -> Ruling {
    let calls = of(conversation);
    match found(&calls, pattern) {
        Some(call) => Ruling::new(Verdict::Fail, met(call), turns(&calls, pattern)),
        None => Ruling::new(Verdict::Pass, not_met(&calls, pattern), all_turns(conversation)),
    }
}

/// No call of the second kind without one of the first before it. Where there is none of the second kind, the
/// order was never at stake.
pub(super) fn called_before([first, then]: &[CallPattern; 2], conversation: &Conversation) -> Ruling {
    let calls = of(conversation);
    let Some(at) = calls.iter().position(|call| call.is(then)) else {
        let why = format!("the order was not at stake: {}", not_met(&calls, then));
        return Ruling::undecided(why);
    };
    let later = &calls[at];
    match found(&calls[..at], first) {
        Some(earlier) => {
            let reason = format!("{}, and before it {}", met(later), met(earlier));
            Ruling::new(Verdict::Pass, reason, sorted([earlier.turn, later.turn]))
        }
        None => {
            let reason = format!("{}, and before it {}", met(later), not_met(&calls[..at], first));
            Ruling::new(Verdict::Fail, reason, sorted([later.turn]))
        }
    }
}

pub(super) fn json_path(check: &JsonPathCheck, conversation: &Conversation) -> Ruling {
    let path = match JsonPath::parse(&check.path) {
        Ok(path) => path,
        Err(error) => return Ruling::undecided(format!("`{}` is not a JSONPath: {}", check.path, error.message())),
    };
    let wanted = match matcher(&check.wanted) {
        Ok(wanted) => wanted,
        Err(why) => return Ruling::undecided(why),
    };
    let calls: Vec<Call<'_>> = of(conversation).into_iter().filter(|call| call.call.name == check.tool).collect();
    let side = if check.part == CallPart::Arguments { "arguments" } else { "result" };
    for call in &calls {
        let Some(value) = call.part(check.part) else { continue };
        if let Some(node) = path.query(&value).all().into_iter().find(|node| wanted(node)) {
            let node = shorten(&node.to_string());
            let reason = format!("the {side} of {} {} have {node} at `{}`", call.shown(), call.place(), check.path);
            return Ruling::new(Verdict::Pass, reason, sorted([call.turn]));
        }
    }
    let count = calls.len();
    let reason =
        format!("in none of {count} calls of `{}` the {side} have what is wanted at `{}`", check.tool, check.path);
    let turns = if count == 0 { all_turns(conversation) } else { sorted(calls.iter().map(|call| call.turn)) };
    Ruling::new(Verdict::Fail, reason, turns)
}

type Matcher<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn matcher(wanted: &Wanted) -> Result<Matcher<'_>, String> {
    Ok(match wanted {
        Wanted::Exists => Box::new(|_| true),
        Wanted::Equals(value) => Box::new(move |node| same(value, node)),
        Wanted::Matches(pattern) => {
            let pattern = super::assertion::regex(pattern)?;
            Box::new(move |node| match node {
                Value::String(text) => pattern.is_match(text),
                other => pattern.is_match(&other.to_string()),
            })
        }
    })
}

fn found<'a, 'c>(calls: &'a [Call<'c>], pattern: &CallPattern) -> Option<&'a Call<'c>> {
    calls.iter().find(|call| call.is(pattern))
}

fn met(call: &Call<'_>) -> String {
    format!("the agent called {} {}", call.shown(), call.place())
}

/// Says how many calls there are, because an agent may not show its calls at all.
fn not_met(calls: &[Call<'_>], pattern: &CallPattern) -> String {
    let of_tool = calls.iter().filter(|call| call.call.name == pattern.tool).count();
    let shown = format!("the conversation shows {}", counted(calls.len()));
    match (of_tool, pattern.arguments.is_empty()) {
        (0, _) => format!("the agent did not call `{}`; {shown}", pattern.tool),
        (n, _) => format!("none of {n} calls of `{}` has these arguments; {shown}", pattern.tool),
    }
}

fn counted(calls: usize) -> String {
    match calls {
        0 => "no tool calls".to_owned(),
        1 => "1 tool call".to_owned(),
        n => format!("{n} tool calls"),
    }
}

fn turns(calls: &[Call<'_>], pattern: &CallPattern) -> Vec<u32> {
    sorted(calls.iter().filter(|call| call.is(pattern)).map(|call| call.turn))
}

fn all_turns(conversation: &Conversation) -> Vec<u32> {
    (1..=conversation.turn_count() as u32).collect()
}

/// Turns as an assessment cites them: ascending, each once, from 1.
pub(super) fn sorted(turns: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut turns: Vec<u32> = turns.into_iter().filter(|turn| *turn > 0).collect();
    turns.sort_unstable();
    turns.dedup();
    turns
}
