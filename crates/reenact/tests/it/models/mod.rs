//! Models behind a real server, and each way in which they fail.

use std::time::Duration;

use reenact::model::{Engine, ModelSettings};
use reenact::{
    AnswerSchema, ChatMessage, ChatRole, Completion, Model, ModelFault, ModelFaultKind, ModelRequest, Usage,
};
use serde_json::json;

use crate::server::{LONG, answers, nobody, refuses, says, serve, serve_silence};

mod learning;
mod providers;

fn open(name: &str, timeout: Duration) -> Model {
    let environment = [("REENACT_API_KEY", "sk-very-secret")].into_iter().collect();
    opened(name, &ModelSettings { timeout, environment, ..ModelSettings::default() })
}

fn open_with(name: &str, variables: Vec<(String, String)>) -> Model {
    opened(
        name,
        &ModelSettings { timeout: LONG, environment: variables.into_iter().collect(), ..ModelSettings::default() },
    )
}

fn opened(name: &str, settings: &ModelSettings) -> Model {
    match Engine::open(name, settings).expect("the name should open") {
        Engine::Model(model) => model,
        Engine::Offline => panic!("{name} should be a model"),
    }
}

fn request() -> ModelRequest {
    let schema = json!({
        "type": "object",
        "required": ["verdict"],
        "properties": {"verdict": {"type": "string"}, "why": {"type": "string"}},
    });
    let messages = vec![ChatMessage { role: ChatRole::User, content: "was it said?".to_owned() }];
    ModelRequest { messages, schema: AnswerSchema { name: "judgement".to_owned(), schema: schema.into() } }
}

async fn ask(address: &str) -> Result<Completion, ModelFault> {
    open(&format!("{address}#m-1"), LONG).complete(&request()).await
}

fn told(fault: &ModelFault) -> String {
    format!("{:?}: {}", fault.fault, fault.reason)
}

#[tokio::test]
async fn a_model_is_asked_for_json_of_a_strict_schema() {
    let server = serve(|_| says(r#"{"verdict":"pass","why":null}"#)).await;
    let completion = ask(&server.address).await.unwrap();
    assert_eq!(completion.answer, json!({"verdict": "pass"}));
    assert_eq!(completion.usage, Some(Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() }));
    let asked = server.asked();
    assert_eq!(asked[0].headers["authorization"], "Bearer sk-very-secret");
    insta::assert_json_snapshot!(asked[0].body);
}

#[tokio::test]
async fn a_model_is_told_how_long_its_answer_may_be_where_that_is_wanted() {
    let server = serve(|_| says(r#"{"verdict":"pass"}"#)).await;
    let settings = ModelSettings { timeout: LONG, answer_tokens_max: Some(900), ..ModelSettings::default() };
    opened(&format!("{}#m-1", server.address), &settings).complete(&request()).await.unwrap();
    assert_eq!(server.asked()[0].body["max_tokens"], 900);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_asked_for_once_more_with_the_reason() {
    let server = serve(|n| says(["I think it was.", "```json\n{\"verdict\": \"pass\"}\n```"][n])).await;
    let completion = ask(&server.address).await.unwrap();
    assert_eq!(completion.answer, json!({"verdict": "pass"}));
    assert_eq!(
        completion.usage,
        Some(Usage { input_tokens: 14, output_tokens: 6, ..Usage::default() }),
        "both answers are paid for"
    );
    insta::assert_json_snapshot!(server.asked()[1].body["messages"]);
}

#[tokio::test]
async fn a_model_that_never_writes_json_is_asked_twice() {
    for (content, expected) in [("", "the answer is empty"), ("{}", "the answer lacks `verdict`: {}")] {
        let server = serve(move |_| says(content)).await;
        let fault = told(&ask(&server.address).await.unwrap_err());
        assert_eq!(fault, format!("Malformed: m-1: {expected}, also when asked again"));
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn each_way_of_not_answering_has_its_kind_and_its_reason() {
    let with = |reason: &str, message| json!({"choices": [{"finish_reason": reason, "message": message}]});
    let bodies = [
        with("stop", json!({"content": null, "refusal": "I cannot help with that"})),
        with("length", json!({"content": "{\"verd"})),
        with("content_filter", json!({"content": ""})),
        json!({"error": {"message": "the key sk-very-secret has no credit", "code": 402}}),
        json!({"choices": [{}]}),
    ];
    let mut all = String::new();
    for body in bodies {
        let server = serve(move |_| answers(body.clone())).await;
        let fault = told(&ask(&server.address).await.unwrap_err());
        all.push_str(&format!("{}\n", fault.replace(&server.address, "ADDRESS")));
        assert_eq!(server.asked().len(), 1);
    }
    assert!(!all.contains("very-secret"));
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted_without_the_key() {
    let server = serve(|_| refuses(401, r#"{"error":{"message":"Incorrect API key provided: sk-very-secret"}}"#)).await;
    let fault = told(&ask(&server.address).await.unwrap_err()).replace(&server.address, "ADDRESS");
    insta::assert_snapshot!(fault, @"Refused: m-1: ADDRESS/chat/completions answered 401 Unauthorized: Incorrect API key provided: [secret] (check REENACT_API_KEY)");
}

#[tokio::test]
async fn what_no_other_attempt_would_cure_is_asked_once_and_what_one_may_is_asked_again() {
    for status in [401, 403] {
        let server = serve(move |_| refuses(status, "no")).await;
        assert_eq!(ask(&server.address).await.unwrap_err().fault, ModelFaultKind::Refused);
        assert_eq!(server.asked().len(), 1, "{status}");
    }
    let server = serve(|n| match n {
        0 => refuses(429, "slow down"),
        1 => refuses(529, "overloaded"),
        2 => refuses(200, r#"{"choices": [{"mess"#),
        _ => says(r#"{"verdict":"pass"}"#),
    });
    let server = server.await;
    assert_eq!(ask(&server.address).await.unwrap().answer, json!({"verdict": "pass"}));
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_one_that_is_silent_times_out() {
    // Time for some attempts, not for all.
    let model = open(&format!("{}#m-1", nobody().await), Duration::from_secs(1));
    let fault = told(&model.complete(&request()).await.unwrap_err());
    assert!(fault.starts_with("Unreachable: m-1: cannot connect to http://127.0.0.1"), "{fault}");
    let (address, _listening) = serve_silence().await;
    let model = open(&format!("{address}#m-1"), Duration::from_millis(50));
    let fault = told(&model.complete(&request()).await.unwrap_err()).replace(&address, "");
    // How often it was asked depends on how busy this machine is.
    assert!(fault.starts_with("TimedOut: m-1: /chat/completions did not answer within 50ms"), "{fault}");
}

#[tokio::test]
async fn a_scripted_model_is_read_as_strictly_as_any() {
    let script = "
- {for: user, json: {say: hello}}
- {for: judge, when: never, json: {verdict: fail}}
- {for: judge, when: was it said, json: {verdict: pass}}
- {for: judge, when: nonsense, reply: I think so}
- {for: judge, when: silence, reply: '{\"verdict\": \"pass\"}', delay_ms: 60000}
- {for: judge, when: death, fail: {died: out of memory}}
";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    let model = open(&format!("script:{}", file.path().display()), Duration::from_millis(200));
    let mut all = String::new();
    for latest in ["was it said?", "nonsense", "silence", "death"] {
        let mut request = request();
        request.messages[0].content = latest.to_owned();
        let answer = model.complete(&request).await;
        all.push_str(&format!(
            "{latest} -> {}\n",
            answer.map_or_else(|fault| told(&fault), |done| done.answer.to_string())
        ));
    }
    insta::assert_snapshot!(all);
}
