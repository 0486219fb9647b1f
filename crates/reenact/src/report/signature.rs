//! Which expectations stand for a failure that was recorded, and whether it comes back in replays.

use super::statistics::{self, Reproduction};
use crate::judge::{Hearing, assertion};
use crate::{Conversation, Expectation, TestCase, Trial, Verdict};

/// How often a case's recorded failure came back; nothing where the case has no failure signature, or no replay decided.
///
/// A signature is an expectation with evidence in the case's origin, which the recording fails. Where the recording
/// is not at hand, or only a reader could tell, the user's words against the agent, which the evidence quotes, are
/// what is known of it.
pub(super) fn reproduction(
    case: &TestCase,
    recording: Option<&Conversation>,
    trials: &[&Trial],
) -> Option<Reproduction> {
    let signature: Vec<&str> = signature(case, recording).map(|expectation| expectation.id.as_str()).collect();
    let replays: Vec<bool> = trials.iter().filter_map(|trial| came_back(&signature, trial)).collect();
    statistics::reproduction(replays.iter().filter(|failed| **failed).count() as u64, replays.len() as u64)
}

fn signature<'a>(case: &'a TestCase, recording: Option<&Conversation>) -> impl Iterator<Item = &'a Expectation> {
    let recorded = move |expectation: &Expectation| {
        let assessment = recording.and_then(|recording| assertion::assess(expectation, Hearing::new(case, recording)));
        assessment.is_none_or(|assessment| assessment.verdict == Verdict::Fail)
    };
    case.failure_signature().into_iter().filter(move |expectation| recorded(expectation))
}

/// Whether the failure came back in a trial; nothing where that was not decided.
fn came_back(signature: &[&str], trial: &Trial) -> Option<bool> {
    let is_of_signature = |expectation: &str| signature.contains(&expectation);
    let assessments = trial.assessments.iter().filter(|a| is_of_signature(&a.expectation));
    let verdicts: Vec<Verdict> = assessments.map(|assessment| assessment.verdict).collect();
    if signature.is_empty() || !trial.ending.is_judgeable() {
        return None;
    }
    if verdicts.contains(&Verdict::Fail) {
        Some(true)
    } else {
        (verdicts.len() == signature.len() && verdicts.iter().all(|verdict| *verdict == Verdict::Pass)).then_some(false)
    }
}
