//! A run that is killed, interrupted or driven twice loses nothing and pays for nothing twice.

use std::process::Child;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use crate::stage::{Stage, Told, end, interrupt, parcels, told};

const CASES: usize = 6;
const TRIALS: usize = 3;
/// Each conversation of the suite takes two answers of the agent.
const CALLS: usize = CASES * TRIALS * 2;
const KILLS: usize = 10;

const RUN: [&str; 9] =
    ["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--trials", "3", "--concurrency", "3", "--json"];
pub(crate) const RESUME: [&str; 4] = ["run", "--resume", "latest", "--json"];

/// One answer of the agent: case, trial, turn.
type Call = (String, u32, u32);

fn stage() -> Stage {
    let stage = Stage::with_parcels();
    stage.write("suite.yaml", parcels(CASES));
    stage
}

fn start(stage: &Stage, args: &[&str], delay: &str, attempt: usize) -> Child {
    stage.command(args).env("DELAY", delay).env("ATTEMPT", attempt.to_string()).spawn().unwrap()
}

/// The trials without the ids under which the agent saw them, which come from the run's id.
/// How long each answer took is measured, and differs.
fn trials(told: &Told) -> Value {
    let mut trials = told.json()["trials"].take();
    for trial in trials.as_array_mut().unwrap() {
        trial.as_object_mut().unwrap().remove("session_id").unwrap();
        trial.as_object_mut().unwrap().remove("agent_latencies_ms").unwrap();
    }
    trials
}

/// The answers of the agent that are recorded at this moment.
fn recorded(stage: &Stage) -> Vec<Call> {
    let store = Connection::open(stage.path(".reenact/store.db")).unwrap();
    let mut steps = store.prepare("SELECT case_id, trial, position + 1 FROM steps WHERE role = 'agent'").unwrap();
    let call = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    steps.query_map([], call).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The last attempt in which the agent was asked for an answer, by its own account.
fn last_asked(stage: &Stage, run: &Value, (case, number, turn): &Call) -> usize {
    let trials = run["trials"].as_array().unwrap();
    let trial = trials.iter().find(|trial| trial["case"] == **case && trial["trial"] == *number).unwrap();
    let call = format!("{} {turn} ", trial["session_id"].as_str().unwrap());
    let calls = stage.lines("calls");
    let attempts = calls.iter().filter_map(|line| line.strip_prefix(&call));
    attempts.map(|attempt| attempt.parse().unwrap()).max().expect("somebody asked")
}

/// Numbers that look random and are the same each time.
pub(crate) fn moments(seed: u64) -> impl Iterator<Item = u64> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(seed), next).skip(1).map(|state| state >> 33)
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened_and_asks_nothing_twice() {
    let stage = stage();
    let mut moments = moments(7);
    let mut child = start(&stage, &RUN, "0.01", 0);
    let mut recorded_at_kills = Vec::new();
    for kill in 0..KILLS {
        let calls = stage.lines("calls").len() + 1 + moments.next().unwrap() as usize % 3;
        stage.wait_for_lines("calls", calls.min(CALLS));
        std::thread::sleep(Duration::from_micros(moments.next().unwrap() % 15_000));
        child.kill().unwrap();
        child.wait().unwrap();
        recorded_at_kills.extend(recorded(&stage).into_iter().map(|call| (kill, call)));
        child = start(&stage, &RESUME, "0.01", kill + 1);
    }
    let resumed = end(child);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");

    assert!(!recorded_at_kills.is_empty());
    let run = resumed.json();
    for (kill, call) in &recorded_at_kills {
        assert!(last_asked(&stage, &run, call) <= *kill, "{call:?} was recorded at kill {kill} and asked for again");
    }
    let undisturbed = self::stage();
    assert_eq!(trials(&resumed), trials(&told(&mut undisturbed.command(RUN))));
    assert_eq!(undisturbed.lines("calls").len(), CALLS);
}

#[test]
fn ctrl_c_waits_for_the_calls_on_their_way_and_says_how_to_go_on() {
    let stage = stage();
    let child = start(&stage, &RUN, "0.05", 0);
    stage.wait_for_lines("calls", 4);
    interrupt(&child);
    let stopped = end(child);
    assert_eq!((stopped.status, stopped.out.as_str()), (Some(3), ""), "{stopped:?}");
    let (_, id) = stopped.err.split_once("reenact run --resume ").expect("a way to go on");
    let id = id.split('`').next().unwrap();
    let made = stage.lines("calls").len();
    assert!(made < CALLS, "the run was over before it was interrupted");
    assert_eq!(recorded(&stage).len(), made, "an answer that was on its way was thrown away");

    let report = stage.reenact(&["report"]);
    assert_eq!(report.status, Some(3), "{report:?}");
    assert!(report.out.contains(&format!("reenact run --resume {id}")), "{}", report.out);
    let resumed = stage.reenact(&["run", "--resume", id]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert_eq!(stage.lines("calls").len(), CALLS);
}

#[test]
fn two_programs_never_drive_one_run_and_whoever_only_looks_is_let_in() {
    let stage = stage();
    let first = start(&stage, &RUN, "0.05", 0);
    stage.wait_for_lines("calls", 1);
    for second in [&["run", "--resume", "latest"][..], &["judge", "latest"]] {
        let refused = stage.reenact(second);
        assert!(refused.refusal().contains("is being driven by another process"), "{refused:?}");
        assert!(refused.err.contains("hint: "), "{refused:?}");
    }
    assert_eq!(stage.reenact(&["report"]).status, Some(3));
    let first = end(first);
    assert_eq!(first.status, Some(0), "{first:?}");
    assert_eq!(stage.lines("calls").len(), CALLS);
    assert_eq!(stage.files(".reenact"), ["store.db"], "nothing is left beside the store");
}

#[test]
fn a_run_that_is_finished_is_resumed_to_the_same_report_without_a_call() {
    let stage = stage();
    let run = told(&mut stage.command(RUN));
    let resumed = told(&mut stage.command(RESUME));
    assert_eq!((resumed.status, &resumed.out), (Some(0), &run.out));
    assert_eq!(stage.lines("calls").len(), CALLS);
}
