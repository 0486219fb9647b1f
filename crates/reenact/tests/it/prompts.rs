//! The prompts as models get them, and the forms of the answers.

use reenact::model::strict_schema;
use reenact::prompt::{Prompt, hash};
use reenact::{
    Brief, Check, Conversation, Expectation, Fact, Gate, Message, ModelRequest, Scene, Session, Speaker, ToolCall,
    distill, judge, user,
};
use serde_json::Value;

use crate::scripted::text_of;

fn conversation() -> Conversation {
    let mut asks = Message::agent("Let me look.");
    asks.tool_calls.push(ToolCall {
        id: Some("c1".into()),
        name: "quote".into(),
        arguments: r#"{"index":"DJI"}"#.into(),
    });
    let mut result = Message::new(Speaker::Tool, "{\"level\": 39150}");
    result.name = Some("quote".into());
    [
        Message::agent("Welcome!"),
        Message::user("HOW ARE THE MARKETS DOING"),
        asks,
        result,
        Message::agent("Open, at 39,150.\n\nEnd of the conversation."),
        Message::user("it's saturday"),
        Message::agent("Then it is closed."),
    ]
    .into_iter()
    .collect()
}

fn judge_request() -> ModelRequest {
    let text = "When markets are closed the agent says \"closed\"";
    let expectation = Expectation { id: "says-closed".into(), text: Some(text.into()), check: Check::Judged };
    judge::model::question(&expectation, &conversation())
}

fn user_request(brief: &Brief, heard: &Conversation) -> ModelRequest {
    user::model::request(Scene::new(brief, heard)).expect("something to say")
}

fn full_brief() -> Brief {
    let gates = [
        Gate::Open,
        Gate::Asked("the account".into()),
        Gate::After("one".into()),
        Gate::When("the agent says that the market is open".into()),
        Gate::Never,
    ];
    let ids = ["one", "two", "three", "four", "five"];
    let fact = |(id, gate): (&str, Gate)| Fact { id: id.into(), text: format!("what is known as {id}"), gate };
    Brief {
        goal: "Get the levels of the US stock indexes".into(),
        persona: Some("Types short demands in capitals".into()),
        guidelines: vec!["Do not tell the agent how to handle a closed market".into(), "Stay curt".into()],
        facts: ids.into_iter().zip(gates).map(fact).collect(),
        opening: None,
        patience: Some(1),
    }
}

#[test]
fn the_judge_reads_this() {
    insta::assert_snapshot!(text_of(&judge_request()));
}

#[test]
fn the_simulated_user_reads_this() {
    insta::assert_snapshot!(text_of(&user_request(&full_brief(), &conversation())));
}

#[test]
fn a_simulated_user_that_knows_nothing_reads_this() {
    let brief = Brief { goal: "Get help".into(), ..Brief::default() };
    insta::assert_snapshot!(text_of(&user_request(&brief, &Conversation::default())));
}

#[test]
fn the_distiller_reads_this() {
    let session = Session::new("s-1", conversation());
    insta::assert_snapshot!(text_of(&distill::model::request(&session)));
}

#[test]
fn a_prompt_is_known_by_its_hash() {
    let mut hashes = Prompt::ALL.map(hash).to_vec();
    assert!(hashes.iter().all(|hash| hash.len() == 12));
    hashes.dedup();
    assert_eq!(hashes.len(), Prompt::ALL.len());
}

#[test]
fn every_answer_has_a_strict_form() {
    let session = Session::new("s-1", conversation());
    for request in [judge_request(), user_request(&full_brief(), &conversation()), distill::model::request(&session)] {
        assert_strict(&strict_schema(&request.schema.schema));
    }
}

/// Strict structured output: each object lists every key as required and allows no other.
fn assert_strict(schema: &Value) {
    if schema["type"] == "object" {
        assert_eq!(schema["additionalProperties"], false, "{schema}");
        let keys: Vec<_> = schema["properties"].as_object().expect("properties").keys().cloned().collect();
        assert_eq!(schema["required"], Value::from(keys), "{schema}");
    }
    match schema {
        Value::Object(entries) => entries.values().for_each(assert_strict),
        Value::Array(items) => items.iter().for_each(assert_strict),
        _ => {}
    }
}
