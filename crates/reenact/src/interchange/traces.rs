//! Sessions as Langfuse and LangSmith export traces, one session a trace: a call of a model for each turn, with all that was said before it as its input.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Error, ErrorKind, Message, Result, Session, Speaker};

/// A store of traces whose export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TraceStore {
    /// Traces with their observations, as Langfuse's API gives them.
    Langfuse,
    /// Runs, as LangSmith's client gives them.
    LangSmith,
}

impl TraceStore {
    /// Every store, in the order in which they are listed to people.
    pub const ALL: [TraceStore; 2] = [TraceStore::Langfuse, TraceStore::LangSmith];

    /// The name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TraceStore::Langfuse => "langfuse",
            TraceStore::LangSmith => "langsmith",
        }
    }
}

impl fmt::Display for TraceStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TraceStore {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        TraceStore::ALL.into_iter().find(|store| store.name() == name).ok_or_else(|| {
            let error = Error::new(ErrorKind::Usage, format!("`{name}` is no store whose exports are written"));
            error.hint("use one of langfuse, langsmith")
        })
    }
}

/// A session as lines of JSON. A message that has no time is dated as the one before it, and a session without any as 1970.
#[must_use]
pub fn export(session: &Session, store: TraceStore) -> String {
    let told = Told::of(session);
    match store {
        TraceStore::Langfuse => format!("{}\n", langfuse(&told)),
        TraceStore::LangSmith => langsmith(&told).iter().map(|run| format!("{run}\n")).collect(),
    }
}

/// A session, with what its trace is made of.
struct Told<'s> {
    session: &'s Session,
    messages: Vec<Value>,
    calls: Vec<Call>,
    start: Timestamp,
    end: Timestamp,
}

/// A call of a model: how many messages it was told, and whether it answered with the next.
struct Call {
    told: usize,
    answers: bool,
    start: Timestamp,
    end: Timestamp,
}

impl<'s> Told<'s> {
    fn of(session: &'s Session) -> Told<'s> {
        let said = &session.conversation.messages;
        let start = session.started_at.or_else(|| said.iter().find_map(|message| message.at)).unwrap_or_default();
        let mut calls = Vec::new();
        let (mut asked, mut now) = (start, start);
        for (at, message) in said.iter().enumerate() {
            now = message.at.unwrap_or(now).max(now);
            let is_last = said.get(at + 1).is_none_or(|next| next.speaker == Speaker::User);
            match message.speaker {
                Speaker::User => asked = now,
                Speaker::Agent if is_last => calls.push(Call { told: at, answers: true, start: asked, end: now }),
                _ => {}
            }
        }
        let heard = calls.last().map_or(0, |call| call.told + 1);
        if heard < said.len() {
            // What nobody answered is told by a call without an answer.
            calls.push(Call { told: said.len(), answers: false, start: asked, end: now });
        }
        Told { session, messages: said.iter().map(message).collect(), calls, start, end: now }
    }

    fn metadata(&self, key: &str) -> Option<&String> {
        self.session.metadata.get(key)
    }

    fn name(&self) -> &str {
        self.metadata("agent").map_or("agent", String::as_str)
    }

    fn input(&self, call: &Call) -> &[Value] {
        &self.messages[..call.told]
    }

    fn output(&self, call: &Call) -> Option<&Value> {
        self.messages.get(call.told).filter(|_| call.answers)
    }

    /// An id that follows from the session's and a number.
    fn id(&self, number: usize) -> [u8; 16] {
        let hash = blake3::hash(format!("{number} {}", self.session.id).as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_bytes()[..16]);
        id
    }
}

/// A message as chat interfaces write it.
fn message(message: &Message) -> Value {
    let role = match message.speaker {
        Speaker::User => "user",
        Speaker::Agent => "assistant",
        Speaker::Tool => "tool",
        Speaker::Operator => "system",
    };
    let mut value = json!({ "role": role, "content": message.text });
    if !message.tool_calls.is_empty() {
        let call = |call: &crate::ToolCall| {
            let function = json!({ "name": call.name, "arguments": call.arguments });
            json!({ "id": call.id, "type": "function", "function": function })
        };
        value["tool_calls"] = message.tool_calls.iter().map(call).collect();
    }
    for (key, text) in [("tool_call_id", &message.tool_call_id), ("name", &message.name)] {
        if let Some(text) = text {
            value[key] = text.as_str().into();
        }
    }
    value
}

fn langfuse(told: &Told<'_>) -> Value {
    let time = |time: Timestamp| format!("{time:.3}");
    let hex = |number: usize, digits: usize| {
        let hex: String = told.id(number).iter().map(|byte| format!("{byte:02x}")).collect();
        hex[..digits].to_owned()
    };
    let trace = hex(0, 32);
    let observation = |(number, call): (usize, &Call)| {
        json!({
            "id": hex(number + 1, 16), "traceId": trace, "type": "GENERATION", "name": "chat", "parentObservationId": null,
            "startTime": time(call.start), "endTime": time(call.end), "completionStartTime": null,
            "model": told.metadata("model"), "modelParameters": {}, "input": told.input(call), "output": told.output(call),
            "metadata": {}, "level": "DEFAULT", "statusMessage": null, "version": null, "environment": "default",
            "usage": { "input": 0, "output": 0, "total": 0, "unit": "TOKENS" }, "usageDetails": {}, "costDetails": {},
            "promptId": null, "createdAt": time(call.end), "updatedAt": time(call.end), "projectId": "reenact",
        })
    };
    let observations: Vec<Value> = told.calls.iter().enumerate().map(observation).collect();
    json!({
        "id": trace, "timestamp": time(told.start), "name": told.name(), "input": null, "output": null,
        "sessionId": told.session.id, "userId": told.metadata("user"), "metadata": told.session.metadata, "tags": [], "public": false,
        "release": null, "version": null, "environment": "default", "bookmarked": false, "projectId": "reenact", "externalId": null,
        "createdAt": time(told.start), "updatedAt": time(told.end), "htmlPath": "", "latency": seconds(told.start, told.end),
        "totalCost": 0, "observations": observations, "scores": [],
    })
}

fn seconds(start: Timestamp, end: Timestamp) -> f64 {
    end.duration_since(start).as_millis() as f64 / 1_000.0
}

fn langsmith(told: &Told<'_>) -> Vec<Value> {
    let uuid = |number: usize| uuid::Uuid::from_bytes(told.id(number)).to_string();
    // LangSmith writes times without a zone, and means UTC.
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string();
    let order = |time: Timestamp, id: &str| format!("{}{id}", time.strftime("%Y%m%dT%H%M%S%6fZ"));
    let (trace, project) = (uuid(0), uuid::Uuid::nil().to_string());
    let root_order = order(told.start, &trace);
    let run = |id: &str, kind: &str, name: &str, start: Timestamp, end: Timestamp| {
        json!({
            "id": id, "trace_id": trace, "name": name, "run_type": kind, "start_time": time(start), "end_time": time(end),
            "extra": { "metadata": { "thread_id": told.session.id } }, "error": null, "serialized": null, "events": [],
            "inputs": {}, "outputs": null, "reference_example_id": null, "parent_run_id": null, "tags": [], "session_id": project,
            "status": "success", "dotted_order": root_order,
        })
    };
    let mut root = run(&trace, "chain", told.name(), told.start, told.end);
    for (key, value) in told.session.metadata.iter().filter(|(key, _)| !matches!(key.as_str(), "agent" | "model")) {
        let key = if key == "user" { "user_id" } else { key.as_str() };
        root["extra"]["metadata"][key] = value.as_str().into();
    }
    let mut runs = vec![root];
    for (number, call) in told.calls.iter().enumerate() {
        let id = uuid(number + 1);
        let mut model = run(&id, "llm", "chat", call.start, call.end);
        model["parent_run_id"] = trace.as_str().into();
        model["dotted_order"] = format!("{root_order}.{}", order(call.start, &id)).into();
        model["inputs"] = json!({ "messages": told.input(call) });
        model["outputs"] =
            told.output(call).map_or(Value::Null, |answer| json!({ "choices": [{ "message": answer }] }));
        if let Some(name) = told.metadata("model") {
            model["extra"]["metadata"]["ls_model_name"] = name.as_str().into();
        }
        runs.push(model);
    }
    runs
}
