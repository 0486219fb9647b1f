//! A run as JUnit XML, for the test pages of CI systems.
//!
//! CI systems show a skipped test in green. What could not be judged must not look like a success, so a
//! trial that is Inconclusive, Invalid, Errored or not done is an `error`, with its outcome as the type.

use std::fmt::Write as _;
use std::io;

use quick_xml::events::BytesText;
use quick_xml::writer::Writer;

use super::{EndingKind, Report, RunOutput, Status, TrialSummary, Why, cited, speaker_word};
use crate::{Assessment, Error, ErrorKind, Outcome, Result, Speaker, Trial, Verdict};

/// The run as JUnit XML: one suite, one test for each case and trial, named `CASE/TRIAL`.
///
/// It keeps to the schema of Jenkins' xUnit plugin, which is the strictest that is in use: a test has no properties of its
/// own there, so the id under which the agent saw the conversation opens the text of the test.
///
/// # Errors
/// Where the XML cannot be written.
pub fn junit(output: &RunOutput) -> Result<String> {
    let cannot = || Error::new(ErrorKind::Io, "cannot write the run as JUnit XML");
    let xml = written(output).map_err(|source| cannot().caused_by(source))?;
    String::from_utf8(xml).map_err(|source| cannot().caused_by(source))
}

/// One test as CI systems know it.
struct Test {
    name: String,
    kind: Kind,
    /// What it was: an outcome, `not_done`, or the status of the whole.
    of_type: &'static str,
    /// In a line why it is no success.
    message: String,
    /// All that a reader of a CI page has.
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Success,
    Failure,
    Error,
}

fn tests(output: &RunOutput) -> Vec<Test> {
    let mut tests = Vec::new();
    for (case, trials) in output.by_case() {
        tests.extend(case.trials.iter().zip(trials).map(|(summary, trial)| Test::of(summary, trial)));
        let missing = case.missing.iter().map(|number| format!("{}/{number}", case.case));
        tests.extend(missing.map(|name| Test::not_done(name, "planned, but the run stopped before it")));
    }
    tests.extend(whole(&output.report, &tests));
    tests
}

/// A test for the run as a whole, where those of its trials do not say all: it was held to a threshold, or it is undecided
/// although every trial passed. A file without a failure is green in every CI system, one without any test too.
fn whole(report: &Report, tests: &[Test]) -> Option<Test> {
    let (name, message) = match &report.threshold {
        Some(held) => ("threshold", held.reason.clone()),
        None if report.status != Status::Passed && tests.iter().all(|test| test.kind == Kind::Success) => {
            ("run", report.headline())
        }
        None => return None,
    };
    let kind = match report.status {
        Status::Passed => Kind::Success,
        Status::Failed => Kind::Failure,
        Status::Undecided => Kind::Error,
    };
    let text = report.figures().iter().map(|(name, words)| format!("{name}: {words}\n")).collect();
    Some(Test { name: name.to_owned(), kind, of_type: report.status.as_str(), message, text })
}

impl Test {
    fn of(summary: &TrialSummary, trial: &Trial) -> Test {
        let kind = match summary.outcome {
            Outcome::Passed => Kind::Success,
            Outcome::Failed => Kind::Failure,
            Outcome::Inconclusive | Outcome::Invalid | Outcome::Errored => Kind::Error,
        };
        let of_type = summary.outcome.as_str();
        Test {
            name: format!("{}/{}", trial.case, trial.trial),
            kind,
            of_type,
            message: summary.why.as_ref().map_or_else(|| of_type.to_owned(), Why::to_string),
            text: description(trial),
        }
    }

    fn not_done(name: String, why: &str) -> Test {
        Test { name, kind: Kind::Error, of_type: "not_done", message: why.to_owned(), text: String::new() }
    }
}

fn written(output: &RunOutput) -> io::Result<Vec<u8>> {
    let suite = xml(output.report.suite.as_deref().unwrap_or("reenact"));
    let tests = tests(output);
    let count = |kind| tests.iter().filter(|test| test.kind == kind).count().to_string();
    let (all, failures, errors) = (tests.len().to_string(), count(Kind::Failure), count(Kind::Error));
    let counts = [("name", suite.as_str()), ("tests", &all), ("failures", &failures), ("errors", &errors)];
    let began = output.report.created_at.to_string();
    let mut writer = Writer::new_with_indent(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec(), b' ', 2);
    writer.create_element("testsuites").with_attributes(counts).write_inner_content(|writer| {
        let element = writer.create_element("testsuite").with_attributes(counts);
        element.with_attribute(("timestamp", began.as_str())).write_inner_content(|writer| {
            write_properties(writer, output)?;
            tests.iter().try_for_each(|test| write_test(writer, test, &suite))
        })?;
        Ok(())
    })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn write_properties(writer: &mut Writer<Vec<u8>>, output: &RunOutput) -> io::Result<()> {
    let write = |writer: &mut Writer<Vec<u8>>| {
        for (name, value) in output.report.figures().into_iter().chain(output.report.provenance()) {
            let attributes = [("name", name), ("value", &xml(&value))];
            writer.create_element("property").with_attributes(attributes).write_empty()?;
        }
        Ok(())
    };
    writer.create_element("properties").write_inner_content(write).map(|_| ())
}

fn write_test(writer: &mut Writer<Vec<u8>>, test: &Test, suite: &str) -> io::Result<()> {
    let (name, message, text) = (xml(&test.name), xml(&test.message), xml(&test.text));
    let write = |writer: &mut Writer<Vec<u8>>| {
        let element = match test.kind {
            Kind::Success => writer.create_element("system-out"),
            Kind::Failure => writer.create_element("failure"),
            Kind::Error => writer.create_element("error"),
        };
        let element = match test.kind {
            Kind::Success => element,
            _ => element.with_attributes([("type", test.of_type), ("message", message.as_str())]),
        };
        element.write_text_content(BytesText::new(&text)).map(|_| ())
    };
    let attributes = [("name", name.as_str()), ("classname", suite)];
    writer.create_element("testcase").with_attributes(attributes).write_inner_content(write).map(|_| ())
}

/// Everything that was judged and is no plain pass, then the conversation: all that a reader of a CI page has.
fn description(trial: &Trial) -> String {
    let mut text = String::new();
    let says_something = |it: &&Assessment| it.verdict != Verdict::Pass || it.value.is_some();
    for assessment in trial.assessments.iter().filter(says_something) {
        let verdict = if assessment.decides { assessment.verdict.as_str() } else { "aside" };
        let value = assessment.value_in_words().map(|value| format!(" = {value}")).unwrap_or_default();
        let (name, reason, judge) = (&assessment.expectation, &assessment.reason, &assessment.judge);
        let _ = writeln!(text, "{verdict} {name}{value}: {reason}{} [{judge}]", cited(&assessment.turns));
        text.extend(assessment.votes.iter().map(|vote| format!("  {}: {}\n", vote.judge, vote.ruling.in_words())));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + &transcript(trial)
}

/// The conversation as plain text, with the number of the turn before each message of the user.
fn transcript(trial: &Trial) -> String {
    let ending = EndingKind::from(&trial.ending).words();
    let mut text = format!("session {}, ending: {ending}\n", trial.session_id);
    let mut turn = 0;
    for message in &trial.conversation.messages {
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

/// Text that XML 1.0 can hold. What it cannot is marked rather than dropped.
fn xml(text: &str) -> String {
    let allowed = |c: char| match c {
        '\n' => c,
        '\t' | '\r' => ' ',
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(allowed).collect()
}
