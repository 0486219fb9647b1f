//! A model behind an address, asked for JSON of a schema.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::read_answer;
use super::endpoint::Endpoint;
use super::limits::{Call, Queue, Reply};
use super::manner::Manner;
use super::wire::Written;
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ModelSettings, ServeModel, Usage};
use crate::http::{HttpFault, HttpFaultKind, Post, Refusal, exchange, place};
use crate::{ChatMessage, ChatRole, Environment};

/// The statuses by which servers refuse a question for what it asks, not for who asks or when.
pub(super) const REFUSED_FOR_ITS_FORM: [u16; 4] = [400, 404, 422, 501];

/// A model behind an address. Sampling is left to the server: newer models refuse a temperature or a seed.
pub(super) struct RemoteModel {
    endpoint: Endpoint,
    /// Shared with all who ask the same model.
    queue: Queue,
    /// For one question, once it is its turn.
    timeout: Duration,
    answer_tokens_max: Option<u32>,
    parameters: Map<String, Value>,
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
            Ok(answer) => {
                self.tell_the_schema_from_now_on();
                Ok(Completion { answer, usage })
            }
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
        let ModelSettings { timeout, answer_tokens_max, .. } = *settings;
        let (parameters, environment) = (settings.parameters.clone(), settings.environment.clone());
        RemoteModel { endpoint, queue, timeout, answer_tokens_max, parameters, environment }
    }

    /// Asks until nothing of the question is refused by name, and keeps what was learned.
    async fn ask(&self, request: &ModelRequest) -> Result<Written, ModelFault> {
        let mut manner = self.endpoint.manner();
        loop {
            let fault = match self.asked(request, &manner).await {
                Ok(reply) => return self.read(&reply),
                Err(fault) => fault,
            };
            let refusal = fault.refusal.as_ref().filter(|it| REFUSED_FOR_ITS_FORM.contains(&it.status.as_u16()));
            if let Some(written) = refusal.and_then(unfinished) {
                return Ok(written);
            }
            match refusal.and_then(|it| manner.without_what_is_refused(&String::from_utf8_lossy(&it.body))) {
                Some(next) => {
                    self.endpoint.remember(next.clone());
                    manner = next;
                }
                None => return Err(self.fault(with_advice(&fault, &self.endpoint))),
            }
        }
    }

    /// Asks in one manner. Each attempt is let in anew: a signature is good for some minutes only.
    async fn asked(&self, request: &ModelRequest, manner: &Manner) -> Result<Reply, HttpFault> {
        let (url, timeout) = (&self.endpoint.url, self.timeout);
        // A question is held for as long as its answer takes, so no room is held with it.
        let body = &Bytes::from(self.body(request, manner).to_string().into_boxed_str().into_boxed_bytes());
        let attempt = |until| async move {
            let headers = self.endpoint.headers(url, body);
            exchange(&Post { url, key: None, headers: &headers, body: body.clone(), timeout }, until).await
        };
        self.queue.call(Call { url, bytes: body.len(), timeout }, attempt).await
    }

    fn body(&self, request: &ModelRequest, manner: &Manner) -> Value {
        let mut body = self.endpoint.body(request, manner);
        if let Some(tokens) = self.answer_tokens_max {
            let tokens = manner.answer_tokens_max.min(tokens.into());
            self.endpoint.wire.limit(&mut body, self.endpoint.provider, tokens);
        }
        for (name, value) in &self.parameters {
            self.endpoint.wire.set(&mut body, name, value.clone());
        }
        body
    }

    /// Reads an answer, and tells the limits what it used.
    fn read(&self, reply: &Reply) -> Result<Written, ModelFault> {
        let read = self.endpoint.wire.read(&reply.body);
        let usage = read.as_ref().map_or_else(|fault| fault.usage, |written| written.usage);
        usage.into_iter().for_each(|usage| reply.used(usage));
        read.map_err(|fault| {
            let reason = format!("{}: {}", place(&self.endpoint.url), fault.reason);
            self.fault(ModelFault { reason, ..fault })
        })
    }

    /// The model writes what is wanted once it reads the schema: its server took the schema and forgot it.
    fn tell_the_schema_from_now_on(&self) {
        let manner = self.endpoint.manner();
        if !manner.tells_the_schema() {
            self.endpoint.remember(manner.telling_the_schema());
        }
    }

    /// The fault, as people may read it: with the model's name, and without keys.
    fn fault(&self, fault: ModelFault) -> ModelFault {
        let ModelFault { fault, reason, usage } = fault;
        let reason = self.endpoint.redact(&format!("{}: {reason}", self.endpoint.model));
        ModelFault { fault, reason: self.environment.redact(&reason), usage }
    }
}

/// What a model wrote that its provider then refused, because it is not of the schema.
fn unfinished(refusal: &Refusal) -> Option<Written> {
    let body: Value = serde_json::from_slice(&refusal.body).ok()?;
    let error = body.get("error").filter(|error| error["code"] == "json_validate_failed")?;
    let text = error["failed_generation"].as_str().unwrap_or_default().to_owned();
    Some(Written { text, usage: None })
}

/// The fault of a question that was not answered, with what to do about it where that is known.
pub(super) fn with_advice(fault: &HttpFault, endpoint: &Endpoint) -> ModelFault {
    let kind = match fault.kind {
        HttpFaultKind::Unreachable | HttpFaultKind::BrokenOff => ModelFaultKind::Unreachable,
        HttpFaultKind::TimedOut => ModelFaultKind::TimedOut,
        HttpFaultKind::Refused if fault.refusal.as_ref().is_some_and(is_filtered) => ModelFaultKind::Filtered,
        HttpFaultKind::Refused => ModelFaultKind::Refused,
        HttpFaultKind::Malformed => ModelFaultKind::Malformed,
    };
    let advice = fault.refusal.as_ref().and_then(|refusal| advice(refusal, endpoint));
    let reason = advice.map_or_else(|| fault.reason.clone(), |advice| format!("{} ({advice})", fault.reason));
    ModelFault::new(kind, reason)
}

/// Azure refuses what its content filter holds back.
fn is_filtered(refusal: &Refusal) -> bool {
    let body: Value = serde_json::from_slice(&refusal.body).unwrap_or_default();
    body["error"]["code"] == "content_filter"
}

fn advice(refusal: &Refusal, endpoint: &Endpoint) -> Option<String> {
    let text = String::from_utf8_lossy(&refusal.body).to_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let model = &endpoint.model;
    match refusal.status.as_u16() {
        401 | 403 => Some(format!("check {}", endpoint.key_variables.join(", "))),
        // Gemini refuses a wrong key with 400.
        400 if names(&["api key", "api_key"]) => Some(format!("check {}", endpoint.key_variables.join(", "))),
        404 => Some(format!("check the name `{model}` and the address")),
        400 if names(&["model"]) && names(&["not exist", "not found", "invalid", "unknown", "not a valid"]) => {
            Some(format!("check the name `{model}`"))
        }
        _ => None,
    }
}

/// The same question, with the answer that could not be used and why, and with the schema: not every server that took
/// it has shown it to the model.
pub(super) fn asked_again(request: &ModelRequest, text: &str, complaint: &str) -> ModelRequest {
    let mut again = request.clone();
    // Providers refuse an empty message.
    if !text.trim().is_empty() {
        again.messages.push(ChatMessage { role: ChatRole::Assistant, content: text.to_owned() });
    }
    let schema = super::strict_schema(&request.schema.schema);
    let content = format!(
        "That could not be used ({complaint}). Answer again, with one JSON object that is valid by this JSON schema, \
         and nothing else:\n{schema}"
    );
    again.messages.push(ChatMessage { role: ChatRole::User, content });
    again
}

pub(super) fn sum(first: Option<Usage>, second: Option<Usage>) -> Option<Usage> {
    first.into_iter().chain(second).reduce(|one, other| one + other)
}
