//! A model behind an address, asked for JSON of a schema.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;

use super::answer::read_answer;
use super::limits::Queue;
use super::wire::{Manner, Wire, Written};
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ServeModel, Usage};
use crate::http::{HttpFault, HttpFaultKind, Post, place};
use crate::{ChatMessage, ChatRole, Environment};

/// A model behind an address. Sampling is left to the server: newer models refuse a temperature.
pub(super) struct RemoteModel {
    pub(super) url: Url,
    pub(super) model: String,
    pub(super) wire: Wire,
    pub(super) manner: Manner,
    pub(super) key: Option<String>,
    /// Shared with all who ask the same model.
    pub(super) queue: Queue,
    /// For one question, once it is its turn.
    pub(super) timeout: Duration,
    pub(super) environment: Environment,
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
    async fn ask(&self, request: &ModelRequest) -> Result<Written, ModelFault> {
        let body = self.wire.body(&self.model, request, &self.manner).to_string().into();
        let post = Post { url: &self.url, key: self.key.as_deref(), headers: &[], body, timeout: self.timeout };
        let reply = self.queue.post(&post).await.map_err(|fault| self.fault(fault.into()))?;
        let read = self.wire.read(&reply.body);
        let usage = read.as_ref().map_or_else(|fault| fault.usage, |written| written.usage);
        usage.into_iter().for_each(|usage| reply.used(usage));
        let of_the_server = |fault: ModelFault| {
            let reason = format!("{}: {}", place(&self.url), fault.reason);
            self.fault(ModelFault { reason, ..fault })
        };
        read.map_err(of_the_server)
    }

    /// The fault, as people may read it: with the model's name, and without keys.
    fn fault(&self, fault: ModelFault) -> ModelFault {
        let reason = self.environment.redact(&format!("{}: {}", self.model, fault.reason));
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
