//! What a model refuses by name is left out, and not sent again.

use reenact::Usage;
use serde_json::{Value, json};

use super::{ask, open, request, told};
use crate::server::{LONG, Server, answers, refuses, says, serve};

const PASS: &str = r#"{"verdict":"pass"}"#;

/// What each request asked for beside its messages.
fn formats(server: &Server) -> Vec<Value> {
    server.asked().iter().map(|asked| asked.body["response_format"]["type"].clone()).collect()
}

#[tokio::test]
async fn a_server_that_refuses_the_parameter_is_asked_without_it_from_then_on() {
    let refusal = r#"{"error":{"message":"Unrecognized request argument supplied: response_format"}}"#;
    let server = serve(move |n| if n == 0 { refuses(400, refusal) } else { says(PASS) }).await;
    for _ in 0..2 {
        assert_eq!(ask(&server.address).await.unwrap().answer, json!({"verdict": "pass"}));
    }
    assert_eq!(formats(&server), [json!("json_schema"), Value::Null, Value::Null]);
    let told = server.asked()[1].body["messages"][0].clone();
    insta::assert_json_snapshot!(told);
}

#[tokio::test]
async fn a_server_that_knows_only_json_objects_is_asked_for_one() {
    let refusal = r#"{"error":{"message":"This model does not support response format `json_schema`."}}"#;
    let server = serve(move |n| if n == 0 { refuses(400, refusal) } else { says(PASS) }).await;
    for _ in 0..2 {
        ask(&server.address).await.unwrap();
    }
    assert_eq!(formats(&server), ["json_schema", "json_object", "json_object"]);
}

#[tokio::test]
async fn a_server_that_forgets_the_schema_is_told_it_in_the_prompt_from_then_on() {
    let server = serve(|n| says(["It was said, I think.", PASS, PASS][n])).await;
    ask(&server.address).await.unwrap();
    ask(&server.address).await.unwrap();
    let asked = server.asked();
    let shown = |n: usize| asked[n].body["messages"].to_string().contains("JSON schema");
    assert_eq!([shown(0), shown(1), shown(2)], [false, true, true]);
    assert_eq!(formats(&server), ["json_schema", "json_schema", "json_schema"]);
}

#[tokio::test]
async fn what_a_provider_refuses_for_not_being_of_the_schema_is_asked_for_again() {
    let refused = json!({"error": {
        "message": "Failed to validate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
        "type": "invalid_request_error", "code": "json_validate_failed", "failed_generation": "{\"verdict\":",
    }});
    let body: &'static str = Box::leak(refused.to_string().into_boxed_str());
    let server = serve(move |n| if n == 0 { refuses(400, body) } else { says(PASS) }).await;
    assert_eq!(ask(&server.address).await.unwrap().answer, json!({"verdict": "pass"}));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_wrong_key_and_an_unknown_model_teach_nothing_and_say_what_to_do() {
    let mut all = String::new();
    for (status, body) in [
        (401, r#"{"error":{"message":"Incorrect API key provided"}}"#),
        (404, r#"{"error":{"message":"The model `m-1` does not exist or you do not have access to it."}}"#),
        (400, r#"{"error":{"message":"m-1 is not a valid model ID"}}"#),
    ] {
        let server = serve(move |_| refuses(status, body)).await;
        let fault = told(&ask(&server.address).await.unwrap_err()).replace(&server.address, "ADDRESS");
        all.push_str(&format!("{fault}\n"));
        assert_eq!(server.asked().len(), 1);
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn what_was_wasted_on_answers_that_could_not_be_used_is_in_the_fault() {
    let server = serve(|_| says("I think so")).await;
    let fault = ask(&server.address).await.unwrap_err();
    assert_eq!(fault.usage, Some(Usage { input_tokens: 14, output_tokens: 6, ..Usage::default() }));
}

#[tokio::test]
async fn an_answer_that_is_wrong_deep_inside_is_asked_for_again_with_the_place() {
    let server = serve(|n| says([r#"{"verdict":7}"#, PASS][n])).await;
    let model = open(&format!("{}#m-1", server.address), LONG);
    model.complete(&request()).await.unwrap();
    let complaint = server.asked()[1].body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    assert!(complaint.as_str().unwrap().contains("the answer.verdict is not a string: 7"), "{complaint}");
}

#[tokio::test]
async fn a_success_that_is_an_error_inside_is_refused() {
    let server = serve(|_| answers(json!({"error": {"message": "overloaded"}}))).await;
    let fault = told(&ask(&server.address).await.unwrap_err());
    assert!(fault.starts_with("Refused: ") && fault.ends_with("answered with an error: overloaded"), "{fault}");
}
