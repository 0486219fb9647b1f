//! The one file that keeps sessions, runs and journals: a SQLite database that any SQLite tool can read.
//!
//! Reading and writing go on at the same time, from many threads and processes: SQLite's write-ahead log
//! lets readers see the last committed state while one writer at a time adds to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::{Error, ErrorKind, Result};
pub(crate) use fault::Doing;

pub(crate) use lease::Lease;
pub use lease::RunLease;
pub(crate) use outbox::{Outgoing, Waiting};
pub(crate) use received::{Put, ReceivedPiece, ReceivedTrace};
pub use runs::RunSummary;
pub(crate) use runs::{Standings, TrialRow};
pub use session_reader::{SessionReader, SessionSummary};
pub use session_writer::{SessionWriter, StoredSession};

pub(crate) mod batches;
mod fault;
mod lease;
mod mask_keys;
pub(crate) mod near;
mod outbox;
mod received;
mod runs;
mod schema;
mod session_reader;
mod session_writer;
mod word_index;

/// How long to wait for another writer. An import commits several times a second, so whoever is still
/// shut out after this is shut out by something that does not end soon.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The one file that keeps sessions, runs and journals. A clone is another handle on the same store.
///
/// ```
/// use reenact::{Conversation, Message, Session, Store};
///
/// let store = Store::temporary()?;
/// let conversation: Conversation = [Message::user("is the market open"), Message::agent("no")].into_iter().collect();
///
/// let mut sessions = store.write_sessions()?;
/// sessions.put(&Session::new("monday", conversation), &[])?;
/// sessions.commit()?;
///
/// let found = store.sessions(&"market turns<3".parse()?)?;
/// assert_eq!(found[0].opening, "is the market open");
/// # Ok::<(), reenact::Error>(())
/// ```
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    /// Open connections that nobody uses at the moment.
    idle: Mutex<Vec<Connection>>,
    /// Holds the folder of a store that is not to stay. Last, so that the connections close before it goes.
    _folder: Option<TempDir>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.path).finish()
    }
}

impl Store {
    /// Opens a store, and makes the file and its folder where there are none.
    ///
    /// # Errors
    /// Where the file is not a store, is one of a newer version, is locked, or cannot be written.
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| no_folder(folder, error))?;
        }
        Store::connect(path, OpenFlags::SQLITE_OPEN_CREATE, None)
    }

    /// Opens a store that is there, and makes nothing where there is none.
    ///
    /// # Errors
    /// As [`Store::open`], and where there is no such file.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(Error::new(ErrorKind::Store, "there is no store here yet")
                .at(path, None)
                .hint("run `reenact import` first, or name another file with `--store`"));
        }
        Store::connect(path, OpenFlags::empty(), None)
    }

    /// A store of which nothing stays: it goes with its last handle. For tests and for work that is done
    /// once. It is a file in a temporary folder, because SQLite's own memory databases know neither the
    /// write-ahead log nor a second connection that waits its turn.
    ///
    /// # Errors
    /// Where there is no temporary folder.
    pub fn temporary() -> Result<Store> {
        let folder = tempfile::tempdir().map_err(|error| no_folder(Path::new("<temporary folder>"), error))?;
        let path = folder.path().join("store.db");
        Store::connect(&path, OpenFlags::SQLITE_OPEN_CREATE, Some(folder))
    }

    /// Where the store is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    fn connect(path: &Path, create: OpenFlags, folder: Option<TempDir>) -> Result<Store> {
        let mut connection = connect(path, create)?;
        schema::prepare(&mut connection, path)?;
        let idle = Mutex::new(vec![connection]);
        Ok(Store(Arc::new(Inner { path: path.to_owned(), idle, _folder: folder })))
    }

    /// A connection of its own, for work that lasts.
    pub(crate) fn own_connection(&self) -> Result<Connection> {
        connect(&self.0.path, OpenFlags::empty())
    }

    /// Does something with a connection that is idle, or a new one.
    pub(crate) fn with<T>(&self, doing: Doing, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let idle = self.idle().pop();
        let mut connection = idle.map_or_else(|| self.own_connection(), Ok)?;
        let done = work(&mut connection);
        self.idle().push(connection);
        done.map_err(|error| fault::at(&self.0.path, doing, error))
    }

    /// A panic elsewhere leaves connections behind that are as good as before.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path, create: OpenFlags) -> Result<Connection> {
    let faulty = |error| fault::at(path, Doing::Open, error);
    // An absolute path cannot be taken for a URI, as a relative one that starts with `file:` would be.
    let absolute = std::path::absolute(path).map_err(|error| no_folder(path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let connection = Connection::open_with_flags(absolute, flags).map_err(faulty)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(faulty)?;
    // A commit is on the disk when it returns: an answer that is used must survive a power cut too.
    connection.pragma_update(None, "synchronous", "full").map_err(faulty)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn no_folder(folder: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "the folder for the store cannot be made or read")
        .at(folder, None)
        .hint("check that you may write there, or name another file with `--store`")
        .caused_by(error)
}
