//! Imports trace files whose conversations are known and says, for each file, how many came out the same.
//!
//! The folder holds `sessions.jsonl` (the conversations, as OpenAI chat), `index.json` (a list with the
//! `conversation_id` of each, in the same order) and the trace files to check, in that order too.
//!
//! ```text
//! cargo run --release --example import_corpus -- FOLDER
//! ```

use std::path::{Path, PathBuf};

use reenact::import::{Imported, Input, Options, import, read};
use reenact::{Conversation, Message, Speaker, Store};

/// The files, and whether their conversations have ids.
const FILES: [(&str, bool); 6] = [
    ("otlp_genai.jsonl", true),
    ("otlp_genai_structured.jsonl", true),
    ("otlp_openinference.jsonl", true),
    ("mlflow_traces.jsonl", true),
    ("openai_chat.jsonl", false),
    ("sharegpt.jsonl", false),
];

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name the folder of the trace files")?);
    let known = records(&folder.join("sessions.jsonl"))?;
    let ids = conversation_ids(&folder.join("index.json"))?;
    for (name, has_ids) in FILES {
        let path = folder.join(name);
        let found = if has_ids { sessions(&path, &ids)? } else { records(&path)? };
        let differences: Vec<_> =
            known.iter().zip(&found).filter_map(|(known, found)| difference(known, found.as_ref()?)).collect();
        let count = found.iter().flatten().count();
        println!("{name:32} sessions {count:3}, the same {:3}", count - differences.len());
        differences.iter().take(5).for_each(|difference| println!("    {difference}"));
    }
    Ok(())
}

/// The conversations of a file whose records are whole sessions, in its order.
fn records(path: &Path) -> Result<Vec<Option<Conversation>>, AnyError> {
    let mut found = Vec::new();
    let imported = read(vec![Input::from(path)], None, &mut |fragment| {
        found.push(Some(fragment.messages.into_iter().collect()));
        Ok(())
    })?;
    report(&imported);
    Ok(found)
}

/// The conversations of a file of traces, in the order of their ids.
fn sessions(path: &Path, ids: &[String]) -> Result<Vec<Option<Conversation>>, AnyError> {
    let store = Store::in_memory()?;
    let imported = import(vec![Input::from(path)], &Options::default(), &store, &mut |_| {})?;
    report(&imported);
    let mut writer = store.write_sessions()?;
    let found = ids.iter().map(|id| Ok(writer.get(id)?.map(|stored| stored.session.conversation)));
    let found = found.collect::<reenact::Result<Vec<_>>>()?;
    if found.iter().flatten().count() as u64 != imported.sessions_new {
        println!("    {} sessions were new", imported.sessions_new);
    }
    Ok(found)
}

fn report(imported: &Imported) {
    imported.skipped.iter().for_each(|problem| println!("    {problem}"));
    imported.unreadable.iter().for_each(|file| println!("    {}: {}", file.file.display(), file.reason));
}

fn conversation_ids(path: &Path) -> Result<Vec<String>, AnyError> {
    let index: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path)?)?;
    Ok(index.iter().filter_map(|row| row["conversation_id"].as_str().map(str::to_owned)).collect())
}

/// What differs first, where anything does. A user message that nobody answered leaves no trace, and a
/// call that ShareGPT splits from its text is the same call.
fn difference(known: &Option<Conversation>, found: &Conversation) -> Option<String> {
    let (mut known, found) = (plain(known.as_ref()?), plain(found));
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
        let text = json(message.text.trim());
        if !text.is_empty() || message.speaker == Speaker::Tool {
            pieces.push((message.speaker, text));
        }
        let calls = message.tool_calls.iter();
        pieces.extend(calls.map(|call| (message.speaker, format!("{} {}", call.name, json(&call.arguments)))));
        pieces
    };
    conversation.messages.iter().flat_map(split).collect()
}

/// JSON in one layout, so that only its content is compared.
fn json(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text).map_or_else(|_| text.to_owned(), |value| value.to_string())
}
