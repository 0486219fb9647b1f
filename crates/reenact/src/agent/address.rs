//! What every agent behind an address has in common: what goes with a turn, when it may be sent again, and how it fails.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::{AgentFault, AgentTurn, FaultKind};
use crate::http::transfer::{Content, Transfer, transfer};
use crate::http::{Answer, HttpFault, HttpFaultKind, Listener, Post, exchange_events, is_stream, retry_after};
use crate::{Environment, trace_context};

/// The variable with the key that is sent to agents as a bearer token, where nothing else is said.
pub(super) const KEY_VARIABLE: &str = "REENACT_AGENT_API_KEY";

/// The header with the session id, where nothing else is said.
pub(super) const SESSION_HEADER: &str = "x-session-id";

/// Servers shed load for a second or two at a time; a fourth attempt seldom fares better.
const RETRIES_MAX: usize = 2;

/// The first wait; the next is twice as long. Both get up to as much again at random, so that many
/// conversations that were refused together do not come back together.
const RETRY_DELAY_FIRST: Duration = Duration::from_millis(200);

/// A header value shorter than this is a word that may stand in a fault.
const SECRET_BYTES_MIN: usize = 8;

/// Where an agent is, and what it is sent with every turn. There is no `Debug`: nothing shows a key.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) url: Url,
    /// For all that is done to get one reply.
    pub(super) timeout: Duration,
    /// The header with the session id.
    pub(super) session_header: String,
    /// The member of the body with the session id besides the form's own, with dots between the names of a path.
    pub(super) session_member: Option<String>,
    /// Headers of the caller's own.
    pub(super) headers: Vec<(String, String)>,
    /// The variable with the key, where one is sent.
    pub(super) key_variable: Option<String>,
    pub(super) environment: Environment,
}

/// What an agent answered.
pub(super) enum Answered {
    /// All at once.
    Body(Vec<u8>),
    /// Event by event; whoever listened has them.
    Events,
}

impl Address {
    /// When the time for a reply that begins now is over.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// Posts a turn. It is sent again only where no agent has seen it: on a refused connection, and where a server has no room
    /// for it (429 and 503), as `Retry-After` asks, as long as the time allows it.
    pub(super) async fn post(
        &self,
        turn: AgentTurn<'_>,
        (body, own): (Value, &[(&str, &str)]),
        deadline: Instant,
        listen: Listener<'_>,
    ) -> Result<Answered, AgentFault> {
        let body = self.with_session(body, turn);
        let answer = self.exchange(turn, (&body, own), deadline, listen).await.map_err(|fault| self.fault(&fault))?;
        Ok(if is_stream(&answer.headers) { Answered::Events } else { Answered::Body(answer.body) })
    }

    /// As [`Address::post`], with all that the server said of it.
    pub(super) async fn exchange(
        &self,
        turn: AgentTurn<'_>,
        (body, own): (&Value, &[(&str, &str)]),
        deadline: Instant,
        listen: Listener<'_>,
    ) -> Result<Answer, HttpFault> {
        let headers = self.headers(turn, own);
        let body = body.to_string().into();
        let request = Post { url: &self.url, key: self.key(), headers: &headers, body, timeout: self.timeout };
        ask(&request, deadline, listen).await
    }

    /// Fetches or ends what stands at an address, with the agent's headers.
    pub(super) async fn transfer(
        &self,
        (method, url): (Method, &Url),
        turn: AgentTurn<'_>,
        own: &[(&str, &str)],
    ) -> Result<Answer, HttpFault> {
        let key = self.key().map(|key| ("authorization", format!("Bearer {key}")));
        let headers = self.headers(turn, own).into_iter().chain(key).collect();
        transfer(&Transfer { method, url, headers, content: Content::Nothing, timeout: self.timeout }).await
    }

    fn key(&self) -> Option<&str> {
        self.environment.get(self.key_variable.as_deref()?)
    }

    fn headers<'a>(&'a self, turn: AgentTurn<'_>, own: &[(&'a str, &str)]) -> Vec<(&'a str, String)> {
        let ours = [
            (self.session_header.as_str(), turn.session_id.to_owned()),
            ("traceparent", turn.traceparent()),
            ("baggage", trace_context::baggage(turn.session_id)),
        ];
        let own = own.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let callers = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        ours.into_iter().chain(own).chain(callers).collect()
    }

    fn with_session(&self, mut body: Value, turn: AgentTurn<'_>) -> Value {
        let Some(path) = &self.session_member else { return body };
        let mut place = &mut body;
        for name in path.split('.') {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[name];
        }
        *place = json!(turn.session_id);
        body
    }

    /// A fault of the exchange as one of the agent, without secrets.
    pub(super) fn fault(&self, fault: &HttpFault) -> AgentFault {
        let kind = match fault.kind {
            HttpFaultKind::Unreachable => FaultKind::Unreachable,
            HttpFaultKind::BrokenOff => FaultKind::Died,
            HttpFaultKind::TimedOut => FaultKind::TimedOut,
            HttpFaultKind::Refused => FaultKind::Refused,
            HttpFaultKind::Malformed => FaultKind::Malformed,
        };
        let told = AgentFault::new(kind, self.redact(&fault.reason));
        match self.advice(fault) {
            Some(advice) => told.hint(advice),
            None => told,
        }
    }

    /// A fault in what an agent answered.
    pub(super) fn malformed(&self, reason: impl Into<String>) -> AgentFault {
        self.fault(&HttpFault::new(HttpFaultKind::Malformed, reason).of(&self.url))
    }

    fn advice(&self, fault: &HttpFault) -> Option<String> {
        let status = fault.refusal.as_ref().map(|refusal| refusal.status);
        match (fault.kind, status) {
            (HttpFaultKind::Unreachable, _) => Some("is it running? `start` in an agent file starts it".to_owned()),
            (HttpFaultKind::TimedOut, _) => Some("`--agent-timeout` gives it more time".to_owned()),
            (_, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) => {
                let what = if self.key().is_some() { "check" } else { "set" };
                Some(format!("{what} {}", self.key_variable.as_ref()?))
            }
            (_, Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)) => Some("check the address".to_owned()),
            _ => None,
        }
    }

    fn redact(&self, text: &str) -> String {
        let values = self.headers.iter().map(|(_, value)| value.trim_start_matches("Bearer "));
        let secrets = values.filter(|value| value.len() >= SECRET_BYTES_MIN);
        let text = secrets.fold(text.to_owned(), |text, value| text.replace(value, crate::environment::MASK));
        self.environment.redact(&text)
    }
}

/// The case's context as `metadata`: the form allows texts only, so other values are written as JSON.
pub(super) fn metadata(turn: AgentTurn<'_>) -> Map<String, Value> {
    let text = |value: &Value| match value {
        Value::String(text) => Value::String(text.clone()),
        other => Value::String(other.to_string()),
    };
    let context = turn.context.iter().map(|(key, value)| (key.clone(), text(value)));
    std::iter::once(("session_id".to_owned(), json!(turn.session_id))).chain(context).collect()
}

/// Why a turn was not answered, and whether the agent can be sure not to have seen it.
struct Unanswered {
    fault: HttpFault,
    again: Again,
}

/// Whether a turn may be sent once more.
#[derive(PartialEq)]
enum Again {
    /// The agent may have seen it: it would hear the user say it twice.
    No,
    /// It was turned away at the door; with how long the server wants to be left alone.
    After(Option<Duration>),
}

async fn ask(request: &Post<'_>, deadline: Instant, listen: Listener<'_>) -> Result<Answer, HttpFault> {
    let delays = ExponentialBuilder::default().with_min_delay(RETRY_DELAY_FIRST).with_max_times(RETRIES_MAX);
    let mut delays = delays.with_jitter().build();
    loop {
        let unanswered = match attempt(request, deadline, &mut *listen).await {
            Ok(answer) => return Ok(answer),
            Err(unanswered) => unanswered,
        };
        match delays.next().and_then(|planned| wait_before_retry(&unanswered.again, planned, deadline)) {
            Some(wait) => sleep(wait).await,
            None => return Err(unanswered.fault),
        }
    }
}

async fn attempt(request: &Post<'_>, deadline: Instant, listen: Listener<'_>) -> Result<Answer, Unanswered> {
    match exchange_events(request, deadline, listen).await {
        Ok(answer) if answer.status.is_success() => Ok(answer),
        Ok(answer) => Err(Unanswered { fault: answer.refusal(request.url), again: turned_away(&answer) }),
        Err(fault) if fault.kind == HttpFaultKind::Unreachable => Err(Unanswered { fault, again: Again::After(None) }),
        Err(fault) => Err(Unanswered { fault, again: Again::No }),
    }
}

fn turned_away(answer: &Answer) -> Again {
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Again::After(retry_after(&answer.headers)),
        _ => Again::No,
    }
}

/// How long to wait, or nothing where the answer would come after the deadline.
fn wait_before_retry(again: &Again, planned: Duration, deadline: Instant) -> Option<Duration> {
    let Again::After(asked) = again else { return None };
    let wait = asked.unwrap_or_default().max(planned);
    (Instant::now() + wait < deadline).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_past_the_deadline_is_not_begun() {
        let deadline = Instant::now() + Duration::from_secs(5);
        let planned = Duration::from_millis(200);
        let after = |seconds| Again::After(Some(Duration::from_secs(seconds)));
        assert_eq!(wait_before_retry(&after(60), planned, deadline), None);
        assert_eq!(wait_before_retry(&after(1), planned, deadline), Some(Duration::from_secs(1)));
        assert_eq!(wait_before_retry(&Again::After(None), planned, deadline), Some(planned));
    }
}
