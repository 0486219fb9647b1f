//! Conversations as OpenTelemetry traces, sent to a collector while a run goes on.
//!
//! Each conversation is one session of one trace, in the [conventions for generative AI][genai]: a root span, a span for each turn of the
//! agent, and one for each tool that the agent says to have run. The agent was told the ids of the turns' spans as its
//! `traceparent`, so that spans of its own hang below them. What is asked of the models that play the user and judge
//! is exported only to a collector that is named for it, in traces of their own.
//!
//! Traces are written into the store in one transaction with their trial and leave it once the collector has taken them. So a collector
//! that is slow or down holds no conversation up and loses nothing; what could not be sent waits for the next
//! [`run_exported`](crate::run::run_exported) of the same run.
//!
//! [genai]: https://github.com/open-telemetry/semantic-conventions-genai

use std::time::Duration;

use prost::Message as _;
use serde::Serialize;

use crate::agent::Traces;
use crate::store::Outgoing;
use crate::{Error, ErrorKind, Result, Run, Trial};

pub(crate) use call::Asked;
pub(crate) use conversation::{Held, ReplyTime};
pub(crate) use delivery::{Delivery, Ended, Recipient};
pub use destination::Destination;
pub use mlflow::{Tracking, log_run};

mod call;
mod conversation;
mod delivery;
mod destination;
mod messages;
mod mlflow;
mod otlp;

/// Whose traces they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exporting {
    /// The conversations that the agent saw.
    Conversations,
    /// What was asked of the models that play the user and judge.
    Simulator,
    /// The conversations and what was judged of them, for a server of MLflow.
    Mlflow,
}

impl Exporting {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Exporting::Conversations => "conversations",
            Exporting::Simulator => "simulator",
            Exporting::Mlflow => "mlflow",
        }
    }
}

/// Where the traces of a run go. By default, nowhere.
#[derive(Debug, Clone)]
pub struct Exports {
    conversations: Option<Destination>,
    simulator: Option<Destination>,
    mlflow: Option<Tracking>,
    patience: Duration,
}

impl Default for Exports {
    fn default() -> Self {
        Exports { conversations: None, simulator: None, mlflow: None, patience: PATIENCE }
    }
}

/// How long a run that is over waits for a collector that takes nothing: long enough for a restart of it, too short to
/// hold up whoever waits for the result.
const PATIENCE: Duration = Duration::from_secs(10);

impl Exports {
    /// Conversations to one collector, what the simulator and the judges ask to another, or only one of both.
    ///
    /// # Errors
    /// Where both are the same: the simulator's calls would stand among the agent's traces.
    pub fn new(conversations: Option<Destination>, simulator: Option<Destination>) -> Result<Exports> {
        if let (Some(one), Some(other)) = (&conversations, &simulator)
            && one.place() == other.place()
        {
            let what = format!("the simulator's calls cannot go to {}, where the conversations go", one.place());
            return Err(Error::new(ErrorKind::Usage, what).hint(
                "the agent's traces must be its own: name another collector, or leave the simulator's calls out",
            ));
        }
        Ok(Exports { conversations, simulator, ..Exports::default() })
    }

    /// The same, with the run logged to a server of MLflow as well.
    ///
    /// # Errors
    /// Where the simulator's calls go to that server: they would stand among the agent's traces.
    pub fn with_mlflow(self, tracking: Tracking) -> Result<Exports> {
        if let Some(simulator) = &self.simulator {
            tracking.check_apart_from(&simulator.place())?;
        }
        Ok(Exports { mlflow: Some(tracking), ..self })
    }

    /// How long a run that is over waits for a collector that takes nothing; 10 seconds where nothing is said.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Exports { patience, ..self }
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whose traces are exported.
    pub fn exporting(&self) -> impl Iterator<Item = Exporting> {
        let all = [
            (Exporting::Conversations, self.conversations.is_some()),
            (Exporting::Simulator, self.simulator.is_some()),
            (Exporting::Mlflow, self.mlflow.is_some()),
        ];
        all.into_iter().filter_map(|(what, is_exported)| is_exported.then_some(what))
    }

    /// Whether these are exported.
    pub(crate) fn has(&self, what: Exporting) -> bool {
        self.exporting().any(|exported| exported == what)
    }

    /// To whom these traces of a run go, if they are exported.
    pub(crate) fn to<'a>(&'a self, what: Exporting, run: &'a Run) -> Option<Recipient<'a>> {
        match what {
            Exporting::Conversations => self.conversations.as_ref().map(Recipient::Collector),
            Exporting::Simulator => self.simulator.as_ref().map(Recipient::Collector),
            Exporting::Mlflow => {
                self.mlflow.as_ref().map(|tracking| Recipient::Mlflow(mlflow::Recipient::new(tracking, run)))
            }
        }
    }

    /// How the traces of a session are cut: as MLflow has them, where nobody else gets them.
    pub(crate) fn traces(&self) -> Traces {
        match self.mlflow.is_some() && self.conversations.is_none() {
            true => Traces::OfTurns,
            false => Traces::OfSession,
        }
    }
}

/// What came of exporting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Whose traces.
    pub what: Exporting,
    /// Where they go, without what lets us in.
    pub to: String,
    /// Conversations, or calls, that the collector took now.
    pub sent: u64,
    /// Those that are kept in the store, because the collector did not take them.
    pub waiting: u64,
    /// Spans that a collector took and threw away, as it says.
    pub rejected_spans: u64,
    /// Whether the run as a whole could not be told of, where whoever gets it keeps one.
    pub is_unfinished: bool,
    /// Why not all arrived, in a line; never contains a key.
    pub reason: Option<String>,
}

/// The traces of a trial and of those conversations of it that were thrown away.
pub(crate) fn conversations<'a>(held: impl Iterator<Item = Held<'a>>) -> Outgoing {
    let traces: Vec<Vec<otlp::Span>> = held.map(conversation::spans).collect();
    outgoing(Exporting::Conversations, traces.len(), traces.concat())
}

/// The traces of a trial's conversations for MLflow, with what was judged of the last.
pub(crate) fn logged<'a>(held: impl Iterator<Item = Held<'a>>, trial: &Trial) -> Vec<Outgoing> {
    mlflow::traces(held, trial)
}

/// The traces of what was asked of models in a trial; nothing where nothing was.
pub(crate) fn calls(run: &str, asked: &[Asked]) -> Option<Outgoing> {
    let spans: Vec<_> = asked.iter().map(|asked| call::span(run, asked)).collect();
    (!spans.is_empty()).then(|| outgoing(Exporting::Simulator, spans.len(), spans))
}

fn outgoing(what: Exporting, items: usize, spans: Vec<otlp::Span>) -> Outgoing {
    let traces = otlp::Request::of(spans).encode_to_vec();
    Outgoing { recipient: what.as_str(), items: items as u64, traces }
}
