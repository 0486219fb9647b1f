//! An agent behind a chat-completions address.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::{Agent, AgentFault, AgentReply, AgentTurn, AgentUsage, FaultKind, Held};
use crate::http::{HttpFault, HttpFaultKind, Post, post};
use crate::{Environment, chat_completions, trace_context};

/// The variable with the key that is sent to agents as a bearer token.
pub(super) const KEY_VARIABLE: &str = "REENACT_AGENT_API_KEY";

/// What stands in `model` where the agent's name has none: servers insist on the field, and an agent ignores it.
const MODEL_UNNAMED: &str = "default";

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
            body: &self.body(turn),
            timeout: self.timeout,
        };
        let body = post(request).await.map_err(|fault| self.fault(&fault))?;
        let choice = chat_completions::read_choice(&body).map_err(|fault| self.fault(&fault.of(&self.url)))?;
        let message = chat_completions::read_message(&choice.message)
            .map_err(|reason| self.fault(&HttpFault::new(HttpFaultKind::Malformed, reason).of(&self.url)))?;
        let usage = choice.usage.map(|usage| AgentUsage { model: self.model_name(choice.model.as_deref()), usage });
        AgentReply { messages: vec![message], ended: false, version: choice.model, usage }.checked()
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
        let mut body = json!({
            "model": self.model.as_deref().unwrap_or(MODEL_UNNAMED),
            "messages": chat_completions::history(turn.conversation),
            "user": turn.session_id,
        });
        // Providers limit `metadata`, so it is sent only to an agent whose case has something to tell it.
        if !turn.context.is_empty() {
            body["metadata"] = Value::Object(metadata(turn));
        }
        body
    }

    fn fault(&self, fault: &HttpFault) -> AgentFault {
        let kind = match fault.kind {
            HttpFaultKind::Unreachable => FaultKind::Unreachable,
            HttpFaultKind::TimedOut => FaultKind::TimedOut,
            HttpFaultKind::Refused => FaultKind::Refused,
            HttpFaultKind::Malformed => FaultKind::Malformed,
        };
        AgentFault::new(kind, self.environment.redact(&fault.reason))
    }
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
