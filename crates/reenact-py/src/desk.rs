//! Where questions to Python's own code wait until a thread of Python's takes them.
//!
//! Whoever asks waits on Rust's side and never for the interpreter's lock, so that one slow function holds up no other conversation;
//! and a function runs on a thread, or a loop, that Python made.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use pyo3::prelude::*;
use reenact::{AgentTurn, Conversation};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::data::{from_python, to_python};
use crate::fault::Result;

/// What Python's code says: an answer as plain data, or how it failed.
pub(crate) type Answer = std::result::Result<Value, Failure>;

/// How Python's code failed to answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// `timed_out`, `malformed` or `raised`.
    pub(crate) kind: String,
    pub(crate) reason: String,
}

/// The questions that wait.
#[pyclass(frozen, from_py_object, module = "reenact._native")]
#[derive(Clone, Default)]
pub(crate) struct Desk(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    calls: Mutex<Calls>,
    bell: Condvar,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<Call>,
    closed: bool,
}

#[pymethods]
impl Desk {
    #[new]
    fn new() -> Self {
        Desk::default()
    }

    /// The next question; waits for it, and gives nothing once the desk is closed.
    fn take(&self, py: Python<'_>) -> Option<Call> {
        py.detach(|| {
            let calls = self.calls();
            let mut calls = self
                .0
                .bell
                .wait_while(calls, |calls| calls.waiting.is_empty() && !calls.closed)
                .unwrap_or_else(PoisonError::into_inner);
            calls.waiting.pop_front()
        })
    }

    /// Lets everybody go who waits for a question.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.calls().closed = true);
        self.0.bell.notify_all();
    }
}

impl Desk {
    /// Puts a question and waits for its answer; gives nothing where nobody will answer any more.
    pub(crate) async fn ask(&self, role: &'static str, asked: Asked) -> Option<Answer> {
        let (sender, answer) = oneshot::channel();
        let call = Call { role, asked, sender: Mutex::new(Some(sender)) };
        {
            let mut calls = self.calls();
            if calls.closed {
                return None;
            }
            calls.waiting.push_back(call);
        }
        self.0.bell.notify_one();
        answer.await.ok()
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question to Python's own code.
#[pyclass(frozen, module = "reenact._native")]
pub(crate) struct Call {
    /// Who is asked: `agent`, `user` or `judge`.
    #[pyo3(get)]
    role: &'static str,
    asked: Asked,
    sender: Mutex<Option<oneshot::Sender<Answer>>>,
}

/// What is asked, owned: the conversation goes on only when it is answered.
pub(crate) enum Asked {
    Turn(Box<Turn>),
    Data(Value),
}

/// A turn of the agent, owned.
#[derive(Serialize)]
pub(crate) struct Turn {
    session_id: String,
    number: u32,
    #[serde(skip)]
    first_turn: u32,
    case: String,
    origin: Option<String>,
    context: Map<String, Value>,
    #[serde(skip)]
    conversation: Conversation,
}

impl Turn {
    pub(crate) fn of(turn: AgentTurn<'_>) -> Self {
        Turn {
            session_id: turn.session_id.to_owned(),
            number: turn.turn,
            first_turn: turn.first_turn,
            case: turn.case.to_owned(),
            origin: turn.origin.map(str::to_owned),
            context: turn.context.clone(),
            conversation: turn.conversation.clone(),
        }
    }

    fn borrowed(&self) -> AgentTurn<'_> {
        AgentTurn {
            session_id: &self.session_id,
            turn: self.number,
            first_turn: self.first_turn,
            conversation: &self.conversation,
            context: &self.context,
            case: &self.case,
            origin: self.origin.as_deref(),
            traces: reenact::agent::Traces::default(),
            tools: None,
        }
    }
}

#[pymethods]
impl Call {
    /// What is asked, as plain data; of a turn all but its conversation.
    fn asked<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        match &self.asked {
            Asked::Turn(turn) => to_python(py, turn),
            Asked::Data(data) => to_python(py, data),
        }
    }

    /// All that was said so far as chat messages; for a turn of the agent.
    fn history<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        match &self.asked {
            Asked::Turn(turn) => to_python(py, &turn.borrowed().history()),
            Asked::Data(_) => to_python(py, &Value::Array(Vec::new())),
        }
    }

    /// All that was said so far, as messages; for a turn of the agent.
    fn conversation<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        match &self.asked {
            Asked::Turn(turn) => to_python(py, &turn.conversation),
            Asked::Data(_) => to_python(py, &Value::Array(Vec::new())),
        }
    }

    /// Which trial it is for: the case's id and the session's id, where they are known.
    fn place(&self) -> (String, String) {
        let text = |data: &Value, name: &str| data[name].as_str().unwrap_or_default().to_owned();
        match &self.asked {
            Asked::Turn(turn) => (turn.case.clone(), turn.session_id.clone()),
            Asked::Data(data) => (text(data, "case_id"), String::new()),
        }
    }

    /// Answers with plain data. Nothing happens where nobody waits any more.
    ///
    /// Raises `ValueError` where it is none.
    fn answer(&self, answer: &Bound<'_, PyAny>) -> Result<()> {
        let answer: Value = from_python(answer, "an answer of plain data")?;
        self.send(Ok(answer));
        Ok(())
    }

    /// Answers that there is no answer, and why.
    fn fail(&self, kind: String, reason: String) {
        self.send(Err(Failure { kind, reason }));
    }

    /// Whether somebody waits for the answer.
    fn is_waiting(&self) -> bool {
        self.sender().as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

impl Call {
    fn sender(&self) -> std::sync::MutexGuard<'_, Option<oneshot::Sender<Answer>>> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, answer: Answer) {
        if let Some(sender) = self.sender().take() {
            // Nobody waits for an answer that came too late.
            let _ = sender.send(answer);
        }
    }
}
