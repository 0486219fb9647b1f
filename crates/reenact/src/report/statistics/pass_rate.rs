//! How often it passes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tally, intraclass_correlation, mean_of_cases, rounded};

/// A pass rate with its 95 % interval; its figures are rounded to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PassRate {
    /// The mean over cases of each case's share of passed trials, 0 to 1.
    pub rate: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
    /// Cases with at least one decided trial.
    pub cases: u64,
    /// Decided trials.
    pub trials: u64,
    /// How many independent trials the decided ones are worth.
    pub effective_trials: f64,
    /// How much trials of one case resemble each other: 0 not at all, 1 entirely.
    pub intraclass_correlation: f64,
}

impl PassRate {
    /// Whether the trials are worth noticeably fewer independent ones, because those of one case resemble each other.
    #[must_use]
    pub fn clustered(&self) -> bool {
        self.trials as f64 - self.effective_trials >= 0.05
    }
}

/// The pass rate of one case, and what it rests on.
///
/// The rate is not always the share that passed: where trials stopped early it is
/// [unbiased](super::EarlyStopping::unbiased_rate) for that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaseRate {
    /// The rate, 0 to 1.
    pub rate: f64,
    /// The decided trials.
    pub tally: Tally,
}

impl From<Tally> for CaseRate {
    fn from(tally: Tally) -> Self {
        CaseRate { rate: tally.rate(), tally }
    }
}

/// The pass rate of decided trials with a 95 % interval that respects clustering by case: [`mean_of_cases`].
///
/// Cases without a decided trial do not count; where none was decided there is no rate.
///
/// ```
/// use reenact::report::statistics::{Tally, pass_rate};
///
/// let rate = pass_rate(&[Tally { passed: 3, decided: 3 }, Tally { passed: 0, decided: 3 }]).unwrap();
/// assert_eq!(rate.rate, 0.5);
/// // Each case always answers alike, so six trials are worth two.
/// assert_eq!(rate.effective_trials, 2.0);
/// ```
#[must_use]
pub fn pass_rate(cases: &[Tally]) -> Option<PassRate> {
    pass_rate_of(&cases.iter().map(|&case| case.into()).collect::<Vec<_>>())
}

/// [`pass_rate`] of cases whose rates are known otherwise than as shares.
#[must_use]
pub fn pass_rate_of(cases: &[CaseRate]) -> Option<PassRate> {
    let cases: Vec<CaseRate> = cases.iter().copied().filter(|case| case.tally.decided > 0).collect();
    let tallies: Vec<Tally> = cases.iter().map(|case| case.tally).collect();
    let rates: Vec<f64> = cases.iter().map(|case| case.rate).collect();
    let trials = tallies.iter().map(|tally| tally.decided).sum();
    let mean = mean_of_cases(&rates, trials)?;
    Some(PassRate {
        rate: rounded(mean.mean),
        low: rounded(mean.low),
        high: rounded(mean.high),
        cases: cases.len() as u64,
        trials,
        effective_trials: rounded(mean.effective_trials),
        intraclass_correlation: rounded(intraclass_correlation(&tallies)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_that_never_differ_within_a_case_are_worth_one_trial_a_case() {
        for passed in [&[5, 0, 5, 0][..], &[5, 5, 5, 5], &[3]] {
            let cases: Vec<_> = passed.iter().map(|&passed| Tally { passed, decided: 5 }).collect();
            assert_eq!(pass_rate(&cases).unwrap().effective_trials, cases.len() as f64);
        }
    }

    #[test]
    fn nothing_decided_is_no_rate() {
        assert_eq!(pass_rate(&[]), None);
        assert_eq!(pass_rate(&[Tally::default(); 2]), None);
    }
}
