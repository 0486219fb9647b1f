//! Progress of long work, on stderr and only where that is a terminal: counts, and the time left.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reenact::Outcome;
use reenact::report::OutcomeCounts;
use reenact::run::Event;

use crate::{output, participants};

/// A bar that follows the events of a run.
pub(crate) struct Progress {
    bar: ProgressBar,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Progress {
    /// A bar that counts `what`.
    pub(crate) fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let template = format!("{{bar:24}} {{pos}}/{{len}} {what}  {{msg}}  {{prefix}}  {{eta}} left");
        bar.set_style(ProgressStyle::with_template(&template).expect("the template is well formed"));
        let shown = bar.clone();
        participants::limits().on_wait(move |wait| shown.suspend(|| output::note(wait)));
        Progress { bar, outcomes: Mutex::new(Vec::new()) }
    }

    /// Shows what happened.
    pub(crate) fn show(&self, event: &Event<'_>) {
        match event {
            Event::Began { planned, done } => {
                self.bar.set_length(*planned as u64);
                self.bar.set_position(*done as u64);
                self.bar.reset_eta();
            }
            Event::Ended(trial) => {
                let mut outcomes = self.outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                outcomes.push(trial.outcome);
                self.bar.set_message(counts(&OutcomeCounts::of(outcomes.iter().copied())));
                self.bar.inc(1);
            }
            Event::Spent(amount) if amount.calls > 0 => self.bar.set_prefix(amount.money()),
            Event::Spent(_) | Event::Exported(_) => {}
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn counts(counts: &OutcomeCounts) -> String {
    let shown = Outcome::ALL.into_iter().filter(|outcome| counts.get(*outcome) > 0);
    shown.map(|outcome| format!("{} {}", counts.get(outcome), outcome.as_str())).collect::<Vec<_>>().join(", ")
}
