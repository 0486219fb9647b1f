//! An agent with what stands around it: a program that is started for it, and how many conversations it takes at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::{Method, Url};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::process::Service;
use super::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held};
use crate::Environment;
use crate::http::place;
use crate::http::transfer::{Content, Transfer, transfer};
use crate::shorten::shorten;

/// How often a program that is starting is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(50);

/// What one question whether it is ready may take.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a program is started that comes to its end before it answered anything: one more time will not help.
const STARTS_MAX: u32 = 3;

/// An agent with what stands around it.
pub(super) struct StartedAgent {
    pub(super) agent: Arc<dyn Agent>,
    pub(super) startup: Option<Startup>,
    /// A place for each conversation that the agent takes at once.
    pub(super) places: Option<Arc<Semaphore>>,
    /// Its version, where it does not tell one itself.
    pub(super) version: Option<String>,
}

/// A program that is started before the first turn, once for all conversations.
pub(super) struct Startup {
    /// The program and its arguments.
    pub(super) words: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    /// Where it is asked whether it is ready.
    pub(super) ready: Option<Ready>,
    /// How long it may take until then.
    pub(super) within: Duration,
    /// Whether what it keeps of a conversation is lost with it.
    pub(super) keeps_conversations: bool,
    pub(super) environment: Environment,
    pub(super) running: Mutex<Running>,
}

/// How a program shows that it is ready.
#[derive(Debug, Clone)]
pub(super) enum Ready {
    /// It answers here with a success.
    Succeeds(Url),
    /// It answers here, whatever it says.
    Answers(Url),
}

/// What became of the program so far.
#[derive(Default)]
pub(super) struct Running {
    service: Option<Service>,
    /// How often it was started.
    starts: u32,
    /// How often in a row it answered nothing.
    in_vain: u32,
    /// Why there is no sense in another start.
    given_up: Option<AgentFault>,
}

/// What is held for one conversation.
#[derive(Default)]
struct Around {
    inner: Held,
    /// Given back when the conversation ends.
    _place: Option<OwnedSemaphorePermit>,
    /// By which start of the program it is served.
    start: Option<u32>,
}

#[async_trait]
impl Agent for StartedAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let began = Instant::now();
        if held.is_none() {
            let places = self.places.clone();
            let place = match places {
                Some(places) => places.acquire_owned().await.ok(),
                None => None,
            };
            *held = Some(Box::new(Around { _place: place, ..Around::default() }));
        }
        let Some(around) = held.as_mut().and_then(|held| held.downcast_mut::<Around>()) else {
            unreachable!("what is held is the agent's own")
        };
        if let Some(startup) = &self.startup {
            let start = startup.running().await?;
            startup.knows(turn, around.start, start)?;
            around.start = Some(start);
        }
        let waited = began.elapsed();
        let reply = self.agent.reply(turn, &mut around.inner).await;
        match (&self.startup, reply) {
            (Some(startup), Err(fault)) => Err(startup.explained(fault).await),
            (startup, reply) => {
                if let Some(startup) = startup {
                    startup.running.lock().await.in_vain = 0;
                }
                reply.map(|reply| AgentReply { version: reply.version.or(self.version.clone()), waited, ..reply })
            }
        }
    }
}

impl Startup {
    /// The number of the start that serves now; starts the program where none does.
    async fn running(&self) -> Result<u32, AgentFault> {
        let mut running = self.running.lock().await;
        if let Some(fault) = &running.given_up {
            return Err(fault.clone());
        }
        let is_over = running.service.as_mut().is_none_or(|service| service.ended().is_some());
        if is_over {
            running.service = None;
            let started = match running.in_vain < STARTS_MAX {
                true => self.start().await,
                false => Err(self.fault("came to its end again and again before it answered anything", "")),
            };
            match started {
                Ok(service) => running.service = Some(service),
                Err(fault) => {
                    running.given_up = Some(fault.clone());
                    return Err(fault);
                }
            }
            running.starts += 1;
            running.in_vain += 1;
        }
        Ok(running.starts)
    }

    async fn start(&self) -> Result<Service, AgentFault> {
        if let Some(url) = self.ready.as_ref().map(Ready::url)
            && transfer(&question(url)).await.is_ok()
        {
            let reason = format!("{} answers already, before `{}` was started", place(url), self.program());
            let fault = AgentFault::new(FaultKind::Unreachable, reason);
            return Err(fault.hint("stop what is left there, or leave `start` out and test what is running"));
        }
        let mut service = Service::start(&self.words, &self.variables).map_err(|error| {
            let reason = format!("cannot start `{}`: {error}", self.program());
            AgentFault::new(FaultKind::Unreachable, reason)
        })?;
        let until = Instant::now() + self.within;
        while !self.is_ready().await {
            if let Some(how) = service.ended() {
                return Err(self.fault(&format!("{how} before it was ready"), &service.last_words().await));
            }
            if Instant::now() >= until {
                let words = service.last_words_so_far();
                let fault = self.fault(&format!("was not ready within {:?}", self.within), &words);
                return Err(fault.hint("`ready_within_seconds` in the agent file gives it more time"));
            }
            sleep(READY_POLL).await;
        }
        Ok(service)
    }

    async fn is_ready(&self) -> bool {
        match &self.ready {
            None => true,
            Some(Ready::Answers(url)) => transfer(&question(url)).await.is_ok(),
            Some(Ready::Succeeds(url)) => transfer(&question(url)).await.is_ok_and(|answer| answer.status.is_success()),
        }
    }

    /// An agent that keeps its conversations in a program that is gone has lost them.
    fn knows(&self, turn: AgentTurn<'_>, served_by: Option<u32>, start: u32) -> Result<(), AgentFault> {
        let is_new = turn.turn == turn.first_turn;
        if !self.keeps_conversations || is_new || served_by == Some(start) {
            return Ok(());
        }
        let reason = format!("`{}` keeps its conversations, and the process that had this one is gone", self.program());
        let hint = "an agent whose threads outlive it is started by yourself: leave `start` out";
        Err(AgentFault::new(FaultKind::Died, reason).hint(hint))
    }

    /// The fault with what became of the program, where that is why.
    async fn explained(&self, fault: AgentFault) -> AgentFault {
        if !matches!(fault.fault, FaultKind::Died | FaultKind::Unreachable) {
            return fault;
        }
        let mut running = self.running.lock().await;
        let Some(service) = running.service.as_mut() else { return fault };
        let Some(how) = service.ended_by_now().await else { return fault };
        let words = service.last_words().await;
        let ended = self.fault(&how, &words);
        AgentFault { fault: FaultKind::Died, reason: format!("{}; {}", fault.reason, ended.reason), hint: None }
    }

    fn program(&self) -> String {
        shorten(&shell_words::join(&self.words))
    }

    fn fault(&self, how: &str, last_words: &str) -> AgentFault {
        let words = if last_words.is_empty() { String::new() } else { format!("; its last words: {last_words}") };
        let reason = self.environment.redact(&format!("`{}` {how}{words}", self.program()));
        AgentFault::new(FaultKind::Unreachable, reason)
    }
}

impl Ready {
    fn url(&self) -> &Url {
        match self {
            Ready::Succeeds(url) | Ready::Answers(url) => url,
        }
    }
}

fn question(url: &Url) -> Transfer<'_> {
    Transfer { method: Method::GET, url, headers: Vec::new(), content: Content::Nothing, timeout: READY_TIMEOUT }
}
