//! Traces and observations of Langfuse as JSON: a trace with its observations (`GET /api/public/traces/{id}`, and what its pages
//! download), or an observation a record (`GET /api/public/v2/observations`, and the columns of its exports).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Format;
use super::format::Parsed;
use super::fragment::Fragment;
use super::json::{Reason, Text, scalar_of, time_of};
use super::span::{Said, Seen, Work};
use super::trace;
use super::value::Value;

/// A trace, or an observation: only the latter says of which trace it is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, alias = "trace_id")]
    #[serde(rename = "traceId")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, rename = "parentObservationId", alias = "parent_observation_id")]
    parent: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, rename = "traceName", alias = "trace_name")]
    trace_name: Option<Text<'a>>,
    #[serde(borrow, rename = "startTime", alias = "start_time", alias = "timestamp")]
    start: Option<Text<'a>>,
    #[serde(borrow, rename = "endTime", alias = "end_time")]
    end: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, alias = "providedModelName", alias = "provided_model_name")]
    model: Option<Text<'a>>,
    #[serde(borrow, rename = "sessionId", alias = "session_id")]
    session: Option<Text<'a>>,
    #[serde(borrow, rename = "userId", alias = "user_id")]
    user: Option<Text<'a>>,
    #[serde(borrow)]
    observations: Option<Vec<&'a RawValue>>,
}

/// The trace that a record is, or is of.
pub(super) fn trace_of(record: &str) -> Result<String, Reason> {
    let row: Row<'_> = serde_json::from_str(record)?;
    let id = row.trace_id.unwrap_or(row.id).into_string();
    if id.is_empty() { Err("the record has neither `traceId` nor `id`".into()) } else { Ok(id) }
}

/// The records of one trace.
pub(super) fn parse(records: &str) -> Result<Parsed, Reason> {
    let rows: Vec<Row<'_>> = serde_json::Deserializer::from_str(records).into_iter().collect::<Result<_, _>>()?;
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let trace_id = first.trace_id.as_ref().unwrap_or(&first.id).as_str().to_owned();
    Ok(vec![fragment(trace_id, rows)])
}

fn fragment(trace_id: String, rows: Vec<Row<'_>>) -> Result<Fragment, Reason> {
    let (mut spans, mut traces) = (Vec::new(), Vec::new());
    for mut row in rows {
        for observation in row.observations.take().into_iter().flatten() {
            spans.push(serde_json::from_str::<Row<'_>>(observation.get())?.seen());
        }
        // What people marked on a trace is in its own record, or beside its root.
        let marked = marks(row.metadata.filter(|_| row.trace_id.is_none()));
        match row.trace_id {
            Some(_) => spans.push(row.seen()),
            None => traces.push((row.seen(), marked)),
        }
    }
    let is_told = spans.iter().any(|span: &Seen<'_>| !(span.input.is_nothing() && span.output.is_nothing()));
    let mut metadata = BTreeMap::new();
    for (mut seen, marked) in traces {
        metadata.extend(marked);
        seen.name = Text::default();
        if is_told {
            // The trace repeats what its root says, and its root is among the observations.
            (seen.input, seen.output) = (Said::Nothing, Said::Nothing);
        }
        spans.push(seen);
    }
    let mut fragment = trace::fragment(Format::Langfuse, trace_id, spans)?;
    for (key, value) in metadata {
        fragment.metadata.entry(key).or_insert(value);
    }
    Ok(fragment)
}

impl<'a> Row<'a> {
    fn seen(self) -> Seen<'a> {
        let time = |text: Option<Text<'_>>| time_of(text?.as_str());
        let said = |raw: Option<&'a RawValue>| match raw.filter(|raw| !matches!(raw.get(), "null" | "\"\"")) {
            Some(raw) => Said::Whole(Value::Json(raw)),
            None => Said::Nothing,
        };
        let work = match self.kind.as_ref().map(Text::as_str) {
            Some("GENERATION") => Work::Call,
            Some("TOOL") => Work::Tool,
            _ => Work::Other,
        };
        let is_trace = self.trace_id.is_none() && self.kind.is_none();
        let given = |text: Option<Text<'a>>| text.map(Text::into_string).filter(|text| !text.is_empty());
        let name = self.name.unwrap_or_default();
        let agent = self.trace_name.or_else(|| is_trace.then(|| name.clone()));
        let noted = [("agent", given(agent)), ("user", given(self.user)), ("model", given(self.model))];
        Seen {
            parent: self.parent.filter(|id| !id.as_str().is_empty()),
            id: self.id,
            name,
            start: time(self.start),
            end: time(self.end),
            work,
            session: given(self.session),
            metadata: noted.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect(),
            input: said(self.input),
            output: said(self.output),
            ..Seen::default()
        }
    }
}

/// Short values of a trace's metadata; what has parts is the tracer's.
fn marks(metadata: Option<&RawValue>) -> BTreeMap<String, String> {
    let fields: BTreeMap<String, &RawValue> =
        metadata.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    fields.into_iter().filter_map(|(key, value)| Some((key, scalar_of(value)?.into_owned()))).collect()
}
