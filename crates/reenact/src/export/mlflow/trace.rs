//! One turn as a trace of MLflow: what it keeps of it, and its spans.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::call::tokens;
use super::super::conversation::{Exchange, Held, exchanges, failure};
use super::super::messages::arguments;
use super::super::otlp::{KIND_INTERNAL, Span, Status, text};
use super::{cut, word};
use crate::trace_context::{hex, span_id, turn_span_id, turn_trace_id};
use crate::{Message, Speaker, ToolCall};

/// The longest value that MLflow takes as metadata of a trace.
const METADATA_CHARACTERS_MAX: usize = 250;

/// What MLflow shows of a trace's input and output without reading its spans.
const PREVIEW_CHARACTERS_MAX: usize = 1000;

/// What stands for a persona where the case has none: MLflow's pages match sessions of two runs by goal and persona, and not without either.
const NO_PERSONA: &str = "(none)";

/// The traces of a conversation, in order, each with its spans; one at least.
pub(super) fn all(held: Held<'_>) -> Vec<(Value, Vec<Span>)> {
    let mut exchanges = exchanges(held);
    if exchanges.is_empty() {
        // A conversation that ended before a word was said is one that MLflow should know of all the same.
        let from = u64::try_from(held.began_at.as_nanosecond()).unwrap_or_default();
        exchanges.push(Exchange { turn: 1, heard: &held.conversation.messages, did: &[], from, to: from });
    }
    let last = exchanges.len() - 1;
    let traced = |(index, exchange): (usize, &Exchange<'_>)| {
        let fault = if index == last { failure(held.ending).map(|fault| fault.reason.as_str()) } else { None };
        (info(held, exchange, fault), spans(held, (index, exchange), fault))
    };
    exchanges.iter().enumerate().map(traced).collect()
}

/// The id of the trace of a turn, as MLflow writes it.
fn id(session_id: &str, turn: u32) -> String {
    format!("tr-{}", hex(&turn_trace_id(session_id, turn)))
}

fn info(held: Held<'_>, exchange: &Exchange<'_>, fault: Option<&str>) -> Value {
    let spoke = |messages: &[Message], speaker| {
        let said = messages.iter().rev().find(|message| message.speaker == speaker && !message.text.is_empty());
        said.map_or(String::new(), |message| cut(&message.text, PREVIEW_CHARACTERS_MAX))
    };
    json!({
        "trace_id": id(held.session_id, exchange.turn),
        "request_time": time(exchange.from),
        "execution_duration": format!("{:.3}s", (exchange.to - exchange.from) as f64 / 1e9),
        "state": if fault.is_some() { "ERROR" } else { "OK" },
        "request_preview": spoke(exchange.heard, Speaker::User),
        "response_preview": fault.map_or_else(|| spoke(exchange.did, Speaker::Agent), |fault| cut(fault, PREVIEW_CHARACTERS_MAX)),
        "trace_metadata": metadata(held, exchange),
        "tags": { "mlflow.traceName": held.plan.agent },
    })
}

/// In whole milliseconds, as MLflow compares them.
fn time(nanos: u64) -> String {
    let time = Timestamp::from_millisecond((nanos / 1_000_000) as i64).unwrap_or_default();
    format!("{time:.3}")
}

fn metadata(held: Held<'_>, exchange: &Exchange<'_>) -> Value {
    let brief = &held.case.brief;
    let persona = brief.persona.as_deref().unwrap_or(NO_PERSONA);
    let mut metadata = Map::new();
    let mut note = |key: &str, value: &str| {
        metadata.insert(key.to_owned(), cut(value, METADATA_CHARACTERS_MAX).into());
    };
    note("mlflow.trace_schema.version", "3");
    note("mlflow.trace.session", held.session_id);
    note("mlflow.simulation.goal", &brief.goal);
    note("mlflow.simulation.persona", persona);
    // MLflow counts turns from 0.
    note("mlflow.simulation.turn", &exchange.turn.saturating_sub(1).to_string());
    if !brief.guidelines.is_empty() {
        note("mlflow.simulation.simulation_guidelines", &brief.guidelines.join("\n"));
    }
    note("reenact.run", held.run);
    note("reenact.case", &held.case.id);
    note("reenact.trial", &held.trial.to_string());
    note("reenact.ending", &word(held.ending));
    if held.is_discarded {
        note("reenact.discarded", "true");
    }
    Value::Object(metadata)
}

fn spans(held: Held<'_>, (index, exchange): (usize, &Exchange<'_>), fault: Option<&str>) -> Vec<Span> {
    let mut attributes = vec![text("session.id", held.session_id), text("mlflow.spanType", json!("AGENT").to_string())];
    if !exchange.heard.is_empty() {
        let heard: Vec<Value> = exchange.heard.iter().map(message).collect();
        attributes.push(text("mlflow.spanInputs", json!({ "messages": heard }).to_string()));
    }
    if !exchange.did.is_empty() {
        let did: Vec<Value> = exchange.did.iter().map(message).collect();
        attributes.push(text("mlflow.spanOutputs", json!({ "messages": did }).to_string()));
    }
    if let Some(used) = held.agent_usage.get(index).and_then(Option::as_ref) {
        attributes.extend(tokens(&used.usage));
    }
    let root = Span {
        span_id: turn_span_id(held.session_id, exchange.turn).to_vec(),
        name: held.plan.agent.clone(),
        attributes,
        status: fault.map(Status::error),
        ..timed(held, exchange)
    };
    std::iter::once(root).chain(tools(held, exchange)).collect()
}

fn tools(held: Held<'_>, exchange: &Exchange<'_>) -> Vec<Span> {
    let mut results: Vec<&Message> = exchange.did.iter().filter(|said| said.speaker == Speaker::Tool).collect();
    let calls = exchange.did.iter().flat_map(|message| &message.tool_calls);
    let span = |(index, call): (usize, &ToolCall)| {
        let answers = |result: &&Message| result.tool_call_id == call.id;
        let result = results.iter().position(answers).map(|at| results.remove(at));
        let mut attributes = vec![text("mlflow.spanType", json!("TOOL").to_string())];
        attributes.extend(arguments(call).map(|arguments| text("mlflow.spanInputs", arguments)));
        attributes.extend(result.map(|result| text("mlflow.spanOutputs", json!(result.text).to_string())));
        Span {
            span_id: span_id(held.session_id, &format!("turn {} tool {index}", exchange.turn)).to_vec(),
            parent_span_id: turn_span_id(held.session_id, exchange.turn).to_vec(),
            name: call.name.clone(),
            attributes,
            ..timed(held, exchange)
        }
    };
    calls.enumerate().map(span).collect()
}

fn timed(held: Held<'_>, exchange: &Exchange<'_>) -> Span {
    Span {
        trace_id: turn_trace_id(held.session_id, exchange.turn).to_vec(),
        flags: 1,
        kind: KIND_INTERNAL,
        start_time_unix_nano: exchange.from,
        end_time_unix_nano: exchange.to,
        ..Span::default()
    }
}

/// A message as chat completions have it, which MLflow's pages and judges read.
fn message(message: &Message) -> Value {
    let role = match message.speaker {
        Speaker::User => "user",
        Speaker::Agent => "assistant",
        Speaker::Tool => "tool",
        Speaker::Operator => "system",
    };
    let mut said = json!({ "role": role, "content": message.text });
    if !message.tool_calls.is_empty() {
        said["tool_calls"] = message.tool_calls.iter().map(call).collect();
    }
    if let Some(id) = &message.tool_call_id {
        said["tool_call_id"] = id.as_str().into();
    }
    if let Some(name) = &message.name {
        said["name"] = name.as_str().into();
    }
    said
}

fn call(call: &ToolCall) -> Value {
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
}
