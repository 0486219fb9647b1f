//! What the file looks like inside, and how a file of an earlier version becomes one of today's.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::fault::{self, Doing};
use crate::{Error, ErrorKind, Result};

/// Stands in the header of every store, so that a SQLite file of somebody else's is known at once.
/// The letters `rnct`.
const APPLICATION_ID: i32 = 0x726e_6374;

/// What each version adds to the one before it; the first makes version 1. Forward only: a change to a
/// released one would leave two kinds of store under one number.
const MIGRATIONS: &[&str] = &[include_str!("schema/001.sql")];

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
        // Readers go on reading while an import writes. The mode is kept in the file.
        connection.pragma_update(None, "journal_mode", "wal").map_err(faulty)?;
    }
    migrate(connection, path, MIGRATIONS)
}

/// The version of a store; 0 for a file in which nothing is yet.
fn version(connection: &Connection, path: &Path) -> Result<i32> {
    let faulty = |error| fault::at(path, Doing::Open, error);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(faulty);
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION_ID {
        return if version <= VERSION { Ok(version) } else { Err(newer(path, version)) };
    }
    let tables: i32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(faulty)?;
    if application == 0 && version == 0 && tables == 0 { Ok(0) } else { Err(foreign(path)) }
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
