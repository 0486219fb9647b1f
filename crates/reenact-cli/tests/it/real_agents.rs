//! Agents that are real programs in other languages, on the official SDKs of their protocols: each plays a suite, each is killed
//! once in the middle of a turn. `.ci/test` installs what they need and runs them.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::stage::{PARCEL, Stage, Told, end};

const NEEDS: &str = "run `.ci/test`, which installs what these agents need";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python with the packages of `tests/agents/requirements.txt`.
pub(crate) fn python() -> String {
    let own = root().join("target/agents-venv/bin/python");
    let python = std::env::var("REENACT_AGENTS_PYTHON").map_or(own, PathBuf::from);
    assert!(python.exists(), "there is no {}: {NEEDS}", python.display());
    python.display().to_string()
}

fn example(name: &str) -> String {
    root().join("examples/agents").join(name).display().to_string()
}

pub(crate) fn fixture(name: &str) -> String {
    root().join("crates/reenact-cli/tests/agents").join(name).display().to_string()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The parcel story on a stage, with an agent file.
fn stage(agent: &str) -> Stage {
    let stage = Stage::new();
    stage.write("suite.yaml", PARCEL);
    stage.write("agent.yaml", agent);
    stage
}

fn run(stage: &Stage, trials: &str) -> Told {
    stage.reenact(&["run", "suite.yaml", "--agent", "agent.yaml", "--trials", trials, "--concurrency", "1", "--json"])
}

fn outcomes(told: &Told) -> Vec<String> {
    let run = told.json();
    let trials = run["trials"].as_array().unwrap_or_else(|| panic!("{told:?}"));
    trials.iter().map(|trial| trial["outcome"].as_str().unwrap().to_owned()).collect()
}

/// The reason of the one trial that errored; the others passed, and a resumed run tells the same without asking anybody.
fn errored_once(stage: &Stage, told: &Told) -> String {
    let mut seen = outcomes(told);
    seen.sort();
    assert_eq!(seen, ["errored", "passed", "passed"], "{told:?}");
    assert_eq!(told.status, Some(3), "{told:?}");
    let resumed = stage.reenact(&["run", "--resume", "latest", "--json"]);
    assert_eq!(resumed.json(), told.json());
    let trials = told.json();
    let errored =
        trials["trials"].as_array().unwrap().iter().find(|trial| trial["outcome"] == "errored").unwrap().clone();
    errored["ending"]["detail"]["reason"].as_str().unwrap_or_else(|| panic!("{errored}")).to_owned()
}

#[test]
#[ignore = "needs Python"]
fn the_example_in_python_finds_the_parcel_with_its_tool() {
    let agent = format!("cmd:{} {}", python(), example("agent.py"));
    let stage = stage("agent: recorded");
    let told = stage.reenact(&["run", "suite.yaml", "--agent", &agent, "--json"]);
    assert_eq!(outcomes(&told), ["passed"]);
    assert!(told.out.contains("find_order"), "{told:?}");
}

#[cfg(unix)]
#[test]
#[ignore = "needs Python"]
fn the_example_in_python_that_is_killed_in_the_middle_of_a_turn_costs_that_conversation_only() {
    let stage = stage("agent: recorded");
    let agent = format!("cmd:{} {} {}", python(), fixture("halted.py"), example("agent.py"));
    let run = stage.command(["run", "suite.yaml", "--agent", &agent, "--trials", "3", "--json"]).spawn().unwrap();
    stage.wait_for_lines("halted", 1);
    let killed = std::process::Command::new("kill").args(["-9", &stage.lines("halted")[0]]).status().unwrap();
    assert!(killed.success());
    let told = end(run);
    let reason = errored_once(&stage, &told);
    assert!(reason.contains("was killed by signal 9 without an answer"), "{reason}");
    let of_errored = |trial: &&Value| trial["outcome"] == "errored";
    let trials = told.json()["trials"].clone();
    let errored = trials.as_array().unwrap().iter().find(of_errored).unwrap();
    let said = errored["conversation"].as_array().unwrap().last().unwrap();
    assert!(said["text"].as_str().unwrap().contains("4711"), "it had answered before: {errored}");
}

/// Node runs TypeScript as it is from 22.18 on; for older ones it is compiled first.
#[test]
#[ignore = "needs Node"]
fn the_example_in_typescript_finds_the_parcel() {
    let stage = stage("agent: recorded");
    let version = std::process::Command::new("node").arg("--version").output().expect(NEEDS);
    let version = String::from_utf8(version.stdout).unwrap();
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(|number| number.parse::<u32>().unwrap());
    let runs_types = (numbers.next(), numbers.next()) >= (Some(22), Some(18));
    let program = match runs_types {
        true => example("agent.ts"),
        false => {
            let modules = root().join("target/agents-node/node_modules");
            let types = modules.join("@types").display().to_string();
            let compiled = std::process::Command::new(modules.join(".bin/tsc"))
                .args([
                    "--module",
                    "nodenext",
                    "--target",
                    "es2022",
                    "--strict",
                    "--types",
                    "node",
                    "--typeRoots",
                    &types,
                ])
                .args(["--outDir", &stage.path("js").display().to_string(), &example("agent.ts")])
                .output()
                .expect(NEEDS);
            assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stdout));
            stage.path("js/agent.js").display().to_string()
        }
    };
    let told = stage.reenact(&["run", "suite.yaml", "--agent", &format!("cmd:node {program}"), "--json"]);
    assert_eq!(outcomes(&told), ["passed"], "{told:?}");
}

#[cfg(unix)]
#[test]
fn the_example_in_shell_finds_the_parcel() {
    let stage = stage("agent: recorded");
    let told = stage.reenact(&["run", "suite.yaml", "--agent", &format!("cmd:sh {}", example("agent.sh")), "--json"]);
    assert_eq!(outcomes(&told), ["passed"], "{told:?}");
}

/// The agent of `examples/agents/threads.py`, with more lines in its file.
fn threads(stage: &Stage, more: &str) {
    let (port, python, program) = (free_port(), python(), example("threads.py"));
    stage.write(
        "agent.yaml",
        format!(
            "agent: http://127.0.0.1:{port}/v1/chat/completions\nstateful: true\nstart: {python} {program} {port}\n\
             ready: http://127.0.0.1:{port}/health\n{more}"
        ),
    );
}

#[test]
#[ignore = "needs Python"]
fn all_turns_of_an_agent_that_keeps_its_threads_land_in_one_session_of_its_own_traces() {
    let stage = stage("");
    threads(&stage, "variables: {SPANS: spans.jsonl}");
    let told = run(&stage, "3");
    assert_eq!(outcomes(&told), ["passed"; 3], "{told:?}");

    let imported = stage.reenact(&["--store", "traces.db", "import", "spans.jsonl"]);
    assert_eq!(imported.status, Some(0), "{imported:?}");
    for trial in told.json()["trials"].as_array().unwrap() {
        let id = trial["session_id"].as_str().unwrap();
        let session = stage.reenact(&["--store", "traces.db", "sessions", "show", id, "--json"]).json();
        let said = |conversation: &Value| -> Vec<(String, String)> {
            let messages = conversation.as_array().unwrap().iter();
            messages.map(|m| (m["speaker"].as_str().unwrap().into(), m["text"].as_str().unwrap().into())).collect()
        };
        let conversation = &session["messages"];
        assert_eq!(said(conversation), said(&trial["conversation"]));
        let of_session = |line: &String| line.contains(id);
        let traces: std::collections::BTreeSet<String> =
            stage.lines("spans.jsonl").iter().filter(|line| of_session(line)).map(|line| trace_id(line)).collect();
        assert_eq!(traces.len(), 1, "one trace for the session");
    }
}

fn trace_id(line: &str) -> String {
    let span: Value = serde_json::from_str(line).unwrap();
    span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"].as_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs Python"]
fn an_agent_that_keeps_its_threads_and_dies_in_the_middle_of_a_turn_costs_that_conversation_only() {
    let stage = stage("");
    threads(&stage, "variables: {DIE_ONCE: died}");
    let told = run(&stage, "3");
    let reason = errored_once(&stage, &told);
    assert!(reason.contains("exited with status 9") && reason.contains("fatal: out of parcels"), "{reason}");
}

#[test]
#[ignore = "needs Python"]
fn a_streaming_agent_that_is_cut_off_in_its_stream_costs_that_conversation_only() {
    let stage = stage("");
    threads(&stage, "stream: true\nvariables: {CUT_ONCE: cut}");
    let told = run(&stage, "3");
    let reason = errored_once(&stage, &told);
    assert!(reason.contains("exited with status 9") && reason.contains("fatal: the line was cut"), "{reason}");
}

#[cfg(unix)]
#[test]
#[ignore = "needs Python"]
fn a_run_that_is_killed_takes_its_agent_with_it_and_goes_on_where_it_was() {
    let stage = stage("");
    threads(&stage, "variables: {SPANS: spans.jsonl}");
    let args = ["run", "suite.yaml", "--agent", "agent.yaml", "--trials", "40", "--concurrency", "1", "--json"];
    let mut child = stage.command(args).spawn().unwrap();
    stage.wait_for_lines("spans.jsonl", 20);
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = stage.reenact(&["run", "--resume", "latest", "--json"]);
    let outcomes = outcomes(&resumed);
    assert_eq!(outcomes.len(), 40);
    // One conversation may have been in the middle: the agent that knew it is gone, and it says so.
    let errored = outcomes.iter().filter(|outcome| *outcome == "errored").count();
    assert!(errored <= 1, "{outcomes:?}");
    assert!(errored == 0 || resumed.out.contains("the process that had this one is gone"), "{resumed:?}");
}

fn a2a(stage: &Stage, version: &str, more: &str) {
    let (port, python, program) = (free_port(), python(), fixture("a2a_agent.py"));
    stage.write(
        "agent.yaml",
        format!("agent: a2a:http://127.0.0.1:{port}\nstart: {python} {program} {port} {version}\n{more}"),
    );
}

#[test]
#[ignore = "needs Python"]
fn an_a2a_agent_on_the_official_sdk_asks_waits_and_answers_in_both_versions_streamed_or_not() {
    for (version, more) in [("1.0", ""), ("1.0", "stream: true"), ("0.3", ""), ("0.3", "stream: true")] {
        let stage = stage("");
        a2a(&stage, version, more);
        let told = run(&stage, "2");
        assert_eq!(outcomes(&told), ["passed"; 2], "{version} {more}: {told:?}");
        assert!(
            told.out.contains(r#""agent_version":"7""#) || told.out.contains(r#""agent_version": "7""#),
            "{told:?}"
        );
    }
}

#[test]
#[ignore = "needs Python"]
fn an_a2a_agent_that_dies_in_the_middle_of_a_turn_costs_that_conversation_only() {
    let stage = stage("");
    a2a(&stage, "1.0", "variables: {DIE_ONCE: died}");
    let told = run(&stage, "3");
    let reason = errored_once(&stage, &told);
    assert!(reason.contains("exited with status 9") && reason.contains("fatal: out of parcels"), "{reason}");
}

/// A model with the tools of the official SDK's server, as a program or behind an address.
fn with_tools(stage: &Stage, tools: &str, start_tools: &str, tools_port: &str) {
    let (port, python, model) = (free_port(), python(), fixture("tool_model.py"));
    let start = format!("{start_tools} exec {python} {model} {port} {tools_port}");
    let start = serde_json::to_string(&format!("sh -c '{start}'")).unwrap();
    stage.write(
        "agent.yaml",
        format!(
            "agent: model:http://127.0.0.1:{port}/v1#m\nprompt: You find parcels.\nstart: {start}\n\
             ready: http://127.0.0.1:{port}/health\ntools: [{tools}]"
        ),
    );
}

#[cfg(unix)]
#[test]
#[ignore = "needs Python"]
fn a_model_finds_the_parcel_with_the_tools_of_a_program_and_of_an_address() {
    let (python, program) = (python(), fixture("mcp_tools.py"));
    let as_program = stage("");
    with_tools(&as_program, &format!("{{command: {python} {program}}}"), "", "");
    let port = free_port().to_string();
    let behind_address = stage("");
    let start = format!("{python} {program} {port} &");
    with_tools(&behind_address, &format!("{{url: http://127.0.0.1:{port}/mcp}}"), &start, &port);
    for stage in [as_program, behind_address] {
        let told = run(&stage, "2");
        assert_eq!(outcomes(&told), ["passed"; 2], "{told:?}");
        let trial = told.json()["trials"][0].clone();
        let called =
            trial["conversation"].as_array().unwrap().iter().any(|m| m["tool_calls"][0]["name"] == "find_parcel");
        let answered = trial["conversation"]
            .as_array()
            .unwrap()
            .iter()
            .any(|m| m["speaker"] == "tool" && m["text"] == "on its way");
        assert!(called && answered, "{trial}");
    }
}

#[cfg(unix)]
#[test]
#[ignore = "needs Python"]
fn a_server_of_tools_that_dies_in_the_middle_of_a_call_costs_that_conversation_only() {
    let stage = stage("");
    let tools = format!("{{command: {} {}, variables: {{DIE_ONCE: died}}}}", python(), fixture("mcp_tools.py"));
    with_tools(&stage, &tools, "", "");
    let told = run(&stage, "3");
    let reason = errored_once(&stage, &told);
    assert!(reason.contains("exited with status 9") && reason.contains("fatal: out of parcels"), "{reason}");
}
