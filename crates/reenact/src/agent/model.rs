//! A model as the agent under test: with a prompt, and with tools that come from a toolbox.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;

use super::{
    Agent, AgentFault, AgentReply, AgentSettings, AgentTurn, AgentUsage, FaultKind, Held, Tool, ToolScene, Toolbox,
};
use crate::chat_completions::paired_messages;
use crate::model::ModelSettings;
use crate::model::dialogue::{Dialogue, DialogueModel, Spoken};
use crate::{Error, ErrorKind, Message, ModelFault, ModelFaultKind, Result, Speaker, ToolCall, Usage};

/// Rounds of calls in one turn at the most: a model that goes on longer calls in circles.
const ROUNDS_MAX: usize = 32;

/// Most providers refuse a conversation that does not begin with the user.
const BEGINNING: &str = "(The conversation begins, and you speak first.)";

/// A model as the agent under test.
///
/// On each turn it is told the prompt, the whole conversation and its tools. As long as it calls tools, they are called, one after
/// another, and it is told the results; what it says last ends the turn. Calls and results stand in the conversation.
///
/// `model` is a name as all models have it (`openai:/gpt-5`). Where there is no toolbox it has no tools.
///
/// # Errors
/// Where the name is none of a model behind an address, or its key or its address is missing.
pub fn of_model(
    model: &str,
    prompt: Option<String>,
    toolbox: Option<Arc<dyn Toolbox>>,
    settings: &AgentSettings,
) -> Result<Arc<dyn Agent>> {
    if let Some(other) = ["script", "replay", "offline"].iter().find(|it| model.split(':').next() == Some(it)) {
        let what = format!("`{other}` is no model that can be the agent");
        let hint = "name a model of a provider; `script:FILE` and `replay:FILE` are agents themselves";
        return Err(Error::new(ErrorKind::Usage, what).hint(hint));
    }
    let AgentSettings { timeout, environment, limits, .. } = settings;
    let of_models = ModelSettings {
        environment: environment.clone(),
        limits: limits.clone(),
        timeout: *timeout,
        ..ModelSettings::default()
    };
    let model = DialogueModel::open(model, &of_models)?;
    Ok(Arc::new(ModelAgent { model, prompt, toolbox, timeout: *timeout }))
}

struct ModelAgent {
    model: DialogueModel,
    prompt: Option<String>,
    toolbox: Option<Arc<dyn Toolbox>>,
    timeout: Duration,
}

/// What the toolbox keeps for a conversation.
struct Tools(Held);

#[async_trait]
impl Agent for ModelAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> std::result::Result<AgentReply, AgentFault> {
        let tools = held.get_or_insert_with(|| Box::new(Tools(None)));
        let Some(Tools(tools)) = tools.downcast_mut() else { unreachable!("what is held is the agent's own") };
        self.answer(turn, tools).await
    }
}

impl ModelAgent {
    /// Where its tools come from in this run: what it is handed stands in for its own.
    fn toolbox<'a>(&'a self, turn: AgentTurn<'a>) -> Option<&'a dyn Toolbox> {
        turn.tools.or(self.toolbox.as_deref().map(|own| own as &dyn Toolbox))
    }

    async fn answer(&self, turn: AgentTurn<'_>, held: &mut Held) -> std::result::Result<AgentReply, AgentFault> {
        let began = Instant::now();
        let tools = match self.toolbox(turn) {
            Some(toolbox) => self.in_time(toolbox.tools(turn, held)).await?,
            None => Vec::new(),
        };
        // An agent in service has its tools at hand.
        let waited = began.elapsed();
        let mut going = Going::new(turn);
        for _ in 0..ROUNDS_MAX {
            let spoken = self.model.speak(&going.dialogue(self.prompt.as_deref(), &tools)).await.map_err(fault)?;
            let calls = going.heard(spoken);
            if calls.is_empty() {
                return AgentReply { waited, ..going.reply(self.model.name()) }.checked();
            }
            for call in &calls {
                let result = self.call(call, going.scene(turn), &tools, held).await?;
                going.add_result(call, result);
            }
        }
        let reason = format!("{} called tools {ROUNDS_MAX} times in a row and said nothing", self.model.name());
        Err(AgentFault::new(FaultKind::Empty, reason)
            .hint("see its calls: does a tool refuse what the model keeps asking?"))
    }

    /// What a toolbox does, unless it takes too long. The model has a time of its own for each answer, which begins when it is its
    /// turn with the provider.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, AgentFault>>,
    ) -> std::result::Result<T, AgentFault> {
        let late = |_| {
            let reason = format!("the tools of {} did not answer within {:?}", self.model.name(), self.timeout);
            AgentFault::new(FaultKind::TimedOut, reason).hint("`--agent-timeout` gives them more time")
        };
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }

    async fn call(
        &self,
        call: &ToolCall,
        scene: ToolScene<'_>,
        tools: &[Tool],
        held: &mut Held,
    ) -> std::result::Result<String, AgentFault> {
        match self.toolbox(scene.turn) {
            Some(toolbox) if tools.iter().any(|tool| tool.name == call.name) => {
                self.in_time(toolbox.call(call, scene, held)).await.map(|result| result.text)
            }
            _ => Ok(format!("error: there is no tool `{}`", call.name)),
        }
    }
}

/// A turn on its way.
struct Going {
    /// All that the model is told; what it did in this turn begins at `began_at`.
    messages: Vec<Message>,
    began_at: usize,
    own: BTreeMap<usize, Value>,
    usage: Option<Usage>,
}

impl Going {
    fn new(turn: AgentTurn<'_>) -> Self {
        let mut messages = paired_messages(&turn.conversation.messages);
        if messages
            .iter()
            .find(|message| message.speaker != Speaker::Operator)
            .is_none_or(|it| it.speaker != Speaker::User)
        {
            messages.insert(0, Message::user(BEGINNING));
        }
        Going { began_at: messages.len(), messages, own: BTreeMap::new(), usage: None }
    }

    fn dialogue<'a>(&'a self, prompt: Option<&'a str>, tools: &'a [Tool]) -> Dialogue<'a> {
        Dialogue { prompt, messages: &self.messages, tools, own: &self.own }
    }

    fn scene<'a>(&'a self, turn: AgentTurn<'a>) -> ToolScene<'a> {
        ToolScene { turn, since: &self.messages[self.began_at..] }
    }

    /// Takes in what the model said, and gives what it calls. Calls that have no id get one, so that results find them.
    fn heard(&mut self, spoken: Spoken) -> Vec<ToolCall> {
        let Spoken { text, mut calls, own, usage } = spoken;
        for call in calls.iter_mut().filter(|call| call.id.is_none()) {
            let made = self.messages.iter().map(|message| message.tool_calls.len()).sum::<usize>();
            call.id = Some(format!("call_{}", made + 1));
        }
        number_twins(&mut calls);
        self.usage = self.usage.into_iter().chain(usage).reduce(|one, other| one + other);
        if !own.is_null() {
            self.own.insert(self.messages.len(), own);
        }
        self.messages.push(Message { tool_calls: calls.clone(), ..Message::agent(text) });
        calls
    }

    fn add_result(&mut self, call: &ToolCall, text: String) {
        let (tool_call_id, name) = (call.id.clone(), Some(call.name.clone()));
        self.messages.push(Message { tool_call_id, name, ..Message::new(Speaker::Tool, text) });
    }

    fn reply(mut self, model: &str) -> AgentReply {
        let messages = self.messages.split_off(self.began_at);
        let usage = self.usage.map(|usage| AgentUsage { model: Some(model.to_owned()), usage });
        AgentReply { messages, usage, ..AgentReply::default() }
    }
}

/// Calls of one message have ids of their own; those that were numbered together got the same.
fn number_twins(calls: &mut [ToolCall]) {
    for at in 1..calls.len() {
        let (before, rest) = calls.split_at_mut(at);
        let is_taken = |id: &Option<String>| before.iter().any(|call| call.id == *id);
        while is_taken(&rest[0].id) {
            rest[0].id = rest[0].id.as_ref().map(|id| format!("{id}_{at}"));
        }
    }
}

/// A model's fault as one of the agent that it plays.
fn fault(fault: ModelFault) -> AgentFault {
    let kind = match fault.fault {
        ModelFaultKind::Unreachable | ModelFaultKind::Waiting => FaultKind::Unreachable,
        ModelFaultKind::TimedOut => FaultKind::TimedOut,
        ModelFaultKind::Refused | ModelFaultKind::Declined | ModelFaultKind::Filtered => FaultKind::Refused,
        ModelFaultKind::CutOff | ModelFaultKind::Malformed => FaultKind::Malformed,
    };
    AgentFault::new(kind, fault.reason)
}
