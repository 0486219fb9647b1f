//! The runtime that conversations wait on; made only by the verbs that hold any, so that the others start at once.

use reenact::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};

/// A runtime of its own for one verb.
pub(crate) fn runtime() -> Result<Runtime> {
    let cannot =
        |source| Error::new(ErrorKind::Io, "the threads that conversations run on cannot be started").caused_by(source);
    Builder::new_multi_thread().enable_all().build().map_err(cannot)
}
