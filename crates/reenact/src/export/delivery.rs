//! The traces of a run taken from its store to a collector, in batches, oldest first, while the run goes on and a little longer.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::destination::{Delivered, Destination};
use super::{Exported, Exporting, mlflow};
use crate::store::Waiting;
use crate::{Result, Store};

/// Collectors take four megabytes at once by default, and often no more.
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;

/// A server of MLflow works on each trace for itself: some twenty trials, so that what it took is soon known to have arrived.
const MLFLOW_BYTES_MAX: usize = 256 * 1024;

/// The wait after a first failure; each further one is twice as long.
const WAIT_FIRST: Duration = Duration::from_millis(500);

/// A collector that is back is found out within this time.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// What the run says to the deliveries: how many trials have ended, or that it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Trials(u64),
    Run,
}

impl Ended {
    /// One trial more has ended.
    pub(crate) fn another(&mut self) {
        if let Ended::Trials(count) = self {
            *count += 1;
        }
    }
}

/// Whoever gets traces of a run.
pub(crate) enum Recipient<'a> {
    Collector(&'a Destination),
    Mlflow(mlflow::Recipient<'a>),
}

impl Recipient<'_> {
    fn place(&self) -> String {
        match self {
            Recipient::Collector(destination) => destination.place(),
            Recipient::Mlflow(recipient) => recipient.place(),
        }
    }

    fn bytes_max(&self) -> usize {
        match self {
            Recipient::Collector(_) => BATCH_BYTES_MAX,
            Recipient::Mlflow(_) => MLFLOW_BYTES_MAX,
        }
    }

    async fn send(&self, batch: &[Waiting]) -> Delivered {
        match self {
            Recipient::Collector(destination) => {
                let traces: Vec<u8> = batch.iter().flat_map(|row| &row.traces).copied().collect();
                destination.send(&traces).await
            }
            Recipient::Mlflow(recipient) => recipient.send(batch).await,
        }
    }

    /// Says that a run begins, where that is kept.
    async fn begin(&self) {
        if let Recipient::Mlflow(recipient) = self {
            // If it cannot be said now, it is with the first traces.
            let _ = recipient.begin().await;
        }
    }

    /// Says what a run amounts to, where that is kept.
    async fn finish(&self, store: &Store) -> Result<Delivered> {
        match self {
            Recipient::Collector(_) => Ok(Delivered::Taken { rejected_spans: 0, reason: None }),
            Recipient::Mlflow(recipient) => recipient.finish(store).await,
        }
    }
}

/// One collector's part of a run.
pub(crate) struct Delivery<'a> {
    pub(crate) store: &'a Store,
    pub(crate) run: i64,
    pub(crate) what: Exporting,
    pub(crate) to: Recipient<'a>,
    /// How long a run that is over waits for a collector that takes nothing.
    pub(crate) patience: Duration,
}

/// How far a delivery is.
struct Progress {
    sent: u64,
    rejected_spans: u64,
    reason: Option<String>,
    /// What the collector will not take stands up to here, and is left aside.
    after: i64,
    /// Whether one is sent at a time, to find the one that is refused.
    singly_until: i64,
    wait: Duration,
    /// When the run was over or the collector last took something, whichever came later.
    give_up_at: Option<Instant>,
    is_finished: bool,
}

impl Delivery<'_> {
    /// Delivers until the run is over and all has arrived, or patience is.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub(crate) async fn deliver(&self, mut ended: watch::Receiver<Ended>) -> Result<Exported> {
        let mut progress = Progress::new();
        self.to.begin().await;
        loop {
            let is_over = *ended.borrow_and_update() == Ended::Run;
            let bytes_max = if progress.after < progress.singly_until { 0 } else { self.to.bytes_max() };
            let batch = self.store.waiting(self.run, self.what.as_str(), progress.after, bytes_max)?;
            let delivered = match batch.last() {
                Some(_) => self.to.send(&batch).await,
                None if is_over && progress.is_finished => break,
                None if is_over => self.to.finish(self.store).await?,
                // Whoever would tell of more is gone where the channel is closed.
                None if ended.changed().await.is_err() => break,
                None => continue,
            };
            if !self.settle(&mut progress, &batch, delivered, &mut ended).await? {
                break;
            }
        }
        self.exported(progress)
    }

    /// Notes what became of a batch, or of the run where there is none; whether to go on.
    async fn settle(
        &self,
        progress: &mut Progress,
        batch: &[Waiting],
        delivered: Delivered,
        ended: &mut watch::Receiver<Ended>,
    ) -> Result<bool> {
        match delivered {
            Delivered::Taken { rejected_spans, reason } => {
                progress.is_finished = batch.is_empty();
                self.store.arrived(batch)?;
                progress.taken(batch.iter().map(|row| row.items).sum(), rejected_spans, reason);
                Ok(true)
            }
            Delivered::Refused(reason) => {
                let is_of_run = batch.is_empty();
                progress.refused(reason, batch.last().map_or(progress.after, |last| last.key), batch.len());
                Ok(!is_of_run)
            }
            Delivered::Closed(reason) => {
                progress.reason = Some(reason);
                // What the rest of the run brings is kept all the same, and counted.
                let _ = ended.wait_for(|ended| *ended == Ended::Run).await;
                Ok(false)
            }
            Delivered::Later { after, reason } => {
                progress.reason = Some(reason);
                Ok(self.waits(progress, after, ended).await)
            }
        }
    }

    /// Waits before the next attempt; false where there is to be none.
    async fn waits(
        &self,
        progress: &mut Progress,
        asked: Option<Duration>,
        ended: &mut watch::Receiver<Ended>,
    ) -> bool {
        let again_at = Instant::now() + asked.unwrap_or_default().max(progress.wait);
        progress.wait = (progress.wait * 2).min(WAIT_MAX);
        // The run's end cuts a long wait short, but not one that the collector asked for.
        let is_over = tokio::select! {
            () = sleep_until(again_at) => false,
            _ = ended.wait_for(|ended| *ended == Ended::Run) => true,
        };
        if !is_over {
            return true;
        }
        let give_up_at = *progress.give_up_at.get_or_insert_with(|| Instant::now() + self.patience);
        progress.wait = progress.wait.min(self.patience / 4).max(WAIT_FIRST.min(self.patience));
        let next = if asked.is_some() { again_at } else { again_at.min(Instant::now() + progress.wait) };
        if next > give_up_at {
            return false;
        }
        sleep_until(next).await;
        true
    }

    fn exported(&self, progress: Progress) -> Result<Exported> {
        let Progress { sent, rejected_spans, reason, is_finished, .. } = progress;
        let waiting = self.store.count_waiting(self.run, self.what.as_str())?;
        let is_unfinished = matches!(self.to, Recipient::Mlflow(_)) && !is_finished;
        let reason = reason.filter(|_| waiting > 0 || rejected_spans > 0 || is_unfinished);
        Ok(Exported { what: self.what, to: self.to.place(), sent, waiting, rejected_spans, is_unfinished, reason })
    }
}

impl Progress {
    fn new() -> Self {
        let (wait, reason, give_up_at) = (WAIT_FIRST, None, None);
        let is_finished = false;
        Progress { sent: 0, rejected_spans: 0, reason, after: 0, singly_until: 0, wait, give_up_at, is_finished }
    }

    fn taken(&mut self, items: u64, rejected_spans: u64, reason: Option<String>) {
        self.sent += items;
        self.rejected_spans += rejected_spans;
        self.reason = reason.or(self.reason.take());
        self.wait = WAIT_FIRST;
        self.give_up_at = None;
    }

    /// What is refused together may be taken singly; what is refused singly is left aside.
    fn refused(&mut self, reason: String, last: i64, count: usize) {
        self.reason = Some(reason);
        match count {
            1 => self.after = last,
            _ => self.singly_until = last,
        }
    }
}
