//! The agent of the recording.

use reenact::Session;

use super::*;

fn open_recorded() -> Arc<dyn Agent> {
    let spoken = [Message::agent("welcome"), Message::user("hello"), Message::agent("hi"), Message::user("bye")];
    let session = Session::new("s-1", spoken.into_iter().collect());
    let sessions: agent::SessionLookup = Arc::new(move |id| Ok((id == "s-1").then(|| session.clone())));
    agent::open("recorded", &AgentSettings { sessions, ..AgentSettings::default() }).unwrap()
}

#[tokio::test]
async fn the_recorded_agent_answers_from_the_cases_session_and_then_ends_the_conversation() {
    let agent = open_recorded();
    let mut talk = Talk { origin: Some("s-1"), ..Talk::new() };
    assert_eq!(talk.hear(&*agent, "hello there").await, "hi");
    assert_eq!(talk.say(&*agent, "bye").await.unwrap(), AgentReply { ended: true, ..AgentReply::default() });
}

#[tokio::test]
async fn a_case_without_a_session_says_what_is_missing() {
    let agent = open_recorded();
    let mut told = fault(&*agent).await;
    let unknown = Talk { origin: Some("s-2"), ..Talk::new() }.say(&*agent, "hello").await.unwrap_err();
    told.push_str(&format!("\n{:?}: {}", unknown.fault, unknown.reason));
    insta::assert_snapshot!(told);
}
