//! Runs whose trials stop as soon as a case is decided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reenact::report::Status;
use reenact::report::statistics::{Course, EarlyStopping};
use reenact::run::{Event, Part, Participants, Stop, run};
use reenact::{
    AgentTurn, Brief, Check, Expectation, Outcome, Panel, Plan, Run, RunOutput, Store, Suite, TestCase, agent,
};

fn case(id: &str) -> TestCase {
    let says_yes = Expectation { id: "says-yes".into(), text: None, check: Check::Contains("yes".into()) };
    TestCase {
        id: id.into(),
        brief: Brief { goal: format!("{id}?"), opening: Some(format!("{id}?")), ..Brief::default() },
        context: serde_json::Map::new(),
        expectations: vec![says_yes],
        origin: None,
        ..TestCase::default()
    }
}

/// A run of a case that always passes, one that always fails, and one that does either by the session's id.
fn planned() -> Run {
    let rule = EarlyStopping::default();
    let plan = Plan { stopping: Some(rule), trials: rule.trials_max(), concurrency: 2, ..Plan::default() };
    let suite = Suite { name: None, cases: ["good", "bad", "flaky"].map(case).to_vec() };
    Run { id: "0197a3c2-0000-7000-8000-000000000001".into(), ..Run::new(plan, suite) }
}

/// Plays a run until it ends, or until so many trials ended; and counts what the agent is asked. How long each answer
/// took is left out: it is measured, and differs.
fn play(store: &Store, planned: &Run, trials_max: u32, asked: &Arc<AtomicU32>) -> reenact::Result<RunOutput> {
    let asked = Arc::clone(asked);
    let answers = agent::from_fn(move |turn: AgentTurn<'_>| {
        asked.fetch_add(1, Ordering::Relaxed);
        let passes = match turn.case {
            "good" => true,
            "bad" => false,
            _ => turn.session_id.as_bytes().iter().map(|byte| u32::from(*byte)).sum::<u32>() % 4 != 0,
        };
        let answer = if passes { "yes" } else { "no" };
        async move { Ok(answer) }
    });
    let participants = Participants { agent: Arc::new(answers), user: Part::Offline, judge: Panel::offline() };
    let (stop, ended) = (Stop::default(), AtomicU32::new(0));
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Ended(_)) && ended.fetch_add(1, Ordering::Relaxed) + 1 == trials_max {
            stop.request();
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut output = runtime.block_on(run(store, planned, &participants, &stop, &listen))?;
    output.trials.iter_mut().for_each(|trial| trial.agent_latencies_ms.clear());
    Ok(output)
}

fn outcomes(output: &RunOutput) -> BTreeMap<&str, Vec<Outcome>> {
    output
        .report
        .cases
        .iter()
        .map(|case| (case.case.as_str(), case.trials.iter().map(|t| t.outcome).collect()))
        .collect()
}

#[test]
fn a_case_is_tried_until_it_is_decided_and_not_longer() {
    let (store, planned) = (Store::temporary().unwrap(), planned());
    store.create_run(&planned).unwrap();
    let output = play(&store, &planned, u32::MAX, &Arc::default()).unwrap();
    let outcomes = outcomes(&output);
    assert_eq!(outcomes["good"], [Outcome::Passed; 6]);
    assert_eq!(outcomes["bad"], [Outcome::Failed; 2]);
    let courses: Vec<_> = output.report.cases.iter().map(|case| case.course.unwrap()).collect();
    assert_eq!(courses[..2], [Course::Passed, Course::Failed]);
    assert_ne!(courses[2], Course::GoesOn);
    assert_eq!(output.report.status(), Status::Failed);
    assert_eq!((output.report.missing(), output.report.trials_done), (0, output.report.trials_planned));
}

#[test]
fn a_run_that_is_interrupted_anywhere_stops_its_trials_where_an_undisturbed_one_does() {
    let planned = planned();
    let whole = Store::temporary().unwrap();
    whole.create_run(&planned).unwrap();
    let undisturbed = play(&whole, &planned, u32::MAX, &Arc::default()).unwrap();
    for interrupted_after in 1..undisturbed.trials.len() as u32 {
        let store = Store::temporary().unwrap();
        store.create_run(&planned).unwrap();
        let asked = Arc::default();
        let first = play(&store, &planned, interrupted_after, &asked);
        if first.is_err() {
            let halfway = RunOutput::read(&store, &planned.id).unwrap().report;
            assert!(halfway.status() != Status::Passed && halfway.missing() > 0);
        }
        let resumed = play(&store, &planned, u32::MAX, &asked).unwrap();
        assert_eq!(resumed, undisturbed, "interrupted after {interrupted_after}");
        let calls: u64 = undisturbed.trials.iter().map(|trial| trial.conversation.turn_count() as u64).sum();
        assert_eq!(u64::from(asked.load(Ordering::Relaxed)), calls, "an answer was asked for twice");
    }
}
