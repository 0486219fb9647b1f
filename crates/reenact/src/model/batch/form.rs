//! The two forms of a batch: a request as a line of a file, and what came of it as a line of another.
//!
//! Reading is for files that anybody may have written: a line is told by its members, not by the name of its file.

use serde_json::Value;

use crate::http::{error_message, error_text};
use crate::shorten::shorten;

/// A form in which a provider takes batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A file of requests, as OpenAI made it.
    OpenAi,
    /// A list of requests, as Anthropic takes it; in a folder, a request a line.
    Anthropic,
}

/// The path that OpenAI's form names in each request and with each batch.
pub(super) const CHAT_COMPLETIONS: &str = "/v1/chat/completions";

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A request, which is ours or is one that we cannot know.
    Request { id: String },
    /// What came of a request.
    Answer { id: String, came: Came },
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    /// The body of a successful answer, as a live call would have got it.
    Body(String),
    /// The provider says no, and would say so again.
    Refused(String),
    /// Nobody answered it; asked again, somebody may.
    Undone(Undone, String),
}

/// Why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undone {
    /// The batch ran out of time.
    Expired,
    /// Somebody cancelled the batch.
    Cancelled,
    /// The provider was busy or broken.
    Failed,
}

impl Came {
    /// The same with its reason, where it has one, in other words.
    pub(super) fn in_words(self, reword: impl FnOnce(&str) -> String) -> Came {
        match self {
            Came::Body(body) => Came::Body(body),
            Came::Refused(reason) => Came::Refused(reword(&reason)),
            Came::Undone(undone, reason) => Came::Undone(undone, reword(&reason)),
        }
    }
}

impl Form {
    /// Requests in one batch at the most, by the providers' own documents.
    pub(super) fn requests_max(self) -> usize {
        match self {
            Form::OpenAi => 50_000,
            Form::Anthropic => 100_000,
        }
    }

    /// Bytes of one batch at the most, by the providers' own documents, in the smaller of the two megabytes.
    pub(super) fn bytes_max(self) -> usize {
        match self {
            Form::OpenAi => 200_000_000,
            Form::Anthropic => 256_000_000,
        }
    }

    /// A request as a line, without its end. The body is JSON.
    pub(super) fn line(self, id: &str, body: &str) -> String {
        let id = Value::from(id);
        match self {
            Form::OpenAi => {
                format!(r#"{{"custom_id":{id},"method":"POST","url":"{CHAT_COMPLETIONS}","body":{body}}}"#)
            }
            Form::Anthropic => format!(r#"{{"custom_id":{id},"params":{body}}}"#),
        }
    }
}

/// Reads a line of either form.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub(super) fn read_line(line: &[u8]) -> Result<Line, String> {
    let line: Value = serde_json::from_slice(line)
        .map_err(|error| format!("expected a JSON object a line ({})", place_of(&error)))?;
    let id = line["custom_id"].as_str().ok_or("expected an object with a `custom_id`")?.to_owned();
    if line["params"].is_object() || line["body"].is_object() {
        return Ok(Line::Request { id });
    }
    let came = match (&line["result"], &line["response"], &line["error"]) {
        (result @ Value::Object(_), ..) => of_result(result),
        (_, response @ Value::Object(_), Value::Null) => of_response(response),
        (_, _, error) => error_message(error).map(|message| of_error(error, &message)),
    };
    let came = came.ok_or("expected a `response` or an `error` (OpenAI), or a `result` (Anthropic)")?;
    Ok(Line::Answer { id, came })
}

/// Where in its line JSON breaks off; the line itself is known to whoever reads the file.
fn place_of(error: &serde_json::Error) -> String {
    let what = if error.is_eof() { "it breaks off" } else { "it is not JSON" };
    format!("{what} at column {}", error.column())
}

/// OpenAI: a response with a status, as a live call has one.
fn of_response(response: &Value) -> Option<Came> {
    let body = &response["body"];
    let status = response["status_code"].as_u64().unwrap_or(200);
    Some(match status {
        200..=299 if body.is_object() => Came::Body(body.to_string()),
        200..=299 => return None,
        408 | 409 | 429 | 500.. => Came::Undone(Undone::Failed, refusal(status, body)),
        _ => Came::Refused(refusal(status, body)),
    })
}

fn refusal(status: u64, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!("answered {status}: {}", error_text(body.as_bytes()))
}

/// OpenAI: a request that never came to a response.
fn of_error(error: &Value, message: &str) -> Came {
    let undone = match error["code"].as_str() {
        Some("batch_expired") => Undone::Expired,
        Some("batch_cancelled") => Undone::Cancelled,
        _ => Undone::Failed,
    };
    Came::Undone(undone, shorten(message))
}

/// Anthropic: a result with its type.
fn of_result(result: &Value) -> Option<Came> {
    match result["type"].as_str()? {
        "succeeded" => result["message"].is_object().then(|| Came::Body(result["message"].to_string())),
        "expired" => {
            Some(Came::Undone(Undone::Expired, "the batch expired before the request was answered".to_owned()))
        }
        "canceled" => Some(Came::Undone(Undone::Cancelled, "the batch was cancelled".to_owned())),
        "errored" => {
            let error = result.pointer("/error/error").unwrap_or(&result["error"]);
            let kind = error["type"].as_str().unwrap_or("error");
            let reason = format!("answered with {kind}: {}", shorten(&error_message(error)?));
            let may_pass = ["api_error", "overloaded_error", "rate_limit_error", "timeout_error"];
            Some(if may_pass.contains(&kind) { Came::Undone(Undone::Failed, reason) } else { Came::Refused(reason) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn came(line: &str) -> String {
        match read_line(line.as_bytes()) {
            Ok(Line::Answer { id, came }) => format!("{id}: {came:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_line_that_openai_writes_is_known() {
        let lines = [
            r#"{"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"request_id":"r","body":{"choices":[]}},"error":null}"#,
            r#"{"custom_id":"a","response":{"status_code":400,"body":{"error":{"message":"no such model"}}},"error":null}"#,
            r#"{"custom_id":"a","response":{"status_code":429,"body":{"error":{"message":"slow down"}}},"error":null}"#,
            r#"{"custom_id":"a","response":{"status_code":500,"body":null},"error":null}"#,
            r#"{"custom_id":"a","response":null,"error":{"code":"batch_expired","message":"out of time"}}"#,
            r#"{"custom_id":"a","response":null,"error":{"code":"batch_cancelled","message":"stopped"}}"#,
            r#"{"custom_id":"a","response":null,"error":{"code":"server_error","message":"oh"}}"#,
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}"#,
        ];
        insta::assert_snapshot!(lines.map(|line| came(line) + "\n").concat());
    }

    #[test]
    fn each_line_that_anthropic_writes_is_known() {
        let lines = [
            r#"{"custom_id":"a","result":{"type":"succeeded","message":{"content":[]}}}"#,
            r#"{"custom_id":"a","result":{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens"}}}}"#,
            r#"{"custom_id":"a","result":{"type":"errored","error":{"type":"overloaded_error","message":"later"}}}"#,
            r#"{"custom_id":"a","result":{"type":"expired"}}"#,
            r#"{"custom_id":"a","result":{"type":"canceled"}}"#,
            r#"{"custom_id":"a","params":{"model":"m"}}"#,
        ];
        insta::assert_snapshot!(lines.map(|line| came(line) + "\n").concat());
    }

    #[test]
    fn a_line_that_is_neither_says_what_was_expected() {
        let lines = [
            r#"{"custom_id":"a","resp"#,
            "oops",
            "[]",
            r#"{"custom_id":7,"result":{}}"#,
            r#"{"custom_id":"a"}"#,
            r#"{"custom_id":"a","response":null,"error":null}"#,
            r#"{"custom_id":"a","response":{"status_code":200,"body":"text"},"error":null}"#,
            r#"{"custom_id":"a","result":{"type":"succeeded"}}"#,
            r#"{"custom_id":"a","result":{"type":"postponed"}}"#,
        ];
        let told = |line: &str| format!("{}\n", read_line(line.as_bytes()).unwrap_err());
        insta::assert_snapshot!(lines.map(told).concat());
    }

    /// JSON of any shape, with the names that the reader looks for.
    fn any_json() -> impl Strategy<Value = Value> {
        let name = "custom_id|response|error|result|type|status_code|body|message|code|params";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u64>().prop_map(Value::from),
            "[a-z]{0,3}|expired|errored|succeeded".prop_map(Value::from)
        ];
        leaf.prop_recursive(5, 30, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, json in any_json()) {
            let _ = read_line(&bytes);
            let _ = read_line(json.to_string().as_bytes());
        }

        #[test]
        fn a_line_of_ours_is_a_request_of_the_same_id(id in "[a-z0-9-]{1,40}", body in any_json()) {
            for form in [Form::OpenAi, Form::Anthropic] {
                let line = form.line(&id, &json!({"messages": body}).to_string());
                prop_assert!(!line.contains('\n'));
                prop_assert_eq!(read_line(line.as_bytes()), Ok(Line::Request { id: id.clone() }));
            }
        }

        #[test]
        fn a_body_comes_through_as_it_was(body in any_json()) {
            let body = json!({"choices": body});
            let line = json!({"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": null});
            let came = Came::Body(body.to_string());
            prop_assert_eq!(read_line(line.to_string().as_bytes()), Ok(Line::Answer { id: "a".into(), came }));
        }
    }
}
