//! Traces that wait for their collector.

use rusqlite::{Connection, params};

use super::Store;
use super::fault::Doing;
use crate::Result;

/// Traces to be kept until they are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// For whom.
    pub(crate) recipient: &'static str,
    /// How many conversations, or calls, they tell of.
    pub(crate) items: u64,
    pub(crate) traces: Vec<u8>,
}

/// Traces that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) key: i64,
    pub(crate) items: u64,
    pub(crate) traces: Vec<u8>,
}

impl Outgoing {
    pub(crate) fn put(&self, connection: &Connection, run: i64) -> rusqlite::Result<()> {
        let sql = "INSERT INTO outbox (run, recipient, items, traces) VALUES (?1, ?2, ?3, ?4)";
        let row = params![run, self.recipient, self.items as i64, self.traces];
        connection.prepare_cached(sql)?.execute(row).map(drop)
    }
}

impl Store {
    /// The oldest that wait after a key: one at least, and as many as do not have more bytes together.
    pub(crate) fn waiting(&self, run: i64, recipient: &str, after: i64, bytes_max: usize) -> Result<Vec<Waiting>> {
        self.with(Doing::Read, |connection| {
            let sql =
                "SELECT key, items, traces FROM outbox WHERE run = ?1 AND recipient = ?2 AND key > ?3 ORDER BY key";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query(params![run, recipient, after])?;
            let (mut waiting, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let traces: Vec<u8> = row.get(2)?;
                bytes += traces.len();
                if bytes > bytes_max && !waiting.is_empty() {
                    break;
                }
                waiting.push(Waiting { key: row.get(0)?, items: row.get::<_, i64>(1)?.unsigned_abs(), traces });
            }
            Ok(waiting)
        })
    }

    /// How many conversations, or calls, wait.
    pub(crate) fn count_waiting(&self, run: i64, recipient: &str) -> Result<u64> {
        self.with(Doing::Read, |connection| {
            let sql = "SELECT coalesce(sum(items), 0) FROM outbox WHERE run = ?1 AND recipient = ?2";
            connection.query_row(sql, params![run, recipient], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
        })
    }

    /// Notes that these have arrived.
    pub(crate) fn arrived(&self, waiting: &[Waiting]) -> Result<()> {
        self.with(Doing::Write, |connection| {
            let transaction = connection.transaction()?;
            for row in waiting {
                transaction.prepare_cached("DELETE FROM outbox WHERE key = ?1")?.execute([row.key])?;
            }
            transaction.commit()
        })
    }
}
