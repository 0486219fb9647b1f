//! Many conversations at once, and several programs on one store.

use std::process::Command;
use std::time::Duration;

use crate::crashes::{CALLS_EACH, suite};
use crate::model_server::ModelServer;
use crate::stage::{PARCEL, Stage, end, told};

#[cfg(unix)]
#[test]
fn more_conversations_than_files_may_be_open_are_held_where_the_system_gives_more() {
    const CASES: usize = 100;
    let (stage, server) = (Stage::new(), ModelServer::start(Duration::from_millis(50)));
    stage.write("suite.yaml", suite(CASES));
    let run = stage.command(["run", "suite.yaml", "--max-turns", "2", "--concurrency", "100"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -S -n 64; exec "$0" "$@""#]).arg(run.get_program()).args(run.get_args());
    limited.args(server.options()).current_dir(stage.path("")).env_remove("REENACT_STORE");
    let told = told(&mut limited);
    assert_eq!(told.status, Some(1), "{told:?}");
    assert_eq!(server.calls(), CASES * CALLS_EACH);
}

/// Sessions of a user and an agent, `from` and on.
fn chats(from: usize, count: usize) -> String {
    let chat = |n| {
        let messages = format!(
            r#"[{{"role":"user","content":"what about case-{n}"}},{{"role":"assistant","content":"It is on its way."}}]"#
        );
        format!("{{\"id\":\"s{n}\",\"messages\":{messages}}}\n")
    };
    (from..from + count).map(chat).collect()
}

#[test]
fn a_store_takes_sessions_while_a_run_and_distillations_write_to_it() {
    let (stage, server) = (Stage::with_parcels(), ModelServer::start(Duration::from_millis(20)));
    stage.write("first.jsonl", chats(0, 20));
    stage.write("more.jsonl", chats(20, 3_000));
    assert_eq!(stage.reenact(&["import", "first.jsonl"]).status, Some(0));
    stage.write("suite.yaml", PARCEL);
    let model = format!("{}/distiller/v1#m", server.address);
    let start = |args: &[&str]| stage.command(args).spawn().unwrap();
    let run = start(&["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--trials", "5"]);
    let sessions: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
    let sessions = sessions.iter().map(String::as_str);
    let distil = |suite| {
        start(&["distill", "--model", &model, "-o", suite].into_iter().chain(sessions.clone()).collect::<Vec<_>>())
    };
    let (one, other) = (distil("one.yaml"), distil("other.yaml"));
    let import = start(&["import", "more.jsonl"]);
    for (what, child) in [("run", run), ("one", one), ("other", other), ("import", import)] {
        let told = end(child);
        assert_eq!(told.status, Some(0), "{what}: {told:?}");
    }
    let cases = |suite| stage.read(suite).split_once("\ncases:\n").unwrap().1.to_owned();
    assert_eq!(cases("one.yaml").matches("- id: ").count(), 20);
    assert_eq!(cases("one.yaml"), cases("other.yaml"), "two answers to one question");
}
