//! Whether it passes every time: pass^k, the chance that all of k trials pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Tally, mean_of_cases, rounded};

/// The chance that `k` trials of a case all pass, with its 95 % interval; figures rounded to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PassHatK {
    /// How many trials in a row.
    pub k: u64,
    /// The mean over cases, 0 to 1.
    pub rate: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
}

/// pass^k: the mean over cases of the share of all choices of `k` decided trials in which every one passed.
///
/// S. Yao et al., "τ-bench: a benchmark for tool-agent-user interaction in real-world domains" (2024, arXiv
/// 2406.12045). The share of choices, unlike the k-th power of the share of passes, is not biased upwards. The
/// interval is that of [`mean_of_cases`]. Nothing where some case with a decided trial has fewer than `k` of them,
/// because leaving such cases out would choose which cases count.
///
/// ```
/// use reenact::report::statistics::{Tally, pass_hat_k};
///
/// // Of the five choices of four among five trials, one has only passes.
/// let once = pass_hat_k(&[Tally { passed: 4, decided: 5 }], 4).unwrap();
/// assert_eq!(once.rate, 0.2);
/// ```
#[must_use]
pub fn pass_hat_k(cases: &[Tally], k: u64) -> Option<PassHatK> {
    let cases: Vec<&Tally> = cases.iter().filter(|case| case.decided > 0).collect();
    if k == 0 || cases.iter().any(|case| case.decided < k) {
        return None;
    }
    let shares: Vec<f64> = cases.iter().map(|case| share_of_choices(case, k)).collect();
    // So many independent groups of k trials there are.
    let groups = cases.iter().map(|case| case.decided / k).sum();
    let mean = mean_of_cases(&shares, groups)?;
    Some(PassHatK { k, rate: rounded(mean.mean), low: rounded(mean.low), high: rounded(mean.high) })
}

/// C(passed, k) / C(decided, k), as a product that cannot overflow.
fn share_of_choices(case: &Tally, k: u64) -> f64 {
    (0..k).map(|taken| case.passed.saturating_sub(taken) as f64 / (case.decided - taken) as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binomial(n: u64, passed: u64, rate: f64) -> f64 {
        let choose: f64 = (0..passed).map(|i| (n - i) as f64 / (passed - i) as f64).product();
        choose * rate.powi(passed as i32) * (1.0 - rate).powi((n - passed) as i32)
    }

    /// Summed over all that five trials at a rate of 0.8 can give: 0.8^4 = 0.4096, and the fourth power of the share
    /// of passes would give 0.524.
    #[test]
    fn pass_hat_k_is_right_on_average_and_the_power_of_the_share_is_not() {
        let over_all = |of: &dyn Fn(u64) -> f64| (0..=5).map(|c| binomial(5, c, 0.8) * of(c)).sum::<f64>();
        let choices = over_all(&|passed| pass_hat_k(&[Tally { passed, decided: 5 }], 4).unwrap().rate);
        let power = over_all(&|passed| (passed as f64 / 5.0).powi(4));
        assert!((choices - 0.4096).abs() < 1e-6 && (power - 0.524).abs() < 0.001, "{choices} {power}");
    }

    #[test]
    fn pass_hat_one_is_the_pass_rate() {
        let cases = [Tally { passed: 2, decided: 3 }, Tally { passed: 5, decided: 5 }, Tally::default()];
        let (once, rate) = (pass_hat_k(&cases, 1).unwrap(), super::super::pass_rate(&cases).unwrap());
        assert_eq!((once.rate, once.low, once.high), (rate.rate, rate.low, rate.high));
    }

    #[test]
    fn no_case_is_left_out_because_it_was_tried_too_seldom() {
        let cases = [Tally { passed: 2, decided: 2 }, Tally { passed: 5, decided: 5 }];
        assert!(pass_hat_k(&cases, 2).is_some() && pass_hat_k(&cases, 3).is_none() && pass_hat_k(&[], 1).is_none());
    }
}
