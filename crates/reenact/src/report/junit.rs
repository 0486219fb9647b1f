//! A run as JUnit XML, for the test pages of CI systems.
//!
//! CI systems show a skipped test in green. What could not be judged must not look like a success, so a
//! trial that is Inconclusive, Invalid, Errored or not done is an `error`, with its outcome as the type.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Property, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, EndingKind, RunOutput, TrialSummary, Why, cited, speaker_word};
use crate::{Conversation, Error, ErrorKind, Outcome, Result, Speaker, Trial, Verdict};

/// The run as JUnit XML: one suite, one test for each case and trial, named `CASE/TRIAL`.
///
/// # Errors
/// Where the XML cannot be written.
pub fn junit(output: &RunOutput) -> Result<String> {
    let report = &output.report;
    let suite_name = report.suite.as_deref().unwrap_or("reenact");
    let mut suite = TestSuite::new(xml(suite_name));
    for (name, value) in run_properties(output) {
        suite.add_property(Property::new(name, xml(&value)));
    }
    for (case, trials) in output.by_case() {
        let done = case.trials.iter().zip(trials);
        suite.add_test_cases(done.map(|(summary, trial)| test_of(suite_name, summary, trial)));
        suite.add_test_cases(case.missing.iter().map(|&number| test_not_done(suite_name, case, number)));
    }
    let mut junit = JunitReport::new(xml(suite_name));
    junit.add_test_suite(suite);
    junit.to_string().map_err(|source| Error::new(ErrorKind::Io, "cannot write the run as JUnit XML").caused_by(source))
}

fn run_properties(output: &RunOutput) -> [(&'static str, String); 8] {
    let plan = &output.report.plan;
    [
        ("run", output.report.run.clone()),
        ("created_at", output.report.created_at.to_string()),
        ("agent", plan.agent.clone()),
        ("user_model", plan.user_model.clone()),
        ("judge_model", plan.judge_model.clone()),
        ("seed", plan.seed.to_string()),
        ("trials_planned", output.report.trials_planned.to_string()),
        ("trials_done", output.report.trials_done.to_string()),
    ]
}

fn test_of(suite_name: &str, summary: &TrialSummary, trial: &Trial) -> TestCase {
    let mut test = TestCase::new(xml(&format!("{}/{}", trial.case, trial.trial)), status_of(summary, trial));
    test.set_classname(xml(suite_name));
    test.set_assertions(trial.assessments.len());
    test.add_property(Property::new("session_id", xml(&trial.session_id)));
    test.add_property(Property::new("ending", EndingKind::from(&trial.ending).words()));
    if summary.outcome == Outcome::Passed {
        test.set_system_out(xml(&transcript(&trial.conversation)));
    }
    test
}

fn test_not_done(suite_name: &str, case: &CaseReport, number: u32) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("not_done").set_message("planned, but the run stopped before it");
    let mut test = TestCase::new(xml(&format!("{}/{number}", case.case)), status);
    test.set_classname(xml(suite_name));
    test
}

fn status_of(summary: &TrialSummary, trial: &Trial) -> TestCaseStatus {
    let (kind, name) = match summary.outcome {
        Outcome::Passed => return TestCaseStatus::success(),
        Outcome::Failed => (NonSuccessKind::Failure, "failed"),
        Outcome::Inconclusive => (NonSuccessKind::Error, "inconclusive"),
        Outcome::Invalid => (NonSuccessKind::Error, "invalid"),
        Outcome::Errored => (NonSuccessKind::Error, "errored"),
    };
    let mut status = TestCaseStatus::non_success(kind);
    let message = summary.why.as_ref().map_or_else(|| name.to_owned(), Why::to_string);
    status.set_type(name).set_message(xml(&message)).set_description(xml(&description(trial)));
    status
}

/// Every expectation that was not met or not decided, then the conversation: all that a reader of a CI page has.
fn description(trial: &Trial) -> String {
    let mut text = String::new();
    for assessment in trial.assessments.iter().filter(|assessment| assessment.verdict != Verdict::Pass) {
        let verdict = if assessment.verdict == Verdict::Fail { "fail" } else { "inconclusive" };
        let cited = cited(&assessment.turns);
        let _ =
            writeln!(text, "{verdict} {}: {}{cited} [{}]", assessment.expectation, assessment.reason, assessment.judge);
    }
    text + "\n" + &transcript(&trial.conversation)
}

/// The conversation as plain text, with the number of the turn before each message of the user.
fn transcript(conversation: &Conversation) -> String {
    let (mut text, mut turn) = (String::new(), 0);
    for message in &conversation.messages {
        let said = if message.speaker == Speaker::User {
            turn += 1;
            format!("[{turn}] user: {}", message.text)
        } else {
            format!("{}: {}", speaker_word(message.speaker), message.text)
        };
        let calls = message.tool_calls.iter().map(|call| format!("  calls {}({})\n", call.name, call.arguments));
        text.extend(std::iter::once(said + "\n").chain(calls));
    }
    text
}

/// Text that XML 1.0 can hold. What it cannot is marked rather than dropped; escape sequences are defused before
/// the writer sees them, because it would drop them together with the text that follows an unfinished one.
fn xml(text: &str) -> String {
    let allowed = |c: char| match c {
        '\n' => c,
        '\t' | '\r' => ' ',
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(allowed).collect()
}
