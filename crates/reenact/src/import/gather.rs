//! Gathers fragments to sessions and writes them to the store.
//!
//! The traces of a session mostly lie near each other, so a session is held until others crowd it out,
//! and is written then. A trace that comes later finds it in the store. What is held is bounded in
//! bytes, so memory does not grow with what is imported.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::fragment::Fragment;
use super::imported::Imported;
use super::merge::{merge, says_same};
use crate::store::SessionWriter;
use crate::{Message, Result, Session};

/// Enough for a thousand conversations at a time.
const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Each commit costs a wait for the disk; a few thousand sessions hide it.
const SESSIONS_PER_CHECKPOINT: u64 = 4_000;

/// Whether what is written so far is kept when the import fails later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    AsWritten,
    AllOrNothing,
}

pub(super) struct Gather<'s> {
    writer: SessionWriter<'s>,
    keep: Keep,
    held: HashMap<String, Held>,
    held_bytes: usize,
    /// The session of each trace that is held, for spans that come in another record than their root and
    /// do not name their session.
    session_of_trace: HashMap<String, String>,
    touches: u64,
    written: u64,
}

/// A session that is being gathered.
struct Held {
    session: Session,
    traces: Vec<String>,
    known: Known,
    changed: bool,
    place: (Arc<Path>, u64),
    touched: u64,
    bytes: usize,
}

/// Whether the store knew a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    No,
    Yes,
}

impl<'s> Gather<'s> {
    pub(super) fn new(writer: SessionWriter<'s>, keep: Keep) -> Self {
        let (held, session_of_trace) = (HashMap::new(), HashMap::new());
        Gather { writer, keep, held, held_bytes: 0, session_of_trace, touches: 0, written: 0 }
    }

    /// Adds what one record or trace tells.
    pub(super) fn take(&mut self, fragment: Fragment, file: &Arc<Path>, imported: &mut Imported) -> Result<()> {
        let id = self.id_of(&fragment);
        let place = (Arc::clone(file), fragment.line);
        let stray = self.stray_of(&fragment, &id);
        let mut held = self.hold(&id, place)?;
        if let Some(stray) = stray {
            held.absorb(stray);
        }
        if fragment.trace.is_some() {
            held.add_trace(fragment, file);
        } else if let Err(reason) = held.add_record(fragment, file) {
            imported.skip(file, reason.0, reason.1);
        }
        self.put_back(id, held);
        if self.held_bytes > HELD_BYTES_MAX { self.flush_to(HELD_BYTES_MAX / 2, imported) } else { Ok(()) }
    }

    /// Whether a trace is in its session already; the session then counts as one that was found.
    pub(super) fn knows(&mut self, session: &str, trace: &str, file: &Arc<Path>) -> Result<bool> {
        if !self.held.contains_key(session) && self.writer.get(session)?.is_none() {
            return Ok(false);
        }
        let held = self.hold(session, (Arc::clone(file), 0))?;
        let knows = held.traces.iter().any(|known| known == trace);
        self.put_back(session.to_owned(), held);
        Ok(knows)
    }

    /// Makes durable what was written, and lets others write until more is.
    pub(super) fn rest(&mut self) -> Result<()> {
        match self.keep {
            Keep::AsWritten => self.writer.rest(),
            Keep::AllOrNothing => Ok(()),
        }
    }

    fn id_of(&self, fragment: &Fragment) -> String {
        match (&fragment.session, &fragment.trace) {
            (Some(session), _) => session.clone(),
            (None, Some(trace)) => self.session_of_trace.get(trace).unwrap_or(trace).clone(),
            (None, None) => content_id(&fragment.messages),
        }
    }

    /// Spans of the trace that came before the one that names its session.
    fn stray_of(&mut self, fragment: &Fragment, id: &str) -> Option<Held> {
        let trace = fragment.trace.as_ref().filter(|trace| *trace != id)?;
        let is_stray =
            self.held.get(trace).is_some_and(|held| held.known == Known::No && held.traces == [trace.clone()]);
        let stray = is_stray.then(|| self.held.remove(trace)).flatten()?;
        self.held_bytes -= stray.bytes;
        Some(stray)
    }

    fn hold(&mut self, id: &str, place: (Arc<Path>, u64)) -> Result<Held> {
        self.touches += 1;
        if let Some(held) = self.held.remove(id) {
            self.held_bytes -= held.bytes;
            return Ok(Held { touched: self.touches, ..held });
        }
        let (session, traces, known) = match self.writer.get(id)? {
            Some(stored) => (stored.session, stored.traces, Known::Yes),
            None => (Session::new(id, [].into_iter().collect()), Vec::new(), Known::No),
        };
        Ok(Held { session, traces, known, changed: false, place, touched: self.touches, bytes: 0 })
    }

    fn put_back(&mut self, id: String, mut held: Held) {
        held.bytes = bytes_of(&held.session);
        self.held_bytes += held.bytes;
        for trace in held.traces.iter().filter(|trace| **trace != id) {
            if !self.session_of_trace.contains_key(trace) {
                self.session_of_trace.insert(trace.clone(), id.clone());
            }
        }
        self.held.insert(id, held);
    }

    /// Writes what was touched longest ago, until no more than `bytes` are held.
    fn flush_to(&mut self, bytes: usize, imported: &mut Imported) -> Result<()> {
        let mut order: Vec<(u64, String)> = self.held.iter().map(|(id, held)| (held.touched, id.clone())).collect();
        order.sort_unstable();
        for (_, id) in order {
            if bytes > 0 && self.held_bytes <= bytes {
                break;
            }
            if let Some(held) = self.held.remove(&id) {
                self.held_bytes -= held.bytes;
                held.traces.iter().for_each(|trace| drop(self.session_of_trace.remove(trace)));
                self.write(&held, imported)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, held: &Held, imported: &mut Imported) -> Result<()> {
        let (file, line) = &held.place;
        if held.session.conversation.turn_count() == 0 {
            imported.skip(file, *line, held.without_user());
            return Ok(());
        }
        match (held.known, held.changed) {
            (Known::No, _) => imported.sessions_new += 1,
            (Known::Yes, true) => imported.sessions_grown += 1,
            (Known::Yes, false) => {
                imported.sessions_unchanged += 1;
                return Ok(());
            }
        }
        self.writer.put(&held.session, &held.traces)?;
        self.written += 1;
        if self.keep == Keep::AsWritten && self.written.is_multiple_of(SESSIONS_PER_CHECKPOINT) {
            self.writer.checkpoint()?;
        }
        Ok(())
    }

    /// Writes all that is held; commits, unless all or nothing was asked for and something was wrong.
    pub(super) fn finish(mut self, imported: &mut Imported) -> Result<()> {
        self.flush_to(0, imported)?;
        if self.keep == Keep::AllOrNothing && imported.has_problems() {
            imported.refused = true;
            (imported.sessions_new, imported.sessions_grown) = (0, 0);
            return Ok(());
        }
        self.writer.commit()
    }
}

impl Held {
    fn add_trace(&mut self, fragment: Fragment, file: &Path) {
        self.name_source(&fragment, file);
        self.changed |= merge(&mut self.session, &mut self.traces, fragment);
    }

    fn absorb(&mut self, stray: Held) {
        let Session { source, started_at, metadata, conversation, .. } = stray.session;
        if self.session.source.is_empty() {
            self.session.source = source;
        }
        let mut fragment = Fragment::new(super::Format::Otlp, conversation.messages);
        (fragment.trace, fragment.time, fragment.metadata) = (stray.traces.into_iter().next(), started_at, metadata);
        self.changed |= merge(&mut self.session, &mut self.traces, fragment);
    }

    /// Takes a record that is a whole session: it is new, says no more than is known, goes on where the
    /// known one ends, or is another conversation under the same id.
    fn add_record(&mut self, fragment: Fragment, file: &Path) -> Result<(), (u64, String)> {
        let known = &self.session.conversation.messages;
        let common = known.iter().zip(&fragment.messages).take_while(|(a, b)| says_same(a, b)).count();
        if common < known.len() && common < fragment.messages.len() {
            return Err((fragment.line, self.conflict()));
        }
        if common == fragment.messages.len() && !known.is_empty() {
            return Ok(());
        }
        self.name_source(&fragment, file);
        self.session.started_at = self.session.started_at.or(fragment.time);
        self.session.metadata.extend(fragment.metadata);
        self.session.conversation.messages.extend(fragment.messages.into_iter().skip(common));
        self.changed = true;
        Ok(())
    }

    fn conflict(&self) -> String {
        let (file, line) = &self.place;
        let first = match self.known {
            Known::No => format!("{}:{line}", file.display()),
            Known::Yes => format!("the store, from {}", self.session.source),
        };
        format!(
            "session `{}` is already known with other messages ({first}); give one of them another id",
            self.session.id
        )
    }

    fn name_source(&mut self, fragment: &Fragment, file: &Path) {
        if self.session.source.is_empty() {
            let here = || format!("{} {}", fragment.format, file.display());
            self.session.source = fragment.source.clone().unwrap_or_else(here);
        }
    }

    fn without_user(&self) -> String {
        without_user(&self.session)
    }
}

/// Why a session without a turn is left out.
pub(super) fn without_user(session: &Session) -> String {
    let id = &session.id;
    match session.conversation.messages.len() {
        0 => format!("session `{id}` has no messages"),
        count => format!("session `{id}` has no user message (of {count})"),
    }
}

/// A session that has no id is named by what was said, so that the same file names it the same again.
fn content_id(messages: &[Message]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for message in messages {
        add(&format!("{:?}", message.speaker));
        add(&message.text);
        for call in &message.tool_calls {
            add(&call.name);
            add(&call.arguments);
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// About what a session takes in memory.
pub(super) fn bytes_of(session: &Session) -> usize {
    const MESSAGE_BYTES: usize = size_of::<Message>();
    const SESSION_BYTES: usize = 1024;
    let message = |message: &Message| {
        let calls = message.tool_calls.iter().map(|call| call.name.len() + call.arguments.len() + 100);
        MESSAGE_BYTES + message.text.len() + calls.sum::<usize>()
    };
    SESSION_BYTES + session.conversation.messages.iter().map(message).sum::<usize>()
}
