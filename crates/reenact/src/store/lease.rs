//! One process at a time drives a run, or waits for the batches of one piece of work.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use same_file::Handle;

use super::Store;
use crate::{Error, ErrorKind, Result};

/// The right to drive a run, until it is dropped.
#[derive(Debug)]
pub struct RunLease(#[allow(dead_code, reason = "held, not used")] Lease);

/// A right that one process has at a time, until it is dropped.
///
/// It is a lock of the operating system's on a file beside the store. The system takes it back when the
/// process ends, however it ends, so that what a killed process did can be gone on with at once.
#[derive(Debug)]
pub(crate) struct Lease {
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
        let taken = || {
            Error::new(ErrorKind::Store, format!("run `{run}` is being driven by another process"))
                .hint("wait until it ends, or stop it; then resume the run")
        };
        self.take(&format!("run{}", self.run_key(run)?), taken).map(RunLease)
    }

    /// Whether somebody drives a run at the moment, in this process or another.
    ///
    /// # Errors
    /// Where there is no such run, or the file that tells cannot be read.
    pub fn is_driven(&self, run: &str) -> Result<bool> {
        let what = format!("run{}", self.run_key(run)?);
        if !self.lease_file(&what).exists() {
            return Ok(false);
        }
        // A process that was killed leaves its file behind. Taking it takes that away, too.
        let taken = || Error::new(ErrorKind::Store, "");
        match self.take(&what, taken) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Store => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Takes the right to wait for the batches of a scope.
    pub(crate) fn lease_batches(&self, scope: &str) -> Result<Lease> {
        let taken = || {
            Error::new(ErrorKind::Store, "another process is waiting for the same batches")
                .hint("wait until it ends, or stop it; then run the same command again")
        };
        self.take(&format!("batch{}", &blake3::hash(scope.as_bytes()).to_hex()[..16]), taken)
    }

    fn take(&self, what: &str, taken: impl Fn() -> Error) -> Result<Lease> {
        let path = self.lease_file(what);
        loop {
            let file = open(&path)?;
            file.try_lock().map_err(|error| match error {
                TryLockError::WouldBlock => taken().at(&path, None),
                TryLockError::Error(error) => unusable(&path, error),
            })?;
            // Whoever held the lock before may have removed the file between opening and locking it here;
            // a lock on a removed file keeps nobody out.
            if is_at(&file, &path)? {
                return Ok(Lease { _file: file, path });
            }
        }
    }

    fn lease_file(&self, what: &str) -> PathBuf {
        let mut name = self.path().as_os_str().to_owned();
        name.push(format!("-{what}.lock"));
        name.into()
    }
}

impl Drop for Lease {
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

fn unusable(path: &Path, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "the file that keeps two processes from doing the same cannot be locked")
        .at(path, None)
        .hint("keep the store on a disk that you may write to and that knows file locks")
        .caused_by(error)
}
