//! An agent of the A2A protocol, versions 1.0 and 0.3, over JSON-RPC.
//!
//! The simulated session is the context. A task that waits for input is gone on with; one that is done is followed by another of
//! the same context.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout_at};

use super::address::{Address, Answered};
use super::chat::Delivery;
use super::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held};
use crate::http::{self, place};
use crate::{Message, Speaker};
use card::Interface;
use wire::{Account, Said, State};

pub(crate) mod card;
pub(crate) mod wire;

/// Where cards stand; the second is where they stood before version 0.3.
const CARDS: [&str; 2] = ["/.well-known/agent-card.json", "/.well-known/agent.json"];

/// How long a task that goes on in the background is left alone at first; each time twice as long.
const POLL_FIRST: Duration = Duration::from_millis(100);

/// No wait between two looks at a task is longer.
const POLL_MAX: Duration = Duration::from_secs(2);

/// An agent of the A2A protocol.
pub(super) struct A2aAgent {
    /// Where its card is, or below which.
    pub(super) address: Address,
    pub(super) delivery: Delivery,
    /// What its card says, read once.
    pub(super) interface: OnceCell<(Interface, Address)>,
}

/// What one conversation goes on with.
struct Going {
    context: String,
    /// The task that waits for input.
    task: Option<String>,
    /// What of the context was heard already: a task tells all its artifacts each time.
    heard: BTreeSet<String>,
}

#[async_trait]
impl Agent for A2aAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let deadline = self.address.deadline();
        let new = news(turn)?;
        let (interface, address) = self.interface.get_or_try_init(|| self.discover(turn)).await?;
        let going = held.take().and_then(|held| held.downcast::<Going>().ok());
        let mut going = going.map_or_else(|| Going::new(turn), |going| *going);
        let line = Line { agent: self, interface, address, turn, deadline };
        let account = line.send(&new, &going).await?;
        let reply = line.reply_of(&account, &mut going)?;
        *held = Some(Box::new(going));
        Ok(reply)
    }
}

/// The user's new messages. The form has no way to tell an agent what it said itself.
fn news(turn: AgentTurn<'_>) -> Result<Vec<&str>, AgentFault> {
    let new = turn.new_messages();
    if new.iter().any(|message| message.speaker == Speaker::Agent) {
        let reason = "the case begins in the middle of a conversation, which an A2A agent cannot be told";
        return Err(AgentFault::new(FaultKind::Refused, reason).hint("leave the case's beginning out for this agent"));
    }
    Ok(new.iter().filter(|message| message.speaker == Speaker::User).map(|message| message.text.as_str()).collect())
}

impl Going {
    /// A conversation that begins, or that was lost with the process that had it: the agent knows it by the session's id.
    fn new(turn: AgentTurn<'_>) -> Self {
        Going { context: turn.session_id.to_owned(), task: None, heard: BTreeSet::new() }
    }
}

impl A2aAgent {
    /// Reads the agent's card, and where it says that the agent is.
    async fn discover(&self, turn: AgentTurn<'_>) -> Result<(Interface, Address), AgentFault> {
        let (url, body) = self.card(turn).await?;
        let bad = |reason: String| AgentFault::new(FaultKind::Malformed, format!("{}: {reason}", place(&url)));
        let interface = card::read(&body).map_err(bad)?;
        if self.delivery == Delivery::Streamed && !interface.streams {
            let fault =
                AgentFault::new(FaultKind::Refused, format!("{} says that the agent does not stream", place(&url)));
            return Err(fault.hint("leave `stream` out of the agent file"));
        }
        let address = Address { url: self.reachable(&interface.url)?, ..self.address.clone() };
        Ok((interface, address))
    }

    /// The agent's card, and where it stood.
    async fn card(&self, turn: AgentTurn<'_>) -> Result<(Url, Vec<u8>), AgentFault> {
        let named = &self.address.url;
        let candidates: Vec<Url> = match named.path().ends_with(".json") {
            true => vec![named.clone()],
            false => CARDS.iter().map(|card| below(named, card)).collect(),
        };
        let mut first: Option<AgentFault> = None;
        for url in candidates {
            let fetched = self.address.transfer((Method::GET, &url), turn, &[("accept", "application/json")]).await;
            let answer = fetched.map_err(|fault| self.address.fault(&fault))?;
            if answer.status.is_success() {
                return Ok((url, answer.body));
            }
            let is_missing = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
            let fault = self.address.fault(&answer.refusal(&url));
            if !is_missing {
                return Err(fault);
            }
            first.get_or_insert(fault);
        }
        let hint = "name the address below which `/.well-known/agent-card.json` stands, or the card itself";
        Err(first.unwrap_or_else(|| self.address.malformed("has no card")).hint(hint))
    }

    /// The address that a card names, if it is at the host that whoever named the agent named: a key goes nowhere else. On one's
    /// own machine all names of it are one.
    fn reachable(&self, named: &str) -> Result<Url, AgentFault> {
        let given = &self.address.url;
        let mut url =
            given.join(named).map_err(|error| self.address.malformed(format!("its card names no address: {error}")))?;
        let is_anywhere = matches!(url.host_str(), Some("0.0.0.0" | "[::]"));
        if is_anywhere || http::is_local(&url) && http::is_local(given) {
            let port = url.port_or_known_default();
            let _ = url.set_host(given.host_str()); // an http address can have any host of another
            let _ = url.set_port(port);
        }
        if url.host_str() == given.host_str() {
            return Ok(url);
        }
        let reason = format!("{}: its card sends on to {}, which was not named", place(given), place(&url));
        Err(AgentFault::new(FaultKind::Refused, reason).hint(format!("use `a2a:{}` if that is wanted", place(&url))))
    }
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// One turn of a conversation with an agent whose card was read.
struct Line<'a> {
    agent: &'a A2aAgent,
    interface: &'a Interface,
    address: &'a Address,
    turn: AgentTurn<'a>,
    deadline: Instant,
}

impl Line<'_> {
    /// Says something, and hears until the agent is done with it.
    async fn send(&self, new: &[&str], going: &Going) -> Result<Account, AgentFault> {
        let AgentTurn { session_id, turn, context, .. } = self.turn;
        let said = Said {
            texts: new,
            message_id: format!("{session_id}-{turn}"),
            context_id: &going.context,
            task_id: going.task.as_deref(),
            metadata: context,
        };
        let streamed = self.agent.delivery == Delivery::Streamed;
        let request = self.interface.dialect.send(&said, streamed, self.interface.tenant.as_deref());
        let mut account = Account::default();
        self.ask(request, &mut account).await?;
        self.until_done(account).await
    }

    /// A task that goes on in the background is looked at until it waits or is over.
    async fn until_done(&self, mut account: Account) -> Result<Account, AgentFault> {
        let mut wait = POLL_FIRST;
        let looking = async {
            while account.goes_on() {
                let Some(task) = account.task.clone() else {
                    let reason = format!("{}: the stream ended before the answer did", place(&self.address.url));
                    return Err(AgentFault::new(FaultKind::Died, reason));
                };
                sleep(wait).await;
                wait = (wait * 2).min(POLL_MAX);
                let request = self.interface.dialect.get_task(&task, self.interface.tenant.as_deref());
                self.ask(request, &mut account).await?;
            }
            Ok(())
        };
        let late = |_| {
            let reason =
                format!("{}: the task was not done within {:?}", place(&self.address.url), self.address.timeout);
            AgentFault::new(FaultKind::TimedOut, reason).hint("`--agent-timeout` gives it more time")
        };
        timeout_at(self.deadline, looking).await.map_err(late)??;
        Ok(account)
    }

    async fn ask(&self, request: Value, account: &mut Account) -> Result<(), AgentFault> {
        let headers = self.interface.dialect.headers();
        let mut fault = None;
        let listen = &mut |event: &str| account.hear(event, &mut fault);
        let answered = self.address.post(self.turn, (request, headers), self.deadline, listen).await?;
        if let Answered::Body(body) = answered {
            let _ = account.hear(&String::from_utf8_lossy(&body), &mut fault);
        }
        fault.map_or(Ok(()), |fault| Err(self.address.fault(&fault.of(&self.address.url))))
    }

    /// What the agent said, and what the conversation goes on with.
    fn reply_of(&self, account: &Account, going: &mut Going) -> Result<AgentReply, AgentFault> {
        let words = account.words();
        let over = |state: &str| {
            let said = words.join(" ");
            let why = if said.is_empty() { "no reason given".to_owned() } else { crate::shorten::shorten(&said) };
            let reason = format!("{}: the task {state}: {why}", place(&self.address.url));
            AgentFault::new(FaultKind::Refused, reason)
        };
        let task = match account.state {
            Some(State::Failed) => return Err(over("failed")),
            Some(State::Canceled) => return Err(over("was canceled")),
            Some(State::Rejected) => return Err(over("was rejected")),
            Some(State::AuthRequired) => {
                return Err(over("waits until somebody signs in").hint("give the agent its key"));
            }
            Some(State::InputRequired) => account.task.clone(),
            _ => None,
        };
        going.task = task;
        going.context = account.context.clone().unwrap_or_else(|| going.context.clone());
        let new = words.into_iter().filter(|words| going.heard.insert(words.clone()));
        // What a direct answer repeats was said again.
        let messages: Vec<Message> = match account.task {
            Some(_) => new.map(Message::agent).collect(),
            None => account.words().into_iter().map(Message::agent).collect(),
        };
        let version = self.interface.version.clone();
        AgentReply { messages, version, ..AgentReply::default() }.checked()
    }
}
