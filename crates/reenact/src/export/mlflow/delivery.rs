//! Traces and the run itself taken to the server.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::super::destination::Delivered;
use super::{Kept, Tracking, figures};
use crate::http::transfer::Content;
use crate::mlflow::{Ask, Server, ServerFault, or_created};
use crate::store::Waiting;
use crate::{Result, Run, RunOutput, Store, clock};

/// Requests on their way at once: a server of MLflow has four workers by default, and its database one writer.
const REQUESTS_AT_ONCE: usize = 8;

/// A run on its way to a server.
pub(crate) struct Recipient<'a> {
    tracking: &'a Tracking,
    run: &'a Run,
    there: OnceCell<There>,
}

/// The experiment and the run, as the server calls them.
pub(super) struct There {
    pub(super) experiment: String,
    pub(super) run: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Runs {
    runs: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    info: RunInfo,
    #[serde(default)]
    data: RunData,
}

#[derive(Deserialize)]
struct Answered {
    run: Found,
}

#[derive(Deserialize)]
struct RunInfo {
    run_id: String,
    #[serde(default)]
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RunData {
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    key: String,
    /// A number, or a text for those that JSON has none for.
    value: Value,
}

impl<'a> Recipient<'a> {
    pub(crate) fn new(tracking: &'a Tracking, run: &'a Run) -> Self {
        Recipient { tracking, run, there: OnceCell::new() }
    }

    pub(crate) fn place(&self) -> String {
        self.tracking.place()
    }

    pub(super) fn server(&self) -> &'a Server {
        &self.tracking.server
    }

    /// Sees that the run stands on the server.
    pub(crate) async fn begin(&self) -> Delivered {
        self.there().await.map_or_else(|fault| not_delivered(&fault), |_| taken())
    }

    /// Sends traces once.
    pub(crate) async fn send(&self, batch: &[Waiting]) -> Delivered {
        let read = |row: &Waiting| serde_json::from_slice::<Kept>(&row.traces);
        let kept = match batch.iter().map(read).collect::<std::result::Result<Vec<Kept>, _>>() {
            Ok(kept) => kept,
            Err(error) => return Delivered::Refused(format!("the kept traces cannot be read: {error}")),
        };
        match self.put(&kept).await {
            Ok(()) => taken(),
            Err(fault) => not_delivered(&fault),
        }
    }

    pub(super) async fn put(&self, kept: &[Kept]) -> Result<(), ServerFault> {
        let there = self.there().await?;
        self.infos(there, kept.iter().flat_map(|kept| &kept.infos)).await?;
        self.spans(there, kept).await
    }

    /// Puts what MLflow keeps of each trace besides its spans. This comes first: MLflow then takes spans as parts of what it knows, which costs it less
    /// than the other way round.
    pub(super) async fn infos(&self, there: &There, infos: impl Iterator<Item = &Value>) -> Result<(), ServerFault> {
        let put = infos.map(|info| self.info(there, info));
        let mut put = futures::stream::iter(put).buffer_unordered(REQUESTS_AT_ONCE);
        while let Some(put) = put.next().await {
            put?;
        }
        Ok(())
    }

    async fn info(&self, there: &There, info: &Value) -> Result<(), ServerFault> {
        let mut info = info.clone();
        info["trace_location"] =
            json!({ "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": there.experiment } });
        info["trace_metadata"]["mlflow.sourceRun"] = there.run.as_str().into();
        for assessment in info.get_mut("assessments").and_then(Value::as_array_mut).into_iter().flatten() {
            assessment["metadata"]["mlflow.assessment.sourceRunId"] = there.run.as_str().into();
        }
        let body = json!({ "trace": { "trace_info": info } });
        self.server().answer(Ask::post("/api/3.0/mlflow/traces", &body).once()).await.map(drop)
    }

    async fn spans(&self, there: &There, kept: &[Kept]) -> Result<(), ServerFault> {
        // Requests of protobuf joined byte by byte are one that holds the spans of all.
        let bytes: Vec<u8> =
            kept.iter().flat_map(|kept| BASE64_STANDARD.decode(&kept.spans).unwrap_or_default()).collect();
        if bytes.is_empty() {
            return Ok(());
        }
        let headers =
            vec![("x-mlflow-experiment-id", there.experiment.clone()), ("x-mlflow-run-id", there.run.clone())];
        let content = Content::Bytes { content_type: "application/x-protobuf", bytes: Bytes::from(bytes) };
        let ask = Ask { headers, content, ..Ask::post("/v1/traces", &Value::Null).once() };
        self.server().answer(ask).await.map(drop)
    }

    /// The experiment and the run, looked up or created once.
    pub(super) async fn there(&self) -> Result<&There, ServerFault> {
        self.there.get_or_try_init(|| self.found_or_created()).await
    }

    async fn found_or_created(&self) -> Result<There, ServerFault> {
        let experiment = or_created(self.server(), &self.tracking.experiment).await?;
        let run = match self.find(&experiment).await? {
            Some(run) => run,
            None => self.create(&experiment).await?,
        };
        let planned = json!({ "run_id": run, "params": figures::params(self.run) });
        self.tell("/api/2.0/mlflow/runs/log-batch", &planned).await?;
        let inputs = json!({ "run_id": run, "datasets": [figures::dataset(self.run)] });
        self.tell("/api/2.0/mlflow/runs/log-inputs", &inputs).await?;
        Ok(There { experiment, run })
    }

    async fn find(&self, experiment: &str) -> Result<Option<String>, ServerFault> {
        let filter = format!("tags.`{}` = '{}'", figures::RUN_TAG, self.run.id);
        let search = json!({ "experiment_ids": [experiment], "filter": filter, "max_results": 1 });
        let runs: Runs = self.server().ask(Ask::post("/api/2.0/mlflow/runs/search", &search).once()).await?;
        Ok(runs.runs.into_iter().next().map(|found| found.info.run_id))
    }

    async fn create(&self, experiment: &str) -> Result<String, ServerFault> {
        let run = figures::created(self.run, experiment);
        let created: Answered = self.server().ask(Ask::post("/api/2.0/mlflow/runs/create", &run).once()).await?;
        Ok(created.run.info.run_id)
    }

    async fn tell(&self, path: &str, body: &Value) -> Result<(), ServerFault> {
        self.server().answer(Ask::post(path, body).once()).await.map(drop)
    }

    /// Says what the run amounts to, once all its traces are there.
    pub(crate) async fn finish(&self, store: &Store) -> Result<Delivered> {
        let output = RunOutput::read(store, &self.run.id)?;
        Ok(self.told(&output).await.map_or_else(|fault| not_delivered(&fault), |()| taken()))
    }

    /// Metrics that are there already are not written again, so that each has one value in its history for each that it had.
    pub(super) async fn told(&self, output: &RunOutput) -> Result<(), ServerFault> {
        let there = self.there().await?;
        let path = format!("/api/2.0/mlflow/runs/get?run_id={}", there.run);
        let known: Answered = self.server().ask(Ask::get(&path).once()).await?;
        let is_known = |(key, value): &(String, f64)| {
            known.run.data.metrics.iter().any(|metric| metric.key == *key && metric.value.as_f64() == Some(*value))
        };
        let now = clock::now().as_millisecond();
        let metrics: Vec<Value> = figures::metrics(output)
            .into_iter()
            .filter(|metric| !is_known(metric))
            .map(|(key, value)| json!({ "key": key, "value": value, "timestamp": now, "step": 0 }))
            .collect();
        if !metrics.is_empty() {
            self.tell("/api/2.0/mlflow/runs/log-batch", &json!({ "run_id": there.run, "metrics": metrics })).await?;
        }
        // One that was stopped can go on, and then it is finished.
        let status = if output.report.missing() == 0 { "FINISHED" } else { "KILLED" };
        if known.run.info.status == status {
            return Ok(());
        }
        let update = json!({ "run_id": there.run, "status": status, "end_time": now });
        self.tell("/api/2.0/mlflow/runs/update", &update).await
    }
}

fn taken() -> Delivered {
    Delivered::Taken { rejected_spans: 0, reason: None }
}

/// What a fault means for what was to be delivered.
fn not_delivered(fault: &ServerFault) -> Delivered {
    let reason = fault.reason.clone();
    let after = |after: Option<Duration>| Delivered::Later { after, reason: reason.clone() };
    match (fault.later, fault.status.map(|status| status.as_u16())) {
        (Some(asked), _) => after(asked),
        (None, Some(400 | 413 | 422)) => Delivered::Refused(reason),
        (None, _) => Delivered::Closed(reason),
    }
}
