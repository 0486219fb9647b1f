//! Agents in Python that are instrumented as people instrument theirs, sending to `reenact serve` by the exporters of OpenTelemetry and MLflow. `.ci/test`
//! installs what they need and runs them.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::real_agents::{fixture, python};
use crate::served::Served;

const SESSIONS: [&str; 2] = ["shop-1", "shop-2"];

/// What each session is, however it was traced: each message once, in the order in which it was said.
fn expected() -> Value {
    json!([
        ["operator", "You keep a shop."],
        ["user", "is the shop open"],
        ["agent", "you said: is the shop open"],
        ["user", "where is order 4711"],
        ["agent", "find_order {\"order\":4711}"],
        ["tool", "delivered"],
        ["agent", "It is delivered."],
        ["user", "thank you"],
        ["agent", "you said: thank you"]
    ])
}

/// Who said what in a session, as far as it is in the store.
fn said(served: &Served, session: &str) -> Value {
    let told = served.stage.reenact(&["sessions", "show", session, "--json"]);
    if told.status != Some(0) {
        return Value::Null;
    }
    let line = |message: &Value| match message["tool_calls"][0].as_object() {
        Some(call) => {
            let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
            json!([message["speaker"], format!("{} {arguments}", call["name"].as_str().unwrap())])
        }
        None => json!([message["speaker"], message["text"]]),
    };
    told.json()["messages"].as_array().unwrap().iter().map(line).collect()
}

fn traced(kind: &str, settings: &[(&str, &str)]) {
    let served = Served::start(&[]);
    let endpoint = format!("http://{}", served.address);
    let mut agent = Command::new(python());
    agent.arg(fixture("traced.py")).arg(kind).args(SESSIONS);
    agent.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    agent.env("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental");
    agent.env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only");
    for (name, value) in settings {
        agent.env(name, value.replace("ENDPOINT", &endpoint));
    }
    let told = agent.output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let began = Instant::now();
    for session in SESSIONS {
        while said(&served, session) != expected() {
            let standing = served.get("/api/receiver").body;
            let seen = said(&served, session);
            let stderr = String::from_utf8_lossy(&told.stderr);
            assert!(began.elapsed() < Duration::from_secs(60), "{kind} {session}: {seen:#} {standing} {stderr}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let listed = served.get("/api/sessions").json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), SESSIONS.len(), "{listed:#}");
}

#[test]
#[ignore = "needs Python"]
fn an_agent_by_the_conventions_for_generative_ai_is_heard_over_http_and_grpc() {
    traced("genai", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
    traced("genai", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
}

#[test]
#[ignore = "needs Python"]
fn an_agent_by_openinference_is_heard_over_http_and_grpc() {
    let gzip = ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    traced("openinference", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), gzip]);
    traced("openinference", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), gzip]);
}

#[test]
#[ignore = "needs Python"]
fn an_agent_that_mlflow_traces_is_heard() {
    let settings = [
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ENDPOINT/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
        // Nobody is there, and nobody is asked.
        ("MLFLOW_TRACKING_URI", "http://127.0.0.1:9"),
    ];
    traced("mlflow", &settings);
}
