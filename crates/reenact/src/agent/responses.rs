//! An agent behind an address of OpenAI's Responses form, streamed or not.

use async_trait::async_trait;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::address::{Address, Answered, metadata};
use super::chat::{Delivery, MODEL_UNNAMED, model_name};
use super::{Agent, AgentFault, AgentReply, AgentTurn, AgentUsage, Held};
use wire::{Response, ResponseStream};

pub(crate) mod wire;

/// Whether, and how, an agent keeps its conversations itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thread {
    /// It is told the whole conversation with each message.
    None,
    /// It knows a conversation by its session id.
    Session,
    /// Each answer has an id, and the next request names it.
    PreviousResponse,
    /// A conversation is made beforehand, at the address beside this one, and each request names it.
    Conversation,
}

/// An agent behind an address of the Responses form.
pub(super) struct ResponsesAgent {
    pub(super) address: Address,
    pub(super) model: Option<String>,
    pub(super) thread: Thread,
    pub(super) delivery: Delivery,
}

/// What one conversation goes on with.
struct Going {
    /// The id of the newest answer, or of the conversation.
    id: String,
}

#[async_trait]
impl Agent for ResponsesAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let deadline = self.address.deadline();
        // Taken before the turn: an answer that was lost leaves a thread of which nobody knows how far it went.
        let going = held.take().and_then(|held| held.downcast::<Going>().ok()).map(|going| going.id);
        let is_new = going.is_none();
        let thread = match (self.thread, going) {
            (Thread::Conversation, None) => Some(self.begin(turn, deadline).await?),
            (_, going) => going,
        };
        let body = self.body(turn, thread.as_deref(), is_new);
        let response = self.ask(turn, body, deadline).await?;
        let next = match self.thread {
            Thread::PreviousResponse => response.id.clone(),
            Thread::Conversation => thread,
            Thread::None | Thread::Session => None,
        };
        *held = next.map(|id| -> Box<dyn std::any::Any + Send> { Box::new(Going { id }) });
        self.reply_of(response)
    }
}

impl ResponsesAgent {
    async fn ask(&self, turn: AgentTurn<'_>, body: Value, deadline: Instant) -> Result<Response, AgentFault> {
        let mut stream = ResponseStream::default();
        let listen = &mut |event: &str| stream.hear(event);
        let response = match self.address.post(turn, (body, &[]), deadline, listen).await? {
            Answered::Body(body) => wire::read(&body),
            Answered::Events => stream.read(),
        };
        response.map_err(|fault| self.address.fault(&fault.of(&self.address.url)))
    }

    fn body(&self, turn: AgentTurn<'_>, thread: Option<&str>, is_new: bool) -> Value {
        let mut body = json!({"model": self.model.as_deref().unwrap_or(MODEL_UNNAMED)});
        // A thread that was lost, because the run was resumed, is begun again with all that was said.
        let told = match self.thread {
            Thread::Session => turn.new_messages(),
            Thread::PreviousResponse | Thread::Conversation if !is_new => turn.new_messages(),
            _ => turn.conversation.messages.as_slice(),
        };
        body["input"] = Value::Array(wire::items(told));
        match (self.thread, thread) {
            (Thread::PreviousResponse, Some(id)) => body["previous_response_id"] = json!(id),
            (Thread::Conversation, Some(id)) => body["conversation"] = json!(id),
            _ => {}
        }
        if self.delivery == Delivery::Streamed {
            body["stream"] = json!(true);
        }
        body["user"] = json!(turn.session_id);
        if !turn.context.is_empty() {
            body["metadata"] = Value::Object(metadata(turn));
        }
        body
    }

    /// Makes a conversation, and gives its id.
    async fn begin(&self, turn: AgentTurn<'_>, deadline: Instant) -> Result<String, AgentFault> {
        let beside = Address { url: conversations(&self.address.url), session_member: None, ..self.address.clone() };
        let body = json!({"metadata": metadata(turn)});
        let answered = beside.post(turn, (body, &[]), deadline, &mut |_| std::ops::ControlFlow::Break(())).await?;
        let Answered::Body(body) = answered else { return Err(beside.malformed("streams, and was asked for an id")) };
        let id = serde_json::from_slice::<Value>(&body).ok().and_then(|made| made["id"].as_str().map(str::to_owned));
        id.ok_or_else(|| beside.malformed("expected a conversation with an `id`"))
    }

    fn reply_of(&self, response: Response) -> Result<AgentReply, AgentFault> {
        let model = model_name(&self.address, response.model.as_deref(), self.model.as_deref());
        let usage = response.usage.map(|usage| AgentUsage { model, usage });
        let Response { messages, model: version, .. } = response;
        AgentReply { messages, version, usage, ..AgentReply::default() }.checked()
    }
}

/// Conversations are made beside responses: `…/v1/responses` has `…/v1/conversations`.
fn conversations(responses: &Url) -> Url {
    let mut url = responses.clone();
    let path = url.path().trim_end_matches('/');
    let path = format!("{}/conversations", path.strip_suffix("/responses").unwrap_or(path));
    url.set_path(&path);
    url
}
