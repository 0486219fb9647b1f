//! What happens in a run, as server-sent events.
//!
//! Each reader reads on in the store from where it is, at its own pace: nothing is kept for one that is slow, and one that comes
//! back with the id of the last event that it had misses nothing. The run itself knows of none of them.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, stream};
use reenact::cost::Amount;
use reenact::journal::Call;
use reenact::report::TrialSummary;
use reenact::run::{Entry as Happened, Mark, Progress, RunState, Standing, log};
use reenact::{Run, StepRole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::Fault;
use super::routes::{Answer, Content, Entry, Routes};

/// A person takes no notice of less.
const TICK: Duration = Duration::from_millis(200);
/// A run that nobody drives may be gone on with by another process.
const TICK_AT_REST: Duration = Duration::from_secs(1);
/// What stands between us and the reader may close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What is read at once, and all that is held for a reader.
const ENTRIES_AT_ONCE: usize = 256;

pub(super) fn routes() -> Routes {
    let about =
        "What happens in a run, as it happens: events `call`, `trial` and `progress`, each with an id to go on from";
    let entry = Entry::new(Method::GET, "/api/runs/{id}/events", about).in_path::<Which>().in_query::<Wanted>();
    Routes::new().raw(entry.gives(Content::of("text/event-stream")), events)
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Which {
    /// The run's id, the start of it, or `latest`.
    id: String,
}

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
struct Wanted {
    /// The id of the last event that is known; a reader that comes back says it as `Last-Event-ID`. All is told where there is none.
    after: Option<String>,
    /// Which events, with commas between: `call`, `trial`, `progress`; all where nothing is said.
    of: Option<String>,
    /// Calls and trials of this case only.
    case: Option<String>,
    /// Calls and trials of this number only.
    trial: Option<u32>,
}

/// An answer from outside.
#[derive(Serialize)]
struct Called {
    case: String,
    trial: u32,
    role: StepRole,
    /// Which step of this role in the trial, from 0.
    position: u32,
    latency_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// What it came to, where a model was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
}

#[derive(Serialize)]
struct Ended {
    case: String,
    trial: TrialSummary,
}

async fn events(
    State(app): State<App>,
    Path(Which { id }): Path<Which>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = last.map(str::to_owned).or_else(|| wanted.after.clone()).unwrap_or_else(|| Mark::default().to_string());
    let after: Mark = after.parse().map_err(|error: String| Fault::bad(error).about("after"))?;
    let run = app.read_runs(move |known, store| known.standing(store, &id, |standing| standing.run().clone())).await;
    let run = run.map_err(Fault::missing)?;
    let reader = Reader { app, run, wanted, after, told: None, ready: VecDeque::new() };
    let events = stream::unfold(reader, |reader| async move {
        let (event, reader) = reader.next().await?;
        Some((Ok(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

struct Reader {
    app: App,
    run: Run,
    wanted: Wanted,
    after: Mark,
    told: Option<Progress>,
    ready: VecDeque<Event>,
}

impl Reader {
    /// The next event; none where the program is about to end or the store cannot be read any more.
    async fn next(mut self) -> Option<(Event, Reader)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((event, self));
            }
            self.read().await.ok()?;
            if self.ready.is_empty() {
                let is_going = self.told.as_ref().is_some_and(|told| told.state == RunState::GoingOn);
                tokio::select! {
                    () = tokio::time::sleep(if is_going { TICK } else { TICK_AT_REST }) => {}
                    () = self.app.closing() => return None,
                }
            }
        }
    }

    /// Reads on; how the run stands comes behind all that happened until then.
    async fn read(&mut self) -> Result<(), Fault> {
        let (id, after) = (self.run.id.clone(), self.after);
        let (entries, progress) = self
            .app
            .read_runs(move |known, store| {
                let entries = log(store, &id, after, ENTRIES_AT_ONCE)?;
                let is_all = entries.len() < ENTRIES_AT_ONCE;
                let progress = is_all.then(|| known.standing(store, &id, Standing::progress));
                Ok((entries, progress.transpose()?))
            })
            .await?;
        for (mark, entry) in entries {
            self.after = mark;
            let event = self.event(entry).map(|event| event.id(mark.to_string()));
            self.ready.extend(event);
        }
        if let Some(progress) = progress.filter(|progress| self.told.as_ref() != Some(progress)) {
            if self.wants("progress") {
                let event = json("progress", &progress).id(self.after.to_string());
                self.ready.push_back(event);
            }
            self.told = Some(progress);
        }
        Ok(())
    }

    fn wants(&self, kind: &str) -> bool {
        self.wanted.of.as_ref().is_none_or(|of| of.split(',').any(|wanted| wanted.trim() == kind))
    }

    fn is_of(&self, case: &str, trial: u32) -> bool {
        self.wanted.case.as_ref().is_none_or(|wanted| wanted == case)
            && self.wanted.trial.is_none_or(|wanted| wanted == trial)
    }

    fn event(&self, entry: Happened) -> Option<Event> {
        match entry {
            Happened::Called(call) if self.wants("call") && self.is_of(&call.key.case, call.key.trial) => {
                Some(json("call", &self.called(call)))
            }
            Happened::Ended { case, trial } if self.wants("trial") && self.is_of(&case, trial.trial) => {
                Some(json("trial", &Ended { case, trial }))
            }
            _ => None,
        }
    }

    fn called(&self, Call { key, latency_ms, charge, .. }: Call) -> Called {
        let prices = &self.run.provenance.prices;
        let amount = charge.as_ref().map(|charge| Amount::of(charge, prices.get(&charge.model).copied()));
        Called {
            case: key.case,
            trial: key.trial,
            role: key.role,
            position: key.position,
            latency_ms,
            model: charge.map(|charge| charge.model),
            amount,
        }
    }
}

fn json(kind: &str, value: &impl Serialize) -> Event {
    Event::default().event(kind).json_data(value).expect("plain data has a JSON form")
}
