//! Agents with what stands around them: a program that is started and watched, and places for conversations.

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::*;
use crate::server::{nobody, says, serve};

/// Serves as an agent until it is stopped. Not a test: the tests below start this very program with its name.
#[test]
#[ignore = "is started by other tests"]
fn a_server_to_be_started() {
    let port: u16 = std::env::var("REENACT_TEST_PORT").expect("whoever starts this says where").parse().unwrap();
    let answer = |axum::Json(asked): axum::Json<Value>| async move {
        let said = asked["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
        if said == "die" {
            eprintln!("Segmentation of everything");
            std::process::exit(3);
        }
        says(&format!("{said}, says {}", std::process::id()))
    };
    let router = Router::new().route("/health", get(|| async { "ok" })).route("/chat/completions", post(answer));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
}

/// An agent file that starts the server above, with more lines.
async fn started(more: &str) -> (tempfile::NamedTempFile, String) {
    let address = nobody().await.replace("/v1", "");
    let port = address.rsplit(':').next().unwrap();
    let program = std::env::current_exe().unwrap();
    let file = agent_file(&format!(
        "agent: {address}/chat/completions\nready: {address}/health\nvariables: {{REENACT_TEST_PORT: '{port}'}}\n\
         start: {} --ignored --exact --nocapture agents::started::a_server_to_be_started\n{more}",
        shell_words::quote(program.to_str().unwrap())
    ));
    (file, address)
}

fn process(heard: &str) -> &str {
    heard.rsplit(' ').next().unwrap()
}

#[tokio::test]
async fn a_program_is_started_once_for_all_conversations_and_stopped_at_the_end() {
    let (file, address) = started("version: 7").await;
    let agent = open(file.path().to_str().unwrap());
    let (mut one, mut other) = (Talk::new(), Talk::new());
    let (first, second) = tokio::join!(one.say(&*agent, "one"), other.say(&*agent, "two"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.version.as_deref(), Some("7"));
    assert_eq!(process(&first.messages[0].text), process(&second.messages[0].text));
    drop((agent, one, other));
    let host = address.trim_start_matches("http://");
    assert!(std::net::TcpStream::connect(host).is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_program_that_dies_in_the_middle_of_a_turn_is_named_with_its_last_words_and_started_again() {
    let (file, _) = started("stateful: true").await;
    let agent = open(file.path().to_str().unwrap());
    let (mut one, mut other) = (Talk::new(), Talk::new());
    let before = one.hear(&*agent, "hello").await;
    let died = other.say(&*agent, "die").await.unwrap_err();
    assert_eq!(format!("{:?}", died.fault), "Died");
    let reason = &died.reason;
    assert!(reason.starts_with("the connection broke off to "), "{reason}");
    assert!(reason.contains("` exited with status 3; its last words: "), "{reason}");
    assert!(reason.contains("Segmentation of everything"), "{reason}");
    // What the agent kept of the other conversation is gone with it.
    let lost = one.say(&*agent, "again").await.unwrap_err();
    assert!(lost.to_string().contains("the process that had this one is gone"), "{lost}");
    let after = Talk::new().hear(&*agent, "hello").await;
    assert_ne!(process(&before), process(&after));
}

#[tokio::test]
async fn a_program_that_does_not_get_ready_says_why() {
    let address = nobody().await.replace("/v1", "");
    let faulty = |start: &str, more: &str| {
        agent_file(&format!("agent: {address}/chat/completions\nready: {address}/health\nstart: {start}\n{more}"))
    };
    let mut told = String::new();
    for (what, file) in [
        ("ends at once", faulty("sh -c 'echo no config >&2; exit 3'", "")),
        ("prints on stdout only", faulty("sh -c 'echo no config; exit 3'", "")),
        ("never gets ready", faulty("sh -c 'echo warming up >&2; sleep 60'", "ready_within_seconds: 1")),
    ] {
        let agent = open(file.path().to_str().unwrap());
        let first = fault(&*agent).await;
        assert_eq!(first, fault(&*agent).await, "the next conversation need not wait for the same");
        told.push_str(&format!("{what}\n    {first}\n"));
    }
    insta::assert_snapshot!(told);
    let nothing = faulty("no-such-program-anywhere", "");
    let nothing = fault(&*open(nothing.path().to_str().unwrap())).await;
    // What the shell calls it differs.
    assert!(nothing.contains("`no-such-program-anywhere` exited with status 127 before it was ready"), "{nothing}");
}

#[tokio::test]
async fn a_program_is_not_started_where_another_answers_already() {
    let server = serve(|_| says("hi")).await;
    let file = agent_file(&format!("agent: {}/chat/completions\nstart: 'true'", server.address));
    let fault = fault(&*open(file.path().to_str().unwrap())).await;
    assert!(fault.contains("answers already, before `true` was started"), "{fault}");
}

#[tokio::test]
async fn a_conversation_waits_until_the_agent_has_a_place_for_it() {
    let server = serve(|_| says("hi")).await;
    let settings = AgentSettings { concurrency: Some(1), ..AgentSettings::default() };
    let agent = agent::open(&format!("{}/chat/completions", server.address), &settings).unwrap();
    let mut first = Talk::new();
    first.hear(&*agent, "one").await;
    let waiting = tokio::spawn({
        let agent = Arc::clone(&agent);
        async move { Talk::new().hear(&*agent, "other").await }
    });
    first.hear(&*agent, "two").await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap(), "hi");
    let heard: Vec<Value> =
        server.asked().into_iter().map(|asked| asked.body["messages"][0]["content"].clone()).collect();
    assert_eq!(heard, [json!("one"), json!("one"), json!("other")]);
}
