//! What a run amounts to, and the files made of it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use reenact::judge::{Ruling, Vote};
use reenact::report::{self, OutcomeCounts, RunOutput, Status};
use reenact::run::Provenance;
use reenact::{
    AgentFault, Assessment, Brief, Check, Conversation, Disclosure, Ending, Expectation, FaultKind, Judging, Message,
    Origin, Outcome, Plan, Run, Session, Speaker, Suite, TestCase, ToolCall, Trial, Verdict,
};

mod junit;
mod markdown;
mod page;

fn plan(trials: u32) -> Plan {
    Plan {
        agent: "cmd:market-v1".into(),
        user_model: "offline".into(),
        trials,
        max_turns: 8,
        concurrency: 4,
        seed: 7,
        agent_timeout_seconds: 60,
        ..Plan::default()
    }
}

fn case(id: &str, goal: &str) -> TestCase {
    let says_closed = Expectation {
        id: "says-closed".into(),
        text: Some("When markets are closed the agent says so".into()),
        check: Check::Contains("closed".into()),
    };
    TestCase {
        id: id.into(),
        brief: Brief { goal: goal.into(), ..Brief::default() },
        context: serde_json::Map::new(),
        expectations: vec![says_closed],
        origin: Some(Origin { session: format!("session-of-{id}"), evidence: Vec::new() }),
        ..TestCase::default()
    }
}

fn run(trials: u32, cases: Vec<TestCase>) -> Run {
    Run {
        id: "0197a3c2-0000-7000-8000-000000000001".into(),
        created_at: "2026-03-07T10:00:00Z".parse().unwrap(),
        plan: plan(trials),
        provenance: Provenance::default(),
        suite: Suite { name: Some("market-assistant".into()), cases },
        left_out: Vec::new(),
    }
}

fn assessment(verdict: Verdict, reason: &str, turns: &[u32]) -> Assessment {
    Assessment::new("says-closed", verdict, reason, "assertion").citing(turns)
}

fn trial(case: &str, number: u32, ending: Ending, assessments: Vec<Assessment>, messages: &[Message]) -> Trial {
    Trial {
        case: case.into(),
        trial: number,
        session_id: format!("sim-{number:016x}"),
        outcome: Outcome::of(&ending, &assessments),
        ending,
        conversation: messages.iter().cloned().collect(),
        disclosures: Vec::new(),
        corrections: Vec::new(),
        goal: None,
        handed_over_at: None,
        discarded: Vec::new(),
        agent_version: None,
        agent_latencies_ms: Vec::new(),
        agent_usage: Vec::new(),
        tool_misses: Vec::new(),
        assessments,
    }
}

/// Four cases, one of each fate, two trials each, the last trial not done.
fn market() -> RunOutput {
    let ids = ["closed-market", "open-market", "late-parcel", "lost-card"];
    let cases = ids.iter().map(|id| case(id, "Get the current levels of the major stock indexes")).collect();
    let pass = || vec![assessment(Verdict::Pass, "the agent says \"closed\"", &[1])];
    let fail = || vec![assessment(Verdict::Fail, "no message of the agent contains \"closed\"", &[1, 2])];
    let doubt = || vec![assessment(Verdict::Inconclusive, "no judge model is named", &[])];
    let asked = || Message::user("HOW ARE THE MARKETS DOING");
    let mut quote = Message::agent("The market is open.");
    quote.tool_calls.push(ToolCall {
        id: Some("1".into()),
        name: "quote".into(),
        arguments: "{\"symbol\":\"^GSPC\"}".into(),
    });
    let open =
        [asked(), quote, Message::user("it's saturday, markets are CLOSED"), Message::agent("The market is open.")];
    let closed = [asked(), Message::agent("Markets are closed; on Friday the S&P 500 closed at 5,770.")];
    let died = Ending::AgentFailed(AgentFault::new(FaultKind::Died, "the agent exited with status 1 on turn 1"));
    let leaked = Ending::UserInvalid("it spoke as the agent".into());
    let mut first = trial(ids[0], 1, Ending::GaveUp, fail(), &open);
    first.disclosures.push(Disclosure {
        turn: 2,
        fact: "weekend".into(),
        gate: "when: the agent says it is open".into(),
        opened_by: None,
    });
    let trials = vec![
        first,
        trial(ids[0], 2, Ending::Satisfied, pass(), &closed),
        trial(ids[1], 1, Ending::Satisfied, pass(), &closed),
        trial(ids[1], 2, Ending::Satisfied, pass(), &closed),
        trial(ids[2], 1, Ending::TurnLimit, doubt(), &closed),
        trial(ids[2], 2, died, Vec::new(), &closed[..1]),
        trial(ids[3], 1, leaked, Vec::new(), &closed),
    ];
    RunOutput::new(run(2, cases), trials)
}

fn market_sessions() -> BTreeMap<String, Session> {
    let recorded =
        [Message::user("how are the markets"), Message::agent("Up two percent!"), Message::user("it's saturday")];
    let session = Session::new("session-of-closed-market", recorded.into_iter().collect());
    BTreeMap::from([(session.id.clone(), session)])
}

#[test]
fn a_report_says_what_failed_what_was_left_out_and_what_was_not_done() {
    let report = market().report;
    assert_eq!(report.status(), Status::Failed);
    assert_eq!(
        report.headline(),
        "1 of 4 cases failed, 1 passed, 2 undecided. The run is unfinished: 7 of 8 trials are done."
    );
    assert_eq!(
        report.figures()[1].1,
        "1 inconclusive, 1 invalid, 1 errored (rate 38 % if they count as failed, 88 % as passed), 1 not done"
    );
    assert_eq!(report.outcomes, OutcomeCounts { passed: 3, failed: 1, inconclusive: 1, invalid: 1, errored: 1 });
    let failure = report.cases[0].first_failure.as_ref().unwrap();
    assert_eq!(failure.to_string(), "says-closed: no message of the agent contains \"closed\" (turns 1, 2)");
    assert_eq!(report.cases[3].missing, [2]);
    let rate = report.pass_rate.unwrap();
    assert_eq!((rate.rate, rate.cases, rate.trials), (0.75, 2, 4));
}

#[test]
fn a_run_passes_only_where_all_that_was_planned_was_done_and_passed() {
    let passed = |number| trial("a", number, Ending::Satisfied, vec![assessment(Verdict::Pass, "said", &[])], &[]);
    let status = |trials: &[Trial]| RunOutput::new(run(2, vec![case("a", "g")]), trials.to_vec()).report.status();
    assert_eq!(status(&[passed(1), passed(2)]), Status::Passed);
    assert_eq!(status(&[passed(1)]), Status::Undecided);
    assert_eq!(status(&[passed(1), passed(1)]), Status::Undecided);
    assert_eq!(status(&[]), Status::Undecided);
    assert_eq!(RunOutput::new(run(2, Vec::new()), Vec::new()).report.status(), Status::Undecided);
}

#[test]
fn a_headline_never_reads_like_a_success_that_is_none() {
    let headline = |cases: &[&str], trials: Vec<Trial>| {
        RunOutput::new(run(1, cases.iter().map(|id| case(id, "g")).collect()), trials).report.headline()
    };
    let judged = |case: &str, verdict| trial(case, 1, Ending::Satisfied, vec![assessment(verdict, "r", &[])], &[]);
    assert_eq!(headline(&[], vec![]), "Nothing was tried: the suite has no cases.");
    assert_eq!(headline(&["a"], vec![judged("a", Verdict::Pass)]), "The one case passed.");
    assert_eq!(headline(&["a"], vec![judged("a", Verdict::Inconclusive)]), "The one case could not be decided.");
    let both = |first, second| vec![judged("a", first), judged("b", second)];
    assert_eq!(headline(&["a", "b"], both(Verdict::Pass, Verdict::Pass)), "All 2 cases passed.");
    assert_eq!(
        headline(&["a", "b"], both(Verdict::Pass, Verdict::Inconclusive)),
        "1 of 2 cases could not be decided, 1 passed."
    );
    assert_eq!(
        headline(&["a", "b"], both(Verdict::Inconclusive, Verdict::Inconclusive)),
        "None of the 2 cases could be decided."
    );
    assert_eq!(headline(&["a", "b"], both(Verdict::Fail, Verdict::Fail)), "All 2 cases failed.");
}

#[test]
fn a_report_survives_json() {
    let output = market();
    let json = serde_json::to_string(&output).unwrap();
    assert_eq!(serde_json::from_str::<RunOutput>(&json).unwrap(), output);
}

#[test]
fn what_is_printed_does_not_depend_on_which_trial_ended_first() {
    let output = market();
    let backwards = output.trials.iter().rev().cloned().collect();
    assert_eq!(RunOutput::new(output.run.clone(), backwards), output);
}

/// To write it again after a change: `UPDATE_SCHEMA=1 cargo test -p reenact published_schema`.
#[test]
fn the_published_schema_is_that_of_the_output() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/run.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(RunOutput)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == schema,
        "docs/schema/run.json is out of date: UPDATE_SCHEMA=1 cargo test -p reenact published_schema"
    );
}

/// A run in which every text is the same foreign one.
fn hostile(text: &str) -> (RunOutput, BTreeMap<String, Session>) {
    let mut message = Message::new(Speaker::Agent, text);
    message.tool_calls.push(ToolCall { id: None, name: text.into(), arguments: text.into() });
    message.name = Some(text.into());
    let said = [Message::user(text), message];
    let ruling = Ruling { verdict: Verdict::Fail, value: Some(text.into()), reason: text.into(), turns: vec![1] };
    let votes = vec![Vote { judge: text.into(), ruling }];
    let assessment =
        Assessment { value: Some(text.into()), votes, ..Assessment::new(text, Verdict::Fail, text, text).citing(&[1]) };
    let mut the_case = case(text, text);
    the_case.expectations[0].id = text.into();
    the_case.expectations[0].text = Some(text.into());
    the_case.origin = Some(Origin { session: text.into(), evidence: Vec::new() });
    let mut failed = trial(text, 1, Ending::GaveUp, vec![assessment], &said);
    failed.session_id = text.into();
    failed.disclosures.push(Disclosure { turn: 1, fact: text.into(), gate: text.into(), opened_by: None });
    let errored = trial(text, 2, Ending::UserFailed(text.into()), Vec::new(), &said);
    let mut run = run(3, vec![the_case]);
    run.suite.name = Some(text.into());
    (run.plan.agent, run.plan.user_model, run.plan.judging) = (text.into(), text.into(), Judging::by(text));
    let session = Session::new(text, said.iter().cloned().collect::<Conversation>());
    (RunOutput::new(run, vec![failed, errored]), BTreeMap::from([(text.to_owned(), session)]))
}

/// The elements of the XML, which must be well formed throughout.
fn elements(xml: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let attributes = |start: &BytesStart<'_>| {
        let pair = |attribute: quick_xml::events::attributes::Attribute<'_>| {
            let value =
                quick_xml::escape::unescape(std::str::from_utf8(&attribute.value).unwrap()).unwrap().into_owned();
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
        };
        start.attributes().map(|attribute| pair(attribute.unwrap())).collect()
    };
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) | Event::Empty(start) => {
                found.push((String::from_utf8(start.name().as_ref().to_vec()).unwrap(), attributes(&start)));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Satisfied),
        Just(Ending::GaveUp),
        Just(Ending::TurnLimit),
        Just(Ending::AgentFailed(AgentFault::new(FaultKind::TimedOut, "no answer in 60 s"))),
        any::<String>().prop_map(Ending::UserInvalid),
        any::<String>().prop_map(Ending::UserFailed),
    ]
}

fn any_trial() -> impl Strategy<Value = (u8, u32, Ending, Vec<Verdict>, String)> {
    let verdict = prop_oneof![Just(Verdict::Pass), Just(Verdict::Fail), Just(Verdict::Inconclusive)];
    (0..6_u8, 1..5_u32, any_ending(), prop::collection::vec(verdict, 0..3), any::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Trials may repeat and may belong to no case of the suite: nothing vanishes.
    #[test]
    fn every_trial_appears_once_everywhere_and_the_counts_add_up(drawn in prop::collection::vec(any_trial(), 0..12)) {
        let trials: Vec<Trial> = drawn.iter().enumerate().map(|(index, (of, number, ending, verdicts, text))| {
            let assessments = verdicts.iter().map(|verdict| assessment(*verdict, text, &[1])).collect();
            let mut trial = trial(&format!("case-{of}"), *number, ending.clone(), assessments, &[Message::user(text.as_str())]);
            trial.session_id = format!("sim-{index:04}");
            trial
        }).collect();
        let cases = (0..4).map(|n| case(&format!("case-{n}"), "g")).collect();
        let output = RunOutput::new(run(3, cases), trials.clone());
        let report = &output.report;
        let summaries = || report.cases.iter().flat_map(|case| case.trials.iter());
        prop_assert_eq!(summaries().count(), trials.len());
        prop_assert_eq!(report.outcomes.total(), trials.len() as u64);
        prop_assert_eq!(report.endings.iter().map(|count| count.trials).sum::<u64>(), trials.len() as u64);
        prop_assert_eq!(report.outcomes, OutcomeCounts::of(trials.iter().map(|trial| trial.outcome)));

        let page = report::html(&output, &BTreeMap::new());
        let xml = report::junit(&output).unwrap();
        let tests = elements(&xml);
        for trial in &trials {
            prop_assert_eq!(page.matches(&format!("Simulated · <code>{}<", trial.session_id)).count(), 1);
            prop_assert_eq!(xml.matches(&format!("session {}, ending", trial.session_id)).count(), 1);
        }
        let count = |name: &str| tests.iter().filter(|(element, _)| element == name).count() as u64;
        prop_assert_eq!(count("testcase"), trials.len() as u64 + report.missing());
        prop_assert_eq!(junit::complaints(&xml), Vec::<String>::new());
        prop_assert_eq!(count("failure"), report.outcomes.failed);
        prop_assert_eq!(count("error"), report.missing() + report.outcomes.total() - report.outcomes.decided());
    }
}

/// A judge that only measures, and two that were asked the same and disagree.
#[test]
fn every_page_tells_values_votes_and_what_decides_nothing() {
    let vote = |judge: &str, verdict, reason: &str| Vote {
        judge: judge.into(),
        ruling: Ruling { verdict, value: None, reason: reason.into(), turns: vec![1] },
    };
    let mood = Assessment {
        value: Some("resolved".into()),
        decides: false,
        ..Assessment::new("mood", Verdict::Inconclusive, "it ends well", "m1")
    };
    let votes = vec![vote("m1", Verdict::Pass, "it does"), vote("m2", Verdict::Fail, "it is rude")];
    let kind = Assessment { votes, ..Assessment::new("kind", Verdict::Fail, "any veto", "m1, m2") };
    let trials =
        vec![trial("a", 1, Ending::Satisfied, vec![mood, kind], &[Message::user("hi"), Message::agent("well")])];
    let output = RunOutput::new(run(1, vec![case("a", "g")]), trials);
    let page = report::html(&output, &BTreeMap::new());
    let plain = |text: &str| text.replace("</code>", "").replace("<code>", "");
    assert!(plain(&page).contains("mood = resolved") && page.contains("<b>aside</b>"), "{page}");
    assert!(page.contains("m2: fail: it is rude"), "{page}");
    let xml = report::junit(&output).unwrap();
    assert!(
        xml.contains("aside mood = resolved: it ends well [m1]") && xml.contains("  m2: fail: it is rude"),
        "{xml}"
    );
    assert!(report::markdown(&output).contains("| kind: any veto |"));
}
