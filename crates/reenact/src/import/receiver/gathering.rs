//! Traces that were received, as parts of sessions.
//!
//! A trace that comes whole is merged into its session as an import does it. Where more of a trace comes after it was
//! read, what it told before is wrong, and cannot be taken out of a conversation any more: the session is made again
//! from all that was received of it. So a session is a function of its spans, and not of the order in which they came.

use std::collections::BTreeMap;

use zstd::bulk::Decompressor;

use super::pieces;
use crate::import::Fragment;
use crate::import::gather::{bytes_of, without_user};
use crate::import::json::Reason;
use crate::import::merge::merge;
use crate::store::{ReceivedTrace, SessionWriter};
use crate::{Error, ErrorKind, Result, Session, Store};

/// So much is held before it is written although more is to come.
const HELD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What one step did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) traces: u64,
    /// What was kept of them, in bytes.
    pub(super) kept_bytes: u64,
}

/// Reads traces that are due, of about so many bytes, and writes the sessions that they change.
pub(super) fn step(store: &Store, now: i64, bytes_max: u64) -> Result<Step> {
    let writer = store.write_sessions()?;
    let due = writer.due_traces(now, bytes_max)?;
    let mut gathering = Gathering { writer, unpack: decompressor()?, held: BTreeMap::new(), held_bytes: 0 };
    let mut step = Step::default();
    for trace in due {
        step.traces += 1;
        step.kept_bytes += trace.kept_bytes;
        gathering.take(&trace)?;
    }
    gathering.flush()?;
    gathering.writer.commit()?;
    Ok(step)
}

fn decompressor() -> Result<Decompressor<'static>> {
    Decompressor::new()
        .map_err(|error| Error::new(ErrorKind::Io, "there is no memory to decompress in").caused_by(error))
}

struct Gathering<'s> {
    writer: SessionWriter<'s>,
    unpack: Decompressor<'static>,
    held: BTreeMap<String, Held>,
    held_bytes: usize,
}

/// A session that is being gathered.
struct Held {
    session: Session,
    traces: Vec<String>,
    is_stored: bool,
    changed: bool,
}

impl Gathering<'_> {
    fn take(&mut self, trace: &ReceivedTrace) -> Result<()> {
        let fragment = match self.read(trace)? {
            Ok(fragment) => fragment,
            Err(reason) => return self.writer.note_fault(trace.key, &reason.text),
        };
        let id = fragment.session.clone().unwrap_or_else(|| trace.trace.clone());
        self.hold(&id)?;
        let is_new = self.is_new(trace, &id)?;
        self.writer.note_read(trace.key, &id, fragment.time)?;
        if let Some(earlier) = trace.session.as_ref().filter(|earlier| **earlier != id) {
            // What came first did not name the session.
            self.hold(earlier)?;
            self.make_again(earlier, None)?;
        }
        match is_new {
            true => self.add(&id, fragment),
            false => self.make_again(&id, Some(fragment))?,
        }
        if self.held_bytes > HELD_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// What all that was received of a trace tells.
    fn read(&mut self, trace: &ReceivedTrace) -> Result<Result<Fragment, Reason>> {
        let mut unpacked = Vec::new();
        let Gathering { writer, unpack, .. } = self;
        writer.pieces_of(trace.key, |size, piece| unpacked.push(unpack.decompress(piece, size).unwrap_or_default()))?;
        Ok(pieces::read(&trace.trace, &unpacked))
    }

    /// Whether a session holds nothing of a trace yet, and all of what was read of it before.
    fn is_new(&self, trace: &ReceivedTrace, id: &str) -> Result<bool> {
        let Some(held) = self.held.get(id) else { return Ok(false) };
        if held.traces.contains(&trace.trace) || trace.session.as_deref() == Some(id) {
            return Ok(false);
        }
        // A session in which nobody has said anything yet is not in the store, though traces of it were read.
        Ok(held.is_stored || !held.traces.is_empty() || self.writer.received_of(id)?.is_empty())
    }

    fn hold(&mut self, id: &str) -> Result<()> {
        if self.held.contains_key(id) {
            return Ok(());
        }
        let held = match self.writer.get(id)? {
            Some(stored) => Held { session: stored.session, traces: stored.traces, is_stored: true, changed: false },
            None => Held { session: empty(id), traces: Vec::new(), is_stored: false, changed: false },
        };
        self.held_bytes += bytes_of(&held.session);
        self.held.insert(id.to_owned(), held);
        Ok(())
    }

    fn add(&mut self, id: &str, fragment: Fragment) {
        let Some(held) = self.held.get_mut(id) else { return };
        let before = bytes_of(&held.session);
        held.changed |= merge(&mut held.session, &mut held.traces, fragment);
        self.held_bytes = (self.held_bytes + bytes_of(&held.session)).saturating_sub(before);
    }

    /// Makes a session again of all that was received of it. Where more than that is in it (an import, or what was received
    /// too long ago to be kept), what is told is only added.
    fn make_again(&mut self, id: &str, told: Option<Fragment>) -> Result<()> {
        let received = self.writer.received_of(id)?;
        let Some(held) = self.held.get_mut(id) else { return Ok(()) };
        let is_received = |trace: &String| received.iter().any(|received| received.trace == *trace);
        let is_moved = |trace: &String| told.is_none() && trace == id;
        if !held.traces.iter().all(|trace| is_received(trace) || is_moved(trace)) {
            told.into_iter().for_each(|fragment| self.add(id, fragment));
            return Ok(());
        }
        let mut session = Session { source: std::mem::take(&mut held.session.source), ..empty(id) };
        let mut traces = Vec::new();
        for trace in &received {
            if let Ok(fragment) = self.read(trace)? {
                self.writer.note_read(trace.key, id, fragment.time)?;
                merge(&mut session, &mut traces, fragment);
            }
        }
        let Some(held) = self.held.get_mut(id) else { return Ok(()) };
        let before = bytes_of(&held.session);
        (held.session, held.traces, held.changed) = (session, traces, true);
        self.held_bytes = (self.held_bytes + bytes_of(&held.session)).saturating_sub(before);
        Ok(())
    }

    /// Writes all that is held.
    fn flush(&mut self) -> Result<()> {
        self.held_bytes = 0;
        for (id, mut held) in std::mem::take(&mut self.held).into_iter().filter(|(_, held)| held.changed) {
            if held.session.conversation.turn_count() == 0 {
                self.writer.note_session(&id, Some(&without_user(&held.session)))?;
                self.writer.forget(&id)?;
                continue;
            }
            if held.session.source.is_empty() {
                "otlp received".clone_into(&mut held.session.source);
            }
            self.writer.put(&held.session, &held.traces)?;
            if !held.is_stored {
                self.writer.note_session(&id, None)?;
            }
        }
        Ok(())
    }
}

fn empty(id: &str) -> Session {
    Session::new(id, [].into_iter().collect())
}
