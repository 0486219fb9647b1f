//! What SQLite says, as an error that a person can act on.

use std::path::Path;

use rusqlite::{Error as Sqlite, ErrorCode};

use crate::{Error, ErrorKind};

/// What was being done to the store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doing {
    Open,
    Read,
    Write,
}

impl Doing {
    fn done(self) -> &'static str {
        match self {
            Doing::Open => "opened",
            Doing::Read => "read",
            Doing::Write => "written",
        }
    }
}

/// An error of SQLite as one of ours, at the store's path.
pub(super) fn at(path: &Path, doing: Doing, error: Sqlite) -> Error {
    let done = doing.done();
    let (message, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            format!("the store cannot be {done}: another process has locked it"),
            "wait for the other process to finish, or name another file with `--store`",
        ),
        Some(ErrorCode::NotADatabase) => (
            "this file is not a reenact store: it is not a SQLite database".to_owned(),
            "name another file with `--store`; this one was left as it is",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            format!("the store is damaged and cannot be {done}"),
            "restore it from a copy, or move it away and run `reenact import` again",
        ),
        Some(ErrorCode::DiskFull) => {
            (format!("the store cannot be {done}: the disk is full"), "make room and run the same command again")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => (
            format!("the store cannot be {done}: the file or its folder does not allow it"),
            "check that this is a file, and that you may write to it and to its folder, or name another with `--store`",
        ),
        _ => (
            format!("the store cannot be {done}"),
            "see the cause; if it comes again, copy the store away and import into a new one",
        ),
    };
    Error::new(ErrorKind::Store, message).at(path, None).hint(hint).caused_by(error)
}

/// A row that does not hold what was put there.
pub(super) fn unreadable(path: &Path, what: &str, error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Store, format!("{what} in the store cannot be read back"))
        .at(path, None)
        .hint("the store was changed by another program; restore it from a copy, or import again into a new one")
        .caused_by(error)
}
