//! Tools whose results come from the recording: an agent that takes its tools from here needs no live back end.
//!
//! A call is answered with what the same call gave in the session that the case comes from. What no recorded call answers is a
//! miss: the plan says what becomes of it, and the trial keeps it.

mod asking;
mod definitions;
mod matching;

use std::any::Any;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recorded::session_of;
use super::{
    Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held, SessionLookup, Tool, ToolResult, ToolScene, Toolbox,
};
use crate::shorten::shorten;
use crate::{Model, ToolCall};

use matching::{Answer, Nearest, Recording};

/// How tools are answered from the recording; part of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolMocks {
    /// What becomes of a call that no recorded call answers.
    #[serde(default)]
    pub on_miss: OnMiss,
    /// Arguments that do not count when calls are compared, because they change with the day: `request_id`, or `TOOL.request_id`
    /// for one tool alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// What becomes of a call that no recorded call answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMiss {
    /// The tool fails, and the agent reads so.
    #[default]
    Fail,
    /// The trial is invalid: it says nothing about the agent.
    Invalid,
    /// The recorded call of the same tool answers whose arguments are most alike.
    Nearest,
    /// This model answers, who is shown the recorded calls of the tool.
    Ask(String),
}

impl FromStr for OnMiss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "fail" => Ok(OnMiss::Fail),
            None if text == "invalid" => Ok(OnMiss::Invalid),
            None if text == "nearest" => Ok(OnMiss::Nearest),
            Some(("ask", model)) if !model.trim().is_empty() => Ok(OnMiss::Ask(model.trim().to_owned())),
            _ => {
                Err("expected `fail`, `invalid`, `nearest` or `ask:MODEL`, such as `ask:openai:/gpt-5-mini`".to_owned())
            }
        }
    }
}

/// A call of a tool that no recorded call answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolMiss {
    /// The turn, from 1; 0 is what came before the first.
    pub turn: u32,
    /// The tool's name.
    pub tool: String,
    /// The arguments as the agent sent them.
    pub arguments: String,
    /// What answered instead.
    pub answered_by: Stopgap,
    /// The arguments of the recorded call that is most alike, where the tool was recorded at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// How alike, 0 to 1: the share of the arguments that are the same, texts by their edit distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<f64>,
}

// A likeness is a share and never NaN.
impl Eq for ToolMiss {}

/// What answered a call in place of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stopgap {
    /// Nothing: the agent was told that the call failed.
    Failure,
    /// The result of the recorded call that is most alike.
    Nearest,
    /// A model.
    Model,
}

impl Stopgap {
    /// What became of the call, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Stopgap::Failure => "failed",
            Stopgap::Nearest => "answered by the nearest",
            Stopgap::Model => "answered by a model",
        }
    }
}

/// The tools of the recording.
#[derive(Clone)]
pub struct RecordedTools {
    sessions: SessionLookup,
    mocks: ToolMocks,
    model: Option<Model>,
}

impl RecordedTools {
    /// The tools of the sessions that cases come from. `model` is the one that [`OnMiss::Ask`] names.
    #[must_use]
    pub fn new(sessions: SessionLookup, mocks: ToolMocks, model: Option<Model>) -> Self {
        RecordedTools { sessions, mocks, model }
    }
}

/// The agent with tools from the recording: it finds them in its [`AgentTurn::tools`].
pub fn with_recorded_tools(agent: Arc<dyn Agent>, tools: RecordedTools) -> Arc<dyn Agent> {
    Arc::new(ToolServed { agent, tools })
}

/// An agent that is handed tools from the recording.
pub(crate) struct ToolServed {
    agent: Arc<dyn Agent>,
    tools: RecordedTools,
}

/// What is kept for one conversation.
struct Serving {
    recording: Recording,
    agents_own: Held,
}

impl ToolServed {
    /// This agent, if it is one.
    pub(crate) fn of(agent: &dyn Agent) -> Option<&ToolServed> {
        (agent as &dyn Any).downcast_ref()
    }

    /// The agent without its tools.
    pub(crate) fn agent(&self) -> &Arc<dyn Agent> {
        &self.agent
    }

    /// The model that answers what the recording does not.
    pub(crate) fn model(&self) -> Option<&Model> {
        self.tools.model.as_ref()
    }

    /// The same, with that model asked in a way of the caller's own.
    pub(crate) fn asking(&self, ask: impl FnOnce(&Model) -> Model) -> ToolServed {
        let model = self.tools.model.as_ref().map(ask);
        ToolServed { agent: Arc::clone(&self.agent), tools: RecordedTools { model, ..self.tools.clone() } }
    }

    fn serving(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<Box<Serving>, AgentFault> {
        match held.take().and_then(|held| held.downcast::<Serving>().ok()) {
            Some(serving) => Ok(serving),
            None => {
                let session = session_of(&self.tools.sessions, turn)?;
                let recording = Recording::of(&session.conversation, &self.tools.mocks.ignore);
                Ok(Box::new(Serving { recording, agents_own: None }))
            }
        }
    }
}

#[async_trait]
impl Agent for ToolServed {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let mut serving = self.serving(turn, held)?;
        let Serving { recording, agents_own } = &mut *serving;
        let offer = Offer { recording, tools: &self.tools, noted: Mutex::default() };
        let reply = self.agent.reply(AgentTurn { tools: Some(&offer), ..turn }, agents_own).await;
        let Noted { misses, invalid } = offer.noted.into_inner().unwrap_or_else(PoisonError::into_inner);
        *held = Some(serving);
        match invalid {
            // Also where the agent went on as if nothing were the matter.
            Some(fault) => Err(fault),
            None => reply.map(|reply| AgentReply { tool_misses: misses, ..reply }),
        }
    }
}

/// The tools as one turn has them.
struct Offer<'a> {
    recording: &'a Recording,
    tools: &'a RecordedTools,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    misses: Vec<ToolMiss>,
    invalid: Option<AgentFault>,
}

#[async_trait]
impl Toolbox for Offer<'_> {
    async fn tools(&self, _turn: AgentTurn<'_>, _held: &mut Held) -> Result<Vec<Tool>, AgentFault> {
        Ok(definitions::of(self.recording))
    }

    async fn call(&self, call: &ToolCall, scene: ToolScene<'_>, _held: &mut Held) -> Result<ToolResult, AgentFault> {
        match self.recording.answer(call, scene) {
            Answer::Recorded(result) => Ok(ToolResult::done(result)),
            Answer::Missing(nearest) => self.missed(call, scene.turn.turn, nearest).await,
        }
    }
}

impl Offer<'_> {
    async fn missed(&self, call: &ToolCall, turn: u32, nearest: Option<Nearest<'_>>) -> Result<ToolResult, AgentFault> {
        let (answered_by, result) = match (&self.tools.mocks.on_miss, &nearest) {
            (OnMiss::Invalid, _) => return Err(self.invalid(call)),
            (OnMiss::Nearest, Some(nearest)) => (Stopgap::Nearest, ToolResult::done(nearest.result)),
            (OnMiss::Ask(_), Some(_)) => (Stopgap::Model, self.ask(call).await?),
            (OnMiss::Fail, Some(_)) => {
                let text = format!("error: {} has no result for these arguments", call.name);
                (Stopgap::Failure, ToolResult::failed(text))
            }
            (_, None) => (Stopgap::Failure, ToolResult::failed(format!("error: there is no tool {}", call.name))),
        };
        let miss = ToolMiss {
            turn,
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
            answered_by,
            nearest: nearest.as_ref().map(|nearest| nearest.arguments.to_owned()),
            likeness: nearest.map(|nearest| nearest.likeness),
        };
        self.noted().misses.push(miss);
        Ok(result)
    }

    fn invalid(&self, call: &ToolCall) -> AgentFault {
        let what = shorten(&format!("{}({})", call.name, call.arguments));
        let fault = AgentFault::new(FaultKind::NotRecorded, format!("the recording has no result for {what}"));
        self.noted().invalid.get_or_insert(fault).clone()
    }

    async fn ask(&self, call: &ToolCall) -> Result<ToolResult, AgentFault> {
        let unanswered = |reason: String| AgentFault::new(FaultKind::Unreachable, reason);
        let Some(model) = &self.tools.model else {
            return Err(unanswered("no model is there that could answer for the tools".to_owned()));
        };
        let completion = model.complete(&asking::request(self.recording, call)).await;
        let completion = completion
            .map_err(|fault| unanswered(format!("{}, which answers for the tools: {fault}", model.name())))?;
        Ok(ToolResult::done(asking::result(&completion.answer)))
    }

    /// A panic elsewhere leaves what was noted as it was.
    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for dyn Toolbox + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Toolbox")
    }
}
