//! The runtime that conversations wait on; made only by the verbs that hold any, so that the others start at once.

use reenact::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};

/// A runtime of its own for one verb.
pub(crate) fn runtime() -> Result<Runtime> {
    open_as_many_files_as_allowed();
    let cannot =
        |source| Error::new(ErrorKind::Io, "the threads that conversations run on cannot be started").caused_by(source);
    Builder::new_multi_thread().enable_all().build().map_err(cannot)
}

/// Each conversation has a connection of its own, and many systems let a program open a thousand files unless it asks for
/// more. Where it is not given more, the connections that cannot be made say so.
#[cfg(unix)]
fn open_as_many_files_as_allowed() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(not(unix))]
fn open_as_many_files_as_allowed() {}
