//! What is asked of providers in batches, as the store keeps it.

use super::Tally;
use super::form::{Came, Undone};
use crate::store::Lease;
use crate::store::batches::{Kept, Settled, WantedRequest};
use crate::{Result, Store};

/// Requests are written to the store in groups: a transaction for each would take longer than asking.
const GROUP_MAX: usize = 256;

/// The requests of one scope.
#[derive(Debug)]
pub(super) struct Register {
    store: Store,
    scope: String,
    unwritten: Vec<WantedRequest>,
    /// Two processes with the same questions would submit them both.
    _lease: Lease,
}

impl Register {
    pub(super) fn open(store: &Store, scope: &str) -> Result<Register> {
        let lease = store.lease_batches(scope)?;
        Ok(Register { store: store.clone(), scope: scope.to_owned(), unwritten: Vec::new(), _lease: lease })
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    pub(super) fn begin(&mut self) -> Result<()> {
        self.unwritten.clear();
        self.store.begin_asking(&self.scope)
    }

    pub(super) fn came(&self, id: &str) -> Result<Option<Came>> {
        Ok(self.store.kept(id)?.map(|kept| match kept {
            Kept::Answer(body) => Came::Body(body),
            Kept::Failure(why) => Came::Refused(why),
        }))
    }

    pub(super) fn want(&mut self, id: &str, model: &str, (body, bytes): (String, usize), again: bool) -> Result<()> {
        self.unwritten.push(WantedRequest { id: id.to_owned(), model: model.to_owned(), body, bytes, again });
        if self.unwritten.len() >= GROUP_MAX { self.write() } else { Ok(()) }
    }

    pub(super) fn write(&mut self) -> Result<()> {
        let unwritten = std::mem::take(&mut self.unwritten);
        if unwritten.is_empty() { Ok(()) } else { self.store.want(&self.scope, &unwritten) }
    }

    pub(super) fn tally(&self) -> Result<Tally> {
        let standings = self.store.standings(&self.scope)?;
        let failed = standings.failed.into_iter().collect();
        Ok(Tally {
            asked: standings.asked,
            answered: standings.answered,
            waiting: standings.waiting,
            expired: standings.expired,
            asked_again: standings.asked_again,
            failed,
            problems: Vec::new(),
        })
    }
}

/// What is kept of what came of a request.
pub(super) fn settled(came: Came) -> Settled {
    match came {
        Came::Body(body) => Settled::Kept(Kept::Answer(body)),
        Came::Refused(reason) => Settled::Kept(Kept::Failure(reason)),
        // Somebody decided that it should not be answered now; nobody tried in vain.
        Came::Undone(Undone::Cancelled, _) => Settled::TakenBack,
        Came::Undone(undone, reason) => Settled::Undone { reason, expired: undone == Undone::Expired },
    }
}
