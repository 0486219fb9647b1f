//! The one thread that writes what is received: as many requests in one transaction as are waiting, and in between
//! the sessions of traces that are due. One thread, because the store takes one writer at a time.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Shared, TRACE_BYTES_MAX, gathering};
use crate::store::{Put, ReceivedPiece};
use crate::{Error, ErrorKind, Result, Store, clock};

/// How long after its first span a trace is read of which the entry, which ends last, has come.
pub(super) const DUE_WHOLE_MS: i64 = 500;
/// The same for one that may go on: exporters send what they have every five seconds.
pub(super) const DUE_PART_MS: i64 = 10_000;

/// So many bytes of requests in one transaction, so that none waits long and readers of the store see it change.
const GROUP_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// So many bytes of traces are read in one step: at least as fast as they can come.
const STEP_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How long what was read is kept for what comes late.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// What is kept of it at the most, in bytes of the store.
const KEPT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const SWEEP_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// Whoever is kept from the store comes back after so long.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Another process may receive into the same store and end; what it left is looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What the thread is asked to do, and where it says that it is done.
pub(super) enum Order {
    Keep(Vec<ReceivedPiece>, oneshot::Sender<Result<Vec<(u64, Put)>>>),
    Settle(oneshot::Sender<Result<()>>),
}

type Keeping = (Vec<ReceivedPiece>, oneshot::Sender<Result<Vec<(u64, Put)>>>);

pub(super) struct Keeper {
    store: Store,
    connection: Connection,
    shared: Arc<Shared>,
    swept_at: Timestamp,
}

impl Keeper {
    pub(super) fn new(store: &Store, shared: Arc<Shared>) -> Result<Keeper> {
        let connection = store.own_connection()?;
        Ok(Keeper { store: store.clone(), connection, shared, swept_at: Timestamp::UNIX_EPOCH })
    }

    /// Works until nobody can order anything any more.
    pub(super) fn run(mut self, inbox: &Inbox<Order>) {
        loop {
            match inbox.recv_timeout(self.idle_time()) {
                Ok(order) => self.carry_out(order, inbox),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let worked = self.gather(clock::now()).and_then(|_| self.sweep());
            self.note(worked);
        }
    }

    /// How long nothing is to be done unless somebody orders something.
    fn idle_time(&self) -> Duration {
        if self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return AGAIN_AFTER;
        }
        let due_at = self.store.received_due_at().ok().flatten();
        let until = due_at.map(|due_at| due_at - clock::now().as_millisecond());
        until.map_or(LOOK_EVERY, |until| Duration::from_millis(until.max(0).unsigned_abs()).min(LOOK_EVERY))
    }

    fn note(&self, worked: Result<()>) {
        let fault = worked.err().map(|error| error.to_string());
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Carries out an order, with those that wait behind it.
    fn carry_out(&mut self, first: Order, inbox: &Inbox<Order>) {
        let (mut keeping, mut settling, mut bytes): (Vec<Keeping>, Vec<_>, u64) = (Vec::new(), Vec::new(), 0);
        for order in std::iter::once(first).chain(inbox.try_iter()) {
            match order {
                Order::Keep(pieces, done) => {
                    bytes += pieces.iter().map(|piece| piece.bytes).sum::<u64>();
                    keeping.push((pieces, done));
                }
                Order::Settle(done) => settling.push(done),
            }
            if bytes > GROUP_BYTES_MAX {
                break;
            }
        }
        self.keep(keeping);
        for done in settling {
            let _ = done.send(self.settle());
        }
    }

    fn keep(&mut self, keeping: Vec<Keeping>) {
        let pieces: Vec<&ReceivedPiece> = keeping.iter().flat_map(|(pieces, _)| pieces).collect();
        if pieces.is_empty() {
            keeping.into_iter().for_each(|(_, done)| drop(done.send(Ok(Vec::new()))));
            return;
        }
        match self.store.put_received(&mut self.connection, &pieces, clock::now(), TRACE_BYTES_MAX) {
            Ok(put) => {
                let new = pieces.iter().zip(&put).filter(|(_, put)| **put == Put::Kept);
                let new_bytes: u64 = new.map(|(piece, _)| piece.compressed.len() as u64).sum();
                self.shared.waiting_bytes.fetch_add(new_bytes, Ordering::Relaxed);
                let mut put = put.into_iter();
                for (pieces, done) in keeping {
                    let told = pieces.iter().map(|piece| piece.spans).zip(put.by_ref()).collect();
                    // Who asked may have gone; what was sent is kept all the same.
                    let _ = done.send(Ok(told));
                }
            }
            Err(error) => keeping.into_iter().for_each(|(_, done)| drop(done.send(Err(not_kept(&error))))),
        }
    }

    /// Reads traces that are due at a time, as many as one step takes, and says how many there were.
    fn gather(&self, due: Timestamp) -> Result<u64> {
        let due = due.as_millisecond();
        if self.store.received_due_at()?.is_none_or(|first| first > due) {
            return Ok(0);
        }
        let step = gathering::step(&self.store, due, STEP_BYTES_MAX)?;
        let less = |waiting: u64| Some(waiting.saturating_sub(step.kept_bytes));
        let _ = self.shared.waiting_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        Ok(step.traces)
    }

    fn settle(&self) -> Result<()> {
        while self.gather(Timestamp::MAX)? > 0 {}
        Ok(())
    }

    /// Lets go of what was kept long enough.
    fn sweep(&mut self) -> Result<()> {
        let now = clock::now();
        if now.duration_since(self.swept_at) < SWEEP_EVERY {
            return Ok(());
        }
        let before = now.checked_sub(KEPT).unwrap_or(Timestamp::UNIX_EPOCH);
        if !self.store.drop_received(before, KEPT_BYTES_MAX)? {
            self.swept_at = now;
        }
        self.shared.waiting_bytes.store(self.store.received_standing()?.waiting_bytes, Ordering::Relaxed);
        Ok(())
    }
}

/// Several requests failed by one error, which is not theirs to keep.
fn not_kept(error: &Error) -> Error {
    Error::new(ErrorKind::Store, format!("spans cannot be kept: {error}")).hint("send them again")
}
