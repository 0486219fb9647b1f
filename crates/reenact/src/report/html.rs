//! A run as one HTML file that needs nothing else: no script, no request, readable on a telephone.
//!
//! What was said in a conversation is foreign text. The template escapes all of it, and the page forbids
//! scripts and requests besides, so that nothing in a conversation can run or call home.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::{
    CaseReport, EndingCount, EndingKind, PassRate, Report, RunOutput, Status, TrialSummary, Why, speaker_word,
};
use crate::{Conversation, Message, Outcome, Session, Speaker, TestCase, Trial, Verdict};

/// Longer messages are cut in the page, with a mark; the store keeps all of them.
const SPEECH_CHARS_MAX: usize = 20_000;
/// Prompts and what tools answer run to pages, and a page holds them once for each trial.
const MACHINE_CHARS_MAX: usize = 1_500;

/// The run as one self-contained HTML page.
///
/// Each trial whose case has an origin among `sessions` is shown beside that recorded session.
#[must_use]
pub fn html(output: &RunOutput, sessions: &BTreeMap<String, Session>) -> String {
    let page = Value::from(Serde(Page::of(output, sessions)));
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let rendered = environment
        .add_template("report.html", include_str!("../../templates/report.html"))
        .and_then(|()| environment.get_template("report.html"))
        .and_then(|template| template.render(page));
    visible(&rendered.expect("the template is part of the program, and its tests render every branch of it"))
}

/// All that the template reads.
#[derive(Serialize)]
struct Page<'a> {
    headline: String,
    left_out: Option<String>,
    report: &'a Report,
    /// Apart, because a report leaves out a name that is not there, and the template is strict.
    suite: Option<&'a str>,
    status: &'static str,
    counts: Vec<Count>,
    missing: u64,
    endings: Vec<Count>,
    interval: Option<Interval>,
    cases: Vec<CaseView<'a>>,
}

impl<'a> Page<'a> {
    fn of(output: &'a RunOutput, sessions: &'a BTreeMap<String, Session>) -> Self {
        let report = &output.report;
        let outcome =
            |&outcome: &Outcome| Count { word: Outcome::as_str(outcome), trials: report.outcomes.get(outcome) };
        let ending = |count: &EndingCount| Count { word: count.ending.words(), trials: count.trials };
        Page {
            headline: report.headline(),
            left_out: report.left_out(),
            report,
            suite: report.suite.as_deref(),
            status: status_word(report.status),
            counts: Outcome::ALL.iter().map(outcome).collect(),
            missing: report.missing(),
            endings: report.endings.iter().map(ending).collect(),
            interval: report.pass_rate.as_ref().map(Interval::of),
            cases: case_views(output, sessions),
        }
    }
}

#[derive(Serialize)]
struct Count {
    word: &'static str,
    trials: u64,
}

/// The interval as a drawing 1000 units wide.
#[derive(Serialize)]
struct Interval {
    rate_percent: String,
    low_percent: String,
    high_percent: String,
    rate_x: u32,
    low_x: u32,
    width: u32,
    cases: u64,
    trials: u64,
    /// Where clustering costs something.
    effective_trials: Option<String>,
}

impl Interval {
    fn of(rate: &PassRate) -> Interval {
        let x = |share: f64| (share * 1000.0).round() as u32;
        let percent = |share: f64| format!("{:.0}", share * 100.0);
        Interval {
            rate_percent: percent(rate.rate),
            low_percent: percent(rate.low),
            high_percent: percent(rate.high),
            rate_x: x(rate.rate),
            low_x: x(rate.low),
            width: x(rate.high).saturating_sub(x(rate.low)),
            cases: rate.cases,
            trials: rate.trials,
            effective_trials: rate.clustered().then(|| format!("{:.1}", rate.effective_trials)),
        }
    }
}

#[derive(Serialize)]
struct CaseView<'a> {
    id: &'a str,
    goal: &'a str,
    status: &'static str,
    why: Option<String>,
    trials: Vec<TrialView<'a>>,
    missing: &'a [u32],
}

#[derive(Serialize)]
struct TrialView<'a> {
    /// Unique in the page; case ids are foreign text and make no anchors.
    anchor: String,
    number: u32,
    outcome: &'static str,
    ending: &'static str,
    why: Option<String>,
    session_id: &'a str,
    open: bool,
    assessments: Vec<AssessmentView<'a>>,
    messages: Vec<MessageView<'a>>,
    recorded: Option<Recorded<'a>>,
}

#[derive(Serialize)]
struct AssessmentView<'a> {
    expectation: &'a str,
    text: Option<&'a str>,
    verdict: &'static str,
    reason: &'a str,
    turns: &'a [u32],
    judge: &'a str,
}

#[derive(Serialize)]
struct MessageView<'a> {
    speaker: &'static str,
    /// The number of the turn that this message opens.
    turn: Option<u32>,
    text: String,
    calls: Vec<(&'a str, String)>,
    tool: Option<&'a str>,
    disclosures: Vec<(&'a str, &'a str)>,
}

/// The recording that a case comes from; its messages are missing where the session is not at hand.
#[derive(Serialize)]
struct Recorded<'a> {
    id: &'a str,
    messages: Option<Vec<MessageView<'a>>>,
}

fn case_views<'a>(output: &'a RunOutput, sessions: &'a BTreeMap<String, Session>) -> Vec<CaseView<'a>> {
    let cases: BTreeMap<&str, &TestCase> = output.run.suite.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let mut opened = false;
    let view = |(number, (report, trials)): (usize, (&'a CaseReport, Vec<&'a Trial>))| {
        let case = cases.get(report.case.as_str()).copied();
        let mut trials: Vec<_> = report
            .trials
            .iter()
            .zip(trials)
            .enumerate()
            .map(|(index, (summary, trial))| {
                TrialView::of(format!("c{number}t{index}"), summary, trial, case, sessions)
            })
            .collect();
        if let Some(first) = trials.iter_mut().find(|trial| trial.outcome == "failed" && !opened) {
            (first.open, opened) = (true, true);
        }
        let why = report.why().map(Why::to_string);
        let status = status_word(report.status);
        CaseView { id: &report.case, goal: &report.goal, status, why, trials, missing: &report.missing }
    };
    output.by_case().into_iter().enumerate().map(view).collect()
}

impl<'a> TrialView<'a> {
    fn of(
        anchor: String,
        summary: &TrialSummary,
        trial: &'a Trial,
        case: Option<&'a TestCase>,
        sessions: &'a BTreeMap<String, Session>,
    ) -> Self {
        TrialView {
            anchor,
            number: trial.trial,
            outcome: Outcome::as_str(trial.outcome),
            ending: EndingKind::from(&trial.ending).words(),
            why: summary.why.as_ref().filter(|why| why.expectation.is_none()).map(Why::to_string),
            session_id: &trial.session_id,
            open: false,
            assessments: assessment_views(trial, case),
            messages: message_views(&trial.conversation, Some(trial)),
            recorded: case.and_then(|case| case.origin.as_ref()).map(|origin| Recorded {
                id: &origin.session,
                messages: sessions.get(&origin.session).map(|session| message_views(&session.conversation, None)),
            }),
        }
    }
}

fn assessment_views<'a>(trial: &'a Trial, case: Option<&'a TestCase>) -> Vec<AssessmentView<'a>> {
    let expectations = case.map(|case| case.expectations.as_slice()).unwrap_or_default();
    let text_of = |id: &str| expectations.iter().find(|expectation| expectation.id == id)?.text.as_deref();
    let view = |assessment: &'a crate::Assessment| AssessmentView {
        expectation: &assessment.expectation,
        text: text_of(&assessment.expectation),
        verdict: match assessment.verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        },
        reason: &assessment.reason,
        turns: &assessment.turns,
        judge: &assessment.judge,
    };
    trial.assessments.iter().map(view).collect()
}

fn message_views<'a>(conversation: &'a Conversation, trial: Option<&'a Trial>) -> Vec<MessageView<'a>> {
    let mut turns = 0;
    let view = |message: &'a Message| {
        let turn = (message.speaker == Speaker::User).then(|| {
            turns += 1;
            turns
        });
        let disclosures = trial.map(|trial| trial.disclosures.as_slice()).unwrap_or_default();
        let disclosed = disclosures.iter().filter(|disclosure| Some(disclosure.turn) == turn);
        MessageView {
            speaker: speaker_word(message.speaker),
            turn,
            text: cut(&message.text, chars_max(message.speaker)),
            calls: message
                .tool_calls
                .iter()
                .map(|call| (call.name.as_str(), cut(&call.arguments, MACHINE_CHARS_MAX)))
                .collect(),
            tool: message.name.as_deref(),
            disclosures: disclosed.map(|d| (d.fact.as_str(), d.gate.as_str())).collect(),
        }
    };
    conversation.messages.iter().map(view).collect()
}

fn chars_max(speaker: Speaker) -> usize {
    match speaker {
        Speaker::User | Speaker::Agent => SPEECH_CHARS_MAX,
        Speaker::Tool | Speaker::Operator => MACHINE_CHARS_MAX,
    }
}

/// At most so many characters; where that cuts, the text says how many it leaves out.
fn cut(text: &str, chars_max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(chars_max) else { return text.to_owned() };
    format!("{} […{} more characters]", &text[..end], text[end..].chars().count())
}

/// The page with what a browser would not show, or would show in another order, marked. The whole page, because
/// none of it is in the template, so that no foreign text can be forgotten.
fn visible(text: &str) -> String {
    let mark = |c: char| match c {
        '\n' | '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(mark).collect()
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Failed => "failed",
        Status::Undecided => "undecided",
    }
}
