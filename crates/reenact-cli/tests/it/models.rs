//! `reenact models`: what it lists, and what it says of a model that answers and of one that does not.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::stage::{self, Stage, Told};

const SECRET: &str = "sk-very-secret";

/// A server that gives every request this answer, until the test is over.
fn serve(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream);
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
            stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    address
}

fn read_request(stream: &mut std::net::TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        seen.push(byte[0]);
    }
    let head = String::from_utf8(seen).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
}

fn models(args: &[&str], variables: &[(&str, &str)]) -> Told {
    let stage = Stage::new();
    let mut command = stage.command(["models"].iter().chain(args));
    let command = command.env_remove("MISTRAL_API_KEY").env_remove("REENACT_API_KEY");
    let told = stage::told(command.envs(variables.iter().copied()));
    assert!(!told.out.contains(SECRET) && !told.err.contains(SECRET), "{told:?}");
    assert!(stage.files("").is_empty(), "no store is needed to list models");
    told
}

#[test]
fn every_provider_is_listed_with_what_it_reads_and_whether_that_is_there() {
    let told = models(&[], &[("MISTRAL_API_KEY", SECRET), ("COLUMNS", "120")]);
    assert_eq!(told.status, Some(0));
    let line =
        |name: &str| told.out.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {told:?}"));
    assert!(line("mistral:/MODEL").ends_with("key found"), "{told:?}");
    assert!(line("ollama:/MODEL").ends_with("needs no key"), "{told:?}");
    let data = models(&["--json"], &[("MISTRAL_API_KEY", SECRET)]).json();
    let of = |name: &str| data.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!(of("mistral:/MODEL")["ready"], true);
    assert_eq!(of("mistral:/MODEL")["settings"][0]["found"], "MISTRAL_API_KEY");
    assert_eq!(of("gateway:/ENDPOINT")["ready"], false);
}

#[test]
fn a_model_that_answers_is_told_with_its_time_and_its_tokens() {
    let address = serve(
        "200 OK",
        r#"{"choices":[{"message":{"content":"{\"answer\":4}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":5}}"#,
    );
    let name = format!("{address}#m-1");
    let told = models(&[&name], &[]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.out.contains("answers: "), "{told:?}");
    assert!(told.out.ends_with("31 tokens read (0 from a cache), 5 written\n"), "{told:?}");
    let data = models(&["--json", &name], &[]).json();
    assert_eq!((&data["answered"], &data["usage"]["input_tokens"]), (&true.into(), &31.into()));
}

#[test]
fn a_model_that_does_not_answer_is_told_with_what_to_do() {
    let address = serve("401 Unauthorized", r#"{"error":{"message":"Incorrect API key provided: sk-very-secret"}}"#);
    let name = format!("{address}#m-1");
    let told = models(&[&name], &[("REENACT_API_KEY", SECRET)]);
    assert!(told.refusal().contains("does not answer: m-1: "), "{told:?}");
    assert!(told.refusal().contains("Incorrect API key provided: [secret] (check REENACT_API_KEY)"), "{told:?}");
    let data = models(&["--json", &name], &[("REENACT_API_KEY", SECRET)]);
    assert_eq!((data.status, &data.json()["answered"]), (Some(2), &false.into()));
}

#[test]
fn a_name_that_does_not_open_says_what_would() {
    let told = models(&["mistrol:/large"], &[]);
    assert!(told.refusal().contains("did you mean `mistral:/MODEL`?"), "{told:?}");
    let told = models(&["mistral:/large"], &[]);
    assert!(told.refusal().contains("MISTRAL_API_KEY is not set"), "{told:?}");
}
