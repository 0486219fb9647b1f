//! Tools for a program: as long as it writes calls, it reads results; the line that is no call is its answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::process::{Process, ReadFault};
use crate::agent::{AgentFault, AgentReply, AgentTurn, FaultKind, Tool, ToolScene, Toolbox};
use crate::{Message, Speaker, ToolCall};

/// A line of the program that calls a tool.
#[derive(Deserialize)]
struct Calling {
    tool_call: Called,
}

#[derive(Deserialize)]
struct Called {
    id: Option<String>,
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// A line to the program with what came of it.
#[derive(Serialize)]
struct ToolAnswer<'a> {
    tool_result: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    name: &'a str,
    content: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    failed: bool,
}

/// Why an exchange came to nothing.
pub(super) enum Broken {
    Program(ReadFault),
    Tools(AgentFault),
}

/// The tools that the program is told of; none where it is handed none.
pub(super) async fn told_of(turn: AgentTurn<'_>) -> Result<Vec<Tool>, AgentFault> {
    match turn.tools {
        Some(tools) => tools.tools(turn, &mut None).await,
        None => Ok(Vec::new()),
    }
}

/// Sends the program a line, carries out the tools that it calls, and gives its answer with the calls and their results.
pub(super) async fn exchange(
    process: &mut Process,
    turn: AgentTurn<'_>,
    line: Vec<u8>,
) -> Result<(Vec<u8>, Vec<Message>), Broken> {
    let mut since = Vec::new();
    let mut line = process.exchange(line).await.map_err(Broken::Program)?;
    while let Some(called) = called(&line) {
        let tools = turn.tools.ok_or_else(|| Broken::Tools(no_tools(&called.name)))?;
        let answer = carried_out(called, tools, turn, &mut since).await.map_err(Broken::Tools)?;
        line = process.exchange(answer).await.map_err(Broken::Program)?;
    }
    Ok((line, since))
}

/// The reply with the calls that were made for it, where it does not tell of calls itself.
pub(super) fn with_calls(reply: AgentReply, since: Vec<Message>) -> AgentReply {
    match reply.messages.iter().any(|message| !message.tool_calls.is_empty()) {
        true => reply,
        false => AgentReply { messages: [since, reply.messages].concat(), ..reply },
    }
}

fn called(line: &[u8]) -> Option<Called> {
    serde_json::from_slice::<Calling>(line).ok().map(|calling| calling.tool_call)
}

async fn carried_out(
    called: Called,
    tools: &dyn Toolbox,
    turn: AgentTurn<'_>,
    since: &mut Vec<Message>,
) -> Result<Vec<u8>, AgentFault> {
    let made = turn.conversation.messages.iter().chain(&*since).map(|message| message.tool_calls.len()).sum::<usize>();
    let id = called.id.unwrap_or_else(|| format!("call_{}", made + 1));
    let arguments = match called.arguments {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    let call = ToolCall { id: Some(id.clone()), name: called.name.clone(), arguments };
    since.push(Message { tool_calls: vec![call.clone()], ..Message::agent("") });
    let result = tools.call(&call, ToolScene { turn, since }, &mut None).await?;
    let told = Told { id: &id, name: &called.name, content: &result.text, failed: result.failed };
    let mut line = serde_json::to_vec(&ToolAnswer { tool_result: told }).expect("texts have a JSON form");
    line.push(b'\n');
    let (tool_call_id, name) = (Some(id), Some(called.name));
    since.push(Message { tool_call_id, name, ..Message::new(Speaker::Tool, result.text) });
    Ok(line)
}

fn no_tools(name: &str) -> AgentFault {
    let reason = format!("the agent calls the tool {name}, and it is handed none here");
    AgentFault::new(FaultKind::Malformed, reason).hint("`--tools recorded` hands it the tools of the recording")
}
