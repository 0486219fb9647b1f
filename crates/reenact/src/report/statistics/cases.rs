//! Whether a single case got worse: an exact test for one, and a correction for having many.

use statrs::function::factorial::ln_binomial;

use super::Tally;

/// How likely it would be, were both alike, that `after` passes as seldom as it did or more seldom still.
///
/// R. A. Fisher's exact test, one-sided: "The Design of Experiments" (1935), chapter II. It is 1 where nothing was
/// decided on either side.
///
/// ```
/// use reenact::report::statistics::{Tally, fisher_p};
///
/// let p = fisher_p(Tally { passed: 5, decided: 5 }, Tally { passed: 1, decided: 5 });
/// assert!((p - 0.0238).abs() < 0.0001);
/// ```
#[must_use]
pub fn fisher_p(before: Tally, after: Tally) -> f64 {
    let passed = before.passed + after.passed;
    let all = ln_binomial(before.decided + after.decided, passed);
    let fewest = passed.saturating_sub(before.decided);
    let chance = |of_after: u64| ln_binomial(after.decided, of_after) + ln_binomial(before.decided, passed - of_after);
    (fewest..=after.passed).map(|of_after| (chance(of_after) - all).exp()).sum::<f64>().min(1.0)
}

/// Which of many tests are discoveries, so that on average at most the share `level` of the discoveries is false.
///
/// Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B
/// 57 (1995). Where nothing at all changed, the chance of any discovery is at most `level`.
#[must_use]
pub fn benjamini_hochberg(p_values: &[f64], level: f64) -> Vec<bool> {
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let is_within = |(rank, p): &(usize, &f64)| **p <= level * (rank + 1) as f64 / sorted.len() as f64;
    let largest = sorted.iter().enumerate().rev().find(is_within).map(|(_, p)| *p);
    p_values.iter().map(|p| largest.is_some_and(|largest| *p <= largest)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tally(passed: u64, decided: u64) -> Tally {
        Tally { passed, decided }
    }

    fn near(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 0.0005, "{actual} is not {expected}");
    }

    /// Fisher's lady who tastes tea: of four cups that had milk first she names three, or all four.
    #[test]
    fn the_lady_tasting_tea_comes_out() {
        near(fisher_p(tally(3, 4), tally(1, 4)), 17.0 / 70.0);
        near(fisher_p(tally(4, 4), tally(0, 4)), 1.0 / 70.0);
    }

    /// Twice the one-sided figures, because both sides have equally many trials.
    #[test]
    fn the_two_sided_figures_of_the_design_come_out() {
        for (before, after, p) in [((5, 5), (1, 5), 0.048), ((5, 5), (0, 5), 0.008), ((10, 10), (3, 10), 0.003)] {
            near(2.0 * fisher_p(tally(before.0, before.1), tally(after.0, after.1)), p);
        }
        near(2.0 * fisher_p(tally(20, 20), tally(12, 20)), 0.003);
    }

    /// Benjamini and Hochberg 1995, section 3.2: fifteen hypotheses about thrombolysis, of which four are discoveries.
    #[test]
    fn the_published_example_of_many_tests_comes_out() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.000,
        ];
        let discovered = benjamini_hochberg(&p, 0.05);
        assert_eq!(discovered.iter().filter(|is| **is).count(), 4);
        assert!(discovered[..4].iter().all(|is| *is));
    }

    #[test]
    fn no_tests_are_no_discoveries() {
        assert!(benjamini_hochberg(&[], 0.05).is_empty());
        near(fisher_p(tally(0, 0), tally(0, 0)), 1.0);
    }

    proptest! {
        /// Where both are alike, p is below any level at most that often: that is what makes it a p value.
        #[test]
        fn fisher_is_never_more_often_below_a_level_than_the_level(
            n in 1..12_u64, m in 1..12_u64, passed in 0..24_u64, level in 0.0..1.0_f64
        ) {
            let passed = passed.min(n + m);
            let (fewest, most) = (passed.saturating_sub(n), passed.min(m));
            let all = ln_binomial(n + m, passed);
            let chance = |after: u64| (ln_binomial(m, after) + ln_binomial(n, passed - after) - all).exp();
            let below = (fewest..=most).filter(|&after| fisher_p(tally(passed - after, n), tally(after, m)) <= level);
            prop_assert!(below.map(chance).sum::<f64>() <= level + 1e-9);
        }

        #[test]
        fn the_order_of_the_tests_does_not_matter(mut p in prop::collection::vec(0.0..1.0_f64, 0..30)) {
            let mut forward = benjamini_hochberg(&p, 0.1);
            p.reverse();
            forward.reverse();
            prop_assert_eq!(forward, benjamini_hochberg(&p, 0.1));
        }
    }
}
