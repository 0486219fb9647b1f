//! A small server that answers as MLflow does, from what it was given, and badly where a test wants that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use reenact::Environment;
use reenact::mlflow::Server;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What it knows and was asked.
#[derive(Default)]
pub(crate) struct World {
    /// What MLflow keeps of each trace, its spans under `spans`, in the order of their time.
    pub(crate) traces: Vec<Value>,
    /// A trace that the server cannot give, nor any others together with it.
    pub(crate) broken: Option<String>,
    pub(crate) runs: Vec<Value>,
    pub(crate) dataset: Option<Value>,
    pub(crate) records: BTreeMap<String, Value>,
    /// Every request: method, path with its query, and body.
    pub(crate) asked: Vec<(Method, String, Value)>,
    pub(crate) headers: Vec<HeaderMap>,
    /// Requests of spans, as they came.
    pub(crate) spans: Vec<Bytes>,
}

/// Says how a request is answered badly, by its path and how often the path was asked before.
type Fault = dyn Fn(&str, usize) -> Option<Response> + Send + Sync;

pub(crate) struct Fake {
    pub(crate) address: String,
    world: Arc<Mutex<World>>,
}

impl Fake {
    pub(crate) async fn start() -> Fake {
        Fake::failing(|_, _| None).await
    }

    pub(crate) async fn failing(fault: impl Fn(&str, usize) -> Option<Response> + Send + Sync + 'static) -> Fake {
        let world = Arc::new(Mutex::new(World::default()));
        let (held, fault): (_, Arc<Fault>) = (Arc::clone(&world), Arc::new(fault));
        let handler = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let mut world = held.lock().unwrap();
            let before = world.asked.iter().filter(|(_, path, _)| path.split('?').next() == Some(uri.path())).count();
            let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
            world.asked.push((method.clone(), uri.to_string(), json.clone()));
            world.headers.push(headers);
            if uri.path() == "/v1/traces" {
                world.spans.push(body);
            }
            let answer = fault(uri.path(), before).unwrap_or_else(|| world.answer(&method, &uri, &json));
            async move { answer }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
        Fake { address, world }
    }

    pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn server(&self) -> Server {
        Server::open(Some(&self.address), &Environment::default()).unwrap()
    }

    /// The paths that were asked, without their queries.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.world().asked.iter().map(|(_, path, _)| path.split('?').next().unwrap().to_owned()).collect()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.paths().iter().filter(|asked| asked.as_str() == path).count()
    }
}

/// More than one page of anything, for a test of a few.
const PAGE: usize = 3;

pub(crate) fn says(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

/// As MLflow says no.
pub(crate) fn refuses(status: u16, code: &str, message: &str) -> Response {
    says(status, json!({ "error_code": code, "message": message }))
}

impl World {
    fn answer(&mut self, method: &Method, uri: &Uri, body: &Value) -> Response {
        let query: Vec<(String, String)> = query(uri);
        let first = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        match (method.as_str(), uri.path()) {
            ("GET", "/api/2.0/mlflow/experiments/get-by-name") => match first("experiment_name").as_deref() {
                Some("support") => says(
                    200,
                    json!({"experiment": {"experiment_id": "7", "name": "support", "lifecycle_stage": "active"}}),
                ),
                Some("gone") => says(
                    200,
                    json!({"experiment": {"experiment_id": "8", "name": "gone", "lifecycle_stage": "deleted"}}),
                ),
                _ => refuses(404, "RESOURCE_DOES_NOT_EXIST", "Could not find experiment"),
            },
            ("POST", "/api/2.0/mlflow/experiments/search") => says(
                200,
                json!({"experiments": [{"experiment_id": "7", "name": "support"}, {"experiment_id": "9", "name": "billing"}]}),
            ),
            ("POST", "/api/3.0/mlflow/traces/search") => self.search(body),
            ("GET", "/api/3.0/mlflow/traces/batchGet") => {
                if query.iter().any(|(_, id)| self.broken.as_ref() == Some(id)) {
                    return refuses(500, "INTERNAL_ERROR", "Trace data not stored in tracking store");
                }
                let wanted = |trace: &&Value| query.iter().any(|(_, id)| trace["trace_id"] == id.as_str());
                let traces: Vec<Value> = self.traces.iter().filter(wanted).map(with_spans).collect();
                says(200, json!({ "traces": traces }))
            }
            ("GET", "/ajax-api/3.0/mlflow/get-trace-artifact") => {
                let id = first("request_id").unwrap_or_default();
                match self.traces.iter().find(|trace| trace["trace_id"] == id.as_str() && trace["spans"].is_array()) {
                    Some(trace) => says(200, json!({ "spans": trace["spans"] })),
                    None => refuses(404, "NOT_FOUND", "Trace data not found"),
                }
            }
            ("POST", "/api/3.0/mlflow/traces") => {
                let info = body["trace"]["trace_info"].clone();
                self.traces.retain(|trace| trace["trace_id"] != info["trace_id"]);
                self.traces.push(info);
                says(200, json!({}))
            }
            ("POST", "/api/3.0/mlflow/traces/batchGetInfos") => {
                let ids = body["trace_ids"].as_array().unwrap();
                let known: Vec<&Value> = self.traces.iter().filter(|trace| ids.contains(&trace["trace_id"])).collect();
                says(200, json!({ "trace_infos": known }))
            }
            ("POST", "/v1/traces") => says(200, json!({})),
            (_, path) if path.starts_with("/api/2.0/mlflow/runs/") => self.runs(path, &query, body),
            (method, path) => self.datasets(method, path, &query, body),
        }
    }

    fn search(&self, body: &Value) -> Response {
        let filter = body["filter"].as_str().unwrap();
        let since: i64 = filter.rsplit(">= ").next().unwrap().parse().unwrap();
        let at = |trace: &Value| {
            trace["request_time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
        };
        let session = filter.split("session` = '").nth(1).map(|rest| rest.split('\'').next().unwrap());
        let team = filter.split("tags.team = '").nth(1).map(|rest| rest.split('\'').next().unwrap());
        let is_found = |trace: &&Value| {
            at(trace) >= since
                && session.is_none_or(|session| trace["trace_metadata"]["mlflow.trace.session"] == session)
                && team.is_none_or(|team| trace["tags"]["team"] == team)
        };
        let mut found: Vec<Value> = self.traces.iter().filter(is_found).map(without_spans).collect();
        found.sort_by_key(at);
        let from: usize = body["page_token"].as_str().map_or(0, |token| token.parse().unwrap());
        let page: Vec<Value> = found.iter().skip(from).take(PAGE).cloned().collect();
        match found.len() > from + PAGE {
            true => says(200, json!({"traces": page, "next_page_token": (from + PAGE).to_string()})),
            // Where nothing is found there is no list at all.
            false if page.is_empty() => says(200, json!({})),
            false => says(200, json!({ "traces": page })),
        }
    }

    fn runs(&mut self, path: &str, query: &[(String, String)], body: &Value) -> Response {
        let id = body["run_id"].as_str().or_else(|| query.first().map(|(_, id)| id.as_str())).unwrap_or_default();
        let run = self.runs.iter_mut().find(|run| run["info"]["run_id"] == id);
        match (path.rsplit('/').next().unwrap(), run) {
            ("search", _) => says(200, json!({ "runs": self.runs })),
            ("create", _) => {
                let info = json!({"run_id": format!("r{}", self.runs.len() + 1), "status": "RUNNING"});
                let run =
                    json!({"info": info, "data": {"tags": body["tags"], "metrics": [], "params": []}, "datasets": []});
                self.runs.push(run.clone());
                says(200, json!({ "run": run }))
            }
            ("get", Some(run)) => says(200, json!({ "run": run })),
            ("update", Some(run)) => {
                run["info"]["status"] = body["status"].clone();
                says(200, json!({}))
            }
            ("log-inputs", Some(run)) => {
                run["datasets"] = body["datasets"].clone();
                says(200, json!({}))
            }
            ("log-batch", Some(run)) => {
                for list in ["metrics", "params"] {
                    let more = body[list].as_array().cloned().unwrap_or_default();
                    run["data"][list].as_array_mut().unwrap().extend(more);
                }
                says(200, json!({}))
            }
            (verb, _) => refuses(404, "RESOURCE_DOES_NOT_EXIST", verb),
        }
    }

    fn datasets(&mut self, method: &str, path: &str, query: &[(String, String)], body: &Value) -> Response {
        let texts = |records: Vec<&Value>| Value::from_iter(records.into_iter().cloned()).to_string();
        match (method, path) {
            ("POST", "/api/3.0/mlflow/datasets/search") => {
                says(200, json!({ "datasets": self.dataset.iter().collect::<Vec<_>>() }))
            }
            ("POST", "/api/3.0/mlflow/datasets/create") => {
                let dataset = json!({"dataset_id": "d-1", "name": body["name"], "tags": body["tags"]});
                self.dataset = Some(dataset.clone());
                says(200, json!({ "dataset": dataset }))
            }
            ("GET", "/api/3.0/mlflow/datasets/d-1/records") => {
                let from: usize =
                    query.iter().find(|(key, _)| key == "page_token").map_or(0, |(_, at)| at.parse().unwrap());
                let page = texts(self.records.values().skip(from).take(PAGE).collect());
                let next = (self.records.len() > from + PAGE).then(|| (from + PAGE).to_string());
                says(200, json!({ "records": page, "next_page_token": next }))
            }
            ("POST", "/api/3.0/mlflow/datasets/d-1/records") => {
                let records: Vec<Value> = serde_json::from_str(body["records"].as_str().unwrap()).unwrap();
                for mut record in records {
                    let inputs = record["inputs"].to_string();
                    record["dataset_record_id"] = format!("dr-{inputs}").into();
                    let known = self.records.entry(inputs).or_insert(json!({}));
                    known["inputs"] = record["inputs"].clone();
                    known["dataset_record_id"] = record["dataset_record_id"].clone();
                    for key in ["expectations", "tags"] {
                        for (name, value) in record[key].as_object().unwrap() {
                            known[key][name] = value.clone();
                        }
                    }
                }
                says(200, json!({"inserted_count": 1}))
            }
            ("DELETE", "/api/3.0/mlflow/datasets/d-1/records") => {
                let ids = body["dataset_record_ids"].as_array().unwrap();
                self.records.retain(|_, record| !ids.contains(&record["dataset_record_id"]));
                says(200, json!({"deleted_count": 1}))
            }
            _ => says(404, json!({"detail": "Not Found"})),
        }
    }
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), decoded(value))).collect()
}

fn without_spans(trace: &Value) -> Value {
    let mut info = trace.clone();
    info.as_object_mut().unwrap().remove("spans");
    info
}

fn with_spans(trace: &Value) -> Value {
    json!({ "trace_info": without_spans(trace), "spans": trace["spans"] })
}

/// A turn of a session, as MLflow has it: the history goes in, the answer comes out.
pub(crate) fn turn(session: &str, turn: usize) -> Value {
    let messages: Vec<Value> = (1..=turn)
        .flat_map(|n| {
            let asked = json!({"role": "user", "content": format!("question {n} of {session}")});
            let said = json!({"role": "assistant", "content": format!("answer {n} to {session}")});
            if n == turn { vec![asked] } else { vec![asked, said] }
        })
        .collect();
    let start = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_772_366_400 + turn as i64);
    let nanos = start.as_nanosecond() as u64;
    let text = |value: &Value| json!({ "string_value": value.to_string() });
    json!({
        "trace_id": format!("tr-{session}-{turn}"),
        "request_time": format!("{start:.3}"),
        "state": "OK",
        "trace_metadata": {"mlflow.trace.session": session},
        "tags": {"mlflow.trace.spansLocation": "TRACKING_STORE", "team": "support"},
        "spans": [{
            "trace_id": "AAAA", "span_id": "AAAB", "parent_span_id": "", "name": "agent",
            "start_time_unix_nano": nanos, "end_time_unix_nano": nanos + 5_000_000,
            "attributes": [
                {"key": "mlflow.spanType", "value": text(&json!("AGENT"))},
                {"key": "mlflow.spanInputs", "value": text(&json!({ "messages": messages }))},
                {"key": "mlflow.spanOutputs", "value": text(&json!(format!("answer {turn} to {session}")))},
            ],
        }],
    })
}
