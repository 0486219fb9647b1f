//! A simulated conversation as spans: one trace, a root for the conversation, a span for each turn of the agent, and below it one
//! for each tool that it says to have run.
//!
//! The ids follow from the session's id, and those of turns are what the agent was told in `traceparent`, so that an
//! instrumented agent's own spans hang below the turn that they belong to.

use jiff::Timestamp;
use serde_json::Value;

use super::messages;
use super::otlp::{KIND_CLIENT, KIND_INTERNAL, KeyValue, Span, Status, flag, number, text};
use crate::agent::AgentUsage;
use crate::case::TestCase;
use crate::trace_context::{span_id, trace_id, turn_span_id};
use crate::{AgentFault, Conversation, Ending, Message, Plan, Speaker, ToolCall};

/// Two things that happen one after the other are this far apart at least, so that every reader puts them in their order.
const APART_NANOS: u64 = 1_000;

const NANOS_IN_MILLISECOND: u64 = 1_000_000;

/// When the agent was asked, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyTime {
    pub(crate) asked_at: Timestamp,
    pub(crate) latency_ms: u64,
}

/// One conversation that an agent saw, whatever became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) run: &'a str,
    pub(crate) plan: &'a Plan,
    pub(crate) case: &'a TestCase,
    pub(crate) trial: u32,
    pub(crate) session_id: &'a str,
    pub(crate) began_at: Timestamp,
    pub(crate) conversation: &'a Conversation,
    pub(crate) ending: &'a Ending,
    /// Whether it was thrown away and played again.
    pub(crate) is_discarded: bool,
    /// One for each time that the agent was asked.
    pub(crate) replies: &'a [ReplyTime],
    pub(crate) agent_version: Option<&'a str>,
    pub(crate) agent_usage: &'a [Option<AgentUsage>],
}

/// What was said in one exchange: all that the agent had not heard yet, and what it did.
pub(super) struct Exchange<'a> {
    pub(super) turn: u32,
    pub(super) heard: &'a [Message],
    pub(super) did: &'a [Message],
    /// When it began and ended, in nanoseconds since 1970.
    pub(super) from: u64,
    pub(super) to: u64,
}

/// The spans of a conversation, the root first.
pub(super) fn spans(held: Held<'_>) -> Vec<Span> {
    let exchanges = exchanges(held);
    let began = nanos(held.began_at);
    let ended = exchanges.last().map_or(began, |last| last.to);
    let mut spans = vec![root(held, (began, ended))];
    for (index, exchange) in exchanges.iter().enumerate() {
        let is_last = index + 1 == exchanges.len();
        spans.push(turn_span(held, exchange, (index, is_last), (exchange.from, exchange.to)));
        spans.extend(tool_spans(held, exchange, (exchange.from, exchange.to)));
    }
    spans
}

/// The exchanges of a conversation, each with its time.
pub(super) fn exchanges(held: Held<'_>) -> Vec<Exchange<'_>> {
    let mut last_end = nanos(held.began_at);
    let mut exchanges = untimed(held);
    for (index, exchange) in exchanges.iter_mut().enumerate() {
        let asked_at = held.replies.get(index).map_or(last_end, |reply| nanos(reply.asked_at));
        let took = held.replies.get(index).map_or(0, |reply| reply.latency_ms.saturating_mul(NANOS_IN_MILLISECOND));
        // Answers from a journal take no time now, and took their time then.
        exchange.from = asked_at.max(last_end + APART_NANOS);
        exchange.to = exchange.from.saturating_add(took.max(APART_NANOS));
        last_end = exchange.to;
    }
    exchanges
}

/// The exchanges after what was said before the conversation began.
fn untimed(held: Held<'_>) -> Vec<Exchange<'_>> {
    let messages = &held.conversation.messages[..];
    let begin = held.case.staging.prefix.messages.len().min(messages.len());
    let is_user = |message: &Message| message.speaker == Speaker::User;
    let mut starts: Vec<usize> =
        (begin..messages.len()).filter(|&at| is_user(&messages[at])).map(|at| at + 1).collect();
    // An agent that was asked before any new word of the user was said.
    let speaks_first = messages.get(begin).is_some_and(|first| !is_user(first)) || starts.len() < held.replies.len();
    if speaks_first {
        starts.insert(0, begin);
    }
    let mut heard_until = 0;
    let exchange = |(index, &did_from): (usize, &usize)| {
        let did_until = starts.get(index + 1).map_or(messages.len(), |next| next - 1);
        let turn = messages[..did_from].iter().filter(|message| is_user(message)).count() as u32;
        let heard = &messages[heard_until..did_from];
        heard_until = did_until;
        Exchange { turn, heard, did: &messages[did_from..did_until], from: 0, to: 0 }
    };
    starts.iter().enumerate().map(exchange).collect()
}

fn root(held: Held<'_>, (start, end): (u64, u64)) -> Span {
    let turns = held.conversation.turn_count();
    let mut attributes = common(held);
    attributes.push(number("reenact.turns", turns as u64));
    Span {
        span_id: span_id(held.session_id, "conversation").to_vec(),
        name: format!("conversation {}", held.case.id),
        kind: KIND_INTERNAL,
        attributes,
        status: failure(held.ending).map(|fault| Status::error(&fault.reason)),
        ..timed(held, start, end)
    }
}

fn turn_span(
    held: Held<'_>,
    exchange: &Exchange<'_>,
    (index, is_last): (usize, bool),
    (start, end): (u64, u64),
) -> Span {
    let agent = &held.plan.agent;
    let fault = failure(held.ending).filter(|_| is_last);
    let mut attributes = vec![text("gen_ai.operation.name", "invoke_agent"), text("gen_ai.agent.name", agent)];
    let version = held.agent_version.or(held.plan.agent_version.as_deref());
    attributes.extend(version.map(|version| text("gen_ai.agent.version", version)));
    attributes.extend(common(held));
    attributes.push(number("reenact.turn", exchange.turn));
    attributes.extend(used(held.agent_usage.get(index).and_then(Option::as_ref)));
    if !exchange.heard.is_empty() {
        attributes.push(text("gen_ai.input.messages", messages::input(exchange.heard.iter())));
    }
    if !exchange.did.is_empty() {
        attributes.push(text("gen_ai.output.messages", messages::output(exchange.did)));
    }
    attributes.extend(fault.map(|fault| text("error.type", word(&fault.fault))));
    Span {
        span_id: turn_span_id(held.session_id, exchange.turn).to_vec(),
        parent_span_id: span_id(held.session_id, "conversation").to_vec(),
        name: format!("invoke_agent {agent}"),
        kind: KIND_CLIENT,
        attributes,
        status: fault.map(|fault| Status::error(&fault.reason)),
        ..timed(held, start, end)
    }
}

/// The tools that the agent says to have run. When it ran them within its turn, it does not say.
fn tool_spans(held: Held<'_>, exchange: &Exchange<'_>, (start, end): (u64, u64)) -> Vec<Span> {
    let mut results: Vec<&Message> = exchange.did.iter().filter(|said| said.speaker == Speaker::Tool).collect();
    let calls = exchange.did.iter().flat_map(|message| &message.tool_calls);
    let span = |(index, call): (usize, &ToolCall)| {
        let answers = |result: &&Message| result.tool_call_id == call.id;
        let result = results.iter().position(answers).map(|at| results.remove(at));
        let mut attributes = vec![text("gen_ai.operation.name", "execute_tool"), text("gen_ai.tool.name", &call.name)];
        attributes.extend(call.id.as_ref().map(|id| text("gen_ai.tool.call.id", id)));
        attributes.extend(messages::arguments(call).map(|arguments| text("gen_ai.tool.call.arguments", arguments)));
        attributes.extend(result.map(|result| text("gen_ai.tool.call.result", &result.text)));
        attributes.extend(common(held));
        attributes.push(number("reenact.turn", exchange.turn));
        Span {
            span_id: span_id(held.session_id, &format!("turn {} tool {index}", exchange.turn)).to_vec(),
            parent_span_id: turn_span_id(held.session_id, exchange.turn).to_vec(),
            name: format!("execute_tool {}", call.name),
            kind: KIND_INTERNAL,
            attributes,
            ..timed(held, start, end)
        }
    };
    calls.enumerate().map(span).collect()
}

/// What every span says, so that any of them can be found by it.
fn common(held: Held<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        text("gen_ai.conversation.id", held.session_id),
        text("session.id", held.session_id),
        text("reenact.run", held.run),
        text("reenact.case", &held.case.id),
        number("reenact.trial", held.trial),
        text("reenact.ending", word(held.ending)),
    ];
    attributes.extend(held.is_discarded.then(|| flag("reenact.discarded")));
    attributes
}

fn used(usage: Option<&AgentUsage>) -> Vec<KeyValue> {
    let Some(AgentUsage { model, usage }) = usage else { return Vec::new() };
    let model = model.as_ref().map(|model| text("gen_ai.response.model", super::call::bare_name(model)));
    let tokens = super::call::tokens(usage);
    model.into_iter().chain(tokens).collect()
}

fn timed(held: Held<'_>, start: u64, end: u64) -> Span {
    Span {
        trace_id: trace_id(held.session_id).to_vec(),
        flags: 1,
        start_time_unix_nano: start,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

pub(super) fn failure(ending: &Ending) -> Option<&AgentFault> {
    match ending {
        Ending::AgentFailed(fault) => Some(fault),
        _ => None,
    }
}

/// A kind by the word that it has in every file of ours.
pub(super) fn word(kind: &impl serde::Serialize) -> String {
    match serde_json::to_value(kind) {
        Ok(Value::String(word)) => word,
        Ok(tagged) => tagged["kind"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    }
}

pub(super) fn nanos(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::otlp::Request;
    use super::*;

    fn call(id: Option<&str>, arguments: &str) -> ToolCall {
        ToolCall { id: id.map(str::to_owned), name: "find_order".into(), arguments: arguments.into() }
    }

    fn exported(conversation: &Conversation, case: &TestCase, ending: &Ending, latencies_ms: &[u64]) -> String {
        let began_at = "2026-03-01T12:00:00Z".parse().unwrap();
        let reply = |&latency_ms: &u64| ReplyTime { asked_at: began_at, latency_ms };
        let replies: Vec<ReplyTime> = latencies_ms.iter().map(reply).collect();
        let usage = crate::Usage { input_tokens: 7, output_tokens: 2, ..crate::Usage::default() };
        let usage = Some(AgentUsage { model: Some("openai:/gpt-5".into()), usage });
        let held = Held {
            run: "r1",
            plan: &Plan { agent: "cmd:shop".into(), ..Plan::default() },
            case,
            trial: 2,
            session_id: "sim-0123456789abcdef",
            began_at,
            conversation,
            ending,
            is_discarded: false,
            replies: &replies,
            agent_version: Some("7.1"),
            agent_usage: &[usage],
        };
        serde_json::to_string_pretty(&Request::of(spans(held))).unwrap()
    }

    #[test]
    fn a_conversation_is_a_root_with_a_span_for_each_turn_and_each_tool() {
        let conversation: Conversation = [
            Message::user("where is 47"),
            Message { tool_calls: vec![call(Some("c1"), r#"{"order": 47}"#)], ..Message::agent("Let me look.") },
            Message { tool_call_id: Some("c1".into()), ..Message::new(Speaker::Tool, r#"{"state": "sent"}"#) },
            Message::agent("Sent."),
            Message::user("when?"),
        ]
        .into_iter()
        .collect();
        let fault = AgentFault::new(crate::FaultKind::TimedOut, "no answer within 1s");
        let case = TestCase { id: "orders".into(), ..TestCase::default() };
        let version = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
        let json = exported(&conversation, &case, &Ending::AgentFailed(fault), &[250, 1000]);
        insta::assert_snapshot!(json.replace(&version, "\"VERSION\""));
    }

    #[test]
    fn an_agent_that_fails_before_a_word_is_said_has_a_turn_all_the_same() {
        let fault = Ending::AgentFailed(AgentFault::new(crate::FaultKind::Died, "gone"));
        let mut case = TestCase { id: "orders".into(), ..TestCase::default() };
        assert_eq!(exported(&Conversation::default(), &case, &fault, &[1]).matches("invoke_agent cmd:shop").count(), 1);
        case.staging.prefix = [Message::user("hi")].into_iter().collect();
        assert!(exported(&case.staging.prefix, &case, &fault, &[1]).contains(r#"\"content\":\"hi\""#));
    }
}
