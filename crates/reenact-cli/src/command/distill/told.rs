//! What a distillation amounts to, for people and as data.

use std::collections::BTreeSet;

use reenact::distill::Distilled;
use reenact::distill::curation::{Coverage, Selection};
use reenact::distill::review::{Look, review};
use reenact::distill::update::Changes;
use reenact::{Result, Suite, TestCase};
use schemars::JsonSchema;
use serde::Serialize;

use super::choosing::{self, Choice};
use super::writing::{self, Written};
use super::{Args, name_some};
use crate::args::Global;
use crate::output;
use crate::output::counted;

/// What `distill --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Told {
    /// The cases, and what was left out.
    #[serde(flatten)]
    distilled: Distilled,
    /// What needs a person's eye.
    review: Vec<Look>,
    /// What `--select` chose and left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<Selection>,
    /// With `--select`: which clusters of the sessions the suite covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Coverage>,
    /// What `--update` did to the suite.
    #[serde(skip_serializing_if = "Option::is_none")]
    update: Option<Changes>,
}

impl Told {
    pub(super) fn of(distilled: Distilled, choice: Option<Choice>, written: Written) -> Self {
        let coverage = choice.as_ref().map(|choice| choice.coverage(&written.suite.cases));
        let mut review = review(&distilled);
        if let Some(changes) = &written.changes {
            of_what_changed(&mut review, changes, &written.suite);
        }
        let selection = choice.map(|choice| choice.selection);
        Told { distilled, review, selection, coverage, update: written.changes }
    }

    /// Says it: counts and what needs a look on stderr.
    pub(super) fn present(&self, args: &Args, global: &Global) -> Result<()> {
        let Distilled { cases, skipped, cost, .. } = &self.distilled;
        self.selection.iter().for_each(choosing::note);
        output::note(format_args!("{}, {} skipped", counts(cases, skipped.len(), args), skipped.len()));
        if let Some(cost) = cost {
            output::note(format_args!("cost: {}", cost.words()));
        }
        name_some("no case from", skipped);
        output::back_test::note_all(&self.distilled.back_tests);
        self.update.iter().for_each(writing::note);
        note_unchecked(cases);
        if !self.review.is_empty() {
            output::note(output::curation::review(&self.review, output::width()));
        }
        if let Some(coverage) = &self.coverage {
            output::note(output::curation::coverage_in_brief(coverage, output::width()));
        }
        if global.json { output::json(self) } else { Ok(()) }
    }
}

/// What an update left as it was has been looked at. What it changed has the id that it has in the suite.
fn of_what_changed(review: &mut Vec<Look>, changes: &Changes, suite: &Suite) {
    let parts = changes.changed.iter().filter_map(|part| part.split_once(": ")).map(|(case, _)| case);
    let ids: BTreeSet<&str> = changes.added.iter().map(String::as_str).chain(parts).collect();
    let changed: Vec<&TestCase> = suite.cases.iter().filter(|case| ids.contains(case.id.as_str())).collect();
    let of = |case: &TestCase, look: &Look| case.origin.as_ref().is_some_and(|origin| origin.session == look.session);
    review.retain_mut(|look| {
        let mut of_session = changed.iter().filter(|case| of(case, look)).peekable();
        let Some(first) = of_session.peek().map(|case| case.id.clone()) else { return false };
        if !of_session.any(|case| case.id == look.case) {
            look.case = first;
        }
        true
    });
}

fn counts(cases: &[TestCase], skipped: usize, args: &Args) -> String {
    let given: BTreeSet<_> = cases.iter().filter_map(|case| Some(&case.origin.as_ref()?.session)).collect();
    let sessions = counted(given.len() + skipped, "session");
    let verb = if args.update { "for" } else { "in" };
    format!("{sessions}: {} {verb} {}", counted(cases.len(), "case"), args.output.display())
}

fn note_unchecked(cases: &[TestCase]) {
    let unchecked = cases.iter().filter(|case| case.expectations.is_empty()).count();
    if unchecked > 0 {
        output::note(format_args!(
            "{unchecked} of {} without expectations: inconclusive until somebody says what to expect",
            counted(cases.len(), "case")
        ));
    }
}
