//! Recording: answers and what was asked for them become steps of a cassette, without their secrets.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::replay::of_result;
use super::secrets::Secrets;
use super::{Cassette, CassetteStep, Header, Place, Verb};
use crate::journal::StepKey;
use crate::{Environment, Error, ErrorKind, Result};

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// The cassette.
    pub cassette: Cassette,
    /// Steps in which a secret was masked.
    pub masked: u64,
    /// The trials, by case and number, in which that changes what a replay comes to.
    pub altered: Vec<(String, u32)>,
}

/// Answers on their way to a cassette, one conversation after another.
pub(crate) struct Recording {
    verb: Verb,
    secrets: Secrets,
    conversation: Mutex<Conversation>,
}

/// What was taken of one conversation so far.
#[derive(Default)]
struct Conversation {
    steps: Vec<CassetteStep>,
    /// How many of them had a secret.
    masked: u64,
    /// Whether an answer is not what it was, because of a secret in it.
    is_other: bool,
}

impl Recording {
    pub(crate) fn new(verb: Verb, environment: &Environment) -> Self {
        Recording { verb, secrets: Secrets::of(environment), conversation: Mutex::default() }
    }

    /// A cassette with nothing but a header.
    pub(crate) fn begin(&self, header: &Header) -> Recorded {
        let header = header.map_texts(&|value| self.secrets.mask_all(value));
        Recorded { cassette: Cassette::new(header), ..Recorded::default() }
    }

    /// Takes a step of the conversation: what was asked, and the answer with the milliseconds that it took, as JSON. Gives the answer
    /// without secrets: what is asked next must be what a replay will ask.
    pub(crate) fn take<T: DeserializeOwned>(
        &self,
        (key, model): (&StepKey, Option<&str>),
        asked: &impl Serialize,
        (answer, latency_ms): (String, u64),
    ) -> Result<T> {
        let mut answer: Value = serde_json::from_str(&answer).map_err(|error| unreadable(key, error))?;
        let mut request = serde_json::to_value(asked).expect("a request is plain data");
        let (answer_masked, request_masked) = (self.secrets.mask_all(&mut answer), self.secrets.mask_all(&mut request));
        let value = T::deserialize(&answer).map_err(|error| unreadable(key, error))?;
        let mut conversation = self.conversation();
        conversation.is_other |= answer_masked;
        conversation.masked += u64::from(answer_masked || request_masked);
        conversation.steps.push(self.step(key, model, request, answer, latency_ms));
        Ok(value)
    }

    /// Whether an answer of this conversation is not what it was, so that the questions behind it need not be either.
    pub(crate) fn is_other(&self) -> bool {
        self.conversation().is_other
    }

    /// The conversation is over, or there is no more of it.
    pub(crate) fn end(&self, recorded: &mut Recorded) {
        let Conversation { steps, masked, .. } = mem::take(&mut *self.conversation());
        steps.into_iter().for_each(|step| recorded.cassette.push(step));
        recorded.masked += masked;
    }

    fn step(&self, key: &StepKey, model: Option<&str>, request: Value, answer: Value, latency_ms: u64) -> CassetteStep {
        let StepKey { case, trial, position, role } = key.clone();
        let place = Place { verb: self.verb, case, trial, role };
        let model = model.map(|name| self.secrets.mask(name).into_owned());
        CassetteStep { place, step: position + 1, model, request, answer: of_result(answer), latency_ms }
    }

    /// A panic elsewhere leaves it as it was.
    fn conversation(&self) -> MutexGuard<'_, Conversation> {
        self.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(key: &StepKey, error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Store, format!("the recorded answer of {key} is not of the form that is expected"))
        .hint("it was recorded by another version of reenact; start a new run")
        .caused_by(error)
}
