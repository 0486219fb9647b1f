//! Models whose answers the test writes.

use async_trait::async_trait;
use reenact::{Completion, Model, ModelFault, ModelFaultKind, ModelRequest, ServeModel};
use serde_json::Value;

struct Scripted<F>(F);

#[async_trait]
impl<F> ServeModel for Scripted<F>
where
    F: Fn(&ModelRequest) -> Result<Completion, ModelFault> + Send + Sync,
{
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        (self.0)(request)
    }
}

/// A model that answers each request with what a function makes of it.
pub(crate) fn model(answer: impl Fn(&ModelRequest) -> Result<Completion, ModelFault> + Send + Sync + 'static) -> Model {
    Model::new("scripted", Scripted(answer))
}

/// A model that always gives the same answer.
pub(crate) fn always(answer: Value) -> Model {
    model(move |_| answered(answer.clone()))
}

#[allow(clippy::unnecessary_wraps)] // the form in which a model's server answers
pub(crate) fn answered(answer: Value) -> Result<Completion, ModelFault> {
    Ok(Completion { answer, usage: None })
}

pub(crate) fn silent() -> Result<Completion, ModelFault> {
    Err(ModelFault::new(ModelFaultKind::TimedOut, "no answer within 60 s"))
}

/// All that a request says, as one text.
pub(crate) fn text_of(request: &ModelRequest) -> String {
    request
        .messages
        .iter()
        .map(|message| format!("--- {:?}\n{}", message.role, message.content))
        .collect::<Vec<_>>()
        .join("\n")
}
