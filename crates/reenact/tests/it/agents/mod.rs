//! Agents, each as a real process or server, and each way in which they fail.

use std::sync::Arc;
use std::time::Duration;

use reenact::agent::{self, AgentSettings, Traces};
use reenact::{Agent, AgentFault, AgentReply, AgentTurn, Conversation, Held, Message};
use serde_json::{Map, Value};

use crate::server::LONG;

mod a2a;
#[cfg(unix)]
mod command;
mod documented;
mod function;
mod http;
mod model;
mod recorded;
mod responses;
mod script;
#[cfg(unix)]
mod started;

/// One conversation with an agent, as the simulation holds it.
struct Talk {
    conversation: Conversation,
    context: Map<String, Value>,
    held: Held,
    origin: Option<&'static str>,
}

impl Talk {
    fn new() -> Self {
        Talk { conversation: Conversation::default(), context: Map::new(), held: None, origin: None }
    }

    /// Says something and hears what the agent answers.
    async fn say(&mut self, agent: &dyn Agent, text: &str) -> Result<AgentReply, AgentFault> {
        self.conversation.messages.push(Message::user(text));
        let turn = AgentTurn {
            session_id: "sim-0123456789abcdef",
            turn: self.conversation.turn_count() as u32,
            first_turn: 1,
            conversation: &self.conversation,
            context: &self.context,
            case: "a-case",
            origin: self.origin,
            tools: None,
            traces: Traces::default(),
        };
        let reply = agent.reply(turn, &mut self.held).await?;
        self.conversation.messages.extend(reply.messages.clone());
        Ok(reply)
    }

    async fn hear(&mut self, agent: &dyn Agent, text: &str) -> String {
        self.say(agent, text).await.expect("the agent should answer").messages.pop().unwrap().text
    }
}

fn open(name: &str) -> Arc<dyn Agent> {
    open_within(name, LONG)
}

fn open_within(name: &str, timeout: Duration) -> Arc<dyn Agent> {
    agent::open(name, &AgentSettings { timeout, ..AgentSettings::default() }).expect("the name should open")
}

/// An agent file with this text.
fn agent_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

/// How an agent fails on the first message.
async fn fault(agent: &dyn Agent) -> String {
    let fault = Talk::new().say(agent, "hello").await.expect_err("the agent should fail");
    format!("{:?}: {}", fault.fault, fault.reason)
}
