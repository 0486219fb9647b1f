//! The statistics of reports: one file for each question, each with the source of its method.
//!
//! Trials of one case resemble each other: what fails once tends to fail again. Counting them as
//! independent gives intervals that are far too narrow, so the unit is the case everywhere here, and
//! trials of the same case form a cluster. Only decided trials count: what was Inconclusive, Invalid or
//! Errored says nothing about the agent.
//!
//! | question | see |
//! |---|---|
//! | how often does it pass, and how sure is that? | [`pass_rate`] |
//! | does it pass every time? | [`pass_hat_k()`] |
//! | do trials of one case differ? | [`flakiness()`], [`intraclass_correlation`] |
//! | which differences could be seen at all? | [`smallest_difference`] |
//! | does it pass often enough? | [`hold`] |
//! | may trials stop early? | [`EarlyStopping`] |
//! | is one run better than another? | [`mean_difference`], [`sign_flip_p`] |
//! | did a single case get worse? | [`fisher_p`], [`benjamini_hochberg`] |
//! | does a recorded failure come back? | [`reproduction()`] |
//! | does a judge agree with people, and what would they say? | [`Confusion`], [`corrected_pass_rate`] |
//!
//! `docs/statistics.md` explains each in plain words; `cargo bench --bench statistics` checks what they claim.

use serde::{Deserialize, Serialize};

pub use agreement::{Confusion, CorrectedRate, Kappa, NotInformative, Share, corrected_pass_rate, share};
pub use cases::{benjamini_hochberg, fisher_p};
pub use flakiness::{Flakiness, flakiness, intraclass_correlation};
pub use interval::{Mean, clopper_pearson, mean_of_cases, wilson};
pub use paired::{Difference, mean_difference, sign_flip_p};
pub use pass_hat_k::{PassHatK, pass_hat_k};
pub use pass_rate::{CaseRate, PassRate, pass_rate, pass_rate_of};
pub use power::{detectable, smallest_difference};
pub use reproduction::{Reproduced, Reproduction, reproduction};
pub use sequential::{Course, EarlyStopping, Stopped};
pub use threshold::{Held, Threshold, hold};

mod agreement;
mod cases;
mod flakiness;
mod interval;
mod paired;
mod pass_hat_k;
mod pass_rate;
mod power;
mod reproduction;
mod sequential;
mod threshold;

/// What was decided about one case: how many of its decided trials passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tally {
    /// Trials that passed.
    pub passed: u64,
    /// Trials that passed or failed.
    pub decided: u64,
}

impl Tally {
    /// The share that passed; not a number where none was decided.
    fn rate(self) -> f64 {
        self.passed as f64 / self.decided as f64
    }
}

/// A figure to six decimals: more than a rate of trials can carry, and few enough that every JSON reader
/// gives back the same number.
pub(super) fn rounded(figure: f64) -> f64 {
    // Adding zero makes a negative zero a plain one.
    (figure * 1e6).round() / 1e6 + 0.0
}
