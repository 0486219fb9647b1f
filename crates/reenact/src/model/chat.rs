//! A model behind a chat-completions address, asked for JSON of a schema.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use serde_json::{Value, json};

use super::answer::read_answer;
use super::strict::strict_schema;
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ServeModel, Usage};
use crate::chat_completions::{Choice, read_choice, read_content};
use crate::http::{HttpFault, HttpFaultKind, Post, post};
use crate::shorten::shorten;
use crate::{ChatMessage, ChatRole, Environment};

/// A model behind a chat-completions address. Sampling is left to the server: newer models refuse a temperature.
pub(super) struct ChatModel {
    pub(super) url: Url,
    pub(super) model: String,
    pub(super) key: Option<String>,
    pub(super) timeout: Duration,
    pub(super) environment: Environment,
}

/// What came back: the text, or what is wrong with it.
struct Written {
    text: String,
    answer: Result<Value, String>,
    usage: Option<Usage>,
}

#[async_trait]
impl ServeModel for ChatModel {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let deadline = tokio::time::Instant::now() + self.timeout;
        let first = self.ask(request, self.timeout).await?;
        let complaint = match first.answer {
            Ok(answer) => return Ok(Completion { answer, usage: first.usage }),
            Err(complaint) => complaint,
        };
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let second = self.ask(&asked_again(request, &first.text, &complaint), left).await?;
        let usage = sum(first.usage, second.usage);
        match second.answer {
            Ok(answer) => Ok(Completion { answer, usage }),
            Err(complaint) => {
                let reason = format!("{complaint}, also when asked again");
                Err(self.fault(&HttpFault::new(HttpFaultKind::Malformed, reason)))
            }
        }
    }
}

impl ChatModel {
    async fn ask(&self, request: &ModelRequest, timeout: Duration) -> Result<Written, ModelFault> {
        let body = self.body(request);
        let post = post(Post { url: &self.url, key: self.key.as_deref(), headers: &[], body: &body, timeout });
        let bytes = post.await.map_err(|fault| self.fault(&fault))?;
        let choice = read_choice(&bytes).and_then(usable).map_err(|fault| self.fault(&fault.of(&self.url)))?;
        let text = read_content(&choice.message["content"]).unwrap_or_default();
        let answer = read_answer(&text, &request.schema.schema);
        Ok(Written { text, answer, usage: choice.usage })
    }

    fn body(&self, request: &ModelRequest) -> Value {
        let schema = strict_schema(&request.schema.schema);
        json!({
            "model": self.model,
            "messages": request.messages,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": request.schema.name, "strict": true, "schema": schema},
            },
        })
    }

    fn fault(&self, fault: &HttpFault) -> ModelFault {
        let kind = match fault.kind {
            HttpFaultKind::Unreachable => ModelFaultKind::Unreachable,
            HttpFaultKind::TimedOut => ModelFaultKind::TimedOut,
            HttpFaultKind::Refused => ModelFaultKind::Refused,
            HttpFaultKind::Malformed => ModelFaultKind::Malformed,
        };
        let reason = self.environment.redact(&format!("{}: {}", self.model, fault.reason));
        ModelFault { fault: kind, reason }
    }
}

/// The choice, unless the server says that it is not an answer. Asking again would not change these.
fn usable(choice: Choice) -> Result<Choice, HttpFault> {
    if let Some(refusal) = &choice.refusal {
        return Err(HttpFault::new(HttpFaultKind::Refused, format!("the model refused: {}", shorten(refusal))));
    }
    match choice.finish_reason.as_deref() {
        Some("length") => {
            Err(HttpFault::new(HttpFaultKind::Malformed, "the answer was cut off at the limit of tokens"))
        }
        Some("content_filter") => {
            Err(HttpFault::new(HttpFaultKind::Refused, "the provider's content filter held the answer back"))
        }
        _ => Ok(choice),
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
    match (first, second) {
        (Some(first), Some(second)) => Some(Usage {
            input_tokens: first.input_tokens + second.input_tokens,
            output_tokens: first.output_tokens + second.output_tokens,
        }),
        (one, other) => one.or(other),
    }
}
