//! The log of a run: what the store has of it in the order in which it got there, to be followed from any place on.
//!
//! Whatever a run comes to know stands in the store before it is used, and rows are only ever added behind those that are there
//! (a trial that is judged again gets a new one). So the store is the stream of what happens: whoever reads on from a [`Mark`]
//! misses nothing, however late, in whatever process, and needs no buffer anywhere.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::journal::{Call, calls};
use crate::report::{TrialSummary, skimmed};
use crate::store::Doing;
use crate::{Error, ErrorKind, Result, Store};

/// A place in the log of a run: all before it is known. As text, such as `4711.12`, the id of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Mark {
    calls: i64,
    pub(super) trials: i64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.calls, self.trials)
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> String {
        mark.to_string()
    }
}

impl FromStr for Mark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = |digits: &str| digits.parse().ok().filter(|place: &i64| *place >= 0);
        let places = text.split_once('.').and_then(|(calls, trials)| Some((place(calls)?, place(trials)?)));
        let (calls, trials) = places.ok_or("expected the id of an event, such as 4711.12")?;
        Ok(Mark { calls, trials })
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// Something from outside was answered.
    Called(Call),
    /// A trial ended, or was judged again, and is kept.
    Ended {
        /// The case's id.
        case: String,
        /// The trial in a line; what it cost is left to the calls.
        trial: TrialSummary,
    },
}

/// What happened in a run after a mark, so many entries at the most, each with the mark behind it. The calls of a trial stand
/// before its end.
///
/// A mark that lies behind the end of the store is of another file, or of this one before somebody packed it: then all is told.
///
/// # Errors
/// Where there is no such run, or the store cannot be read.
pub fn log(store: &Store, run: &str, after: Mark, at_most: usize) -> Result<Vec<(Mark, Entry)>> {
    let key = store.run_key(run)?;
    let found = store.with(Doing::Read, |connection| {
        // One state of the store, so that no trial is seen without the calls that it was made of.
        let snapshot = connection.transaction()?;
        let after = if lies_behind_the_end(&snapshot, after)? { Mark::default() } else { after };
        read(&snapshot, key, after, at_most)
    })?;
    let unreadable = |error| {
        Error::new(ErrorKind::Store, format!("a trial of run `{run}` cannot be read"))
            .at(store.path(), None)
            .caused_by(error)
    };
    found.into_iter().map(|(mark, row)| Ok((mark, row.entry().map_err(unreadable)?))).collect()
}

/// An entry as the tables have it.
enum Row {
    Call(Call),
    Trial { case: String, trial: serde_json::Result<TrialSummary> },
}

impl Row {
    fn entry(self) -> serde_json::Result<Entry> {
        Ok(match self {
            Row::Call(call) => Entry::Called(call),
            Row::Trial { case, trial } => Entry::Ended { case, trial: trial? },
        })
    }
}

fn read(connection: &Connection, run: i64, after: Mark, at_most: usize) -> rusqlite::Result<Vec<(Mark, Row)>> {
    let called = calls::after(connection, run, after.calls, at_most)?;
    let (room, last) = (at_most - called.len(), called.last().map_or(after.calls, |(place, _)| *place));
    let of_call = |(place, call)| (Mark { calls: place, ..after }, Row::Call(call));
    let mut rows: Vec<(Mark, Row)> = called.into_iter().map(of_call).collect();
    let sql = "SELECT rowid, case_id, body FROM trials WHERE rowid > ?2 AND +run = ?1 ORDER BY rowid LIMIT ?3";
    let of_trial = |row: &rusqlite::Row<'_>| {
        let trial = skimmed(row.get_ref(2)?.as_str()?);
        Ok((Mark { calls: last, trials: row.get(0)? }, Row::Trial { case: row.get(1)?, trial }))
    };
    let first = if after.trials == 0 { before(connection, run)? } else { 0 };
    let mut trials = connection.prepare_cached(sql)?;
    for row in trials.query_map(params![run, first.max(after.trials), room as i64], of_trial)? {
        rows.push(row?);
    }
    Ok(rows)
}

/// The place before the first trial of a run; those of a run lie together.
fn before(connection: &Connection, run: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(min(rowid) - 1, 0) FROM trials WHERE run = ?1";
    connection.prepare_cached(sql)?.query_row([run], |row| row.get(0))
}

fn lies_behind_the_end(connection: &Connection, mark: Mark) -> rusqlite::Result<bool> {
    let sql =
        "SELECT coalesce((SELECT max(rowid) FROM steps), 0) < ?1 OR coalesce((SELECT max(rowid) FROM trials), 0) < ?2";
    connection.prepare_cached(sql)?.query_row(params![mark.calls, mark.trials], |row| row.get(0))
}
