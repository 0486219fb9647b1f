//! One conversation's connection to one MCP server.

use std::ops::ControlFlow;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::time::timeout;

use super::super::address::Address;
use super::super::process::{Process, ReadFault, Resting};
use super::McpServer;
use super::wire::{self, Era, Incoming};
use crate::agent::{AgentFault, AgentTurn, Tool, ToolResult};
use crate::http::{self, HttpFault};
use crate::trace_context::{self, Traces};

/// Pages of tools at the most: a server whose pages never end is broken.
const PAGES_MAX: usize = 100;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The server said no.
    Refused { message: String },
    /// It is gone, or says what cannot be read.
    Broken(String),
    /// It could not be reached, or not in time.
    Fault(AgentFault),
}

/// A connection to a server.
pub(super) struct Connection {
    transport: Transport,
    /// Before anything was agreed on there is none.
    era: Option<Era>,
    next_id: u64,
    timeout: Duration,
}

enum Transport {
    /// None where it came to its end.
    Program(Box<Option<Resting>>),
    Address(Box<Session>),
}

/// What is kept of a streamable HTTP server.
struct Session {
    address: Address,
    id: Option<String>,
    /// With what the session is ended: a session and the turn that opened it.
    opened_by: (String, u32),
}

impl Connection {
    pub(super) fn open(
        server: &McpServer,
        address: Option<&Address>,
        turn: AgentTurn<'_>,
        timeout: Duration,
    ) -> Result<Connection, Unanswered> {
        let transport = match (server, address) {
            (McpServer::Address { .. }, Some(address)) => Transport::Address(Box::new(Session {
                address: address.clone(),
                id: None,
                opened_by: (turn.session_id.to_owned(), turn.turn),
            })),
            (McpServer::Program { words, variables }, _) => {
                Transport::Program(Box::new(Some(start(words, variables, turn)?)))
            }
            (McpServer::Address { .. }, None) => return Err(Unanswered::Broken("has no address".to_owned())),
        };
        Ok(Connection { transport, era: None, next_id: 0, timeout })
    }

    /// The server's tools, all pages of them; says hello first.
    pub(super) async fn tools(&mut self, turn: AgentTurn<'_>) -> Result<Vec<Tool>, Unanswered> {
        self.begin(turn).await?;
        let (mut tools, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let request = |id, era: &Era| wire::list(id, cursor.as_deref(), era);
            let result = self.ask(request, ("tools/list", None), turn).await?;
            let (page, next) = wire::tools(&result).map_err(Unanswered::Broken)?;
            tools.extend(page);
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(tools),
            }
        }
        Err(Unanswered::Broken(format!("lists more than {PAGES_MAX} pages of tools")))
    }

    pub(super) async fn call(
        &mut self,
        name: &str,
        arguments: Value,
        turn: AgentTurn<'_>,
    ) -> Result<ToolResult, Unanswered> {
        let session = (turn.session_id, turn.turn, turn.traces);
        let request = |id, era: &Era| wire::call(id, name, arguments.clone(), session, era);
        let result = self.ask(request, ("tools/call", Some(name)), turn).await?;
        Ok(wire::result(&result))
    }

    /// Agrees with the server on how to speak. The handshake is tried first, because every server before 2026-07-28 insists on it
    /// and those that know both still take it; a server that has none says so.
    async fn begin(&mut self, turn: AgentTurn<'_>) -> Result<(), Unanswered> {
        let id = self.id();
        match self.exchange(wire::initialize(id), Some(id), &[], turn).await {
            Ok(result) => {
                let version = result["protocolVersion"].as_str().unwrap_or(wire::WITH_HANDSHAKE).to_owned();
                self.era = Some(Era::Handshake(version.clone()));
                let headers = [("mcp-protocol-version", version.as_str())];
                self.exchange(wire::initialized(), None, &headers, turn).await.map(|_| ())
            }
            Err(Unanswered::Refused { .. }) => {
                self.era = Some(Era::Standalone);
                Ok(())
            }
            Err(why) => Err(why),
        }
    }

    async fn ask(
        &mut self,
        request: impl FnOnce(u64, &Era) -> Value,
        (method, name): (&str, Option<&str>),
        turn: AgentTurn<'_>,
    ) -> Result<Value, Unanswered> {
        let id = self.id();
        let era = self.era.clone().unwrap_or(Era::Standalone);
        let mut headers = vec![("mcp-protocol-version", era.version())];
        if era == Era::Standalone {
            headers.push(("mcp-method", method));
            headers.extend(name.map(|name| ("mcp-name", name)));
        }
        self.exchange(request(id, &era), Some(id), &headers, turn).await
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Sends a message, and waits for the answer where one is to come.
    async fn exchange(
        &mut self,
        message: Value,
        id: Option<u64>,
        headers: &[(&str, &str)],
        turn: AgentTurn<'_>,
    ) -> Result<Value, Unanswered> {
        match &mut self.transport {
            Transport::Program(resting) => {
                let spoken = match (**resting).as_mut().and_then(Resting::process) {
                    Some(process) => timeout(self.timeout, speak(process, &message, id)).await,
                    None => return Err(Unanswered::Broken("came to its end before".to_owned())),
                };
                match spoken {
                    Ok(Ok(answer)) => read(answer),
                    Ok(Err(fault)) => Err(Unanswered::Broken(ended(resting, fault).await)),
                    Err(_) => Err(Unanswered::Broken(silent(resting, self.timeout).await)),
                }
            }
            Transport::Address(session) => session.exchange(&message, id, headers, turn).await,
        }
    }
}

fn start(words: &[String], variables: &[(String, String)], turn: AgentTurn<'_>) -> Result<Resting, Unanswered> {
    let (program, arguments) = words.split_first().ok_or_else(|| Unanswered::Broken("names no program".to_owned()))?;
    let own = trace_context::variables(turn.session_id, turn.turn, turn.traces);
    let variables = variables.iter().cloned().chain(own).collect();
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Unanswered::Broken("there is no such program".to_owned()),
        _ => Unanswered::Broken(format!("cannot be started: {error}")),
    };
    Process::start(program, arguments, variables).map(Resting::new).map_err(cannot)
}

fn read(answer: Incoming) -> Result<Value, Unanswered> {
    match answer {
        Incoming::Result(result) => Ok(result),
        Incoming::Error { message, .. } => Err(Unanswered::Refused { message }),
        Incoming::Asks(_) | Incoming::Other => Ok(Value::Null),
    }
}

/// Sends a line and reads lines until the answer is there. Lines that are no messages are passed over: programs greet, and log
/// where they should not.
async fn speak(process: &mut Process, message: &Value, id: Option<u64>) -> Result<Incoming, ReadFault> {
    process.send(format!("{message}\n").as_bytes()).await.or_else(|error| match error.kind() {
        // Its stdout says why.
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(ReadFault::Io(error)),
    })?;
    let Some(id) = id else { return Ok(Incoming::Other) };
    loop {
        let line = process.next_line().await?;
        match wire::read(&String::from_utf8_lossy(&line), id) {
            Incoming::Other => {}
            Incoming::Asks(answer) => process.send(format!("{answer}\n").as_bytes()).await.map_err(ReadFault::Io)?,
            answer => return Ok(answer),
        }
    }
}

/// What is to be said of a program that no longer answers.
async fn ended(resting: &mut Option<Resting>, fault: ReadFault) -> String {
    let Some(process) = resting.take().and_then(Resting::wake) else { return "came to its end".to_owned() };
    let (how, last_words) = match fault {
        ReadFault::Ended => process.ended().await,
        ReadFault::TooLong(limit) => (format!("wrote a line of more than {limit} bytes"), process.stop().await),
        ReadFault::Io(error) => (format!("cannot be talked to: {error}"), process.stop().await),
    };
    with_last_words(&how, &last_words)
}

async fn silent(resting: &mut Option<Resting>, limit: Duration) -> String {
    let how = format!("did not answer within {limit:?}");
    match resting.take().and_then(Resting::wake) {
        Some(process) => with_last_words(&how, &process.stop().await),
        None => how,
    }
}

fn with_last_words(how: &str, last_words: &str) -> String {
    match last_words.trim() {
        "" => how.to_owned(),
        words => format!("{how}; its last words on stderr: {words}"),
    }
}

impl Session {
    async fn exchange(
        &mut self,
        message: &Value,
        id: Option<u64>,
        headers: &[(&str, &str)],
        turn: AgentTurn<'_>,
    ) -> Result<Value, Unanswered> {
        let session = self.id.as_deref().map(|id| ("mcp-session-id", id));
        let accept = ("accept", "application/json, text/event-stream");
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain(session).chain([accept]).collect();
        let waits_for = id.unwrap_or_default();
        let mut heard = Incoming::Other;
        // A request of the server's own cannot be answered on the same stream, and a test has nothing to answer.
        let listen = &mut |event: &str| match wire::read(event, waits_for) {
            Incoming::Other | Incoming::Asks(_) => ControlFlow::Continue(()),
            answer => {
                heard = answer;
                ControlFlow::Break(())
            }
        };
        let deadline = self.address.deadline();
        let answer = self.address.exchange(turn, (message, &headers), deadline, listen).await;
        let answer = answer.map_err(|fault| self.unanswered(&fault, waits_for))?;
        let id = answer.headers.get("mcp-session-id").and_then(|id| id.to_str().ok());
        self.id = id.map(str::to_owned).or(self.id.take());
        if !http::is_stream(&answer.headers) {
            heard = wire::read(&String::from_utf8_lossy(&answer.body), waits_for);
        }
        match (heard, message.get("id")) {
            (Incoming::Other | Incoming::Asks(_), Some(_)) => Err(Unanswered::Broken("gave no answer".to_owned())),
            (heard, _) => read(heard),
        }
    }

    /// A server that refuses says why in the body: as a message of the protocol, or in words of its own.
    fn unanswered(&self, fault: &HttpFault, id: u64) -> Unanswered {
        let body = fault.refusal.as_ref().map(|refusal| String::from_utf8_lossy(&refusal.body).into_owned());
        match body.map(|body| wire::read(&body, id)) {
            Some(Incoming::Error { message, .. }) => Unanswered::Refused { message },
            _ => Unanswered::Fault(self.address.fault(fault)),
        }
    }
}

/// Servers keep a session until they are told that it is over.
impl Drop for Session {
    fn drop(&mut self) {
        let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) else { return };
        let (address, (session_id, turn)) = (self.address.clone(), self.opened_by.clone());
        runtime.spawn(async move {
            let (conversation, context) = Default::default();
            let turn = AgentTurn {
                session_id: &session_id,
                turn,
                first_turn: turn,
                conversation: &conversation,
                context: &context,
                case: "",
                origin: None,
                tools: None,
                traces: Traces::default(),
            };
            // Whether it is glad to know is its own business.
            let _ = address.transfer((Method::DELETE, &address.url), turn, &[("mcp-session-id", &id)]).await;
        });
    }
}
