//! Each provider as its public documentation describes it: what it is asked, and what its answers amount to.

#![allow(clippy::needless_pass_by_value, reason = "JSON is written where it is handed over")]

use axum::response::Response;
use reenact::{ChatMessage, ChatRole, Completion, ModelFault, ModelRequest};
use serde_json::{Value, json};

use super::{open_with, told};
use crate::server::{Asked, Server, answers, serve};

/// Keys that must be nowhere but in a header.
const SECRET: &str = "sk-very-secret";

/// A question in the middle of a conversation.
fn request() -> ModelRequest {
    let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
    let messages = vec![
        message(ChatRole::System, "You judge."),
        message(ChatRole::User, "Hello"),
        message(ChatRole::Assistant, "{}"),
        message(ChatRole::User, "was it said?"),
    ];
    ModelRequest { messages, ..super::request() }
}

/// What a provider documents: an answer, an error with its status, and an answer that is none.
struct Documented {
    answer: Value,
    error: (u16, Value),
    refusal: Value,
}

/// Asks a provider three times, with the variables that lead to the server (`BASE` stands for its address), and tells
/// all that was sent and what came of it.
async fn asked_three_times(name: &str, variables: &[(&str, &str)], documented: Documented) -> String {
    let server = serve(move |n| answered(n, &documented)).await;
    let base = server.address.trim_end_matches("/v1").to_owned();
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), value.replace("BASE", &base))).collect();
    let model = open_with(name, variables);
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(outcome(&model.complete(&request()).await).replace(&base, "BASE"));
    }
    assert!(outcomes.iter().all(|outcome| !outcome.contains(SECRET)), "{outcomes:#?}");
    format!("{}\n{}\n", sent(&server), outcomes.join("\n"))
}

fn answered(n: usize, documented: &Documented) -> Response {
    let Documented { answer, error: (status, error), refusal } = documented;
    match n {
        0 => answers(answer.clone()),
        1 => {
            let mut response = answers(error.clone());
            *response.status_mut() = axum::http::StatusCode::from_u16(*status).unwrap();
            response
        }
        _ => answers(refusal.clone()),
    }
}

/// The first request, with the headers that we decided on. The key must be in no address.
fn sent(server: &Server) -> String {
    let asked = server.asked();
    assert_eq!(asked.len(), 3, "each question is asked once");
    assert!(asked.iter().all(|it| it.body == asked[0].body), "the same question is the same body");
    let Asked { path, headers, body } = &asked[0];
    assert!(!path.contains(SECRET));
    let of_http = ["accept", "accept-encoding", "content-length", "host", "user-agent"];
    let ours = headers.iter().filter(|(name, _)| !of_http.contains(&name.as_str()));
    let mut lines: Vec<String> = ours.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    format!("POST {path}\n{}\n\n{body:#}\n", lines.join("\n"))
}

fn outcome(result: &Result<Completion, ModelFault>) -> String {
    match result {
        Ok(completion) => format!("-> {} {:?}", completion.answer, completion.usage.unwrap()),
        Err(fault) => format!("-> {} {:?}", told(fault), fault.usage),
    }
}

const PASS: &str = r#"{"verdict":"pass","why":null}"#;

/// A chat completion as OpenAI documents it, with its usage.
fn chat_completion(content: &str, usage: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_741_569_952, "model": "m-1-2026-01-01",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": content, "refusal": null, "annotations": []},
            "logprobs": null, "finish_reason": "stop",
        }],
        "usage": usage,
        "service_tier": "default",
    })
}

fn finished_by(reason: &str, usage: Value) -> Value {
    let mut completion = chat_completion("{\"verd", usage);
    completion["choices"][0]["finish_reason"] = json!(reason);
    completion
}

fn openai_usage() -> Value {
    json!({
        "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 200},
    })
}

#[tokio::test]
async fn openai_at_another_address_is_asked_without_a_cache_key() {
    let mut refusal = chat_completion("", openai_usage());
    refusal["choices"][0]["message"] =
        json!({"role": "assistant", "content": null, "refusal": "I cannot help with that."});
    let documented = Documented {
        answer: chat_completion(PASS, openai_usage()),
        error: (
            401,
            json!({"error": {
                "message": format!("Incorrect API key provided: {SECRET}."),
                "type": "invalid_request_error", "param": null, "code": "invalid_api_key",
            }}),
        ),
        refusal,
    };
    let variables = [("OPENAI_API_KEY", SECRET), ("OPENAI_BASE_URL", "BASE/v1")];
    insta::assert_snapshot!(asked_three_times("openai:/gpt-5", &variables, documented).await);
}

#[tokio::test]
async fn azure_is_asked_by_deployment_with_a_header_of_its_own() {
    let filtered = json!({"error": {
        "message": "The response was filtered due to the prompt triggering the content management policy.",
        "type": null, "param": "prompt", "code": "content_filter", "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation"},
    }});
    let documented = Documented {
        answer: chat_completion(PASS, openai_usage()),
        error: (400, filtered),
        refusal: finished_by("content_filter", openai_usage()),
    };
    let variables = [("AZURE_OPENAI_API_KEY", SECRET), ("AZURE_OPENAI_ENDPOINT", "BASE/")];
    insta::assert_snapshot!(asked_three_times("azure:/judge", &variables, documented).await);
}

#[tokio::test]
async fn azure_with_a_dated_version_is_asked_at_the_older_path() {
    let documented = Documented {
        answer: chat_completion(PASS, openai_usage()),
        error: (
            404,
            json!({"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}}),
        ),
        refusal: finished_by("length", openai_usage()),
    };
    let variables =
        [("AZURE_OPENAI_API_KEY", SECRET), ("AZURE_OPENAI_ENDPOINT", "BASE"), ("OPENAI_API_VERSION", "2024-10-21")];
    insta::assert_snapshot!(asked_three_times("azure:/judge", &variables, documented).await);
}

fn anthropic_message(content: Value, stop_reason: &str) -> Value {
    json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": content, "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {
            "input_tokens": 21, "cache_creation_input_tokens": 188, "cache_read_input_tokens": 1800,
            "output_tokens": 393, "service_tier": "standard",
        },
    })
}

#[tokio::test]
async fn anthropic_counts_its_cache_apart_and_is_told_what_to_keep() {
    let documented = Documented {
        answer: anthropic_message(
            json!([{"type": "thinking", "thinking": "…", "signature": "x"}, {"type": "text", "text": PASS}]),
            "end_turn",
        ),
        error: (
            404,
            json!({"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}, "request_id": "req_1"}),
        ),
        refusal: anthropic_message(json!([]), "refusal"),
    };
    let variables = [("ANTHROPIC_API_KEY", SECRET), ("ANTHROPIC_BASE_URL", "BASE")];
    insta::assert_snapshot!(asked_three_times("anthropic:/claude-sonnet-4-5", &variables, documented).await);
}

#[tokio::test]
async fn gemini_counts_thoughts_apart_and_blocks_prompts() {
    let usage = json!({
        "promptTokenCount": 2152, "cachedContentTokenCount": 2027, "candidatesTokenCount": 17,
        "thoughtsTokenCount": 80, "totalTokenCount": 2249,
    });
    let parts = json!([{"text": "hm", "thought": true}, {"text": PASS}]);
    let documented = Documented {
        answer: json!({
            "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": usage, "modelVersion": "gemini-2.5-flash", "responseId": "r",
        }),
        error: (
            400,
            json!({"error": {
                "code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT",
            }}),
        ),
        refusal: json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 2152}}),
    };
    let variables = [("GEMINI_API_KEY", SECRET), ("GOOGLE_GEMINI_BASE_URL", "BASE")];
    insta::assert_snapshot!(asked_three_times("gemini:/gemini-2.5-flash", &variables, documented).await);
}

#[tokio::test]
async fn mistral_stops_at_the_length_of_its_model() {
    let usage = json!({"prompt_tokens": 33, "completion_tokens": 15, "total_tokens": 48});
    let chunks =
        json!([{"type": "thinking", "thinking": [{"type": "text", "text": "{"}]}, {"type": "text", "text": PASS}]);
    let mut answer = chat_completion("", usage.clone());
    answer["choices"][0]["message"]["content"] = chunks;
    let documented = Documented {
        answer,
        error: (401, json!({"detail": "Unauthorized"})),
        refusal: finished_by("model_length", usage),
    };
    let variables = [("MISTRAL_API_KEY", SECRET), ("MISTRAL_BASE_URL", "BASE")];
    insta::assert_snapshot!(asked_three_times("mistral:/mistral-large-latest", &variables, documented).await);
}

fn converse(content: Value, stop_reason: &str) -> Value {
    json!({
        "metrics": {"latencyMs": 551},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {
            "inputTokens": 30, "outputTokens": 628, "totalTokens": 1658,
            "cacheReadInputTokens": 1000, "cacheWriteInputTokens": 0,
        },
    })
}

#[tokio::test]
async fn bedrock_is_asked_with_a_bearer_key_and_its_model_in_the_address() {
    let documented = Documented {
        answer: converse(json!([{"text": PASS}]), "end_turn"),
        error: (403, json!({"message": "The security token included in the request is invalid."})),
        refusal: converse(json!([{"text": "blocked"}]), "guardrail_intervened"),
    };
    let variables = [
        ("AWS_BEARER_TOKEN_BEDROCK", SECRET),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "BASE"),
    ];
    let name = "bedrock:/eu.anthropic.claude-sonnet-4-5-20250929-v1:0";
    insta::assert_snapshot!(asked_three_times(name, &variables, documented).await);
}

#[tokio::test]
async fn bedrock_with_access_keys_is_sent_signed_requests_and_no_key() {
    let documented = Documented {
        answer: converse(
            json!([{"toolUse": {"toolUseId": "t", "name": "judgement", "input": {"verdict": "pass"}}}]),
            "tool_use",
        ),
        error: (404, json!({"message": "The provided model identifier is invalid."})),
        refusal: converse(json!([]), "max_tokens"),
    };
    let variables = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_SESSION_TOKEN", "a-session"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", "BASE"),
    ];
    let told = asked_three_times("bedrock:/meta.llama3-70b-instruct-v1:0", &variables, documented).await;
    assert!(!told.contains(SECRET));
    insta::with_settings!({filters => vec![
        (r"\d{8}T\d{6}Z", "[time]"), (r"AKIDEXAMPLE/\d{8}", "AKIDEXAMPLE/[day]"), ("Signature=[0-9a-f]{64}", "Signature=[signature]"),
    ]}, { insta::assert_snapshot!(told) });
}

#[tokio::test]
async fn ollama_needs_no_key_and_takes_a_host_alone() {
    let usage = json!({"prompt_tokens": 26, "completion_tokens": 10, "total_tokens": 36});
    let documented = Documented {
        answer: chat_completion(PASS, usage.clone()),
        error: (
            404,
            json!({"error": {"message": "model \"nope\" not found, try pulling it first", "type": "api_error"}}),
        ),
        refusal: finished_by("length", usage),
    };
    let told = asked_three_times("ollama:/qwen3", &[("OLLAMA_HOST", "BASE")], documented).await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn openrouter_passes_on_what_went_wrong_behind_it() {
    let usage = json!({
        "prompt_tokens": 194, "completion_tokens": 2, "total_tokens": 196, "cost": 0.95,
        "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 64},
    });
    let mut broken = finished_by("error", usage.clone());
    broken["choices"][0]["error"] = json!({"code": 502, "message": "Provider disconnected"});
    let documented = Documented {
        answer: chat_completion(PASS, usage),
        error: (402, json!({"error": {"code": 402, "message": "Insufficient credits"}, "user_id": "u"})),
        refusal: broken,
    };
    let variables = [("OPENROUTER_API_KEY", SECRET), ("OPENROUTER_BASE_URL", "BASE/api/v1")];
    insta::assert_snapshot!(asked_three_times("openrouter:/anthropic/claude-sonnet-4.5", &variables, documented).await);
}

#[tokio::test]
async fn groq_is_asked_below_its_openai_path() {
    let usage = json!({
        "queue_time": 0.03, "prompt_tokens": 18, "prompt_time": 0.0006, "completion_tokens": 556,
        "completion_time": 0.46, "total_tokens": 574, "prompt_tokens_details": {"cached_tokens": 16},
    });
    let documented = Documented {
        answer: chat_completion(PASS, usage.clone()),
        error: (
            401,
            json!({"error": {"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}}),
        ),
        refusal: finished_by("length", usage),
    };
    let variables = [("GROQ_API_KEY", SECRET), ("GROQ_BASE_URL", "BASE")];
    insta::assert_snapshot!(asked_three_times("groq:/openai/gpt-oss-20b", &variables, documented).await);
}

#[tokio::test]
async fn deepseek_is_told_the_schema_in_the_prompt() {
    let usage = json!({
        "prompt_tokens": 700, "completion_tokens": 20, "total_tokens": 720,
        "prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 60,
    });
    let mut answer = chat_completion(PASS, usage.clone());
    answer["choices"][0]["message"]["reasoning_content"] = json!("Was it said?");
    let documented = Documented {
        answer,
        error: (
            402,
            json!({"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}}),
        ),
        refusal: finished_by("content_filter", usage),
    };
    let variables = [("DEEPSEEK_API_KEY", SECRET), ("DEEPSEEK_BASE_URL", "BASE")];
    insta::assert_snapshot!(asked_three_times("deepseek:/deepseek-chat", &variables, documented).await);
}

#[tokio::test]
async fn xai_counts_reasoning_in_the_total_only() {
    let usage = json!({
        "prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
        "prompt_tokens_details": {"cached_tokens": 6}, "completion_tokens_details": {"reasoning_tokens": 94},
    });
    let mut refused = chat_completion("", usage.clone());
    refused["choices"][0]["message"]["refusal"] = json!("No.");
    let documented = Documented {
        answer: chat_completion(PASS, usage),
        error: (400, json!({"code": "Client specified an invalid argument", "error": "Model not found: grok-9"})),
        refusal: refused,
    };
    let variables = [("XAI_API_KEY", SECRET), ("XAI_BASE_URL", "BASE/v1")];
    insta::assert_snapshot!(asked_three_times("xai:/grok-4", &variables, documented).await);
}

#[tokio::test]
async fn cohere_is_asked_at_its_compatible_address() {
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19});
    let documented = Documented {
        answer: chat_completion(PASS, usage.clone()),
        error: (401, json!({"id": "e", "message": "invalid api token"})),
        refusal: finished_by("length", usage),
    };
    let variables = [("CO_API_KEY", SECRET), ("COHERE_BASE_URL", "BASE")];
    insta::assert_snapshot!(asked_three_times("cohere:/command-a-03-2025", &variables, documented).await);
}

#[tokio::test]
async fn databricks_has_the_endpoint_in_the_address_and_not_in_the_body() {
    let usage = json!({"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19});
    let documented = Documented {
        answer: chat_completion(PASS, usage.clone()),
        error: (404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "The given endpoint does not exist."})),
        refusal: finished_by("length", usage),
    };
    let variables = [("DATABRICKS_TOKEN", SECRET), ("DATABRICKS_HOST", "BASE")];
    insta::assert_snapshot!(asked_three_times("databricks:/chat", &variables, documented).await);
}

#[tokio::test]
async fn the_gateway_of_a_tracking_server_is_asked_with_the_servers_own_user() {
    let mut answer = chat_completion(PASS, json!({"prompt_tokens": 2, "completion_tokens": 121, "total_tokens": 123}));
    answer["provider"] = json!("openai");
    let documented = Documented {
        answer,
        error: (
            404,
            json!({"detail": {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "GatewayEndpoint not found (name='chat')"}}),
        ),
        refusal: json!({"id": null, "choices": [{"message": {"role": "assistant", "content": null, "tool_calls": null, "refusal": "No."}}], "usage": null}),
    };
    let variables =
        [("MLFLOW_TRACKING_URI", "BASE"), ("MLFLOW_TRACKING_USERNAME", "me"), ("MLFLOW_TRACKING_PASSWORD", SECRET)];
    insta::assert_snapshot!(asked_three_times("gateway:/chat", &variables, documented).await);
}

#[tokio::test]
async fn an_endpoint_of_a_deployments_server_is_invoked_by_name() {
    let usage = json!({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5});
    let documented = Documented {
        answer: chat_completion(PASS, usage.clone()),
        error: (404, json!({"detail": "The endpoint 'chat' is not present or active on the server."})),
        refusal: finished_by("length", usage),
    };
    let variables = [("MLFLOW_DEPLOYMENTS_TARGET", "BASE"), ("MLFLOW_TRACKING_TOKEN", SECRET)];
    insta::assert_snapshot!(asked_three_times("endpoints:/chat", &variables, documented).await);
}

#[tokio::test]
async fn a_deployments_target_of_databricks_is_its_workspace() {
    let usage = json!({"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5});
    let documented = Documented {
        answer: chat_completion(PASS, usage.clone()),
        error: (403, json!({"error_code": "PERMISSION_DENIED", "message": "Invalid access token."})),
        refusal: finished_by("length", usage),
    };
    let variables =
        [("MLFLOW_DEPLOYMENTS_TARGET", "databricks"), ("DATABRICKS_HOST", "BASE"), ("DATABRICKS_TOKEN", SECRET)];
    insta::assert_snapshot!(asked_three_times("endpoints:/chat", &variables, documented).await);
}
