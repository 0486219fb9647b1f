//! A provider of batches on this machine, in both forms. It does what a test plans, keeps what it was asked, and forgets nothing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What becomes of one request of a batch.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    /// The model writes this.
    Says(String),
    /// The provider answers with a status and a reason.
    Status(u16, &'static str),
    /// The batch runs out of time first.
    Expired,
    /// Somebody cancels it.
    Cancelled,
    /// Nothing is ever heard of it.
    Lost,
    /// What stands in its place is no answer.
    Garbage(&'static str),
}

/// What becomes of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// The batch is begun, and the answer is a broken server's.
    LosesTheAnswer,
    /// Nothing is begun, and the answer has this status.
    Shut(u16),
}

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    /// It ends as the fates of its requests say.
    Ends,
    /// It goes on for so many looks.
    After(u32),
    /// Somebody cancels it; those that have an answer by then keep it.
    Cancelled,
    /// It never begins: the provider's errors.
    Fails(Value),
}

/// What becomes of a request of the batch of this number, from 0.
type Fates = Box<dyn Fn(usize, &Value) -> Fate + Send>;

/// What a provider does.
pub(crate) struct Plan {
    pub(crate) fate: Fates,
    /// By the number of the submission, from 0.
    pub(crate) door: Box<dyn Fn(usize) -> Door + Send>,
    pub(crate) end: Box<dyn Fn(usize) -> End + Send>,
}

/// A batch as the provider has it.
#[derive(Debug, Clone)]
pub(crate) struct Had {
    pub(crate) id: String,
    pub(crate) metadata: Value,
    /// The requests, in their order.
    pub(crate) requests: Vec<Value>,
    pub(crate) is_cancelled: bool,
    looks: u32,
    created: i64,
}

#[derive(Default)]
struct State {
    plan: Plan,
    files: BTreeMap<String, Vec<u8>>,
    batches: Vec<Had>,
    submissions: usize,
    asked: Vec<String>,
    keys: Vec<String>,
}

/// A running provider.
#[derive(Clone)]
pub(crate) struct Fake {
    /// Its base address, `http://127.0.0.1:PORT/v1`.
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            fate: Box::new(|_, request| Fate::Says(format!("{{\"echo\":{}}}", Value::from(last_words(request))))),
            door: Box::new(|_| Door::Open),
            end: Box::new(|_| End::Ends),
        }
    }
}

/// What was said last in a request of either form.
pub(crate) fn last_words(request: &Value) -> String {
    let body = if request["body"].is_object() { &request["body"] } else { &request["params"] };
    let content = body["messages"].as_array().and_then(|messages| messages.last()).map(|last| &last["content"]);
    let content = content.unwrap_or(&Value::Null);
    let text = content.as_str().or_else(|| content[0]["text"].as_str());
    text.unwrap_or_default().to_owned()
}

impl Fake {
    pub(crate) async fn start(plan: Plan) -> Fake {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { plan, ..State::default() }));
        let fake = Fake { address, state };
        let answering = fake.clone();
        let handler = move |method: Method, uri: Uri, headers: axum::http::HeaderMap, body: Bytes| {
            let fake = answering.clone();
            async move {
                let key = headers.get("authorization").or_else(|| headers.get("x-api-key"));
                let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default().to_owned();
                let mut state = fake.state();
                state.asked.push(format!("{method} {}", uri.path()));
                state.keys.push(key);
                state.answer(&method, &uri, &body)
            }
        };
        let router = Router::new().fallback(handler).layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        fake
    }

    /// The batches that were begun, in order.
    pub(crate) fn batches(&self) -> Vec<Had> {
        self.state().batches.clone()
    }

    /// How often each request was in a batch, by its id.
    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for request in self.batches().iter().flat_map(|batch| &batch.requests) {
            *times.entry(request["custom_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        times
    }

    /// Methods and paths, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// What was shown to be let in, each once.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = self.state().keys.clone();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Begins a batch that is nobody's of the test's.
    pub(crate) fn has_another(&self, requests: Vec<Value>) {
        self.state().begin(requests, Value::Null);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn answer(&mut self, method: &Method, uri: &Uri, body: &[u8]) -> Response {
        let path: Vec<&str> = uri.path().trim_start_matches("/v1/").split('/').collect();
        match (method.as_str(), &path[..]) {
            ("POST", ["files"]) => self.upload(body),
            ("GET", ["files", id, "content"]) => self.content(id),
            ("POST", ["batches"]) => self.submit_openai(body),
            ("GET", ["batches"]) => json_of(json!({"data": self.listed(openai_batch), "has_more": false})),
            ("GET", ["batches", id]) => self.look(id, openai_batch),
            ("POST", ["messages", "batches"]) => self.submit_anthropic(body),
            ("GET", ["messages", "batches"]) => {
                json_of(json!({"data": self.listed(anthropic_batch), "has_more": false}))
            }
            ("GET", ["messages", "batches", id]) => self.look(id, anthropic_batch),
            ("GET", ["messages", "batches", id, "results"]) => self.results(id),
            ("POST", ["batches", id, "cancel"] | ["messages", "batches", id, "cancel"]) => self.cancel(id),
            _ => (StatusCode::NOT_FOUND, "no such thing").into_response(),
        }
    }

    /// A form with the file as its last part.
    fn upload(&mut self, body: &[u8]) -> Response {
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("name=\"purpose\"\r\n\r\nbatch\r\n"), "{text}");
        let boundary = text.split("\r\n").next().unwrap().to_owned();
        let (_, file) = text.split_once("filename=\"").unwrap();
        let (_, content) = file.split_once("\r\n\r\n").unwrap();
        let content = content.split(&format!("\r\n{boundary}")).next().unwrap();
        let id = format!("file-{}", self.files.len() + 1);
        self.files.insert(id.clone(), content.as_bytes().to_vec());
        json_of(json!({"id": id, "object": "file", "purpose": "batch"}))
    }

    fn submit_openai(&mut self, body: &[u8]) -> Response {
        let batch: Value = serde_json::from_slice(body).unwrap();
        assert_eq!((&batch["endpoint"], &batch["completion_window"]), (&"/v1/chat/completions".into(), &"24h".into()));
        let lines = self.files[batch["input_file_id"].as_str().unwrap()].clone();
        let requests =
            String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        self.submit(requests, batch["metadata"].clone(), openai_batch)
    }

    fn submit_anthropic(&mut self, body: &[u8]) -> Response {
        let batch: Value = serde_json::from_slice(body).unwrap();
        self.submit(batch["requests"].as_array().unwrap().clone(), Value::Null, anthropic_batch)
    }

    fn submit(&mut self, requests: Vec<Value>, metadata: Value, shown: Shown) -> Response {
        let door = (self.plan.door)(self.submissions);
        self.submissions += 1;
        if let Door::Shut(status) = door {
            let headers = [("retry-after", "0")];
            return (StatusCode::from_u16(status).unwrap(), headers, "{\"error\":{\"message\":\"not now\"}}")
                .into_response();
        }
        self.begin(requests, metadata);
        match door {
            Door::LosesTheAnswer => (StatusCode::BAD_GATEWAY, "upstream went away").into_response(),
            _ => json_of(shown(self.batches.last().unwrap(), &End::After(1))),
        }
    }

    fn begin(&mut self, requests: Vec<Value>, metadata: Value) {
        let id = format!("batch_{}", self.batches.len() + 1);
        let created = jiff::Timestamp::now().as_second();
        self.batches.push(Had { id, metadata, requests, is_cancelled: false, looks: 0, created });
    }

    fn listed(&self, shown: Shown) -> Vec<Value> {
        self.batches.iter().rev().map(|batch| shown(batch, &End::After(1))).collect()
    }

    fn look(&mut self, id: &str, shown: Shown) -> Response {
        let Some(at) = self.batches.iter().position(|batch| batch.id == id) else {
            return (StatusCode::NOT_FOUND, "no such batch").into_response();
        };
        self.batches[at].looks += 1;
        let end = match (self.plan.end)(at) {
            End::After(looks) if self.batches[at].looks > looks => End::Ends,
            end => end,
        };
        json_of(shown(&self.batches[at], &end))
    }

    fn cancel(&mut self, id: &str) -> Response {
        let batch = self.batches.iter_mut().find(|batch| batch.id == id).unwrap();
        batch.is_cancelled = true;
        json_of(json!({"id": batch.id, "status": "cancelling"}))
    }

    /// OpenAI's two files: what was answered with success, and the rest.
    fn content(&self, file: &str) -> Response {
        let (id, kind) = file.rsplit_once('-').unwrap();
        let at = self.batches.iter().position(|batch| batch.id == id).unwrap();
        let lines = self.batches[at].requests.iter().filter_map(|request| {
            let fate = (self.plan.fate)(at, request);
            let is_output = matches!(fate, Fate::Says(_) | Fate::Garbage(_));
            (is_output == (kind == "output")).then(|| openai_line(request, &fate)).flatten()
        });
        lines.collect::<String>().into_response()
    }

    fn results(&self, id: &str) -> Response {
        let at = self.batches.iter().position(|batch| batch.id == id).unwrap();
        let lines = self.batches[at]
            .requests
            .iter()
            .filter_map(|request| anthropic_line(request, &(self.plan.fate)(at, request)));
        lines.collect::<String>().into_response()
    }
}

/// How a batch is shown.
type Shown = fn(&Had, &End) -> Value;

fn openai_batch(batch: &Had, end: &End) -> Value {
    let (status, has_files) = match end {
        End::Ends => ("completed", true),
        End::After(_) => ("in_progress", false),
        End::Cancelled => ("cancelled", true),
        End::Fails(_) => ("failed", false),
    };
    let file = |kind: &str| if has_files { json!(format!("{}-{kind}", batch.id)) } else { Value::Null };
    let errors = if let End::Fails(errors) = end { json!({"object": "list", "data": errors}) } else { Value::Null };
    json!({
        "id": batch.id, "object": "batch", "status": status, "errors": errors, "metadata": batch.metadata,
        "created_at": batch.created, "output_file_id": file("output"), "error_file_id": file("error"),
        "request_counts": {"total": batch.requests.len(), "completed": 0, "failed": 0},
    })
}

fn anthropic_batch(batch: &Had, end: &End) -> Value {
    let status = if matches!(end, End::After(_)) { "in_progress" } else { "ended" };
    let created = jiff::Timestamp::from_second(batch.created).unwrap();
    json!({
        "id": batch.id, "type": "message_batch", "processing_status": status, "created_at": created.to_string(),
        "request_counts": {"processing": batch.requests.len(), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
        "results_url": "https://elsewhere.example/results",
    })
}

/// The answer of a chat-completions model that wrote this.
pub(crate) fn chat_answer(text: &str) -> Value {
    json!({
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    })
}

pub(crate) fn openai_line(request: &Value, fate: &Fate) -> Option<String> {
    let of_status =
        |status: u16, body: Value| json!({"response": {"status_code": status, "body": body}, "error": null});
    let of_error = |code: &str| json!({"response": null, "error": {"code": code, "message": "it was not done"}});
    let mut line = match fate {
        Fate::Says(text) => of_status(200, chat_answer(text)),
        Fate::Status(status, reason) => of_status(*status, json!({"error": {"message": reason}})),
        Fate::Expired => of_error("batch_expired"),
        Fate::Cancelled => of_error("batch_cancelled"),
        Fate::Lost => return None,
        Fate::Garbage(text) => return Some(format!("{text}\n")),
    };
    line["custom_id"] = request["custom_id"].clone();
    Some(format!("{line}\n"))
}

pub(crate) fn anthropic_line(request: &Value, fate: &Fate) -> Option<String> {
    let result = match fate {
        Fate::Says(text) => json!({"type": "succeeded", "message": {
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 7, "output_tokens": 3},
        }}),
        Fate::Status(status, reason) => {
            let kind = if *status < 500 { "invalid_request_error" } else { "api_error" };
            json!({"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": reason}}})
        }
        Fate::Expired => json!({"type": "expired"}),
        Fate::Cancelled => json!({"type": "canceled"}),
        Fate::Lost => return None,
        Fate::Garbage(text) => return Some(format!("{text}\n")),
    };
    Some(format!("{}\n", json!({"custom_id": request["custom_id"], "result": result})))
}

fn json_of(body: Value) -> Response {
    (StatusCode::OK, axum::Json(body)).into_response()
}
