//! A model whose answers stand in a script file.

use std::time::Duration;

use async_trait::async_trait;

use super::answer::read_answer;
use super::{Completion, ModelFault, ModelFaultKind, ModelRequest, ServeModel};
use crate::script::{Failure, Line, Participant, Script};
use crate::{ChatRole, FaultKind};

/// A model that answers by a script. What it answers is read as strictly as any model's.
pub(super) struct ScriptedModel {
    script: Script,
    timeout: Duration,
}

impl ScriptedModel {
    pub(super) fn new(script: Script, timeout: Duration) -> Self {
        ScriptedModel { script, timeout }
    }
}

#[async_trait]
impl ServeModel for ScriptedModel {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let answer = self
            .script
            .answer(line(request, &latest(request)))
            .map_err(|why| ModelFault::new(ModelFaultKind::Refused, why))?;
        // A scripted delay meets the same time limit as a real one.
        tokio::time::timeout(self.timeout, tokio::time::sleep(answer.delay())).await.map_err(|_| {
            ModelFault::new(ModelFaultKind::TimedOut, format!("the script did not answer within {:?}", self.timeout))
        })?;
        let usage = answer.usage().map(|used| used.usage);
        let failed = |kind, reason| ModelFault { usage, ..ModelFault::new(kind, reason) };
        if let Some(Failure { kind, reason }) = answer.failure() {
            return Err(failed(model_fault_kind(*kind), reason.clone()));
        }
        let text = answer.text().unwrap_or_default();
        let answer =
            read_answer(&text, &request.schema.schema).map_err(|why| failed(ModelFaultKind::Malformed, why))?;
        Ok(Completion { answer, usage })
    }
}

/// Which answer is wanted: after each answer that the model sees as its own comes the next.
fn line<'a>(request: &ModelRequest, latest: &'a str) -> Line<'a> {
    let own = request.messages.iter().filter(|message| message.role == ChatRole::Assistant).count();
    Line { speaks: Participant::of_schema(&request.schema.name), turn: own as u32 + 1, latest }
}

/// The latest that was said to the model, which may be several messages in a row.
fn latest(request: &ModelRequest) -> String {
    let role = request.messages.last().map(|message| message.role);
    let said = request.messages.iter().rev().take_while(|message| Some(message.role) == role);
    let mut texts: Vec<&str> = said.map(|message| message.content.as_str()).collect();
    texts.reverse();
    texts.join("\n\n")
}

/// A model's failures are fewer than an agent's: one that dies breaks off, one that says nothing said no JSON.
fn model_fault_kind(kind: FaultKind) -> ModelFaultKind {
    match kind {
        FaultKind::Unreachable | FaultKind::ToolsFailed | FaultKind::Died => ModelFaultKind::Unreachable,
        FaultKind::TimedOut => ModelFaultKind::TimedOut,
        FaultKind::Refused | FaultKind::NotRecorded => ModelFaultKind::Refused,
        FaultKind::Malformed | FaultKind::Empty => ModelFaultKind::Malformed,
    }
}
