//! Agents of the Responses form, whole and streamed, told everything or going on by an id.

use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::*;
use crate::server::{answers, refuses, serve, serve_raw};

fn response(id: &str, text: &str) -> Value {
    let message = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]});
    json!({"id": id, "status": "completed", "model": "m-1", "error": null, "output": [message],
        "usage": {"input_tokens": 7, "output_tokens": 3}})
}

fn streamed(events: &[Value]) -> axum::response::Response {
    let body: String = events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"])).collect();
    ([("content-type", "text/event-stream; charset=utf-8")], body).into_response()
}

#[tokio::test]
async fn a_stateless_agent_is_told_all_that_was_said_and_called() {
    let called = json!({"id": "r1", "status": "completed", "output": [
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "seven"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Seven."}]},
    ]});
    let server = serve(move |n| answers([called.clone(), response("r2", "Bye.")][n].clone())).await;
    let agent = open(&format!("{}/responses#fast", server.address));
    let mut talk = Talk::new();
    talk.context.insert("vip".to_owned(), true.into());
    let reply = talk.say(&*agent, "how many?").await.unwrap();
    assert_eq!(reply.messages[0].tool_calls[0].name, "look");
    assert_eq!(talk.hear(&*agent, "thanks").await, "Bye.");
    insta::assert_json_snapshot!(server.asked()[1].body);
}

#[tokio::test]
async fn an_agent_that_goes_on_from_its_last_answer_is_told_what_is_new() {
    let server = serve(|n| answers(response(["r1", "r2", "r3"][n], "ok"))).await;
    let file = agent_file(&format!("agent: {}/responses\nstateful: previous_response", server.address));
    let agent = open(file.path().to_str().unwrap());
    let mut talk = Talk::new();
    talk.hear(&*agent, "one").await;
    talk.hear(&*agent, "two").await;
    // A run that was resumed has lost the id: everything is told once more.
    talk.held = None;
    talk.hear(&*agent, "three").await;
    let bodies: Vec<Value> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!((&bodies[0]["previous_response_id"], &bodies[1]["previous_response_id"]), (&Value::Null, &json!("r1")));
    let lengths: Vec<usize> = bodies.iter().map(|body| body["input"].as_array().unwrap().len()).collect();
    assert_eq!(lengths, [1, 1, 5]);
    assert_eq!(bodies[2]["previous_response_id"], Value::Null);
}

#[tokio::test]
async fn a_conversation_is_made_once_and_named_from_then_on() {
    let server = serve(|n| match n {
        0 => answers(json!({"id": "conv_1", "object": "conversation"})),
        _ => answers(response("r", "ok")),
    })
    .await;
    let file = agent_file(&format!("agent: {}/responses\nstateful: conversation", server.address));
    let agent = open(file.path().to_str().unwrap());
    let mut talk = Talk::new();
    talk.hear(&*agent, "one").await;
    talk.hear(&*agent, "two").await;
    let asked = server.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/v1/conversations", "/v1/responses", "/v1/responses"]);
    assert_eq!(asked[0].body["metadata"]["session_id"], "sim-0123456789abcdef");
    assert_eq!((&asked[1].body["conversation"], &asked[2].body["conversation"]), (&json!("conv_1"), &json!("conv_1")));
    assert_eq!(asked[2].body["input"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_streamed_answer_is_the_same_as_a_whole_one() {
    let server = serve(|_| {
        streamed(&[
            json!({"type": "response.created", "response": {"id": "r1", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_text.delta", "delta": "Hel"}),
            json!({"type": "response.completed", "response": response("r1", "Hello.")}),
        ])
    })
    .await;
    let file = agent_file(&format!("agent: {}/responses\nstream: true", server.address));
    let reply = Talk::new().say(&*open(file.path().to_str().unwrap()), "hi").await.unwrap();
    assert_eq!((reply.messages[0].text.as_str(), reply.version.as_deref()), ("Hello.", Some("m-1")));
    assert_eq!(reply.usage.unwrap().usage.input_tokens, 7);
    assert_eq!(server.asked()[0].body["stream"], true);
}

#[tokio::test]
async fn each_way_of_failing_has_its_kind_and_its_reason() {
    type Respond = fn() -> axum::response::Response;
    let responses: [(&str, Respond); 6] = [
        ("refuses", || refuses(404, r#"{"error":{"message":"no such model"}}"#)),
        ("fails", || answers(json!({"status": "failed", "error": {"message": "out of memory"}, "output": []}))),
        ("calls and says nothing", || {
            answers(json!({"output": [{"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"}]}))
        }),
        ("answers in another form", || answers(json!({"choices": []}))),
        ("ends its stream early", || streamed(&[json!({"type": "response.created", "response": {}})])),
        ("fails in its stream", || streamed(&[json!({"type": "error", "message": "overloaded"})])),
    ];
    let mut told = String::new();
    for (what, respond) in responses {
        let server = serve(move |_| respond()).await;
        let fault = fault(&*open(&format!("{}/responses", server.address))).await;
        told.push_str(&format!("{what}\n    {}\n", fault.replace(&server.address, "ADDRESS")));
    }
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n10\r\ndata: {}\n\ndata: \r\n";
    let address = serve_raw(cut).await;
    let cut = fault(&*open(&format!("{address}/responses"))).await.replace(&address, "ADDRESS");
    // What the operating system calls it differs.
    told.push_str(&format!("is cut off in its stream\n    {}\n", cut.rsplit_once(": ").unwrap().0));
    insta::assert_snapshot!(told);
}
