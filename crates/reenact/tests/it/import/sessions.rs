//! How traces and records become sessions: grouped, in order, each message once, however often imported.

use super::*;

const TRACES: [&str; 4] =
    ["otlp_genai.jsonl", "otlp_genai_structured.jsonl", "otlp_openinference.json", "mlflow.jsonl"];

#[test]
fn importing_the_same_file_twice_changes_nothing() {
    for name in TRACES.into_iter().chain(["chat.jsonl", "sharegpt.json"]) {
        let store = Store::temporary().unwrap();
        import_into(&store, Input::from(fixture(name)));
        let before = all(&store);
        let again = import_into(&store, Input::from(fixture(name)));
        assert_eq!((again.sessions_new, again.sessions_grown, again.sessions_unchanged), (0, 0, 2), "{name}");
        assert_eq!(all(&store), before, "{name}");
    }
}

#[test]
fn a_longer_export_of_a_conversation_makes_the_session_grow() {
    for name in ["otlp_genai.jsonl", "mlflow.jsonl"] {
        let whole = fixture_text(name);
        let first_line = whole.lines().next().unwrap();
        let (store, told) = imported(first_line);
        assert_eq!(told.sessions_new, 1);
        let told = import_into(&store, stream(&whole));
        assert_eq!((told.sessions_new, told.sessions_grown), (1, 1), "{name}");
        let (expected, _) = imported(&whole);
        assert_eq!(all(&store), all(&expected), "{name}");
    }
    let (store, _) = imported(chat("s", &["hi"]));
    let told = import_into(&store, stream(chat("s", &["hi", "ho", "bye"])));
    assert_eq!((told.sessions_grown, store.session("s").unwrap().conversation.messages.len()), (1, 3));
    let told = import_into(&store, stream(chat("s", &["hi", "ho"])));
    assert_eq!((told.sessions_unchanged, store.session("s").unwrap().conversation.messages.len()), (1, 3));
}

#[test]
fn two_records_with_one_id_and_other_words_are_not_mixed() {
    let (store, told) = imported(format!("{}\n{}\n", chat("s", &["hi", "ho"]), chat("s", &["refund", "no"])));
    assert_eq!(
        skipped(&told),
        ["log:2: session `s` is already known with other messages (log:1); give one of them another id"]
    );
    assert_eq!(transcript(&store.session("s").unwrap()), "user: hi\nagent: ho");

    let told = import_into(&store, stream(chat("s", &["refund", "no"])));
    assert_eq!(
        skipped(&told),
        [
            "log:1: session `s` is already known with other messages (the store, from openai-chat log); give one of them another id"
        ]
    );
}

#[test]
fn a_conversation_without_an_id_is_named_by_its_content() {
    let line = |text: &str| format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#);
    let (store, told) = imported(format!("{}\n{}\n{}\n", line("a"), line("b"), line("a")));
    assert_eq!((told.records, told.sessions_new), (3, 2));
    let names = ids(&store);
    assert!(names.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{names:?}");
    import_into(&store, stream(line("a")));
    assert_eq!(ids(&store), names);
}

#[test]
fn a_trace_without_a_session_is_a_session_of_its_own() {
    let without = fixture_text("mlflow.jsonl").replace("mlflow.trace.session", "elsewhere");
    let (store, told) = imported(without.lines().next().unwrap());
    assert_eq!(told.sessions_new, 1);
    assert!(ids(&store)[0].starts_with("tr-"), "{:?}", ids(&store));
}

#[test]
fn spans_of_one_trace_that_come_in_several_records_find_together() {
    // The batches of an exporter: calls first, the root that names the session last, or the other way.
    let request: serde_json::Value =
        serde_json::from_str(fixture_text("otlp_genai.jsonl").lines().last().unwrap()).unwrap();
    let spans = request["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    let batch = |span: &serde_json::Value| {
        let mut batch = request.clone();
        batch["resourceSpans"][0]["scopeSpans"][0]["spans"] = serde_json::json!([span]);
        batch.to_string()
    };
    let mut batches: Vec<_> = spans.iter().map(batch).collect();
    let whole = imported(request.to_string()).0;
    for _ in 0..2 {
        let (store, _) = imported(batches.join("\n"));
        assert_eq!(ids(&store), ["support-1"]);
        assert_eq!(transcript(&store.session("support-1").unwrap()), transcript(&whole.session("support-1").unwrap()));
        batches.reverse();
    }
}

#[test]
fn a_folder_is_read_in_order_and_other_things_in_it_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("b.jsonl"), chat("b", &["hi"])).unwrap();
    std::fs::write(folder.path().join("deep/a.gz"), gzip(chat("a", &["hi"]).as_bytes())).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "remember the milk").unwrap();
    std::fs::write(folder.path().join(".hidden"), "x").unwrap();
    let store = Store::temporary().unwrap();
    let told = import_into(&store, Input::from(folder.path()));
    assert_eq!((ids(&store), told.files), (vec!["a".to_owned(), "b".to_owned()], 3));
    assert_eq!((told.unreadable.len(), told.skipped_count), (0, 1));
    assert!(told.skipped[0].what.ends_with("notes.txt"), "{}", told.skipped[0]);
}

#[test]
fn sessions_that_do_not_fit_into_memory_at_once_are_found_again_in_the_store() {
    // Each session is told by two records that lie further apart than what is held.
    let words = "w".repeat(40_000);
    let first = |n: usize| chat(&format!("s{n:03}"), &[&words]);
    let second = |n: usize| chat(&format!("s{n:03}"), &[&words, "ho"]);
    let lines: Vec<_> = (0..600).map(first).chain((0..600).map(second)).collect();
    let (store, told) = imported(lines.join("\n"));
    assert_eq!(skipped(&told), Vec::<String>::new());
    assert_eq!(store.count_sessions(&SessionQuery::default()).unwrap(), 600);
    assert!(all(&store).iter().all(|session| session.conversation.messages.len() == 2));
}
