//! How sure a share is: intervals of proportions, of independent trials and of clustered ones.

use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// The two-sided 95 % point of the normal distribution.
pub(super) const Z_95: f64 = 1.959_963_984_540_054;

/// A mean over cases with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean, 0 to 1.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// How many independent trials those at hand are worth.
    pub effective_trials: f64,
}

/// The mean of one value of each case, each 0 to 1, with a 95 % interval that respects clustering by case.
///
/// E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of
/// positive counts estimated from survey data", Survey Methodology 24 (1998): the exact interval of Clopper
/// and Pearson on the effective number of trials, which is reduced once more for the variance being estimated
/// from few cases. `trials` is how many there are in all; the effective number lies between that of the
/// cases and that of the trials. Nothing where there are no cases.
///
/// ```
/// use reenact::report::statistics::mean_of_cases;
///
/// // Each case always answers alike, so six trials are worth two.
/// let mean = mean_of_cases(&[1.0, 0.0], 6).unwrap();
/// assert_eq!((mean.mean, mean.effective_trials), (0.5, 2.0));
/// ```
#[must_use]
pub fn mean_of_cases(values: &[f64], trials: u64) -> Option<Mean> {
    let n = values.len() as f64;
    let mean = (values.iter().sum::<f64>() / n).clamp(0.0, 1.0);
    if values.is_empty() {
        return None;
    }
    let trials = (trials as f64).max(n);
    let effective_trials = effective_trials(values, mean, trials);
    let (low, high) = of_effective(mean, effective_trials, n, trials);
    Some(Mean { mean, low, high, effective_trials })
}

/// Korn and Graubard's interval of a mean, given how many independent trials those at hand are worth.
pub(super) fn of_effective(mean: f64, effective_trials: f64, cases: f64, trials: f64) -> (f64, f64) {
    // One trial of each case alone would be so many independent ones, and more trials are not worth less.
    clopper_pearson(mean, (effective_trials * few_cases_factor(cases, trials)).max(cases))
}

/// The variance of the mean, and by it the number of independent trials that would vary as much.
fn effective_trials(values: &[f64], mean: f64, trials: f64) -> f64 {
    let n = values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n * (n - 1.0));
    // Where nothing varies it cannot be told what the trials are worth; the case is then the unit.
    if variance > 0.0 { (mean * (1.0 - mean) / variance).clamp(n, trials) } else { n }
}

/// What Korn and Graubard reduce the effective number by; nothing where each case has one trial.
fn few_cases_factor(cases: f64, trials: f64) -> f64 {
    if cases < 2.0 { 1.0 } else { (student_t(0.975, trials - 1.0) / student_t(0.975, cases - 1.0)).powi(2) }
}

/// The exact 95 % interval of a proportion seen in `n` independent trials, which need not be a whole number.
///
/// C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
/// binomial", Biometrika 26 (1934).
#[must_use]
pub fn clopper_pearson(rate: f64, n: f64) -> (f64, f64) {
    let passed = rate * n;
    // Rounding leaves a hair of a trial over where all or none passed.
    let low = if passed <= 1e-9 { 0.0 } else { beta(passed, n - passed + 1.0, 0.025) };
    let high = if n - passed <= 1e-9 { 1.0 } else { beta(passed + 1.0, n - passed, 0.975) };
    (low, high)
}

/// Wilson's 95 % score interval of a proportion seen in `n` independent trials.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
/// American Statistical Association 22 (1927).
#[must_use]
pub fn wilson(rate: f64, n: f64) -> (f64, f64) {
    let z_squared = Z_95 * Z_95;
    let centre = rate + z_squared / (2.0 * n);
    let half = Z_95 * (rate * (1.0 - rate) / n + z_squared / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z_squared / n;
    // At a rate of 0 or 1 the end is exact, and rounding must not move it past the rate.
    let low = if rate <= 0.0 { 0.0 } else { ((centre - half) / scale).max(0.0) };
    let high = if rate >= 1.0 { 1.0 } else { ((centre + half) / scale).min(1.0) };
    (low, high)
}

/// A point of Student's t.
pub(super) fn student_t(probability: f64, degrees_of_freedom: f64) -> f64 {
    let t = StudentsT::new(0.0, 1.0, degrees_of_freedom).expect("there are two cases at least");
    t.inverse_cdf(probability)
}

fn beta(a: f64, b: f64, probability: f64) -> f64 {
    Beta::new(a, b).expect("both shapes are above zero").inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected} within {tolerance}");
    }

    /// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), table I.
    #[test]
    fn the_published_intervals_of_a_single_proportion_come_out() {
        for (passed, n, score, exact) in [
            (81.0, 263.0, (0.2553, 0.3662), (0.2527, 0.3676)),
            (15.0, 148.0, (0.0624, 0.1605), (0.0578, 0.1617)),
            (0.0, 20.0, (0.0, 0.1611), (0.0, 0.1684)),
            (1.0, 29.0, (0.0061, 0.1718), (0.0009, 0.1776)),
        ] {
            for (interval, published) in [(wilson(passed / n, n), score), (clopper_pearson(passed / n, n), exact)] {
                near(interval.0, published.0, 0.00005);
                near(interval.1, published.1, 0.00005);
            }
        }
    }

    #[test]
    fn student_t_gives_the_tabled_points() {
        for (degrees, point) in [(1.0, 12.7062), (2.0, 4.3027), (10.0, 2.2281), (29.0, 2.0452), (999.0, 1.9623)] {
            near(student_t(0.975, degrees), point, 0.0001);
        }
    }

    /// By hand: case means 1, 1/2 and 0. Variance of the mean: (1/4 + 1/4) / (3 * 2) = 1/12, so (1/4) / (1/12) = 3.
    #[test]
    fn the_effective_number_of_trials_is_that_of_the_variance_between_cases() {
        near(mean_of_cases(&[1.0, 0.5, 0.0], 12).unwrap().effective_trials, 3.0, 1e-12);
        near(mean_of_cases(&[0.5, 0.5, 0.5], 12).unwrap().effective_trials, 3.0, 1e-12);
        near(mean_of_cases(&[0.5, 0.6, 0.5, 0.4], 20).unwrap().effective_trials, 20.0, 1e-12);
    }

    #[test]
    fn one_trial_a_case_is_the_plain_exact_interval() {
        let mean = mean_of_cases(&[1.0, 1.0, 0.0, 1.0], 4).unwrap();
        assert_eq!((mean.low, mean.high), clopper_pearson(0.75, 4.0));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_mean_and_more_trials_never_make_it_wider_than_the_cases_alone(
            values in prop::collection::vec(0.0..=1.0_f64, 1..40), per_case in 1..20_u64
        ) {
            let mean = mean_of_cases(&values, values.len() as u64 * per_case).unwrap();
            prop_assert!(0.0 <= mean.low && mean.low <= mean.mean + 1e-9 && mean.mean <= mean.high + 1e-9);
            prop_assert!(mean.high <= 1.0);
            let n = values.len() as f64;
            prop_assert!((n..=n * per_case as f64).contains(&mean.effective_trials));
        }
    }
}
