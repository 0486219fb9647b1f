//! Runs and trials in the store, and who may drive a run.

use reenact::run::Provenance;
use reenact::{Conversation, Ending, ErrorKind, Judging, Message, Outcome, Plan, Run, Store, Suite, TestCase, Trial};

pub(crate) fn run(id: &str, second: i64, cases: &[&str]) -> Run {
    let plan = Plan {
        agent: "recorded".into(),
        user_model: "offline".into(),
        trials: 2,
        max_turns: 8,
        concurrency: 4,
        seed: 7,
        agent_timeout_seconds: 60,
        ..Plan::default()
    };
    let case = |id: &&str| TestCase {
        id: (*id).to_owned(),
        brief: reenact::Brief { goal: "see whether the market is open".into(), ..Default::default() },
        context: serde_json::Map::new(),
        expectations: Vec::new(),
        origin: None,
        ..TestCase::default()
    };
    let suite = Suite { name: Some("markets".into()), cases: cases.iter().map(case).collect() };
    Run {
        id: id.into(),
        created_at: jiff::Timestamp::from_second(second).unwrap(),
        plan,
        provenance: Provenance::default(),
        suite,
        left_out: Vec::new(),
    }
}

fn trial(case: &str, number: u32, outcome: Outcome) -> Trial {
    Trial {
        case: case.into(),
        trial: number,
        session_id: "sim-0123456789abcdef".into(),
        ending: Ending::Satisfied,
        outcome,
        conversation: Conversation::from_iter([Message::user("hi"), Message::agent("closed")]),
        disclosures: Vec::new(),
        corrections: Vec::new(),
        goal: None,
        handed_over_at: None,
        discarded: Vec::new(),
        agent_version: None,
        agent_latencies_ms: Vec::new(),
        agent_usage: Vec::new(),
        tool_misses: Vec::new(),
        assessments: Vec::new(),
    }
}

#[test]
fn trials_come_back_in_the_order_of_the_suite_whenever_they_ended() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["zebra", "ant"])).unwrap();
    for (case, number) in [("ant", 2), ("zebra", 2), ("ant", 1), ("zebra", 1)] {
        store.put_trial("r1", &trial(case, number, Outcome::Passed)).unwrap();
    }
    let order: Vec<_> = store.trials("r1").unwrap().into_iter().map(|t| (t.case, t.trial)).collect();
    let expected = [("zebra", 1), ("zebra", 2), ("ant", 1), ("ant", 2)].map(|(case, n)| (case.to_owned(), n));
    assert_eq!(order, expected);
    assert_eq!(store.trial("r1", "ant", 2).unwrap(), trial("ant", 2, Outcome::Passed));
}

#[test]
fn a_trial_judged_again_takes_the_place_of_the_first_judgement() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a"])).unwrap();
    store.put_trial("r1", &trial("a", 1, Outcome::Inconclusive)).unwrap();
    store.put_trial("r1", &trial("a", 1, Outcome::Failed)).unwrap();
    let summary = &store.runs().unwrap()[0];
    assert_eq!(summary.outcomes.iter().map(|(o, n)| (*o, *n)).collect::<Vec<_>>(), [(Outcome::Failed, 1)]);
    assert_eq!(summary.planned, 2);
}

#[test]
fn a_run_is_known_by_its_id_the_start_of_it_or_as_the_latest() {
    let store = Store::temporary().unwrap();
    assert!(store.run("latest").unwrap_err().hint_text().unwrap().contains("reenact run"));
    store.create_run(&run("0190-later", 2, &["a"])).unwrap();
    store.create_run(&run("0180-earlier", 1, &["a"])).unwrap();
    assert_eq!(store.run("latest").unwrap(), run("0190-later", 2, &["a"]));
    assert_eq!(store.run("018").unwrap().id, "0180-earlier");
    assert_eq!(store.runs().unwrap().iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["0190-later", "0180-earlier"]);
    assert_eq!(store.run("01").unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_run_is_created_once_and_whole_or_not_at_all() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a"])).unwrap();
    assert!(store.create_run(&run("r1", 2, &["b"])).is_err());
    assert!(store.create_run(&run("r2", 2, &["twice", "twice"])).is_err());
    assert_eq!(store.runs().unwrap().len(), 1);
    assert_eq!(store.run("r1").unwrap().suite.cases[0].id, "a");
}

#[test]
fn what_a_run_does_not_have_is_named_with_what_is_near() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["closed-market"])).unwrap();
    let error = store.put_trial("r1", &trial("closed-markt", 1, Outcome::Passed)).unwrap_err();
    assert_eq!(error.hint_text(), Some("did you mean `closed-market`?"));
    let error = store.trial("r1", "closed-market", 9).unwrap_err();
    assert!(error.to_string().ends_with("run `r1` has no trial 9 of case `closed-market`"), "{error}");
}

#[test]
fn a_run_is_finished_when_it_says_so_and_open_again_when_it_is_judged_again() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a"])).unwrap();
    assert!(!store.is_finished("r1").unwrap());
    store.finish_run("r1").unwrap();
    assert!(store.is_finished("r1").unwrap());
    let judged = store.judge_again("r1", &Judging::by("openai:/gpt-5")).unwrap();
    assert_eq!(judged.plan.judging.models, ["openai:/gpt-5"]);
    assert_eq!(store.run("r1").unwrap(), judged);
    assert!(!store.is_finished("r1").unwrap());
}

#[test]
fn a_run_is_driven_by_one_at_a_time() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a"])).unwrap();
    store.create_run(&run("r2", 2, &["a"])).unwrap();
    let lease = store.lease("r1").unwrap();
    let error = store.lease("r1").unwrap_err();
    assert!(error.to_string().ends_with("run `r1` is being driven by another process"), "{error}");
    drop(store.lease("r2").unwrap());
    drop(lease);
    drop(store.lease("r1").unwrap());
    let beside = std::fs::read_dir(store.path().parent().unwrap()).unwrap();
    assert!(beside.flatten().all(|file| !file.path().to_string_lossy().ends_with(".lock")));
}

#[test]
fn a_lease_is_never_held_twice_however_many_want_it() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a"])).unwrap();
    let holders = std::sync::atomic::AtomicU32::new(0);
    let drive = || {
        for _ in 0..200 {
            let Ok(lease) = store.lease("r1") else { continue };
            assert_eq!(holders.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
            holders.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            drop(lease);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(drive);
        }
    });
}
