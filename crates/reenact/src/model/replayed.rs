//! A model whose answers stand in a cassette, asked outside of any run: by what is asked alone.

use async_trait::async_trait;

use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ServeModel};
use crate::cassette::Replay;

/// A model that gives the first answer that was recorded for the same request. A run, which knows where in a conversation it stands,
/// asks the cassette itself.
pub(super) struct ReplayedModel {
    pub(super) replay: Replay,
}

#[async_trait]
impl ServeModel for ReplayedModel {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let recorded = self.replay.answer_anywhere(request);
        let missing = || ModelFault::new(ModelFaultKind::Refused, "the cassette has no answer to this request");
        recorded.unwrap_or_else(|| Err(missing()))
    }
}
