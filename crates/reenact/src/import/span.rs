//! A span, and what the conventions of tracers say in its attributes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::indexed;
use super::json::Text;
use super::payload::{self, Side};
use super::value::Value;
use super::{genai, mlflow, openinference};
use crate::Message;

/// A span as a file has it.
#[derive(Debug, Default)]
pub(super) struct Span<'a> {
    pub(super) id: Text<'a>,
    pub(super) parent: Option<Text<'a>>,
    pub(super) name: Text<'a>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) attributes: Vec<(Text<'a>, Value<'a>)>,
    pub(super) events: Vec<Event<'a>>,
}

/// An event of a span.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) name: Text<'a>,
    pub(super) attributes: Vec<(Text<'a>, Value<'a>)>,
}

/// What a span is of an agent's work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Work {
    /// A model was called.
    Call,
    /// A tool was run.
    Tool,
    /// Anything else: the agent itself, a step, a request.
    #[default]
    Other,
}

/// What was said, not read yet.
#[derive(Debug, Default)]
pub(super) enum Said<'a> {
    #[default]
    Nothing,
    /// All of it in one value.
    Whole(Value<'a>),
    /// An attribute for each field of each message, under keys such as `0.message.role`.
    Indexed(Vec<(Text<'a>, Value<'a>)>),
}

/// What the attributes of a span say, by any of the conventions.
#[derive(Debug, Default)]
pub(super) struct Seen<'a> {
    pub(super) id: Text<'a>,
    pub(super) parent: Option<Text<'a>>,
    pub(super) name: Text<'a>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) work: Work,
    pub(super) session: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) system: Option<Value<'a>>,
    pub(super) input: Said<'a>,
    pub(super) output: Said<'a>,
    pub(super) tool_name: Option<Value<'a>>,
    pub(super) call_id: Option<Value<'a>>,
}

/// The conventions, each listed once. Where a span follows several, the first that says a thing is heard.
const CONVENTIONS: [for<'a> fn(&Span<'a>, &mut Seen<'a>); 3] = [genai::read, openinference::read, mlflow::read];

impl<'a> Span<'a> {
    /// What the span says.
    pub(super) fn seen(self) -> Seen<'a> {
        let mut seen = Seen { start: self.start, end: self.end, ..Seen::default() };
        for read in CONVENTIONS {
            read(&self, &mut seen);
        }
        Seen { id: self.id, parent: self.parent, name: self.name, ..seen }
    }
}

impl<'a> Seen<'a> {
    pub(super) fn set_session(&mut self, value: Value<'_>) {
        if self.session.is_none() {
            self.session = Some(value.label().trim().to_owned()).filter(|id| !id.is_empty());
        }
    }

    pub(super) fn set_input(&mut self, said: Said<'a>) {
        if self.input.is_nothing() {
            self.input = said;
        }
    }

    pub(super) fn set_output(&mut self, said: Said<'a>) {
        if self.output.is_nothing() {
            self.output = said;
        }
    }

    pub(super) fn note(&mut self, key: &str, value: Value<'_>) {
        if !self.metadata.contains_key(key) {
            let label = value.label();
            if !label.is_empty() {
                self.metadata.insert(key.to_owned(), label);
            }
        }
    }

    /// The same, noted to be of a service.
    pub(super) fn of_service(mut self, service: Option<&str>) -> Self {
        if let Some(service) = service {
            self.metadata.entry("service".to_owned()).or_insert_with(|| service.to_owned());
        }
        self
    }

    /// Whether this call of a model told nothing but the beginning of what a later one told.
    pub(super) fn begins(&self, later: &Seen<'_>) -> bool {
        let same_system = match (self.system, later.system) {
            (None, None) => true,
            (Some(mine), Some(other)) => mine.is_same_text(other),
            _ => false,
        };
        same_system && self.input.begins(&later.input)
    }
}

impl Said<'_> {
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Said::Nothing => true,
            Said::Whole(_) => false,
            Said::Indexed(entries) => entries.is_empty(),
        }
    }

    /// Whether this is the beginning of something longer, told without reading either.
    pub(super) fn begins(&self, longer: &Said<'_>) -> bool {
        match (self, longer) {
            (Said::Whole(mine), Said::Whole(other)) => mine.begins(*other),
            (Said::Indexed(mine), Said::Indexed(other)) => indexed::begins(mine, other),
            _ => false,
        }
    }

    /// The messages.
    pub(super) fn messages(&self, side: Side) -> Result<Vec<Message>, String> {
        match self {
            Said::Nothing => Ok(Vec::new()),
            Said::Whole(value) => payload::read(&value.payload(), side),
            Said::Indexed(entries) => indexed::read(entries, side),
        }
    }
}
