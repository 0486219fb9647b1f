//! How a judge agrees with people, and what its pass rate is once its known errors are taken out of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tally;
use super::interval::{Z_95, student_t, wilson};
use super::rounded;

/// Below this sum of its two rates a judge hardly differs from one that tosses a coin, for which the sum is 1.
const INFORMATIVE_MIN: f64 = 1.2;

/// What a judge said of items that people have judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confusion {
    /// Passed by both.
    pub true_pass: u64,
    /// Failed by people, passed by the judge.
    pub false_pass: u64,
    /// Failed by both.
    pub true_fail: u64,
    /// Passed by people, failed by the judge.
    pub false_fail: u64,
}

/// A share with its 95 % interval, from so many items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// The share, 0 to 1.
    pub share: f64,
    /// The lower end of its 95 % interval (Wilson's).
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// From how many items.
    pub items: u64,
}

/// How far a judge agrees with people beyond what chance would give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Kappa {
    /// 1 for full agreement, 0 for what chance would give, less where they disagree on purpose.
    pub kappa: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Confusion {
    /// All items.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.true_pass + self.false_pass + self.true_fail + self.false_fail
    }

    /// The true pass rate: of what people passed, the share that the judge passes.
    ///
    /// ```
    /// use reenact::report::statistics::Confusion;
    ///
    /// let lenient = Confusion { true_pass: 48, false_fail: 2, true_fail: 12, false_pass: 38 };
    /// assert_eq!(lenient.true_pass_rate().unwrap().share, 0.96);
    /// assert_eq!(lenient.true_fail_rate().unwrap().share, 0.24);
    /// ```
    #[must_use]
    pub fn true_pass_rate(&self) -> Option<Share> {
        share(self.true_pass, self.true_pass + self.false_fail)
    }

    /// The true fail rate: of what people failed, the share that the judge fails.
    #[must_use]
    pub fn true_fail_rate(&self) -> Option<Share> {
        share(self.true_fail, self.true_fail + self.false_pass)
    }

    /// Cohen's kappa with its large-sample interval; nothing where one of the two always says the same.
    ///
    /// J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960).
    #[must_use]
    pub fn kappa(&self) -> Option<Kappa> {
        let n = self.items() as f64;
        let of_all = |count: u64| count as f64 / n;
        let observed = of_all(self.true_pass + self.true_fail);
        let (people, judge) = (of_all(self.true_pass + self.false_fail), of_all(self.true_pass + self.false_pass));
        let by_chance = people * judge + (1.0 - people) * (1.0 - judge);
        let varies = |share: f64| share > 0.0 && share < 1.0;
        if self.items() == 0 || !varies(people) || !varies(judge) {
            return None;
        }
        let kappa = (observed - by_chance) / (1.0 - by_chance);
        let half = Z_95 * (observed * (1.0 - observed) / n).sqrt() / (1.0 - by_chance);
        let ends = |end: f64| rounded(end.clamp(-1.0, 1.0));
        Some(Kappa { kappa: rounded(kappa), low: ends(kappa - half), high: ends(kappa + half) })
    }
}

/// A share of items with Wilson's interval; nothing where there are none.
///
/// ```
/// use reenact::report::statistics::share;
///
/// assert_eq!(share(1, 4).unwrap().share, 0.25);
/// assert_eq!(share(0, 0), None);
/// ```
#[must_use]
pub fn share(count: u64, items: u64) -> Option<Share> {
    let share = count as f64 / items as f64;
    let (low, high) = wilson(share, items as f64);
    (items > 0).then(|| Share { share: rounded(share), low: rounded(low), high: rounded(high), items })
}

/// A pass rate without the judge's known errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CorrectedRate {
    /// What the judge says: the share that it passes.
    pub apparent: f64,
    /// What people would say.
    pub rate: f64,
    /// The lower end of the 95 % interval, which carries the doubt of the labels and that of the run.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Why no corrected rate can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotInformative {
    /// The judge decided nothing.
    NothingJudged,
    /// No label that the judge decided says pass.
    NoLabelledPass,
    /// No label that the judge decided says fail, so nothing is known of what it overlooks.
    NoLabelledFail,
    /// The judge found no failure at all; how many it overlooked cannot be told from that.
    NoApparentFailure,
    /// The judge hardly does better than a coin.
    LikeChance,
}

impl NotInformative {
    /// The reason in a few words, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            NotInformative::NothingJudged => "the judge decided nothing in this run",
            NotInformative::NoLabelledPass => "no label says pass where the judge decided",
            NotInformative::NoLabelledFail => "no label says fail where the judge decided",
            NotInformative::NoApparentFailure => "the judge finds no failure in this run",
            NotInformative::LikeChance => "the judge hardly does better than a coin",
        }
    }
}

/// The pass rate that people would find in what a judge judged, from labels that say how it errs.
///
/// C. Lee et al., "How to correctly report LLM-as-a-judge evaluations" (2025, arXiv 2511.21140): the estimator of
/// Rogan and Gladen (1978), with an interval that carries the variance of the labels too. What a case has of passed and
/// decided items is one cluster: where the items of a case resemble each other, the variance of the apparent rate is
/// the clustered one, widened for few cases by Student's t.
///
/// ```
/// use reenact::report::statistics::{Confusion, Tally, corrected_pass_rate};
///
/// // 50 labels of each kind, and 240 of 300 conversations that the judge passes.
/// let labels = Confusion { true_pass: 47, false_fail: 3, true_fail: 30, false_pass: 20 };
/// let judged: Vec<Tally> = (0..300).map(|at| Tally { passed: u64::from(at < 240), decided: 1 }).collect();
/// let corrected = corrected_pass_rate(&judged, &labels).unwrap();
/// assert_eq!((corrected.apparent, corrected.rate), (0.8, 0.740741));
/// ```
///
/// # Errors
/// Why the judge is not informative.
pub fn corrected_pass_rate(cases: &[Tally], labels: &Confusion) -> Result<CorrectedRate, NotInformative> {
    let n: f64 = cases.iter().map(|case| case.decided as f64).sum();
    let passed: f64 = cases.iter().map(|case| case.passed as f64).sum();
    let (passes, fails) = (labels.true_pass_rate(), labels.true_fail_rate());
    if n == 0.0 {
        return Err(NotInformative::NothingJudged);
    }
    passes.ok_or(NotInformative::NoLabelledPass)?;
    fails.ok_or(NotInformative::NoLabelledFail)?;
    if passed >= n {
        return Err(NotInformative::NoApparentFailure);
    }
    let pass_rate = Observed::of(labels.true_pass, labels.true_pass + labels.false_fail);
    let fail_rate = Observed::of(labels.true_fail, labels.true_fail + labels.false_pass);
    if pass_rate.rate + fail_rate.rate <= INFORMATIVE_MIN {
        return Err(NotInformative::LikeChance);
    }
    let apparent = passed / n;
    let rate = without_errors(apparent, pass_rate.rate, fail_rate.rate).clamp(0.0, 1.0);
    let (low, high) = interval(cases, (passed, n), &pass_rate, &fail_rate);
    let rounded = super::rounded;
    Ok(CorrectedRate {
        apparent: rounded(apparent),
        rate: rounded(rate),
        low: rounded(low.min(rate)),
        high: rounded(high.max(rate)),
    })
}

/// A rate of labels as it was seen, and as the interval takes it: with one success and one failure more.
struct Observed {
    rate: f64,
    smoothed: f64,
    smoothed_items: f64,
}

impl Observed {
    fn of(count: u64, items: u64) -> Self {
        let (count, items) = (count as f64, items as f64);
        Observed { rate: count / items, smoothed: (count + 1.0) / (items + 2.0), smoothed_items: items + 2.0 }
    }

    fn variance(&self) -> f64 {
        self.smoothed * (1.0 - self.smoothed) / self.smoothed_items
    }
}

fn without_errors(apparent: f64, true_pass_rate: f64, true_fail_rate: f64) -> f64 {
    (apparent + true_fail_rate - 1.0) / (true_pass_rate + true_fail_rate - 1.0)
}

fn interval(cases: &[Tally], (passed, n): (f64, f64), passes: &Observed, fails: &Observed) -> (f64, f64) {
    let z_squared = Z_95 * Z_95;
    let smoothed = (passed + z_squared / 2.0) / (n + z_squared);
    let independent = smoothed * (1.0 - smoothed) / (n + z_squared);
    let variance = independent.max(clustered_variance(cases, passed / n, n));
    let spread = passes.smoothed + fails.smoothed - 1.0;
    let rate = without_errors(smoothed, passes.smoothed, fails.smoothed);
    let of_labels = (1.0 - rate).powi(2) * fails.variance() + rate.powi(2) * passes.variance();
    let shift = 2.0 * z_squared * (rate * passes.variance() - (1.0 - rate) * fails.variance());
    let half = Z_95 * (variance + of_labels).sqrt() / spread;
    ((rate + shift - half).clamp(0.0, 1.0), (rate + shift + half).clamp(0.0, 1.0))
}

/// The variance of the apparent rate with the case as the cluster (Miller 2024, arXiv 2411.00640); nothing is known of it
/// with one case.
fn clustered_variance(cases: &[Tally], rate: f64, n: f64) -> f64 {
    let clusters = cases.iter().filter(|case| case.decided > 0).count() as f64;
    if clusters < 2.0 {
        return 0.0;
    }
    let deviation = |case: &Tally| (case.passed as f64 - case.decided as f64 * rate).powi(2);
    let variance = clusters / (clusters - 1.0) * cases.iter().map(deviation).sum::<f64>() / (n * n);
    variance * (student_t(0.975, clusters - 1.0) / Z_95).powi(2)
}
