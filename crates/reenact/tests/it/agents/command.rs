//! Agents that are programs: what they are told, how they fail, and how they end.

use std::path::Path;

use super::*;

/// The name of an agent that is a shell script.
fn sh(script: &str) -> String {
    format!("cmd:sh -c {}", shell_words::quote(script))
}

#[tokio::test]
async fn each_conversation_has_a_program_of_its_own_that_keeps_its_state_between_turns() {
    let agent = open(&sh(r#"n=0; while read -r line; do n=$((n+1)); echo "{\"reply\":\"$n\"}"; done"#));
    let (mut one, mut other) = (Talk::new(), Talk::new());
    assert_eq!(one.hear(&*agent, "hello").await, "1");
    assert_eq!(one.hear(&*agent, "again").await, "2");
    assert_eq!(other.hear(&*agent, "hello").await, "1");
}

#[tokio::test]
async fn the_request_line_has_the_session_the_turn_the_history_and_the_context() {
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let script = r#"while read -r line; do printf '%s\n' "$line" >> "$1"; echo '{"reply":"hi"}'; done"#;
    let agent = open(&format!("{} sh {}", sh(script), shell_words::quote(seen.to_str().unwrap())));
    let mut talk = Talk::new();
    talk.context.insert("timezone".to_owned(), "UTC".into());
    talk.hear(&*agent, "hello").await;
    talk.hear(&*agent, "é\n\"quoted\"").await;
    insta::assert_snapshot!(std::fs::read_to_string(seen).unwrap());
}

#[tokio::test]
async fn a_program_finds_the_session_and_the_trace_in_its_environment() {
    let agent = open(&sh(r#"read -r line; printf '{"reply":"%s %s %s"}\n' $REENACT_SESSION_ID $TRACEPARENT $BAGGAGE"#));
    insta::assert_snapshot!(Talk::new().hear(&*agent, "hello").await);
}

#[tokio::test]
async fn a_program_gets_the_variables_of_the_settings() {
    let variables = vec![("AGENT_VERSION".to_owned(), "v2".to_owned())];
    let settings = AgentSettings { variables, ..AgentSettings::default() };
    let agent = agent::open(&sh(r#"read -r line; echo "{\"reply\":\"$AGENT_VERSION\"}""#), &settings).unwrap();
    assert_eq!(Talk::new().hear(&*agent, "hello").await, "v2");
}

#[tokio::test]
async fn blank_lines_and_stderr_are_no_answers() {
    let agent = open(&sh(r#"read -r line; echo; echo warming up >&2; echo '  '; echo '{"reply":"hi","end":true}'"#));
    let reply = Talk::new().say(&*agent, "hello").await.unwrap();
    assert_eq!(reply, AgentReply { messages: vec![Message::agent("hi")], ended: true, ..AgentReply::default() });
}

#[tokio::test]
async fn a_program_that_answers_without_reading_is_heard() {
    let agent = open(&sh(r#"exec <&-; echo '{"reply":"hi"}'"#));
    assert_eq!(Talk::new().hear(&*agent, "hello").await, "hi");
}

#[tokio::test]
async fn each_way_of_failing_has_its_kind_and_its_reason() {
    let programs = [
        ("does not exist", "cmd:no-such-program-anywhere --fast".to_owned()),
        ("cannot be started", "cmd:/".to_owned()),
        ("exits at once", sh("echo 'no config' >&2; exit 3")),
        ("is killed", sh("kill -TERM $$")),
        ("prints nonsense", sh("read -r line; echo 'debug on' >&2; echo Welcome")),
        ("prints bytes that are no text", sh(r"read -r line; printf '\377\376\n'")),
        ("answers in another form", sh(r#"read -r line; echo '{"text":"hi"}'"#)),
        ("answers empty", sh(r#"read -r line; echo '{"reply":""}'"#)),
        ("answers with an error", sh(r#"read -r line; echo '{"error":"out of credit"}'"#)),
        ("breaks off in the middle of a line", sh(r#"read -r line; printf '{"reply":"he'"#)),
        (
            "answers with tool calls only",
            sh(r#"read -r line; echo '{"messages":[{"tool_calls":[{"function":{"name":"f"}}]}]}'"#),
        ),
    ];
    let mut told = String::new();
    for (what, name) in programs {
        told.push_str(&format!("{what}\n    {}\n", fault(&*open(&name)).await));
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_program_that_dies_on_turn_two_ends_only_its_own_conversation() {
    let agent = open(&sh(
        r#"read -r line; echo '{"reply":"hi"}'; read -r line; echo 'Traceback:' >&2; echo 'out of memory' >&2; exit 9"#,
    ));
    let (mut one, mut other) = (Talk::new(), Talk::new());
    assert_eq!(one.hear(&*agent, "hello").await, "hi");
    let fault = one.say(&*agent, "and?").await.unwrap_err();
    insta::assert_snapshot!(fault.reason);
    assert_eq!(other.hear(&*agent, "hello").await, "hi");
}

#[tokio::test]
async fn a_program_that_never_answers_meets_the_time_limit() {
    let agent = open_within("cmd:sleep 1000", Duration::from_millis(50));
    assert_eq!(fault(&*agent).await, "TimedOut: `sleep` did not answer within 50ms");
}

#[tokio::test]
async fn a_line_without_an_end_is_cut_off() {
    let fault = fault(&*open(&sh("tr '\\0' x < /dev/zero"))).await;
    assert_eq!(fault, "Malformed: `sh` wrote a line of more than 16777216 bytes");
}

#[tokio::test]
async fn a_key_that_a_program_prints_is_masked() {
    let environment = [("OPENAI_API_KEY", "sk-very-secret")].into_iter().collect();
    let settings = AgentSettings { environment, ..AgentSettings::default() };
    let agent = agent::open(&sh("echo 'bad key sk-very-secret' >&2; exit 1"), &settings).unwrap();
    let fault = fault(&*agent).await;
    assert!(fault.contains("bad key [secret]") && !fault.contains("sk-very"), "{fault}");
}

/// A program, and one that it starts, that both keep a pipe open as long as they live; they answer once.
fn lingering(directory: &Path) -> (String, std::thread::JoinHandle<()>) {
    let pipe = directory.join("alive");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = r#"exec 3>"$1"; sleep 1000 & read -r line; echo '{"reply":"hi"}'; read -r line; wait"#;
    let name = format!("{} sh {}", sh(script), shell_words::quote(pipe.to_str().unwrap()));
    // Ends when the last of them is gone.
    let gone = std::thread::spawn(move || assert!(std::fs::read(pipe).unwrap().is_empty()));
    (name, gone)
}

async fn all_are_gone(gone: std::thread::JoinHandle<()>) {
    let gone = tokio::task::spawn_blocking(|| gone.join().unwrap());
    tokio::time::timeout(LONG, gone).await.expect("a program is still alive").unwrap();
}

/// A program that writes to a pipe when its stdin is closed, and what is read from that pipe.
fn leaving(directory: &Path) -> (String, std::thread::JoinHandle<String>) {
    let pipe = directory.join("traces");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = r#"exec 3>"$1"; read -r line; echo '{"reply":"hi"}'; read -r line; sleep 0.1; echo flushed >&3"#;
    let name = format!("{} sh {}", sh(script), shell_words::quote(pipe.to_str().unwrap()));
    (name, std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap()))
}

#[tokio::test]
async fn when_a_conversation_ends_its_program_may_send_its_traces_first() {
    let directory = tempfile::tempdir().unwrap();
    let (name, traces) = leaving(directory.path());
    let mut talk = Talk::new();
    assert_eq!(talk.hear(&*open(&name), "hello").await, "hi");
    drop(talk);
    assert_eq!(tokio::task::spawn_blocking(|| traces.join().unwrap()).await.unwrap(), "flushed\n");
}

#[test]
fn a_program_may_send_its_traces_also_when_the_runtime_ends_with_the_conversation() {
    let directory = tempfile::tempdir().unwrap();
    let (name, traces) = leaving(directory.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut talk = Talk::new();
        assert_eq!(talk.hear(&*open(&name), "hello").await, "hi");
    });
    drop(runtime);
    assert_eq!(traces.join().unwrap(), "flushed\n");
}

#[tokio::test]
async fn a_program_that_does_not_leave_when_its_conversation_ends_is_stopped_with_all_that_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let (name, gone) = lingering(directory.path());
    let mut talk = Talk::new();
    assert_eq!(talk.hear(&*open(&name), "hello").await, "hi");
    drop(talk);
    all_are_gone(gone).await;
}

#[tokio::test]
async fn when_the_time_is_up_the_program_and_all_that_it_started_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (name, gone) = lingering(directory.path());
    let mut talk = Talk::new();
    assert_eq!(talk.hear(&*open(&name), "hello").await, "hi");
    let impatient = open_within(&name, Duration::from_millis(50));
    assert_eq!(talk.say(&*impatient, "and?").await.unwrap_err().fault, reenact::FaultKind::TimedOut);
    all_are_gone(gone).await;
}
