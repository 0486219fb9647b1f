//! What one record or one trace tells of a session.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Format;
use crate::Message;

/// What one record or one trace tells of a session: all of it, one turn, or its history and one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The session or conversation id, where the recording has one.
    pub session: Option<String>,
    /// The trace that it comes from; nothing for a record that is a whole session.
    pub trace: Option<String>,
    /// When it began, where the recording knows.
    pub time: Option<Timestamp>,
    /// What the recording says about it: user, agent, model, tags.
    pub metadata: BTreeMap<String, String>,
    /// What was said. Messages that this trace repeats from earlier turns have no time.
    pub messages: Vec<Message>,
    /// The format that it was written in.
    pub format: Format,
    /// Where the session was before it was exported, for a record that says so.
    pub source: Option<String>,
    /// The line that it starts on, from 1.
    pub line: u64,
}

impl Fragment {
    /// A fragment of messages, with nothing else known yet.
    pub(super) fn new(format: Format, messages: Vec<Message>) -> Self {
        let metadata = BTreeMap::new();
        Fragment { session: None, trace: None, time: None, metadata, messages, format, source: None, line: 0 }
    }
}
