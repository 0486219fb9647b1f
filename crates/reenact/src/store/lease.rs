//! One process at a time drives a run.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use same_file::Handle;

use super::Store;
use crate::{Error, ErrorKind, Result};

/// The right to drive a run, until it is dropped.
///
/// It is a lock of the operating system's on a file beside the store. The system takes it back when the
/// process ends, however it ends, so a run whose process was killed can be driven on at once.
#[derive(Debug)]
pub struct RunLease {
    /// Open as long as the lock is held.
    _file: File,
    path: PathBuf,
}

impl Store {
    /// Takes the right to drive a run.
    ///
    /// # Errors
    /// Where another process, or another part of this one, drives the run.
    pub fn lease(&self, run: &str) -> Result<RunLease> {
        let mut name = self.path().as_os_str().to_owned();
        name.push(format!("-run{}.lock", self.run_key(run)?));
        let path = PathBuf::from(name);
        loop {
            let file = open(&path)?;
            file.try_lock().map_err(|error| refused(&path, run, error))?;
            // Whoever held the lock before may have removed the file between opening and locking it here;
            // a lock on a removed file keeps nobody out.
            if is_at(&file, &path)? {
                return Ok(RunLease { _file: file, path });
            }
        }
    }
}

impl Drop for RunLease {
    /// The file goes while the lock is still held, and a file that stays does no harm.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> Result<File> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(|error| unusable(path, error))
}

fn is_at(file: &File, path: &Path) -> Result<bool> {
    let held = file.try_clone().and_then(Handle::from_file).map_err(|error| unusable(path, error))?;
    Ok(Handle::from_path(path).is_ok_and(|there| there == held))
}

fn refused(path: &Path, run: &str, error: TryLockError) -> Error {
    match error {
        TryLockError::WouldBlock => {
            Error::new(ErrorKind::Store, format!("run `{run}` is being driven by another process"))
                .at(path, None)
                .hint("wait until it ends, or stop it; then resume the run")
        }
        TryLockError::Error(error) => unusable(path, error),
    }
}

fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "the file that keeps two processes from driving one run cannot be locked")
        .at(path, None)
        .hint("keep the store on a disk that you may write to and that knows file locks")
        .caused_by(error)
}
