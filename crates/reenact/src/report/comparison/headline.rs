//! What a comparison amounts to, and why, in sentences.

use super::{Change, Comparison, LEVEL};
use crate::Verdict;
use crate::report::Status;

impl Comparison {
    /// The comparison in a sentence, which never reads like a success where it is none.
    #[must_use]
    pub fn headline(&self) -> String {
        let verdict = match self.status {
            Status::Passed => "No regression",
            Status::Failed => "A regression",
            Status::Undecided => "Could not be decided",
        };
        format!("{verdict}: {}.", self.reasons.join("; "))
    }

    /// The comparison with its status and the reasons for it: what shows a regression comes first, then what keeps it
    /// from being decided.
    pub(super) fn concluded(mut self) -> Comparison {
        let (regressions, doubts) = (self.regressions(), self.doubts());
        (self.status, self.reasons) = if !regressions.is_empty() {
            (Status::Failed, regressions)
        } else if !doubts.is_empty() {
            (Status::Undecided, doubts)
        } else {
            (Status::Passed, vec![self.why_not_worse()])
        };
        self
    }

    fn regressions(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let broken = self.cases_that(Change::Broken);
        if broken > 0 {
            reasons.push(format!("{} broke", cases(broken)));
        }
        match self.margin {
            Some(margin) if margin.verdict == Verdict::Fail => {
                reasons.push(format!("it is worse by more than the margin of {}", points(margin.margin)));
            }
            None if self.fell() => reasons.push(format!("the pass rate fell (p at most {})", 2.0 * LEVEL)),
            _ => {}
        }
        reasons
    }

    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.difference.is_none() {
            doubts.push("no case was decided in both runs".to_owned());
        }
        let missing = self.baseline.missing + self.candidate.missing;
        if missing > 0 {
            doubts.push(format!("{missing} planned {} not done", if missing == 1 { "trial is" } else { "trials are" }));
        }
        let lost = self.cases.iter().filter(|case| case.candidate.decided == 0 && case.baseline.decided > 0).count();
        if lost > 0 {
            doubts.push(format!("{} of the baseline {} no longer decided", cases(lost), is_or_are(lost)));
        }
        doubts.extend(self.doubt_of_size());
        doubts
    }

    /// A margin is the whole question where there is one; else a case that could be worse leaves it open.
    fn doubt_of_size(&self) -> Option<String> {
        let worse = self.cases_that(Change::Worse);
        match self.margin {
            Some(margin) if margin.verdict == Verdict::Inconclusive => {
                Some(format!("it could be worse by more than the margin of {}, or not", points(margin.margin)))
            }
            None if worse > 0 => Some(format!("{} passed less often, which could be chance", cases(worse))),
            _ => None,
        }
    }

    fn why_not_worse(&self) -> String {
        match (self.margin, self.difference.and_then(|difference| difference.smallest_difference)) {
            (Some(margin), _) => format!("it is not worse by {} or more", points(margin.margin)),
            (None, Some(smallest)) => format!(
                "no case broke and the pass rate did not fall; differences below about {} could not be seen",
                points(smallest)
            ),
            (None, None) => "no case broke; the suite is too small to see the pass rate fall".to_owned(),
        }
    }
}

fn cases(count: usize) -> String {
    format!("{count} case{}", if count == 1 { "" } else { "s" })
}

fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn points(share: f64) -> String {
    let points = (share * 1000.0).round() / 10.0;
    format!("{points} point{}", if (points - 1.0).abs() < 0.05 { "" } else { "s" })
}
