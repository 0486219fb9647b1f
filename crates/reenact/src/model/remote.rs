//! A model behind an address, asked for JSON of a schema.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::answer::read_answer;
use super::endpoint::Endpoint;
use super::limits::{Call, Queue, Reply};
use super::wire::Written;
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ModelSettings, ServeModel, Usage};
use crate::http::{HttpFault, HttpFaultKind, Post, exchange, place};
use crate::{ChatMessage, ChatRole, Environment};

/// A model behind an address. Sampling is left to the server: newer models refuse a temperature.
pub(super) struct RemoteModel {
    endpoint: Endpoint,
    /// Shared with all who ask the same model.
    queue: Queue,
    /// For one question, once it is its turn.
    timeout: Duration,
    environment: Environment,
}

#[async_trait]
impl ServeModel for RemoteModel {
    /// An answer that is not of the schema is asked for once more, with what is wrong with it.
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let first = self.ask(request).await?;
        let complaint = match read_answer(&first.text, &request.schema.schema) {
            Ok(answer) => return Ok(Completion { answer, usage: first.usage }),
            Err(complaint) => complaint,
        };
        let again = self.ask(&asked_again(request, &first.text, &complaint)).await;
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
        let queue = settings.limits.queue(endpoint.provider, &endpoint.url, &endpoint.model);
        RemoteModel { endpoint, queue, timeout: settings.timeout, environment: settings.environment.clone() }
    }

    async fn ask(&self, request: &ModelRequest) -> Result<Written, ModelFault> {
        let body = Bytes::from(self.endpoint.body(request, &self.endpoint.manner()).to_string());
        let reply = self.post(&body).await.map_err(|fault| self.fault(fault.into()))?;
        let read = self.endpoint.wire.read(&reply.body);
        let usage = read.as_ref().map_or_else(|fault| fault.usage, |written| written.usage);
        usage.into_iter().for_each(|usage| reply.used(usage));
        let of_the_server = |fault: ModelFault| {
            let reason = format!("{}: {}", place(&self.endpoint.url), fault.reason);
            self.fault(ModelFault { reason, ..fault })
        };
        read.map_err(of_the_server)
    }

    /// Each attempt is let in anew: a signature is good for some minutes only.
    async fn post(&self, body: &Bytes) -> Result<Reply, HttpFault> {
        let (url, timeout) = (&self.endpoint.url, self.timeout);
        let attempt = |until| async move {
            let headers = self.endpoint.headers(url, body);
            exchange(&Post { url, key: None, headers: &headers, body: body.clone(), timeout }, until).await
        };
        self.queue.call(Call { url, bytes: body.len(), timeout }, attempt).await
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
            HttpFaultKind::Unreachable | HttpFaultKind::BrokenOff => ModelFaultKind::Unreachable,
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
