//! `run --otlp`: what the command tells of traces, what it sends, and what a crash or a collector that is down leaves to be sent.

use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use tokio::net::TcpListener;

use crate::stage::{Stage, end, parcels};

/// A collector on a thread that ends with the tests; it takes everything.
struct Collector {
    address: String,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Collector {
    fn start() -> Collector {
        let got = Arc::new(Mutex::new(Vec::new()));
        let (kept, (tell, told)) = (Arc::clone(&got), std::sync::mpsc::channel());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
                let take = move |headers: HeaderMap, body: Bytes| {
                    kept.lock().unwrap().push((headers, body));
                    async { StatusCode::OK }
                };
                axum::serve(listener, Router::new().route("/v1/traces", axum::routing::post(take))).await.unwrap();
            });
        });
        Collector { address: told.recv().unwrap(), got }
    }

    /// What it got so far, one export request a line.
    fn lines(&self) -> String {
        let got = self.got.lock().unwrap();
        got.iter().map(|(_, body)| format!("{}\n", String::from_utf8(body.to_vec()).unwrap())).collect()
    }
}

/// Where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The sessions that `import` makes of what a collector got, as the lines of a table without its head.
fn imported(stage: &Stage, collector: &Collector) -> Vec<String> {
    stage.write("collected.jsonl", collector.lines());
    assert_eq!(stage.reenact(&["--store", "collected.db", "import", "collected.jsonl", "--strict"]).status, Some(0));
    let sessions = stage.reenact(&["--store", "collected.db", "sessions", "--json"]).json();
    let mut ids: Vec<String> = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn in_json(command: &mut std::process::Command) -> &mut std::process::Command {
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
}

#[test]
fn a_run_sends_its_conversations_in_protobuf_with_the_headers_of_the_environment() {
    let (stage, collector) = (Stage::with_parcels(), Collector::start());
    let mut command = stage.command([
        "run",
        "suite.yaml",
        "--agent",
        "cmd:sh agent.sh",
        "--trials",
        "3",
        "--otlp",
        &collector.address,
    ]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20c2VjcmV0LWtleQ==");
    let told = crate::stage::told(&mut command);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.err.contains(&format!("exported 3 conversations to {}/v1/traces\n", collector.address)), "{told:?}");
    let got = collector.got.lock().unwrap();
    let (headers, body) = &got[0];
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["authorization"], "Basic c2VjcmV0LWtleQ==");
    let holds = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("gen_ai.conversation.id") && holds("where is my parcel"));
}

#[test]
fn a_collector_that_is_down_changes_no_status_and_the_command_says_how_to_send_what_is_kept() {
    let (stage, collector) = (Stage::with_parcels(), Collector::start());
    let told = stage.run_parcels(&["--otlp", &nobody()]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(
        told.err.contains("1 conversation could not be exported, and is kept: cannot connect to http://"),
        "{told:?}"
    );
    let proposed =
        told.err.lines().find_map(|line| line.trim().strip_prefix("send what is kept with `reenact ")).unwrap();
    let mut words: Vec<&str> = proposed.trim_end_matches('`').split(' ').collect();
    *words.last_mut().unwrap() = &collector.address;
    let told = crate::stage::told(in_json(&mut stage.command(words)));
    assert!(told.err.contains("exported 1 conversation to "), "{told:?}");
    assert_eq!(imported(&stage, &collector).len(), 1);
}

#[test]
fn a_run_that_is_killed_and_resumed_sends_each_conversation_once() {
    let (stage, collector) = (Stage::new(), Collector::start());
    stage.write("suite.yaml", parcels(12));
    stage.write("agent.sh", crate::stage::COUNTING_AGENT);
    let run = ["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--concurrency", "2"];
    // Nobody takes traces while it lives, so that what it left is sent by the one that goes on.
    let mut command = stage.command(run.into_iter().chain(["--otlp", &nobody()]));
    let mut child = command.env("DELAY", "0.05").spawn().unwrap();
    stage.wait_for_lines("calls", 9);
    child.kill().unwrap();
    end(child);
    let resumed = ["run", "--resume", "latest", "--otlp", &collector.address, "--json"];
    let told = crate::stage::told(in_json(&mut stage.command(resumed)));
    let trials = told.json()["trials"].as_array().unwrap().clone();
    let mut sessions: Vec<String> =
        trials.iter().map(|trial| trial["session_id"].as_str().unwrap().to_owned()).collect();
    sessions.sort();
    assert!(told.err.contains("exported 12 conversations to "), "{told:?}");
    assert_eq!(imported(&stage, &collector), sessions);
    let roots = collector.lines().matches("\"name\":\"conversation ").count();
    assert_eq!(roots, 12);
}

#[test]
fn what_is_no_collector_is_refused_before_anything_is_tried() {
    let stage = Stage::with_parcels();
    for (more, says) in [
        (&["--otlp", "localhost:4318"][..], "localhost"),
        (&["--otlp", "http://me:hunter22@host"][..], "has a user or a password in it"),
        (
            &["--otlp", "http://host", "--otlp-simulator", "http://host/v1/traces"][..],
            "cannot go to http://host/v1/traces",
        ),
    ] {
        let told = stage.run_parcels(more);
        assert!(told.refusal().contains(says) && !told.err.contains("hunter22"), "{told:?}");
    }
    assert_eq!(stage.lines("calls").len(), 0);
}
