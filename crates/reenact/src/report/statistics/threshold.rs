//! Whether it passes often enough: a verdict with three values, and what would decide it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PassRate;
use crate::Verdict;

/// Where even this many more would not decide, none are asked for.
const MORE_MAX: u64 = 100_000;

/// Whether a pass rate holds a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Threshold {
    /// The pass rate that was asked for, 0 to 1.
    pub threshold: f64,
    /// Pass where the whole interval is at or above it, Fail where the whole interval is below it, else Inconclusive.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: String,
    /// How many more cases like these would decide, if the rate stays; nothing where it is decided, or none would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_cases: Option<u64>,
    /// How many more trials of each of these cases would decide, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_trials: Option<u64>,
}

/// The pass rate that a threshold is held against, and what is not in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held<'a> {
    /// The pass rate of the decided trials; nothing where none was decided.
    pub rate: Option<&'a PassRate>,
    /// The rate if every trial that was left out had failed.
    pub at_worst: f64,
    /// The rate if every trial that was left out had passed.
    pub at_best: f64,
    /// Planned trials that are not done.
    pub missing: u64,
}

/// Holds a pass rate against a threshold.
///
/// It passes where the lower end of the 95 % interval reaches the threshold and fails where the upper end is below
/// it. A run that is unfinished is not decided; nor is one whose rate could lie on the other side of the threshold
/// with the trials that were left out, because what could not be judged never passes.
#[must_use]
pub fn hold(threshold: f64, held: &Held<'_>) -> Threshold {
    let inconclusive = |reason: String| Threshold {
        threshold,
        verdict: Verdict::Inconclusive,
        reason,
        more_cases: None,
        more_trials: None,
    };
    if held.missing > 0 {
        return inconclusive("the run is unfinished".into());
    }
    let Some(rate) = held.rate else { return inconclusive("no trial was decided".into()) };
    let (asked, interval) = (percent(threshold), format!("{} to {}", percent(rate.low), percent(rate.high)));
    let verdict = |verdict, reason| Threshold { verdict, ..inconclusive(reason) };
    if rate.low >= threshold && held.at_worst >= threshold {
        verdict(Verdict::Pass, format!("all of the interval, {interval}, is at or above {asked}"))
    } else if rate.high < threshold && held.at_best < threshold {
        verdict(Verdict::Fail, format!("all of the interval, {interval}, is below {asked}"))
    } else if rate.low >= threshold || rate.high < threshold {
        inconclusive("what was left out could turn it".into())
    } else {
        let reason = format!("{asked} lies within the interval, {interval}");
        Threshold {
            more_cases: more_cases(threshold, rate),
            more_trials: more_trials(threshold, rate),
            ..inconclusive(reason)
        }
    }
}

fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

fn more_cases(threshold: f64, rate: &PassRate) -> Option<u64> {
    least(|more| {
        let grown = (rate.cases + more) as f64 / rate.cases as f64;
        let trials = rate.trials as f64 * grown;
        decides(threshold, rate.rate, rate.cases + more, trials, rate.effective_trials * grown)
    })
}

/// More trials of the same cases help only as far as trials of a case differ.
fn more_trials(threshold: f64, rate: &PassRate) -> Option<u64> {
    let per_case = rate.trials as f64 / rate.cases as f64;
    if per_case <= 1.0 {
        return None;
    }
    let alike = (rate.trials as f64 / rate.effective_trials - 1.0) / (per_case - 1.0);
    least(|more| {
        let per_case = per_case + more as f64;
        let trials = rate.cases as f64 * per_case;
        decides(threshold, rate.rate, rate.cases, trials, trials / (1.0 + (per_case - 1.0) * alike))
    })
}

fn decides(threshold: f64, rate: f64, cases: u64, trials: f64, effective_trials: f64) -> bool {
    let (low, high) = super::interval::of_effective(rate, effective_trials, cases as f64, trials);
    low >= threshold || high < threshold
}

/// The least number for which something holds that goes on to hold; nothing where it does not hold within reason.
fn least(holds: impl Fn(u64) -> bool) -> Option<u64> {
    let mut above = 1;
    while !holds(above) {
        above *= 2;
        if above > MORE_MAX {
            return None;
        }
    }
    let mut below = above / 2;
    while above - below > 1 {
        let middle = below + (above - below) / 2;
        if holds(middle) { above = middle } else { below = middle }
    }
    Some(above)
}

#[cfg(test)]
mod tests {
    use super::super::{Tally, pass_rate};
    use super::*;

    fn rate(passed: &[u64], decided: u64) -> PassRate {
        pass_rate(&passed.iter().map(|&passed| Tally { passed, decided }).collect::<Vec<_>>()).unwrap()
    }

    fn held(rate: &PassRate) -> Held<'_> {
        Held { rate: Some(rate), at_worst: rate.rate, at_best: rate.rate, missing: 0 }
    }

    #[test]
    fn it_passes_above_fails_below_and_says_so_where_it_is_neither() {
        let rate = rate(&[1; 50], 1);
        assert_eq!(hold(0.9, &held(&rate)).verdict, Verdict::Pass);
        assert_eq!(hold(0.95, &held(&rate)).verdict, Verdict::Inconclusive);
        let none = self::rate(&[0; 50], 1);
        assert_eq!(hold(0.9, &held(&none)).verdict, Verdict::Fail);
    }

    #[test]
    fn the_number_that_is_asked_for_decides_and_one_less_does_not() {
        let rate = rate(&[1; 50], 1);
        let more = hold(0.95, &held(&rate)).more_cases.unwrap() as usize;
        let with = |more: usize| hold(0.95, &held(&self::rate(&vec![1; 50 + more], 1))).verdict;
        assert_eq!((with(more - 1), with(more)), (Verdict::Inconclusive, Verdict::Pass));
    }

    #[test]
    fn more_trials_are_asked_for_only_where_they_help() {
        let alike = hold(0.8, &held(&rate(&[5, 5, 5, 5, 5, 5, 5, 5, 5, 0], 5)));
        assert!(alike.more_trials.is_none() && alike.more_cases.is_some(), "{alike:?}");
        let differ = hold(0.8, &held(&rate(&[5, 4, 5, 4, 5, 4, 5, 4, 5, 4], 5)));
        assert!(differ.more_trials.is_some(), "{differ:?}");
        let at_it = hold(0.5, &held(&rate(&[1, 0, 1, 0], 1)));
        assert_eq!((at_it.verdict, at_it.more_cases, at_it.more_trials), (Verdict::Inconclusive, None, None));
    }

    #[test]
    fn what_was_left_out_or_not_done_never_passes() {
        let rate = rate(&[1; 50], 1);
        let doubt = hold(0.9, &Held { at_worst: 0.85, ..held(&rate) });
        assert_eq!((doubt.verdict, doubt.reason.as_str()), (Verdict::Inconclusive, "what was left out could turn it"));
        assert_eq!(hold(0.9, &Held { missing: 1, ..held(&rate) }).verdict, Verdict::Inconclusive);
        assert_eq!(hold(0.9, &Held { rate: None, ..held(&rate) }).verdict, Verdict::Inconclusive);
    }
}
