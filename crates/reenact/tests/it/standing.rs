//! How a run stands while it goes on: the same for whoever looks all the time, looks late, or looks again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use reenact::journal::calls_of_trial;
use reenact::run::{
    Entry, Event, Mark, Part, Participants, RunState, Standing, Stop, TrialStanding, log, rejudge, run, so_far,
};
use reenact::{
    Agent, AgentReply, Brief, Check, Ending, Environment, Expectation, Judging, Outcome, Panel, Plan, Run, RunOutput,
    StepRole, Store, Suite, TestCase, agent,
};

fn case(id: &str) -> TestCase {
    TestCase {
        id: id.into(),
        brief: Brief { goal: "find out where my parcel is".into(), ..Brief::default() },
        expectations: vec![Expectation {
            id: "says-where".into(),
            text: None,
            check: Check::Contains("on its way".into()),
        }],
        ..TestCase::default()
    }
}

fn planned(cases: &[&str], trials: u32) -> Run {
    let plan = Plan { agent: "a function".into(), trials, concurrency: 3, ..Plan::default() };
    Run::new(plan, Suite { name: Some("parcels".into()), cases: cases.iter().map(|id| case(id)).collect() })
}

fn with(agent: impl Agent + 'static) -> Participants {
    Participants { agent: Arc::new(agent), user: Part::Offline, judge: Panel::offline() }
}

/// An agent that says where the parcel is in every second conversation.
fn forgetful() -> impl Agent {
    let asked = AtomicUsize::new(0);
    agent::from_fn(move |_| {
        let knows = asked.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        async move { Ok::<_, reenact::AgentFault>(AgentReply::from(if knows { "It is on its way." } else { "Who knows." })) }
    })
}

fn grid(standing: &Standing) -> BTreeMap<String, Vec<TrialStanding>> {
    standing.cases().map(|case| (case.case.id.clone(), case.trials)).collect()
}

fn same(one: &Standing, other: &Standing) {
    assert_eq!(one.progress(), other.progress());
    assert_eq!(grid(one), grid(other));
}

#[tokio::test]
async fn whoever_looks_late_sees_what_somebody_sees_who_looked_all_the_time() {
    let store = Store::temporary().unwrap();
    let planned = planned(&["a", "b", "c"], 4);
    store.create_run(&planned).unwrap();
    let early = Mutex::new(Standing::of(&store, &planned.id).unwrap());
    assert_eq!(early.lock().unwrap().state(), RunState::Stopped);
    let looks = AtomicUsize::new(0);
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Ended(_)) {
            let mut early = early.lock().unwrap();
            early.catch_up().unwrap();
            assert_eq!(early.state(), RunState::GoingOn);
            // Another trial may end between the two looks, so that the first one looks once more.
            let late = Standing::of(&store, &planned.id).unwrap();
            while early.mark() < late.mark() {
                early.catch_up().unwrap();
            }
            if early.mark() == late.mark() {
                same(&early, &late);
                looks.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let output = run(&store, &planned, &with(forgetful()), &Stop::default(), &listen).await.unwrap();
    assert!(looks.into_inner() > 0);
    let mut early = early.into_inner().unwrap();
    assert!(early.catch_up().unwrap());
    assert!(!early.catch_up().unwrap(), "nothing happened since");
    same(&early, &Standing::of(&store, &planned.id).unwrap());
    let progress = early.progress();
    assert_eq!((progress.state, progress.done, progress.planned, progress.begun), (RunState::Finished, 12, 12, 0));
    assert_eq!(progress.outcomes, output.report.outcomes);
    assert_eq!(progress.pass_rate, output.report.pass_rate);
    for report in &output.report.cases {
        let ended: Vec<TrialStanding> = report.trials.iter().cloned().map(TrialStanding::Ended).collect();
        assert_eq!(grid(&early)[&report.case], ended);
    }
}

#[tokio::test]
async fn reading_on_from_any_mark_misses_nothing_and_tells_nothing_twice() {
    let store = Store::temporary().unwrap();
    let (before, planned) = (planned(&["z"], 2), planned(&["a", "b"], 3));
    for run_of in [&before, &planned] {
        store.create_run(run_of).unwrap();
        run(&store, run_of, &with(forgetful()), &Stop::default(), &|_| {}).await.unwrap();
    }
    let whole = log(&store, &planned.id, Mark::default(), 1000).unwrap();
    let ends = whole.iter().filter(|(_, entry)| matches!(entry, Entry::Ended { .. })).count();
    assert_eq!(ends, 6);
    let after = |mark: Mark| whole.iter().skip_while(move |(at, _)| *at != mark).skip(1).cloned().collect::<Vec<_>>();
    for (mark, _) in &whole {
        let again: Mark = mark.to_string().parse().unwrap();
        assert_eq!(log(&store, &planned.id, again, 1000).unwrap(), after(*mark));
    }
    for at_once in 1..4 {
        let (mut mark, mut told) = (Mark::default(), Vec::new());
        while let Some((last, _)) = log(&store, &planned.id, mark, at_once).unwrap().last() {
            told.extend(log(&store, &planned.id, mark, at_once).unwrap());
            mark = *last;
        }
        assert_eq!(told, whole, "{at_once} at once");
    }
    let foreign: Mark = "99999999.99999999".parse().unwrap();
    assert_eq!(log(&store, &planned.id, foreign, 1000).unwrap(), whole, "a mark of another store");
    for text in ["", "12", "-1.2", "1.x"] {
        assert!(text.parse::<Mark>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_trial_that_is_judged_again_is_told_anew_even_where_it_is_the_only_one() {
    let store = Store::temporary().unwrap();
    let planned = planned(&["a"], 1);
    store.create_run(&planned).unwrap();
    run(&store, &planned, &with(forgetful()), &Stop::default(), &|_| {}).await.unwrap();
    let mut early = Standing::of(&store, &planned.id).unwrap();
    let before = early.mark();
    let judged = Mutex::new(Vec::new());
    let listen = |event: Event<'_>| {
        if matches!(event, Event::Began { .. } | Event::Ended(_)) {
            judged.lock().unwrap().push(Standing::of(&store, &planned.id).unwrap().progress().judged);
        }
    };
    let (judging, panel) = (Judging::default(), Panel::offline());
    rejudge(&store, &planned.id, &judging, &panel, &Stop::default(), &listen).await.unwrap();
    assert_eq!(judged.into_inner().unwrap(), [Some(0), Some(1)]);
    assert!(early.catch_up().unwrap());
    assert_eq!(log(&store, &planned.id, before, 10).unwrap().len(), 1);
    same(&early, &Standing::of(&store, &planned.id).unwrap());
    assert_eq!((early.progress().round, early.progress().judged, early.progress().done), (2, None, 1));
}

/// An agent that answers so often, and then asks for the run to be stopped.
fn stopping(stop: &Stop, answers: usize) -> impl Agent {
    let (stop, asked) = (stop.clone(), AtomicUsize::new(0));
    agent::from_fn(move |_| {
        if asked.fetch_add(1, Ordering::SeqCst) + 1 >= answers {
            stop.request();
        }
        async { Ok::<_, reenact::AgentFault>(AgentReply::from("Which parcel is it?")) }
    })
}

#[tokio::test]
async fn what_was_said_in_a_trial_that_has_not_ended_is_told_from_its_journal() {
    let store = Store::temporary().unwrap();
    let mut planned = planned(&["a", "b"], 1);
    planned.plan.concurrency = 1;
    store.create_run(&planned).unwrap();
    let stop = Stop::default();
    run(&store, &planned, &with(stopping(&stop, 2)), &stop, &|_| {}).await.unwrap_err();
    let standing = Standing::of(&store, &planned.id).unwrap();
    assert_eq!(standing.state(), RunState::Stopped);
    assert_eq!(standing.trial("a", 1), Some(TrialStanding::Begun { trial: 1, replies: 2 }));
    assert_eq!(standing.trial("b", 1), Some(TrialStanding::Open { trial: 1 }));
    assert_eq!((standing.trial("b", 2), standing.trial("c", 1)), (None, None));

    let said = so_far(&store, &planned.id, "a", 1, &Environment::default()).await.unwrap();
    let words: Vec<&str> = said.conversation.messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(
        (words[0], words[1], words[3]),
        ("find out where my parcel is", "Which parcel is it?", "Which parcel is it?")
    );
    let nothing = so_far(&store, &planned.id, "b", 1, &Environment::default()).await.unwrap();
    assert!(nothing.conversation.messages.len() <= 1, "the user's own first words follow from the case");

    // It goes on as it was told.
    let output = run(&store, &planned, &with(forgetful()), &Stop::default(), &|_| {}).await.unwrap();
    let whole = &output.trials[0].conversation.messages;
    assert_eq!(
        whole[..said.conversation.messages.len().min(4)],
        said.conversation.messages[..said.conversation.messages.len().min(4)]
    );
}

#[tokio::test]
async fn every_call_of_a_trial_is_told_in_the_order_of_the_answers() {
    let store = Store::temporary().unwrap();
    let planned = planned(&["a"], 2);
    store.create_run(&planned).unwrap();
    let output = run(&store, &planned, &with(forgetful()), &Stop::default(), &|_| {}).await.unwrap();
    for trial in &output.trials {
        let calls = calls_of_trial(&store, &planned.id, "a", trial.trial).unwrap();
        let replies: Vec<u64> =
            calls.iter().filter(|call| call.key.role == StepRole::Agent).map(|call| call.latency_ms).collect();
        assert_eq!(replies, trial.agent_latencies_ms);
        assert!(
            calls.iter().enumerate().all(|(place, call)| call.key.position as usize == place && call.charge.is_none())
        );
    }
}

#[tokio::test]
async fn trials_that_early_stopping_spares_are_not_waited_for() {
    let store = Store::temporary().unwrap();
    let mut planned = planned(&["a"], 60);
    planned.plan.stopping = Some(reenact::report::statistics::EarlyStopping::default());
    store.create_run(&planned).unwrap();
    let always = agent::from_fn(|_| async { Ok("It is on its way.") });
    let output: RunOutput = run(&store, &planned, &with(always), &Stop::default(), &|_| {}).await.unwrap();
    let standing = Standing::of(&store, &planned.id).unwrap();
    let progress = standing.progress();
    assert_eq!((progress.planned, progress.done), (output.report.trials_done, output.report.trials_done));
    assert_eq!(progress.pass_rate, output.report.pass_rate);
    assert!(standing.cases().all(|case| case.trials.len() as u64 == progress.done));
    assert!(output.trials.iter().all(|trial| trial.outcome == Outcome::Passed && trial.ending != Ending::TurnLimit));
}

#[test]
fn a_run_that_a_killed_process_drove_is_known_to_be_stopped() {
    let store = Store::temporary().unwrap();
    let planned = planned(&["a"], 1);
    store.create_run(&planned).unwrap();
    let lease = store.lease(&planned.id).unwrap();
    assert!(store.is_driven(&planned.id).unwrap());
    assert_eq!(Standing::of(&store, &planned.id).unwrap().state(), RunState::GoingOn);
    drop(lease);
    assert!(!store.is_driven(&planned.id).unwrap());
    // What a killed process leaves: the file, and no lock on it.
    let mut file = store.path().as_os_str().to_owned();
    file.push("-run1.lock");
    std::fs::write(&file, "").unwrap();
    assert!(!store.is_driven(&planned.id).unwrap());
    drop(store.lease(&planned.id).unwrap());
}
