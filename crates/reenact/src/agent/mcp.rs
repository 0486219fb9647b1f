//! Tools that servers of the Model Context Protocol serve: programs that speak it on stdin and stdout, and addresses.
//!
//! Each conversation has connections of its own, so that what a server keeps in one is not seen in another.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;

use super::address::{Address, SESSION_HEADER};
use super::{AgentFault, AgentTurn, FaultKind, Held, Tool, ToolResult, ToolScene, Toolbox};
use crate::{Environment, Error, ErrorKind, Result, ToolCall};
use connection::{Connection, Unanswered};

mod connection;
pub(crate) mod wire;

/// A server of tools.
#[derive(Clone, PartialEq, Eq)]
pub enum McpServer {
    /// A program, started for each conversation and spoken to on its stdin and stdout.
    Program {
        /// The program and its arguments.
        words: Vec<String>,
        /// Variables that it gets besides those that it inherits.
        variables: Vec<(String, String)>,
    },
    /// A streamable HTTP address.
    Address {
        /// Where it is.
        url: String,
        /// Headers that go with each request; their values are never shown.
        headers: Vec<(String, String)>,
    },
}

impl McpServer {
    /// What it is called in faults.
    pub(crate) fn name(&self) -> String {
        match self {
            McpServer::Program { words, .. } => words.first().cloned().unwrap_or_default(),
            McpServer::Address { url, .. } => {
                Url::parse(url).map_or_else(|_| "an address".to_owned(), |url| crate::http::place(&url))
            }
        }
    }
}

/// Names and addresses only: variables and headers may hold secrets.
impl std::fmt::Debug for McpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

/// The tools of several servers together.
///
/// Both eras of the protocol are spoken: the handshake of 2025-11-25 and before, and the requests of 2026-07-28 that stand alone.
pub struct McpToolbox {
    servers: Vec<Server>,
    timeout: Duration,
    environment: Environment,
}

/// A server, with its address as it is asked.
struct Server {
    server: McpServer,
    address: Option<Address>,
}

/// The connections of one conversation, in the order of the servers.
struct Connected(Vec<(Connection, Vec<Tool>)>);

impl McpToolbox {
    /// The tools of these servers. Nothing is started or connected to before the first turn.
    ///
    /// # Errors
    /// Where a server has no program or no address.
    pub fn new(servers: Vec<McpServer>, timeout: Duration, environment: Environment) -> Result<Self> {
        let opened = servers.into_iter().map(|server| {
            let address = match &server {
                McpServer::Address { url, headers } => {
                    Some(address(crate::http::parse_url(url)?, headers, timeout, &environment))
                }
                McpServer::Program { words, .. } if words.is_empty() => {
                    return Err(Error::new(ErrorKind::Usage, "a server of tools names no program"));
                }
                McpServer::Program { .. } => None,
            };
            Ok(Server { server, address })
        });
        Ok(McpToolbox { servers: opened.collect::<Result<_>>()?, timeout, environment })
    }

    async fn connect(&self, turn: AgentTurn<'_>) -> std::result::Result<Connected, AgentFault> {
        let mut connected: Vec<(Connection, Vec<Tool>)> = Vec::new();
        for server in &self.servers {
            let mut connection = Connection::open(&server.server, server.address.as_ref(), turn, self.timeout);
            let tools = match connection.as_mut() {
                Ok(connection) => connection.tools(turn).await.map_err(|why| self.fault(&server.server, why))?,
                Err(_) => Vec::new(),
            };
            let connection = connection.map_err(|why| self.fault(&server.server, why))?;
            let is_known =
                |tool: &&Tool| connected.iter().any(|(_, others)| others.iter().any(|it| it.name == tool.name));
            if let Some(twin) = tools.iter().find(is_known) {
                let reason = format!("two servers of tools have a tool `{}`", twin.name);
                return Err(AgentFault::new(FaultKind::ToolsFailed, reason).hint("leave one of the servers out"));
            }
            connected.push((connection, tools));
        }
        Ok(Connected(connected))
    }

    fn fault(&self, server: &McpServer, why: Unanswered) -> AgentFault {
        let (said, hint) = match why {
            Unanswered::Refused { message } => (format!("answered with an error: {message}"), None),
            Unanswered::Broken(reason) => (reason, None),
            Unanswered::Fault(fault) => (fault.reason, fault.hint),
        };
        let reason = self.environment.redact(&format!("the server of tools `{}`: {said}", server.name()));
        let hint = hint.unwrap_or_else(|| "see `tools` in the agent file".to_owned());
        AgentFault::new(FaultKind::ToolsFailed, reason).hint(hint)
    }
}

fn address(url: Url, headers: &[(String, String)], timeout: Duration, environment: &Environment) -> Address {
    Address {
        url,
        timeout,
        session_header: SESSION_HEADER.to_owned(),
        session_member: None,
        headers: headers.to_vec(),
        // The agent's key is not for its tools.
        key_variable: None,
        environment: environment.clone(),
    }
}

#[async_trait]
impl Toolbox for McpToolbox {
    async fn tools(&self, turn: AgentTurn<'_>, held: &mut Held) -> std::result::Result<Vec<Tool>, AgentFault> {
        let connected = match held.take().and_then(|held| held.downcast::<Connected>().ok()) {
            Some(connected) => connected,
            None => Box::new(self.connect(turn).await?),
        };
        let tools = connected.0.iter().flat_map(|(_, tools)| tools.clone()).collect();
        *held = Some(connected);
        Ok(tools)
    }

    async fn call(
        &self,
        call: &ToolCall,
        scene: ToolScene<'_>,
        held: &mut Held,
    ) -> std::result::Result<ToolResult, AgentFault> {
        let connected = held.as_mut().and_then(|held| held.downcast_mut::<Connected>());
        let connections = connected.map(|connected| &mut connected.0).into_iter().flatten();
        let mut own =
            connections.zip(&self.servers).filter(|((_, tools), _)| tools.iter().any(|it| it.name == call.name));
        let Some(((connection, _), server)) = own.next() else {
            return Ok(ToolResult::failed(format!("error: there is no tool `{}`", call.name)));
        };
        let arguments = match wire::arguments(call) {
            Ok(arguments) => arguments,
            Err(wrong) => return Ok(ToolResult::failed(wrong)),
        };
        match connection.call(&call.name, arguments, scene.turn).await {
            Ok(result) => Ok(result),
            // What the server has against a call is the model's to read.
            Err(Unanswered::Refused { message }) => Ok(ToolResult::failed(format!("error: {message}"))),
            Err(why) => Err(self.fault(&server.server, why)),
        }
    }
}
