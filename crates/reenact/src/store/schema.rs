//! What the file looks like inside, and how a file of an earlier version becomes one of today's.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::BUSY_TIMEOUT;
use super::fault::{self, Doing};
use crate::{Error, ErrorKind, Result};

/// Stands in the header of every store, so that a SQLite file of somebody else's is known at once.
/// The letters `rnct`.
const APPLICATION_ID: i32 = 0x726e_6374;

/// What each version adds to the one before it; the first makes version 1. Forward only: a change to a
/// released one would leave two kinds of store under one number.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
    include_str!("schema/005.sql"),
    include_str!("schema/006.sql"),
];

/// The version that this program writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// Makes sure that a file is a store of today's version: refuses what is not a store, or a newer one,
/// and brings an earlier one up to date.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<()> {
    let faulty = |error| fault::at(path, Doing::Open, error);
    let version = version(connection, path)?;
    if version == VERSION {
        return Ok(());
    }
    if version == 0 {
        // A conversation takes some kilobytes; small pages would leave much of themselves empty.
        connection.pragma_update(None, "page_size", 16_384).map_err(faulty)?;
        switch_to_wal(connection).map_err(faulty)?;
    }
    migrate(connection, path, MIGRATIONS)
}

/// Readers go on reading while an import writes; the mode is kept in the file. Where several make the store at
/// once, SQLite refuses all but one of them at once instead of letting them wait, so they come again.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < BUSY_TIMEOUT =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            switched => return switched,
        }
    }
}

/// One statement, so that all of it is read of one state: another process may be making the store just now.
const HEADER: &str = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
    FROM pragma_application_id, pragma_user_version";

/// The version of a store; 0 for a file in which nothing is yet.
fn version(connection: &Connection, path: &Path) -> Result<i32> {
    let header = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let read: rusqlite::Result<(i32, i32, i32)> = connection.query_row(HEADER, [], header);
    match read.map_err(|error| fault::at(path, Doing::Open, error))? {
        (APPLICATION_ID, version, _) if version <= VERSION => Ok(version),
        (APPLICATION_ID, version, _) => Err(newer(path, version)),
        (0, 0, 0) => Ok(0),
        _ => Err(foreign(path)),
    }
}

/// One transaction for all steps, and the version read again inside it: another process may have been first.
fn migrate(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<()> {
    let faulty = |error| fault::at(path, Doing::Open, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(faulty)?;
    let from = version(&transaction, path)?;
    for migration in &migrations[from as usize..] {
        transaction.execute_batch(migration).map_err(faulty)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(faulty)?;
    transaction.pragma_update(None, "user_version", migrations.len() as i32).map_err(faulty)?;
    transaction.commit().map_err(faulty)
}

fn newer(path: &Path, version: i32) -> Error {
    let message = format!("this store has version {version}, and this reenact knows versions up to {VERSION}");
    Error::new(ErrorKind::Store, message)
        .at(path, None)
        .hint("update reenact to the version that wrote the store, or name another file with `--store`")
}

fn foreign(path: &Path) -> Error {
    Error::new(ErrorKind::Store, "this SQLite file was made by another program and is not a reenact store")
        .at(path, None)
        .hint("name another file with `--store`; this one was left as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_of_any_earlier_version_becomes_one_of_today() {
        for earlier in 0..=MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            let path = Path::new("store.db");
            if earlier > 0 {
                migrate(&mut connection, path, &MIGRATIONS[..earlier]).unwrap();
            }
            prepare(&mut connection, path).unwrap();
            assert_eq!(version(&connection, path).unwrap(), VERSION);
            let sessions: i32 = connection.query_row("SELECT count(*) FROM sessions", [], |row| row.get(0)).unwrap();
            assert_eq!(sessions, 0);
        }
    }
}
