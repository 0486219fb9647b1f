//! The HTTP client that everything shares, and one bounded exchange. Whether to try again is the caller's to say.

use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;
use tokio::time::Instant;

use crate::http::events::Events;
use crate::shorten::shorten;
use crate::{Error, ErrorKind, Result};

pub(crate) use times::{duration_until, retry_after, servers_now};

pub(crate) mod events;
mod times;
pub(crate) mod transfer;

/// A host that does not take a connection within this time is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Common servers close an idle connection after five seconds; a request sent at that moment would be lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// An answer larger than this is no chat message.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Every event of a stream repeats names and ids around a few letters of the answer.
const STREAM_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// A JSON request to one address.
#[derive(Debug, Clone)]
pub(crate) struct Post<'a> {
    pub(crate) url: &'a Url,
    /// Sent as a bearer token; never part of a fault.
    pub(crate) key: Option<&'a str>,
    pub(crate) headers: &'a [(&'a str, String)],
    /// JSON, as it is sent; shared, so that another attempt copies nothing.
    pub(crate) body: Bytes,
    /// For all that is done to get an answer, waits and further attempts included.
    pub(crate) timeout: Duration,
}

/// What a server answered, whatever its status.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpFault {
    pub(crate) kind: HttpFaultKind,
    pub(crate) reason: String,
    /// Where the server said no: with which status, and all that it said.
    pub(crate) refusal: Option<Refusal>,
}

/// A server's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// How an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HttpFaultKind {
    /// No connection: the server has not seen the request.
    Unreachable,
    /// The connection broke off; the server may have seen the request.
    BrokenOff,
    /// No answer in time.
    TimedOut,
    /// The server said no.
    Refused,
    /// The answer is not the JSON that was expected.
    Malformed,
}

impl HttpFault {
    /// A fault of this kind.
    pub(crate) fn new(kind: HttpFaultKind, reason: impl Into<String>) -> Self {
        HttpFault { kind, reason: reason.into(), refusal: None }
    }

    /// The same fault, saying whose answer it was.
    pub(crate) fn of(self, url: &Url) -> Self {
        HttpFault { reason: format!("{}: {}", place(url), self.reason), ..self }
    }
}

impl Answer {
    /// What the server says about its refusal.
    pub(crate) fn refusal(&self, url: &Url) -> HttpFault {
        self.refusal_with(self.status, url)
    }

    /// What the server says about its refusal, where it has another status than that of the answer.
    pub(crate) fn refusal_with(&self, status: StatusCode, url: &Url) -> HttpFault {
        let place = place(url);
        let reason = match self.headers.get("location").and_then(|to| to.to_str().ok()) {
            Some(to) if status.is_redirection() => format!("{place} answered {status}: it moved to {}", shorten(to)),
            _ => format!("{place} answered {status}: {}", error_text(&self.body)),
        };
        let refusal = Some(Refusal { status, body: self.body.clone() });
        HttpFault { kind: HttpFaultKind::Refused, reason, refusal }
    }
}

/// Posts once and reads the whole answer, until a moment at the latest.
pub(crate) async fn exchange(request: &Post<'_>, until: Instant) -> Result<Answer, HttpFault> {
    match tokio::time::timeout_at(until, attempt(request)).await {
        Ok(result) => result,
        Err(_) => Err(timed_out(request)),
    }
}

/// What hears a streamed answer, event by event, and says when it has heard enough.
pub(crate) type Listener<'a> = &'a mut (dyn FnMut(&str) -> ControlFlow<()> + Send);

/// As [`exchange`], for an answer that may come as a stream of events: it is handed over as it comes, and has no body.
pub(crate) async fn exchange_events(
    request: &Post<'_>,
    until: Instant,
    hear: Listener<'_>,
) -> Result<Answer, HttpFault> {
    let work = async {
        let response = send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match status.is_success() && is_stream(&headers) {
            true => hear_all(request, response, hear).await.map(|()| Vec::new()),
            false => bounded_body(request, response).await,
        };
        Ok(Answer { status, headers, body: body? })
    };
    tokio::time::timeout_at(until, work).await.unwrap_or_else(|_| Err(timed_out(request)))
}

/// Whether an answer comes as a stream of events.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

async fn hear_all(request: &Post<'_>, mut response: reqwest::Response, hear: Listener<'_>) -> Result<(), HttpFault> {
    let mut events = Events::default();
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(request.url, &error))? {
        bytes += chunk.len();
        if bytes > STREAM_BYTES_MAX || events.bytes_waiting() > BODY_BYTES_MAX {
            let reason = format!("{} streams more than an answer can be", place(request.url));
            return Err(HttpFault::new(HttpFaultKind::Malformed, reason));
        }
        for event in events.push(&chunk) {
            if hear(&event).is_break() {
                return Ok(());
            }
        }
    }
    let _ = events.end().map(|event| hear(&event));
    Ok(())
}

async fn attempt(request: &Post<'_>) -> Result<Answer, HttpFault> {
    let response = send(request).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, body: bounded_body(request, response).await? })
}

async fn send(request: &Post<'_>) -> Result<reqwest::Response, HttpFault> {
    let client = client(request.url).map_err(|reason| HttpFault::new(HttpFaultKind::Unreachable, reason))?;
    let mut builder = client.post(request.url.clone()).header(CONTENT_TYPE, "application/json");
    for (name, value) in request.headers {
        builder = builder.header(*name, value);
    }
    if let Some(key) = request.key {
        builder = builder.bearer_auth(key);
    }
    builder.body(request.body.clone()).send().await.map_err(|error| broken(request.url, &error))
}

async fn bounded_body(request: &Post<'_>, mut response: reqwest::Response) -> Result<Vec<u8>, HttpFault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(request.url, &error))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            let reason = format!("{} answered with more than {BODY_BYTES_MAX} bytes", place(request.url));
            return Err(HttpFault::new(HttpFaultKind::Malformed, reason));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn timed_out(request: &Post<'_>) -> HttpFault {
    let reason = format!("{} did not answer within {:?}", place(request.url), request.timeout);
    HttpFault::new(HttpFaultKind::TimedOut, reason)
}

fn broken(url: &Url, error: &reqwest::Error) -> HttpFault {
    let place = place(url);
    let (kind, what) = if error.is_builder() {
        (HttpFaultKind::Unreachable, "cannot ask")
    } else if error.is_connect() {
        (HttpFaultKind::Unreachable, "cannot connect to")
    } else {
        (HttpFaultKind::BrokenOff, "the connection broke off to")
    };
    HttpFault::new(kind, format!("{what} {place}: {}", innermost(error)))
}

/// The innermost source says what happened ("connection refused"); the outer ones repeat the address, which
/// may have a key in it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// What a server says about its refusal: the message of an error object, else the body, in a line.
pub(crate) fn error_text(body: &[u8]) -> String {
    let parsed = serde_json::from_slice::<Value>(body).ok();
    let message = parsed.as_ref().and_then(|body| {
        // AWS says `message`, servers built with FastAPI say `detail`.
        ["error", "message", "detail"].iter().find_map(|name| error_message(body.get(name)?))
    });
    match message {
        Some(message) => shorten(&message),
        None if body.trim_ascii().is_empty() => "no reason given".to_owned(),
        None => shorten(&String::from_utf8_lossy(body)),
    }
}

/// The words of an `error` member in the forms that servers give it; none where it is null.
pub(crate) fn error_message(error: &Value) -> Option<String> {
    match error {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.get("message").and_then(Value::as_str).map_or_else(|| other.to_string(), str::to_owned)),
    }
}

/// Reads an address that is part of a name.
///
/// # Errors
/// Where it is no address, or has a password in it: names are kept with every run.
pub(crate) fn parse_url(name: &str) -> Result<Url> {
    let url = Url::parse(name).map_err(|error| {
        let what = format!("`{}` is not an address: {error}", without_password(name));
        Error::new(ErrorKind::Usage, what).hint("an address looks like `http://localhost:8000/v1/chat/completions`")
    })?;
    if url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    let what = format!("the address of {} has a user or a password in it", url.host_str().unwrap_or("a host"));
    let hint =
        "names are kept with the run: leave it out, and set REENACT_AGENT_API_KEY (agents) or REENACT_API_KEY (models)";
    Err(Error::new(ErrorKind::Usage, what).hint(hint))
}

/// A name that could not be parsed may have a password before an `@`.
fn without_password(name: &str) -> &str {
    name.rsplit('@').next().unwrap_or(name)
}

/// An address as it may stand in an error: without a query, which may have a key in it.
pub(crate) fn place(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// The client for an address, built when the first request needs one: it loads certificates, which a command
/// that asks nobody must not pay for.
fn client(url: &Url) -> Result<&'static Client, String> {
    static CLIENTS: [OnceLock<Result<Client, String>>; 4] = [const { OnceLock::new() }; 4];
    let (is_local, is_plain) = (is_local(url), url.scheme() == "http");
    let client = &CLIENTS[usize::from(is_local) * 2 + usize::from(is_plain)];
    let client = client.get_or_init(|| {
        let builder = Client::builder();
        // A proxy that the environment names for the outside would look for `localhost` on its own machine.
        let builder = if is_local { builder.no_proxy() } else { builder };
        // A machine without certificates, such as a small container, can still speak plain HTTP.
        build(if is_plain { builder.tls_certs_only([]) } else { builder })
    });
    client.as_ref().map_err(Clone::clone)
}

fn build(builder: reqwest::ClientBuilder) -> Result<Client, String> {
    // Fails where the caller's program has installed a provider of its own, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = builder.connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT);
    // A redirect would turn the POST into a GET; the fault names the new address instead.
    let builder = builder.redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|error| format!("cannot set up HTTP: {}", innermost(&error)))
}

/// Whether an address is on this machine.
pub(crate) fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_address_has_no_query() {
        let url = Url::parse("https://example.org/v1?key=hunter2#m").unwrap();
        assert_eq!(place(&url), "https://example.org/v1");
    }

    #[test]
    fn error_bodies_of_every_form_become_one_line() {
        assert_eq!(error_text(br#"{"error":{"message":"no such model","code":404}}"#), "no such model");
        assert_eq!(error_text(br#"{"error":"busy"}"#), "busy");
        assert_eq!(error_text(br#"{"message":"no such model"}"#), "no such model");
        assert_eq!(error_text(br#"{"detail":{"error_code":"X","message":"no endpoint"}}"#), "no endpoint");
        assert_eq!(error_text(b"<html>\n  gateway</html>"), "<html> gateway</html>");
        assert_eq!(error_text(b"  "), "no reason given");
        assert_eq!(error_text(b"\xff"), "\u{fffd}");
    }
}
