//! The first sentence of a report: what a hurried reader takes away, and nothing that is not so.

use super::{Report, Status};
use crate::Outcome;

impl Report {
    /// The report in a sentence or two.
    ///
    /// A run that is unfinished or undecided says so; it never reads like a success.
    #[must_use]
    pub fn headline(&self) -> String {
        let sentence = self.verdict_sentence();
        if self.missing() == 0 {
            return sentence;
        }
        format!("{sentence} The run is unfinished: {} of {} trials are done.", self.trials_done, self.trials_planned)
    }

    fn verdict_sentence(&self) -> String {
        let cases = self.cases.len();
        let [passed, failed, undecided] =
            [Status::Passed, Status::Failed, Status::Undecided].map(|status| self.cases_that(status));
        match self.status {
            _ if cases == 0 => "Nothing was tried: the suite has no cases.".to_owned(),
            Status::Passed if self.plan.trials == 1 => format!("{} passed.", all_of(cases)),
            Status::Passed => format!("{} passed, in all of {} trials.", all_of(cases), self.trials_done),
            Status::Failed => {
                format!("{} failed{}{}.", some_of(failed, cases), and(passed, "passed"), and(undecided, "undecided"))
            }
            Status::Undecided if undecided == cases && cases > 1 => {
                format!("None of the {cases} cases could be decided.")
            }
            Status::Undecided => {
                format!("{} could not be decided{}.", some_of(undecided, cases), and(passed, "passed"))
            }
        }
    }

    /// The pass rate with its interval and what it rests on, such as `50 %, 95 % interval 9 to 91 %, from 4 decided trials of 2 cases`.
    #[must_use]
    pub fn rate_in_words(&self) -> String {
        let Some(rate) = &self.pass_rate else { return "none, because no trial was decided".to_owned() };
        let percent = |share: f64| format!("{:.0}", share * 100.0);
        let (trials, cases) = (plural(rate.trials, "decided trial"), plural(rate.cases, "case"));
        let (low, high) = (percent(rate.low), percent(rate.high));
        let worth = match rate.clustered() {
            true => format!(" (trials of a case are alike: worth {:.1} independent ones)", rate.effective_trials),
            false => String::new(),
        };
        format!("{} %, 95 % interval {low} to {high} %, from {trials} of {cases}{worth}", percent(rate.rate))
    }

    /// Trials that were done and that the pass rate leaves out, such as `2 inconclusive, 1 errored`; nothing where there are none.
    pub(super) fn excluded(&self) -> Option<String> {
        let excluded = [Outcome::Inconclusive, Outcome::Invalid, Outcome::Errored];
        let counts = excluded.map(|outcome| (self.outcomes.get(outcome), outcome.as_str()));
        let parts: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn all_of(cases: usize) -> String {
    if cases == 1 { "The one case".to_owned() } else { format!("All {cases} cases") }
}

fn some_of(count: usize, cases: usize) -> String {
    match (count, cases) {
        (_, 1) => "The one case".to_owned(),
        (count, cases) if count == cases => all_of(cases),
        (count, cases) => format!("{count} of {cases} cases"),
    }
}

fn and(count: usize, word: &str) -> String {
    if count == 0 { String::new() } else { format!(", {count} {word}") }
}

fn plural(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
