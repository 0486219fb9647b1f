//! An agent whose answers stand in a cassette, asked outside of any run: by what is asked alone.

use async_trait::async_trait;

use super::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held};
use crate::cassette::Replay;

/// An agent that gives the first answer that was recorded for the same request. A run, which knows the trial that it plays,
/// asks the cassette itself.
pub(crate) struct ReplayedAgent {
    pub(crate) replay: Replay,
}

#[async_trait]
impl Agent for ReplayedAgent {
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let recorded = self.replay.answer_anywhere(&turn.asked());
        let missing = || AgentFault::new(FaultKind::Refused, "the cassette has no answer to this turn");
        recorded.unwrap_or_else(|| Err(missing()))
    }
}
