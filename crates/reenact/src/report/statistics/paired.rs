//! Whether one run is better than another on the same cases.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::power::detectable;
use super::{CaseRate, Mean, mean_of_cases, rounded, smallest_difference};
use crate::Verdict;

/// With more cases that differ, the signs are flipped at random: a million ways take a moment, and more take long.
const EXACT_MAX: usize = 20;
/// So many random ways put the error of a p value near 0.05 at two thousandths.
const RANDOM_FLIPS: u32 = 20_000;

/// The mean over cases of how much the pass rate changed; figures rounded to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The mean of candidate less baseline, -1 to 1.
    pub mean: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end of its 95 % interval.
    pub high: f64,
    /// How likely a mean this far from none would be, were both alike; two-sided.
    pub p: f64,
    /// Cases that were decided in both runs.
    pub cases: u64,
    /// The smallest difference that this comparison finds four times in five; nothing where it finds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_difference: Option<f64>,
}

impl Difference {
    /// Whether the candidate is not worse than the baseline by `margin` or more: Pass where the whole interval is above
    /// `-margin`, Fail where the whole interval is below it, else Inconclusive.
    #[must_use]
    pub fn is_within(&self, margin: f64) -> Verdict {
        if self.low > -margin {
            Verdict::Pass
        } else if self.high < -margin {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        }
    }
}

/// The mean difference of paired pass rates (baseline, candidate) with a 95 % interval; nothing where there are no pairs.
///
/// G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics
/// in Medicine 27 (2008): the distances of each arm's own limits ([`mean_of_cases`]), put together with the correlation
/// of the arms, which R. G. Newcombe does for single pairs (Statistics in Medicine 17, 1998, pages 2635 to 2650). Unlike
/// Student's interval of the differences it does not shrink to nothing where few cases all stay the same. `p` is that of [`sign_flip_p`].
#[must_use]
pub fn mean_difference(pairs: &[(CaseRate, CaseRate)]) -> Option<Difference> {
    let (baseline, candidate): (Vec<CaseRate>, Vec<CaseRate>) = pairs.iter().copied().unzip();
    let (a, b) = (arm(&baseline)?, arm(&candidate)?);
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| b.rate - a.rate).collect();
    let mean = differences.iter().sum::<f64>() / pairs.len() as f64;
    let correlation = correlation(pairs, &a, &b);
    let reach = |x: f64, y: f64| (x * x + y * y - 2.0 * correlation * x * y).max(0.0).sqrt();
    let low = mean - reach(b.mean - b.low, a.high - a.mean);
    let high = mean + reach(b.high - b.mean, a.mean - a.low);
    Some(Difference {
        mean: rounded(mean),
        low: rounded(low.max(-1.0)),
        high: rounded(high.min(1.0)),
        p: rounded(sign_flip_p(&differences)),
        cases: pairs.len() as u64,
        smallest_difference: seen_at_least(pairs, &differences, mean),
    })
}

fn arm(rates: &[CaseRate]) -> Option<Mean> {
    let trials = rates.iter().map(|case| case.tally.decided).sum();
    mean_of_cases(&rates.iter().map(|case| case.rate).collect::<Vec<_>>(), trials)
}

/// Pearson's correlation of the two rates of a case, less Newcombe's correction for continuity, so that arms that
/// happen to agree in all of a few cases are not taken for the same thing. None where one of them never varies.
fn correlation(pairs: &[(CaseRate, CaseRate)], a: &Mean, b: &Mean) -> f64 {
    let sum =
        |term: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| term(x.rate - a.mean, y.rate - b.mean)).sum::<f64>();
    let spread = (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    let together = sum(&|x, y| x * y);
    // Half a trial, as coarse as the rates of these cases are.
    let half = 0.5 * pairs.len() as f64 / (a.effective_trials * b.effective_trials).sqrt();
    let corrected = if together > 0.0 { (together - half).max(0.0) } else { together };
    if spread > 0.0 { (corrected / spread).clamp(-1.0, 1.0) } else { 0.0 }
}

/// By the variance that the differences show; by the one to be expected where they show none.
fn seen_at_least(pairs: &[(CaseRate, CaseRate)], differences: &[f64], mean: f64) -> Option<f64> {
    let n = pairs.len() as f64;
    let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    if squares > 0.0 {
        return detectable(pairs.len() as u64, squares / (n - 1.0), 0.8);
    }
    let trials: u64 = pairs.iter().map(|(a, b)| a.tally.decided.min(b.tally.decided)).sum();
    smallest_difference(pairs.len() as u64, trials as f64 / n)
}

/// How likely a mean this far from none would be if each difference could as well have had the other sign.
///
/// R. A. Fisher, "The Design of Experiments" (1935), section 21. All ways of giving signs are counted where at most
/// twenty cases differ; of more, twenty thousand are drawn, always the same ones, and the one at hand counts among
/// them (B. Phipson and G. K. Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010).
///
/// ```
/// use reenact::report::statistics::sign_flip_p;
///
/// // Five cases, all better: of 32 ways to give signs, two are as extreme.
/// assert_eq!(sign_flip_p(&[0.4, 0.2, 0.2, 0.6, 1.0]), 2.0 / 32.0);
/// ```
#[must_use]
pub fn sign_flip_p(differences: &[f64]) -> f64 {
    let differing: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    // Sums that are equal on paper differ by a rounding error.
    let extreme = differing.iter().sum::<f64>().abs() - 1e-9;
    if differing.len() <= EXACT_MAX { all_flips(&differing, extreme) } else { random_flips(&differing, extreme) }
}

/// Goes through all signs by changing one at a time (F. Gray's order).
fn all_flips(differences: &[f64], extreme: f64) -> f64 {
    let ways = 1_u32 << differences.len();
    let mut signed = differences.to_vec();
    let mut sum: f64 = signed.iter().sum();
    let mut as_extreme = u32::from(sum.abs() >= extreme);
    for way in 1..ways {
        let flipped = &mut signed[way.trailing_zeros() as usize];
        sum -= 2.0 * *flipped;
        *flipped = -*flipped;
        as_extreme += u32::from(sum.abs() >= extreme);
    }
    f64::from(as_extreme) / f64::from(ways)
}

fn random_flips(differences: &[f64], extreme: f64) -> f64 {
    let mut random = Signs(differences.len() as u64);
    let sum = |random: &mut Signs| {
        let chunks = differences.chunks(64).map(|chunk| (chunk, random.next()));
        chunks.map(|(chunk, signs)| signed_sum(chunk, signs)).sum::<f64>()
    };
    let as_extreme = (0..RANDOM_FLIPS).filter(|_| sum(&mut random).abs() >= extreme).count();
    (1.0 + as_extreme as f64) / (1.0 + f64::from(RANDOM_FLIPS))
}

fn signed_sum(differences: &[f64], signs: u64) -> f64 {
    let signed = |(bit, difference): (usize, &f64)| if signs >> bit & 1 == 1 { *difference } else { -difference };
    differences.iter().enumerate().map(signed).sum()
}

/// SplitMix64 of Steele, Lea and Flood (2014): 64 signs at a time, the same everywhere and each time.
struct Signs(u64);

impl Signs {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Tally;
    use super::*;

    fn case(passed: u64, decided: u64) -> CaseRate {
        Tally { passed, decided }.into()
    }

    /// Darwin's fifteen pairs of maize plants, Fisher 1935: 863 of 32,768 ways give a sum of 314 or more, so 1726 are
    /// as far from none on either side.
    #[test]
    fn the_published_example_of_the_permutation_test_comes_out() {
        let maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48].map(f64::from);
        assert_eq!(sign_flip_p(&maize), 1726.0 / 32_768.0);
    }

    #[test]
    fn random_signs_come_near_the_exact_figure() {
        let maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48].map(f64::from);
        let random = random_flips(&maize, 314.0 - 1e-9);
        assert!((random - 1726.0 / 32_768.0).abs() < 0.005, "{random}");
    }

    #[test]
    fn an_unchanged_suite_leaves_room_for_what_it_could_not_see() {
        let same = mean_difference(&[(case(3, 3), case(3, 3)); 10]).unwrap();
        assert_eq!((same.mean, same.p), (0.0, 1.0));
        assert!(same.low < -0.2 && same.high > 0.2, "{same:?}");
        assert_eq!(same.is_within(0.05), Verdict::Inconclusive);
        let many = mean_difference(&[(case(3, 3), case(3, 3)); 100]).unwrap();
        assert_eq!(many.is_within(0.05), Verdict::Pass);
        assert_eq!(mean_difference(&[]), None);
    }

    #[test]
    fn a_margin_is_held_broken_or_neither() {
        let broken = mean_difference(&[(case(5, 5), case(0, 5)); 20]).unwrap();
        assert_eq!(broken.is_within(0.05), Verdict::Fail);
        assert!(broken.high < -0.5 && broken.p < 0.001, "{broken:?}");
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_mean_and_turns_around_with_the_arms(
            pairs in prop::collection::vec((0..=5_u64, 0..=5_u64), 1..15)
        ) {
            let pairs: Vec<_> = pairs.into_iter().map(|(a, b)| (case(a, 5), case(b, 5))).collect();
            let turned: Vec<_> = pairs.iter().map(|&(a, b)| (b, a)).collect();
            let (there, back) = (mean_difference(&pairs).unwrap(), mean_difference(&turned).unwrap());
            prop_assert!(there.low <= there.mean && there.mean <= there.high);
            prop_assert!((there.low + back.high).abs() < 1e-5 && (there.mean + back.mean).abs() < 1e-5);
            prop_assert!(there.p == back.p && 0.0 < there.p && there.p <= 1.0);
        }
    }
}
