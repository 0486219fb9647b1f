//! Which differences a suite could see at all: known before anything is run.

use super::interval::student_t;
use super::rounded;

/// What a suite is expected to be like before it was run, so that the figure can be shown then: an agent that
/// passes four times in five, and trials of a case that resemble each other halfway.
const RATE: f64 = 0.8;
const INTRACLASS_CORRELATION: f64 = 0.5;

/// The permutation test that decides a comparison finds less among few cases than Student's t, by which this is
/// computed; with nine times in ten here, simulation finds four times in five and more.
const NOMINAL_POWER: f64 = 0.9;

/// Rates are told apart in steps of this; nobody plans more finely.
const STEPS: u32 = 1000;

/// The smallest difference between the pass rates of two agents that comparing them on so many cases, each tried so
/// often with both, finds about four times in five; nothing where even the largest would be missed.
///
/// E. Miller, "Adding error bars to evals" (2024, arXiv 2411.00640), section 5, with Student's t in place of the
/// normal distribution, for an agent as expected above and another that passes every case less often by one factor.
///
/// ```
/// use reenact::report::statistics::smallest_difference;
///
/// // Fifty cases tried five times each cannot see a difference of five points.
/// assert!(smallest_difference(50, 5.0).unwrap() > 0.05);
/// assert_eq!(smallest_difference(1, 100.0), None);
/// ```
#[must_use]
pub fn smallest_difference(cases: u64, trials_per_case: f64) -> Option<f64> {
    let sizes = (1..=STEPS).map(|step| f64::from(step) / f64::from(STEPS)).take_while(|size| *size < RATE);
    let mut shown = sizes.filter(|size| {
        detectable(cases, variance_of_differences(*size, trials_per_case), NOMINAL_POWER)
            .is_some_and(|least| least <= *size)
    });
    shown.next()
}

/// Of one case's difference, where one agent passes as expected and the other less often by this on average: what the
/// true rates differ by varies, and so do the shares of a few trials that show them.
fn variance_of_differences(size: f64, trials_per_case: f64) -> f64 {
    let of_rates = RATE * (1.0 - RATE) * INTRACLASS_CORRELATION;
    let squared_rate = RATE * RATE + of_rates;
    let factor = 1.0 - size / RATE;
    let within = |factor: f64| factor * RATE - factor * factor * squared_rate;
    (1.0 - factor).powi(2) * of_rates + (within(1.0) + within(factor)) / trials_per_case
}

/// The smallest mean of paired differences that is told from none at 5 %, given their variance, with this chance (the power).
#[must_use]
pub fn detectable(cases: u64, variance_of_differences: f64, power: f64) -> Option<f64> {
    if cases < 2 {
        return None;
    }
    let degrees = cases as f64 - 1.0;
    let points = student_t(0.975, degrees) + student_t(power, degrees);
    let difference = points * (variance_of_differences / cases as f64).sqrt();
    (difference <= 1.0).then(|| rounded(difference))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(actual: Option<f64>, expected: f64, tolerance: f64) {
        let actual = actual.unwrap();
        assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected} within {tolerance}");
    }

    /// Miller's examples: a difference of 3 points with a variance of 1/9 between questions takes 969 of them; with
    /// 198 questions and a variance of 1/6 within each, ten trials instead of one see 7.5 points instead of 13.2.
    #[test]
    fn the_published_examples_come_out() {
        near(detectable(969, 1.0 / 9.0, 0.8), 0.03, 0.0001);
        near(detectable(198, 1.0 / 9.0 + 2.0 / 6.0, 0.8), 0.132, 0.0015);
        near(detectable(198, 1.0 / 9.0 + 2.0 / 60.0, 0.8), 0.075, 0.0015);
    }

    #[test]
    fn more_cases_and_more_trials_see_more() {
        for (cases, trials, difference) in [(50, 1.0, 0.251), (50, 5.0, 0.104), (200, 1.0, 0.11), (200, 10.0, 0.034)] {
            near(smallest_difference(cases, trials), difference, 0.008);
        }
    }
}
