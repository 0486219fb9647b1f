//! Waiting for work that goes on elsewhere, without the interpreter's lock and with an ear for Ctrl-C.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pyo3::prelude::*;
use reenact::run::Stop;
use reenact::{Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

use crate::fault::{Raise as _, Result};

/// How soon Ctrl-C is heard: too short to be noticed, and long enough to cost nothing.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

/// Does work on threads of its own, and hears what it says while it goes on.
///
/// Ctrl-C, and an error of whoever hears, ask the work to stop; they are raised when it did. A second Ctrl-C is raised at once, and
/// the work is dropped.
pub(crate) fn wait<T, E, F>(
    py: Python<'_>,
    stop: &Stop,
    work: impl FnOnce(Sender<E>) -> F + Send + 'static,
    mut hear: impl FnMut(Python<'_>, E) -> Result<()>,
) -> Result<T>
where
    T: Send + 'static,
    E: Send + 'static,
    F: Future<Output = reenact::Result<T>>,
{
    let (says, heard) = mpsc::channel();
    let abandoned = Arc::new(Notify::new());
    let worker = begin(Arc::clone(&abandoned), || work(says))?;
    let heard = Mutex::new(heard);
    let mut first: Option<PyErr> = None;
    loop {
        match py.detach(|| next(&heard)) {
            Ok(event) => {
                if let Err(error) = hear(py, event) {
                    stop.request();
                    first.get_or_insert(error);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(pressed) = py.check_signals() {
            if stop.is_requested() {
                abandoned.notify_one();
                return Err(pressed);
            }
            stop.request();
            first = Some(pressed);
        }
    }
    let done = py.detach(|| worker.join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    first.map_or_else(|| done.raise(), Err)
}

fn next<E>(heard: &Mutex<Receiver<E>>) -> std::result::Result<E, RecvTimeoutError> {
    heard.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(SIGNALS_EVERY)
}

fn begin<T, F>(
    abandoned: Arc<Notify>,
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<JoinHandle<reenact::Result<T>>>
where
    T: Send + 'static,
    F: Future<Output = reenact::Result<T>>,
{
    let runtime = runtime()?;
    Ok(std::thread::spawn(move || {
        let done = runtime.block_on(async {
            tokio::select! {
                done = work() => done,
                () = abandoned.notified() => Err(Error::new(ErrorKind::Interrupted, "the work was dropped")),
            }
        });
        // What a caller's own code still does keeps nobody waiting.
        runtime.shutdown_background();
        done
    }))
}

/// The runtime that conversations wait on, one for each piece of work: a process that was forked has no threads of another's.
pub(crate) fn runtime() -> Result<Runtime> {
    let cannot =
        |source| Error::new(ErrorKind::Io, "the threads that conversations run on cannot be started").caused_by(source);
    Builder::new_multi_thread().enable_all().build().map_err(cannot).raise()
}
