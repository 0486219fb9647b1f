//! The program as it serves, at a port of its own, and requests to it byte by byte: a client of ours would not send wrong ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

use reenact::{Conversation, Message, Session, Store};
use serde_json::Value;

use crate::stage::{self, Stage, Told};

/// What is answered comes within this time even on a busy machine, or it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder, and the program that serves it. Stopped when it is dropped.
pub(crate) struct Served {
    pub(crate) stage: Stage,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    child: Option<Child>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Served {
    /// Serves an empty folder.
    pub(crate) fn start(more: &[&str]) -> Served {
        Served::on(Stage::new(), more)
    }

    /// Serves a folder that is there.
    pub(crate) fn on(stage: Stage, more: &[&str]) -> Served {
        let (child, address) = Served::spawned(&stage, more);
        Served { stage, address, child: Some(child) }
    }

    /// Kills the program, which cannot do anything about it, and serves the same folder again.
    pub(crate) fn kill_and_start_again(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let (child, address) = Served::spawned(&self.stage, &[]);
        (self.child, self.address) = (Some(child), address);
    }

    fn spawned(stage: &Stage, more: &[&str]) -> (Child, String) {
        let mut child = stage.command([&["serve", "--port", "0"], more].concat()).spawn().unwrap();
        let mut told = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut told).unwrap();
        let address = told.trim().strip_prefix("http://").and_then(|address| address.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("{told:?}: {:?}", child.stderr.take().map(read))).to_owned();
        (child, address)
    }

    /// Stops it as Ctrl-C does.
    pub(crate) fn stop(self) -> Told {
        self.stop_and(|| ())
    }

    /// Stops it as Ctrl-C does, and does something while its folder is still there.
    pub(crate) fn stop_and<T>(mut self, after: impl FnOnce() -> T) -> Told {
        let child = self.child.take().unwrap();
        stage::interrupt(&child);
        let told = stage::end(child);
        after();
        told
    }

    /// Kills it, and gives the folder that it served.
    pub(crate) fn kill(mut self) -> Stage {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        std::mem::replace(&mut self.stage, Stage::new())
    }

    /// Puts sessions into its store: an id, and what user and agent say in turns.
    pub(crate) fn import(&self, sessions: &[(&str, &[&str])]) {
        let store = Store::open(self.stage.path(".reenact/store.db")).unwrap();
        let mut writer = store.write_sessions().unwrap();
        for (id, said) in sessions {
            let message =
                |(n, text): (usize, &&str)| if n % 2 == 0 { Message::user(*text) } else { Message::agent(*text) };
            let conversation: Conversation = said.iter().enumerate().map(message).collect();
            writer.put(&Session::new(*id, conversation), &[]).unwrap();
        }
        writer.commit().unwrap();
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// As somebody opens a page.
    pub(crate) fn open(&self, path: &str) -> Answer {
        self.ask("GET", path, &["Accept: text/html"], b"")
    }

    /// Sends JSON as a page of ours does.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let csrf = format!("X-Reenact-Csrf: {}", self.csrf());
        self.ask(method, path, &["Content-Type: application/json", &csrf], body.to_string().as_bytes())
    }

    /// Sends a file as a page of ours does, and waits for what comes of it.
    pub(crate) fn upload(&self, name: &str, content: &[u8]) -> Value {
        let csrf = format!("X-Reenact-Csrf: {}", self.csrf());
        let headers = ["Content-Type: application/octet-stream", &csrf];
        self.over(&self.ask("POST", &format!("/api/imports?name={name}"), &headers, content).json())
    }

    /// A task once it is over.
    pub(crate) fn over(&self, task: &Value) -> Value {
        let path = format!("/api/tasks/{}", task["id"]);
        let mut now = task.clone();
        self.stage.wait_until(|| {
            now = self.get(&path).json();
            now["state"] != "going"
        });
        now
    }

    pub(crate) fn csrf(&self) -> String {
        self.get("/api/csrf").json()["csrf"].as_str().unwrap().to_owned()
    }

    /// A request with these headers; `Host` is ours unless they say otherwise.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        let has_host = headers.iter().any(|header| header.to_ascii_lowercase().starts_with("host:"));
        let host = if has_host { String::new() } else { format!("Host: {}\r\n", self.address) };
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // Who is refused for what stands in the head is not listened to any longer.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        answer(stream)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(mut from: impl Read) -> String {
    let mut text = String::new();
    let _ = from.read_to_string(&mut text);
    text
}

fn answer(stream: TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let status =
        line().split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer begins with its status");
    let mut headers: Vec<(String, String)> = Vec::new();
    while let Some((name, value)) = line().split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { chunks(&mut reader) } else { read(&mut reader) };
    Answer { status, headers, body }
}

fn chunks(reader: &mut impl BufRead) -> String {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).unwrap();
        if size == 0 {
            return String::from_utf8(body).unwrap();
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
