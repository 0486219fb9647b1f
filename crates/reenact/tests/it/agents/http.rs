//! Agents behind a real server, and each way in which they fail.

use axum::response::IntoResponse;
use serde_json::json;

use super::*;
use crate::server::{answers, nobody, refuses, says, serve, serve_raw, serve_silence};

type Respond = Box<dyn Fn() -> axum::response::Response + Send + Sync>;

fn name(address: &str) -> String {
    format!("{address}/chat/completions")
}

#[tokio::test]
async fn an_agent_behind_an_address_is_told_the_history_the_session_and_the_context() {
    let server = serve(|n| says(["hi", "bye"][n])).await;
    let environment = [("REENACT_AGENT_API_KEY", "sk-very-secret")].into_iter().collect();
    let settings = AgentSettings { environment, ..AgentSettings::default() };
    let agent = agent::open(&format!("{}#fast", name(&server.address)), &settings).unwrap();
    let mut talk = Talk::new();
    talk.context.insert("vip".to_owned(), true.into());
    assert_eq!(talk.hear(&*agent, "hello").await, "hi");
    assert_eq!(talk.hear(&*agent, "that is all").await, "bye");

    let asked = server.asked();
    insta::assert_json_snapshot!(asked[1].body);
    let header = |name: &str| asked[1].headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("authorization"), "Bearer sk-very-secret");
    assert_eq!(header("x-session-id"), "sim-0123456789abcdef");
    assert_eq!(header("baggage"), "session.id=sim-0123456789abcdef");
    assert_eq!(header("traceparent")[..36], asked[0].headers["traceparent"].to_str().unwrap()[..36]);
}

#[tokio::test]
async fn what_servers_leave_out_or_set_to_null_is_no_trouble() {
    let message = json!({"content": [{"type": "text", "text": "hi"}], "tool_calls": null, "audio": null});
    let server = serve(move |_| answers(json!({"id": null, "error": null, "choices": [{"message": message}]}))).await;
    assert_eq!(Talk::new().hear(&*open(&name(&server.address)), "hello").await, "hi");
}

#[tokio::test]
async fn each_way_of_failing_has_its_kind_and_its_reason() {
    let long = "x".repeat(17 * 1024 * 1024);
    let responses: Vec<(&str, Respond)> = vec![
        ("refuses", Box::new(|| refuses(401, r#"{"error":{"message":"bad key sk-very-secret"}}"#))),
        ("has a bug", Box::new(|| refuses(500, "<html>\n<h1>Traceback</h1></html>"))),
        ("says nothing about it", Box::new(|| refuses(404, ""))),
        ("moved", Box::new(|| (axum::http::StatusCode::FOUND, [("location", "/v2")]).into_response())),
        ("answers nonsense", Box::new(|| "<html>welcome</html>".into_response())),
        ("answers in another form", Box::new(|| answers(json!({"reply": "hi"})))),
        ("has no choices", Box::new(|| answers(json!({"choices": []})))),
        ("hides an error in a success", Box::new(|| answers(json!({"error": {"message": "overloaded"}})))),
        ("answers empty", Box::new(|| says(" "))),
        (
            "speaks as the user",
            Box::new(|| answers(json!({"choices": [{"message": {"role": "user", "content": "hi"}}]}))),
        ),
        ("answers without end", Box::new(move || long.clone().into_response())),
    ];
    let mut told = String::new();
    for (what, response) in responses {
        let server = serve(move |_| response()).await;
        let environment = [("REENACT_AGENT_API_KEY", "sk-very-secret")].into_iter().collect();
        let settings = AgentSettings { environment, ..AgentSettings::default() };
        let fault = fault(&*agent::open(&name(&server.address), &settings).unwrap()).await;
        told.push_str(&format!("{what}\n    {}\n", fault.replace(&server.address, "ADDRESS")));
        assert_eq!(server.asked().len(), 1, "{what}: another attempt would not have helped");
    }
    assert!(!told.contains("very-secret"));
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_breaks_off_is_unreachable() {
    let mut told = String::new();
    let cut = serve_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\"").await;
    let gone = serve_raw(b"").await;
    for (what, address) in [("nobody listens", nobody().await), ("breaks off", cut), ("hangs up", gone)] {
        let fault = fault(&*open(&name(&address))).await;
        let kind = fault.replace(&address, "ADDRESS");
        // What the operating system calls it differs.
        told.push_str(&format!("{what}: {}\n", kind.rsplit_once(": ").unwrap().0));
    }
    insta::assert_snapshot!(told, @r"
    nobody listens: Unreachable: cannot connect to ADDRESS/chat/completions
    breaks off: Died: the connection broke off to ADDRESS/chat/completions
    hangs up: Died: the connection broke off to ADDRESS/chat/completions
    ");
}

#[tokio::test]
async fn a_server_that_never_answers_meets_the_time_limit() {
    let (address, _listening) = serve_silence().await;
    let fault = fault(&*open_within(&name(&address), Duration::from_millis(50))).await;
    assert_eq!(fault.replace(&address, ""), "TimedOut: /chat/completions did not answer within 50ms");
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_then_answers() {
    let server = serve(|n| if n < 2 { refuses([429, 503][n], "busy") } else { says("hi") }).await;
    assert_eq!(Talk::new().hear(&*open(&name(&server.address)), "hello").await, "hi");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_server_that_stays_busy_is_asked_three_times() {
    let server = serve(|_| refuses(503, "busy")).await;
    let fault = fault(&*open(&name(&server.address))).await;
    assert!(fault.starts_with("Refused") && fault.ends_with("503 Service Unavailable: busy"), "{fault}");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_turn_that_an_agent_may_have_seen_is_not_said_twice() {
    for status in [408, 500, 502, 504] {
        let server = serve(move |_| refuses(status, "it went wrong on the way")).await;
        let fault = fault(&*open(&name(&server.address))).await;
        assert!(fault.starts_with("Refused"), "{fault}");
        assert_eq!(server.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_wants_more_time_than_there_is_is_not_asked_again() {
    let later = || (axum::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")], "later").into_response();
    let server = serve(move |_| later()).await;
    let fault = fault(&*open(&name(&server.address))).await;
    assert!(fault.ends_with("429 Too Many Requests: later"), "{fault}");
    assert_eq!(server.asked().len(), 1);
}

fn streamed(events: &[serde_json::Value]) -> axum::response::Response {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    ([("content-type", "text/event-stream")], body + "data: [DONE]\n\n").into_response()
}

#[tokio::test]
async fn a_streamed_answer_with_its_tool_calls_is_the_same_as_a_whole_one() {
    let server = serve(|_| {
        let delta = |delta: serde_json::Value| json!({"model": "m-1", "choices": [{"delta": delta}]});
        streamed(&[
            delta(json!({"role": "assistant", "content": "It is "})),
            delta(json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}]})),
            delta(json!({"content": "seven."})),
            json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}),
        ])
    })
    .await;
    let file = agent_file(&format!("agent: {}\nstream: true", name(&server.address)));
    let reply = Talk::new().say(&*open(file.path().to_str().unwrap()), "how many?").await.unwrap();
    assert_eq!(
        (reply.messages[0].text.as_str(), reply.messages[0].tool_calls[0].name.as_str()),
        ("It is seven.", "look")
    );
    assert_eq!((reply.version.as_deref(), reply.usage.unwrap().usage.output_tokens), (Some("m-1"), 3));
    assert_eq!(server.asked()[0].body["stream"], true);
}

#[tokio::test]
async fn a_stream_that_is_cut_is_no_answer() {
    let half = r#"data: {"choices":[{"delta":{"content":"It is"}}]}"#;
    let server = serve(move |_| ([("content-type", "text/event-stream")], format!("{half}\n\n")).into_response()).await;
    let fault = fault(&*open(&name(&server.address))).await;
    assert_eq!(fault.replace(&server.address, ""), "Died: /chat/completions: the stream ended before the answer did");
}

#[tokio::test]
async fn a_stateful_agent_is_told_what_is_new_with_the_session_where_it_wants_it() {
    let server = serve(|_| says("ok")).await;
    let environment = [("SHOP_TOKEN", "tok-very-secret"), ("SHOP_KEY", "key-very-secret")].into_iter().collect();
    let settings = AgentSettings { environment, ..AgentSettings::default() };
    let file = agent_file(&format!(
        "agent: {}\nstateful: true\nkey: SHOP_KEY\nsession: {{header: X-Thread, body: metadata.thread.id}}\n\
         headers: {{x-tenant: acme, x-token: 'Token ${{SHOP_TOKEN}}'}}",
        name(&server.address)
    ));
    let agent = agent::open(file.path().to_str().unwrap(), &settings).unwrap();
    let mut talk = Talk::new();
    talk.hear(&*agent, "one").await;
    talk.hear(&*agent, "two").await;
    let asked = server.asked();
    assert_eq!(asked[1].body["messages"], json!([{"role": "user", "content": "two"}]));
    assert_eq!(asked[1].body["metadata"]["thread"]["id"], "sim-0123456789abcdef");
    let header = |name: &str| asked[1].headers[name].to_str().unwrap();
    assert_eq!((header("x-thread"), header("x-tenant")), ("sim-0123456789abcdef", "acme"));
    assert_eq!((header("x-token"), header("authorization")), ("Token tok-very-secret", "Bearer key-very-secret"));
    assert!(!asked[1].headers.contains_key("x-session-id"));
}
