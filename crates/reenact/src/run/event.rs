//! What a run says while it goes on: one closed stream, for whoever listens.

use crate::Trial;
use crate::cost::Amount;
use crate::export::Exported;

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The run began, or goes on.
    Began {
        /// Trials in all; at the most, where trials stop early.
        planned: usize,
        /// Trials that had ended before.
        done: usize,
    },
    /// A trial ended and is kept.
    Ended(&'a Trial),
    /// What the models have cost so far, calls on their way left out.
    Spent(Amount),
    /// The run is over, and so is what was done to export its traces.
    Exported(&'a Exported),
}
