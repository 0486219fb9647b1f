//! An agent behind a chat-completions address, streamed or not.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::address::{Address, Answered, metadata};
use super::{Agent, AgentFault, AgentReply, AgentTurn, AgentUsage, Held};
use crate::chat_completions::{self, Choice, ChoiceStream};

/// What stands in `model` where the agent's name has none: servers insist on the field, and an agent ignores it.
pub(super) const MODEL_UNNAMED: &str = "default";

/// Whether an agent keeps its conversations itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    /// It is told the whole conversation with each message.
    None,
    /// It knows a conversation by its session id and is told what is new.
    Session,
}

/// Whether an answer is asked for as a whole or as a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Whole,
    Streamed,
}

/// An agent behind a chat-completions address.
pub(super) struct ChatAgent {
    pub(super) address: Address,
    pub(super) model: Option<String>,
    pub(super) memory: Memory,
    pub(super) delivery: Delivery,
}

#[async_trait]
impl Agent for ChatAgent {
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let mut stream = ChoiceStream::default();
        let listen = &mut |event: &str| stream.hear(event);
        let answered = self.address.post(turn, (self.body(turn), &[]), self.address.deadline(), listen).await?;
        let choice = match answered {
            Answered::Body(body) => chat_completions::read_choice(&body),
            Answered::Events => stream.read(),
        };
        self.reply_of(choice.map_err(|fault| self.address.fault(&fault.of(&self.address.url)))?)
    }
}

/// Addresses at which a bare model is an agent, and how its models are named here.
const PROVIDERS: [(&str, &str); 6] = [
    ("api.openai.com", "openai"),
    ("openrouter.ai", "openrouter"),
    ("api.mistral.ai", "mistral"),
    ("api.groq.com", "groq"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "xai"),
];

/// The model that answered, by the name that it has here; as it was told where its provider is not known.
pub(super) fn model_name(address: &Address, told: Option<&str>, asked: Option<&str>) -> Option<String> {
    let told = told.or(asked)?;
    let provider = PROVIDERS.iter().find(|(host, _)| address.url.host_str() == Some(host));
    Some(provider.map_or_else(|| told.to_owned(), |(_, provider)| format!("{provider}:/{told}")))
}

impl ChatAgent {
    fn body(&self, turn: AgentTurn<'_>) -> Value {
        let mut body = json!({"model": self.model.as_deref().unwrap_or(MODEL_UNNAMED)});
        let told = match self.memory {
            Memory::None => turn.conversation.messages.as_slice(),
            Memory::Session => turn.new_messages(),
        };
        // Moved, because it is long, and `json!` copies what it is given.
        body["messages"] = Value::Array(chat_completions::history(told));
        if self.delivery == Delivery::Streamed {
            body["stream"] = json!(true);
            body["stream_options"] = json!({"include_usage": true});
        }
        body["user"] = json!(turn.session_id);
        // Providers limit `metadata`, so it is sent only to an agent whose case has something to tell it.
        if !turn.context.is_empty() {
            body["metadata"] = Value::Object(metadata(turn));
        }
        body
    }

    fn reply_of(&self, choice: Choice) -> Result<AgentReply, AgentFault> {
        let messages = choice.messages.iter().map(chat_completions::read_message).collect::<Result<Vec<_>, _>>();
        let messages = messages.map_err(|reason| self.address.malformed(reason))?;
        let model = model_name(&self.address, choice.model.as_deref(), self.model.as_deref());
        let usage = choice.usage.map(|usage| AgentUsage { model, usage });
        AgentReply { messages, version: choice.model, usage, ..AgentReply::default() }.checked()
    }
}
