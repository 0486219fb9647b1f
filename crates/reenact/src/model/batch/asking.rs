//! A model whose questions are collected, and answered once the batch that they went into is.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::form::{Came, Form};
use super::{Inner, id_of};
use crate::model::answer::read_answer;
use crate::model::name::OnPaper;
use crate::model::remote::{asked_again, sum};
use crate::model::wire::Written;
use crate::model::{Completion, ModelFault, ModelFaultKind, ModelRequest, ServeModel};
use crate::{Environment, Usage};

/// One model's questions.
pub(super) struct Asking {
    pub(super) inner: Arc<Inner>,
    pub(super) name: String,
    pub(super) paper: OnPaper,
    pub(super) form: Form,
    pub(super) environment: Environment,
}

/// Which time a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    First,
    /// After an answer that could not be used.
    Again,
}

#[async_trait]
impl ServeModel for Asking {
    /// Answers from what came of earlier batches, by the same rules as a live model: an answer that cannot be used is asked for
    /// once more, with what is wrong with it, in the next batch.
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let (_, first) = self.written(request, Time::First)?;
        let complaint = match read_answer(&first.text, &request.schema.schema) {
            Ok(answer) => return Ok(Completion { answer, usage: first.usage }),
            Err(complaint) => complaint,
        };
        let again = self.written(&asked_again(request, &first.text, &complaint), Time::Again);
        let (id, second) = again.map_err(|fault| ModelFault { usage: sum(first.usage, fault.usage), ..fault })?;
        let usage = sum(first.usage, second.usage);
        match read_answer(&second.text, &request.schema.schema) {
            Ok(answer) => Ok(Completion { answer, usage }),
            Err(complaint) => {
                let reason = format!("{complaint}, also when asked again");
                Err(self.unusable(&id, ModelFault { usage, ..ModelFault::new(ModelFaultKind::Malformed, reason) }))
            }
        }
    }
}

impl Asking {
    /// What the model wrote, with the id of the request that brought it. A request that was refused for something that can be left
    /// out is made again without it, as a live one would be.
    fn written(&self, request: &ModelRequest, time: Time) -> Result<(String, Written), ModelFault> {
        let mut manner = self.paper.manner.clone();
        loop {
            let body = self.paper.wire.body(&self.paper.model, request, &manner);
            let id = id_of(self.inner.scope(), &self.name, &body);
            let reason = match self.came(&id, &body, time)? {
                Came::Body(body) => return self.read(&id, &body).map(|written| (id, written)),
                Came::Refused(reason) | Came::Undone(_, reason) => reason,
            };
            match manner.without_what_is_refused(&reason) {
                Some(lesser) => manner = lesser,
                None => return Err(self.fault(ModelFault::new(ModelFaultKind::Refused, reason))),
            }
        }
    }

    /// Reads the body of an answer. One answer may serve several questions, and is charged to the first.
    fn read(&self, id: &str, body: &str) -> Result<Written, ModelFault> {
        // Who sent the files of a folder, and at what price, nobody here knows.
        let batched = self.inner.scope.is_some();
        let charge = |usage| {
            if self.inner.is_first_use(id) { Usage { batched, ..usage } } else { Usage { batched, ..Usage::default() } }
        };
        match self.paper.wire.read(body.as_bytes()) {
            Ok(written) => Ok(Written { usage: written.usage.map(charge), ..written }),
            Err(fault) => Err(self.unusable(id, ModelFault { usage: fault.usage.map(charge), ..fault })),
        }
    }

    /// What came of a request. Where nothing did yet, it is collected.
    fn came(&self, id: &str, body: &Value, time: Time) -> Result<Came, ModelFault> {
        let mut pool = self.inner.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let came = pool.came(id, time).and_then(|came| match came {
            Some(came) => Ok(Some(came)),
            None => pool.want(id, (&self.name, self.form), body, time).map(|()| None),
        });
        drop(pool);
        match came {
            Ok(Some(came)) => Ok(came),
            Ok(None) => Err(waiting("the question waits for the answer to its batch")),
            Err(error) => {
                let fault = waiting(&error.to_string());
                self.inner.broke(error);
                Err(fault)
            }
        }
    }

    /// A fault that is there for good, noted for the table at the end.
    fn unusable(&self, id: &str, fault: ModelFault) -> ModelFault {
        let mut pool = self.inner.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = pool.note_unusable(id, &fault.reason);
        drop(pool);
        noted.unwrap_or_else(|error| self.inner.broke(error));
        self.fault(fault)
    }

    /// The fault, as people may read it: with the model's name, and without keys.
    fn fault(&self, mut fault: ModelFault) -> ModelFault {
        fault.reason = self.environment.redact(&format!("{}: {}", self.paper.model, fault.reason));
        fault
    }
}

fn waiting(why: &str) -> ModelFault {
    ModelFault::new(ModelFaultKind::Waiting, why)
}
