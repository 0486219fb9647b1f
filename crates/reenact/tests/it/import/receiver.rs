//! Spans that are sent while an agent works must become the sessions that the same spans in a file are.

use futures::executor::block_on;
use proptest::prelude::*;
use reenact::import::receiver::{Encoding, Receipt, Receiver, Refusal};
use serde_json::{Value, json};

use super::packing::{message, request};
use super::*;

const FILES: [&str; 3] = ["otlp_genai.jsonl", "otlp_genai_structured.jsonl", "otlp_openinference.json"];

/// A receiver into a store of its own, on a runtime of its own.
struct Received {
    store: Store,
    receiver: Receiver,
    runtime: tokio::runtime::Runtime,
}

impl Received {
    fn new() -> Received {
        Received::into(Store::temporary().unwrap())
    }

    fn into(store: Store) -> Received {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Received { receiver: Receiver::start(&store).unwrap(), store, runtime }
    }

    fn try_send(&self, bytes: Vec<u8>, encoding: Encoding) -> Result<Receipt, Refusal> {
        let room = self.receiver.room(bytes.len()).unwrap();
        self.runtime.block_on(self.receiver.take(bytes.into(), encoding, room))
    }

    fn send(&self, json: &Value, encoding: Encoding) -> Receipt {
        let bytes = match encoding {
            Encoding::Json => json.to_string().into_bytes(),
            Encoding::Protobuf => request(json),
        };
        self.try_send(bytes, encoding).unwrap()
    }

    fn settle(&self) {
        block_on(self.receiver.settle()).unwrap();
    }

    /// Every session as a conversation is, without where it came from.
    fn sessions(&self) -> Vec<Session> {
        self.settle();
        sourceless(&self.store)
    }
}

fn sourceless(store: &Store) -> Vec<Session> {
    all(store).into_iter().map(|session| Session { source: String::new(), ..session }).collect()
}

/// The requests of a file.
fn requests(name: &str) -> Vec<Value> {
    requests_of(&fixture_text(name))
}

fn requests_of(text: &str) -> Vec<Value> {
    serde_json::Deserializer::from_str(text).into_iter().map(|request| request.unwrap()).collect()
}

/// One request for each span.
fn spans(requests: &[Value]) -> Vec<Value> {
    let mut spans = Vec::new();
    for resource in requests.iter().flat_map(|request| request["resourceSpans"].as_array().unwrap()) {
        for span in
            resource["scopeSpans"].as_array().unwrap().iter().flat_map(|scope| scope["spans"].as_array().unwrap())
        {
            spans.push(
                json!({"resourceSpans": [{"resource": resource["resource"], "scopeSpans": [{"spans": [span]}]}]}),
            );
        }
    }
    spans
}

fn chat_span(trace: u8, span: u8, session: Option<&str>, words: &str) -> Value {
    let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let said =
        |role: &str, text: &str| json!([{"role": role, "parts": [{"type": "text", "content": text}]}]).to_string();
    let mut attributes = vec![
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.input.messages", &said("user", words)),
        attribute("gen_ai.output.messages", &said("assistant", &format!("you said {words}"))),
    ];
    attributes.extend(session.map(|session| attribute("gen_ai.conversation.id", session)));
    let second = u64::from(trace) * 100 + u64::from(span) * 10;
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": format!("{trace:032x}"), "spanId": format!("{span:016x}"), "name": "chat",
        "parentSpanId": if span == 1 { String::new() } else { format!("{:016x}", 1) },
        "startTimeUnixNano": format!("{second}000000000"), "endTimeUnixNano": format!("{}000000000", second + 5),
        "attributes": attributes,
    }]}]}]})
}

#[test]
fn what_is_sent_becomes_the_sessions_that_an_import_of_the_same_makes() {
    for name in FILES {
        let (expected, _) = imported(fixture_text(name));
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let received = Received::new();
            for request in requests(name) {
                let receipt = received.send(&request, encoding);
                assert!(receipt.accepted > 0 && receipt.rejected == 0, "{receipt:?}");
            }
            assert_eq!(received.sessions(), sourceless(&expected), "{name} {encoding:?}");
            assert_eq!(received.receiver.standing().unwrap().traces_waiting, 0);
        }
    }
}

#[test]
fn a_trace_whose_session_is_named_by_its_last_span_leaves_nothing_under_its_own_id() {
    let received = Received::new();
    received.send(&chat_span(1, 2, None, "are you open"), Encoding::Protobuf);
    received.settle();
    assert_eq!(ids(&received.store), [format!("{:032x}", 1)]);
    received.send(&chat_span(1, 1, Some("s-1"), "are you open"), Encoding::Protobuf);
    assert_eq!(received.sessions()[0].id, "s-1");
    assert_eq!(ids(&received.store), ["s-1"]);
}

#[test]
fn a_session_in_which_the_user_speaks_late_is_there_once_the_user_has_spoken() {
    let greeting = |trace| {
        let mut span = chat_span(trace, 1, Some("s-1"), "");
        span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][1]["value"]["stringValue"] = "[]".into();
        span
    };
    let received = Received::new();
    received.send(&greeting(1), Encoding::Json);
    received.settle();
    let standing = received.receiver.standing().unwrap();
    assert_eq!(standing.skipped[0].reason, "session `s-1` has no user message (of 1)");
    received.send(&chat_span(2, 1, Some("s-1"), "hello"), Encoding::Json);
    let sessions = received.sessions();
    assert_eq!(transcript(&sessions[0]), "agent: you said \nuser: hello\nagent: you said hello");
    assert_eq!(received.receiver.standing().unwrap().skipped_count, 0);
}

#[test]
fn what_was_imported_from_a_file_grows_by_what_is_sent() {
    let requests = requests("otlp_genai.jsonl");
    let (expected, _) = imported(fixture_text("otlp_genai.jsonl"));
    let first = requests[0].to_string();
    let (store, _) = imported(&first);
    let received = Received::into(store);
    requests.iter().for_each(|request| drop(received.send(request, Encoding::Protobuf)));
    assert_eq!(received.sessions(), sourceless(&expected));
}

#[test]
fn what_was_taken_is_there_for_the_receiver_that_comes_after_one_that_was_killed() {
    let received = Received::new();
    received.send(&chat_span(1, 1, Some("s-1"), "hello"), Encoding::Protobuf);
    let Received { store, receiver, .. } = received;
    // As little is done at the end as when a process is killed: the trace is not due yet.
    drop(receiver);
    assert!(ids(&store).is_empty());
    assert_eq!(Received::into(store).sessions().len(), 1);
}

#[test]
fn a_span_without_ids_is_rejected_by_itself_with_the_reason() {
    let received = Received::new();
    let mut good = chat_span(1, 1, Some("s-1"), "hello");
    let span = good["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone();
    let without = |key: &str| {
        let mut span = span.clone();
        span[key] = "00".into();
        span
    };
    let all = json!([span, without("traceId"), without("spanId")]);
    good["resourceSpans"][0]["scopeSpans"][0]["spans"] = all;
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let receipt = received.send(&good, encoding);
        assert_eq!((receipt.accepted, receipt.rejected), (1, 2));
        let reason = "1 spans: the span id is empty or 0; 1 spans: the trace id is not 16 bytes of which one is not 0";
        assert_eq!(receipt.reason.as_deref(), Some(reason));
        let told = receipt.to_bytes(encoding);
        assert!(String::from_utf8_lossy(&told).contains(reason));
    }
    let json = received.send(&good, Encoding::Json).to_bytes(Encoding::Json);
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["partialSuccess"]["rejectedSpans"], "2");
    assert_eq!(received.sessions().len(), 1);
}

#[test]
fn a_request_that_is_none_is_refused_as_a_whole() {
    let received = Received::new();
    let reason = |bytes: &[u8], encoding| match received.try_send(bytes.to_vec(), encoding) {
        Err(Refusal::Malformed(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let not_protobuf = "not an `ExportTraceServiceRequest` of OpenTelemetry in protobuf";
    assert_eq!(reason(b"\x0a\xff\x01hello", Encoding::Protobuf), not_protobuf);
    assert_eq!(reason(b"{\"resourceSpans\": 7}", Encoding::Protobuf), not_protobuf);
    assert!(reason(b"{\"resourceSpans\": 7}", Encoding::Json).contains("invalid type"));
    assert!(reason(b"{\"resourceSpans\": [", Encoding::Json).contains("the JSON ends in the middle"));
    assert!(reason(b"\xff", Encoding::Json).contains("not UTF-8"));
    assert_eq!(received.try_send(Vec::new(), Encoding::Protobuf).unwrap(), Receipt::default());
}

/// A list in a list in a list.
fn nested(levels: usize) -> Vec<u8> {
    (0..levels).fold(message(1, b"deep"), |any, _| message(5, &message(1, &any)))
}

#[test]
fn a_value_that_nests_without_end_costs_its_span_and_nothing_else() {
    let received = Received::new();
    for (levels, rejected) in [(10, 0), (100, 1), (20_000, 1)] {
        let attribute = [message(1, b"key"), message(2, &nested(levels))].concat();
        let span = [message(1, &[7; 16]), message(2, &[levels as u8; 8]), message(9, &attribute)].concat();
        let bytes = message(1, &message(2, &message(2, &span)));
        assert_eq!(received.try_send(bytes, Encoding::Protobuf).unwrap().rejected, rejected, "{levels}");
    }
}

#[test]
fn who_sends_more_than_is_held_is_told_to_come_back() {
    let received = Received::new();
    let mut room = received.receiver.room(64 * 1024 * 1024).unwrap();
    assert!(!room.grow(65 * 1024 * 1024));
    assert!(received.receiver.room(65 * 1024 * 1024).is_none());
    drop(room);
    assert!(received.receiver.room(128 * 1024 * 1024).is_some());
}

#[test]
fn a_trace_without_a_conversation_is_told_of_and_makes_no_session() {
    let received = Received::new();
    let mut span = chat_span(1, 1, None, "hello");
    span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = json!([]);
    assert_eq!(received.send(&span, Encoding::Protobuf).accepted, 1);
    assert!(received.sessions().is_empty());
    let standing = received.receiver.standing().unwrap();
    assert_eq!(standing.skipped_count, 1);
    let told = standing.skipped[0].to_string();
    assert!(told.contains("trace 00000000000000000000000000000001: no span holds messages"), "{told}");
}

proptest! {
    // Each case makes stores of its own, and each store is a file.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn spans_make_the_same_sessions_in_any_order_any_pieces_and_sent_twice(
        file in 0..FILES.len(),
        order in Just((0..200usize).collect::<Vec<_>>()).prop_shuffle(),
        twice in any::<prop::sample::Index>(),
        settled in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
        json in any::<bool>(),
    ) {
        let (expected, _) = imported(fixture_text(FILES[file]));
        let spans = spans(&requests(FILES[file]));
        prop_assert!(spans.len() <= 200);
        let mut sent: Vec<&Value> = order.iter().filter_map(|at| spans.get(*at)).collect();
        sent.push(&spans[twice.index(spans.len())]);
        let pauses: Vec<usize> = settled.iter().map(|index| index.index(sent.len())).collect();
        let received = Received::new();
        for (at, span) in sent.into_iter().enumerate() {
            received.send(span, if json { Encoding::Json } else { Encoding::Protobuf });
            if pauses.contains(&at) {
                received.settle();
            }
        }
        prop_assert_eq!(received.sessions(), sourceless(&expected));
    }

    #[test]
    fn no_damage_to_a_request_makes_the_receiver_panic(
        file in 0..FILES.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        json in any::<bool>(),
    ) {
        let received = Received::new();
        let request_json = &requests(FILES[file])[0];
        let mut bytes = if json { request_json.to_string().into_bytes() } else { request(request_json) };
        for (position, byte) in damages {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        let _ = received.try_send(bytes, if json { Encoding::Json } else { Encoding::Protobuf });
        received.settle();
        prop_assert!(received.receiver.standing().unwrap().fault.is_none());
    }
}

/// The corpus of `corpus.rs`, sent span by span in batches as an exporter sends them.
#[test]
#[ignore = "reads the folder that TRACES names"]
fn a_corpus_that_is_sent_becomes_the_sessions_of_its_import() {
    let folder = PathBuf::from(std::env::var_os("TRACES").expect("TRACES names the folder"));
    for name in ["otlp_genai.jsonl", "otlp_genai_structured.jsonl", "otlp_openinference.jsonl", "mlflow_traces.jsonl"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let text = if name.starts_with("mlflow") { otlp_of_mlflow(&text) } else { text };
        let (expected, _) = imported(&text);
        let spans = spans(&requests_of(&text));
        for encoding in [Encoding::Json, Encoding::Protobuf] {
            let received = Received::new();
            for (at, batch) in spans.chunks(50).enumerate() {
                let resources: Vec<&Value> = batch.iter().map(|request| &request["resourceSpans"][0]).collect();
                received.send(&json!({"resourceSpans": resources}), encoding);
                if at % 7 == 0 {
                    received.settle();
                }
            }
            let (sessions, expected) = (received.sessions(), sourceless(&expected));
            let differing: Vec<_> =
                sessions.iter().zip(&expected).filter(|(a, b)| a != b).map(|(a, _)| &a.id).collect();
            println!("{name:32} {encoding:?} sessions {}, differing {differing:?}", sessions.len());
            assert_eq!(sessions.len(), expected.len());
            assert!(differing.is_empty());
        }
    }
}

/// What MLflow's tracer sends over OTLP of the traces that it keeps.
fn otlp_of_mlflow(traces: &str) -> String {
    let mut lines = Vec::new();
    for trace in requests_of(traces) {
        let (id, session) = (&trace["info"]["trace_id"], &trace["info"]["trace_metadata"]["mlflow.trace.session"]);
        let mut spans = Vec::new();
        for (number, span) in trace["data"]["spans"].as_array().unwrap().iter().enumerate() {
            let mut attributes: Vec<Value> = span["attributes"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
                .collect();
            attributes.push(json!({"key": "mlflow.trace.session", "value": {"stringValue": session}}));
            spans.push(json!({
                "traceId": id.as_str().unwrap().trim_start_matches("tr-"), "spanId": format!("{:016x}", number + 1),
                "parentSpanId": if number == 0 { String::new() } else { format!("{:016x}", 1) }, "name": span["name"],
                "startTimeUnixNano": span["start_time_unix_nano"].to_string(),
                "endTimeUnixNano": span["end_time_unix_nano"].to_string(), "attributes": attributes,
            }));
        }
        lines.push(json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string());
    }
    lines.join("\n")
}
