//! A run that is killed again and again against a model server: nothing is lost, and no answer that was kept is asked for
//! twice.
//!
//! An answer is *complete* once the journal has it. One that was sent at the moment of the kill may be lost on its way
//! there; it is asked for again, and there are never more of these than calls on their way.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::model_server::{Call, ModelServer};
use crate::resume::{RESUME, moments};
use crate::stage::{Stage, Told, end, told};

const CONCURRENCY: usize = 8;
/// Two turns of a user's and an agent's call, and two expectations.
pub(crate) const CALLS_EACH: usize = 6;

/// A conversation says its case's name in every request, by which the server knows it.
pub(crate) fn suite(cases: usize) -> String {
    let case = |n: usize| {
        format!(
            "  - id: case-{n}\n    goal: |\n      ask about case-{n}\n      ask what case-{n} costs\n    expectations:\n      - {{ id: e0, text: question-0 is answered }}\n      - {{ id: e1, text: question-1 is answered }}\n"
        )
    };
    format!("suite: crashes\ncases:\n{}", (1..=cases).map(case).collect::<String>())
}

/// The arguments of a run of the suite against a server.
fn run(server: &ModelServer) -> Vec<String> {
    let fixed = ["run", "suite.yaml", "--max-turns", "2", "--json", "--concurrency"].map(str::to_owned);
    fixed.into_iter().chain([CONCURRENCY.to_string()]).chain(server.options()).collect()
}

/// The whole output without what the run's id, the clock and the address of the server bring in.
fn output(told: &Told, server: &ModelServer) -> Value {
    let mut output: Value = serde_json::from_str(&told.out.replace(&server.address, "SERVER")).unwrap();
    for (part, id) in [("run", "id"), ("report", "run")] {
        let part = output[part].as_object_mut().unwrap();
        part.remove(id).unwrap();
        part.remove("created_at").unwrap();
    }
    for trial in output["trials"].as_array_mut().unwrap() {
        let trial = trial.as_object_mut().unwrap();
        trial.remove("session_id").unwrap();
        trial.remove("agent_latencies_ms").unwrap();
    }
    output
}

/// The calls whose answers the journal has at this moment.
fn recorded(stage: &Stage) -> BTreeSet<Call> {
    let store =
        Connection::open_with_flags(stage.path(".reenact/store.db"), OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let mut steps = store.prepare("SELECT case_id, role, position FROM steps").unwrap();
    let call = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    steps.query_map([], call).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Kills a run at so many moments that look random, and looks at what is left of it each time.
fn play(cases: usize, kills: usize, seed: u64) {
    let (stage, server) = (Stage::new(), ModelServer::start(Duration::from_millis(3)));
    stage.write("suite.yaml", suite(cases));
    // So many calls before each kill that the kills are spread over the whole run.
    let calls_between = 2 * (cases * CALLS_EACH / kills) as u64;
    let mut moments = moments(seed);
    let mut child = stage.command(run(&server)).spawn().unwrap();
    let mut kept_at_kills: Vec<BTreeSet<Call>> = Vec::new();
    for kill in 0..kills {
        let calls = server.calls() + usize::from(kill == 0) + (moments.next().unwrap() % calls_between) as usize;
        stage.wait_until(|| server.calls() >= calls || child.try_wait().unwrap().is_some());
        std::thread::sleep(Duration::from_micros(moments.next().unwrap() % 4_000));
        assert!(child.try_wait().unwrap().is_none(), "the run was over at kill {kill}");
        child.kill().unwrap();
        child.wait().unwrap();
        kept_at_kills.push(recorded(&stage));
        server.next_attempt();
        child = stage.command(RESUME).spawn().unwrap();
    }
    let resumed = end(child);
    assert_eq!(resumed.status, Some(1), "{resumed:?}");
    nothing_kept_is_asked_again(&server, &kept_at_kills);

    let undisturbed = (Stage::new(), ModelServer::start(Duration::ZERO));
    undisturbed.0.write("suite.yaml", suite(cases));
    let whole = told(&mut undisturbed.0.command(run(&undisturbed.1)));
    assert_eq!(output(&resumed, &server), output(&whole, &undisturbed.1));
    assert_eq!(undisturbed.1.calls(), cases * CALLS_EACH);
    assert_eq!(recorded(&stage).len(), cases * CALLS_EACH);
}

fn nothing_kept_is_asked_again(server: &ModelServer, kept_at_kills: &[BTreeSet<Call>]) {
    let asked = server.asked();
    let mut lost = vec![0; kept_at_kills.len()];
    for (call, times) in &asked {
        let kept = kept_at_kills.iter().position(|kept| kept.contains(call)).unwrap_or(kept_at_kills.len());
        let last = times.iter().map(|asked| asked.attempt).max().unwrap();
        assert_eq!(last, kept, "{call:?} was kept at kill {kept} and asked for in attempts {times:?}");
        times.iter().filter(|asked| asked.attempt < kept && asked.answered).for_each(|asked| lost[asked.attempt] += 1);
    }
    let most = lost.iter().max().copied().unwrap_or_default();
    assert!(most <= CONCURRENCY, "{most} answers were lost by one kill");
    println!(
        "{} calls for {} answers: of those that were asked again, {} were sent and lost by a kill, {most} by one kill at the most",
        server.calls(),
        asked.len(),
        lost.iter().sum::<usize>()
    );
}

#[test]
fn a_run_that_is_killed_at_twenty_moments_ends_like_an_undisturbed_one() {
    play(20, 20, 11);
}

#[test]
#[ignore = "takes a minute"]
fn a_run_that_is_killed_at_two_hundred_moments_ends_like_an_undisturbed_one() {
    play(200, 200, 12);
}
