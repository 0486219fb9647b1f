//! Whether trials of one case differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tally, rounded};

/// How many cases neither always passed nor always failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Flakiness {
    /// Cases of which some decided trials passed and some failed.
    pub flaky: u64,
    /// Cases with two decided trials at least; only such a case can be seen to be flaky.
    pub cases: u64,
    /// The share of flaky cases, 0 to 1. It grows with the number of trials, so compare runs of equal numbers.
    pub share: f64,
}

/// The flaky cases; nothing where no case was decided twice.
///
/// ```
/// use reenact::report::statistics::{Tally, flakiness};
///
/// let cases = [Tally { passed: 2, decided: 3 }, Tally { passed: 3, decided: 3 }, Tally { passed: 1, decided: 1 }];
/// let flakiness = flakiness(&cases).unwrap();
/// assert_eq!((flakiness.flaky, flakiness.cases), (1, 2));
/// ```
#[must_use]
pub fn flakiness(cases: &[Tally]) -> Option<Flakiness> {
    let cases = || cases.iter().filter(|case| case.decided > 1);
    let flaky = cases().filter(|case| 0 < case.passed && case.passed < case.decided).count() as u64;
    let cases = cases().count() as u64;
    (cases > 0).then(|| Flakiness { flaky, cases, share: rounded(flaky as f64 / cases as f64) })
}

/// How much trials of one case resemble each other, from a one-way analysis of variance, cut at 0 and 1.
///
/// A. Donner, "A review of inference procedures for the intraclass correlation coefficient in the one-way
/// random effects model", International Statistical Review 54 (1986), with his mean cluster size for
/// cases of unequal numbers of trials. Where nothing varies, or there is one case, it cannot be
/// estimated, and 1 is the honest answer: the case, not the trial, is then the unit.
#[must_use]
pub fn intraclass_correlation(cases: &[Tally]) -> f64 {
    let n = cases.len() as f64;
    let total: f64 = cases.iter().map(|case| case.decided as f64).sum();
    if cases.len() < 2 || total <= n {
        return 1.0;
    }
    let pooled = cases.iter().map(|case| case.passed as f64).sum::<f64>() / total;
    let between: f64 = cases.iter().map(|case| case.decided as f64 * (case.rate() - pooled).powi(2)).sum();
    let within: f64 = cases.iter().map(|case| case.decided as f64 * case.rate() * (1.0 - case.rate())).sum();
    let (between, within) = (between / (n - 1.0), within / (total - n));
    let squared_sizes: f64 = cases.iter().map(|case| (case.decided as f64).powi(2)).sum();
    let size = (total - squared_sizes / total) / (n - 1.0);
    let spread = between + (size - 1.0) * within;
    if spread <= 0.0 { 1.0 } else { ((between - within) / spread).clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: three cases of four trials with 4, 2 and 0 passed. Between: 4 (0.25 + 0 + 0.25) / 2 = 1.
    /// Within: 4 * 0.25 / 9 = 1/9. Correlation: (1 - 1/9) / (1 + 3/9) = 2/3.
    #[test]
    fn the_intraclass_correlation_is_that_of_the_analysis_of_variance() {
        let cases = [4, 2, 0].map(|passed| Tally { passed, decided: 4 });
        assert!((intraclass_correlation(&cases) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn cases_tried_once_cannot_be_flaky() {
        assert_eq!(flakiness(&[Tally { passed: 0, decided: 1 }, Tally { passed: 1, decided: 1 }]), None);
    }
}
