//! What one exchange with a provider amounts to: an answer, a fault that is final, or one that another attempt may cure.

use std::time::Duration;

use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;

use super::headers::asked_wait;
use super::state::Fate;
use crate::http::{Answer, HttpFault, HttpFaultKind, duration_until, servers_now};
use crate::shorten::shorten;

/// The provider's servers are overloaded; Anthropic's own status, and others have taken it up.
const OVERLOADED: u16 = 529;

/// What an exchange amounts to.
#[derive(Debug)]
pub(super) enum Verdict {
    /// An answer, whole.
    Whole,
    /// A refusal that would be the same again: a bad request, a bad key, no such model, no credit.
    Final(HttpFault),
    /// A fault that may pass, and what it says of the provider.
    Again(HttpFault, Fate),
}

impl Verdict {
    /// On what the exchange brought.
    pub(super) fn on(returned: &Result<Answer, HttpFault>, url: &Url) -> Verdict {
        match returned {
            Err(fault) => Verdict::Again(fault.clone(), Fate::Failed),
            Ok(answer) if answer.status.is_success() => on_success(answer, url),
            Ok(answer) => on_refusal(answer, answer.status, url),
        }
    }

    /// What it says of the provider.
    pub(super) fn fate(&self) -> Fate {
        match self {
            Verdict::Whole | Verdict::Final(_) => Fate::Answered,
            Verdict::Again(_, fate) => *fate,
        }
    }
}

/// What an answer says of an error; some gateways say it with the status of a success.
#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    error: Value,
}

fn on_success(answer: &Answer, url: &Url) -> Verdict {
    match error_in(&answer.body) {
        Ok(error) => match hidden_status(&error).map(|status| on_refusal(answer, status, url)) {
            Some(again @ Verdict::Again(..)) => again,
            // Whoever reads it will find the error, if there is one.
            _ => Verdict::Whole,
        },
        // JSON of another form; whoever reads it will say so.
        Err(error) if error.classify() == Category::Data => Verdict::Whole,
        Err(error) => {
            let what = if error.is_eof() { "the answer breaks off" } else { "expected JSON" };
            let reason = format!("{what} ({error}), got: {}", shorten(&String::from_utf8_lossy(&answer.body)));
            // Not the model has written this: something on the way.
            Verdict::Again(HttpFault::new(HttpFaultKind::BrokenOff, reason).of(url), Fate::Failed)
        }
    }
}

/// The error that a body of JSON speaks of, or null.
fn error_in(body: &[u8]) -> Result<Value, serde_json::Error> {
    if body.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(body).map(|Envelope { error }| error)
    } else {
        serde_json::from_slice(body).map(|IgnoredAny| Value::Null)
    }
}

/// The status of an error that came with another one.
fn hidden_status(error: &Value) -> Option<StatusCode> {
    let code = error.get("code")?;
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    StatusCode::from_u16(u16::try_from(number).ok()?).ok().filter(|status| status.as_u16() >= 400)
}

fn on_refusal(answer: &Answer, status: StatusCode, url: &Url) -> Verdict {
    let fault = answer.refusal_with(status, url);
    match status {
        StatusCode::TOO_MANY_REQUESTS if has_no_credit(answer) => Verdict::Final(fault),
        StatusCode::TOO_MANY_REQUESTS => Verdict::Again(fault, Fate::TooMuch(wait(answer))),
        StatusCode::SERVICE_UNAVAILABLE => Verdict::Again(fault, Fate::Overloaded(wait(answer))),
        status if status.as_u16() == OVERLOADED => Verdict::Again(fault, Fate::Overloaded(wait(answer))),
        StatusCode::REQUEST_TIMEOUT => Verdict::Again(fault, Fate::Failed),
        status if status.is_server_error() => Verdict::Again(fault, Fate::Failed),
        _ => Verdict::Final(fault),
    }
}

/// OpenAI refuses an account without credit as it refuses one that asks too fast.
fn has_no_credit(answer: &Answer) -> bool {
    let error = error_of(answer);
    ["code", "type"].iter().any(|field| error[field] == "insufficient_quota")
}

/// How long the provider asks to wait, in its headers, or as Google says it: in `RetryInfo` among an error's details.
fn wait(answer: &Answer) -> Option<Duration> {
    asked_wait(&answer.headers).or_else(|| {
        let error = error_of(answer);
        let delay = error["details"].as_array()?.iter().find_map(|detail| detail["retryDelay"].as_str())?;
        duration_until(delay, servers_now(&answer.headers))
    })
}

fn error_of(answer: &Answer) -> Value {
    error_in(&answer.body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;

    fn verdict(status: u16, body: &str) -> String {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_owned(),
        };
        match Verdict::on(&Ok(answer), &Url::parse("http://a/v1").unwrap()) {
            Verdict::Whole => "whole".to_owned(),
            Verdict::Final(fault) => format!("final: {}", fault.reason),
            Verdict::Again(fault, fate) => format!("again ({fate:?}): {}", fault.reason),
        }
    }

    #[test]
    fn only_what_another_attempt_may_cure_is_asked_again() {
        let statuses = [400, 401, 402, 403, 404, 413, 422, 408, 429, 500, 502, 503, 504, 529];
        let verdicts =
            statuses.map(|status| format!("{status} {}\n", verdict(status, "no").split(':').next().unwrap()));
        insta::assert_snapshot!(verdicts.concat(), @r"
        400 final
        401 final
        402 final
        403 final
        404 final
        413 final
        422 final
        408 again (Failed)
        429 again (TooMuch(None))
        500 again (Failed)
        502 again (Failed)
        503 again (Overloaded(None))
        504 again (Failed)
        529 again (Overloaded(None))
        ");
    }

    #[test]
    fn the_body_tells_what_the_status_does_not() {
        let bodies = [
            (200, r#"{"choices": []}"#),
            (200, r#"{"choices": [{"message": {"cont"#),
            (200, ""),
            (200, "<html>please log in</html>"),
            (200, r#"[1, 2]"#),
            (200, r#"{"error": null}"#),
            (200, r#"{"error": {"message": "upstream is busy", "code": 503}}"#),
            (200, r#"{"error": {"message": "no credit", "code": 402}}"#),
            (200, r#"{"error": {"message": "who knows", "code": "strange"}}"#),
            (429, r#"{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}"#),
            (429, r#"{"error": {"message": "slow down", "details": [{"@type": "RetryInfo", "retryDelay": "37s"}]}}"#),
        ];
        let verdicts = bodies.map(|(status, body)| format!("{status} {body}\n    {}\n", verdict(status, body)));
        insta::assert_snapshot!(verdicts.concat(), @r#"
        200 {"choices": []}
            whole
        200 {"choices": [{"message": {"cont
            again (Failed): http://a/v1: the answer breaks off (EOF while parsing a string at line 1 column 31), got: {"choices": [{"message": {"cont
        200 
            again (Failed): http://a/v1: the answer breaks off (EOF while parsing a value at line 1 column 0), got: 
        200 <html>please log in</html>
            again (Failed): http://a/v1: expected JSON (expected value at line 1 column 1), got: <html>please log in</html>
        200 [1, 2]
            whole
        200 {"error": null}
            whole
        200 {"error": {"message": "upstream is busy", "code": 503}}
            again (Overloaded(None)): http://a/v1 answered 503 Service Unavailable: upstream is busy
        200 {"error": {"message": "no credit", "code": 402}}
            whole
        200 {"error": {"message": "who knows", "code": "strange"}}
            whole
        429 {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
            final: http://a/v1 answered 429 Too Many Requests: You exceeded your current quota
        429 {"error": {"message": "slow down", "details": [{"@type": "RetryInfo", "retryDelay": "37s"}]}}
            again (TooMuch(Some(37s))): http://a/v1 answered 429 Too Many Requests: slow down
        "#);
    }

    #[test]
    fn what_the_provider_asks_for_goes_with_the_fault() {
        let headers = [(RETRY_AFTER, HeaderValue::from_static("7"))].into_iter().collect();
        let answer = Answer { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Vec::new() };
        let verdict = Verdict::on(&Ok(answer), &Url::parse("http://a/v1").unwrap());
        assert_eq!(verdict.fate(), Fate::TooMuch(Some(Duration::from_secs(7))));
    }
}
