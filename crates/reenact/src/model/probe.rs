//! One small question to a model, to see whether it can be asked at all.

use serde_json::json;
use tokio::time::Instant;

use super::{AnswerSchema, Completion, Model, ModelFault, ModelRequest};
use crate::{ChatMessage, ChatRole};

/// What became of a small question to a model.
#[derive(Debug, Clone)]
pub struct Probe {
    /// How long it took until there was an answer, or none, in milliseconds; attempts and waits included.
    pub latency_ms: u64,
    /// The answer and what it cost, or why there is none.
    pub result: Result<Completion, ModelFault>,
}

/// Asks a model one small question, in the way in which users, judges and distillers ask: for JSON of a schema.
///
/// ```
/// # use async_trait::async_trait;
/// # use reenact::{Completion, ModelFault, ModelRequest, ServeModel};
/// use reenact::Model;
/// use reenact::model::probe;
/// # struct Echo;
/// # #[async_trait]
/// # impl ServeModel for Echo {
/// #     async fn complete(&self, _: &ModelRequest) -> Result<Completion, ModelFault> {
/// #         Ok(Completion { answer: serde_json::json!({"answer": 4}), usage: None })
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let own_server = Echo;
/// let probe = probe(&Model::new("mine", own_server)).await;
/// assert_eq!(probe.result.unwrap().answer["answer"], 4);
/// # });
/// ```
pub async fn probe(model: &Model) -> Probe {
    let began = Instant::now();
    let result = model.complete(&question()).await;
    Probe { latency_ms: began.elapsed().as_millis() as u64, result }
}

fn question() -> ModelRequest {
    let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
    let schema = json!({
        "type": "object",
        "properties": {"answer": {"type": "integer"}},
        "required": ["answer"],
        "additionalProperties": false,
    });
    ModelRequest {
        messages: vec![
            message(ChatRole::System, "You answer questions with JSON."),
            message(ChatRole::User, "How much is two and two?"),
        ],
        schema: AnswerSchema { name: "probe".to_owned(), schema: schema.into() },
    }
}
