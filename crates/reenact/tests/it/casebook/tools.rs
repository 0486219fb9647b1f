//! Plays a story about tools from the recording: the same calls under each policy for those that the recording does not answer.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reenact::agent::{OnMiss, RecordedTools, ToolMiss, ToolScene, Traces, with_recorded_tools};
use reenact::{
    Agent, AgentFault, AgentReply, AgentTurn, Conversation, Held, Message, Session, Speaker, ToolCall, ToolMocks,
};
use serde_json::{Map, json};

use super::split;
use crate::scripted::{answered, model};

/// The story with what comes of its calls: once where no policy had to be followed, else once under each.
pub(super) async fn replay(story: &str) -> String {
    let (given, _) = story.split_once("=>\n").expect("a line `=>` between the calls and what comes of them");
    let ask = OnMiss::Ask("script:tools".into());
    let policies = [("fail", OnMiss::Fail), ("invalid", OnMiss::Invalid), ("nearest", OnMiss::Nearest), ("ask", ask)];
    let mut told = Vec::new();
    for (policy, on_miss) in policies {
        told.push((policy, called(given, on_miss).await));
    }
    let are_alike = told.iter().all(|(_, lines)| *lines == told[0].1);
    let blocks = match are_alike {
        true => told[0].1.clone(),
        false => {
            told.iter().flat_map(|(policy, lines)| lines.iter().map(move |it| format!("{policy}: {it}"))).collect()
        }
    };
    format!("{given}=>\n{}\n", blocks.join("\n"))
}

/// What comes of each call of a story, then what was missed.
async fn called(given: &str, on_miss: OnMiss) -> Vec<String> {
    let recording = recording(given);
    let sessions = Arc::new(move |_: &str| Ok(Some(Session::new("story", recording.clone()))));
    let ignore = lines(given, "ignore").map(str::to_owned).collect();
    let answer = lines(given, "model").next().unwrap_or("nothing").to_owned();
    let model = model(move |_| answered(json!({ "result": answer })));
    let tools = RecordedTools::new(sessions, ToolMocks { on_miss, ignore }, Some(model));
    let told = Arc::new(Mutex::new(Vec::new()));
    let caller = Caller { calls: lines(given, "call").map(|line| call(line).0).collect(), told: Arc::clone(&told) };
    let (conversation, context) = (Conversation { messages: vec![Message::user("go on")] }, Map::new());
    let turn = AgentTurn {
        session_id: "sim-0000000000000000",
        turn: 1,
        first_turn: 1,
        conversation: &conversation,
        context: &context,
        case: "story",
        origin: Some("story"),
        tools: None,
        traces: Traces::default(),
    };
    let reply = with_recorded_tools(Arc::new(caller), tools).reply(turn, &mut None).await;
    let mut lines = std::mem::take(&mut *told.lock().unwrap());
    match reply {
        Ok(reply) => lines.extend(reply.tool_misses.iter().map(missed)),
        Err(fault) => lines.push(format!("no trial: {}", fault.reason)),
    }
    lines
}

/// Makes calls one after another, and notes what comes of them.
struct Caller {
    calls: Vec<ToolCall>,
    told: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Agent for Caller {
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let tools = turn.tools.expect("a caller has tools");
        let mut since = Vec::new();
        for call in &self.calls {
            since.push(Message { tool_calls: vec![call.clone()], ..Message::agent("") });
            let result = tools.call(call, ToolScene { turn, since: &since }, &mut None).await?;
            self.told.lock().unwrap().push(format!("{} -> {}", written(&call.name, &call.arguments), result.text));
            since.push(Message::new(Speaker::Tool, result.text));
        }
        Ok(AgentReply::text("done"))
    }
}

fn missed(miss: &ToolMiss) -> String {
    let ToolMiss { tool, arguments, nearest, likeness, .. } = miss;
    let like = nearest.iter().zip(likeness).map(|(nearest, likeness)| format!(", {likeness:.2} like {nearest}"));
    format!("missed {}{}", written(tool, arguments), like.collect::<String>())
}

/// A call without arguments is its tool's name.
fn written(tool: &str, arguments: &str) -> String {
    format!("{tool} {arguments}").trim_end().to_owned()
}

fn recording(given: &str) -> Conversation {
    let recorded = lines(given, "recorded").flat_map(|line| {
        let (call, result) = call(line);
        [Message { tool_calls: vec![call], ..Message::agent("") }, Message::new(Speaker::Tool, result)]
    });
    std::iter::once(Message::user("go on")).chain(recorded).collect()
}

/// `TOOL ARGUMENTS`, and where it has one `-> RESULT`.
fn call(line: &str) -> (ToolCall, &str) {
    let (name, rest) = split(line);
    let (arguments, result) = rest.split_once(" -> ").unwrap_or((rest, ""));
    (ToolCall { id: None, name: name.to_owned(), arguments: arguments.to_owned() }, result)
}

fn lines<'a>(given: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    given.lines().map(split).filter(move |(first, _)| *first == word).map(|(_, rest)| rest)
}
