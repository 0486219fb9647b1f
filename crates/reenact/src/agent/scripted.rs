//! An agent whose answers stand in a script file.

use std::time::Duration;

use async_trait::async_trait;

use super::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held};
use crate::script::{Answer, Failure, Line, Participant, Script, ScriptedCall};
use crate::{Message, Speaker, ToolCall};

/// An agent that answers by a script.
pub(super) struct ScriptedAgent {
    pub(super) script: Script,
    pub(super) timeout: Duration,
}

#[async_trait]
impl Agent for ScriptedAgent {
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let line = Line { speaks: Some(Participant::Agent), turn: turn.turn, latest: turn.said() };
        let answer = self.script.answer(line).map_err(|reason| AgentFault::new(FaultKind::Refused, reason))?;
        // A scripted delay meets the same time limit as a real one.
        tokio::time::timeout(self.timeout, tokio::time::sleep(answer.delay())).await.map_err(|_| {
            let reason = format!("the script did not answer within {:?}", self.timeout);
            AgentFault::new(FaultKind::TimedOut, reason)
        })?;
        match answer.failure() {
            Some(Failure { kind, reason }) => Err(AgentFault::new(*kind, reason.clone())),
            None => {
                let usage = answer.usage().cloned();
                AgentReply { messages: messages(answer), ended: answer.ends(), usage, ..AgentReply::default() }
                    .checked()
            }
        }
    }
}

fn messages(answer: &Answer) -> Vec<Message> {
    let called = answer.tool_calls().iter().enumerate().flat_map(|(index, call)| called(index, call));
    let text = answer.text().filter(|text| !text.is_empty()).map(Message::agent);
    called.chain(text).collect()
}

/// A tool call, and its result where the script has one.
fn called(index: usize, call: &ScriptedCall) -> Vec<Message> {
    let id = format!("call_{}", index + 1);
    let arguments = call.arguments.to_string();
    let tool_calls = vec![ToolCall { id: Some(id.clone()), name: call.name.clone(), arguments }];
    let calling = Message { tool_calls, ..Message::agent("") };
    let result = call.result.as_ref().map(|result| Message {
        tool_call_id: Some(id),
        name: Some(call.name.clone()),
        ..Message::new(Speaker::Tool, result.as_str().map_or_else(|| result.to_string(), str::to_owned))
    });
    std::iter::once(calling).chain(result).collect()
}
