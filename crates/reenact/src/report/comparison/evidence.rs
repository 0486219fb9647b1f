//! The failure of a case that a reader should look at, and the turn in which it began.

use super::FailureShown;
use crate::report::why;
use crate::shorten::shorten;
use crate::{Conversation, Outcome, RunOutput, TestCase, Trial, Verdict};

/// The first failure of a case in a run, held against the other run where that passed.
pub(super) fn failure(case: &TestCase, output: &RunOutput, other: &RunOutput) -> Option<FailureShown> {
    let failed = first(output, case, Outcome::Failed)?;
    let passed = first(other, case, Outcome::Passed).map(|trial| &trial.conversation);
    let first_bad_turn = first_bad_turn(failed, passed);
    let said = first_bad_turn.and_then(|turn| said(&failed.conversation, turn));
    Some(FailureShown {
        run: output.run.id.clone(),
        why: why(failed)?,
        first_bad_turn,
        said: said.filter(|said| !said.is_empty()).map(|said| shorten(&said)),
    })
}

fn first<'a>(output: &'a RunOutput, case: &TestCase, outcome: Outcome) -> Option<&'a Trial> {
    output.trials.iter().find(|trial| trial.case == case.id && trial.outcome == outcome)
}

/// A turn in which the agent said word for word what it said where it passed is not where it went wrong.
fn first_bad_turn(failed: &Trial, passed: Option<&Conversation>) -> Option<u32> {
    let failing =
        failed.assessments.iter().filter(|assessment| assessment.decides && assessment.verdict == Verdict::Fail);
    let mut cited: Vec<u32> = failing.flat_map(|assessment| assessment.turns.iter().copied()).collect();
    cited.sort_unstable();
    let differs = |turn: &&u32| passed.is_none_or(|passed| said(&failed.conversation, **turn) != said(passed, **turn));
    cited.iter().find(differs).or(cited.first()).copied()
}

fn said(conversation: &Conversation, turn: u32) -> Option<String> {
    conversation.turns().find(|other| other.number == turn).map(|turn| turn.said_by_agent())
}
