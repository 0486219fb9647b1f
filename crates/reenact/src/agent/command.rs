//! An agent that is a program: one process for each conversation, a line of JSON in, a line of JSON out.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::process::{Process, ReadFault, Resting};
use super::{Agent, AgentFault, AgentReply, AgentTurn, AgentUsage, FaultKind, Held, Tool};
use crate::http::error_message;
use crate::shorten::shorten;
use crate::{Environment, Message, Usage, chat_completions, trace_context};
use tools::Broken;

mod tools;

/// An agent that is a program. It is told the whole history with each message, so that a program that was
/// started anew in the middle of a conversation can go on.
pub(super) struct CommandAgent {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) environment: Environment,
}

/// One line to the program.
#[derive(Serialize)]
struct Asked<'a> {
    session_id: &'a str,
    turn: u32,
    message: &'a str,
    messages: Vec<Value>,
    context: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[Tool]>::is_empty")]
    tools: &'a [Tool],
}

/// One line from the program. Members that are not named here are the program's own business.
#[derive(Deserialize)]
struct Answer {
    reply: Option<String>,
    messages: Option<Vec<Value>>,
    #[serde(default)]
    end: bool,
    error: Option<Value>,
    version: Option<Value>,
    usage: Option<Value>,
}

#[async_trait]
impl Agent for CommandAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        // Put back after a usable reply only: a process that failed is stopped when it is dropped.
        let resting = held.take().and_then(|held| held.downcast::<Resting>().ok());
        let mut process = match resting.and_then(|resting| resting.wake()) {
            Some(process) => process,
            None => self.start(turn)?,
        };
        let line = request_line(turn, &tools::told_of(turn).await?);
        let exchange = tools::exchange(&mut process, turn, line);
        let (line, calls) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(Ok(exchanged)) => exchanged,
            Ok(Err(Broken::Program(fault))) => return Err(self.broken(fault, process).await),
            Ok(Err(Broken::Tools(fault))) => {
                process.stop().await;
                return Err(fault);
            }
            Err(_) => return Err(self.timed_out(process).await),
        };
        let reply = read_answer(&line).map(|reply| tools::with_calls(reply, calls)).and_then(AgentReply::checked);
        match reply {
            Ok(reply) => {
                *held = Some(Box::new(Resting::new(process)));
                Ok(reply)
            }
            Err(fault) => Err(self.fault(fault.fault, &fault.reason, &process.stop().await)),
        }
    }
}

impl CommandAgent {
    fn start(&self, turn: AgentTurn<'_>) -> Result<Process, AgentFault> {
        Process::start(&self.program, &self.arguments, self.variables_for(turn)).map_err(|error| {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such program".to_owned(),
                _ => error.to_string(),
            };
            self.fault(FaultKind::Unreachable, &format!("cannot start `{}`: {why}", self.program), "")
        })
    }

    fn variables_for(&self, turn: AgentTurn<'_>) -> Vec<(String, String)> {
        let own = trace_context::variables(turn.session_id, turn.turn, turn.traces);
        self.variables.iter().cloned().chain(own).collect()
    }

    async fn timed_out(&self, process: Process) -> AgentFault {
        let reason = format!("`{}` did not answer within {:?}", self.program, self.timeout);
        self.fault(FaultKind::TimedOut, &reason, &process.stop().await)
    }

    async fn broken(&self, fault: ReadFault, process: Process) -> AgentFault {
        match fault {
            ReadFault::TooLong(limit) => {
                let reason = format!("`{}` wrote a line of more than {limit} bytes", self.program);
                self.fault(FaultKind::Malformed, &reason, &process.stop().await)
            }
            ReadFault::Ended => {
                let (how, last_words) = process.ended().await;
                self.fault(FaultKind::Died, &format!("`{}` {how} without an answer", self.program), &last_words)
            }
            ReadFault::Io(error) => {
                let reason = format!("cannot talk to `{}`: {error}", self.program);
                self.fault(FaultKind::Died, &reason, &process.stop().await)
            }
        }
    }

    fn fault(&self, kind: FaultKind, reason: &str, stderr: &str) -> AgentFault {
        let last_words = stderr.trim();
        let reason = match last_words.is_empty() {
            true => reason.to_owned(),
            false => format!("{reason}; its last words on stderr: {last_words}"),
        };
        AgentFault::new(kind, self.environment.redact(&reason))
    }
}

fn request_line(turn: AgentTurn<'_>, tools: &[Tool]) -> Vec<u8> {
    let asked = Asked {
        session_id: turn.session_id,
        turn: turn.turn,
        message: turn.said(),
        messages: chat_completions::history(&turn.conversation.messages),
        context: turn.context,
        tools,
    };
    let mut line = serde_json::to_vec(&asked).expect("texts, numbers and JSON values have a JSON form");
    line.push(b'\n');
    line
}

pub(super) fn read_answer(line: &[u8]) -> Result<AgentReply, AgentFault> {
    let malformed = |why: String| {
        let quote = shorten(&String::from_utf8_lossy(line));
        AgentFault::new(FaultKind::Malformed, format!("the agent's answer {why}; it wrote: {quote}"))
    };
    let answer: Answer =
        serde_json::from_slice(line).map_err(|error| malformed(format!("is not of the agreed form ({error})")))?;
    if let Some(error) = answer.error.as_ref().and_then(error_message) {
        return Err(AgentFault::new(FaultKind::Refused, format!("the agent says: {}", shorten(&error))));
    }
    let messages = match (answer.reply, answer.messages) {
        (Some(reply), None) => vec![Message::agent(reply)],
        (None, Some(messages)) => read_messages(&messages).map_err(malformed)?,
        (None, None) if answer.end => Vec::new(),
        (None, None) => return Err(malformed("has none of `reply`, `messages` and `error`".to_owned())),
        (Some(_), Some(_)) => return Err(malformed("has both `reply` and `messages`; one is enough".to_owned())),
    };
    let version = answer.version.as_ref().and_then(told_version);
    let usage = answer.usage.as_ref().and_then(told_usage);
    Ok(AgentReply { messages, ended: answer.end, version, usage, ..AgentReply::default() })
}

/// A version is a text or a number. An agent may have a member of that name for purposes of its own, so that
/// anything else is no fault.
fn told_version(version: &Value) -> Option<String> {
    match version {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Tokens, under our names for them or those of chat completions; an agent may mean something else by the member.
fn told_usage(told: &Value) -> Option<AgentUsage> {
    let usage = Usage::deserialize(told).ok().or_else(|| chat_completions::read_usage(told))?;
    Some(AgentUsage { model: told["model"].as_str().map(str::to_owned), usage })
}

fn read_messages(messages: &[Value]) -> Result<Vec<Message>, String> {
    let read = |message| chat_completions::read_message(message).map_err(|why| format!("has a bad message: {why}"));
    messages.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(line: &str) -> String {
        let fault = read_answer(line.as_bytes()).and_then(AgentReply::checked).unwrap_err();
        format!("{:?}: {}", fault.fault, fault.reason)
    }

    #[test]
    fn each_form_of_answer_is_read() {
        assert_eq!(read_answer(br#"{"reply":"hi","mood":1}"#), Ok(AgentReply::text("hi")));
        let ended = AgentReply { ended: true, ..AgentReply::default() };
        assert_eq!(read_answer(br#"{"end":true}"#), Ok(ended));
        let version = |line: &str| read_answer(line.as_bytes()).unwrap().version;
        assert_eq!(version(r#"{"reply":"hi","version":" 2.1 "}"#).as_deref(), Some("2.1"));
        assert_eq!(version(r#"{"reply":"hi","version":3}"#).as_deref(), Some("3"));
        assert_eq!(version(r#"{"reply":"hi","version":{"major":3}}"#), None);
        let usage = |line: &str| read_answer(line.as_bytes()).unwrap().usage;
        let used = |model: Option<&str>, input_tokens, output_tokens| {
            let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
            Some(AgentUsage { model: model.map(str::to_owned), usage })
        };
        let ours = r#"{"reply":"hi","usage":{"model":"openai:/gpt-5","input_tokens":7,"output_tokens":2}}"#;
        assert_eq!(usage(ours), used(Some("openai:/gpt-5"), 7, 2));
        assert_eq!(usage(r#"{"reply":"hi","usage":{"prompt_tokens":7,"completion_tokens":2}}"#), used(None, 7, 2));
        assert_eq!(usage(r#"{"reply":"hi","usage":"much"}"#), None);
        let long = br#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}}]},
            {"role":"tool","tool_call_id":"1","content":"7"},{"role":"assistant","content":"seven"}]}"#;
        assert_eq!(read_answer(long).unwrap().messages[2].text, "seven");
    }

    #[test]
    fn each_bad_answer_says_what_is_wrong_with_it() {
        insta::assert_snapshot!(reason(r#"{"error":{"message":"out of credit"}}"#), @"Refused: the agent says: out of credit");
        insta::assert_snapshot!(reason(r#"{"reply":" \n"}"#), @"Empty: the agent answered without any text");
        insta::assert_snapshot!(reason(r#"{"answer":"hi"}"#), @r#"Malformed: the agent's answer has none of `reply`, `messages` and `error`; it wrote: {"answer":"hi"}"#);
        insta::assert_snapshot!(reason(r#"{"messages":[{"role":"user","content":"ok"}]}"#), @r#"Malformed: the agent's answer has a bad message: an agent writes as `assistant` or `tool`, not as "user"; it wrote: {"messages":[{"role":"user","content":"ok"}]}"#);
        insta::assert_snapshot!(reason("Traceback"), @"Malformed: the agent's answer is not of the agreed form (expected value at line 1 column 1); it wrote: Traceback");
    }

    proptest! {
        #[test]
        fn no_bytes_from_an_agent_make_it_panic(line: Vec<u8>) {
            let _ = read_answer(&line).and_then(AgentReply::checked);
        }

        #[test]
        fn no_json_from_an_agent_makes_it_panic(text in r#"\{"(reply|messages|error|end)":(null|true|"[a-z]*"|\[\{?\}?\]|\{"role":7\}|\[[0-9]\]|\[\{"content":(\[1,\{\}\]|3)\}\])\}"#) {
            let _ = read_answer(text.as_bytes()).and_then(AgentReply::checked);
        }
    }
}
