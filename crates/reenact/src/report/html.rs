//! A run as one HTML file that needs nothing else: no script, no request, readable on a telephone.
//!
//! What was said in a conversation is foreign text. The template escapes all of it, and the page forbids
//! scripts and requests besides, so that nothing in a conversation can run or call home.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use super::{CaseReport, Report, RunOutput, Status, TrialSummary, Why, speaker_word};
use crate::cost::{Amount, Spent, grouped};
use crate::{Conversation, Message, Outcome, Session, Speaker, TestCase, Trial};
use plots::{Bar, Column, Interval};

mod plots;

/// Longer messages are cut in the page, with a mark; the store keeps all of them.
const SPEECH_CHARS_MAX: usize = 20_000;
/// Prompts and what tools answer run to pages, and a page holds them once for each trial.
const MACHINE_CHARS_MAX: usize = 1_500;
/// From this many cases on the list is longer than a screen.
const CASES_FOR_OVERVIEW: usize = 16;
/// From this many on, cases that passed are in the way of a reader who looks for the others.
const CASES_TO_FOLD: usize = 16;

/// The run as one self-contained HTML page.
///
/// Each case with an origin among `sessions` shows that recorded session beside its trials.
#[must_use]
pub fn html(output: &RunOutput, sessions: &BTreeMap<String, Session>) -> String {
    let page = Value::from(Serde(Page::of(output, sessions)));
    let rendered = TEMPLATES.get_template("report.html").and_then(|template| template.render(page));
    visible(&rendered.expect("the template is part of the program, and its tests render every branch of it"))
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in [
        ("report.html", include_str!("../../templates/report.html")),
        ("report.css", include_str!("../../templates/report.css")),
        ("case.html", include_str!("../../templates/case.html")),
        ("plots.html", include_str!("../../templates/plots.html")),
    ] {
        templates.add_template(name, text).expect("a template of the program is one");
    }
    templates
});

/// All that the template reads.
#[derive(Serialize)]
struct Page<'a> {
    status: &'static str,
    headline: String,
    /// What the headline says first, and the rest of it.
    first: String,
    rest: String,
    /// The agent, the suite and the day in a line.
    of: String,
    counts: Vec<Count>,
    figures: Vec<(&'static str, String)>,
    interval: Option<Interval>,
    /// In percent.
    threshold: Option<f64>,
    /// A picture of all cases at once, where there are too many to see at once in the list.
    overview: bool,
    groups: Vec<Group<'a>>,
    endings: Vec<Bar>,
    turns: Vec<Column>,
    cost: String,
    costs: Vec<CostRow>,
    cost_by_case: Option<plots::CostPlot>,
    provenance: Vec<(&'static str, String)>,
}

impl<'a> Page<'a> {
    fn of(output: &'a RunOutput, sessions: &'a BTreeMap<String, Session>) -> Self {
        let report = &output.report;
        let sentences = report.sentences();
        Page {
            status: report.status.as_str(),
            headline: report.headline(),
            first: sentences[0].clone(),
            rest: sentences[1..].join(" "),
            of: whereof(report),
            counts: counts(report),
            figures: report.figures(),
            interval: report.pass_rate.as_ref().map(Interval::of),
            threshold: report.threshold.as_ref().map(|held| held.threshold * 100.0),
            overview: report.cases.len() >= CASES_FOR_OVERVIEW,
            groups: groups(case_views(output, sessions)),
            endings: plots::endings(&report.endings),
            turns: plots::turns(&report.turns),
            cost: report.cost_in_words(),
            costs: report.cost_parts().iter().map(CostRow::of).collect(),
            cost_by_case: plots::cost_by_case(&report.cases),
            provenance: report.provenance(),
        }
    }
}

/// What one model cost in one role.
#[derive(Serialize)]
struct CostRow {
    role: &'static str,
    model: String,
    calls: String,
    read: String,
    cached: String,
    written: String,
    money: String,
}

impl CostRow {
    fn of(Spent { role, model, amount }: &Spent) -> Self {
        let Amount { calls, usage, .. } = amount;
        CostRow {
            role: role.words(),
            model: model.clone(),
            calls: grouped(*calls),
            read: grouped(usage.input_tokens),
            cached: grouped(usage.cached_tokens),
            written: grouped(usage.output_tokens),
            money: amount.money(),
        }
    }
}

fn whereof(report: &Report) -> String {
    let day = report.created_at.strftime("%-d %B %Y").to_string();
    let parts = report.suite.iter().cloned().chain([report.plan.agent.clone(), day]);
    parts.collect::<Vec<_>>().join(" · ")
}

#[derive(Serialize)]
struct Count {
    /// The name of its mark.
    mark: &'static str,
    word: &'static str,
    trials: u64,
}

/// Trials by outcome, and what was not done; the key to the marks at the same time.
fn counts(report: &Report) -> Vec<Count> {
    let of = |outcome: Outcome| Count {
        mark: outcome.as_str(),
        word: outcome.as_str(),
        trials: report.outcomes.get(outcome),
    };
    let mut counts: Vec<Count> = Outcome::ALL.map(of).into();
    if report.missing() > 0 {
        counts.push(Count { mark: "missing", word: "not done", trials: report.missing() });
    }
    counts
}

/// Cases of one status, those that need a look first.
#[derive(Serialize)]
struct Group<'a> {
    status: &'static str,
    cases: Vec<CaseView<'a>>,
    /// Many cases that passed are one line until somebody wants to see them.
    folded: bool,
}

fn groups(cases: Vec<CaseView<'_>>) -> Vec<Group<'_>> {
    let mut by_status: BTreeMap<usize, Vec<CaseView<'_>>> = BTreeMap::new();
    let order = [Status::Failed, Status::Undecided, Status::Passed];
    for case in cases {
        let place = order.iter().position(|status| status.as_str() == case.status).expect("all three are there");
        by_status.entry(place).or_default().push(case);
    }
    let group = |(place, cases): (usize, Vec<_>)| {
        let folded = order[place] == Status::Passed && cases.len() >= CASES_TO_FOLD;
        Group { status: order[place].as_str(), cases, folded }
    };
    by_status.into_iter().map(group).collect()
}

#[derive(Serialize)]
struct CaseView<'a> {
    /// Unique in the page; case ids are foreign text and make no anchors.
    anchor: String,
    id: &'a str,
    goal: &'a str,
    status: &'static str,
    why: Option<String>,
    /// Whether the recorded failure came back.
    reproduction: Option<String>,
    /// In percent.
    rate: Option<String>,
    interval: Option<Interval>,
    trials: Vec<TrialView<'a>>,
    missing: &'a [u32],
    recorded: Option<Recorded<'a>>,
}

#[derive(Serialize)]
struct TrialView<'a> {
    anchor: String,
    number: u32,
    outcome: &'static str,
    /// How it ended and after how many turns.
    ending: String,
    why: Option<String>,
    session_id: &'a str,
    open: bool,
    assessments: Vec<AssessmentView<'a>>,
    messages: Vec<MessageView<'a>>,
}

#[derive(Serialize)]
struct AssessmentView<'a> {
    expectation: &'a str,
    text: Option<&'a str>,
    verdict: &'static str,
    decides: bool,
    value: Option<String>,
    reason: &'a str,
    turns: &'a [u32],
    judge: &'a str,
    /// What each of several judges said: who, and what with its value and reason.
    votes: Vec<(&'a str, String)>,
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
    let view = |(number, (report, trials)): (usize, (&'a CaseReport, Vec<&'a Trial>))| {
        CaseView::of(format!("c{number}"), report, &trials, cases.get(report.case.as_str()).copied(), sessions)
    };
    output.by_case().into_iter().enumerate().map(view).collect()
}

impl<'a> CaseView<'a> {
    fn of(
        anchor: String,
        report: &'a CaseReport,
        trials: &[&'a Trial],
        case: Option<&'a TestCase>,
        sessions: &'a BTreeMap<String, Session>,
    ) -> Self {
        let numbered = report.trials.iter().zip(trials).enumerate();
        let mut trials: Vec<_> = numbered
            .map(|(n, (summary, trial))| TrialView::of(format!("{anchor}t{n}"), summary, trial, case))
            .collect();
        // Whoever opens a case sees at once why it is where it is.
        let telling = trials.iter().position(|trial| trial.outcome != "passed").unwrap_or(0);
        if let Some(trial) = trials.get_mut(telling) {
            trial.open = true;
        }
        CaseView {
            anchor,
            id: &report.case,
            goal: &report.goal,
            status: report.status.as_str(),
            why: report.why().map(Why::to_string),
            reproduction: report.reproduction_in_words(),
            rate: report.pass_rate.map(|rate| format!("{:.0} %", rate * 100.0)),
            interval: report.pass_rate.zip(report.interval).map(|(rate, [low, high])| Interval::new(rate, low, high)),
            trials,
            missing: &report.missing,
            recorded: case.and_then(|case| case.origin.as_ref()).map(|origin| Recorded {
                id: &origin.session,
                messages: sessions.get(&origin.session).map(|session| message_views(&session.conversation, None)),
            }),
        }
    }
}

impl<'a> TrialView<'a> {
    fn of(anchor: String, summary: &TrialSummary, trial: &'a Trial, case: Option<&'a TestCase>) -> Self {
        let turns = format!("{} turn{}", summary.turns, if summary.turns == 1 { "" } else { "s" });
        TrialView {
            anchor,
            number: trial.trial,
            outcome: trial.outcome.as_str(),
            ending: format!("{} after {turns}", summary.ending.words()),
            why: summary.why.as_ref().filter(|why| why.expectation.is_none()).map(Why::to_string),
            session_id: &trial.session_id,
            open: false,
            assessments: assessment_views(trial, case),
            messages: message_views(&trial.conversation, Some(trial)),
        }
    }
}

fn assessment_views<'a>(trial: &'a Trial, case: Option<&'a TestCase>) -> Vec<AssessmentView<'a>> {
    let expectations = case.map(|case| case.expectations.as_slice()).unwrap_or_default();
    let text_of = |id: &str| expectations.iter().find(|expectation| expectation.id == id)?.text.as_deref();
    let view = |assessment: &'a crate::Assessment| AssessmentView {
        expectation: &assessment.expectation,
        text: text_of(&assessment.expectation),
        verdict: assessment.verdict.as_str(),
        decides: assessment.decides,
        value: assessment.value_in_words(),
        reason: &assessment.reason,
        turns: &assessment.turns,
        judge: &assessment.judge,
        votes: assessment.votes.iter().map(|vote| (vote.judge.as_str(), vote.ruling.in_words())).collect(),
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
pub(super) fn visible(text: &str) -> String {
    let mark = |c: char| match c {
        '\n' | '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.replace("\r\n", "\n").chars().map(mark).collect()
}
