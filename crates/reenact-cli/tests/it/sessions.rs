//! `reenact sessions`: what it finds, what it prints, and its exit status.

use std::path::Path;
use std::process::{Command, Output};

use reenact::{Conversation, Message, Session, Speaker, Store, ToolCall};
use serde_json::Value;

use crate::stage::Stage;

/// Runs the command on the store in a folder.
fn sessions(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.arg("sessions").args(args).current_dir(folder).env_remove("REENACT_STORE").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What the command prints on stdout when all is well.
fn printed(folder: &Path, args: &[&str]) -> String {
    let output = sessions(folder, args);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    text(&output.stdout).to_owned()
}

fn market() -> Session {
    let mut calling = Message::agent("Let me look.");
    calling.tool_calls.push(ToolCall {
        id: Some("1".into()),
        name: "quote".into(),
        arguments: r#"{"of":"DJI"}"#.into(),
    });
    let mut result = Message::new(Speaker::Tool, "7".repeat(450));
    result.name = Some("quote".into());
    let said = [
        Message::new(Speaker::Operator, "You know the markets."),
        Message::user("HOW ARE THE MARKETS DOING"),
        calling,
        result,
        Message::agent("The market is open.\u{1b}[31m\u{7} It is up, and this sentence is long enough to be wrapped."),
        Message::user("it's saturday, markets are CLOSED"),
    ];
    let mut session = Session::new("8f2c61aa-market", Conversation::from_iter(said));
    session.source = "mlflow july.jsonl".into();
    session.started_at = Some("2025-09-06T10:30:15Z".parse().unwrap());
    session.metadata.insert("user".into(), "ada".into());
    session
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join(".reenact/store.db")).unwrap();
    let mut writer = store.write_sessions().unwrap();
    writer.put(&market(), &[]).unwrap();
    let parcel =
        "My parcel 4711 never came, and I have been waiting for it since the beginning of last month, please help";
    writer.put(&Session::new("8f2c61bb-parcel", Conversation::from_iter([Message::user(parcel)])), &[]).unwrap();
    writer.commit().unwrap();
    folder
}

#[test]
fn a_list_fits_eighty_columns_and_says_how_many_matched() {
    let folder = folder();
    let list = printed(folder.path(), &[]);
    assert!(list.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!(list, @r"
 session    began (UTC)        turns   first words                              
────────────────────────────────────────────────────────────────────────────────
 8f2c61aa   2025-09-06 10:30   2       HOW ARE THE MARKETS DOING
 8f2c61bb                      1       My parcel 4711 never came, and I have
                                       been waiting for it since the beginning
                                       o…

2 sessions
");
    assert!(
        printed(folder.path(), &["--limit", "1"]).ends_with("2 sessions, the newest 1 shown; --limit N shows more\n")
    );
}

#[test]
fn a_short_id_from_the_list_is_enough_to_show_the_session() {
    let folder = folder();
    let list = printed(folder.path(), &["markets"]);
    let short = list.lines().nth(2).unwrap().split_whitespace().next().unwrap();
    assert_eq!(short, "8f2c61aa");
    assert!(printed(folder.path(), &["show", short]).starts_with("session 8f2c61aa-market\n"));
}

#[test]
fn a_session_reads_turn_by_turn_with_long_results_cut_and_marked() {
    let folder = folder();
    let shown = printed(folder.path(), &["show", "8f2c61aa"]);
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
    insta::assert_snapshot!(shown, @r#"
session 8f2c61aa-market
 source   mlflow july.jsonl
 began    2025-09-06 10:30:15 UTC
 user     ada

 turn   who        what                                                         
────────────────────────────────────────────────────────────────────────────────
        operator   You know the markets.
 1      user       HOW ARE THE MARKETS DOING
        agent      Let me look.
                     calls quote {"of":"DJI"}
        tool       quote:
                   777777777777777777777777777777777777777777777777777777777777
                   777777777777777777777777777777777777777777777777777777777777
                   777777777777777777777777777777777777777777777777777777777777
                   777777777777777777777777777777777777777777777777777777777777
                   777777777777777777777777777777777777777777777777777777777777
                   777777777777777777777777777777777777777777777777777777777777
                   7777777777777777777777777777777777777777… [50 more
                   characters; --full shows them]
        agent      The market is open.[31m It is up, and this sentence is long
                   enough to be wrapped.
 2      user       it's saturday, markets are CLOSED
"#);
    let full = printed(folder.path(), &["show", "8f2c61aa", "--full"]);
    assert_eq!(full.matches('7').count(), 450);
}

#[test]
fn json_is_data_and_nothing_else() {
    let folder = folder();
    let found: Value = serde_json::from_str(&printed(folder.path(), &["user:ada", "closed", "--json"])).unwrap();
    assert_eq!(found["matched"], 1);
    assert_eq!(found["sessions"][0]["id"], "8f2c61aa-market");
    assert_eq!(found["sessions"][0]["turns"], 2);
    let shown: Session = serde_json::from_str(&printed(folder.path(), &["show", "8f2c61aa", "--json"])).unwrap();
    assert_eq!(shown, market());
}

#[test]
fn finding_nothing_is_said_and_is_no_error() {
    let folder = folder();
    assert_eq!(printed(folder.path(), &["zebra", "turns>=3"]), "No session matches zebra turns>=3\n");
}

#[test]
fn an_unknown_id_a_bad_query_and_a_missing_store_are_errors_with_hints() {
    let folder = folder();
    let refused = |args: &[&str], folder: &Path| {
        let output = sessions(folder, args);
        assert_eq!((text(&output.stdout), output.status.code()), ("", Some(2)));
        text(&output.stderr).to_owned()
    };
    let unknown = refused(&["show", "8f2c61ax"], folder.path());
    assert!(unknown.contains("there is no session `8f2c61ax`"), "{unknown}");
    assert!(unknown.contains("hint: did you mean `8f2c61aa-market`"), "{unknown}");
    assert!(refused(&["turn>=3"], folder.path()).contains("hint: did you mean `turns`?"));
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(refused(&[], elsewhere.path()).contains("hint: run `reenact import` first"));
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_text_that_is_looked_for_may_be_the_name_of_the_verb_for_one() {
    let folder = folder();
    assert_eq!(printed(folder.path(), &["markets", "show"]), "No session matches markets show\n");
}

#[test]
fn sessions_are_written_as_other_stores_export_them_and_read_back_the_same() {
    let stage = Stage::new();
    let chat = r#"{"session_id": "s-1", "messages": [{"role": "user", "content": "where is my parcel"}, {"role": "assistant", "content": "On its way."},
        {"role": "user", "content": "thank you"}]}"#;
    stage.write("chat.jsonl", chat.replace('\n', " "));
    assert_eq!(stage.reenact(&["import", "chat.jsonl"]).status, Some(0));
    for store in ["langfuse", "langsmith"] {
        let file = format!("{store}.jsonl");
        let told = stage.reenact(&["sessions", "parcel", "--to", store, "-o", &file]);
        assert_eq!(told.out, format!("1 session for {store} in {file}\n"), "{told:?}");
        assert_eq!(stage.reenact(&["--store", "other.db", "import", &file]).status, Some(0));
        let messages =
            |db: &str| stage.reenact(&["--store", db, "sessions", "show", "s-1", "--json"]).json()["messages"].clone();
        let words = |messages: serde_json::Value| -> Vec<serde_json::Value> {
            messages
                .as_array()
                .unwrap()
                .iter()
                .map(|message| serde_json::json!([message["speaker"], message["text"]]))
                .collect()
        };
        assert_eq!(words(messages("other.db")), words(messages(".reenact/store.db")));
        std::fs::remove_file(stage.path("other.db")).unwrap();
    }
    let told = stage.reenact(&["sessions", "--to", "langfuse"]);
    assert_eq!(told.status, Some(2), "{told:?}");
}
