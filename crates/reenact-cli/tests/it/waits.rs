//! Where a provider makes everybody wait, people are told why.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::stage::Stage;

const SUITE: &str = "
cases:
  - id: c1
    goal: find out where my parcel is
    opening: where is my parcel
    expectations: [{ id: says-where, contains: on its way }]
";

/// A user who leaves content.
const LEAVES: &str = r#"{"choices":[{"message":{"content":"{\"act\":\"leave\",\"text\":null,\"discloses\":[],\"reason\":\"satisfied\"}"}}]}"#;

/// Asks to be left alone for three seconds, and then answers.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = read(stream.unwrap());
            let head = if n == 0 { "429 Too Many Requests\r\nretry-after: 3" } else { "200 OK" };
            let body = if n == 0 { "{}" } else { LEAVES };
            let length = body.len();
            write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        }
    });
    format!("http://{address}/v1#m-1")
}

/// Reads one request to its end.
fn read(stream: TcpStream) -> TcpStream {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap(),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    reader.into_inner()
}

#[test]
fn a_wait_that_the_provider_asks_for_is_told_once_with_its_reason() {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    stage.write("agent.yaml", "- It is on its way.\n");
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "script:agent.yaml", "--user-model", &serve()]);
    assert_eq!(told.status, Some(0), "{told:?}");
    let waits: Vec<&str> = told.err.lines().filter(|line| line.contains("waiting")).collect();
    assert!(matches!(waits[..], [wait] if wait.ends_with(" s as it asks (m-1)")), "{told:?}");
}
