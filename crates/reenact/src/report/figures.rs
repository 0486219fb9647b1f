//! The figures of a report: what the outcomes of its cases amount to, and what was left out of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CaseReport;
use super::statistics::{self, CaseRate, Held, PassHatK, PassRate, Tally, Threshold};

/// Longer rows of pass^k say nothing more.
const K_MAX: u64 = 16;

/// The trials that a pass rate leaves out because they were not decided, and how much they could have changed it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exclusions {
    /// Trials that were done and not decided.
    pub trials: u64,
    /// The pass rate if each of them had failed, 0 to 1.
    pub at_worst: f64,
    /// The pass rate if each of them had passed.
    pub at_best: f64,
}

/// What the trials that were left out could have changed; nothing where none was left out.
pub(super) fn exclusions(cases: &[CaseReport]) -> Option<Exclusions> {
    let undecided = |case: &CaseReport| case.outcomes.total() - case.outcomes.decided();
    let trials = cases.iter().map(undecided).sum();
    let with = |passed_of_undecided: u64| {
        let tally = |case: &CaseReport| Tally {
            passed: case.outcomes.passed + passed_of_undecided * undecided(case),
            decided: case.outcomes.total(),
        };
        statistics::pass_rate(&cases.iter().map(tally).collect::<Vec<_>>()).map_or(0.0, |rate| rate.rate)
    };
    (trials > 0).then(|| Exclusions { trials, at_worst: with(0), at_best: with(1) })
}

/// The pass rate of the decided trials.
pub(super) fn pass_rate(cases: &[CaseReport]) -> Option<PassRate> {
    statistics::pass_rate_of(&cases.iter().map(CaseReport::rate).collect::<Vec<_>>())
}

/// pass^k for every k that each decided case has trials for. Trials that stopped early have no such figure: that they
/// stopped says what they were.
pub(super) fn pass_hat_k(cases: &[CaseReport]) -> Vec<PassHatK> {
    if cases.iter().any(|case| case.course.is_some()) {
        return Vec::new();
    }
    let tallies = tallies(cases);
    (1..=K_MAX).map_while(|k| statistics::pass_hat_k(&tallies, k)).collect()
}

pub(super) fn tallies(cases: &[CaseReport]) -> Vec<Tally> {
    cases.iter().map(|case| case.rate().tally).collect()
}

/// The smallest difference that comparing these trials with as many others finds four times in five.
pub(super) fn smallest_difference(rate: &PassRate) -> Option<f64> {
    statistics::smallest_difference(rate.cases, rate.trials as f64 / rate.cases as f64)
}

/// The verdict against a threshold.
pub(super) fn hold(
    threshold: f64,
    rate: Option<&PassRate>,
    exclusions: Option<&Exclusions>,
    missing: u64,
) -> Threshold {
    let plain = rate.map_or(0.0, |rate| rate.rate);
    let (at_worst, at_best) = exclusions.map_or((plain, plain), |excluded| (excluded.at_worst, excluded.at_best));
    statistics::hold(threshold, &Held { rate, at_worst, at_best, missing })
}

impl CaseReport {
    /// The decided trials that count, and the pass rate that they give.
    pub(super) fn rate(&self) -> CaseRate {
        CaseRate { rate: self.pass_rate.unwrap_or_default(), tally: self.tally }
    }
}
