//! The queue before one model at one provider: first come, first served, and nobody is woken in vain.
//!
//! Two turnstiles let one through at a time. Newcomers pass both, so that a call that was refused and comes again,
//! which passes only the second, goes before those that have not been sent at all. Only whoever is in the second looks
//! at the state and waits for it to change; all others sleep until it is their turn. No lock is held while anybody waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::header::HeaderMap;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Duration, Instant, sleep_until};

use super::flight::Flight;
use super::state::{Admission, Charge, Fate, State, Ticket};
use super::{Announce, Used, Wait, WaitReason};

/// A wait that is over before somebody has read of it is not told.
const TOLD_MIN: Duration = Duration::from_secs(2);

/// One model at one provider, for all who ask it.
pub(super) struct Lane {
    provider: String,
    model: String,
    state: Mutex<State>,
    newcomers: Semaphore,
    head: Semaphore,
    changed: Notify,
    announce: Announce,
    /// Until when people know that there is a wait.
    told_until: Mutex<Option<Instant>>,
}

/// Why a call may not go, and never will in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hopeless {
    /// The provider has been down for this long.
    Down(Duration),
    /// The wait ends in this time, which is too late.
    TooLong(Duration),
}

impl Lane {
    pub(super) fn new(provider: String, model: String, flight: Flight, announce: Announce) -> Self {
        let state = Mutex::new(State::new(flight, Instant::now()));
        let (newcomers, head) = (Semaphore::new(1), Semaphore::new(1));
        Lane { provider, model, state, newcomers, head, changed: Notify::new(), announce, told_until: Mutex::default() }
    }

    /// Who is asked, for people.
    pub(super) fn provider(&self) -> &str {
        &self.provider
    }

    /// Waits for the turn of a call that was not sent yet, however many are before it; but not for a provider that wants to
    /// be left alone for longer than a call may take.
    pub(super) async fn enter(self: &Arc<Self>, bytes: usize, timeout: Duration) -> Result<Permit, Hopeless> {
        let _turn = turn(&self.newcomers).await;
        self.pass(bytes, |until, why| why == WaitReason::Asked && until > Instant::now() + timeout).await
    }

    /// Waits for the turn of a call that was refused and is sent again, before a moment.
    pub(super) async fn enter_again(self: &Arc<Self>, bytes: usize, deadline: Instant) -> Result<Permit, Hopeless> {
        self.pass(bytes, |until, _| until >= deadline).await
    }

    async fn pass(
        self: &Arc<Self>,
        bytes: usize,
        is_too_late: impl Fn(Instant, WaitReason) -> bool,
    ) -> Result<Permit, Hopeless> {
        let _turn = turn(&self.head).await;
        loop {
            // Out of the condition of the `match`, where the lock would live as long as the wait.
            let admission = self.state().admit(bytes, Instant::now());
            match admission {
                Admission::Go(ticket) => return Ok(Permit { lane: Arc::clone(self), ticket: Some(ticket) }),
                Admission::Never(down) => return Err(Hopeless::Down(down)),
                Admission::Later(Some(until), why) if is_too_late(until, why) => {
                    return Err(Hopeless::TooLong(until.saturating_duration_since(Instant::now())));
                }
                Admission::Later(until, why) => self.wait(until, why).await,
            }
        }
    }

    /// Waits until the moment is there or something changes.
    async fn wait(&self, until: Option<Instant>, why: WaitReason) {
        let Some(until) = until else { return self.changed.notified().await };
        self.tell(until, why);
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.changed.notified() => {}
        }
    }

    /// Tells people once that, and why, everybody waits.
    fn tell(&self, until: Instant, why: WaitReason) {
        let wait = until.saturating_duration_since(Instant::now());
        let mut told_until = self.told_until.lock().unwrap_or_else(PoisonError::into_inner);
        if wait < TOLD_MIN || told_until.is_some_and(|told| until < told + TOLD_MIN) {
            return;
        }
        *told_until = Some(until);
        drop(told_until);
        self.announce.tell(&Wait { provider: self.provider.clone(), model: self.model.clone(), wait, why });
    }

    /// A panic elsewhere leaves the state as it was.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn turn(turnstile: &Semaphore) -> SemaphorePermit<'_> {
    turnstile.acquire().await.expect("turnstiles are never closed")
}

/// The right to make one call; given back when it comes back, or is given up.
pub(super) struct Permit {
    lane: Arc<Lane>,
    ticket: Option<Ticket>,
}

impl Permit {
    /// The call came back: what became of it, and what the headers of its answer say.
    pub(super) fn came_back(mut self, fate: Fate, headers: Option<&HeaderMap>) -> Settlement {
        let ticket = self.ticket.take().expect("a permit is given back once");
        let charge = self.lane.state().came_back(&ticket, fate, headers, Instant::now());
        self.lane.changed.notify_one();
        Settlement { lane: Arc::clone(&self.lane), charge }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.lane.state().was_given_up(&ticket, Instant::now());
            self.lane.changed.notify_one();
        }
    }
}

/// What is charged for an answer, until somebody has read in it what it used.
pub(crate) struct Settlement {
    lane: Arc<Lane>,
    charge: Charge,
}

impl Settlement {
    /// What the answer says that it used.
    pub(super) fn settle(&self, used: Used) {
        self.lane.state().settle(&self.charge, used);
        self.lane.changed.notify_one();
    }
}
