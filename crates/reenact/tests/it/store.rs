//! The one file: what it keeps, what it refuses, and what survives.

use std::path::Path;

use proptest::prelude::*;
use reenact::{Conversation, ErrorKind, Message, Session, SessionCursor, SessionQuery, Store};

fn session(id: &str, words: &[&str]) -> Session {
    let message = |(n, text): (usize, &&str)| if n % 2 == 0 { Message::user(*text) } else { Message::agent(*text) };
    Session::new(id, words.iter().enumerate().map(message).collect::<Conversation>())
}

fn traces(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn what_was_put_comes_back_whole_with_its_traces() {
    let store = Store::temporary().unwrap();
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
    let store = Store::temporary().unwrap();
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
    let store = Store::temporary().unwrap();
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
    insta::assert_snapshot!(refused(&path), @"this store has version 99, and this reenact knows versions up to 6");
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

fn filled(sessions: &[Session]) -> Store {
    let store = Store::temporary().unwrap();
    let mut writer = store.write_sessions().unwrap();
    for session in sessions {
        writer.put(session, &[]).unwrap();
    }
    writer.commit().unwrap();
    store
}

/// The ids that a query finds, in their order.
fn found(store: &Store, query: &str) -> String {
    let query = query.parse::<SessionQuery>().unwrap();
    let ids: Vec<String> = store.sessions(&query).unwrap().into_iter().map(|summary| summary.id).collect();
    assert_eq!(store.count_sessions(&query).unwrap(), ids.len());
    ids.join(" ")
}

fn three_days() -> Store {
    let day = |id: &str, at: &str, user: &str, words: &[&str]| {
        let mut session = session(id, words);
        session.started_at = Some(at.parse().unwrap());
        session.source = format!("mlflow {id}.jsonl");
        session.metadata.insert("user".to_owned(), user.to_owned());
        session
    };
    filled(&[
        day("aa-mon", "2025-09-01T10:00:00Z", "ada", &["Is the market open?", "The market is CLOSED"]),
        day("aa-tue", "2025-09-02T10:00:00Z", "ben", &["market closed?", "closed, the market is", "why", "a holiday"]),
        day("bb-wed", "2025-09-03T10:00:00Z", "ada", &["我要退款", "好的，款已退"]),
        session("untimed", &["e-mail me"]),
    ])
}

#[test]
fn a_query_finds_by_words_phrases_time_turns_source_and_metadata() {
    let store = three_days();
    assert_eq!(found(&store, ""), "bb-wed aa-tue aa-mon untimed");
    assert_eq!(found(&store, "CLOSED market"), "aa-tue aa-mon");
    assert_eq!(found(&store, r#""market closed""#), "aa-tue");
    assert_eq!(found(&store, r#""market is closed""#), "aa-mon");
    assert_eq!(found(&store, "退款"), "bb-wed");
    assert_eq!(found(&store, "要退款"), "bb-wed");
    assert_eq!(found(&store, "款退"), "");
    assert_eq!(found(&store, "款"), "bb-wed");
    assert_eq!(found(&store, "e-mail"), "untimed");
    assert_eq!(found(&store, "market nothing"), "");
    assert_eq!(found(&store, "after:2025-09-02"), "bb-wed aa-tue");
    assert_eq!(found(&store, "before:2025-09-02T10:00:00Z"), "aa-mon");
    assert_eq!(found(&store, "turns>=2"), "aa-tue");
    assert_eq!(found(&store, "turns:1 market"), "aa-mon");
    assert_eq!(found(&store, "source:MLflow"), "bb-wed aa-tue aa-mon");
    assert_eq!(found(&store, "id:aa"), "aa-tue aa-mon");
    assert_eq!(found(&store, "user:ada"), "bb-wed aa-mon");
    assert_eq!(found(&store, "meta.user=ada closed"), "aa-mon");
}

#[test]
fn a_limit_keeps_the_newest() {
    let store = three_days();
    let query = SessionQuery::default().limit(2);
    let newest: Vec<_> = store.sessions(&query).unwrap();
    assert_eq!(newest.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["bb-wed", "aa-tue"]);
    assert_eq!(newest[1].turns, 2);
    assert_eq!(newest[1].messages, 4);
    assert_eq!(newest[1].opening, "market closed?");
}

#[test]
fn page_by_page_every_session_is_shown_once_in_the_order_of_the_list() {
    let timed = |n: i64| {
        let mut session = session(&format!("s{:02}", n * 7 % 20), &["where is my parcel"]);
        // Two at a time began at the same moment, and of every fifth nobody knows when.
        session.started_at = (n % 5 != 0).then(|| jiff::Timestamp::from_second(1_000 - n / 2).unwrap());
        session
    };
    let store = filled(&(0..20).map(timed).collect::<Vec<_>>());
    for query in ["", "parcel", "\"my parcel\"", "turns:1"] {
        let query: SessionQuery = query.parse().unwrap();
        let all = store.sessions(&query).unwrap();
        assert_eq!((all.len(), store.count_sessions(&query).unwrap()), (20, 20));
        let mut paged = Vec::new();
        let mut page = query.clone().limit(3);
        while let found @ [_, ..] = &store.sessions(&page).unwrap()[..] {
            paged.extend_from_slice(found);
            page = page.behind(SessionCursor::at(&found[found.len() - 1]).to_string().parse().unwrap());
            assert_eq!(store.count_sessions(&page).unwrap(), 20);
        }
        assert_eq!(paged, all);
    }
    assert!("nonsense".parse::<SessionCursor>().is_err() && "x.y".parse::<SessionCursor>().is_err());
}

#[test]
fn a_session_is_no_longer_found_by_words_that_it_has_lost() {
    let store = filled(&[session("a", &["first words"]), session("b", &["first words"])]);
    let mut writer = store.write_sessions().unwrap();
    writer.put(&session("a", &["second words"]), &[]).unwrap();
    writer.commit().unwrap();
    assert_eq!(found(&store, "first"), "b");
    assert_eq!(found(&store, "second"), "a");
    assert_eq!(found(&store, "words"), "a b");
}

#[test]
fn many_small_imports_are_searched_like_one_large_one() {
    let store = Store::temporary().unwrap();
    let mut writer = store.write_sessions().unwrap();
    for n in 0..200 {
        let rest = if n % 3 == 0 { "third" } else { "other" };
        writer.put(&session(&format!("s{n:03}"), &[&format!("common word{n}"), rest]), &[]).unwrap();
        writer.checkpoint().unwrap();
    }
    writer.commit().unwrap();
    assert_eq!(found(&store, "word150"), "s150");
    assert_eq!(found(&store, "common third").split(' ').count(), 67);
    assert_eq!(found(&store, "common").split(' ').count(), 200);
}

#[test]
fn sessions_are_read_one_at_a_time_in_the_order_of_the_list() {
    let store = three_days();
    let read = store.read_sessions(&SessionQuery::default()).unwrap();
    assert_eq!(read.len(), 4);
    let ids: Vec<String> = read.map(|session| session.unwrap().id).collect();
    assert_eq!(ids, ["bb-wed", "aa-tue", "aa-mon", "untimed"]);
}

#[test]
fn a_session_is_known_by_its_id_or_the_start_of_it() {
    let store = three_days();
    assert_eq!(store.session("aa-mon").unwrap().id, "aa-mon");
    assert_eq!(store.session("bb").unwrap().id, "bb-wed");

    let error = store.session("aa").unwrap_err();
    assert!(error.to_string().ends_with("more than one session id starts with `aa`"), "{error}");
    assert_eq!(error.hint_text(), Some("give more of the id: `aa-mon` or `aa-tue`"));

    let error = store.session("aa-mno").unwrap_err();
    assert!(error.to_string().ends_with("there is no session `aa-mno`"), "{error}");
    assert!(error.hint_text().unwrap().starts_with("did you mean `aa-mon`"), "{error:?}");
    assert!(store.session("").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The index is only a faster way to what looking at every text would find.
    #[test]
    fn search_finds_what_reading_everything_would_find(
        texts in prop::collection::vec("[ab退款C ,-]{0,12}", 1..12),
        phrase in "[ab退款c]{1,3}( [ab退款c]{1,2})?",
    ) {
        let sessions: Vec<Session> =
            texts.iter().enumerate().map(|(n, text)| session(&format!("{n:02}"), &[text.as_str()])).collect();
        let store = filled(&sessions);
        let expected: Vec<&str> =
            sessions.iter().filter(|s| read_holds(&texts[s.id.parse::<usize>().unwrap()], &phrase)).map(|s| s.id.as_str()).collect();
        prop_assert_eq!(found(&store, &format!("\"{phrase}\"")), expected.join(" "));
    }
}

/// Words as a reader would count them: letters together, Chinese characters one by one.
fn read_holds(text: &str, phrase: &str) -> bool {
    let words = |text: &str| {
        let spaced: String = text
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphabetic() { c.to_string() } else { format!(" {c} ") })
            .collect();
        spaced.split_whitespace().filter(|word| !matches!(*word, "," | "-")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (text, phrase) = (words(text), words(phrase));
    text.windows(phrase.len()).any(|window| window == phrase)
}

#[test]
fn a_store_that_another_process_has_locked_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Store::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = store.write_sessions().unwrap_err();
    assert!(error.to_string().ends_with("the store cannot be written: another process has locked it"), "{error}");
    assert!(error.hint_text().unwrap().starts_with("wait for the other process"));
}
