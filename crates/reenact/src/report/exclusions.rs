//! What the pass rate would be with what it leaves out.
//!
//! Leaving a trial out after the fact can flatter or harm: an agent that breaks off whenever it would fail has a splendid
//! rate. So the rate stands beside its worst and its best case, for which nothing is assumed of the trials left out: all of them
//! failed, or all passed (C. F. Manski, "Partial Identification of Probability Distributions", 2003, chapter 1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CaseReport, OutcomeCounts, statistics};

/// Between what the pass rate lies when no trial that was done is left out, 0 to 1; rounded to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RateBounds {
    /// The rate if every trial that is left out had failed.
    pub if_failed: f64,
    /// The rate if every trial that is left out had passed.
    pub if_passed: f64,
}

impl RateBounds {
    /// The bounds over all cases that have a trial; nothing where every trial was decided.
    pub(super) fn of(cases: &[CaseReport]) -> Option<RateBounds> {
        let tried: Vec<_> = cases.iter().map(|case| case.outcomes).filter(|outcomes| outcomes.total() > 0).collect();
        if tried.iter().all(|outcomes| outcomes.decided() == outcomes.total()) {
            return None;
        }
        let mean = |passed: fn(&OutcomeCounts) -> u64| {
            let rates = tried.iter().map(|outcomes| passed(outcomes) as f64 / outcomes.total() as f64);
            statistics::rounded(rates.sum::<f64>() / tried.len() as f64)
        };
        Some(RateBounds { if_failed: mean(|of| of.passed), if_passed: mean(|of| of.total() - of.failed) })
    }
}
