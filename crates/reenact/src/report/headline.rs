//! The first sentence of a report: what a hurried reader takes away, and nothing that is not so.

use super::{Report, Status};
use crate::Verdict;

impl Report {
    /// The report in a few sentences.
    ///
    /// A run that is unfinished or undecided says so; it never reads like a success.
    #[must_use]
    pub fn headline(&self) -> String {
        self.sentences().join(" ")
    }

    /// The sentences of the headline, the one that decides the status first.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let unfinished =
            || format!("The run is unfinished: {} of {} trials are done.", self.trials_done, self.trials_planned);
        let unfinished = (self.missing() > 0).then(unfinished);
        self.threshold_sentence().into_iter().chain([self.cases_sentence()]).chain(unfinished).collect()
    }

    /// What became of the threshold that the run was held to.
    fn threshold_sentence(&self) -> Option<String> {
        let held = self.threshold.as_ref()?;
        let became = match held.verdict {
            Verdict::Pass => "is held",
            Verdict::Fail => "is not held",
            Verdict::Inconclusive => "could not be decided",
        };
        let percent = (held.threshold * 1000.0).round() / 10.0;
        Some(format!("The threshold of {percent} % {became}: {}.", held.reason))
    }

    fn cases_sentence(&self) -> String {
        let cases = self.cases.len();
        let [passed, failed, undecided] =
            [Status::Passed, Status::Failed, Status::Undecided].map(|status| self.cases_that(status));
        match Status::of_cases(&self.cases) {
            _ if cases == 0 => "Nothing was tried: the suite has no cases.".to_owned(),
            Status::Passed if self.plan.stopping.is_some() => {
                format!("{} passed by the rule of early stopping, after {} trials.", all_of(cases), self.trials_done)
            }
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
