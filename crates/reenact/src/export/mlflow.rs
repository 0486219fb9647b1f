//! A run as MLflow keeps it: one trace for each turn under one session, what was judged on its first trace, and the run's figures.
//!
//! A trace has ids that follow from its session, an assessment has one that follows from its run, its session and its name, and MLflow
//! takes the same again for what it is. So whatever is sent twice stands there once.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::otlp::{Request, Span};
use super::{Exporting, Held, conversation};
use crate::mlflow::Server;
use crate::store::Outgoing;
use crate::{Error, ErrorKind, Result, Trial};

pub(crate) use delivery::Recipient;
pub use stored::log_run;

mod assessments;
mod delivery;
mod figures;
mod stored;
mod trace;

/// An experiment on a server of MLflow that runs are logged to.
#[derive(Debug, Clone)]
pub struct Tracking {
    server: Server,
    experiment: String,
}

impl Tracking {
    /// An experiment by its name; it is created with the first run, where it is not there.
    ///
    /// ```
    /// use reenact::Environment;
    /// use reenact::export::{Exports, Tracking};
    /// use reenact::mlflow::Server;
    ///
    /// let server = Server::open(Some("http://localhost:5000"), &Environment::default())?;
    /// let exports = Exports::default().with_mlflow(Tracking::new(server, "support"))?;
    /// # let _ = exports;
    /// # Ok::<(), reenact::Error>(())
    /// ```
    #[must_use]
    pub fn new(server: Server, experiment: impl Into<String>) -> Self {
        Tracking { server, experiment: experiment.into() }
    }

    /// The server's address.
    #[must_use]
    pub fn place(&self) -> String {
        self.server.place()
    }

    /// The simulator's calls must not stand among the traces of the agent.
    pub(super) fn check_apart_from(&self, simulator: &str) -> Result<()> {
        if !self.server.is_at(simulator) {
            return Ok(());
        }
        let what = format!("the simulator's calls cannot go to {simulator}, on the server that the run is logged to");
        Err(Error::new(ErrorKind::Usage, what)
            .hint("the agent's traces must be its own: name another collector, or leave the simulator's calls out"))
    }
}

/// The traces of one conversation, as they wait for the server. Which experiment they belong to is said when they are sent.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// What MLflow keeps of each trace besides its spans.
    infos: Vec<Value>,
    /// Their spans, as protobuf in base64.
    spans: String,
}

impl Kept {
    fn of(held: Held<'_>, trial: Option<&Trial>) -> Kept {
        let (mut infos, spans): (Vec<Value>, Vec<Vec<Span>>) = trace::all(held).into_iter().unzip();
        if let (Some(first), Some(trial)) = (infos.first_mut(), trial) {
            let judged = assessments::of(held, trial, first["trace_id"].as_str().unwrap_or_default());
            first["assessments"] = judged;
        }
        Kept { infos, spans: BASE64_STANDARD.encode(Request::of(spans.concat()).encode_to_vec()) }
    }
}

/// The traces of a trial's conversations; of those that were thrown away, without a verdict.
pub(crate) fn traces<'a>(held: impl Iterator<Item = Held<'a>>, trial: &Trial) -> Vec<Outgoing> {
    let outgoing = |held: Held<'a>| {
        let kept = Kept::of(held, (!held.is_discarded).then_some(trial));
        let traces = serde_json::to_vec(&kept).unwrap_or_default();
        Outgoing { recipient: Exporting::Mlflow.as_str(), items: 1, traces }
    };
    held.map(outgoing).collect()
}

/// A word of ours for a kind, such as that of an ending.
fn word(kind: &impl Serialize) -> String {
    conversation::word(kind)
}

/// A text no longer than MLflow takes it there; the cut is marked.
fn cut(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(characters_max - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_as_long_as_it_may_be_and_says_that_it_is() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("é is too long", 5), "é is…");
    }
}
