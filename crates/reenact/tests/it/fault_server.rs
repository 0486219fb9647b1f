//! A model server that fails as providers do, in every way and a fifth of the time.
//!
//! Which fault a question meets is drawn from a seed, the question and how often it was asked before, so that it does not
//! depend on who asks first.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    BusyWithWait,
    Busy,
    Broken,
    Reset,
    Hang,
    HalfBody,
    CutJson,
    NoJson,
    WrongJson,
    WrongSchema,
    Empty,
    Refusal,
    Filter,
}

/// How many of a thousand questions meet which fault: 200 in all.
pub(crate) const FAULTS: [(Fault, u64); 13] = [
    (Fault::BusyWithWait, 30),
    (Fault::Busy, 30),
    (Fault::Broken, 30),
    (Fault::Reset, 20),
    (Fault::Hang, 5),
    (Fault::HalfBody, 15),
    (Fault::CutJson, 10),
    (Fault::NoJson, 10),
    (Fault::WrongJson, 10),
    (Fault::WrongSchema, 15),
    (Fault::Empty, 10),
    (Fault::Refusal, 8),
    (Fault::Filter, 7),
];

impl Fault {
    /// Whether the model itself has answered, so that the same question again would be a waste.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Fault::Refusal | Fault::Filter)
    }
}

/// A running server.
pub(crate) struct FaultServer {
    /// Its base address, `http://127.0.0.1:PORT/v1`.
    pub(crate) address: String,
    log: Arc<Log>,
}

/// What it was asked, and how it failed.
#[derive(Default)]
struct Log {
    /// For each question what it met, attempt by attempt; nothing where it was answered well.
    questions: Mutex<HashMap<blake3::Hash, Vec<Option<Fault>>>>,
    /// How many of them say what was wrong with the answer before.
    second_askings: AtomicUsize,
}

impl FaultServer {
    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.log.questions.lock().unwrap().values().map(Vec::len).sum()
    }

    /// How often it would have been asked, had it never failed: once each question that is not one of the second asking.
    pub(crate) fn asked_at_least(&self) -> usize {
        self.log.questions.lock().unwrap().len() - self.log.second_askings.load(Ordering::Relaxed)
    }

    /// What each question met, attempt by attempt.
    pub(crate) fn attempts(&self) -> Vec<Vec<Option<Fault>>> {
        self.log.questions.lock().unwrap().values().cloned().collect()
    }

    /// How often it failed in each way.
    pub(crate) fn faults(&self) -> BTreeMap<Fault, usize> {
        let mut faults = BTreeMap::new();
        self.attempts().into_iter().flatten().flatten().for_each(|fault| *faults.entry(fault).or_default() += 1);
        faults
    }
}

/// Serves what `answer` makes of a question, unless it fails.
pub(crate) async fn serve(seed: u64, answer: fn(&Value) -> Value) -> FaultServer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let log = Arc::new(Log::default());
    let shared = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, seed, answer, Arc::clone(&shared)));
        }
    });
    FaultServer { address, log }
}

/// One connection, until either side has enough of it.
async fn converse(stream: TcpStream, seed: u64, answer: fn(&Value) -> Value, log: Arc<Log>) {
    let mut stream = BufReader::new(stream);
    while let Some(body) = question(&mut stream).await {
        let fault = log.draw(seed, &body);
        let content = answer(&serde_json::from_slice(&body).expect("questions are JSON"));
        let Some((bytes, then)) = reply(fault, &content) else {
            // Until the client gives up.
            let _ = stream.read(&mut [0]).await;
            return;
        };
        if stream.get_mut().write_all(&bytes).await.is_err() || then == Then::HangUp {
            return;
        }
    }
}

impl Log {
    fn draw(&self, seed: u64, body: &[u8]) -> Option<Fault> {
        let mut questions = self.questions.lock().unwrap();
        let attempts = questions.entry(blake3::hash(body)).or_default();
        if attempts.is_empty() && String::from_utf8_lossy(body).contains("That could not be used") {
            self.second_askings.fetch_add(1, Ordering::Relaxed);
        }
        let drawn = blake3::hash(&[&seed.to_le_bytes(), &attempts.len().to_le_bytes(), body].concat());
        let mut left = u64::from_le_bytes(drawn.as_bytes()[..8].try_into().unwrap()) % 1000;
        let fault = FAULTS.iter().find_map(|(fault, share)| {
            let is_it = left < *share;
            left = left.saturating_sub(*share);
            is_it.then_some(*fault)
        });
        attempts.push(fault);
        fault
    }
}

/// The body of the next request.
async fn question(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap(),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

/// What happens to the connection after an answer.
#[derive(PartialEq)]
enum Then {
    Listen,
    HangUp,
}

/// What goes over the wire, or nothing ever.
fn reply(fault: Option<Fault>, content: &Value) -> Option<(Vec<u8>, Then)> {
    let says = |content: Value| {
        json!({"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 20}})
        .to_string()
    };
    let good = || says(content.to_string().into());
    let whole = |body: String| (http("200 OK", "", &body, body.len()), Then::Listen);
    let refuses = |status, headers| (http(status, headers, r#"{"error":{"message":"not now"}}"#, 31), Then::Listen);
    Some(match fault {
        None => whole(good()),
        Some(Fault::BusyWithWait) => refuses("429 Too Many Requests", "retry-after-ms: 20\r\n"),
        Some(Fault::Busy) => refuses("429 Too Many Requests", ""),
        Some(Fault::Broken) => refuses("500 Internal Server Error", ""),
        Some(Fault::Reset) => (Vec::new(), Then::HangUp),
        Some(Fault::Hang) => return None,
        Some(Fault::HalfBody) => (http("200 OK", "", &good()[..40], good().len()), Then::HangUp),
        Some(Fault::CutJson) => whole(good()[..40].to_owned()),
        Some(Fault::NoJson) => whole("<html>upstream is gone</html>".to_owned()),
        Some(Fault::WrongJson) => whole(says("{\"act\": say".into())),
        Some(Fault::WrongSchema) => whole(says(r#"{"something": "else"}"#.into())),
        Some(Fault::Empty) => whole(says("".into())),
        Some(Fault::Refusal) => {
            whole(says(Value::Null).replace(r#""content":null"#, r#""content":null,"refusal":"I cannot""#))
        }
        Some(Fault::Filter) => whole(says("".into()).replace(r#""stop""#, r#""content_filter""#)),
    })
}

fn http(status: &str, headers: &str, body: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}
