//! `reenact check`: what it prints, and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

const GOOD: &str = "cases:\n  - { id: a, goal: refund, expectations: [the amount is named] }\n";
const BAD: &str = "cases:\n  - gaol: refund\n    patience: 0\n";

/// Runs the command in a folder, where nothing else of it may be left behind.
fn check(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.arg("check").args(args).current_dir(folder).env_remove("REENACT_STORE").output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), GOOD).unwrap();
    std::fs::write(folder.path().join("bad.yaml"), BAD).unwrap();
    folder
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_good_suite_is_one_line_and_leaves_no_store() {
    let folder = folder();
    let output = check(folder.path(), &["good.yaml"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("1 case, no problems\n", ""));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn every_problem_stands_with_its_place_and_the_fix_below_it() {
    let output = check(folder().path(), &["bad.yaml"]);
    let expected = "bad.yaml:2: `gaol` is not a key of a case
    did you mean `goal`?
bad.yaml:3: `patience` is `0`, expected a whole number from 1
    write a number such as `2`, without quotes
2 problems
";
    assert_eq!((text(&output.stdout), output.status.code()), (expected, Some(2)));
}

#[test]
fn json_is_a_list_of_problems_and_nothing_else() {
    let folder = folder();
    let bad = check(folder.path(), &["--json", "bad.yaml", "good.yaml"]);
    let problems: Value = serde_json::from_slice(&bad.stdout).unwrap();
    let first = json!({ "file": "bad.yaml", "line": 2, "what": "`gaol` is not a key of a case", "fix": "did you mean `goal`?" });
    assert_eq!((problems.as_array().unwrap().len(), &problems[0], bad.status.code()), (2, &first, Some(2)));
    let good = check(folder.path(), &["--json", "good.yaml"]);
    assert_eq!((text(&good.stdout), good.status.code()), ("[]\n", Some(0)));
}

#[test]
fn a_file_that_is_not_there_does_not_hide_the_others() {
    let output = check(folder().path(), &["missing.yaml", "bad.yaml", "good.yaml"]);
    assert!(text(&output.stderr).starts_with("error: missing.yaml: there is no such file\n"));
    assert!(
        text(&output.stdout).contains("bad.yaml:2:") && text(&output.stdout).contains("good.yaml: 1 case, no problems")
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_case_that_can_never_pass_is_noted_and_is_no_problem() {
    let folder = folder();
    let cases: String = (1..=7).map(|n| format!("- {{ id: c{n}, goal: g }}\n")).collect();
    std::fs::write(folder.path().join("empty.yaml"), cases).unwrap();
    let output = check(folder.path(), &["empty.yaml"]);
    let note = "note: empty.yaml: 7 cases have no expectations and can pass only by a judge that the run names: `c1`, `c2`, `c3`, `c4`, `c5` and 2 more\n";
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("7 cases, no problems\n", note));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn without_a_file_the_usage_is_told() {
    let output = check(folder().path(), &[]);
    assert!(text(&output.stderr).contains("<SUITE>"));
    assert_eq!(output.status.code(), Some(2));
}
