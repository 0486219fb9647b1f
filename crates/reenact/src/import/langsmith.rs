//! Runs of LangSmith as JSON, one run a record: what its client's `list_runs` gives, or its `/runs/query`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Format;
use super::format::Parsed;
use super::json::{Reason, Text, time_of, words_of};
use super::span::{Said, Seen, Work};
use super::trace;
use super::value::Value;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Run<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    parent_run_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    run_type: Option<Text<'a>>,
    #[serde(borrow)]
    start_time: Option<Text<'a>>,
    #[serde(borrow)]
    end_time: Option<Text<'a>>,
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
    #[serde(borrow)]
    outputs: Option<&'a RawValue>,
    #[serde(borrow)]
    extra: Option<Extra<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Extra<'a> {
    #[serde(borrow)]
    metadata: Option<BTreeMap<String, &'a RawValue>>,
}

/// Keys of the metadata that LangSmith makes threads of.
const THREAD_KEYS: [&str; 3] = ["session_id", "thread_id", "conversation_id"];

/// The trace that a run is of. A run that is a trace by itself need not name it.
pub(super) fn trace_of(record: &str) -> Result<String, Reason> {
    let run: Run<'_> = serde_json::from_str(record)?;
    let id = run.trace_id.unwrap_or(run.id).into_string();
    if id.is_empty() { Err("the run has neither `trace_id` nor `id`".into()) } else { Ok(id) }
}

/// The runs of one trace.
pub(super) fn parse(records: &str) -> Result<Parsed, Reason> {
    let runs: Vec<Run<'_>> = serde_json::Deserializer::from_str(records).into_iter().collect::<Result<_, _>>()?;
    let Some(first) = runs.first() else { return Ok(Vec::new()) };
    let trace = first.trace_id.as_ref().unwrap_or(&first.id).as_str().to_owned();
    Ok(vec![trace::fragment(Format::LangSmith, trace, runs.into_iter().map(Run::seen).collect())])
}

impl<'a> Run<'a> {
    fn seen(self) -> Seen<'a> {
        let time = |text: Option<Text<'_>>| time_of(text?.as_str());
        let work = match self.run_type.as_ref().map(Text::as_str) {
            Some("llm") => Work::Call,
            Some("tool") => Work::Tool,
            _ => Work::Other,
        };
        let mut seen = Seen {
            parent: self.parent_run_id.filter(|id| !id.as_str().is_empty()),
            id: self.id,
            name: self.name.unwrap_or_default(),
            start: time(self.start_time),
            end: time(self.end_time),
            work,
            ..Seen::default()
        };
        let (mut input, mut output) = (told(self.inputs), told(self.outputs));
        if work == Work::Tool {
            seen.call_id = output.and_then(|output| field(field(output, "output")?, "tool_call_id")).map(Value::Json);
            (input, output) =
                (input.map(|input| only(input, "input")), output.map(|output| result(only(output, "output"))));
        }
        seen.input = input.map_or(Said::Nothing, |raw| Said::Whole(Value::Json(raw)));
        seen.output = output.map_or(Said::Nothing, |raw| Said::Whole(Value::Json(raw)));
        if seen.parent.is_none() && work == Work::Other && !seen.name.as_str().is_empty() {
            seen.metadata.insert("agent".to_owned(), seen.name.as_str().to_owned());
        }
        seen.note_metadata(&self.extra.unwrap_or_default().metadata.unwrap_or_default());
        seen
    }
}

impl Seen<'_> {
    /// LangSmith's own words begin with `ls_`; the rest is what people marked.
    fn note_metadata(&mut self, metadata: &BTreeMap<String, &RawValue>) {
        for key in THREAD_KEYS {
            if let Some(value) = metadata.get(key) {
                self.set_session(Value::Json(value));
            }
        }
        for (key, value) in metadata.iter().filter(|(key, _)| !THREAD_KEYS.contains(&key.as_str())) {
            match key.as_str() {
                "ls_model_name" => self.note("model", Value::Json(value)),
                "user_id" => self.note("user", Value::Json(value)),
                own if own.starts_with("ls_") || own == "revision_id" => {}
                other if !words_of(value).is_empty() => self.note(other, Value::Json(value)),
                _ => {}
            }
        }
    }
}

/// Nothing where a run has no inputs or outputs, or none yet.
fn told(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| !matches!(raw.get(), "null" | "{}"))
}

/// What stands under a key of an object.
fn field<'a>(raw: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    serde_json::from_str::<BTreeMap<String, &'a RawValue>>(raw.get()).ok()?.remove(key)
}

/// What an object wraps that has this key and no other.
fn only<'a>(raw: &'a RawValue, key: &str) -> &'a RawValue {
    let fields: BTreeMap<String, &'a RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
    let only = fields.get(key).filter(|_| fields.len() == 1);
    only.copied().unwrap_or(raw)
}

/// A tool's result: what it gave, out of the message that LangChain makes of it.
fn result(raw: &RawValue) -> &RawValue {
    let message = field(raw, "kwargs").unwrap_or(raw);
    let is_message = field(message, "tool_call_id").is_some();
    field(message, "content").filter(|_| is_message).unwrap_or(raw)
}
