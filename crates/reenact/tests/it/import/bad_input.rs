//! What bad input gets: its place and the reason, and the good input beside it is imported.

use super::*;

/// A good line, the bad one, and a good line: what was said about the bad one.
fn between_good_lines(bad: impl AsRef<[u8]>) -> Vec<String> {
    let lines = [chat("before", &["hi"]).as_bytes(), bad.as_ref(), chat("after", &["hi"]).as_bytes()].join(&b'\n');
    let (store, told) = imported(lines);
    let expected = ["after".to_owned(), "before".to_owned()];
    assert!(expected.iter().all(|id| ids(&store).contains(id)), "good lines are missing: {:?}", ids(&store));
    assert_eq!(told.skipped_count, told.skipped.len() as u64);
    skipped(&told)
}

#[test]
fn a_line_that_is_not_json_is_named() {
    assert_eq!(between_good_lines(r#"{"messages": [}"#), ["log:2: not JSON: expected value (column 15)"]);
    assert_eq!(between_good_lines(r#"{"messages": ["#), ["log:2: the JSON ends in the middle"]);
    assert_eq!(between_good_lines("plain words"), ["log:2: not JSON: expected value (column 1)"]);
}

#[test]
fn invalid_utf8_is_named() {
    let bad = [br#"{"messages": [{"role": "user", "content": ""#.as_slice(), &[0xff, 0xfe], br#""}]}"#].concat();
    assert_eq!(between_good_lines(bad), ["log:2: not UTF-8 (byte 44 of the record)"]);
}

#[test]
fn a_role_that_nobody_knows_is_named_with_those_that_are() {
    let bad = r#"{"id": "x", "messages": [{"role": "user", "content": "a"}, {"role": "narrator", "content": "b"}]}"#;
    assert_eq!(
        between_good_lines(bad),
        [
            "log:2: message 2: role `narrator` is not known; expected user, assistant, system, developer, tool or function"
        ]
    );
    let bad = r#"{"id": "x", "messages": [{"content": "a"}]}"#;
    assert_eq!(between_good_lines(bad), ["log:2: message 1: a message has no role"]);
}

#[test]
fn a_session_without_a_user_message_is_named() {
    let bad = r#"{"id": "x", "messages": [{"role": "assistant", "content": "anybody there?"}]}"#;
    assert_eq!(between_good_lines(bad), ["log:2: session `x` has no user message (of 1)"]);
    let bad = r#"{"id": "x", "messages": []}"#;
    assert_eq!(between_good_lines(bad), ["log:2: session `x` has no messages"]);
}

#[test]
fn a_session_of_one_user_message_is_imported() {
    let (store, told) = imported(chat("one", &["hello?"]));
    assert_eq!((told.sessions_new, transcript(&store.session("one").unwrap())), (1, "user: hello?".to_owned()));
}

#[test]
fn a_record_of_another_shape_is_named() {
    assert_eq!(between_good_lines(r#"{"name": "widget"}"#), ["log:2: there is no `messages` in the record"]);
    let bad = r#"{"messages": "hello"}"#;
    assert_eq!(between_good_lines(bad), ["log:2: invalid type: string \"hello\", expected a sequence (column 20)"]);
}

#[test]
fn a_line_of_fifty_megabytes_neither_stops_the_import_nor_fills_the_message() {
    let long = "x".repeat(50_000_000);
    let told = between_good_lines(format!(r#"{{"id": "x", "messages": [{{"role": "user", "content": "{long}"}}]"#));
    assert_eq!(told, ["log:2: the JSON ends in the middle"]);
    let long = "x".repeat(70_000_000);
    assert_eq!(between_good_lines(format!("{{\"a\": \"{long}\"}}")), ["log:2: the record is larger than 64 MiB"]);
}

#[test]
fn one_bad_trace_of_a_batch_costs_the_others_nothing() {
    let text = fixture_text("otlp_openinference.json");
    let broken = text.replacen(r#""stringValue": "user""#, r#""stringValue": "narrator""#, 1);
    assert_ne!(text, broken);
    let (store, told) = imported(&broken);
    assert_eq!(told.skipped_count, 1);
    let told = skipped(&told);
    assert!(told[0].starts_with("log:1: trace ") && told[0].contains("role `narrator`"), "{told:?}");
    assert_eq!(ids(&store), ["market-1", "support-1"]);
}

#[test]
fn a_trace_without_a_conversation_is_named() {
    let request =
        r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "t1", "spanId": "s", "name": "GET /"}]}]}]}"#;
    let (_, told) = imported(request);
    assert_eq!(skipped(&told), ["log:1: trace t1: no span holds messages or an input and an output"]);
}

#[test]
fn files_that_cannot_be_read_are_named_with_what_to_do_and_the_others_are_imported() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Input::from(path)
    };
    let compressed = gzip(format!("{}\n", chat("gz", &["hi", "ho"])).repeat(1).as_bytes());
    let inputs = vec![
        Input::from(folder.path().join("missing.jsonl")),
        write("empty.jsonl", b""),
        write("blank.jsonl", b"\n \n"),
        write("widgets.jsonl", b"{\"name\": \"widget\"}\n"),
        write("words.txt", b"remember the milk\n"),
        write("cut.gz", &compressed[..compressed.len() - 9]),
        write("good.jsonl", chat("good", &["hi"]).as_bytes()),
    ];
    let store = Store::temporary().unwrap();
    let told = import(inputs, &Options::default(), &store, &mut |_| {}).unwrap();
    let known = "known are openai-chat, sharegpt, otlp, mlflow, langsmith, langfuse, phoenix, reenact";
    assert_eq!(unreadable(&told), [
        "missing.jsonl: there is no such file (check the path)".to_owned(),
        "empty.jsonl: the file is empty (export the conversations again, or name another file)".to_owned(),
        "blank.jsonl: the file is empty (export the conversations again, or name another file)".to_owned(),
        format!("widgets.jsonl: no record is in a known format (line 1: not a conversation or a trace) ({known})"),
        format!("words.txt: no record is in a known format (line 1: not JSON: expected value (column 1)) ({known})"),
        "cut.gz: the compressed data ends in the middle (copy or download the file again; what was complete before the break has been read)".to_owned(),
    ]);
    assert!(ids(&store).contains(&"good".to_owned()));
}

#[test]
fn what_was_complete_before_a_truncation_is_imported() {
    let lines: Vec<_> =
        (0..5_000).map(|n| chat(&format!("s{n}"), &[&format!("{n} {}", n * 7919 % 1000), "ho"])).collect();
    let text = lines.join("\n");
    for whole in [gzip(text.as_bytes()), zstd::encode_all(text.as_bytes(), 1).unwrap()] {
        let (store, told) = imported(&whole[..whole.len() / 2]);
        assert_eq!((told.unreadable.len(), told.skipped_count), (1, 0));
        let count = store.count_sessions(&SessionQuery::default()).unwrap();
        assert!((1..5_000).contains(&count), "{count}");
        assert_eq!(told.sessions_new, count as u64);
        assert_eq!(transcript(&store.session("s0").unwrap()), "user: 0 0\nagent: ho");
    }
}

#[test]
fn a_cut_array_gives_its_complete_elements() {
    let array = format!("[\n{},\n{},\n{{\"id\": \"c\", \"mess", chat("a", &["hi"]), chat("b", &["hi"]));
    let (store, told) = imported(array);
    assert_eq!(ids(&store), ["a", "b"]);
    assert_eq!(skipped(&told), ["log:4: the JSON ends in the middle"]);
}

#[test]
fn strict_writes_nothing_where_anything_is_wrong() {
    for bad in ["{\"messages\": [}".to_owned(), chat("good", &["other", "words"])] {
        let store = Store::temporary().unwrap();
        let told = import_strictly(&store, vec![stream(format!("{}\n{bad}\n", chat("good", &["hi"])))]);
        assert!(told.refused && told.skipped_count == 1 && told.sessions_new == 0, "{told:?}");
        assert_eq!(ids(&store), Vec::<String>::new());
    }
    let store = Store::temporary().unwrap();
    let told = import_strictly(&store, vec![stream(chat("good", &["hi"])), stream("")]);
    assert!(told.refused && ids(&store).is_empty());
    let told = import_strictly(&store, vec![stream(chat("good", &["hi"]))]);
    assert_eq!((told.refused, ids(&store)), (false, vec!["good".to_owned()]));
}

#[test]
fn a_format_that_does_not_fit_is_said_and_one_that_fits_overrides() {
    let forced = |name: &str, text: &str| {
        let store = Store::temporary().unwrap();
        let options = Options { format: Some(format(name)), ..Options::default() };
        let told = import(vec![stream(text)], &options, &store, &mut |_| {}).unwrap();
        (ids(&store), told)
    };
    let (none, told) = forced("sharegpt", &chat("a", &["hi"]));
    assert_eq!((none, told.skipped_count), (vec![], 0));
    assert_eq!(
        unreadable(&told),
        ["log: no record is sharegpt (line 1: there is no `conversations` in the record) \
         (sharegpt is {\"conversations\": [{\"from\", \"value\"}]}; without a given format the content tells)"]
    );
    let both = r#"{"id": "a", "messages": [{"role": "user", "content": "hi"}], "conversations": [{"from": "human", "value": "ho"}]}"#;
    for (name, said) in [("openai-chat", "user: hi"), ("sharegpt", "user: ho")] {
        let store = Store::temporary().unwrap();
        let options = Options { format: Some(format(name)), ..Options::default() };
        import(vec![stream(both)], &options, &store, &mut |_| {}).unwrap();
        assert_eq!(transcript(&store.session("a").unwrap()), said);
    }
}

#[test]
fn ten_thousand_bad_lines_are_counted_and_the_first_thousand_named() {
    let (_, told) = imported(format!("{}\n{}", chat("a", &["hi"]), "{]\n".repeat(10_000)));
    assert_eq!((told.skipped_count, told.skipped.len()), (10_000, 1_000));
}
