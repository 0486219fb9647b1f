//! How sure a pass rate is, given that trials of one case resemble each other.
//!
//! Five trials of one case are not five independent observations: what fails once tends to fail again.
//! Counting them as independent gives intervals that are far too narrow. The unit here is the case;
//! trials of the same case form a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The two-sided 95 % point of the normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// Below this many cases the t interval on case means is not to be trusted (Miller 2024, section 2).
const CASES_MIN_FOR_T: usize = 30;

/// Outside these rates case means are so skewed that a symmetric interval covers too little.
const RATES_FOR_T: std::ops::RangeInclusive<f64> = 0.1..=0.9;

/// What was decided about one case: how many of its decided trials passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Trials that passed.
    pub passed: u64,
    /// Trials that passed or failed.
    pub decided: u64,
}

impl Tally {
    fn rate(self) -> f64 {
        self.passed as f64 / self.decided as f64
    }
}

/// How an interval was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Wilson's score interval on the effective number of trials.
    WilsonEffective,
    /// Student's t on the means of the cases.
    ClusterT,
}

/// A pass rate with its 95 % interval; its figures are rounded to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PassRate {
    /// The mean over cases of each case's share of passed trials, 0 to 1.
    pub rate: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
    /// How the interval was computed.
    pub method: Method,
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

/// The pass rate of decided trials with a 95 % interval that respects clustering by case.
///
/// With fewer than 30 cases, or a rate near 0 or 1, it is Wilson's interval on the effective number of
/// trials; else Student's t on the case means. Cases without a decided trial do not count; where none
/// was decided there is no rate.
///
/// With few cases at rates near 1 even this interval covers less than 95 % (0.87 in simulation, for 20 cases at 0.9).
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
    let cases: Vec<Tally> = cases.iter().copied().filter(|case| case.decided > 0).collect();
    if cases.is_empty() {
        return None;
    }
    let rate = mean_of_case_rates(&cases);
    let trials: u64 = cases.iter().map(|case| case.decided).sum();
    let intraclass_correlation = intraclass_correlation(&cases);
    let effective_trials = trials as f64 / design_effect(&cases, intraclass_correlation);
    let (method, (low, high)) = if cases.len() < CASES_MIN_FOR_T || !RATES_FOR_T.contains(&rate) {
        (Method::WilsonEffective, wilson(rate, effective_trials))
    } else {
        (Method::ClusterT, cluster_t(&cases))
    };
    Some(PassRate {
        rate: rounded(rate),
        low: rounded(low),
        high: rounded(high),
        method,
        cases: cases.len() as u64,
        trials,
        effective_trials: rounded(effective_trials),
        intraclass_correlation: rounded(intraclass_correlation),
    })
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

/// Student's 95 % interval of the mean of the case rates, cut at 0 and 1.
///
/// With the case as the cluster and every case of equal weight, the clustered standard error of
/// E. Miller, "Adding error bars to evals" (2024, arXiv 2411.00640) is the standard error of the case
/// means. Needs two cases at least.
#[must_use]
pub fn cluster_t(cases: &[Tally]) -> (f64, f64) {
    let n = cases.len() as f64;
    let rate = mean_of_case_rates(cases);
    let squares: f64 = cases.iter().map(|case| (case.rate() - rate).powi(2)).sum();
    let half = student_t_95(n - 1.0) * (squares / (n * (n - 1.0))).sqrt();
    ((rate - half).max(0.0), (rate + half).min(1.0))
}

/// How much trials of one case resemble each other, from a one-way analysis of variance, cut at 0 and 1.
///
/// A. Donner, "A review of inference procedures for the intraclass correlation coefficient in the one-way
/// random effects model", International Statistical Review 54 (1986), with his mean cluster size for
/// cases of unequal numbers of trials. Where nothing varies, or there is one case, it cannot be
/// estimated, and 1 is the honest answer: the case, not the trial, is then the unit.
#[must_use]
pub fn intraclass_correlation(cases: &[Tally]) -> f64 {
    let (n, total) = (cases.len() as f64, trials(cases));
    if cases.len() < 2 || total <= n {
        return 1.0;
    }
    let pooled = cases.iter().map(|case| case.passed as f64).sum::<f64>() / total;
    let between: f64 = cases.iter().map(|case| case.decided as f64 * (case.rate() - pooled).powi(2)).sum();
    let within: f64 = cases.iter().map(|case| case.decided as f64 * case.rate() * (1.0 - case.rate())).sum();
    let (between, within) = (between / (n - 1.0), within / (total - n));
    let size = (total - squared_sizes(cases) / total) / (n - 1.0);
    let spread = between + (size - 1.0) * within;
    if spread <= 0.0 { 1.0 } else { ((between - within) / spread).clamp(0.0, 1.0) }
}

/// By how much clustering widens the variance: `1 + (k - 1) * correlation`.
///
/// L. Kish, "Survey Sampling" (1965). For cases of unequal numbers of trials `k` is the mean number of
/// trials as a trial sees it, which is never too small.
#[must_use]
pub fn design_effect(cases: &[Tally], intraclass_correlation: f64) -> f64 {
    1.0 + (squared_sizes(cases) / trials(cases) - 1.0) * intraclass_correlation
}

/// The two-sided 95 % point of Student's t for ten or more degrees of freedom.
///
/// The expansion of Cornish and Fisher, Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964),
/// 26.7.5; its error at ten degrees of freedom is below 0.0001.
#[must_use]
pub fn student_t_95(degrees_of_freedom: f64) -> f64 {
    let (z, v) = (Z_95, degrees_of_freedom);
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    let fourth =
        (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5) - 1920.0 * z.powi(3) - 945.0 * z) / 92_160.0;
    z + first / v + second / v.powi(2) + third / v.powi(3) + fourth / v.powi(4)
}

/// A figure to six decimals: more than a rate of trials can carry, and few enough that every JSON reader
/// gives back the same number.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

fn mean_of_case_rates(cases: &[Tally]) -> f64 {
    cases.iter().map(|case| case.rate()).sum::<f64>() / cases.len() as f64
}

fn trials(cases: &[Tally]) -> f64 {
    cases.iter().map(|case| case.decided as f64).sum()
}

fn squared_sizes(cases: &[Tally]) -> f64 {
    cases.iter().map(|case| (case.decided as f64).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(passed: &[u64], decided: u64) -> Vec<Tally> {
        passed.iter().map(|&passed| Tally { passed, decided }).collect()
    }

    fn near(actual: f64, expected: f64, tolerance: f64) {
        assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected} within {tolerance}");
    }

    /// Newcombe, Statistics in Medicine 17 (1998), table I, method 3: the Wilson interval.
    #[test]
    fn wilson_gives_the_published_intervals() {
        for (passed, n, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let interval = wilson(passed / n, n);
            near(interval.0, low, 0.00005);
            near(interval.1, high, 0.00005);
        }
    }

    #[test]
    fn student_t_gives_the_tabled_points() {
        for (degrees, point) in [(10.0, 2.228_139), (29.0, 2.045_230), (99.0, 1.984_217)] {
            near(student_t_95(degrees), point, 0.0001);
        }
    }

    /// By hand: three cases of four trials with 4, 2 and 0 passed. Between: 4 (0.25 + 0 + 0.25) / 2 = 1.
    /// Within: 4 * 0.25 / 9 = 1/9. Correlation: (1 - 1/9) / (1 + 3/9) = 2/3. Design effect: 1 + 3 * 2/3 = 3.
    #[test]
    fn the_intraclass_correlation_is_that_of_the_analysis_of_variance() {
        let cases = tallies(&[4, 2, 0], 4);
        near(intraclass_correlation(&cases), 2.0 / 3.0, 1e-12);
        near(design_effect(&cases, 2.0 / 3.0), 3.0, 1e-12);
        near(pass_rate(&cases).unwrap().effective_trials, 4.0, 1e-12);
    }

    #[test]
    fn trials_that_never_differ_within_a_case_are_worth_one_trial_a_case() {
        near(pass_rate(&tallies(&[5, 0, 5, 0], 5)).unwrap().effective_trials, 4.0, 1e-12);
        near(pass_rate(&tallies(&[5, 5, 5, 5], 5)).unwrap().effective_trials, 4.0, 1e-12);
        near(pass_rate(&tallies(&[3], 5)).unwrap().effective_trials, 1.0, 1e-12);
    }

    #[test]
    fn one_trial_a_case_is_the_plain_wilson_interval() {
        let rate = pass_rate(&tallies(&[1, 1, 0, 1], 1)).unwrap();
        let (low, high) = wilson(0.75, 4.0);
        assert_eq!((rate.low, rate.high), (rounded(low), rounded(high)));
    }

    /// By hand: 20 cases at 1 and 20 at 0. Standard error: sqrt(40 * 0.25 / (40 * 39)) = 0.080064.
    #[test]
    fn many_cases_at_a_middling_rate_get_the_t_interval() {
        let passed: Vec<u64> = (0..40).map(|case| 3 * (case % 2)).collect();
        let rate = pass_rate(&tallies(&passed, 3)).unwrap();
        assert_eq!(rate.method, Method::ClusterT);
        near(rate.low, 0.5 - 2.022_691 * 0.080_064, 0.00001);
        near(rate.high, 0.5 + 2.022_691 * 0.080_064, 0.00001);
    }

    #[test]
    fn nothing_decided_is_no_rate() {
        assert_eq!(pass_rate(&[]), None);
        assert_eq!(pass_rate(&tallies(&[0, 0], 0)), None);
    }

    /// Steele, Lea and Flood's SplitMix64 (2014): enough for a simulation, and the same everywhere.
    struct Random(u64);

    impl Random {
        fn chance(&mut self, probability: f64) -> bool {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = self.0;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64 <= probability
        }

        /// A case that answers alike in all trials with the given probability, else by independent trials:
        /// their intraclass correlation is that probability.
        fn case(&mut self, rate: f64, correlation: f64, trials: u64) -> Tally {
            let passed = if self.chance(correlation) {
                u64::from(self.chance(rate)) * trials
            } else {
                (0..trials).map(|_| u64::from(self.chance(rate))).sum()
            };
            Tally { passed, decided: trials }
        }
    }

    fn coverage(rate: f64, correlation: f64, cases: usize, trials: u64) -> f64 {
        let mut random = Random(20_270_101);
        let suites = 4_000;
        let covered = (0..suites).filter(|_| {
            let suite: Vec<Tally> = (0..cases).map(|_| random.case(rate, correlation, trials)).collect();
            pass_rate(&suite).is_some_and(|estimate| (estimate.low..=estimate.high).contains(&rate))
        });
        covered.count() as f64 / f64::from(suites)
    }

    #[test]
    fn the_interval_covers_the_true_rate_as_often_as_it_says() {
        for (rate, correlation, cases, trials) in [
            (0.5, 0.5, 10, 5),
            (0.8, 0.5, 20, 3),
            (0.8, 0.5, 50, 5),
            (0.6, 0.0, 50, 3),
            (0.7, 0.9, 100, 5),
            (0.8, 0.2, 20, 5),
        ] {
            let covered = coverage(rate, correlation, cases, trials);
            println!("rate {rate}, correlation {correlation}, {cases} cases x {trials}: {covered}");
            assert!((0.92..=0.99).contains(&covered), "{covered} at rate {rate}, {correlation}, {cases} x {trials}");
        }
        // The hard corner: few cases, high rate. The documentation says 0.87.
        let hard = coverage(0.9, 0.5, 20, 5);
        println!("hard corner: {hard}");
        assert!(hard >= 0.86, "{hard}");
    }
}
