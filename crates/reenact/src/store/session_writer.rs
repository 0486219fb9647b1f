//! Putting sessions into the store, many in one transaction, each with the words that find it again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::Store;
use super::fault::{self, Doing};
use super::word_index::WordIndex;
use crate::{Result, Session, Speaker};

/// How much of the first user message a list of sessions may show, in characters.
const OPENING_CHARACTERS: usize = 200;

/// Memory for the pages that an import comes back to (64 MB, those of the ids and times), and a log that is
/// carried over into the file every 128 MB, so that such a page is carried over once for many changes. Sessions
/// can be imported again, so a commit need not wait for the disk; a process that is killed loses none.
const WRITING: &str = "
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 8192;
";

/// A session as the store has it, with the ids of the traces that were put together in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session.
    pub session: Session,
    /// The ids of the traces already merged into it.
    pub traces: Vec<String>,
}

/// One write transaction over many sessions. Dropped without [`SessionWriter::commit`], it leaves the
/// store as it was at the last [`SessionWriter::checkpoint`].
#[derive(Debug)]
pub struct SessionWriter<'a> {
    pub(super) store: &'a Store,
    pub(super) connection: Connection,
    words: WordIndex,
    /// Whether a transaction is open.
    is_open: bool,
}

impl Store {
    /// Begins to write sessions. Others read on meanwhile, and wait if they want to write.
    ///
    /// # Errors
    /// Where another process writes and does not come to an end.
    pub fn write_sessions(&self) -> Result<SessionWriter<'_>> {
        let connection = self.own_connection()?;
        let begun = connection.execute_batch(WRITING).and_then(|()| connection.execute_batch("BEGIN IMMEDIATE"));
        begun.map_err(|error| fault::at(self.path(), Doing::Write, error))?;
        Ok(SessionWriter { store: self, connection, words: WordIndex::default(), is_open: true })
    }
}

impl SessionWriter<'_> {
    /// The session under an id, where there is one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn get(&mut self, id: &str) -> Result<Option<StoredSession>> {
        let sql = "SELECT body, traces FROM conversations WHERE session = (SELECT key FROM sessions WHERE id = ?1)";
        let texts = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let found = self.connection.prepare_cached(sql).and_then(|mut found| found.query_row([id], texts).optional());
        let found = found.map_err(|error| fault::at(self.store.path(), Doing::Read, error))?;
        let Some((body, traces)) = found else { return Ok(None) };
        let unreadable = |error| fault::unreadable(self.store.path(), &format!("session `{id}`"), error);
        let session = serde_json::from_str(&body).map_err(unreadable)?;
        let traces = serde_json::from_str(&traces).map_err(unreadable)?;
        Ok(Some(StoredSession { session, traces }))
    }

    /// Puts a session into the store, in the place of the one under the same id if there is one.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn put(&mut self, session: &Session, traces: &[String]) -> Result<()> {
        self.begin()?;
        let put = Row::of(session, traces).and_then(|row| self.put_row(session, &row));
        put.map_err(|error| fault::at(self.store.path(), Doing::Write, error))
    }

    /// A session that is replaced gets a new key, because what the index knows of a key never changes.
    fn put_row(&mut self, session: &Session, row: &Row) -> rusqlite::Result<()> {
        let find = "SELECT key FROM sessions WHERE id = ?1";
        let replaced = self.connection.prepare_cached(find)?.query_row([&session.id], |row| row.get(0)).optional()?;
        if let Some(key) = replaced {
            self.remove(key)?;
        }
        let conversation = &session.conversation;
        self.connection.prepare_cached(PUT_SESSION)?.execute(params![
            session.id,
            session.source,
            session.started_at.map(Timestamp::as_microsecond),
            conversation.turn_count() as i64,
            conversation.messages.len() as i64,
            opening(session),
            row.metadata
        ])?;
        let key = self.connection.last_insert_rowid();
        self.connection.prepare_cached(PUT_CONVERSATION)?.execute(params![key, row.traces, row.body])?;
        self.words.add(&self.connection, key, conversation)
    }

    /// Takes a session out of the store, where it is in it.
    pub(crate) fn forget(&mut self, id: &str) -> Result<()> {
        let find = "SELECT key FROM sessions WHERE id = ?1";
        let found =
            self.connection.prepare_cached(find).and_then(|mut find| find.query_row([id], |row| row.get(0)).optional());
        let forgotten = found.and_then(|key: Option<i64>| key.map_or(Ok(()), |key| self.remove(key)));
        forgotten.map_err(|error| fault::at(self.store.path(), Doing::Write, error))
    }

    fn remove(&self, key: i64) -> rusqlite::Result<()> {
        self.connection.prepare_cached("DELETE FROM conversations WHERE session = ?1")?.execute([key])?;
        self.connection.prepare_cached("DELETE FROM sessions WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Makes all that was put so far durable, and goes on.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn checkpoint(&mut self) -> Result<()> {
        self.rest()?;
        self.begin()
    }

    /// Makes all that was put so far durable, and lets others write until more is put.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn rest(&mut self) -> Result<()> {
        if self.is_open {
            self.write_words()?;
            self.execute("COMMIT")?;
            self.is_open = false;
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        if !self.is_open {
            self.execute("BEGIN IMMEDIATE")?;
            self.is_open = true;
        }
        Ok(())
    }

    /// Makes all that was put durable.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn commit(mut self) -> Result<()> {
        self.rest()
    }

    fn write_words(&mut self) -> Result<()> {
        let written = self.words.write(&self.connection);
        let merged = written.and_then(|()| self.words.merge_small_batches(&self.connection));
        merged.map_err(|error| fault::at(self.store.path(), Doing::Write, error))
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| fault::at(self.store.path(), Doing::Write, error))
    }
}

const PUT_SESSION: &str = "
    INSERT INTO sessions (id, source, started_at, turns, messages, opening, metadata)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const PUT_CONVERSATION: &str = "INSERT INTO conversations (session, traces, body) VALUES (?1, ?2, ?3)";

/// The columns of a session that are JSON.
struct Row {
    metadata: String,
    traces: String,
    body: String,
}

impl Row {
    fn of(session: &Session, traces: &[String]) -> rusqlite::Result<Row> {
        let json = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
        Ok(Row {
            metadata: serde_json::to_string(&session.metadata).map_err(json)?,
            traces: serde_json::to_string(traces).map_err(json)?,
            body: serde_json::to_string(session).map_err(json)?,
        })
    }
}

/// The first words of the user, in one line.
fn opening(session: &Session) -> String {
    let first = session.conversation.by(Speaker::User).next().map_or("", |message| message.text.as_str());
    // Cut before joining: the first message may be a whole document.
    let start = first.char_indices().nth(4 * OPENING_CHARACTERS).map_or(first, |(end, _)| &first[..end]);
    let line = start.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(OPENING_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if start.len() < first.len() => line + "…",
        None => line,
    }
}
