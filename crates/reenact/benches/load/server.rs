//! A model server that does nothing but wait and answer: no JSON is read, no answer is made up while it serves.

use std::cell::Cell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::{Result, request};

/// What the server knows; one thread serves, so that it never takes more than one core.
struct Server {
    delay: Duration,
    /// Where the first requests are kept.
    keep: Option<PathBuf>,
    calls: Cell<u64>,
    in_flight: Cell<u64>,
    in_flight_max: Cell<u64>,
    answers: Answers,
}

/// Requests that are kept at the most: one conversation's.
const KEPT_MAX: u64 = 12;

/// Says its address on standard output, then serves until it is ended.
pub(crate) fn serve(delay_ms: u64, keep: Option<&Path>) -> Result<()> {
    let server = Rc::new(Server {
        delay: Duration::from_millis(delay_ms),
        keep: keep.map(Path::to_owned),
        calls: Cell::default(),
        in_flight: Cell::default(),
        in_flight_max: Cell::default(),
        answers: Answers::new(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        loop {
            let (stream, _) = listener.accept().await?;
            let server = Rc::clone(&server);
            tokio::task::spawn_local(async move { server.connection(stream).await });
        }
    }))
}

impl Server {
    /// Ends where the other side closes the connection, which is no fault.
    async fn connection(&self, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut bytes = Vec::with_capacity(16 * 1024);
        loop {
            let Some((head, end)) = request::ends(&bytes) else {
                if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                    return;
                }
                continue;
            };
            let answer = match request::path(&bytes[..head]) {
                "/calls" => self.counted(),
                path => {
                    let answer = self.answers.to(path, &bytes[head..end]);
                    self.call(&bytes[..end]).await;
                    answer
                }
            };
            if stream.write_all(&answer).await.is_err() {
                return;
            }
            bytes.drain(..end);
        }
    }

    async fn call(&self, asked: &[u8]) {
        let until = Instant::now() + self.delay;
        self.calls.set(self.calls.get() + 1);
        self.in_flight.set(self.in_flight.get() + 1);
        self.in_flight_max.set(self.in_flight_max.get().max(self.in_flight.get()));
        if let Some(keep) = self.keep.as_ref().filter(|_| self.calls.get() <= KEPT_MAX) {
            std::fs::write(keep.join(format!("{:02}", self.calls.get())), asked).expect("a folder to keep requests in");
        }
        tokio::time::sleep_until(until).await;
        self.in_flight.set(self.in_flight.get() - 1);
    }

    /// The calls since this was asked last, and how many of them there were at once.
    fn counted(&self) -> Vec<u8> {
        let (calls, in_flight_max) = (self.calls.replace(0), self.in_flight_max.replace(0));
        whole(&json!({"calls": calls, "in_flight_max": in_flight_max}))
    }
}

/// The whole answers, as they are written.
struct Answers {
    user: [Vec<u8>; 4],
    agent: Vec<u8>,
    judge: Vec<u8>,
    goal_check: Vec<u8>,
}

impl Answers {
    fn new() -> Answers {
        // One for each turn, all of one length: a user does not say the same twice.
        let user = [
            "That is not what I asked. Tell me when my parcel comes, and nothing else, please.",
            "So where is it at this moment? You have a map, have a look at it and then tell me.",
            "Then what do I have to pay for it at the door, and may I do that with my card, too?",
            "One last thing: who carries it, and how do I reach those people if nobody comes?",
        ];
        let judge = json!({
            "reason": "In its first answer the agent says what the user wanted to know.",
            "turns": [1], "quotes": [], "verdict": "pass",
        });
        let agent = "Your parcel left our warehouse on Tuesday and is on its way to you. It should reach you by Friday, \
            and there is nothing to pay at the door. You will get a message on the morning of the day it comes, with the \
            hour at which to expect it. Is there anything else that I can do for you?";
        // What MLflow asks after each turn; the goal is never reached, so that each conversation has all its turns.
        let goal_check = json!({"rationale": "The hour is not known yet.", "result": "no"});
        Answers {
            user: user.map(|text| completion(&json!({ "text": text }).to_string())),
            agent: completion(agent),
            judge: completion(&judge.to_string()),
            goal_check: completion(&goal_check.to_string()),
        }
    }

    fn to(&self, path: &str, body: &[u8]) -> Vec<u8> {
        let answer = match path.split('/').nth(1) {
            Some("user") => &self.user[memmem::find_iter(body, br#""role":"assistant""#).count() % 4],
            Some("judge") => &self.judge,
            // MLflow asks all its questions at one address, and only the goal check for JSON.
            Some("mlflow") if memmem::find(body, b"json_schema").is_some() => &self.goal_check,
            _ => &self.agent,
        };
        answer.clone()
    }
}

fn completion(content: &str) -> Vec<u8> {
    whole(&json!({
        "id": "chatcmpl-9f2c1d7e", "object": "chat.completion", "created": 1_760_000_000, "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 800, "completion_tokens": 40, "total_tokens": 840},
    }))
}

fn whole(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
