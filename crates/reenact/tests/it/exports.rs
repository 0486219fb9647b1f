//! Conversations sent to a collector as traces: each arrives once, as the conversation that it was, whatever the collector does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use reenact::agent::{self, AgentSettings};
use reenact::case::Staging;
use reenact::export::{Destination, Exported, Exporting, Exports};
use reenact::import::{Input, Options, import};
use reenact::run::{Event, Part, Participants, Stop, run_exported};
use reenact::{
    Agent, AgentReply, AgentTurn, Cassette, Conversation, Ending, Environment, ErrorKind, Message, Panel, Plan, Result,
    Run, RunOutput, SessionQuery, Speaker, Store, Suite, TestCase, ToolCall,
};
use serde_json::{Value, json};

use crate::cassettes;
use crate::server::{Server, answers, nobody, refuses, says, serve};

fn case(id: &str, script: &[&str]) -> TestCase {
    let script = script.iter().map(|line| (*line).to_owned()).collect();
    TestCase {
        id: id.into(),
        brief: reenact::Brief { goal: "see what comes".into(), ..Default::default() },
        staging: Staging { script, ..Staging::default() },
        ..TestCase::default()
    }
}

fn suite(count: usize) -> Suite {
    Suite { name: None, cases: (0..count).map(|n| case(&format!("case-{n}"), &["hello", "yes", "yes"])).collect() }
}

/// An agent that looks something up before its second answer, and says the same in the others.
fn clerk() -> Arc<dyn Agent> {
    Arc::new(agent::from_fn(|turn: AgentTurn<'_>| {
        let messages = match turn.turn {
            2 => looked_up(),
            _ => vec![Message::agent("I see.")],
        };
        async move { Ok(AgentReply { messages, ..AgentReply::default() }) }
    }))
}

fn looked_up() -> Vec<Message> {
    let call = |id: &str, order: &str| ToolCall {
        id: Some(id.into()),
        name: "find_order".into(),
        arguments: format!(r#"{{"order":  "{order}"}}"#),
    };
    let result = |id: &str, text: &str| Message {
        tool_call_id: Some(id.into()),
        name: Some("find_order".into()),
        ..Message::new(Speaker::Tool, text)
    };
    vec![
        Message { tool_calls: vec![call("c1", "47"), call("c2", "11")], ..Message::agent("Let me look.") },
        result("c1", r#"{"state": "sent",  "on": "Monday"}"#),
        result("c2", "[no such order"),
        Message::agent("It was sent on Monday."),
    ]
}

fn participants(agent: Arc<dyn Agent>) -> Participants {
    Participants { agent, user: Part::Offline, judge: Panel::offline() }
}

/// A collector that is spoken to in JSON, so that a test can read what it gets.
fn collector(server: &Server, what: Exporting) -> Destination {
    let environment = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20sk-very-secret"),
    ];
    Destination::open(server.address.trim_end_matches("/v1"), what, &environment.into_iter().collect()).unwrap()
}

fn conversations_to(server: &Server) -> Exports {
    let exports = Exports::new(Some(collector(server, Exporting::Conversations)), None).unwrap();
    exports.with_patience(Duration::from_millis(1500))
}

/// Takes all that it gets.
async fn willing() -> Server {
    serve(|_| answers(json!({}))).await
}

async fn play(
    store: &Store,
    run: &Run,
    agent: Arc<dyn Agent>,
    exports: &Exports,
) -> (Result<RunOutput>, Vec<Exported>) {
    let told = Mutex::new(Vec::new());
    let listen = |event: Event<'_>| {
        if let Event::Exported(exported) = event {
            told.lock().unwrap().push(exported.clone());
        }
    };
    let output = run_exported(store, run, &participants(agent), &Stop::default(), &listen, exports).await;
    (output, told.into_inner().unwrap())
}

fn planned(store: &Store, suite: Suite, plan: Plan) -> Run {
    let run = Run::new(plan, suite);
    store.create_run(&run).unwrap();
    run
}

fn spans(server: &Server) -> Vec<Value> {
    let bodies = server.asked().into_iter().map(|asked| asked.body);
    let resources = bodies.flat_map(|body| body["resourceSpans"].as_array().unwrap().clone());
    let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().unwrap().clone());
    scopes.flat_map(|scope| scope["spans"].as_array().unwrap().clone()).collect()
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a str> {
    let attributes = span["attributes"].as_array().unwrap();
    let value = &attributes.iter().find(|attribute| attribute["key"] == key)?["value"];
    value["stringValue"].as_str().or_else(|| value["intValue"].as_str())
}

fn without_times(conversation: &Conversation) -> Conversation {
    conversation.messages.iter().map(|message| Message { at: None, ..message.clone() }).collect()
}

/// What `import` makes of what a collector got.
fn imported(server: &Server) -> BTreeMap<String, Conversation> {
    let lines: String = server.asked().iter().map(|asked| format!("{}\n", asked.body)).collect();
    let store = Store::temporary().unwrap();
    let input = Input::Stream("collected.jsonl".into(), Box::new(std::io::Cursor::new(lines.into_bytes())));
    let imported = import(vec![input], &Options::default(), &store, &mut |_| {}).unwrap();
    assert_eq!(imported.skipped, []);
    let sessions = store.read_sessions(&SessionQuery::default()).unwrap().map(Result::unwrap);
    sessions.map(|session| (session.id, without_times(&session.conversation))).collect()
}

fn played(output: &RunOutput) -> BTreeMap<String, Conversation> {
    output.trials.iter().map(|trial| (trial.session_id.clone(), trial.conversation.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_conversations_at_once_arrive_as_five_hundred_sessions_of_one_trace_each() {
    let (server, store) = (willing().await, Store::temporary().unwrap());
    let run = planned(&store, suite(250), Plan { trials: 2, concurrency: 500, ..Plan::default() });
    // Nobody is answered before all have asked: five hundred conversations are under way at the same time.
    let gate = Arc::new(tokio::sync::Barrier::new(500));
    let agent = agent::from_fn(move |turn: AgentTurn<'_>| {
        let gate = (turn.turn == 1).then(|| Arc::clone(&gate));
        let text = format!("{} heard you", turn.case);
        async move {
            if let Some(gate) = gate {
                gate.wait().await;
            }
            Ok(text)
        }
    });
    let (output, exported) = play(&store, &run, Arc::new(agent), &conversations_to(&server)).await;
    let output = output.unwrap();
    assert_eq!((exported[0].sent, exported[0].waiting, &exported[0].reason), (500, 0, &None));

    let spans = spans(&server);
    let mut traces: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    spans.iter().for_each(|span| traces.entry(span["traceId"].as_str().unwrap()).or_default().push(span));
    assert_eq!(traces.len(), 500);
    for spans in traces.values() {
        let sessions: BTreeSet<_> = spans.iter().map(|span| attribute(span, "session.id").unwrap()).collect();
        let ids: BTreeSet<_> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
        let turns: Vec<_> = spans.iter().filter_map(|span| attribute(span, "reenact.turn")).collect();
        assert_eq!((sessions.len(), ids.len(), turns), (1, 4, vec!["1", "2", "3"]));
    }
    assert_eq!(imported(&server), played(&output));
}

#[tokio::test]
async fn what_is_exported_is_imported_as_the_same_conversations() {
    let (server, store) = (willing().await, Store::temporary().unwrap());
    let mut cases =
        vec![case("plain", &["hello", "yes", "yes"]), case("silent", &["hello"]), case("begun", &["and now?"])];
    cases[2].staging.prefix = [vec![Message::new(Speaker::Operator, "Be brief."), Message::user("hi")], looked_up()]
        .concat()
        .into_iter()
        .collect();
    cases.push(case("greeted", &["yes", "[1, 2]", " {\"a\": 1} \n"]));
    cases[3].staging.first_speaker = reenact::case::FirstSpeaker::Agent;
    let run = planned(&store, Suite { name: None, cases }, Plan::default());
    let agent = agent::from_fn(|turn: AgentTurn<'_>| {
        let (case, turn) = (turn.case.to_owned(), turn.turn);
        async move {
            match (case.as_str(), turn) {
                ("silent", _) => Ok(AgentReply { ended: true, ..AgentReply::default() }),
                (_, 2) => Ok(AgentReply { messages: looked_up(), ..AgentReply::default() }),
                _ => Ok(AgentReply::text("I see.")),
            }
        }
    });
    let (output, _) = play(&store, &run, Arc::new(agent), &conversations_to(&server)).await;
    assert_eq!(imported(&server), played(&output.unwrap()));
}

#[tokio::test]
async fn every_span_says_which_case_and_how_it_ended_and_the_agent_is_told_the_spans_of_its_turns() {
    let (server, store) = (willing().await, Store::temporary().unwrap());
    let agents = serve(|n| if n < 2 { says("I see.") } else { refuses(500, "no more") }).await;
    let agent = agent::open(&format!("{}/chat/completions", agents.address), &AgentSettings::default()).unwrap();
    let run =
        planned(&store, Suite { name: None, cases: vec![case("orders", &["hello", "yes", "yes"])] }, Plan::default());
    play(&store, &run, agent, &conversations_to(&server)).await.0.unwrap();

    let spans = spans(&server);
    for span in &spans {
        let said = ["reenact.case", "reenact.trial", "reenact.ending"].map(|key| attribute(span, key).unwrap());
        assert_eq!(said, ["orders", "1", "agent_failed"]);
        assert_eq!(attribute(span, "session.id"), attribute(span, "gen_ai.conversation.id"));
    }
    let told: Vec<String> =
        agents.asked().iter().map(|asked| asked.headers["traceparent"].to_str().unwrap().to_owned()).collect();
    let exported = spans.iter().filter(|span| attribute(span, "gen_ai.operation.name") == Some("invoke_agent"));
    let exported = exported
        .map(|span| format!("00-{}-{}-01", span["traceId"].as_str().unwrap(), span["spanId"].as_str().unwrap()));
    assert_eq!(exported.collect::<Vec<_>>(), told);
    let failed: Vec<_> =
        spans.iter().filter(|span| span["status"]["code"] == 2).map(|span| attribute(span, "error.type")).collect();
    assert_eq!(failed, [None, Some("refused")]);
}

#[tokio::test]
async fn an_instrumented_agents_own_spans_and_ours_are_one_session() {
    let (server, store) = (willing().await, Store::temporary().unwrap());
    let own = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&own);
    let agents = serve(move |n| says(["Which order?", "Sent."][n])).await;
    let agent = agent::open(&format!("{}/chat/completions", agents.address), &AgentSettings::default()).unwrap();
    let run =
        planned(&store, Suite { name: None, cases: vec![case("orders", &["where is it", "47"])] }, Plan::default());
    let output = play(&store, &run, agent, &conversations_to(&server)).await.0.unwrap();
    // What the agent's tracer makes of the headers: a call of its model below the turn.
    for (n, asked) in agents.asked().iter().enumerate() {
        let parent: Vec<&str> = asked.headers["traceparent"].to_str().unwrap().split('-').collect();
        let text = |key: &str, value: String| json!({"key": key, "value": {"stringValue": value}});
        let words = ["Which order?", "Sent."][n];
        let answer = json!([{"role": "assistant", "content": words}]);
        noted.lock().unwrap().push(json!({
            "traceId": parent[1], "spanId": format!("{n:016}"), "parentSpanId": parent[2], "name": "chat",
            "startTimeUnixNano": format!("{}", 1_000_000 * (n + 1)), "endTimeUnixNano": format!("{}", 1_000_000 * (n + 1) + 500),
            "attributes": [
                text("gen_ai.operation.name", "chat".into()),
                text("gen_ai.input.messages", asked.body["messages"].to_string()),
                text("gen_ai.output.messages", answer.to_string()),
            ],
        }));
    }
    let line = json!({"resourceSpans": [{"scopeSpans": [{"spans": own.lock().unwrap().clone()}]}]});
    let lines = format!("{line}\n{}\n", server.asked()[0].body);
    let joined = Store::temporary().unwrap();
    let input = Input::Stream("both.jsonl".into(), Box::new(std::io::Cursor::new(lines.into_bytes())));
    import(vec![input], &Options::default(), &joined, &mut |_| {}).unwrap();
    let session = joined.session(&output.trials[0].session_id).unwrap();
    assert_eq!(without_times(&session.conversation), output.trials[0].conversation);
    assert_eq!(joined.sessions(&SessionQuery::default()).unwrap().len(), 1);
}

#[tokio::test]
async fn a_collector_that_is_down_changes_nothing_but_what_is_told_and_gets_all_of_it_later() {
    let store = Store::temporary().unwrap();
    let run = planned(&store, suite(3), Plan::default());
    let address = nobody().await.replace("/v1", "");
    let down = Destination::open(&address, Exporting::Conversations, &Environment::default()).unwrap();
    let down = Exports::new(Some(down), None).unwrap().with_patience(Duration::from_millis(100));
    let (output, exported) = play(&store, &run, clerk(), &down).await;
    let output = output.unwrap();
    assert!(output.trials.iter().all(|trial| trial.ending == Ending::SaidAll));
    assert_eq!((exported[0].sent, exported[0].waiting), (0, 3));
    assert!(exported[0].reason.as_ref().unwrap().starts_with(&format!("cannot connect to {address}/v1/traces: ")));

    let server = willing().await;
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let nobody_asked = agent::from_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Ok("again?") }
    });
    let (again, exported) = play(&store, &run, Arc::new(nobody_asked), &conversations_to(&server)).await;
    assert_eq!((exported[0].sent, exported[0].waiting, asked.load(Ordering::Relaxed)), (3, 0, 0));
    assert_eq!(imported(&server), played(&again.unwrap()));

    let (_, exported) = play(&store, &run, clerk(), &conversations_to(&server)).await;
    assert_eq!((exported[0].sent, server.asked().len()), (0, 1), "what has arrived is not sent again");
}

#[tokio::test]
async fn a_busy_collector_is_asked_again_and_loses_nothing() {
    let busy = |n: usize| -> Response {
        match n {
            0 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], "slow down").into_response(),
            1 => refuses(503, "restarting"),
            _ => answers(json!({})),
        }
    };
    let (server, store) = (serve(busy).await, Store::temporary().unwrap());
    let run = planned(&store, suite(3), Plan::default());
    let exports = conversations_to(&server).with_patience(Duration::from_secs(20));
    let (output, exported) = play(&store, &run, clerk(), &exports).await;
    assert_eq!((exported[0].sent, exported[0].waiting, &exported[0].reason), (3, 0, &None));
    // The same bytes each time, and at the end each conversation once.
    let sent = spans(&server);
    let ids: BTreeSet<_> = sent.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    assert!(ids.len() < sent.len());
    assert_eq!(imported(&server), played(&output.unwrap()));
}

#[tokio::test]
async fn one_conversation_that_a_collector_refuses_holds_up_no_other() {
    // All of them together, then the first one alone.
    let server = serve(|n| if n < 2 { refuses(400, "span too large") } else { answers(json!({})) }).await;
    let store = Store::temporary().unwrap();
    let run = planned(&store, suite(3), Plan::default());
    let none = Exports::new(
        Some(Destination::open(&nobody().await, Exporting::Conversations, &Environment::default()).unwrap()),
        None,
    );
    play(&store, &run, clerk(), &none.unwrap().with_patience(Duration::ZERO)).await.0.unwrap();
    let (_, exported) = play(&store, &run, clerk(), &conversations_to(&server)).await;
    assert_eq!((exported[0].sent, exported[0].waiting), (2, 1));
    assert!(exported[0].reason.as_ref().unwrap().ends_with("400 Bad Request: span too large"), "{exported:?}");
}

#[tokio::test]
async fn a_collector_that_does_not_know_us_is_asked_once_and_its_key_is_not_shown() {
    let server = serve(|_| refuses(401, "who is sk-very-secret?")).await;
    let store = Store::temporary().unwrap();
    let run = planned(&store, suite(2), Plan { concurrency: 1, ..Plan::default() });
    let (output, exported) = play(&store, &run, clerk(), &conversations_to(&server)).await;
    assert!(output.is_ok());
    assert_eq!((exported[0].sent, exported[0].waiting, server.asked().len()), (0, 2, 1));
    assert_eq!(server.asked()[0].headers["authorization"], "Bearer sk-very-secret");
    let reason = exported[0].reason.as_ref().unwrap();
    assert!(reason.ends_with("401 Unauthorized: who is [secret]?"), "{reason}");
}

#[tokio::test]
async fn spans_that_a_collector_throws_away_are_counted_and_not_sent_again() {
    let partial = json!({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "quota"}});
    let server = serve(move |_| answers(partial.clone())).await;
    let store = Store::temporary().unwrap();
    let run = planned(&store, suite(1), Plan::default());
    let (_, exported) = play(&store, &run, clerk(), &conversations_to(&server)).await;
    let Exported { sent, waiting, rejected_spans, reason, .. } = exported[0].clone();
    assert_eq!((sent, waiting, rejected_spans, reason.as_deref()), (1, 0, 2, Some("quota")));
}

#[tokio::test]
async fn the_simulators_and_the_judges_calls_go_to_their_own_collector_and_to_no_other() {
    let (agents, simulators, store) = (willing().await, willing().await, Store::temporary().unwrap());
    let run = planned(&store, cassettes::suite(&["a", "b"]), cassettes::plan());
    let exports = Exports::new(
        Some(collector(&agents, Exporting::Conversations)),
        Some(collector(&simulators, Exporting::Simulator)),
    )
    .unwrap();
    let told = Mutex::new(Vec::new());
    let listen = |event: Event<'_>| {
        if let Event::Exported(exported) = event {
            told.lock().unwrap().push((exported.what, exported.sent, exported.waiting));
        }
    };
    let participants = cassettes::participants();
    let output = run_exported(&store, &run, &participants, &Stop::default(), &listen, &exports).await.unwrap();

    let calls = spans(&simulators);
    assert_eq!(
        told.into_inner().unwrap(),
        [(Exporting::Conversations, 6, 0), (Exporting::Simulator, calls.len() as u64, 0)]
    );
    let asked: u64 = reenact::journal::charges_of_run(&store, &run.id).unwrap().len() as u64;
    assert_eq!(calls.len() as u64, asked, "every call once");
    assert!(calls.iter().all(|call| attribute(call, "gen_ai.operation.name") == Some("chat")));
    assert!(
        calls
            .iter()
            .all(|call| attribute(call, "session.id").is_none() && attribute(call, "gen_ai.conversation.id").is_none())
    );
    let roles: BTreeSet<_> = calls.iter().map(|call| attribute(call, "reenact.role").unwrap()).collect();
    assert_eq!(roles, BTreeSet::from(["judge", "user"]));

    let of_agents = spans(&agents);
    let traces = |spans: &[Value]| spans.iter().map(|span| span["traceId"].to_string()).collect::<BTreeSet<_>>();
    assert!(traces(&calls).is_disjoint(&traces(&of_agents)));
    let operations: BTreeSet<_> = of_agents.iter().map(|span| attribute(span, "gen_ai.operation.name")).collect();
    assert_eq!(operations, BTreeSet::from([None, Some("invoke_agent")]));
    assert_eq!(traces(&of_agents).len(), output.trials.len());
    assert!(simulators.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));
}

#[tokio::test]
async fn both_collectors_cannot_be_the_same() {
    let server = willing().await;
    let both = Exports::new(
        Some(collector(&server, Exporting::Conversations)),
        Some(collector(&server, Exporting::Simulator)),
    );
    assert_eq!(both.unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_replay_exports_the_sessions_that_it_plays() {
    cassettes::block_on(async {
        let (live, cassette): (RunOutput, Arc<Cassette>) = cassettes::recorded(&["a", "b"]).await;
        let (server, store) = (willing().await, Store::temporary().unwrap());
        let run = planned(&store, cassettes::suite(&["a", "b"]), Plan::replayed(&cassette).unwrap());
        let participants = Participants::replayed(&cassette).unwrap();
        let exports = conversations_to(&server);
        run_exported(&store, &run, &participants, &Stop::default(), &|_| {}, &exports).await.unwrap();
        assert_eq!(imported(&server), played(&live));
    });
}
