//! A model server that plays user, agent, judge and distiller for cases that say their own names, and remembers what it was
//! asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One call as the journal knows it: the case, who is asked, and which of its calls this is.
pub(crate) type Call = (String, String, u32);

/// What happened to one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// During which attempt it came.
    pub(crate) attempt: usize,
    /// Whether the answer was handed to the connection.
    pub(crate) answered: bool,
}

/// A running server.
#[derive(Clone)]
pub(crate) struct ModelServer {
    /// Its address, `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    seen: Arc<Seen>,
}

struct Seen {
    delay: Duration,
    attempt: AtomicUsize,
    calls: AtomicUsize,
    asked: Mutex<BTreeMap<Call, Vec<Asked>>>,
}

impl ModelServer {
    /// Starts a server that thinks for so long, on a thread that ends with the tests.
    pub(crate) fn start(delay: Duration) -> ModelServer {
        let seen = Arc::new(Seen { delay, attempt: 0.into(), calls: 0.into(), asked: Mutex::default() });
        let (serving, (tell, told)) = (Arc::clone(&seen), std::sync::mpsc::channel());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
                let answer = move |Path((role, _)): Path<(String, String)>, body: Bytes| {
                    answer(Arc::clone(&serving), role, body)
                };
                axum::serve(listener, Router::new().route("/{role}/{*rest}", axum::routing::post(answer)))
                    .await
                    .unwrap();
            });
        });
        ModelServer { address: told.recv().unwrap(), seen }
    }

    /// The options that make a run ask this server for everything.
    pub(crate) fn options(&self) -> [String; 6] {
        let model = |role| format!("{}/{role}/v1#m", self.address);
        let agent = format!("{}/agent/v1/chat/completions", self.address);
        ["--agent".into(), agent, "--user-model".into(), model("user"), "--judge-model".into(), model("judge")]
    }

    /// From here on another attempt asks.
    pub(crate) fn next_attempt(&self) {
        self.seen.attempt.fetch_add(1, Ordering::SeqCst);
    }

    /// How many calls came so far.
    pub(crate) fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    /// Every call, with each time that it came.
    pub(crate) fn asked(&self) -> BTreeMap<Call, Vec<Asked>> {
        self.seen.asked.lock().unwrap().clone()
    }
}

async fn answer(seen: Arc<Seen>, role: String, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).expect("requests are JSON");
    let call = call(&role, &body["messages"]);
    let at = {
        let mut asked = seen.asked.lock().unwrap();
        let times = asked.entry(call.clone()).or_default();
        times.push(Asked { attempt: seen.attempt.load(Ordering::SeqCst), answered: false });
        times.len() - 1
    };
    seen.calls.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(seen.delay).await;
    seen.asked.lock().unwrap().get_mut(&call).unwrap()[at].answered = true;
    let content = content(&call, at);
    axum::Json(json!({
        "id": "answer", "object": "chat.completion", "created": 0, "model": "m-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 70, "completion_tokens": 7, "total_tokens": 77},
    }))
    .into_response()
}

/// Who is asked says which messages count its earlier answers; a judge is asked about one expectation, which has a number.
fn call(role: &str, messages: &Value) -> Call {
    let messages = messages.as_array().expect("messages");
    let of = |role: &str| messages.iter().filter(|message| message["role"] == role).count() as u32;
    let text: String = messages.iter().filter_map(|message| message["content"].as_str()).collect();
    let position = match role {
        "user" => of("assistant"),
        "agent" => of("user") - 1,
        "distiller" => 0,
        _ => after(&text, "question-").parse().expect("a numbered expectation"),
    };
    (format!("case-{}", after(&text, "case-")), role.to_owned(), position)
}

/// The digits after the first mention of this.
fn after(text: &str, mention: &str) -> String {
    let rest = text.split_once(mention).unwrap_or_else(|| panic!("no {mention} in {text}")).1;
    rest.chars().take_while(char::is_ascii_digit).collect()
}

/// A distiller says how often it was asked before, so that two answers to one question are told apart.
fn content((case, role, position): &Call, times: usize) -> String {
    match role.as_str() {
        "user" => {
            let text = format!("I ask about {case} for the {position}. time");
            json!({ "text": text }).to_string()
        }
        "agent" => format!("This is what there is to say for the {position}. time."),
        "distiller" => json!({
            "skip": null, "id": format!("{case}-asked-{times}"),
            "goal": {"text": format!("find out about {case}"), "evidence": [{"turn": 1, "quote": case}]},
            "persona": [], "guidelines": [], "facts": [], "opening": null,
            "patience": {"asks": null, "evidence": []}, "ending": {"kind": null, "evidence": []}, "expectations": [],
        })
        .to_string(),
        _ => {
            let verdict = if (case.len() as u32 + position).is_multiple_of(3) { "fail" } else { "pass" };
            json!({"reason": "It says so.", "turns": [1], "quotes": [], "verdict": verdict}).to_string()
        }
    }
}
