//! What the models cost in each case and trial of a run, and in words.

use std::collections::BTreeMap;

use super::{CaseReport, Report};
use crate::Price;
use crate::cost::{Cost, Spent};
use crate::journal::Charged;

/// Enters what each case and trial cost, and gives the cost of the whole.
pub(super) fn put(charges: &[Charged], prices: &BTreeMap<String, Price>, cases: &mut [CaseReport]) -> Cost {
    let mut by_case: BTreeMap<&str, Vec<&Charged>> = BTreeMap::new();
    for charged in charges {
        by_case.entry(&charged.key.case).or_default().push(charged);
    }
    for case in cases {
        let charges = by_case.remove(case.case.as_str()).unwrap_or_default();
        case.cost = (!charges.is_empty()).then(|| Cost::of(charges.iter().copied(), prices).total);
        for trial in &mut case.trials {
            let of_trial = charges.iter().copied().filter(|charged| charged.key.trial == trial.trial);
            trial.cost = Some(Cost::of(of_trial, prices)).filter(|cost| cost.total.calls > 0);
        }
    }
    Cost::of(charges, prices)
}

impl Report {
    /// What the models cost, in a line.
    #[must_use]
    pub fn cost_in_words(&self) -> String {
        self.cost.as_ref().map_or_else(|| "unknown: the run's journal was not read".to_owned(), Cost::words)
    }

    /// What the models cost in one trial; nothing where none was asked.
    #[must_use]
    pub fn cost_of(&self, case: &str, trial: u32) -> Option<&Cost> {
        let case = self.cases.iter().find(|it| it.case == case)?;
        case.trials.iter().find(|it| it.trial == trial)?.cost.as_ref()
    }

    /// What each model cost in each role, where a model was asked.
    #[must_use]
    pub fn cost_parts(&self) -> &[Spent] {
        self.cost.as_ref().map_or(&[], |cost| &cost.parts)
    }
}
