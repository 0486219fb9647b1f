//! Spans that were received and are not, or not for good, part of a session yet.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::fault::{self, Doing};
use super::{SessionWriter, Store};
use crate::Result;

/// What one request told of one trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedPiece {
    /// In hexadecimal digits.
    pub(crate) trace: String,
    pub(crate) digest: [u8; 16],
    pub(crate) spans: u64,
    /// Before it was compressed.
    pub(crate) bytes: u64,
    pub(crate) compressed: Vec<u8>,
    /// How many milliseconds from now the trace is to be read. Twice as many for each time that it was read.
    pub(crate) due_in: i64,
}

/// What became of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    Kept,
    /// It was there already.
    Known,
    /// The trace would be larger than it may be.
    TooLarge,
}

/// A trace that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReceivedTrace {
    pub(crate) key: i64,
    pub(crate) trace: String,
    pub(crate) session: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) kept_bytes: u64,
}

/// How what was received stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReceivedStanding {
    /// Traces that are to be read.
    pub(crate) waiting: u64,
    /// What is kept of them, in bytes.
    pub(crate) waiting_bytes: u64,
    /// All that is kept, in bytes.
    pub(crate) kept_bytes: u64,
}

/// A trace is put off by no more than this many doublings.
const DOUBLINGS_MAX: i64 = 6;

impl Store {
    /// How what was received stands.
    pub(crate) fn received_standing(&self) -> Result<ReceivedStanding> {
        let sql = "SELECT count(due_at), coalesce(sum(kept_bytes) FILTER (WHERE due_at IS NOT NULL), 0),
            coalesce(sum(kept_bytes), 0) FROM received_traces";
        let unsigned = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        self.with(Doing::Read, |connection| {
            connection.prepare_cached(sql)?.query_row([], |row| {
                let (waiting, waiting_bytes) = (unsigned(row, 0)?, unsigned(row, 1)?);
                Ok(ReceivedStanding { waiting, waiting_bytes, kept_bytes: unsigned(row, 2)? })
            })
        })
    }

    /// When the next trace is to be read, in milliseconds since 1970.
    pub(crate) fn received_due_at(&self) -> Result<Option<i64>> {
        let sql = "SELECT min(due_at) FROM received_traces WHERE due_at IS NOT NULL";
        self.with(Doing::Read, |connection| connection.prepare_cached(sql)?.query_row([], |row| row.get(0)))
    }

    /// The newest traces that gave nothing, with the reason of each, and how many there are.
    pub(crate) fn received_faults(&self, count_max: usize) -> Result<(Vec<(String, String)>, u64)> {
        self.with(Doing::Read, |connection| {
            let sql = "SELECT trace, fault FROM received_traces WHERE fault IS NOT NULL ORDER BY key DESC LIMIT ?1";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let named =
                connection.prepare_cached(sql)?.query_map([count_max as i64], row)?.collect::<rusqlite::Result<_>>()?;
            let sql = "SELECT count(*) FROM received_traces WHERE fault IS NOT NULL";
            let count: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok((named, count.unsigned_abs()))
        })
    }

    /// Keeps pieces durably, all or none, and says what became of each.
    pub(crate) fn put_received(
        &self,
        connection: &mut Connection,
        pieces: &[&ReceivedPiece],
        now: Timestamp,
        trace_bytes_max: u64,
    ) -> Result<Vec<Put>> {
        let mut put = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let each = pieces.iter().map(|piece| put_piece(&transaction, piece, now.as_millisecond(), trace_bytes_max));
            let put = each.collect::<rusqlite::Result<Vec<_>>>()?;
            transaction.commit()?;
            Ok(put)
        };
        put().map_err(|error| fault::at(self.path(), Doing::Write, error))
    }

    /// Lets go of traces that were read and came before a time, and of more, the oldest first, until no more than so many bytes
    /// are kept. What waits to be read stays. Says whether there is more to let go of.
    pub(crate) fn drop_received(&self, before: Timestamp, kept_bytes_max: u64) -> Result<bool> {
        let kept = self.received_standing()?.kept_bytes;
        let surplus = kept.saturating_sub(kept_bytes_max).cast_signed();
        self.with(Doing::Write, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let old = old_traces(&transaction, before.as_millisecond(), surplus)?;
            let is_more = old.len() == DROPPED_MAX;
            for key in old {
                transaction.prepare_cached("DELETE FROM received_pieces WHERE trace = ?1")?.execute([key])?;
                transaction.prepare_cached("DELETE FROM received_traces WHERE key = ?1")?.execute([key])?;
            }
            transaction.commit()?;
            Ok(is_more)
        })
    }
}

/// So many traces at a time, so that other writers are not kept out for long.
const DROPPED_MAX: usize = 10_000;

fn old_traces(connection: &Connection, before: i64, mut surplus: i64) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT key, received_at, kept_bytes FROM received_traces WHERE due_at IS NULL ORDER BY received_at";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut old = Vec::new();
    while let Some(row) = rows.next()? {
        let is_old = row.get::<_, i64>(1)? < before || surplus > 0;
        if !is_old || old.len() == DROPPED_MAX {
            break;
        }
        surplus -= row.get::<_, i64>(2)?;
        old.push(row.get(0)?);
    }
    Ok(old)
}

fn put_piece(connection: &Connection, piece: &ReceivedPiece, now: i64, bytes_max: u64) -> rusqlite::Result<Put> {
    let find = "SELECT key, bytes FROM received_traces WHERE trace = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
    let found: Option<(i64, u64)> = connection.prepare_cached(find)?.query_row([&piece.trace], row).optional()?;
    let (key, bytes) = match found {
        Some(found) => found,
        None => {
            let sql = "INSERT INTO received_traces (trace, received_at) VALUES (?1, ?2)";
            connection.prepare_cached(sql)?.execute(params![piece.trace, now])?;
            (connection.last_insert_rowid(), 0)
        }
    };
    if bytes + piece.bytes > bytes_max {
        return Ok(Put::TooLarge);
    }
    let sql =
        "INSERT INTO received_pieces (trace, digest, bytes, piece) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let row = params![key, piece.digest, piece.bytes.cast_signed(), piece.compressed];
    if connection.prepare_cached(sql)?.execute(row)? == 0 {
        return Ok(Put::Known);
    }
    let sql = "UPDATE received_traces SET received_at = ?2, spans = spans + ?3, bytes = bytes + ?4, kept_bytes = kept_bytes + ?5,
        due_at = min(coalesce(due_at, 9223372036854775807), ?2 + (?6 << min(readings, ?7))) WHERE key = ?1";
    let (spans, bytes) = (piece.spans.cast_signed(), piece.bytes.cast_signed());
    let kept_bytes = piece.compressed.len() as i64;
    connection.prepare_cached(sql)?.execute(params![
        key,
        now,
        spans,
        bytes,
        kept_bytes,
        piece.due_in,
        DOUBLINGS_MAX
    ])?;
    Ok(Put::Kept)
}

/// What was received and the sessions made of it change together.
impl SessionWriter<'_> {
    /// Traces that are due, the first due first: one at least, and no more than have so many bytes together.
    pub(crate) fn due_traces(&self, now: i64, bytes_max: u64) -> Result<Vec<ReceivedTrace>> {
        let sql = "SELECT key, trace, session, bytes, kept_bytes FROM received_traces WHERE due_at <= ?1 ORDER BY due_at, key";
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([now])?;
            let (mut due, mut bytes): (Vec<ReceivedTrace>, u64) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let trace = trace_of(row)?;
                bytes += trace.bytes;
                if bytes > bytes_max && !due.is_empty() {
                    break;
                }
                due.push(trace);
            }
            Ok(due)
        })
    }

    /// The traces that are known to be of a session, in the order in which they began.
    pub(crate) fn received_of(&self, session: &str) -> Result<Vec<ReceivedTrace>> {
        let sql = "SELECT key, trace, session, bytes, kept_bytes FROM received_traces WHERE session = ?1 ORDER BY started_at, key";
        self.reading(|connection| connection.prepare_cached(sql)?.query_map([session], trace_of)?.collect())
    }

    /// Each piece of a trace in the order in which they came: its size, and its compressed bytes.
    pub(crate) fn pieces_of(&self, trace: i64, mut each: impl FnMut(usize, &[u8])) -> Result<()> {
        let sql = "SELECT bytes, piece FROM received_pieces WHERE trace = ?1 ORDER BY key";
        self.reading(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([trace])?;
            while let Some(row) = rows.next()? {
                each(row.get::<_, i64>(0)?.unsigned_abs() as usize, row.get_ref(1)?.as_blob()?);
            }
            Ok(())
        })
    }

    /// Notes that a trace was read: of which session it is, and since when.
    pub(crate) fn note_read(&self, trace: i64, session: &str, started_at: Option<Timestamp>) -> Result<()> {
        let sql = "UPDATE received_traces SET due_at = NULL, readings = readings + 1, session = ?2, started_at = ?3, fault = NULL
            WHERE key = ?1";
        let row = params![trace, session, started_at.map(Timestamp::as_microsecond)];
        self.writing(|connection| connection.prepare_cached(sql)?.execute(row))
    }

    /// Notes that a trace was read and told nothing, and why.
    pub(crate) fn note_fault(&self, trace: i64, fault: &str) -> Result<()> {
        let sql = "UPDATE received_traces SET due_at = NULL, readings = readings + 1, fault = ?2 WHERE key = ?1";
        self.writing(|connection| connection.prepare_cached(sql)?.execute(params![trace, fault]))
    }

    /// Notes why the traces of a session are not in the store, or that they are.
    pub(crate) fn note_session(&self, session: &str, fault: Option<&str>) -> Result<()> {
        let sql = "UPDATE received_traces SET fault = ?2 WHERE session = ?1 AND fault IS NOT ?2";
        self.writing(|connection| connection.prepare_cached(sql)?.execute(params![session, fault]))
    }

    fn reading<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        read(&self.connection).map_err(|error| fault::at(self.store.path(), Doing::Read, error))
    }

    fn writing(&self, write: impl FnOnce(&Connection) -> rusqlite::Result<usize>) -> Result<()> {
        write(&self.connection).map(drop).map_err(|error| fault::at(self.store.path(), Doing::Write, error))
    }
}

fn trace_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<ReceivedTrace> {
    let unsigned = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    let (bytes, kept_bytes) = (unsigned(3)?, unsigned(4)?);
    Ok(ReceivedTrace { key: row.get(0)?, trace: row.get(1)?, session: row.get(2)?, bytes, kept_bytes })
}
