//! Spans that are sent to `reenact serve`, over HTTP and over gRPC.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

use super::packing;
use crate::served::{Answer, Served};

const JSON: &str = "Content-Type: application/json";
const PROTOBUF: &str = "Content-Type: application/x-protobuf";

/// What a user said and an agent answered, in a trace of one span.
fn traces(trace: u64, session: &str, words: &str) -> Value {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let said =
        |role: &str, text: &str| json!([{"role": role, "parts": [{"type": "text", "content": text}]}]).to_string();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": format!("{trace:032x}"), "spanId": format!("{trace:016x}"), "name": "chat",
        "startTimeUnixNano": format!("{trace}000000000"), "endTimeUnixNano": format!("{trace}500000000"),
        "attributes": [
            attribute("gen_ai.operation.name", "chat"),
            attribute("gen_ai.conversation.id", session),
            attribute("gen_ai.input.messages", &said("user", words)),
            attribute("gen_ai.output.messages", &said("assistant", &format!("you said {words}"))),
        ],
    }]}]}]})
}

/// The same with a span that has no id.
fn with_a_bad_span(mut traces: Value) -> Value {
    let spans = traces["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array_mut().unwrap();
    let mut bad = spans[0].clone();
    bad["spanId"] = "".into();
    spans.push(bad);
    traces
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn post(served: &Served, headers: &[&str], body: &[u8]) -> Answer {
    served.ask("POST", "/v1/traces", headers, body)
}

/// The ids of the sessions, once there are so many.
fn sessions(served: &Served, count: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let listed = served.get("/api/sessions").json();
        let listed = listed["sessions"].as_array().unwrap();
        if listed.len() >= count {
            let mut ids: Vec<_> = listed.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect();
            ids.sort();
            return ids;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{listed:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn spans_become_sessions_in_every_encoding() {
    let served = Served::start(&[]);
    let told = post(&served, &[JSON], traces(1, "json", "hello").to_string().as_bytes());
    assert_eq!((told.status, told.header("content-type"), &*told.body), (200, Some("application/json"), "{}"));
    let told = post(&served, &[PROTOBUF], &packing::request(&traces(2, "protobuf", "hello")));
    assert_eq!((told.status, told.header("content-type"), &*told.body), (200, Some("application/x-protobuf"), ""));
    let packed = gzip(&packing::request(&traces(3, "gzip", "hello")));
    assert_eq!(post(&served, &[PROTOBUF, "Content-Encoding: gzip"], &packed).status, 200);
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(traces(4, "deflate", "hello").to_string().as_bytes()).unwrap();
    assert_eq!(post(&served, &[JSON, "Content-Encoding: deflate"], &deflate.finish().unwrap()).status, 200);
    assert_eq!(sessions(&served, 4), ["deflate", "gzip", "json", "protobuf"]);
    let standing = served.get("/api/receiver").json();
    assert_eq!((&standing["accepted"], &standing["traces_waiting"]), (&json!(4), &json!(0)));
}

#[test]
fn what_was_answered_for_is_there_after_the_program_was_killed() {
    let mut served = Served::start(&[]);
    for turn in 1..=3 {
        let told = post(&served, &[JSON], traces(turn, "s-1", &format!("words {turn}")).to_string().as_bytes());
        assert_eq!(told.status, 200);
    }
    served.kill_and_start_again();
    assert_eq!(sessions(&served, 1), ["s-1"]);
    let began = Instant::now();
    while served.get("/api/receiver").json()["traces_waiting"] != 0 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let listed = served.get("/api/sessions").json();
    assert_eq!(listed["sessions"][0]["messages"], 6, "{listed}");
}

#[test]
fn what_is_not_quiet_yet_is_in_the_store_when_the_program_was_stopped() {
    let served = Served::start(&[]);
    let mut part = traces(1, "s-1", "hello");
    part["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["parentSpanId"] = "00000000000000aa".into();
    assert_eq!(post(&served, &[JSON], part.to_string().as_bytes()).status, 200);
    let store = served.stage.path(".reenact/store.db");
    let copied = tempfile::tempdir().unwrap();
    let folder = copied.path().join("store.db");
    assert_eq!(served.get("/api/receiver").json()["traces_waiting"], 1);
    // The stage goes with the program, so its store is copied once it has stopped.
    let told = served.stop_and(|| std::fs::copy(&store, &folder).unwrap());
    assert_eq!(told.status, Some(0), "{told:?}");
    let store = reenact::Store::open_existing(&folder).unwrap();
    assert_eq!(store.session("s-1").unwrap().conversation.messages.len(), 2);
}

#[test]
fn spans_that_cannot_be_kept_are_told_of_and_the_others_are_kept() {
    let served = Served::start(&[]);
    let bad = with_a_bad_span(traces(1, "s-1", "hello"));
    let told = post(&served, &[JSON], bad.to_string().as_bytes());
    let partial = json!({"partialSuccess": {
        "rejectedSpans": "1", "errorMessage": "1 spans: the span id is empty or 0"}});
    assert_eq!((told.status, told.json()), (200, partial));
    let told = post(&served, &[PROTOBUF], &packing::request(&bad));
    assert_eq!((told.status, &*told.body), (200, "\n&\u{8}\u{1}\u{12}\"1 spans: the span id is empty or 0"));
    assert_eq!(sessions(&served, 1), ["s-1"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason_and_is_not_to_be_sent_again() {
    let served = Served::start(&[]);
    let refused = |headers: &[&str], body: &[u8]| {
        let told = post(&served, headers, body);
        assert_eq!(told.header("retry-after"), None);
        (told.status, told.body)
    };
    let (status, body) = refused(&[JSON], b"{\"resourceSpans\": [");
    assert_eq!((status, &*body), (400, r#"{"code":3,"message":"the JSON ends in the middle"}"#));
    let (status, body) = refused(&[PROTOBUF], b"\x0a\xff");
    assert_eq!(status, 400);
    assert!(body.contains("not an `ExportTraceServiceRequest`"), "{body}");
    let (status, body) = refused(&["Content-Type: application/xml"], b"<traces/>");
    assert_eq!(status, 415);
    assert!(body.contains("expected application/x-protobuf or application/json"), "{body}");
    let (status, body) = refused(&[JSON, "Content-Encoding: br"], b"x");
    assert_eq!(status, 415);
    assert!(body.contains("the compression `br` is not read"), "{body}");
    let (status, body) = refused(&[JSON, "Content-Encoding: gzip"], b"no gzip");
    assert_eq!(status, 400);
    assert!(body.contains("the compressed data is damaged"), "{body}");
    let half = gzip(b"{\"resourceSpans\": []}");
    assert_eq!(refused(&[JSON, "Content-Encoding: gzip"], &half[..half.len() / 2]).0, 400);
}

#[test]
fn a_small_body_that_inflates_to_a_large_one_is_refused_before_it_does() {
    let served = Served::start(&[]);
    let bomb = gzip(&vec![b' '; 300 * 1024 * 1024]);
    assert!(bomb.len() < 4 * 1024 * 1024);
    let told = post(&served, &[JSON, "Content-Encoding: gzip"], &bomb);
    assert_eq!(told.status, 413);
    assert!(told.body.contains("the request is larger than 64 MiB"), "{told:?}");
    assert_eq!(post(&served, &[JSON], b"{\"resourceSpans\": []}").status, 200);
}

#[test]
fn spans_come_from_programs_that_may_and_from_no_page_of_another_site() {
    let served = Served::start(&["--token", "0123456789abcdef"]);
    let body = traces(1, "s-1", "hello").to_string();
    let status = |headers: &[&str]| post(&served, headers, body.as_bytes()).status;
    assert_eq!(status(&[JSON]), 401);
    assert_eq!(status(&[JSON, "Authorization: Bearer wrong"]), 401);
    assert_eq!(status(&[JSON, "Authorization: Bearer 0123456789abcdef"]), 200);
    let open = Served::start(&[]);
    let status = |headers: &[&str]| post(&open, headers, body.as_bytes()).status;
    assert_eq!(status(&[JSON, "Origin: https://example.com"]), 403);
    assert_eq!(status(&["Content-Type: text/plain"]), 403);
    assert_eq!(status(&[JSON, "Host: example.com"]), 421);
    assert_eq!(status(&[JSON]), 200);
}

/// What a gRPC call told: the message, without its frame, and the trailers.
struct Called {
    status: u16,
    message: Vec<u8>,
    trailers: HeaderMap,
}

impl Called {
    fn trailer(&self, name: &str) -> &str {
        self.trailers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One call of `Export` over HTTP/2 without TLS.
fn call(served: &Served, headers: &[(&'static str, &'static str)], body: Vec<u8>) -> Called {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(&served.address).await.unwrap();
        let io = TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let mut request = hyper::Request::post(format!("http://{}/{path}", served.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        let (status, head) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap();
        let trailers = body.trailers().cloned().unwrap_or(head);
        let message = body.to_bytes().get(5..).unwrap_or_default().to_vec();
        Called { status, message, trailers }
    })
}

fn framed(message: &[u8], compressed: u8) -> Vec<u8> {
    [&[compressed][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

#[test]
fn spans_come_over_grpc_at_the_same_port() {
    let served = Served::start(&[]);
    let told = call(&served, &[], framed(&packing::request(&traces(1, "plain", "hello")), 0));
    assert_eq!((told.status, told.trailer("grpc-status"), &*told.message), (200, "0", &b""[..]));
    let packed = gzip(&packing::request(&traces(2, "gzip", "hello")));
    let told = call(&served, &[("grpc-encoding", "gzip")], framed(&packed, 1));
    assert_eq!(told.trailer("grpc-status"), "0");
    let told = call(&served, &[], framed(&packing::request(&with_a_bad_span(traces(3, "partial", "hello"))), 0));
    assert_eq!((told.trailer("grpc-status"), &told.message[4..6]), ("0", &b"\x12\""[..]));
    assert_eq!(sessions(&served, 3), ["gzip", "partial", "plain"]);
}

#[test]
fn a_call_over_grpc_that_is_refused_says_why_in_its_trailers() {
    let served = Served::start(&["--token", "0123456789abcdef"]);
    let good = || framed(&packing::request(&traces(1, "s-1", "hello")), 0);
    assert_eq!(call(&served, &[], good()).status, 401);
    let token = ("authorization", "Bearer 0123456789abcdef");
    assert_eq!(call(&served, &[token], good()).trailer("grpc-status"), "0");
    let told = call(&served, &[token], framed(b"\x0a\xff", 0));
    assert_eq!((told.status, told.trailer("grpc-status")), (200, "3"));
    assert!(told.trailer("grpc-message").starts_with("not%20an%20"));
    assert_eq!(call(&served, &[token], b"\0\0\0\0\x09x".to_vec()).trailer("grpc-status"), "3");
    assert_eq!(call(&served, &[token], Vec::new()).trailer("grpc-status"), "3");
    let told = call(&served, &[token, ("grpc-encoding", "snappy")], framed(b"x", 1));
    assert_eq!(told.trailer("grpc-status"), "12");
}
