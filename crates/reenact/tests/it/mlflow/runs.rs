//! Runs logged to a server: each turn a trace of its session, each verdict on the right one, and nothing twice or lost whatever the server does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use reenact::agent;
use reenact::case::Staging;
use reenact::export::{Destination, Exported, Exporting, Exports, Tracking, log_run};
use reenact::run::{Event, Part, Participants, Stop, rejudge, run_exported};
use reenact::{
    Agent, AgentFault, AgentReply, AgentTurn, Brief, Check, Environment, Expectation, FaultKind, Judging, Message,
    Panel, Plan, Run, RunOutput, Store, Suite, TestCase, ToolCall,
};
use serde_json::{Value, json};

use super::fake::{Fake, refuses};

const TRACES: &str = "/api/3.0/mlflow/traces";

fn case(id: &str) -> TestCase {
    let expectation = |id: &str, check| Expectation { id: id.into(), text: None, check };
    let script = ["hello", "yes", "bye"].map(str::to_owned).to_vec();
    TestCase {
        id: id.into(),
        brief: Brief {
            goal: format!("find out about {id} {}", "and more ".repeat(40)),
            persona: Some("terse".into()),
            guidelines: vec!["one".into(), "two".into()],
            ..Brief::default()
        },
        expectations: vec![
            expectation("greets", Check::Contains("hello".into())),
            expectation("sells", Check::Contains("buy now".into())),
            Expectation { id: "polite".into(), text: Some("the agent is polite".into()), check: Check::Judged },
        ],
        staging: Staging { script, ..Staging::default() },
        ..TestCase::default()
    }
}

fn suite(ids: &[&str]) -> Suite {
    Suite { name: Some("shop".into()), cases: ids.iter().map(|id| case(id)).collect() }
}

/// An agent that looks something up in its second turn.
fn clerk() -> Arc<dyn Agent> {
    Arc::new(agent::from_fn(|turn: AgentTurn<'_>| {
        let call = ToolCall { id: Some("c1".into()), name: "find".into(), arguments: r#"{"n":1}"#.into() };
        let found = Message {
            tool_call_id: Some("c1".into()),
            name: Some("find".into()),
            ..Message::new(reenact::Speaker::Tool, "found")
        };
        let messages = match turn.turn {
            2 => vec![Message { tool_calls: vec![call], ..Message::agent("") }, found, Message::agent("I found it.")],
            n => vec![Message::agent(format!("hello {n}"))],
        };
        async move { Ok(AgentReply { messages, ..AgentReply::default() }) }
    }))
}

fn participants(agent: Arc<dyn Agent>) -> Participants {
    Participants { agent, user: Part::Offline, judge: Panel::offline() }
}

fn to(fake: &Fake) -> Exports {
    let exports = Exports::default().with_mlflow(Tracking::new(fake.server(), "support")).unwrap();
    exports.with_patience(Duration::from_millis(1500))
}

fn planned(store: &Store, ids: &[&str]) -> Run {
    let run = Run::new(Plan { agent: "demo:clerk".into(), ..Plan::default() }, suite(ids));
    store.create_run(&run).unwrap();
    run
}

async fn play(store: &Store, run: &Run, agent: Arc<dyn Agent>, exports: &Exports) -> (RunOutput, Exported) {
    let told = Mutex::new(None);
    let listen = |event: Event<'_>| {
        if let Event::Exported(exported) = event {
            *told.lock().unwrap() = Some(exported.clone());
        }
    };
    let output = run_exported(store, run, &participants(agent), &Stop::default(), &listen, exports).await.unwrap();
    (output, told.into_inner().unwrap().unwrap())
}

/// The traces of each session, in the order of their turns.
fn sessions(fake: &Fake) -> BTreeMap<String, Vec<Value>> {
    let mut sessions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for trace in &fake.world().traces {
        let session = trace["trace_metadata"]["mlflow.trace.session"].as_str().unwrap().to_owned();
        sessions.entry(session).or_default().push(trace.clone());
    }
    sessions.values_mut().for_each(|traces| traces.sort_by_key(|trace| trace["request_time"].to_string()));
    sessions
}

fn assessment(trace: &Value, kind: &str, name: &str) -> Value {
    let all = trace["assessments"].as_array().unwrap();
    let found: Vec<&Value> = all.iter().filter(|a| a["assessment_name"] == name && a[kind].is_object()).collect();
    assert_eq!(found.len(), 1, "one {kind} {name} in {all:?}");
    found[0].clone()
}

#[tokio::test]
async fn each_turn_is_a_trace_of_its_session_with_what_the_pages_of_mlflow_show() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a", "b"]);
    let (output, exported) = play(&store, &run, clerk(), &to(&fake)).await;
    assert_eq!((exported.what, exported.sent, exported.waiting), (Exporting::Mlflow, 2, 0), "{exported:?}");
    let sessions = sessions(&fake);
    assert_eq!(sessions.keys().cloned().collect::<Vec<_>>().len(), 2);
    for trial in &output.trials {
        let traces = &sessions[&trial.session_id];
        assert_eq!(traces.len(), 3);
        for (n, trace) in traces.iter().enumerate() {
            let metadata = &trace["trace_metadata"];
            assert_eq!(metadata["mlflow.simulation.turn"], n.to_string());
            assert_eq!(metadata["mlflow.simulation.persona"], "terse");
            assert_eq!(metadata["mlflow.simulation.simulation_guidelines"], "one\ntwo");
            assert_eq!(metadata["mlflow.sourceRun"], "r1");
            assert_eq!(metadata["reenact.case"], trial.case);
            let goal = metadata["mlflow.simulation.goal"].as_str().unwrap();
            assert_eq!((goal.chars().count(), goal.chars().last()), (250, Some('…')));
            assert_eq!(trace["trace_location"]["mlflow_experiment"]["experiment_id"], "7");
            assert_eq!(trace["state"], "OK");
        }
        assert_eq!(
            (&traces[1]["request_preview"], &traces[1]["response_preview"]),
            (&json!("yes"), &json!("I found it."))
        );
        let ids: Vec<&str> = traces.iter().map(|trace| trace["trace_id"].as_str().unwrap()).collect();
        assert!(ids.iter().all(|id| id.len() == 35 && id.starts_with("tr-")), "{ids:?}");
        assert!(traces[1..].iter().all(|trace| trace.get("assessments").is_none()), "the first trace has them");
    }
    let spans = fake.world().headers.iter().find(|headers| headers.contains_key("x-mlflow-experiment-id")).cloned();
    let headers = spans.expect("a request of spans");
    assert_eq!(headers["x-mlflow-experiment-id"], "7");
    assert_eq!(headers["x-mlflow-run-id"], "r1");
}

#[tokio::test]
async fn what_was_judged_stands_on_the_first_trace_and_what_could_not_be_is_an_error() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a"]);
    play(&store, &run, clerk(), &to(&fake)).await;
    let sessions = sessions(&fake);
    let (session, traces) = sessions.iter().next().unwrap();
    let first = &traces[0];
    let greets = assessment(first, "feedback", "greets");
    assert_eq!(greets["feedback"], json!({"value": "yes"}));
    assert_eq!(greets["source"], json!({"source_type": "CODE", "source_id": "assertion"}));
    assert_eq!(greets["metadata"]["mlflow.trace.session"], session.as_str());
    assert_eq!(greets["metadata"]["mlflow.assessment.sourceRunId"], "r1");
    assert!(greets["rationale"].as_str().unwrap().contains("hello"), "{greets}");
    assert_eq!(assessment(first, "feedback", "sells")["feedback"], json!({"value": "no"}));
    let polite = &assessment(first, "feedback", "polite")["feedback"];
    assert_eq!(polite["error"]["error_code"], "INCONCLUSIVE");
    assert_eq!(polite.get("value"), None, "what nobody judged passes nothing");
    assert_eq!(assessment(first, "expectation", "polite")["expectation"], json!({"value": "the agent is polite"}));
    assert_eq!(assessment(first, "expectation", "greets")["expectation"], json!({"value": r#"{"contains":"hello"}"#}));
    assert_eq!(assessment(first, "feedback", "passed")["feedback"], json!({"value": "no"}));
    assert!(assessment(first, "feedback", "ending")["feedback"]["value"].is_string());
}

#[tokio::test]
async fn the_run_has_its_plan_its_suite_its_figures_and_is_finished() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a", "b"]);
    play(&store, &run, clerk(), &to(&fake)).await;
    let runs = fake.world().runs.clone();
    assert_eq!(runs.len(), 1);
    let tag = |key: &str| {
        runs[0]["data"]["tags"].as_array().unwrap().iter().find(|tag| tag["key"] == key).unwrap()["value"].clone()
    };
    assert_eq!((tag("mlflow.runType"), tag("reenact.run")), (json!("genai_evaluate"), json!(run.id)));
    let named = |list: &str| -> BTreeMap<String, Value> {
        let all = runs[0]["data"][list].as_array().unwrap().iter();
        all.map(|one| (one["key"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
    };
    assert_eq!(named("params")["agent"], "demo:clerk");
    let metrics = named("metrics");
    assert_eq!(
        (&metrics["pass_rate"], &metrics["pass_rate/low"], &metrics["trials/failed"]),
        (&json!(0.0), &json!(0.0), &json!(2.0))
    );
    assert!(metrics["pass_rate/high"].as_f64().unwrap() > 0.0);
    assert_eq!(runs[0]["datasets"][0]["dataset"]["name"], "shop");
    assert_eq!(runs[0]["info"]["status"], "FINISHED");
}

#[tokio::test]
async fn a_server_that_is_down_costs_no_result_and_is_caught_up_once() {
    let (fake, store) =
        (Fake::failing(|_, _| Some((http(503), "down").into_response())).await, Store::temporary().unwrap());
    let run = planned(&store, &["a", "b"]);
    let (output, exported) = play(&store, &run, clerk(), &to(&fake)).await;
    assert_eq!(output.trials.len(), 2);
    assert_eq!((exported.sent, exported.waiting, exported.is_unfinished), (0, 2, true));
    assert!(exported.reason.unwrap().contains("503"));
    let up = Fake::start().await;
    let (_, exported) = play(&store, &run, clerk(), &to(&up)).await;
    assert_eq!((exported.sent, exported.waiting, exported.is_unfinished), (2, 0, false));
    assert_eq!(sessions(&up).values().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    let (before, _) = (up.world().traces.clone(), ());
    let (_, exported) = play(&store, &run, clerk(), &to(&up)).await;
    assert_eq!(exported.sent, 0, "all of it is there");
    assert_eq!(up.world().traces, before);
    assert_eq!(up.world().runs.len(), 1, "the run is found again by its id");
}

/// A server that takes a part and then fails gets the rest, and has nothing twice.
async fn survives(fault: impl Fn(&str, usize) -> Option<Response> + Send + Sync + 'static) {
    let (fake, store) = (Fake::failing(fault).await, Store::temporary().unwrap());
    let run = planned(&store, &["a", "b", "c"]);
    let (_, exported) = play(&store, &run, clerk(), &to(&fake)).await;
    assert_eq!((exported.sent, exported.waiting, exported.is_unfinished), (3, 0, false), "{exported:?}");
    let sessions = sessions(&fake);
    assert_eq!(sessions.values().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3]);
    let ids: std::collections::BTreeSet<String> = sessions
        .values()
        .flat_map(|traces| traces[0]["assessments"].as_array().unwrap())
        .map(|assessment| assessment["assessment_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3 * 8, "three expectations, three verdicts, an ending and an outcome for each");
    assert_eq!(fake.world().runs.len(), 1);
}

#[tokio::test]
async fn a_server_that_fails_in_between_gets_all_of_it_once() {
    survives(|path, before| {
        (path == TRACES && before == 4).then(|| refuses(500, "INTERNAL_ERROR", "database is locked"))
    })
    .await;
    survives(|path, before| (path == "/v1/traces" && before == 0).then(|| (http(429), "").into_response())).await;
    survives(|path, before| {
        (path == "/api/2.0/mlflow/runs/update" && before == 0).then(|| (http(502), "").into_response())
    })
    .await;
    survives(|path, before| {
        (path == "/api/2.0/mlflow/runs/create" && before == 0).then(|| (http(504), "").into_response())
    })
    .await;
}

fn http(status: u16) -> axum::http::StatusCode {
    axum::http::StatusCode::from_u16(status).unwrap()
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_is_told_of_and_keeps_nothing_up() {
    let fake = Fake::failing(|_, _| Some((http(401), "who are you").into_response())).await;
    let store = Store::temporary().unwrap();
    let run = planned(&store, &["a"]);
    let (output, exported) = play(&store, &run, clerk(), &to(&fake)).await;
    assert_eq!((output.trials.len(), exported.waiting), (1, 1));
    assert!(exported.reason.unwrap().contains("401"));
}

#[tokio::test]
async fn an_agent_that_fails_leaves_a_trace_that_says_so_and_no_verdict() {
    let broken: Arc<dyn Agent> = Arc::new(agent::from_fn(|_: AgentTurn<'_>| async {
        Err::<AgentReply, _>(AgentFault::new(FaultKind::Died, "it fell over"))
    }));
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a"]);
    play(&store, &run, broken, &to(&fake)).await;
    let sessions = sessions(&fake);
    let traces = sessions.values().next().unwrap();
    assert_eq!((traces.len(), &traces[0]["state"]), (1, &json!("ERROR")));
    assert!(traces[0]["response_preview"].as_str().unwrap().contains("it fell over"));
    assert_eq!(assessment(&traces[0], "feedback", "passed")["feedback"]["error"]["error_code"], "ERRORED");
    let values = traces[0]["assessments"].as_array().unwrap().iter().filter(|a| a["feedback"]["value"] == "yes");
    assert_eq!(values.count(), 0);
}

#[tokio::test]
async fn an_agent_is_told_the_trace_of_its_turn_so_that_its_own_spans_hang_below_it() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&told);
    let agent: Arc<dyn Agent> = Arc::new(agent::from_fn(move |turn: AgentTurn<'_>| {
        hears.lock().unwrap().push(turn.traceparent());
        async { Ok("hello".to_owned()) }
    }));
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a"]);
    play(&store, &run, agent, &to(&fake)).await;
    let logged: Vec<String> =
        fake.world().traces.iter().map(|t| t["trace_id"].as_str().unwrap()[3..].to_owned()).collect();
    let told: Vec<String> = told.lock().unwrap().iter().map(|parent: &String| parent[3..35].to_owned()).collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|trace| logged.contains(trace)), "{told:?} in {logged:?}");
}

#[tokio::test]
async fn a_run_that_was_judged_again_has_its_new_verdicts_in_place_of_the_old() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a"]);
    play(&store, &run, clerk(), &to(&fake)).await;
    let before = sessions(&fake);
    let output =
        rejudge(&store, &run.id, &Judging::default(), &Panel::offline(), &Stop::default(), &|_| {}).await.unwrap();
    log_run(&output, &Tracking::new(fake.server(), "support")).await.unwrap();
    let after = sessions(&fake);
    assert_eq!(after, before, "the same verdicts, ids and times");
    assert_eq!(fake.world().spans.len(), 1, "no conversation is sent twice");
    assert_eq!(fake.world().runs.len(), 1);
}

#[tokio::test]
async fn a_stored_run_that_was_never_logged_is_logged_whole() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let run = planned(&store, &["a", "b"]);
    let output = reenact::run::run(&store, &run, &participants(clerk()), &Stop::default(), &|_| {}).await.unwrap();
    log_run(&output, &Tracking::new(fake.server(), "support")).await.unwrap();
    assert_eq!(sessions(&fake).values().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    assert_eq!(fake.world().runs[0]["info"]["status"], "FINISHED");
}

#[tokio::test]
async fn the_simulators_calls_cannot_go_to_the_server_of_the_run() {
    let fake = Fake::start().await;
    let simulator = Destination::open(&fake.address, Exporting::Simulator, &Environment::default()).unwrap();
    let exports = Exports::new(None, Some(simulator)).unwrap();
    let error = exports.with_mlflow(Tracking::new(fake.server(), "support")).unwrap_err();
    assert!(error.to_string().contains("the simulator's calls cannot go to"), "{error}");
}
