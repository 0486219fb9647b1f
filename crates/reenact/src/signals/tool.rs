//! What a tool's name and its answer tell: an error, or that a person takes over.

use serde_json::Value;

/// Members of an answer that hold an error, and nothing otherwise.
const ERROR_KEYS: [&str; 5] = ["error", "errors", "exception", "error_message", "errorMessage"];
/// Members that are true where the call failed.
const FAILED_KEYS: [&str; 3] = ["is_error", "isError", "failed"];
/// Members that are false where the call failed.
const DONE_KEYS: [&str; 2] = ["success", "ok"];
/// How an answer in plain words begins that tells of an error.
const ERROR_STARTS: [&str; 7] =
    ["error", "traceback (most recent", "exception", "failed", "failure", "fatal", "invalid argument"];

/// The answer of a tool, where it tells of an error.
pub(super) fn error(answer: &str) -> Option<&str> {
    let trimmed = answer.trim_start();
    let is_error = match serde_json::from_str::<Value>(trimmed) {
        Ok(Value::Object(members)) => members.iter().any(|(key, value)| fails(key, value)),
        Ok(Value::String(text)) => begins_as_error(&text),
        Ok(_) => false,
        Err(_) => begins_as_error(trimmed),
    };
    is_error.then_some(answer)
}

fn fails(key: &str, value: &Value) -> bool {
    let is_there = match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) => true,
    };
    ERROR_KEYS.contains(&key) && is_there
        || FAILED_KEYS.contains(&key) && *value == Value::Bool(true)
        || DONE_KEYS.contains(&key) && *value == Value::Bool(false)
        || key == "status" && is_bad_status(value)
}

/// A word for failure, or a status of HTTP that is one.
fn is_bad_status(status: &Value) -> bool {
    match status {
        Value::String(text) => matches!(text.to_lowercase().as_str(), "error" | "failed" | "failure"),
        Value::Number(number) => number.as_u64().is_some_and(|number| (400..600).contains(&number)),
        _ => false,
    }
}

fn begins_as_error(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(40).collect::<String>().to_lowercase();
    ERROR_STARTS.iter().any(|sign| {
        let rest = start.strip_prefix(sign);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

/// Whether a tool of this name hands the user over to a person.
pub(super) fn hands_over(tool: &str) -> bool {
    let name: String = tool.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let to_person = ["human", "agent", "person", "operator", "support", "representative"];
    let passes_on = ["transfer", "handoff", "handover", "escalate", "connect"];
    name.contains("escalate")
        || passes_on.iter().any(|verb| name.contains(verb)) && to_person.iter().any(|to| name.contains(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_form_and_not_by_a_word_somewhere() {
        for failed in [
            r#"{"error": "no such order"}"#,
            r#"{"success": false, "id": 4}"#,
            r#"{"isError": true, "content": []}"#,
            r#"{"status": 404}"#,
            "Error: user not found",
            "\"Error - gift card not found\"",
            "Traceback (most recent call last):\n …",
        ] {
            assert_eq!(error(failed), Some(failed));
        }
        let fine = [
            r#"{"error": null, "rows": []}"#,
            r#"{"note": "the error was fixed"}"#,
            "Errors were made in 1970",
            "[]",
            "{\"status\": 200}",
        ];
        fine.iter().for_each(|answer| assert_eq!(error(answer), None, "{answer}"));
    }

    #[test]
    fn a_tool_that_transfers_money_hands_nobody_over() {
        assert!(
            hands_over("transfer_to_human_agents") && hands_over("escalateTicket") && hands_over("handoff_to_support")
        );
        assert!(!hands_over("transfer_money") && !hands_over("get_agent_name"));
    }
}
