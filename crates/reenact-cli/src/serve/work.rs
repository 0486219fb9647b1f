//! Work that was begun from a page and goes on in this process.
//!
//! What it comes to stands in the store as it comes, so that a page that follows the store shows it, and a program that is
//! killed loses nothing. Here is only what the store does not know: how to stop it, and why it ended where it failed.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reenact::run::{Event, Participants, Stop, rejudge, run};
use reenact::{Judging, Panel, Result, Run, RunOutput, Store};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::fault::{Fault, Told};

/// Work that has nothing to wait for has begun by then; what takes longer is shown as it comes.
const BEGINS_WITHIN: Duration = Duration::from_secs(2);

/// What goes on.
pub(super) struct Work {
    runs: Mutex<BTreeMap<String, Ongoing>>,
    /// How many go on.
    count: watch::Sender<usize>,
}

/// One run that is driven here, or was.
struct Ongoing {
    stop: Stop,
    ended: Option<Option<Told>>,
}

/// What is done with a run.
pub(super) enum Job {
    /// What is left of it is tried.
    Try(Box<Participants>),
    /// All of it is judged again.
    Judge(Judging, Panel),
}

impl Default for Work {
    fn default() -> Self {
        Work { runs: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Work {
    /// Begins to work on a run; comes back once it has begun, or failed to.
    ///
    /// # Errors
    /// Where it is being worked on already.
    pub(super) async fn begin(self: &Arc<Self>, store: Store, planned: Run, stop: Stop, job: Job) -> Result<(), Fault> {
        let id = planned.id.clone();
        self.enter(&id, &stop)?;
        let (begins, begun) = oneshot::channel();
        let (work, threads) = (Arc::clone(self), Handle::current());
        let job = move || {
            let begins = Mutex::new(Some(begins));
            let listen = |_: Event<'_>| {
                if let Some(begins) = begins.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    // Whoever began it may be gone.
                    let _ = begins.send(());
                }
            };
            let driven = || threads.block_on(drive(&store, &planned, &stop, job, &listen));
            // Work that panics would otherwise go on for ever.
            let problem = match catch_unwind(AssertUnwindSafe(driven)) {
                Ok(done) => done.err().map(Fault::from),
                Err(_) => Some(Fault::broken()),
            };
            work.leave(&planned.id, problem.map(Fault::told));
        };
        // Its conversations are tasks like any others; what drives them waits on a thread of its own.
        if std::thread::Builder::new().name("reenact-run".to_owned()).spawn(job).is_err() {
            self.leave(&id, Some(Fault::broken().told()));
        }
        // Dropped without a word where it ended before it began.
        let _ = tokio::time::timeout(BEGINS_WITHIN, begun).await;
        Ok(())
    }

    fn enter(&self, id: &str, stop: &Stop) -> Result<(), Fault> {
        let mut runs = self.runs();
        if runs.get(id).is_some_and(|ongoing| ongoing.ended.is_none()) {
            return Err(Fault::conflict("the run is being worked on").hint("wait until it ends, or stop it first"));
        }
        runs.insert(id.to_owned(), Ongoing { stop: stop.clone(), ended: None });
        self.count.send_modify(|count| *count += 1);
        Ok(())
    }

    fn leave(&self, id: &str, problem: Option<Told>) {
        if let Some(ongoing) = self.runs().get_mut(id) {
            ongoing.ended = Some(problem);
        }
        self.count.send_modify(|count| *count -= 1);
    }

    /// Whether a run is being worked on here.
    pub(super) fn has(&self, id: &str) -> bool {
        self.runs().get(id).is_some_and(|ongoing| ongoing.ended.is_none())
    }

    /// Why the last work on a run here ended before its end.
    pub(super) fn problem(&self, id: &str) -> Option<Told> {
        self.runs().get(id)?.ended.clone()?
    }

    /// Asks for a run to stop; whether it is worked on here.
    pub(super) fn stop(&self, id: &str) -> bool {
        let runs = self.runs();
        let ongoing = runs.get(id).filter(|ongoing| ongoing.ended.is_none());
        ongoing.inspect(|ongoing| ongoing.stop.request()).is_some()
    }

    /// Asks for all of it to stop.
    pub(super) fn stop_all(&self) {
        self.runs().values().for_each(|ongoing| ongoing.stop.request());
    }

    /// How much goes on.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Comes back when nothing goes on.
    pub(super) async fn ended(&self) {
        // The sender lives as long as this.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// A panic elsewhere leaves the list as it was.
    fn runs(&self) -> MutexGuard<'_, BTreeMap<String, Ongoing>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn drive(
    store: &Store,
    planned: &Run,
    stop: &Stop,
    job: Job,
    listen: &(dyn Fn(Event<'_>) + Sync),
) -> Result<RunOutput> {
    match job {
        Job::Try(participants) => run(store, planned, &participants, stop, listen).await,
        Job::Judge(judging, panel) => rejudge(store, &planned.id, &judging, &panel, stop, listen).await,
    }
}
