//! A distillation that a page asks for.

use axum::http::{Method, StatusCode};
use reenact::run::Stop;
use reenact::{Result, SessionQuery, Store};
use schemars::JsonSchema;
use serde::Deserialize;

use super::App;
use super::fault::Fault;
use super::routes::{Answer, Routes};
use super::tasks::{self, Doing, Kind, Task};
use crate::command::distill::{self, Request};

/// Models whose name is that of a file are for the command line: a page reads nothing outside of its folder.
const NAMES_OF_FILES: [&str; 2] = ["script:", "replay:"];

pub(super) fn routes() -> Routes {
    let about = "Distil sessions into a suite file of the folder, or add them to it; the answer is a task";
    Routes::new().change(Method::POST, "/api/distillations", about, begin)
}

/// What is to be distilled.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// The ids of the sessions.
    #[serde(default)]
    sessions: Vec<String>,
    /// Or the query that finds them.
    #[serde(default)]
    query: Option<String>,
    /// The suite file, with its ending; what somebody edited in it stays.
    suite: String,
    /// What distils: a model's name, or `offline`. A model that is not on this machine reads masked sessions.
    #[serde(default = "offline")]
    model: String,
    /// Stop before the model has cost more than this, in US dollars.
    #[serde(default)]
    max_cost: Option<String>,
}

fn offline() -> String {
    "offline".to_owned()
}

async fn begin(app: App, (): (), asked: Asked) -> Answer<Task> {
    if asked.sessions.is_empty() && asked.query.is_none() {
        return Err(Fault::new(StatusCode::BAD_REQUEST, "no session is named").about("sessions"));
    }
    if NAMES_OF_FILES.iter().any(|start| asked.model.starts_with(start)) {
        let fault = Fault::new(StatusCode::BAD_REQUEST, "a page does not read models from files");
        return Err(fault.hint("use `reenact distill` for that").about("model"));
    }
    let suite = app.folder().path_for(&asked.suite).map_err(|error| Fault::from(error).about("suite"))?;
    let query = asked.query.as_deref().unwrap_or_default().parse::<SessionQuery>()?;
    let count = asked.clone();
    let total = app.read(move |store| total(&count, &query, store)).await?;
    let what = asked.suite.clone();
    let work = move |doing: &Doing| {
        let begun = std::cell::Cell::new(0);
        let seen = || {
            begun.set(begun.get() + 1);
            doing.is_at(begun.get(), Some(total));
        };
        let Asked { sessions, query, model, max_cost, .. } = &asked;
        let (query, max_cost) = (query.as_deref(), max_cost.as_deref());
        let stop: &Stop = &doing.stop;
        distill::on_request(&Request { sessions, query, suite: &suite, model, max_cost }, doing.store(), stop, &seen)
    };
    Ok(tasks::start(&app, Kind::Distillation, what, work))
}

fn total(asked: &Asked, query: &SessionQuery, store: &Store) -> Result<u64> {
    let found = if asked.sessions.is_empty() { store.count_sessions(query)? } else { asked.sessions.len() };
    Ok(found as u64)
}
