//! The one file: what it keeps, what it refuses, and what survives.

use std::path::Path;

use reenact::{Conversation, ErrorKind, Message, Session, Store};

fn session(id: &str, words: &[&str]) -> Session {
    let message = |(n, text): (usize, &&str)| if n % 2 == 0 { Message::user(*text) } else { Message::agent(*text) };
    Session::new(id, words.iter().enumerate().map(message).collect::<Conversation>())
}

fn traces(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn what_was_put_comes_back_whole_with_its_traces() {
    let store = Store::in_memory().unwrap();
    let mut monday = session("monday", &["is the market open", "no, \"closed\" \u{1b}[31m 休市"]);
    monday.source = "mlflow traces/july.jsonl.gz".to_owned();
    monday.started_at = Some("2025-09-01T10:00:00.123456789Z".parse().unwrap());
    monday.metadata.insert("user".to_owned(), "ada".to_owned());

    let mut writer = store.write_sessions().unwrap();
    writer.put(&monday, &traces(&["t1", "t2"])).unwrap();
    writer.commit().unwrap();

    let stored = store.write_sessions().unwrap().get("monday").unwrap().unwrap();
    assert_eq!(stored.session, monday);
    assert_eq!(stored.traces, ["t1", "t2"]);
}

#[test]
fn a_session_put_twice_is_one_session_with_the_later_words() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.write_sessions().unwrap();
    writer.put(&session("a", &["first"]), &[]).unwrap();
    writer.put(&session("a", &["second", "third"]), &traces(&["t"])).unwrap();
    let stored = writer.get("a").unwrap().unwrap();
    assert_eq!(stored.session.conversation.messages.len(), 2);
    assert_eq!(stored.traces, ["t"]);
    writer.commit().unwrap();
}

#[test]
fn a_writer_that_is_dropped_takes_back_what_came_after_its_last_checkpoint() {
    let store = Store::in_memory().unwrap();
    let mut writer = store.write_sessions().unwrap();
    writer.put(&session("kept", &["a"]), &[]).unwrap();
    writer.checkpoint().unwrap();
    writer.put(&session("gone", &["b"]), &[]).unwrap();
    drop(writer);

    let mut writer = store.write_sessions().unwrap();
    assert!(writer.get("kept").unwrap().is_some());
    assert!(writer.get("gone").unwrap().is_none());
}

#[test]
fn a_folder_is_made_for_a_new_store_but_nothing_for_one_that_should_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("store.db");
    let error = Store::open_existing(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.hint_text().unwrap().contains("reenact import"));
    assert!(!path.parent().unwrap().exists());

    drop(Store::open(&path).unwrap());
    Store::open_existing(&path).unwrap();
}

/// Opens what should be refused, and checks that the file is as it was.
fn refused(path: &Path) -> String {
    let before = std::fs::read(path).unwrap();
    let error = Store::open(path).unwrap_err();
    assert_eq!(std::fs::read(path).unwrap(), before);
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.hint_text().is_some());
    error.to_string().replace(&format!("{}: ", path.display()), "")
}

#[test]
fn a_store_from_a_newer_version_is_refused_by_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(Store::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    insta::assert_snapshot!(refused(&path), @"this store has version 99, and this reenact knows versions up to 1");
}

#[test]
fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    insta::assert_snapshot!(refused(&path), @"this SQLite file was made by another program and is not a reenact store");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "dear diary, ".repeat(500)).unwrap();
    insta::assert_snapshot!(refused(&path), @"this file is not a reenact store: it is not a SQLite database");
}

#[test]
fn a_store_cut_short_is_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path).unwrap();
    let mut writer = store.write_sessions().unwrap();
    for n in 0..200 {
        writer.put(&session(&format!("s{n}"), &[&"word ".repeat(300)]), &[]).unwrap();
    }
    writer.commit().unwrap();
    drop(store);
    let whole = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(whole / 2).unwrap();

    insta::assert_snapshot!(refused(&path), @"the store is damaged and cannot be opened");
}

#[test]
fn a_folder_in_the_place_of_the_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("the file or its folder does not allow it"), "{error}");
}

#[test]
fn many_may_open_a_new_store_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::thread::scope(|scope| {
        let opening: Vec<_> = (0..8).map(|_| scope.spawn(|| Store::open(&path).map(drop))).collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
    });
}
