//! The journal in the order in which it was written: every call that a run made, to be followed while it goes on.

use rusqlite::{Connection, Row, params};

use super::{Charge, StepKey, StepRole, charges, recorder};
use crate::store::Doing;
use crate::{Result, Store};

/// One answer from outside: who gave it, how long that took, and what it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The step that it answers.
    pub key: StepKey,
    /// The round of judging, from 1, for an answer of a judge; 0 for any other.
    pub round: u32,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// What it used, where a model was asked.
    pub charge: Option<Charge>,
}

const COLUMNS: &str = "rowid, case_id, trial, position, role, judging, latency_ms,
    model, input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched";

/// Every call of one trial, in the order in which the answers came; those of earlier rounds of judging too.
///
/// # Errors
/// Where there is no such run, or the store cannot be read.
pub fn of_trial(store: &Store, run: &str, case: &str, trial: u32) -> Result<Vec<Call>> {
    let key = store.run_key(run)?;
    let sql = format!("SELECT {COLUMNS} FROM steps WHERE run = ?1 AND case_id = ?2 AND trial = ?3 ORDER BY rowid");
    store.with(Doing::Read, |connection| {
        let calls = |row: &Row<'_>| read(row).map(|(_, call)| call);
        connection.prepare_cached(&sql)?.query_map(params![key, case, trial], calls)?.collect()
    })
}

/// The calls of a run that were written after a place in the journal, so many at the most, each with its place. 0 is before all.
///
/// Steps are only ever added, so that a place stays what it is and nothing comes before it later.
pub(crate) fn after(
    connection: &Connection,
    run: i64,
    place: i64,
    at_most: usize,
) -> rusqlite::Result<Vec<(i64, Call)>> {
    let place = if place == 0 { before(connection, run)? } else { place };
    // The rows of a run lie together, and one that is followed is the last one: going through the table from there on is
    // quicker than picking each row by the index of its key.
    let sql = format!("SELECT {COLUMNS} FROM steps WHERE rowid > ?2 AND +run = ?1 ORDER BY rowid LIMIT ?3");
    connection.prepare_cached(&sql)?.query_map(params![run, place, at_most as i64], read)?.collect()
}

/// The place before the first call of a run.
fn before(connection: &Connection, run: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(min(rowid) - 1, (SELECT max(rowid) FROM steps), 0) FROM steps WHERE run = ?1";
    connection.prepare_cached(sql)?.query_row([run], |row| row.get(0))
}

fn read(row: &Row<'_>) -> rusqlite::Result<(i64, Call)> {
    let role: StepRole = recorder::role(&row.get::<_, String>(4)?)?;
    let key = StepKey { case: row.get(1)?, trial: row.get(2)?, position: row.get(3)?, role };
    let charge = match row.get::<_, Option<String>>(7)? {
        Some(_) => Some(charges::charge(row, 7)?),
        None => None,
    };
    let latency_ms = row.get::<_, i64>(6)?.unsigned_abs();
    Ok((row.get(0)?, Call { key, round: row.get(5)?, latency_ms, charge }))
}
