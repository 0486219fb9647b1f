//! Whether the trials of a case may stop early: a test after every trial that keeps its error rates.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::{CaseRate, Tally};
use crate::{Error, ErrorKind, Outcome, Result};

/// More trials of one case than this are never planned.
const TRIALS_MAX: u32 = 1000;

/// A rule that says after each trial of a case whether another is needed.
///
/// A. Wald's sequential probability ratio test, "Sequential tests of statistical hypotheses", Annals of
/// Mathematical Statistics 16 (1945): each decided trial moves the evidence towards "as good as `good`" or "as bad
/// as `bad`", and the case is decided when the evidence crosses a bound that `alpha` and `beta` set. The rule is a
/// function of the outcomes so far and of nothing else, so a resumed run stops where an uninterrupted one does.
///
/// ```
/// use reenact::report::statistics::{Course, EarlyStopping};
/// use reenact::Outcome::{Failed, Passed};
///
/// let rule = EarlyStopping::default();
/// assert_eq!(rule.stop([Failed, Failed], 26).course, Course::Failed);
/// assert_eq!(rule.stop([Passed; 5], 26).course, Course::GoesOn);
/// assert_eq!(rule.stop([Passed; 6], 26).course, Course::Passed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EarlyStopping {
    /// A case that passes this often, 0 to 1, should be held to pass.
    pub good: f64,
    /// A case that passes only this often should be held to fail.
    pub bad: f64,
    /// How often, at the most, a case that is `bad` is held to pass.
    pub alpha: f64,
    /// How often, at the most, a case that is `good` is held to fail.
    pub beta: f64,
}

impl Default for EarlyStopping {
    /// Tells a case that passes nine times in ten from one that passes every other time.
    fn default() -> Self {
        EarlyStopping { good: 0.9, bad: 0.5, alpha: 0.05, beta: 0.05 }
    }
}

/// How the trials of a case stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// Another trial is needed.
    GoesOn,
    /// It is held to pass.
    Passed,
    /// It is held to fail.
    Failed,
    /// All trials that it may have are done, and neither can be said.
    Undecided,
}

/// Where the trials of a case stand, and on how many of them that rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// How they stand.
    pub course: Course,
    /// The decided trials up to the stop.
    pub tally: Tally,
}

impl EarlyStopping {
    /// How a case stands after these outcomes, in the order of its trials; what comes after the stop does not count.
    #[must_use]
    pub fn stop(&self, outcomes: impl IntoIterator<Item = Outcome>, trials_max: u32) -> Stopped {
        let mut tally = Tally::default();
        let mut trials = 0;
        for outcome in outcomes.into_iter().take(trials_max as usize) {
            trials += 1;
            tally.passed += u64::from(outcome == Outcome::Passed);
            tally.decided += u64::from(matches!(outcome, Outcome::Passed | Outcome::Failed));
            let course = self.course(tally);
            if course != Course::GoesOn {
                return Stopped { course, tally };
            }
        }
        let course = if trials < trials_max { Course::GoesOn } else { Course::Undecided };
        Stopped { course, tally }
    }

    fn course(&self, tally: Tally) -> Course {
        let evidence = self.evidence(tally);
        if evidence >= ((1.0 - self.beta) / self.alpha).ln() {
            Course::Passed
        } else if evidence <= (self.beta / (1.0 - self.alpha)).ln() {
            Course::Failed
        } else {
            Course::GoesOn
        }
    }

    /// The logarithm of how much likelier the outcomes are at `good` than at `bad`.
    fn evidence(&self, tally: Tally) -> f64 {
        let failed = (tally.decided - tally.passed) as f64;
        tally.passed as f64 * (self.good / self.bad).ln() + failed * ((1.0 - self.good) / (1.0 - self.bad)).ln()
    }

    /// How many trials a case may have: twice as many as a test of the same error rates with a fixed number needs.
    #[must_use]
    pub fn trials_max(&self) -> u32 {
        let mut passed_min = 0;
        let fixed = (1..=TRIALS_MAX / 2).find(|&trials| {
            let binomial = |rate| Binomial::new(rate, trials.into()).expect("the rates were checked");
            let (bad, good) = (binomial(self.bad), binomial(self.good));
            passed_min = (passed_min..=trials.into()).find(|&c| bad.sf(c) <= self.alpha).unwrap_or(trials.into());
            good.cdf(passed_min) <= self.beta
        });
        2 * fixed.unwrap_or(TRIALS_MAX / 2)
    }

    /// A case's pass rate, without the bias that stopping early gives to its share of passes.
    ///
    /// M. A. Girshick, F. Mosteller and L. J. Savage, "Unbiased estimates for certain binomial sampling problems
    /// with applications", Annals of Mathematical Statistics 17 (1946): of all the orders of outcomes that stop here,
    /// the share that begins with a pass.
    #[must_use]
    pub fn unbiased_rate(&self, tally: Tally) -> CaseRate {
        let (after_pass, all) = (self.paths((1, 0), tally), self.paths((0, 0), tally));
        if all > 0.0 { CaseRate { rate: after_pass / all, tally } } else { tally.into() }
    }

    /// In how many orders a number of passes and failures can come about from a start without a stop on the way.
    fn paths(&self, start: (u64, u64), end: Tally) -> f64 {
        let failures = (end.decided - end.passed) as usize;
        let mut column = vec![0.0; failures + 1];
        for passed in 0..=end.passed {
            let mut before = 0.0;
            for (failed, ways) in column.iter_mut().enumerate() {
                let here = (passed, failed as u64);
                *ways = if here == start { 1.0 } else { *ways + before };
                let is_end = passed == end.passed && failed == failures;
                let stops = self.course(Tally { passed, decided: passed + failed as u64 }) != Course::GoesOn;
                if stops && !is_end {
                    *ways = 0.0;
                }
                before = *ways;
            }
        }
        column[failures]
    }

    /// The rule, if it can be followed.
    ///
    /// # Errors
    /// Where `bad` is not below `good`, or a figure is not between 0 and 1.
    pub fn checked(self) -> Result<EarlyStopping> {
        let is_share = |figure: f64| 0.0 < figure && figure < 1.0;
        let shares = [self.good, self.bad, self.alpha, self.beta].into_iter().all(is_share);
        if shares && self.bad < self.good && self.alpha + self.beta < 1.0 {
            return Ok(self);
        }
        Err(Error::new(ErrorKind::Usage, format!("trials cannot stop early by this rule: {self}"))
            .hint("all figures lie between 0 and 1, bad below good, and alpha and beta together below 1"))
    }
}

impl fmt::Display for EarlyStopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "good {}, bad {}, alpha {}, beta {}", self.good, self.bad, self.alpha, self.beta)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The chance of every end of the rule, for a case that passes this often: each end with the chance of a stop there.
    fn ends(rule: &EarlyStopping, trials_max: u64, rate: f64) -> Vec<(Tally, f64)> {
        let (mut ends, mut open) = (Vec::new(), vec![1.0]);
        for decided in 1..=trials_max {
            let mut next = vec![0.0; decided as usize + 1];
            for (passed, chance) in open.iter().enumerate() {
                next[passed] += chance * (1.0 - rate);
                next[passed + 1] += chance * rate;
            }
            for (passed, chance) in next.iter_mut().enumerate() {
                let tally = Tally { passed: passed as u64, decided };
                if rule.course(tally) != Course::GoesOn || decided == trials_max {
                    ends.push((tally, std::mem::take(chance)));
                }
            }
            open = next;
        }
        ends
    }

    fn chance(rule: &EarlyStopping, trials_max: u64, rate: f64, course: Course) -> f64 {
        ends(rule, trials_max, rate)
            .iter()
            .filter(|(end, _)| rule.course(*end) == course)
            .map(|(_, chance)| chance)
            .sum()
    }

    /// The acceptance plan of the NIST/SEMATECH e-Handbook of Statistical Methods, section 6.2.6, after Wald: defects of
    /// 1 % and 10 %, errors of 5 % and 10 %. The lot is accepted after 24 good pieces and not before, and rejected
    /// where the second piece is the second bad one.
    #[test]
    fn the_published_plan_of_a_sequential_test_comes_out() {
        let rule = EarlyStopping { good: 0.99, bad: 0.9, alpha: 0.1, beta: 0.05 };
        let after = |passed, decided| rule.course(Tally { passed, decided });
        assert_eq!((after(23, 23), after(24, 24)), (Course::GoesOn, Course::Passed));
        assert_eq!((after(0, 1), after(0, 2)), (Course::GoesOn, Course::Failed));
    }

    #[test]
    fn the_error_rates_are_kept_exactly_computed() {
        for (good, bad) in [(0.9, 0.5), (0.9, 0.7), (0.95, 0.8)] {
            let rule = EarlyStopping { good, bad, ..EarlyStopping::default() };
            let trials_max = u64::from(rule.trials_max());
            let (false_pass, false_fail) =
                (chance(&rule, trials_max, bad, Course::Passed), chance(&rule, trials_max, good, Course::Failed));
            assert!(false_pass <= 0.05 && false_fail <= 0.05, "{rule}: {false_pass} {false_fail}");
            assert!(chance(&rule, trials_max, good, Course::Passed) > 0.9, "{rule}");
        }
    }

    /// Of 39 trials at 5 % and 5 % for 0.9 against 0.7, as a table of sample sizes has them to within rounding.
    #[test]
    fn a_case_may_have_twice_the_trials_of_a_fixed_test() {
        let rule = EarlyStopping { bad: 0.7, ..EarlyStopping::default() };
        assert!((76..=90).contains(&rule.trials_max()), "{}", rule.trials_max());
    }

    #[test]
    fn what_was_not_decided_moves_nothing_and_counts_towards_the_end() {
        let rule = EarlyStopping::default();
        let errored = rule.stop([Outcome::Errored; 4], 4);
        assert_eq!((errored.course, errored.tally), (Course::Undecided, Tally::default()));
        let mixed = rule.stop([Outcome::Failed, Outcome::Invalid, Outcome::Failed, Outcome::Passed], 9);
        assert_eq!((mixed.course, mixed.tally), (Course::Failed, Tally { passed: 0, decided: 2 }));
    }

    #[test]
    fn a_rule_that_cannot_be_followed_is_refused() {
        for (good, bad) in [(0.5, 0.9), (1.0, 0.5), (0.9, 0.0), (f64::NAN, 0.5)] {
            assert!(EarlyStopping { good, bad, ..EarlyStopping::default() }.checked().is_err());
        }
        assert!(EarlyStopping::default().checked().is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_rate_of_a_case_that_stopped_early_is_right_on_average(
            rate in 0.02..0.98_f64, bad in 0.3..0.6_f64, good in 0.65..0.95_f64, trials_max in 2..30_u64
        ) {
            let rule = EarlyStopping { good, bad, ..EarlyStopping::default() };
            let ends = ends(&rule, trials_max, rate);
            let mean: f64 = ends.iter().map(|(end, chance)| chance * rule.unbiased_rate(*end).rate).sum();
            prop_assert!((mean - rate).abs() < 1e-9, "{mean} is not {rate}");
        }

        #[test]
        fn a_stop_is_a_function_of_what_came_before_it(passes in prop::collection::vec(any::<bool>(), 0..40)) {
            let rule = EarlyStopping::default();
            let outcome = |passed: &bool| if *passed { Outcome::Passed } else { Outcome::Failed };
            let whole = rule.stop(passes.iter().map(outcome), 26);
            let stopped_at = whole.tally.decided as usize;
            prop_assert_eq!(rule.stop(passes[..stopped_at].iter().map(outcome), 26), whole);
            for shorter in 0..stopped_at {
                prop_assert_eq!(rule.stop(passes[..shorter].iter().map(outcome), 26).course, Course::GoesOn);
            }
        }
    }
}
