//! Recorded conversations, in every format, good and bad, as a user of the SDK imports them.

use std::io::Write;
use std::path::{Path, PathBuf};

use reenact::import::{Format, Imported, Input, OnProblem, Options, import};
use reenact::{Session, SessionQuery, Speaker, Store};

mod bad_input;
mod corpus;
mod formats;
mod packing;
mod properties;
mod receiver;
mod sessions;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/import").join(name)
}

fn fixture_text(name: &str) -> String {
    std::fs::read_to_string(fixture(name)).unwrap()
}

fn stream(bytes: impl AsRef<[u8]>) -> Input {
    Input::Stream("log".to_owned(), Box::new(std::io::Cursor::new(bytes.as_ref().to_vec())))
}

fn import_into(store: &Store, input: Input) -> Imported {
    import(vec![input], &Options::default(), store, &mut |_| {}).unwrap()
}

fn import_strictly(store: &Store, inputs: Vec<Input>) -> Imported {
    let options = Options { on_problem: OnProblem::Refuse, ..Options::default() };
    import(inputs, &options, store, &mut |_| {}).unwrap()
}

/// What a text imports to, in a store of its own.
fn imported(text: impl AsRef<[u8]>) -> (Store, Imported) {
    let store = Store::temporary().unwrap();
    let imported = import_into(&store, stream(text));
    (store, imported)
}

fn ids(store: &Store) -> Vec<String> {
    let mut ids: Vec<_> =
        store.sessions(&SessionQuery::default()).unwrap().into_iter().map(|summary| summary.id).collect();
    ids.sort();
    ids
}

/// Every session of a store, in the order of their ids.
fn all(store: &Store) -> Vec<Session> {
    ids(store).iter().map(|id| store.session(id).unwrap()).collect()
}

/// A session as lines that a person reads.
fn transcript(session: &Session) -> String {
    let mut lines = Vec::new();
    for message in &session.conversation.messages {
        let who = match message.speaker {
            Speaker::Tool => format!("tool {}", message.name.as_deref().unwrap_or("?")),
            other => format!("{other:?}").to_lowercase(),
        };
        if !message.text.is_empty() {
            lines.push(format!("{who}: {}", layout_free(&message.text)));
        }
        let calls = message.tool_calls.iter();
        lines.extend(calls.map(|call| format!("{who} calls {}({})", call.name, layout_free(&call.arguments))));
    }
    lines.join("\n")
}

/// Tracers write the same JSON with and without blanks.
fn layout_free(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text).map_or_else(|_| text.to_owned(), |value| value.to_string())
}

fn skipped(imported: &Imported) -> Vec<String> {
    imported.skipped.iter().map(ToString::to_string).collect()
}

fn unreadable(imported: &Imported) -> Vec<String> {
    let line = |file: &reenact::import::Unreadable| {
        let name = file.file.file_name().unwrap_or_default().to_string_lossy();
        format!("{name}: {} ({})", file.reason, file.hint)
    };
    imported.unreadable.iter().map(line).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A line of OpenAI chat.
fn chat(id: &str, words: &[&str]) -> String {
    let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
    let messages: Vec<_> = words
        .iter()
        .enumerate()
        .map(|(index, text)| serde_json::json!({"role": role(index), "content": text}))
        .collect();
    serde_json::json!({"session_id": id, "messages": messages}).to_string()
}

fn format(name: &str) -> Format {
    name.parse().unwrap()
}
