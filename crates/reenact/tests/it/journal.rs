//! The record of answers: asked again, nothing is called again.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Waker};

use proptest::prelude::*;
use reenact::{ErrorKind, Journal, Judging, StepKey, StepRole, Store};

use crate::runs::run;

fn key(case: &str, position: u32) -> StepKey {
    StepKey { case: case.to_owned(), trial: 1, position, role: StepRole::Agent }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A call that must not be made.
async fn no_call() -> String {
    panic!("a recorded step was called again")
}

fn store_with_run() -> Store {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a", "b"])).unwrap();
    store
}

#[test]
fn a_recorded_answer_comes_back_with_the_same_bytes_after_reopening() {
    let store = store_with_run();
    let answer: Result<String, String> = Err("the agent said \u{0} \u{1f4a5} 0.1".to_owned());
    let journal = Journal::open(&store, "r1").unwrap();
    let live = block_on(journal.step(key("a", 1), "hi", || async { answer.clone() })).unwrap();
    drop(journal);
    let journal = Journal::open(&store, "r1").unwrap();
    let again: Result<String, String> = block_on(journal.step(key("a", 1), "hi", pending)).unwrap();
    assert_eq!((&live, &again), (&answer, &answer));
    assert_eq!(journal.steps(), 1);
}

#[test]
fn a_step_that_asks_something_else_is_a_divergence_and_makes_no_call() {
    let store = store_with_run();
    let journal = Journal::open(&store, "r1").unwrap();
    block_on(journal.step(key("a", 3), "hi", || async { "hello".to_owned() })).unwrap();
    let error = block_on(journal.step(key("a", 3), "bye", no_call)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Divergence);
    insta::assert_snapshot!(error, @"case `a`, trial 1, agent step 3: what is asked now is not what was recorded");
}

#[test]
fn the_answers_of_two_runs_do_not_mix() {
    let store = store_with_run();
    store.create_run(&run("r2", 2, &["a"])).unwrap();
    for id in ["r1", "r2"] {
        let journal = Journal::open(&store, id).unwrap();
        block_on(journal.step(key("a", 1), "hi", || async { id.to_owned() })).unwrap();
    }
    let journal = Journal::open(&store, "latest").unwrap();
    assert_eq!(block_on(journal.step(key("a", 1), "hi", no_call)).unwrap(), "r2");
}

#[test]
fn a_run_is_judged_again_without_being_simulated_again() {
    let store = store_with_run();
    let ask = |role, answer: &str| {
        let journal = Journal::open(&store, "r1").unwrap();
        let key = StepKey { role, ..key("a", 1) };
        block_on(journal.step(key, "hi", || async { answer.to_owned() })).unwrap()
    };
    ask(StepRole::Agent, "closed");
    assert_eq!(ask(StepRole::Judge, "pass"), "pass");
    store.judge_again("r1", &Judging::by("offline")).unwrap();
    assert_eq!(ask(StepRole::Judge, "never asked: the first round was interrupted"), "pass");
    store.finish_run("r1").unwrap();
    store.judge_again("r1", &Judging::by("offline")).unwrap();
    assert_eq!(ask(StepRole::Judge, "fail"), "fail");
    store.judge_again("r1", &Judging::by("openai:/gpt-5")).unwrap();
    assert_eq!(ask(StepRole::Judge, "another judge"), "another judge");
    assert_eq!(ask(StepRole::Agent, "never asked"), "closed");
}

#[test]
fn a_future_that_is_dropped_after_the_answer_leaves_the_answer_recorded() {
    let store = store_with_run();
    let journal = Journal::open(&store, "r1").unwrap();
    {
        let mut step = pin!(journal.step(key("a", 1), "hi", || async { "paid for".to_owned() }));
        // One look: the call answers at once, and the writing is waited for, or already done.
        let _ = step.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    assert_eq!(block_on(journal.step(key("a", 1), "hi", no_call)).unwrap(), "paid for");
}

#[test]
fn a_future_that_is_dropped_before_the_answer_can_be_asked_again() {
    let store = store_with_run();
    let journal = Journal::open(&store, "r1").unwrap();
    {
        let mut step = pin!(journal.step(key("a", 1), "hi", pending::<String>));
        assert!(step.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let twice = block_on(journal.step(key("a", 1), "hi", no_call)).unwrap_err();
        assert_eq!(twice.kind(), ErrorKind::Usage);
    }
    assert_eq!(block_on(journal.step(key("a", 1), "hi", || async { "yes".to_owned() })).unwrap(), "yes");
}

#[test]
fn thousands_of_steps_at_once_are_all_recorded() {
    let store = store_with_run();
    let journal = Journal::open(&store, "r1").unwrap();
    let steps = (0..3000).map(|n| {
        let journal = &journal;
        async move { journal.step(key("a", n), &n, || async move { n * 2 }).await.unwrap() }
    });
    let answers = block_on(futures::future::join_all(steps));
    assert!(answers.iter().enumerate().all(|(n, answer)| *answer == 2 * n as u32));
    drop(journal);
    assert_eq!(Journal::open(&store, "r1").unwrap().steps(), 3000);
}

#[test]
fn an_answer_that_cannot_be_recorded_is_not_used() {
    let store = store_with_run();
    let journal = Journal::open(&store, "r1").unwrap();
    let other = rusqlite::Connection::open(store.path()).unwrap();
    other.execute_batch("DROP TABLE steps").unwrap();
    let error = block_on(journal.step(key("a", 1), "hi", || async { "unsaved".to_owned() })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("could not be recorded"), "{error}");
}

#[test]
fn two_that_distil_at_once_have_one_answer_and_the_later_one_makes_no_call() {
    let store = Store::temporary().unwrap();
    let key = |case| StepKey { case: String::from(case), trial: 0, position: 0, role: StepRole::Distiller };
    let (one, other) = (Journal::of_distillation(&store).unwrap(), Journal::of_distillation(&store).unwrap());
    let first = block_on(one.step(key("a"), "a", || async { "first".to_owned() })).unwrap();
    assert_eq!((first, block_on(other.step(key("a"), "a", no_call)).unwrap()), ("first".into(), "first".into()));

    // Both make their call before either has an answer.
    let meanwhile = async || {
        let inner = other.step(key("b"), "b", || async { "inner".to_owned() }).await.unwrap();
        assert_eq!(inner, "inner");
        "outer".to_owned()
    };
    assert_eq!(block_on(one.step(key("b"), "b", meanwhile)).unwrap(), "inner");
}

#[test]
fn answers_that_wait_together_are_written_together() {
    const ANSWERS: u32 = 5_000;
    let store = store_with_run();
    let [reader, writer] = [(), ()].map(|()| rusqlite::Connection::open(store.path()).unwrap());
    let journal = Journal::open(&store, "r1").unwrap();
    // As long as somebody reads, the log of what is written only grows.
    reader.execute_batch("BEGIN; SELECT count(*) FROM steps").unwrap();
    // The journal waits for this lock, and everybody's answers for the journal.
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let log = || std::fs::metadata(format!("{}-wal", store.path().display())).unwrap().len();
    let before = log();
    block_on(async {
        let steps = (0..ANSWERS).map(|n| {
            let journal = &journal;
            async move { journal.step(key("a", n), &n, || async move { n }).await.unwrap() }
        });
        let unlock = async { writer.execute_batch("COMMIT").unwrap() };
        futures::join!(futures::future::join_all(steps), unlock)
    });
    // A transaction writes a page of the table and one of its index at the least.
    let pages = (log() - before) / 16_384;
    assert!(pages < u64::from(ANSWERS) / 4, "{pages} pages for {ANSWERS} answers");
}

const STORE_OF_THE_KILLED: &str = "REENACT_TEST_STORE_OF_THE_KILLED";

/// Not a story of its own: what the next test runs in a process that it lets die.
#[test]
#[ignore = "run by a_process_that_is_killed_leaves_every_answer_that_it_used"]
fn answers_until_it_is_killed() {
    let Ok(path) = std::env::var(STORE_OF_THE_KILLED) else { return };
    let journal = Journal::open(&Store::open(path).unwrap(), "r1").unwrap();
    for n in 0..20 {
        block_on(journal.step(key("a", n), &n, || async move { n })).unwrap();
    }
    std::process::abort();
}

#[test]
fn a_process_that_is_killed_leaves_every_answer_that_it_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    Store::open(&path).unwrap().create_run(&run("r1", 1, &["a"])).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "journal::answers_until_it_is_killed"])
        .env(STORE_OF_THE_KILLED, &path)
        .output()
        .unwrap()
        .status;
    assert!(!status.success());

    let store = Store::open_existing(&path).unwrap();
    let _lease = store.lease("r1").unwrap();
    let journal = Journal::open(&store, "r1").unwrap();
    assert_eq!(journal.steps(), 20);
    for n in 0..20 {
        assert_eq!(block_on(journal.step(key("a", n), &n, pending::<u32>)).unwrap(), n);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_was_asked_is_answered_again_without_a_call(
        asked in prop::collection::btree_map(("[ab]", 1u32..3, 0u32..3, 0usize..4), any::<String>(), 0..12)
    ) {
        const ROLES: [StepRole; 4] = [StepRole::User, StepRole::Agent, StepRole::Judge, StepRole::Distiller];
        let store = store_with_run();
        let calls = Cell::new(0);
        let ask_all = |journal: &Journal| -> BTreeMap<_, String> {
            let ask = |((case, trial, position, role), answer): (&(String, u32, u32, usize), &String)| {
                let key = StepKey { case: case.clone(), trial: *trial, position: *position, role: ROLES[*role] };
                let call = || async { calls.set(calls.get() + 1); answer.clone() };
                (key.clone(), block_on(journal.step(key, &(case, position), call)).unwrap())
            };
            asked.iter().map(ask).collect()
        };
        let journal = Journal::open(&store, "r1").unwrap();
        let live = ask_all(&journal);
        prop_assert_eq!(calls.get(), asked.len());
        prop_assert_eq!(&live, &ask_all(&journal));
        drop(journal);
        prop_assert_eq!(&live, &ask_all(&Journal::open(&store, "r1").unwrap()));
        prop_assert_eq!(calls.get(), asked.len());
    }
}

#[tokio::test]
async fn a_step_took_as_long_as_it_took_when_its_call_was_made() {
    let store = Store::temporary().unwrap();
    store.create_run(&run("r1", 1, &["a"])).unwrap();
    let key = || StepKey { case: "a".into(), trial: 1, position: 1, role: StepRole::Agent };
    let slow = || async {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        "done".to_owned()
    };
    let journal = Journal::open(&store, "r1").unwrap();
    let (_, live): (String, u64) = journal.timed_step(key(), "q", slow).await.unwrap();
    drop(journal);
    let journal = Journal::open(&store, "r1").unwrap();
    let (answer, replayed): (String, u64) = journal.timed_step(key(), "q", || async { unreachable!() }).await.unwrap();
    assert!(live >= 20, "{live}");
    assert_eq!((answer.as_str(), replayed), ("done", live));
}
