//! A corpus of trace files whose conversations are known: every format must tell them all.
//!
//! ```text
//! TRACES=FOLDER cargo test -p reenact --test it import::corpus -- --ignored --nocapture
//! ```
//!
//! The folder holds `sessions.jsonl` (the conversations, as OpenAI chat), `index.json` (a list with the
//! `conversation_id` of each, in the same order) and the trace files, in that order too.

use reenact::import::read;
use reenact::{Conversation, Message};

use super::*;

/// The files, and whether their conversations have ids.
const FILES: [(&str, bool); 9] = [
    ("otlp_genai.jsonl", true),
    ("otlp_genai_structured.jsonl", true),
    ("otlp_openinference.jsonl", true),
    ("mlflow_traces.jsonl", true),
    ("langsmith_runs.jsonl", true),
    ("langfuse_traces.jsonl", true),
    ("langfuse_observations_v2.json", true),
    ("openai_chat.jsonl", false),
    ("sharegpt.jsonl", false),
];

/// One page of an interface: it ends within a session.
const PAGE: &str = "langfuse_observations_v2.json";

#[test]
#[ignore = "reads the folder that TRACES names"]
fn every_format_tells_every_conversation_of_a_corpus() {
    let folder = PathBuf::from(std::env::var_os("TRACES").expect("TRACES names the folder"));
    let known = records(&folder.join("sessions.jsonl"));
    let ids = conversation_ids(&folder.join("index.json"));
    let mut all_differences = Vec::new();
    for (name, has_ids) in FILES {
        let path = folder.join(name);
        let found = if has_ids { sessions(&path, &ids) } else { records(&path) };
        let compared =
            known.iter().zip(&found).filter_map(|(known, found)| difference(known.as_ref()?, found.as_ref()?));
        let mut differences: Vec<_> = compared.map(|difference| format!("{name}: {difference}")).collect();
        if name == PAGE {
            assert!(differences.pop().is_some_and(|difference| difference.contains("messages became")));
        }
        let count = found.iter().flatten().count();
        println!("{name:32} sessions {count:3}, the same {:3}", count - differences.len());
        assert!(count > 0, "{name} holds no session");
        all_differences.extend(differences);
    }
    assert!(all_differences.is_empty(), "{all_differences:#?}");
}

/// The conversations of a file whose records are whole sessions, in its order.
fn records(path: &Path) -> Vec<Option<Conversation>> {
    let mut found = Vec::new();
    let mut each = |fragment: reenact::import::Fragment| {
        found.push(Some(fragment.messages.into_iter().collect()));
        Ok(())
    };
    let told = read(vec![Input::from(path)], None, &mut each).unwrap();
    assert!(!told.has_problems(), "{told:?}");
    found
}

/// The conversations of a file of traces, in the order of their ids.
fn sessions(path: &Path, ids: &[String]) -> Vec<Option<Conversation>> {
    let store = Store::temporary().unwrap();
    let told = import_into(&store, Input::from(path));
    assert!(!told.has_problems(), "{told:?}");
    let found: Vec<_> = ids.iter().map(|id| store.session(id).ok().map(|session| session.conversation)).collect();
    assert_eq!(found.iter().flatten().count() as u64, told.sessions_new);
    found
}

fn conversation_ids(path: &Path) -> Vec<String> {
    let index: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    index.iter().filter_map(|row| row["conversation_id"].as_str().map(str::to_owned)).collect()
}

/// What differs first, where anything does. A user message that nobody answered leaves no trace, and a
/// call that ShareGPT splits from its text is the same call.
fn difference(known: &Conversation, found: &Conversation) -> Option<String> {
    let (mut known, found) = (plain(known), plain(found));
    if known.len() > found.len() {
        while known.last().is_some_and(|(speaker, _)| *speaker == Speaker::User) {
            known.pop();
        }
    }
    let first = known.iter().zip(&found).position(|(a, b)| a != b);
    match first {
        Some(at) => Some(format!("message {}: {:?} became {:?}", at + 1, known[at], found[at])),
        None if known.len() != found.len() => Some(format!("{} messages became {}", known.len(), found.len())),
        None => None,
    }
}

/// Words, calls and results, each by itself.
fn plain(conversation: &Conversation) -> Vec<(Speaker, String)> {
    let split = |message: &Message| {
        let mut pieces = Vec::new();
        let text = layout_free(message.text.trim());
        if !text.is_empty() || message.speaker == Speaker::Tool {
            pieces.push((message.speaker, text));
        }
        let calls = message.tool_calls.iter();
        pieces.extend(calls.map(|call| (message.speaker, format!("{} {}", call.name, layout_free(&call.arguments)))));
        pieces
    };
    conversation.messages.iter().flat_map(split).collect()
}
