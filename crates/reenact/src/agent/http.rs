//! An agent behind a chat-completions address.

use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use reqwest::{StatusCode, Url};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Agent, AgentFault, AgentReply, AgentTurn, AgentUsage, FaultKind, Held};
use crate::http::{Answer, HttpFault, HttpFaultKind, Post, exchange, retry_after};
use crate::{Environment, chat_completions, trace_context};

/// The variable with the key that is sent to agents as a bearer token.
pub(super) const KEY_VARIABLE: &str = "REENACT_AGENT_API_KEY";

/// What stands in `model` where the agent's name has none: servers insist on the field, and an agent ignores it.
const MODEL_UNNAMED: &str = "default";

/// Servers shed load for a second or two at a time; a fourth attempt seldom fares better.
const RETRIES_MAX: usize = 2;

/// The first wait; the next is twice as long. Both get up to as much again at random, so that many
/// conversations that were refused together do not come back together.
const RETRY_DELAY_FIRST: Duration = Duration::from_millis(200);

/// An agent behind a chat-completions address; it is told the whole history on each turn.
pub(super) struct HttpAgent {
    pub(super) url: Url,
    pub(super) model: Option<String>,
    pub(super) timeout: Duration,
    pub(super) environment: Environment,
}

#[async_trait]
impl Agent for HttpAgent {
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let headers = [
            ("x-session-id", turn.session_id.to_owned()),
            ("traceparent", trace_context::traceparent(turn.session_id, turn.turn)),
            ("baggage", trace_context::baggage(turn.session_id)),
        ];
        let request = Post {
            url: &self.url,
            key: self.environment.get(KEY_VARIABLE),
            headers: &headers,
            body: self.body(turn).to_string().into(),
            timeout: self.timeout,
        };
        let body = post(&request).await.map_err(|fault| self.fault(&fault))?;
        let choice = chat_completions::read_choice(&body).map_err(|fault| self.fault(&fault.of(&self.url)))?;
        let message = chat_completions::read_message(&choice.message)
            .map_err(|reason| self.fault(&HttpFault::new(HttpFaultKind::Malformed, reason).of(&self.url)))?;
        let usage = choice.usage.map(|usage| AgentUsage { model: self.model_name(choice.model.as_deref()), usage });
        AgentReply { messages: vec![message], version: choice.model, usage, ..AgentReply::default() }.checked()
    }
}

/// Addresses at which a bare model is an agent, and how its models are named here.
const PROVIDERS: [(&str, &str); 6] = [
    ("api.openai.com", "openai"),
    ("openrouter.ai", "openrouter"),
    ("api.mistral.ai", "mistral"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "xai"),
];

impl HttpAgent {
    /// The model that answered, by the name that it has here; as it was told where its provider is not known.
    fn model_name(&self, told: Option<&str>) -> Option<String> {
        let told = told.or(self.model.as_deref())?;
        let provider = PROVIDERS.iter().find(|(host, _)| self.url.host_str() == Some(host));
        Some(provider.map_or_else(|| told.to_owned(), |(_, provider)| format!("{provider}:/{told}")))
    }

    fn body(&self, turn: AgentTurn<'_>) -> Value {
        let mut body = json!({"model": self.model.as_deref().unwrap_or(MODEL_UNNAMED)});
        // Moved, because it is long, and `json!` copies what it is given.
        body["messages"] = Value::Array(chat_completions::history(turn.conversation));
        body["user"] = json!(turn.session_id);
        // Providers limit `metadata`, so it is sent only to an agent whose case has something to tell it.
        if !turn.context.is_empty() {
            body["metadata"] = Value::Object(metadata(turn));
        }
        body
    }

    fn fault(&self, fault: &HttpFault) -> AgentFault {
        let kind = match fault.kind {
            HttpFaultKind::Unreachable | HttpFaultKind::BrokenOff => FaultKind::Unreachable,
            HttpFaultKind::TimedOut => FaultKind::TimedOut,
            HttpFaultKind::Refused => FaultKind::Refused,
            HttpFaultKind::Malformed => FaultKind::Malformed,
        };
        AgentFault::new(kind, self.environment.redact(&fault.reason))
    }
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

/// Posts a turn and reads the body of a successful answer.
///
/// Tries again only where no agent has seen the turn: on a refused connection, and where a server has no room for it
/// (429 and 503), as `Retry-After` asks, as long as the timeout allows it.
async fn post(request: &Post<'_>) -> Result<Vec<u8>, HttpFault> {
    let deadline = Instant::now() + request.timeout;
    let delays = ExponentialBuilder::default().with_min_delay(RETRY_DELAY_FIRST).with_max_times(RETRIES_MAX);
    let attempts = (|| attempt(request, deadline)).retry(delays.with_jitter()).when(|it| it.again != Again::No);
    let attempts = attempts.adjust(|it, planned| wait_before_retry(&it.again, planned?, deadline));
    attempts.await.map_err(|unanswered| unanswered.fault)
}

async fn attempt(request: &Post<'_>, deadline: Instant) -> Result<Vec<u8>, Unanswered> {
    match exchange(request, deadline).await {
        Ok(answer) if answer.status.is_success() => Ok(answer.body),
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

/// The case's context: the form allows texts only, so other values are written as JSON.
fn metadata(turn: AgentTurn<'_>) -> Map<String, Value> {
    let text = |value: &Value| match value {
        Value::String(text) => Value::String(text.clone()),
        other => Value::String(other.to_string()),
    };
    let context = turn.context.iter().map(|(key, value)| (key.clone(), text(value)));
    std::iter::once(("session_id".to_owned(), json!(turn.session_id))).chain(context).collect()
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
