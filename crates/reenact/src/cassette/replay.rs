//! Playing: the recorded answer of a step, if the step asks what was recorded.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::secrets::Secrets;
use super::{Cassette, CassetteStep, Place, Played, Verb, difference};
use crate::journal::{StepKey, StepRole};
use crate::{Error, ErrorKind, Result};

const HINT: &str = "what is asked depends on the suite, the plan, the prompts, and on every answer before; if it is meant to be \
    another, record it again with `--record`";

/// A cassette in the place of whoever it recorded.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    cassette: Arc<Cassette>,
    verb: Verb,
    secrets: Secrets,
    /// What tells its cassette from any other; made when it is asked for.
    fingerprint: Arc<OnceLock<String>>,
}

/// Where in a conversation a step stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) key: &'a StepKey,
    /// The turn of the conversation, from 1; none where the conversation is over, or another's.
    pub(crate) turn: Option<u32>,
}

impl Replay {
    pub(crate) fn new(cassette: &Arc<Cassette>, verb: Verb) -> Self {
        Replay { cassette: Arc::clone(cassette), verb, secrets: Secrets::default(), fingerprint: Arc::default() }
    }

    /// What tells its cassette from any other.
    pub(crate) fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| blake3::hash(self.cassette.to_string().as_bytes()).to_hex().to_string())
    }

    /// The recorded answer of a step, and how long it took in milliseconds.
    ///
    /// # Errors
    /// [`ErrorKind::Divergence`] where the cassette has no such step, or one that asked something else;
    /// [`ErrorKind::Input`] where its answer is not of the form that is expected.
    pub(crate) fn answer<T: DeserializeOwned>(&self, at: At<'_>, request: &impl Serialize) -> Result<(T, u64)> {
        let place = self.place(at.key);
        let mut steps = self.cassette.at(&place);
        let recorded = steps.len();
        let Some((line, step)) = steps.nth(at.key.position as usize) else {
            return Err(self.missing(&place, at, recorded));
        };
        let now = serde_json::to_value(request).expect("a request is plain data");
        match difference::first(&step.request, &now, &self.secrets) {
            None => Ok((self.read(line, step)?, step.latency_ms)),
            Some(what) => {
                let message =
                    format!("{} {} is asked something else than was recorded: {what}", said(&place, at), who(&place));
                Err(self.diverged(Some(line), message))
            }
        }
    }

    /// The answer to a request outside of any run: the first that was recorded for the same one.
    pub(crate) fn answer_anywhere<T: DeserializeOwned>(&self, request: &impl Serialize) -> Option<T> {
        let now = serde_json::to_value(request).expect("a request is plain data");
        let same = |step: &&CassetteStep| difference::first(&step.request, &now, &self.secrets).is_none();
        let step = self.cassette.steps().iter().find(same)?;
        serde_json::from_value(as_result(step)).ok()
    }

    /// That a conversation that came to its end asked for all that was recorded of it.
    ///
    /// # Errors
    /// [`ErrorKind::Divergence`] where the cassette goes on.
    pub(crate) fn is_over(&self, next: &StepKey) -> Result<()> {
        let place = self.place(next);
        match self.cassette.at(&place).nth(next.position as usize) {
            None => Ok(()),
            Some((line, step)) => {
                let (conversation, who, step) = (place.conversation(), who(&place), step.step);
                let message = format!("{conversation}: it is over, and the cassette goes on with step {step} of {who}");
                Err(self.diverged(Some(line), message))
            }
        }
    }

    /// What made the run that is played.
    pub(crate) fn played(&self) -> Option<&Played> {
        self.cassette.header().played.as_ref()
    }

    /// An agent answers in a run only, and a distiller never does; a user answers where cases are distilled, too.
    fn place(&self, key: &StepKey) -> Place {
        let verb = match key.role {
            StepRole::Distiller => Verb::Distill,
            StepRole::User if self.verb == Verb::Distill => Verb::Distill,
            StepRole::User | StepRole::Agent | StepRole::Tool => Verb::Run,
            StepRole::Judge => self.verb,
        };
        Place { verb, case: key.case.clone(), trial: key.trial, role: key.role }
    }

    fn read<T: DeserializeOwned>(&self, line: u64, step: &CassetteStep) -> Result<T> {
        serde_json::from_value(as_result(step)).map_err(|error| {
            let message = format!("the answer is not what {} answers: {error}", who(&step.place));
            let error = self.cassette.fault(ErrorKind::Input, Some(line), message);
            error.hint("undo what was edited by hand, or record it again with `--record`")
        })
    }

    fn missing(&self, place: &Place, at: At<'_>, recorded: usize) -> Error {
        let (who, conversation) = (who(place), place.conversation());
        let message = match recorded {
            0 if !self.cassette.has(place) => format!("{conversation}: the cassette does not have it"),
            0 => format!("{} {who} is asked, and the cassette has no answer of {who} in it", said(place, at)),
            n => format!("{} {who} is asked for step {}, and the cassette ends after step {n}", said(place, at), n + 1),
        };
        let last = self.cassette.at(place).last().map(|(line, _)| line);
        self.diverged(last, message)
    }

    fn diverged(&self, line: Option<u64>, message: String) -> Error {
        self.cassette.fault(ErrorKind::Divergence, line, message).hint(HINT)
    }
}

/// An answer, or how it failed, from what the journal has: one of two members.
pub(super) fn of_result(value: Value) -> Result<Value, Value> {
    let mut value = value;
    match value.as_object_mut().map(|members| (members.remove("Ok"), members.remove("Err"))) {
        Some((Some(answer), None)) => Ok(answer),
        Some((None, Some(fault))) => Err(fault),
        _ => unreachable!("whoever answers gives an answer or a fault"),
    }
}

/// As the journal has it: what an answer is is known to whoever asked.
fn as_result(step: &CassetteStep) -> Value {
    let (outcome, value) = match &step.answer {
        Ok(answer) => ("Ok", answer),
        Err(fault) => ("Err", fault),
    };
    Value::Object([(outcome.to_owned(), value.clone())].into_iter().collect())
}

fn who(place: &Place) -> String {
    match place.role {
        StepRole::Distiller => "the model that distils".to_owned(),
        StepRole::User if place.verb == Verb::Distill => "the model that plays the user".to_owned(),
        role => format!("the {role}"),
    }
}

fn said(place: &Place, at: At<'_>) -> String {
    match at.turn {
        Some(turn) => format!("{}, turn {turn}:", place.conversation()),
        None => format!("{}:", place.conversation()),
    }
}
