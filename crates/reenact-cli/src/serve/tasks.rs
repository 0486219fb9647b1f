//! Work that lasts longer than a request: started by a page, asked about until it is over, and stopped by a wish.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use reenact::run::Stop;
use reenact::{Result, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::App;
use super::fault::{Fault, Told};
use super::routes::{Answer, Routes};

/// Tasks that are over and older than this many others are forgotten.
const KEPT_MAX: usize = 100;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get("/api/tasks", "Imports and distillations of this program, the newest first", list)
        .get("/api/tasks/{id}", "How far an import or a distillation is, and what came of it", one)
        .change(Method::DELETE, "/api/tasks/{id}", "Ask a distillation to stop; an import comes to its end", stop)
}

/// Work that lasts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Task {
    /// Its number.
    id: u64,
    /// What it does.
    kind: Kind,
    /// To what: a file.
    what: String,
    /// Where it stands.
    state: State,
    /// How much of it is done.
    done: u64,
    /// How much there is to do, where that is known.
    total: Option<u64>,
    /// What came of it: for an import its counts and what was skipped, for a distillation what `reenact distill --json` prints.
    result: Option<Value>,
    /// Why nothing came of it.
    error: Option<Told>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Import,
    Distillation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Going,
    Done,
    Failed,
}

/// The tasks of this program.
#[derive(Default)]
pub(super) struct Tasks {
    kept: Mutex<BTreeMap<u64, (Task, Stop)>>,
    /// One writer at a time, so that none waits for the store until it gives up.
    turn: Mutex<()>,
}

/// A task as the work that does it sees it.
pub(super) struct Doing {
    app: App,
    id: u64,
    /// Whether somebody wishes that it ends.
    pub(super) stop: Stop,
}

impl Doing {
    /// Says how far it is.
    pub(super) fn is_at(&self, done: u64, total: Option<u64>) {
        self.app.tasks().change(self.id, |task| (task.done, task.total) = (done, total));
    }

    pub(super) fn store(&self) -> &Store {
        self.app.store()
    }
}

impl Tasks {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<u64, (Task, Stop)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Task)) {
        if let Some((task, _)) = self.kept().get_mut(&id) {
            change(task);
        }
    }

    fn begin(&self, kind: Kind, what: String) -> (Task, Stop) {
        let mut kept = self.kept();
        let id = kept.last_key_value().map_or(1, |(last, _)| last + 1);
        let task = Task { id, kind, what, state: State::Going, done: 0, total: None, result: None, error: None };
        let stop = Stop::default();
        kept.insert(id, (task.clone(), stop.clone()));
        let over: Vec<u64> =
            kept.values().filter(|(task, _)| task.state != State::Going).map(|(it, _)| it.id).collect();
        for id in over.iter().take(kept.len().saturating_sub(KEPT_MAX)) {
            kept.remove(id);
        }
        (task, stop)
    }

    fn end(&self, id: u64, ended: Result<Value>) {
        self.change(id, |task| match ended {
            Ok(value) => (task.state, task.result) = (State::Done, Some(value)),
            Err(error) => (task.state, task.error) = (State::Failed, Some(Fault::from(error).told())),
        });
    }

    /// Asks all of them to stop, because the program is about to end.
    pub(super) fn stop_all(&self) {
        self.kept().values().for_each(|(_, stop)| stop.request());
    }

    /// Whether one is still at work.
    pub(super) fn are_going(&self) -> bool {
        self.kept().values().any(|(task, _)| task.state == State::Going)
    }
}

/// Begins work on a thread of its own; whatever comes of it stands in the task.
pub(super) fn start<T: Serialize>(
    app: &App,
    kind: Kind,
    what: String,
    work: impl FnOnce(&Doing) -> Result<T> + Send + 'static,
) -> Task {
    let (task, stop) = app.tasks().begin(kind, what);
    let doing = Doing { app: app.clone(), id: task.id, stop };
    std::thread::spawn(move || {
        let tasks = doing.app.tasks();
        let _turn = tasks.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Work that panics would otherwise go on for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&doing)));
        let broken = || Err(reenact::Error::new(reenact::ErrorKind::Io, "the program failed while it worked on this"));
        let done = done.unwrap_or_else(|_| broken());
        tasks.end(doing.id, done.map(|it| serde_json::to_value(it).expect("what we make is JSON")));
    });
    task
}

#[derive(Deserialize, JsonSchema)]
struct One {
    /// The number of the task.
    id: u64,
}

/// The tasks of this program.
#[derive(Serialize, JsonSchema)]
struct Listed {
    tasks: Vec<Task>,
}

async fn list(app: App, (): (), (): ()) -> Answer<Listed> {
    Ok(Listed { tasks: app.tasks().kept().values().rev().map(|(task, _)| task.clone()).collect() })
}

async fn one(app: App, One { id }: One, (): ()) -> Answer<Task> {
    app.tasks().kept().get(&id).map(|(task, _)| task.clone()).ok_or_else(unknown)
}

async fn stop(app: App, One { id }: One, (): ()) -> Answer<Task> {
    let (task, stop) = app.tasks().kept().get(&id).cloned().ok_or_else(unknown)?;
    stop.request();
    Ok(task)
}

fn unknown() -> Fault {
    Fault::new(axum::http::StatusCode::NOT_FOUND, "there is no such task").hint("tasks end with the program")
}
