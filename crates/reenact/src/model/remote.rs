//! A model behind an address, asked for JSON of a schema.

use std::time::Duration;

use async_trait::async_trait;

use super::answer::read_answer;
use super::endpoint::Endpoint;
use super::manner::Manner;
use super::wire::Written;
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ModelSettings, ServeModel, Usage};
use crate::http::{HttpFault, HttpFaultKind, Post, place, post};
use crate::{ChatMessage, ChatRole, Environment};

/// A model behind an address. Sampling is left to the server: newer models refuse a temperature.
pub(super) struct RemoteModel {
    endpoint: Endpoint,
    timeout: Duration,
    environment: Environment,
}

#[async_trait]
impl ServeModel for RemoteModel {
    /// An answer that is not of the schema is asked for once more, with what is wrong with it.
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let first = self.ask(request, self.timeout).await?;
        let complaint = match read_answer(&first.text, &request.schema.schema) {
            Ok(answer) => return Ok(Completion { answer, usage: first.usage }),
            Err(complaint) => complaint,
        };
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let again = self.ask(&asked_again(request, &first.text, &complaint), left).await;
        let second = again.map_err(|fault| ModelFault { usage: sum(first.usage, fault.usage), ..fault })?;
        let usage = sum(first.usage, second.usage);
        match read_answer(&second.text, &request.schema.schema) {
            Ok(answer) => Ok(Completion { answer, usage }),
            Err(complaint) => {
                let reason = format!("{complaint}, also when asked again");
                Err(self.fault(ModelFault { usage, ..ModelFault::new(ModelFaultKind::Malformed, reason) }))
            }
        }
    }
}

impl RemoteModel {
    pub(super) fn new(endpoint: Endpoint, settings: &ModelSettings) -> Self {
        RemoteModel { endpoint, timeout: settings.timeout, environment: settings.environment.clone() }
    }

    async fn ask(&self, request: &ModelRequest, timeout: Duration) -> Result<Written, ModelFault> {
        let manner = self.endpoint.manner();
        let body = self.endpoint.body(request, &manner);
        let headers = self.endpoint.headers(&self.endpoint.url, body.to_string().as_bytes());
        let post = post(Post { url: &self.endpoint.url, key: None, headers: &headers, body: &body, timeout });
        let bytes = post.await.map_err(|fault| self.fault(fault.into()))?;
        let of_the_server = |fault: ModelFault| {
            let reason = format!("{}: {}", place(&self.endpoint.url), fault.reason);
            self.fault(ModelFault { reason, ..fault })
        };
        self.endpoint.wire.read(&bytes).map_err(of_the_server)
    }

    /// The fault, as people may read it: with the model's name, and without keys.
    fn fault(&self, fault: ModelFault) -> ModelFault {
        let reason = self.endpoint.redact(&format!("{}: {}", self.endpoint.model, fault.reason));
        let reason = self.environment.redact(&reason);
        ModelFault { reason, ..fault }
    }
}

impl From<HttpFault> for ModelFault {
    fn from(fault: HttpFault) -> Self {
        let kind = match fault.kind {
            HttpFaultKind::Unreachable => ModelFaultKind::Unreachable,
            HttpFaultKind::TimedOut => ModelFaultKind::TimedOut,
            HttpFaultKind::Refused => ModelFaultKind::Refused,
            HttpFaultKind::Malformed => ModelFaultKind::Malformed,
        };
        ModelFault::new(kind, fault.reason)
    }
}

/// The same question, with the answer that could not be used and why.
fn asked_again(request: &ModelRequest, text: &str, complaint: &str) -> ModelRequest {
    let mut again = request.clone();
    // Providers refuse an empty message.
    if !text.trim().is_empty() {
        again.messages.push(ChatMessage { role: ChatRole::Assistant, content: text.to_owned() });
    }
    let content =
        format!("That could not be used ({complaint}). Answer again, with JSON of the schema and nothing else.");
    again.messages.push(ChatMessage { role: ChatRole::User, content });
    again
}

fn sum(first: Option<Usage>, second: Option<Usage>) -> Option<Usage> {
    first.into_iter().chain(second).reduce(|one, other| one + other)
}
