//! `reenact import`: what it prints, and its exit status.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GOOD: &str = r#"{"session_id": "a", "messages": [{"role": "user", "content": "hi"}]}
{"session_id": "b", "messages": [{"role": "user", "content": "ho"}]}
"#;

fn import(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.arg("import").args(args).current_dir(folder).env_remove("REENACT_STORE").output().unwrap()
}

fn folder(log: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("log.jsonl"), log).unwrap();
    folder
}

/// What stands on stdout and stderr, and the exit status.
fn said(output: &Output) -> (&str, &str, Option<i32>) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[test]
fn a_second_import_of_a_file_says_that_nothing_changed() {
    let folder = folder(GOOD);
    let first = import(folder.path(), &["log.jsonl"]);
    assert_eq!(said(&first), ("2 sessions: 2 new, 0 grown, 0 unchanged\n", "", Some(0)));
    let second = import(folder.path(), &["log.jsonl"]);
    assert_eq!(said(&second), ("2 sessions: 0 new, 0 grown, 2 unchanged\n", "", Some(0)));
}

#[test]
fn standard_input_is_read_where_the_path_is_a_dash() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.args(["import", "-"]).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.env_remove("REENACT_STORE").spawn().unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(said(&output), ("2 sessions: 2 new, 0 grown, 0 unchanged\n", "", Some(0)));
}

#[test]
fn the_first_skipped_lines_are_shown_and_the_rest_counted() {
    let folder = folder(&format!("{GOOD}{}", "{\"messages\": 7}\n".repeat(7)));
    let output = import(folder.path(), &["log.jsonl"]);
    let (out, _, status) = said(&output);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((lines.len(), status), (8, Some(0)));
    assert_eq!(lines[1], "skipped 7:");
    assert_eq!(lines[2], "  log.jsonl:3: invalid type: integer `7`, expected a sequence (column 14)");
    assert_eq!(lines[7], "  and 2 more; `reenact import --json` lists them");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_with_a_hint_and_the_others_are_imported() {
    let folder = folder(GOOD);
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    let output = import(folder.path(), &["empty.jsonl", "log.jsonl"]);
    let problem =
        "error: empty.jsonl: the file is empty\n   hint: export the conversations again, or name another file\n";
    assert_eq!(said(&output), ("2 sessions: 2 new, 0 grown, 0 unchanged\n", problem, Some(2)));
}

#[test]
fn strict_writes_nothing_and_says_so() {
    let folder = folder(&format!("{GOOD}{{\n"));
    let output = import(folder.path(), &["log.jsonl", "--strict"]);
    let expected = "nothing was written: --strict refuses an import with problems\nskipped 1:\n  log.jsonl:3: the JSON ends in the middle\n";
    assert_eq!(said(&output), (expected, "", Some(2)));
    let again = import(folder.path(), &["log.jsonl"]);
    assert!(said(&again).0.starts_with("2 sessions: 2 new"), "{:?}", said(&again));
}

#[test]
fn an_unknown_format_is_refused_with_those_that_are_known() {
    let output = import(folder(GOOD).path(), &["log.jsonl", "--format", "yaml"]);
    let (_, problem, status) = said(&output);
    assert!(
        problem.starts_with("error: format `yaml` is not known\n   hint: use one of openai-chat, sharegpt, "),
        "{problem}"
    );
    assert_eq!(status, Some(2));
}

#[test]
fn json_is_the_whole_result_and_nothing_else() {
    let folder = folder(&format!("{GOOD}{{\n"));
    let output = import(folder.path(), &["log.jsonl", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["sessions_new"], &told["skipped_count"], &told["refused"]),
        (&2.into(), &1.into(), &false.into())
    );
    assert_eq!(told["skipped"][0]["what"], "log.jsonl:3");
    assert_eq!(output.status.code(), Some(0));
}
