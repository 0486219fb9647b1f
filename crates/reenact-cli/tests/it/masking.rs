//! What a recording says of people stays on this machine: everything that a model is sent, and everything that is written, is
//! looked through for it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::stage::{Stage, Told};

/// A recording full of what is somebody's.
const RECORDING: &str = r##"{"session_id": "s-1", "user": "noah.brown", "messages": [
  {"role": "user", "content": "hi, my name is Noah Brown and I want to return order #W7678072, card 4539 1488 0343 6467"},
  {"role": "assistant", "content": "Thank you, Noah. May I have your email and zip code?"},
  {"role": "user", "content": "noah.brown7922@corp.example, 80279. Call me on 212-867-5309."},
  {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find",
    "arguments": "{\"first_name\": \"Noah\", \"last_name\": \"Brown\", \"zip\": \"80279\"}"}}]},
  {"role": "tool", "tool_call_id": "c1", "name": "find", "content": "{\"user_id\": \"noah_brown_6181\", \"dob\": \"1957-10-05\", \"ssn\": \"123-45-6789\", \"token\": \"Zx81mmQp0aLw93Kd\"}"},
  {"role": "assistant", "content": "Order W7678072 of noah_brown_6181 is returned to the card ending in 6467."},
  {"role": "user", "content": "thanks, my password is hunter2x, bye"}]}"##;

/// What of it may stand nowhere else. A word may be a colour or a clock's, so names stand with what is beside them.
const ORIGINALS: [&str; 14] = [
    "noah",
    "brown",
    "w7678072",
    "4539 1488",
    "45391488",
    "6467",
    "7922@corp",
    "80279",
    "867-5309",
    "6181",
    "1957-10-05",
    "123-45-6789",
    "zx81mm",
    "hunter2x",
];

fn is_without_originals(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for original in ORIGINALS {
        assert!(!lower.contains(original), "{what} has {original}: {text}");
    }
}

/// A server that distils by repeating what it was sent, and keeps every request as it came.
struct Repeating {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Repeating {
    fn start() -> Repeating {
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, (tell, told)) = (Arc::clone(&requests), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
                let answer = move |headers: axum::http::HeaderMap, body: Bytes| {
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    kept.lock().unwrap().push(format!("{headers:?} {body}"));
                    async move { axum::Json(answer(&serde_json::from_str(&body).unwrap())) }
                };
                axum::serve(listener, Router::new().route("/{*rest}", axum::routing::post(answer))).await.unwrap();
            });
        });
        Repeating { address: told.recv().unwrap(), requests }
    }

    fn requests(&self) -> String {
        self.requests.lock().unwrap().join("\n")
    }
}

/// A case whose goal and facts are the user's messages; to a user's part, a word.
fn answer(request: &Value) -> Value {
    let answered = |content: Value| {
        let message = json!({"role": "assistant", "content": content.to_string()});
        json!({"model": "m-1", "choices": [{"message": message, "finish_reason": "stop"}]})
    };
    if !request.to_string().contains("distilled_case") {
        return answered(json!({"text": "hello"}));
    }
    let prompt = request["messages"][1]["content"].as_str().unwrap();
    let lines = prompt.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut said = lines.filter(|line| line["speaker"] == "user").map(|line| line["text"].as_str().unwrap().to_owned());
    let goal = said.next().unwrap();
    let fact = |(n, text): (usize, String)| {
        json!({"id": format!("fact {n}"), "text": text,
        "gate": {"kind": "open", "of": null}, "evidence": [{"turn": n + 2, "quote": text}]})
    };
    let case = json!({
        "skip": null, "id": goal, "goal": {"text": goal, "evidence": [{"turn": 1, "quote": goal}]},
        "persona": [], "guidelines": [], "facts": said.enumerate().map(fact).collect::<Vec<_>>(), "opening": goal,
        "patience": {"asks": null, "evidence": []}, "ending": {"kind": null, "evidence": []}, "expectations": [],
    });
    answered(case)
}

fn imported(recording: &str) -> Stage {
    let stage = Stage::new();
    stage.write("log.jsonl", recording.replace('\n', " "));
    assert_eq!(stage.reenact(&["import", "log.jsonl"]).status, Some(0));
    stage
}

/// The program with a gateway on this machine, which is a door to somebody else's models.
fn through_gateway(stage: &Stage, server: &Repeating, args: &[&str]) -> Told {
    let mut command = stage.command(args);
    command.env("MLFLOW_TRACKING_URI", &server.address).env_remove("REENACT_MASK_KEY");
    crate::stage::told(&mut command)
}

#[test]
fn nothing_that_is_somebodys_is_sent_or_written_where_the_model_is_elsewhere() {
    let (stage, server) = (imported(RECORDING), Repeating::start());
    let args = ["distill", "--model", "gateway:/chat", "-o", "suite.yaml", "--record", "made.jsonl", "--json"];
    let told = through_gateway(&stage, &server, &args);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.err.contains("masked ") && told.err.contains("2 × name"), "{told:?}");
    is_without_originals("the request", &server.requests());
    for file in ["suite.yaml", "made.jsonl"] {
        is_without_originals(file, &stage.read(file));
    }
    is_without_originals("the answer", &format!("{}{}", told.out, told.err));
    assert!(stage.read("suite.yaml").contains("my name is "), "what is nobody's stays: {}", stage.read("suite.yaml"));

    // The recorded agent and the recorded user of a masked case say masked words.
    let run = ["run", "suite.yaml", "--agent", "recorded", "--user", "recorded", "--json"];
    let run = stage.reenact(&run);
    assert!(run.out.contains("ending in "), "{run:?}");
    is_without_originals("the run", &run.out);
    let shown = stage.reenact(&["show", run.json()["trials"][0]["case"].as_str().unwrap()]);
    is_without_originals("what is shown", &shown.out);
    let page = stage.reenact(&["report", "latest", "--html", "page.html", "--markdown", "page.md"]);
    assert_ne!(page.status, Some(2), "{page:?}");
    is_without_originals("the page", &(stage.read("page.html") + &stage.read("page.md")));
}

#[test]
fn a_cassette_of_masked_sessions_is_replayed_with_the_same_key_and_refused_with_another() {
    let (stage, server) = (imported(RECORDING), Repeating::start());
    let again = |stage: &Stage, key: &str, model: &str, more: &[&str]| {
        let suite = format!("{key}.yaml");
        let mut command = stage.command([&["distill", "--model", model, "-o", &suite], more].concat());
        command.env("MLFLOW_TRACKING_URI", &server.address).env("REENACT_MASK_KEY", key);
        crate::stage::told(&mut command)
    };
    assert_eq!(again(&stage, "one long secret", "gateway:/chat", &["--record", "made.jsonl"]).status, Some(0));
    let other = imported(RECORDING);
    other.write("made.jsonl", stage.read("made.jsonl"));
    let refused = again(&other, "another secret", "replay:made.jsonl", &[]);
    assert!(refused.refusal().contains("masked by another key"), "{refused:?}");
    let replayed = again(&other, "one long secret", "replay:made.jsonl", &[]);
    assert_eq!(replayed.status, Some(0), "{replayed:?}");
    assert_eq!(other.read("one long secret.yaml"), stage.read("one long secret.yaml"));
}

#[test]
fn questions_for_a_batch_are_masked_and_with_mask_off_they_are_not() {
    for (mask, is_masked) in [("auto", true), ("on", true), ("off", false)] {
        let stage = imported(RECORDING);
        let args = ["distill", "--model", "openai:/gpt-5", "-o", "suite.yaml", "--batch-dir", "batch", "--mask", mask];
        let told = stage.reenact(&args);
        let files: String = stage.files("batch").iter().map(|file| stage.read(format!("batch/{file}"))).collect();
        assert!(files.contains("my name is "), "{told:?}");
        assert_eq!(!files.contains("noah.brown7922@corp.example"), is_masked, "{mask}: {files}");
        if is_masked {
            is_without_originals("the batch", &files);
        }
    }
}

#[test]
fn on_this_machine_nothing_is_masked_unless_it_is_asked_for() {
    let stage = imported(RECORDING);
    assert_eq!(stage.reenact(&["distill", "-o", "plain.yaml"]).status, Some(0));
    assert!(stage.read("plain.yaml").contains("W7678072"), "{}", stage.read("plain.yaml"));
    assert_eq!(stage.reenact(&["distill", "-o", "masked.yaml", "--mask", "on"]).status, Some(0));
    is_without_originals("the suite", &stage.read("masked.yaml"));
    let server = Repeating::start();
    for (suite, is_noted) in [("plain.yaml", true), ("masked.yaml", false)] {
        let run = ["run", suite, "--agent", "recorded", "--user-model", "gateway:/chat", "--max-turns", "1"];
        let told = through_gateway(&stage, &server, &run);
        let note = "1 case of recordings that are not masked; gateway:/chat reads them as they are";
        assert_eq!(told.err.contains(note), is_noted, "{suite}: {told:?}");
    }
}

#[test]
fn a_value_that_comes_through_is_an_error_that_names_the_place_and_not_the_value() {
    let stage = imported(&RECORDING.replace("\"s-1\"", "\"noah.brown7922@corp.example\""));
    let told = stage.reenact(&["distill", "-o", "suite.yaml", "--mask", "on"]);
    let refusal = told.refusal();
    assert!(refusal.contains("origin.session: a value of the recording is still there (email address)"), "{refusal}");
    assert!(!stage.path("suite.yaml").exists());
    is_without_originals("the error", &told.err);
}
