//! Stress variants apart from the cases that they were derived from: how an agent bears impatience is another question than
//! whether it does its work.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::PassRate;
use super::{CaseReport, OutcomeCounts, figures};
use crate::case::Stress;
use crate::{Suite, Trial};

/// What one kind of stress variant amounts to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariantReport {
    /// How the cases were made harder.
    pub stress: Stress,
    /// Their trials by outcome.
    pub outcomes: OutcomeCounts,
    /// Passed among their decided trials; nothing where none was decided.
    pub pass_rate: Option<PassRate>,
    /// The variants, in the order of their cases.
    pub cases: Vec<CaseReport>,
}

/// Which cases of a suite are variants.
pub(super) struct Variants<'a>(BTreeMap<&'a str, Stress>);

impl<'a> Variants<'a> {
    pub(super) fn of(suite: &'a Suite) -> Self {
        let stress = suite.cases.iter().filter_map(|case| Some((case.id.as_str(), case.variant.as_ref()?.stress)));
        Variants(stress.collect())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The trials of all other cases.
    pub(super) fn without<'t>(&self, trials: &'t [Trial]) -> Cow<'t, [Trial]> {
        if self.0.is_empty() {
            return Cow::Borrowed(trials);
        }
        trials.iter().filter(|trial| !self.0.contains_key(trial.case.as_str())).cloned().collect()
    }

    /// The cases, and apart from them what became of each way of making them harder.
    pub(super) fn apart(&self, cases: Vec<CaseReport>) -> (Vec<CaseReport>, Vec<VariantReport>) {
        let (varied, cases): (Vec<_>, Vec<_>) = cases.into_iter().partition(|it| self.0.contains_key(it.case.as_str()));
        let ways: BTreeSet<Stress> = self.0.values().copied().collect();
        let report = |stress: Stress| {
            let is_this = |case: &&CaseReport| self.0.get(case.case.as_str()) == Some(&stress);
            let cases: Vec<CaseReport> = varied.iter().filter(is_this).cloned().collect();
            let outcomes =
                OutcomeCounts::of(cases.iter().flat_map(|case| case.trials.iter().map(|trial| trial.outcome)));
            VariantReport { stress, outcomes, pass_rate: figures::pass_rate(&cases), cases }
        };
        (cases, ways.into_iter().map(report).collect())
    }
}
