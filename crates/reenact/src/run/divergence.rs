//! Which step is the first that is not as it was recorded: first in the order of the cases and their trials, whichever
//! conversation came to its own first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::{Error, ErrorKind, Result};

/// The first divergence of a run so far.
#[derive(Debug)]
pub(super) struct FirstDivergence {
    /// Where it is, in the order of conversations; whatever comes later need not go on.
    place: AtomicUsize,
    error: Mutex<Option<(usize, Error)>>,
}

impl Default for FirstDivergence {
    fn default() -> Self {
        FirstDivergence { place: AtomicUsize::new(usize::MAX), error: Mutex::default() }
    }
}

impl FirstDivergence {
    /// Whether an earlier conversation diverged. Those before it go on, because one of them may yet diverge.
    pub(super) fn is_before(&self, place: usize) -> bool {
        self.place.load(Ordering::Relaxed) < place
    }

    /// The result of a conversation; nothing where it diverged, or stopped because an earlier one did.
    ///
    /// # Errors
    /// Where it failed in another way.
    pub(super) fn settle<T>(&self, place: usize, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::Divergence => {
                self.note(place, error);
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted && self.is_before(place) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn note(&self, place: usize, error: Error) {
        self.place.fetch_min(place, Ordering::Relaxed);
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(before, _)| place < *before) {
            *first = Some((place, error));
        }
    }

    /// That every conversation was as recorded. `changed` tells what could explain that one was not.
    ///
    /// # Errors
    /// The first divergence.
    pub(super) fn none_of(&self, changed: impl FnOnce() -> Vec<String>) -> Result<()> {
        let first = self.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((_, error)) = first else { return Ok(()) };
        let changed = changed();
        let Some(hint) = error.hint_text().filter(|_| !changed.is_empty()) else { return Err(error) };
        let hint = format!("what changed since: {}; {hint}", changed.join(", "));
        Err(error.hint(hint))
    }
}
