//! The spans of one trace, as the part of a conversation that they recorded.
//!
//! An agent calls its model again and again with the whole history as input. Such calls form a chain: each
//! begins with all that the one before was told, so the last one tells the conversation and the others
//! only tell when things were said. Calls with another prompt (a router, a guardrail, a title) are the
//! agent's inside, not the conversation.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Format;
use super::fragment::Fragment;
use super::json::{Reason, Text};
use super::merge::{Times, calls_same, merge_messages, prompt_of, says_same};
use super::payload::{Side, read_system};
use super::span::{Said, Seen, Work};
use super::value::Value;
use super::wire::name_results;
use crate::{Message, Speaker, ToolCall};

/// What the spans of one trace in one record tell.
pub(super) fn fragment(format: Format, trace_id: String, mut spans: Vec<Seen<'_>>) -> Result<Fragment, Reason> {
    let at_fault = |reason: String| Reason::from(format!("trace {trace_id}: {reason}"));
    spans.sort_by_key(|span| span.start);
    let mut messages = conversation(&spans).map_err(at_fault)?;
    name_results(&mut messages);
    let session = session_of(&spans);
    if messages.is_empty() && session.is_none() {
        return Err(at_fault("no span holds messages or an input and an output".to_owned()));
    }
    let time = spans.iter().find_map(|span| span.start);
    let mut metadata = BTreeMap::new();
    for span in spans {
        for (key, value) in span.metadata {
            metadata.entry(key).or_insert(value);
        }
    }
    Ok(Fragment { session, trace: Some(trace_id), time, metadata, ..Fragment::new(format, messages) })
}

/// The root's session, else the first that any span names.
fn session_of(spans: &[Seen<'_>]) -> Option<String> {
    let root = spans.iter().find(|span| span.parent.is_none() && span.session.is_some());
    root.or_else(|| spans.iter().find(|span| span.session.is_some()))?.session.clone()
}

fn conversation(spans: &[Seen<'_>]) -> Result<Vec<Message>, String> {
    let top = topmost(spans);
    let talks = talks(spans)?;
    if talks.is_empty() {
        return without_calls(&top, spans);
    }
    let main = main_of(&talks, &top)?;
    let prompt = prompt_of(&talks[main].messages);
    let mut messages = Vec::new();
    for talk in talks.iter().filter(|talk| same_prompt(prompt_of(&talk.messages), prompt)) {
        messages = merge_messages(messages, talk.messages.clone(), Times::TellApart);
    }
    restore_asked(&mut messages, &top, &talks[main])?;
    add_results(&mut messages, spans, talks[main].last);
    Ok(messages)
}

fn same_prompt(a: &[Message], b: &[Message]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| says_same(a, b))
}

/// One chain of calls, read.
struct Talk<'s, 'a> {
    messages: Vec<Message>,
    last: &'s Seen<'a>,
}

/// How many chains back a call may continue: agents hold few conversations at once.
const CHAINS_OPEN_MAX: usize = 8;

fn talks<'s, 'a>(spans: &'s [Seen<'a>]) -> Result<Vec<Talk<'s, 'a>>, String> {
    let mut chains: Vec<Vec<&Seen<'_>>> = Vec::new();
    let is_call = |span: &&Seen<'_>| span.work == Work::Call && !(span.input.is_nothing() && span.output.is_nothing());
    for call in spans.iter().filter(is_call) {
        let open = chains.iter_mut().rev().take(CHAINS_OPEN_MAX);
        let continued = open.into_iter().find(|chain| chain.last().is_some_and(|last| last.begins(call)));
        match continued {
            Some(chain) => chain.push(call),
            None => chains.push(vec![call]),
        }
    }
    chains
        .iter()
        .map(|chain| read_chain(chain))
        .filter(|talk| !matches!(talk, Ok(talk) if talk.messages.is_empty()))
        .collect()
}

/// The last call tells the messages; the calls before it tell when they were said.
fn read_chain<'s, 'a>(chain: &[&'s Seen<'a>]) -> Result<Talk<'s, 'a>, String> {
    let (&last, earlier) = chain.split_last().ok_or("a chain without calls")?;
    let mut messages = match last.system {
        Some(system) => read_system(&system.payload())?,
        None => Vec::new(),
    };
    let input = last.input.messages(Side::Input)?;
    let repeated = messages.len().min(prompt_of(&input).len());
    let repeated = if same_prompt(&messages[..repeated], &input[..repeated]) { repeated } else { 0 };
    messages.extend(input.into_iter().skip(repeated));
    let told = messages.len();
    messages.extend(last.output.messages(Side::Output)?);
    for message in &mut messages[told..] {
        message.at = message.at.or(last.end);
    }
    let mut answers = vec![(told, last.start)];
    let mut bound = told;
    for call in earlier.iter().rev() {
        let output = call.output.messages(Side::Output)?;
        let Some(said) = output.first() else { continue };
        let Some(position) = messages[..bound].iter().rposition(|message| says_same(message, said)) else { continue };
        messages[position].at = messages[position].at.or(call.end);
        answers.push((position, call.start));
        bound = position;
    }
    answers.iter().rev().for_each(|&(answer, start)| stamp_asked(&mut messages[..answer], start));
    Ok(Talk { messages, last })
}

/// What the user said right before an answer was said when the call began.
fn stamp_asked(before: &mut [Message], start: Option<Timestamp>) {
    for message in before.iter_mut().rev() {
        match message.speaker {
            Speaker::User => message.at = message.at.or(start),
            Speaker::Tool => {}
            Speaker::Agent | Speaker::Operator => return,
        }
    }
}

/// The spans nearest the root that say what went in and came out: what the user of the agent saw.
fn topmost<'s, 'a>(spans: &'s [Seen<'a>]) -> Vec<&'s Seen<'a>> {
    let speaks = |span: &Seen<'_>| span.work == Work::Other && !(span.input.is_nothing() && span.output.is_nothing());
    let parents: BTreeMap<&str, Option<&str>> =
        spans.iter().map(|span| (span.id.as_str(), span.parent.as_ref().map(Text::as_str))).collect();
    let speaking: BTreeSet<&str> = spans.iter().filter(|span| speaks(span)).map(|span| span.id.as_str()).collect();
    let below_another = |span: &Seen<'_>| {
        let mut above = parents.get(span.id.as_str()).copied().flatten();
        // Ids can be wrong and lead in a circle; no trace is deeper than it has spans.
        for _ in 0..parents.len() {
            match above {
                Some(id) if speaking.contains(id) => return true,
                Some(id) => above = parents.get(id).copied().flatten(),
                None => return false,
            }
        }
        false
    };
    spans.iter().filter(|span| speaks(span) && !below_another(span)).collect()
}

/// The talk that the user took part in: the one whose last words are what the agent gave back, else the
/// longest, and of equals the latest.
fn main_of(talks: &[Talk<'_, '_>], top: &[&Seen<'_>]) -> Result<usize, String> {
    if talks.len() == 1 {
        return Ok(0);
    }
    let mut given_back = Vec::new();
    for span in top {
        given_back.extend(span.output.messages(Side::Output)?.pop().map(|message| message.text));
    }
    let answers = |talk: &Talk<'_, '_>| {
        let last = talk.messages.last().map(|message| message.text.trim()).filter(|text| !text.is_empty());
        last.is_some_and(|last| given_back.iter().any(|given| given.trim() == last))
    };
    let ranked = talks.iter().enumerate().max_by_key(|(index, talk)| (answers(talk), talk.messages.len(), *index));
    Ok(ranked.map_or(0, |(index, _)| index))
}

/// Some agents wrap what the user said into a prompt before the model reads it. The words that the agent
/// itself was given are the user's.
fn restore_asked(messages: &mut [Message], top: &[&Seen<'_>], main: &Talk<'_, '_>) -> Result<(), String> {
    let [top] = top else { return Ok(()) };
    if top.input.begins(&main.last.input) {
        return Ok(());
    }
    let asked = top.input.messages(Side::Input)?.pop().filter(|message| message.speaker == Speaker::User);
    let told = messages.iter_mut().rev().find(|message| message.speaker == Speaker::User);
    if let (Some(asked), Some(told)) = (asked, told) {
        let words = asked.text.trim();
        if !words.is_empty() && told.text.trim() != words && told.text.contains(words) {
            told.text = asked.text;
        }
    }
    Ok(())
}

/// Results of tools that no later call of the model was told: of calls in the last answer, and of tools
/// that ran after it without being called, such as a hand-over.
fn add_results(messages: &mut Vec<Message>, spans: &[Seen<'_>], last: &Seen<'_>) {
    for span in spans.iter().filter(|span| span.work == Work::Tool) {
        let (id, name) = (span.call_id.map(Value::label), tool_name(span));
        if id.as_ref().is_some_and(|id| is_answered(messages, id)) {
            continue;
        }
        if let Some((caller, call_id)) = open_call(messages, id.as_deref(), &name) {
            let answered = messages[caller + 1..].iter().take_while(|message| message.speaker == Speaker::Tool).count();
            messages.insert(caller + 1 + answered, result_of(span, call_id, name));
        } else if span.start.is_some() && span.start >= last.end && span.parent == last.parent {
            messages.push(result_of(span, id, name));
        }
    }
}

/// The last call of a tool that has no result yet: where it stands, and its id.
fn open_call(messages: &[Message], id: Option<&str>, name: &str) -> Option<(usize, Option<String>)> {
    let is_open = |at: usize, call: &ToolCall| match (id, &call.id) {
        (Some(id), Some(call_id)) => id == call_id,
        (None, Some(call_id)) => call.name == name && !is_answered(messages, call_id),
        (_, None) => {
            let answers = messages[at + 1..].iter().take_while(|message| message.speaker == Speaker::Tool).count();
            call.name == name && answers < messages[at].tool_calls.len()
        }
    };
    messages.iter().enumerate().rev().find_map(|(at, message)| {
        let call = message.tool_calls.iter().find(|call| is_open(at, call))?;
        Some((at, call.id.clone()))
    })
}

fn is_answered(messages: &[Message], call_id: &str) -> bool {
    messages.iter().any(|message| message.tool_call_id.as_deref() == Some(call_id))
}

fn tool_name(span: &Seen<'_>) -> String {
    span.tool_name.map_or_else(|| span.name.as_str().to_owned(), Value::label)
}

fn result_of(span: &Seen<'_>, tool_call_id: Option<String>, name: String) -> Message {
    let text = payload_of(&span.output);
    Message { tool_call_id, name: Some(name), at: span.end, ..Message::new(Speaker::Tool, text) }
}

fn payload_of(said: &Said<'_>) -> String {
    match said {
        Said::Whole(value) => value.label(),
        Said::Nothing | Said::Indexed(_) => String::new(),
    }
}

/// A trace whose spans hold no call of a model: what went into the agent, its tools, what came out.
fn without_calls(top: &[&Seen<'_>], spans: &[Seen<'_>]) -> Result<Vec<Message>, String> {
    let mut messages = Vec::new();
    for span in top {
        let mut said = span.input.messages(Side::Input)?;
        if let Some(asked) = said.last_mut().filter(|message| message.speaker == Speaker::User) {
            asked.at = asked.at.or(span.start);
        }
        let mut answer = span.output.messages(Side::Output)?;
        let within = |tool: &&Seen<'_>| tool.work == Work::Tool && tool.start >= span.start && tool.end <= span.end;
        for tool in spans.iter().filter(within) {
            let (id, name) = (tool.call_id.map(Value::label), tool_name(tool));
            let call = ToolCall { id: id.clone(), name: name.clone(), arguments: payload_of(&tool.input) };
            if answer.iter().flat_map(|message| &message.tool_calls).any(|told| calls_same(told, &call)) {
                continue;
            }
            said.push(Message { tool_calls: vec![call], at: tool.start, ..Message::agent("") });
            said.push(result_of(tool, id, name));
        }
        // Some agents give their whole conversation back; only what is new at its end is the answer.
        let known = answer.iter().zip(&said).take_while(|(a, b)| says_same(a, b)).count();
        answer.drain(..known);
        answer.iter_mut().for_each(|message| message.at = message.at.or(span.end));
        said.append(&mut answer);
        messages = merge_messages(messages, said, Times::TellApart);
    }
    Ok(messages)
}
