//! What is known of runs already: how they stand, and what they amount to. Each is worked out once and then kept up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact::report::{Comparison, Report};
use reenact::run::{Mark, Standing};
use reenact::{Result, RunOutput, Store};

/// More runs than anybody looks at at the same time; a run of ten thousand trials takes some megabytes.
const RUNS_MAX: usize = 16;
/// Comparisons are small.
const COMPARISONS_MAX: usize = 64;

/// What is kept of runs between two questions.
#[derive(Default)]
pub(in crate::serve) struct Known {
    standings: Mutex<Kept<String, Arc<Mutex<Standing>>>>,
    reports: Mutex<Kept<String, (State, Arc<Report>)>>,
    comparisons: Mutex<Kept<Asked, Arc<Comparison>>>,
}

/// Of what a report was made: another state makes another report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    run: String,
    mark: Mark,
    round: u32,
}

/// Which comparison: both runs as they were, and the margin as text.
type Asked = (State, State, Option<String>);

impl Known {
    /// Looks at how a run stands now. The run is named by its id, the start of it, or `latest`.
    ///
    /// # Errors
    /// Where there is no such run, or the store cannot be read.
    pub(in crate::serve) fn standing<T>(
        &self,
        store: &Store,
        run: &str,
        look: impl FnOnce(&Standing) -> T,
    ) -> Result<T> {
        let id = full_id(store, run)?;
        let known = lock(&self.standings).get(&id);
        let standing = match known {
            Some(standing) => {
                lock(&standing).catch_up()?;
                standing
            }
            None => {
                let standing = Arc::new(Mutex::new(Standing::of(store, &id)?));
                lock(&self.standings).put(id, Arc::clone(&standing), RUNS_MAX);
                standing
            }
        };
        let standing = lock(&standing);
        Ok(look(&standing))
    }

    /// What a run amounts to now.
    ///
    /// # Errors
    /// As [`Known::standing`].
    pub(in crate::serve) fn report(&self, store: &Store, run: &str) -> Result<Arc<Report>> {
        let state = self.state(store, run)?;
        if let Some((of, report)) = lock(&self.reports).get(&state.run)
            && of == state
        {
            return Ok(report);
        }
        let report = Arc::new(RunOutput::read(store, &state.run)?.report);
        lock(&self.reports).put(state.run.clone(), (state, Arc::clone(&report)), RUNS_MAX);
        Ok(report)
    }

    /// Two runs compared as they are now.
    ///
    /// # Errors
    /// As [`Known::standing`].
    pub(in crate::serve) fn comparison(
        &self,
        store: &Store,
        (base, new): (&str, &str),
        margin: Option<f64>,
    ) -> Result<Arc<Comparison>> {
        let asked = (self.state(store, base)?, self.state(store, new)?, margin.map(|margin| margin.to_string()));
        if let Some(comparison) = lock(&self.comparisons).get(&asked) {
            return Ok(comparison);
        }
        let (base, new) = (RunOutput::read(store, &asked.0.run)?, RunOutput::read(store, &asked.1.run)?);
        let comparison = Arc::new(Comparison::of(&base, &new, margin));
        lock(&self.comparisons).put(asked, Arc::clone(&comparison), COMPARISONS_MAX);
        Ok(comparison)
    }

    fn state(&self, store: &Store, run: &str) -> Result<State> {
        self.standing(store, run, |standing| State {
            run: standing.run().id.clone(),
            mark: standing.mark(),
            round: standing.round(),
        })
    }
}

fn full_id(store: &Store, run: &str) -> Result<String> {
    let is_it = |(id, _): &&(String, bool)| id == run;
    match store.run_ids()?.iter().find(is_it) {
        Some((id, _)) => Ok(id.clone()),
        None => Ok(store.run(run)?.id),
    }
}

/// A panic elsewhere leaves what is known as it was.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values of which those that nobody asked for longest go first.
struct Kept<K, V> {
    values: BTreeMap<K, (u64, V)>,
    asked: u64,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Kept { values: BTreeMap::new(), asked: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> Kept<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        self.asked += 1;
        let (last, value) = self.values.get_mut(key)?;
        *last = self.asked;
        Some(value.clone())
    }

    fn put(&mut self, key: K, value: V, at_most: usize) {
        self.asked += 1;
        self.values.insert(key, (self.asked, value));
        while self.values.len() > at_most {
            let oldest = self.values.iter().min_by_key(|(_, (last, _))| *last).map(|(key, _)| key.clone());
            oldest.map(|key| self.values.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asked_for_longest_goes_first() {
        let mut kept = Kept::default();
        kept.put("a", 1, 2);
        kept.put("b", 2, 2);
        assert_eq!(kept.get(&"a"), Some(1));
        kept.put("c", 3, 2);
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.get(&"c")), (Some(1), None, Some(3)));
    }
}
