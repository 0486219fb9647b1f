//! Whether the failure that the recording shows is there again: answered by the assessments of the expectations that
//! the recording failed, which are made already, by code where code can.

use super::calls::sorted;
use super::{Assessment, Ruling, Verdict};
use crate::TestCase;

/// The name under which the answer stands beside the models'.
const NAME: &str = "assessments of the failure signature";

/// A case that was not distilled from a failure has no signature: the question does not apply, and decides nothing.
pub(super) fn assess(name: &str, case: &TestCase, assessments: &[Assessment]) -> Assessment {
    let signature: Vec<&str> = case.failure_signature().iter().map(|expectation| expectation.id.as_str()).collect();
    if signature.is_empty() {
        let why = "no expectation of this case has evidence in the recording, so there is no failure to look for";
        return Assessment { decides: false, ..Assessment::of(name, Ruling::undecided(why), NAME) };
    }
    let of_signature = |it: &&Assessment| signature.contains(&it.expectation.as_str());
    let asked: Vec<&Assessment> = assessments.iter().filter(of_signature).collect();
    let that = |verdict| asked.iter().copied().filter(move |it| it.verdict == verdict).collect::<Vec<_>>();
    let (failed, open) = (that(Verdict::Fail), that(Verdict::Inconclusive));
    let (verdict, value, shown) = match (failed.is_empty(), open.is_empty()) {
        (false, _) => (Verdict::Fail, Some("yes"), failed),
        (_, false) => (Verdict::Inconclusive, None, open),
        _ => (Verdict::Pass, Some("no"), asked.clone()),
    };
    let reason = shown.iter().map(|it| format!("{}: {}", it.expectation, it.reason)).collect::<Vec<_>>().join("; ");
    let turns = sorted(shown.iter().flat_map(|it| it.turns.iter().copied()));
    let ruling = Ruling { value: value.map(Into::into), ..Ruling::new(verdict, reason, turns) };
    Assessment::of(name, ruling, NAME)
}
