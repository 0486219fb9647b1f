//! A2A agents of both versions: found by their card, gone on with by context and task, and each way in which they fail.

use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::*;
use crate::server::{Server, answers, refuses, serve};

/// A server with a card; the nth request after that for the card is answered by the function.
async fn agent_server(
    card: fn(&str) -> Value,
    answer: impl Fn(usize) -> axum::response::Response + Send + Sync + 'static,
) -> (Server, String) {
    let server = serve(move |n| match n {
        // The card names no host: where the server is it learns later than what it answers.
        0 => answers(card("/rpc")),
        n => answer(n - 1),
    })
    .await;
    let name = format!("a2a:{}", server.address);
    (server, name)
}

fn newer(url: &str) -> Value {
    json!({"name": "shop", "version": "7", "capabilities": {"streaming": true}, "skills": [],
        "supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}]})
}

fn older(url: &str) -> Value {
    json!({"name": "shop", "version": "6", "protocolVersion": "0.3.0", "url": url, "capabilities": {}, "skills": []})
}

fn result(result: &Value) -> axum::response::Response {
    answers(json!({"jsonrpc": "2.0", "id": "x", "result": result}))
}

fn says(text: &str) -> Value {
    json!({"role": "ROLE_AGENT", "messageId": "a", "parts": [{"text": text}]})
}

fn task(state: &str, says_to_it: &str, artifact: Option<&str>) -> Value {
    let artifacts: Vec<Value> =
        artifact.into_iter().map(|text| json!({"artifactId": "a1", "parts": [{"text": text}]})).collect();
    json!({"id": "t1", "contextId": "sim-0123456789abcdef", "artifacts": artifacts,
        "status": {"state": state, "message": says(says_to_it)}})
}

#[tokio::test]
async fn the_session_is_the_context_and_a_task_that_waits_for_input_is_gone_on_with() {
    let (server, name) = agent_server(newer, |n| match n {
        0 => result(&json!({"task": task("TASK_STATE_INPUT_REQUIRED", "Which order?", None)})),
        1 => result(&json!({"task": task("TASK_STATE_COMPLETED", "", Some("It is on its way."))})),
        _ => result(&json!({"message": says("You are welcome.")})),
    })
    .await;
    let agent = open(&name);
    let mut talk = Talk::new();
    talk.context.insert("vip".to_owned(), true.into());
    assert_eq!(talk.hear(&*agent, "where is it?").await, "Which order?");
    assert_eq!(talk.hear(&*agent, "4711").await, "It is on its way.");
    let last = talk.say(&*agent, "thanks").await.unwrap();
    assert_eq!((last.messages[0].text.as_str(), last.version.as_deref()), ("You are welcome.", Some("7")));
    let asked = server.asked();
    let told: String = asked.iter().map(|asked| format!("{} {}\n", asked.path, asked.body)).collect();
    insta::assert_snapshot!(told);
    assert_eq!(asked[1].headers["a2a-version"], "1.0");
    assert_eq!(asked[1].headers["x-session-id"], "sim-0123456789abcdef");
    assert_eq!(
        asked[1].headers["traceparent"].to_str().unwrap()[..36],
        asked[3].headers["traceparent"].to_str().unwrap()[..36]
    );
}

#[tokio::test]
async fn an_agent_of_the_older_version_is_spoken_to_in_its_form() {
    let (server, name) = agent_server(older, |_| {
        let message = json!({"kind": "message", "role": "agent", "messageId": "a", "parts": [{"kind": "text", "text": "Hello."}]});
        result(&message)
    })
    .await;
    assert_eq!(Talk::new().hear(&*open(&name), "hi").await, "Hello.");
    assert_eq!(server.asked()[1].body["method"], "message/send");
}

#[tokio::test]
async fn a_task_that_goes_on_in_the_background_is_waited_for() {
    let (server, name) = agent_server(newer, |n| match n {
        0 => result(&json!({"task": task("TASK_STATE_WORKING", "One moment.", None)})),
        1 => result(&task("TASK_STATE_WORKING", "One moment.", None)),
        _ => result(&task("TASK_STATE_COMPLETED", "Done.", Some("Seven."))),
    })
    .await;
    let reply = Talk::new().say(&*open(&name), "how many?").await.unwrap();
    let texts: Vec<&str> = reply.messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["Seven.", "Done."]);
    assert_eq!(server.asked()[3].body["method"], "GetTask");
}

#[tokio::test]
async fn a_stream_is_heard_until_the_task_is_over() {
    let (server, name) = agent_server(newer, |_| {
        let update = |state: &str| json!({"statusUpdate": {"taskId": "t1", "contextId": "c", "status": {"state": state}}});
        let piece = |text: &str, append: bool| {
            json!({"artifactUpdate": {"taskId": "t1", "contextId": "c", "append": append, "artifact": {"artifactId": "a", "parts": [{"text": text}]}}})
        };
        let events = [update("TASK_STATE_WORKING"), piece("Sev", false), piece("en.", true), update("TASK_STATE_COMPLETED")];
        let body: String = events.iter().map(|event| format!("data: {}\n\n", json!({"jsonrpc": "2.0", "id": 1, "result": event}))).collect();
        ([("content-type", "text/event-stream")], body).into_response()
    })
    .await;
    let file = agent_file(&format!("agent: {name}\nstream: true"));
    assert_eq!(Talk::new().hear(&*open(file.path().to_str().unwrap()), "how many?").await, "Seven.");
    assert_eq!(server.asked()[1].body["method"], "SendStreamingMessage");
}

#[tokio::test]
async fn each_way_of_failing_has_its_kind_and_its_reason() {
    type Respond = fn() -> axum::response::Response;
    let responses: [(&str, Respond); 8] = [
        ("fails", || result(&json!({"task": task("TASK_STATE_FAILED", "the back end is down", None)}))),
        ("is canceled", || result(&json!({"task": task("TASK_STATE_CANCELED", "", None)}))),
        ("rejects it", || result(&json!({"task": task("TASK_STATE_REJECTED", "not my business", None)}))),
        ("wants a sign-in", || result(&json!({"task": task("TASK_STATE_AUTH_REQUIRED", "sign in first", None)}))),
        ("says no", || {
            answers(json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "Internal error"}}))
        }),
        ("answers in another form", || answers(json!({"reply": "hi"}))),
        ("has a bug", || refuses(500, "Traceback")),
        ("ends its stream early", || ([("content-type", "text/event-stream")], "").into_response()),
    ];
    let mut told = String::new();
    for (what, respond) in responses {
        let (server, name) = agent_server(newer, move |_| respond()).await;
        let fault = fault(&*open(&name)).await;
        let host = server.address.replace("/v1", "");
        told.push_str(&format!("{what}\n    {}\n", fault.replace(&host, "HOST")));
    }
    let elsewhere: fn(&str) -> Value = |_| newer("https://elsewhere.example/rpc");
    for (what, card) in [("has no card", None), ("sends elsewhere", Some(elsewhere))] {
        let server = serve(move |_| card.map_or_else(|| refuses(404, "not here"), |card| answers(card("")))).await;
        let fault = fault(&*open(&format!("a2a:{}", server.address))).await;
        told.push_str(&format!("{what}\n    {}\n", fault.replace(&server.address, "ADDRESS")));
    }
    insta::assert_snapshot!(told);
}
