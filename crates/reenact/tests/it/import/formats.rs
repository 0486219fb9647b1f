//! The same two conversations, written in every format, come out the same.

use super::*;

const MARKET: &str = r#"operator: You answer questions about the US stock market.
user: HOW ARE THE MARKETS DOING
agent calls get_quotes({"index":"S&P 500"})
tool get_quotes: {"level":6012.4,"as_of":"2026-02-27"}
agent: The market is open. The S&P 500 is at 6,012.40.
user: it's saturday, markets are CLOSED
agent: You are right, it is closed today. The level is Friday's close.
user: ok
agent: Anything else?
user: ok
agent: Good bye."#;

const SUPPORT: &str = r#"user: my parcel 4711 never came
agent: I am sorry. Shall I send it again, or refund it?
user: refund "please" – 24,90 €
agent: One moment.
agent calls refund({"parcel":4711})
tool refund: done
agent: I have refunded 24,90 €."#;

fn tells_both(name: &str) -> Store {
    let store = Store::temporary().unwrap();
    let imported = import_into(&store, Input::from(fixture(name)));
    assert_eq!((skipped(&imported), unreadable(&imported)), (vec![], vec![]), "{name}");
    assert_eq!(
        (imported.sessions_new, ids(&store)),
        (2, vec!["market-1".to_owned(), "support-1".to_owned()]),
        "{name}"
    );
    assert_eq!(transcript(&store.session("market-1").unwrap()), MARKET, "{name}");
    assert_eq!(transcript(&store.session("support-1").unwrap()), SUPPORT, "{name}");
    store
}

#[test]
fn openai_chat_lines_become_sessions_with_what_stands_beside_them() {
    let store = tells_both("chat.jsonl");
    let market = store.session("market-1").unwrap();
    assert_eq!(market.started_at, "2026-02-28T12:00:00Z".parse().ok());
    assert_eq!(market.metadata["agent"], "market-assistant");
    assert!(market.source.starts_with("openai-chat ") && market.source.ends_with("chat.jsonl"), "{}", market.source);
    let support = store.session("support-1").unwrap();
    assert_eq!((support.metadata["channel"].as_str(), support.metadata["priority"].as_str()), ("web", "2"));
}

#[test]
fn a_json_array_of_chats_is_read_like_lines_of_them() {
    let lines = fixture_text("chat.jsonl");
    let (by_line, _) = imported(&lines);
    let array = format!("[{}]", lines.trim().lines().collect::<Vec<_>>().join(","));
    let (by_array, told) = imported(&array);
    assert_eq!(told.records, 2);
    assert_eq!(all(&by_line), all(&by_array));
}

#[test]
fn a_pretty_printed_array_of_sharegpt_is_read() {
    let store = Store::temporary().unwrap();
    let told = import_into(&store, Input::from(fixture("sharegpt.json")));
    assert_eq!((told.sessions_new, told.records), (2, 2));
    // ShareGPT has no message that both speaks and calls, so a call is a message of its own.
    assert_eq!(transcript(&store.session("market-1").unwrap()), MARKET);
    assert_eq!(transcript(&store.session("support-1").unwrap()), SUPPORT);
}

#[test]
fn traces_of_the_genai_conventions_are_gathered_also_where_only_roots_name_the_session() {
    let store = tells_both("otlp_genai.jsonl");
    let support = store.session("support-1").unwrap();
    for (key, value) in [("model", "demo-1"), ("agent", "desk-agent"), ("user", "user-7"), ("service", "desk")] {
        assert_eq!(support.metadata[key], value);
    }
    let times: Vec<_> = support.conversation.messages.iter().filter_map(|message| message.at).collect();
    assert_eq!((times.len(), times.is_sorted()), (support.conversation.messages.len() - 1, true), "{times:?}");
}

#[test]
fn structured_attributes_and_a_whole_session_in_one_trace_are_read() {
    tells_both("otlp_genai_structured.jsonl");
}

#[test]
fn openinference_attributes_in_one_pretty_printed_document_are_read() {
    tells_both("otlp_openinference.json");
}

#[test]
fn mlflow_traces_are_read_with_their_user_and_tags() {
    let store = tells_both("mlflow.jsonl");
    let market = store.session("market-1").unwrap();
    for (key, value) in [("model", "demo-1"), ("agent", "desk-agent"), ("user", "user-7"), ("team", "support")] {
        assert_eq!(market.metadata[key], value);
    }
}

#[test]
fn a_document_that_wraps_mlflow_traces_is_read_whatever_its_layout() {
    let traces = fixture_text("mlflow.jsonl").trim().lines().collect::<Vec<_>>().join(",");
    for document in [
        format!("{{\"traces\": [{traces}], \"next_page_token\": \"x\"}}"),
        format!("{{\"traces\":\n[\n{traces}\n],\n\"next_page_token\": null}}\n"),
        format!("{{\"next_page_token\": null, \"traces\": [{traces}]}}"),
        format!("[{traces}]"),
    ] {
        let (store, told) = imported(&document);
        assert_eq!(skipped(&told), Vec::<String>::new());
        assert_eq!(transcript(&store.session("market-1").unwrap()), MARKET);
    }
}

#[test]
fn the_sessions_of_this_project_come_back_as_they_went_out() {
    let store = tells_both("mlflow.jsonl");
    let sessions = all(&store);
    let lines: Vec<_> = sessions.iter().map(|session| serde_json::to_string(session).unwrap()).collect();
    let (again, told) = imported(lines.join("\n"));
    assert_eq!(skipped(&told), Vec::<String>::new());
    assert_eq!(all(&again), sessions);
}

#[test]
fn compression_is_told_by_the_first_bytes_and_not_by_the_name() {
    let plain = fixture_text("chat.jsonl");
    let (expected, _) = imported(&plain);
    let zstd = zstd::encode_all(plain.as_bytes(), 1).unwrap();
    let two_members = [gzip(&plain.as_bytes()[..100]), gzip(&plain.as_bytes()[100..])].concat();
    let with_mark = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    for bytes in [gzip(plain.as_bytes()), two_members, zstd, with_mark] {
        let (store, told) = imported(&bytes);
        assert_eq!((told.sessions_new, told.bytes), (2, bytes.len() as u64));
        assert_eq!(all(&store), all(&expected));
    }
}

#[test]
fn content_in_parts_keeps_the_words_and_marks_the_rest() {
    let line = r#"{"id": "parts", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "what is"}, {"type": "image_url", "image_url": {"url": "data:x"}}, "this?"]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "let me look"},
            {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a cat"}]}]},
        {"role": "assistant", "content": null, "refusal": "I cannot say"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}, {"type": "file", "file": {}}, {"type": "hologram"}]},
        {"role": "assistant", "content": null, "function_call": {"name": "end", "arguments": "{}"}},
        {"role": "function", "name": "end", "content": "ok"}]}"#;
    let (store, told) = imported(line.replace('\n', " "));
    assert_eq!(skipped(&told), Vec::<String>::new());
    let expected = "user: what is\n[image]\nthis?\nagent: let me look\nagent calls look({\"at\":1})\ntool look: a cat\n\
                    agent: I cannot say\nuser: [audio]\n[file]\n[hologram]\nagent calls end({})\ntool end: ok";
    assert_eq!(transcript(&store.session("parts").unwrap()), expected);
}

#[test]
fn content_in_events_of_a_span_and_numbered_prompts_are_read() {
    let events = r#"[{"name": "gen_ai.user.message", "attributes": [{"key": "content", "value": {"stringValue": "hi"}}, {"key": "role", "value": {"stringValue": "user"}}]},
                     {"name": "gen_ai.choice", "attributes": [{"key": "content", "value": {"stringValue": "ho"}}]}]"#;
    let details = r#"[{"name": "gen_ai.client.inference.operation.details", "attributes": [
        {"key": "gen_ai.input.messages", "value": {"stringValue": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"hi\"}]}]"}},
        {"key": "gen_ai.output.messages", "value": {"stringValue": "[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\",\"content\":\"ho\"}]}]"}}]}]"#;
    let numbered = r#"{"key": "gen_ai.prompt.0.role", "value": {"stringValue": "user"}}, {"key": "gen_ai.prompt.0.content", "value": {"stringValue": "hi"}},
                      {"key": "gen_ai.completion.0.content", "value": {"stringValue": "ho"}},"#;
    for (events, numbered) in [(events, ""), (details, ""), ("[]", numbered)] {
        let request = format!(
            r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{"traceId": "t", "spanId": "s", "startTimeUnixNano": "5", "endTimeUnixNano": 9,
            "attributes": [{numbered} {{"key": "gen_ai.operation.name", "value": {{"stringValue": "chat"}}}}], "events": {events}}}]}}]}}]}}"#
        );
        let (store, told) = imported(&request);
        assert_eq!(skipped(&told), Vec::<String>::new());
        assert_eq!(transcript(&store.session("t").unwrap()), "user: hi\nagent: ho");
    }
}

#[test]
fn messages_of_a_log_are_put_in_the_order_of_their_times() {
    let line = r#"{"id": "late", "messages": [{"role": "assistant", "content": "ho", "timestamp": 1756713602},
        {"role": "system", "content": "be kind"}, {"role": "user", "content": "hi", "timestamp": "2025-09-01T08:00:01Z"}]}"#;
    let (store, _) = imported(line.replace('\n', " "));
    assert_eq!(transcript(&store.session("late").unwrap()), "operator: be kind\nuser: hi\nagent: ho");
}
