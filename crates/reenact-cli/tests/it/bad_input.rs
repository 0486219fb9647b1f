//! What bad input gets: an error that names the file and the place and says what to do, status 2, and nothing lost.

use std::process::Stdio;

use rusqlite::Connection;

use crate::stage::{Stage, Told, told};

const GOOD_LINE: &str = r#"{"id":"good","messages":[{"role":"user","content":"where is my parcel"},{"role":"assistant","content":"Which one?"},{"role":"user","content":"number 4711"}]}"#;

/// Imports one file beside the name that it gets, and looks at how many sessions are stored.
fn import(name: &str, content: impl AsRef<[u8]>) -> (Told, usize) {
    let stage = Stage::new();
    stage.write(name, content);
    let told = stage.reenact(&["import", name]);
    let stored = stage.reenact(&["sessions", "--json"]).json()["matched"].as_u64().unwrap();
    (told, stored as usize)
}

/// Lines that are bad each in its own way, between two good ones: the bad one is named, and the rest is there.
#[track_caller]
fn skips(bad: &str, why: &str) {
    let good = GOOD_LINE.replace(r#""id":"good""#, r#""id":"better""#);
    let (told, stored) = import("chats.jsonl", format!("{GOOD_LINE}\n{bad}\n{good}\n"));
    assert_eq!((told.status, stored), (Some(0), 2), "{told:?}");
    assert!(told.out.contains("skipped 1:\n  chats.jsonl:2: ") && told.out.contains(why), "{told:?}");
}

#[test]
fn a_bad_line_is_skipped_by_its_place_and_the_others_are_kept() {
    skips("not json", "not JSON");
    skips(r#"{"messages":[{"role":"assistant","content":"hello"}]}"#, "has no user message");
    skips(r#"{"messages":[]}"#, "has no messages");
    skips(
        r#"{"messages":[{"role":"user","content":"a"},{"role":"wizard","content":"b"}]}"#,
        "role `wizard` is not known",
    );
    skips(r#"{"messages":[{"role":"user","content":"a"}"#, "the JSON ends in the middle");
    skips(r#"{"id":"good","messages":[{"role":"user","content":"other"}]}"#, "session `good` is already known");
    skips(r#"{"messages":7}"#, "");
}

#[test]
fn a_strict_import_of_the_same_writes_nothing() {
    let stage = Stage::new();
    stage.write("chats.jsonl", format!("{GOOD_LINE}\nnot json\n"));
    let told = stage.reenact(&["import", "--strict", "chats.jsonl"]);
    assert_eq!(told.status, Some(2), "{told:?}");
    assert!(told.out.contains("nothing was written") && told.out.contains("chats.jsonl:2: "), "{told:?}");
    assert_eq!(stage.reenact(&["sessions", "--json"]).json()["matched"], 0);
}

#[test]
fn odd_sessions_that_are_whole_are_sessions() {
    let one = r#"{"messages":[{"role":"user","content":"only this"}]}"#;
    let parts = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:x"}}]},{"role":"assistant","content":null},{"role":"user","content":"well?"}]}"#;
    let (told, stored) = import("chats.jsonl", format!("{one}\n{parts}\n"));
    assert_eq!((told.status, stored), (Some(0), 2), "{told:?}");
}

#[test]
fn a_file_that_gives_nothing_is_named_with_what_to_do() {
    let unknown = r#"{"rows": []}"#;
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b];
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty.jsonl", b"", "the file is empty"),
        ("cut.jsonl.gz", &gzip, "the compressed data ends in the middle"),
        ("latin.jsonl", b"{\"messages\":[{\"role\":\"user\",\"content\":\"caf\xe9\"}]}\n", "not UTF-8"),
        ("unknown.json", unknown.as_bytes(), "no record is in a known format"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0", "no record is in a known format"),
    ];
    for (name, content, why) in cases {
        let (told, stored) = import(name, content);
        assert_eq!((told.status, stored), (Some(2), 0), "{told:?}");
        assert!(told.err.contains(&format!("error: {name}: ")) && told.err.contains(why), "{name}: {told:?}");
        assert!(told.err.contains("hint: "), "{name}: {told:?}");
    }
}

#[test]
fn a_file_that_is_not_there_does_not_keep_the_others_out() {
    let stage = Stage::new();
    stage.write("chats.jsonl", GOOD_LINE);
    let told = stage.reenact(&["import", "missing.jsonl", "chats.jsonl"]);
    assert_eq!(told.status, Some(2), "{told:?}");
    assert!(told.err.contains("error: missing.jsonl: there is no such file"), "{told:?}");
    assert!(told.out.starts_with("1 session: 1 new"), "{told:?}");
}

#[test]
fn a_store_that_cannot_be_used_is_named_and_left_as_it_is() {
    let stage = Stage::with_parcels();
    stage.write("text.db", "shopping list");
    Connection::open(stage.path("foreign.db")).unwrap().execute_batch("CREATE TABLE birds (name)").unwrap();
    stage.write("chats.jsonl", GOOD_LINE);
    assert_eq!(stage.reenact(&["import", "chats.jsonl", "--store", "newer.db"]).status, Some(0));
    Connection::open(stage.path("newer.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
    std::fs::create_dir(stage.path("folder.db")).unwrap();
    let stores = [
        ("text.db", "not a SQLite database"),
        ("foreign.db", "made by another program"),
        ("newer.db", "this store has version 99"),
        ("folder.db", "does not allow it"),
        ("text.db/store.db", ""),
    ];
    for (store, why) in stores {
        let before = std::fs::read(stage.path(store)).ok();
        for verb in [
            &["import", "chats.jsonl"][..],
            &["sessions"],
            &["distill", "-o", "out.yaml"],
            &["run", "suite.yaml", "--agent", "recorded"],
            &["run", "--resume", "latest"],
            &["judge"],
            &["report"],
            &["show", "parcel"],
        ] {
            let refused = stage.reenact(&[verb, &["--store", store]].concat());
            let place = if store.contains('/') { "text.db" } else { store };
            assert!(refused.refusal().contains(place) && refused.err.contains(why), "{verb:?}: {refused:?}");
            assert!(refused.err.contains("hint: "), "{verb:?}: {refused:?}");
        }
        assert_eq!(std::fs::read(stage.path(store)).ok(), before, "{store}");
    }
    assert!(!stage.path("out.yaml").exists());
}

#[test]
fn a_store_that_another_program_is_writing_is_read_and_waited_for() {
    let stage = Stage::new();
    stage.write("chats.jsonl", GOOD_LINE);
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    let other = Connection::open(stage.path(".reenact/store.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(stage.reenact(&["sessions", "--json"]).json()["matched"], 1);
    stage.write("chats.jsonl", GOOD_LINE.replace("good", "late"));
    let refused = stage.reenact(&["import", "chats.jsonl"]);
    assert!(refused.refusal().contains("another process has locked it"), "{refused:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).out, "1 session: 1 new, 0 grown, 0 unchanged\n");
}

#[test]
fn without_a_store_nothing_is_made_and_the_first_step_is_named() {
    let stage = Stage::new();
    for verb in [
        &["sessions"][..],
        &["distill", "-o", "s.yaml"],
        &["report"],
        &["judge"],
        &["show", "x"],
        &["run", "--resume", "latest"],
    ] {
        let refused = stage.reenact(verb);
        assert!(refused.refusal().contains("there is no store here yet"), "{refused:?}");
        assert!(refused.err.contains("reenact import"), "{refused:?}");
    }
    assert_eq!(stage.files("."), [""; 0]);
}

#[test]
fn names_that_nothing_has_are_refused_before_anything_is_begun() {
    let stage = Stage::with_parcels();
    stage.write("chats.jsonl", GOOD_LINE);
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    assert_eq!(stage.run_parcels(&[]).status, Some(0));
    let run: &[&str] = &["run", "suite.yaml", "--agent"];
    for (args, named) in [
        (&["sessions", "show", "godo"][..], "`godo`"),
        (&["distill", "godo", "-o", "out.yaml"], "`godo`"),
        (&["distill", "-o", "out.yaml", "--query", "zebra"], "no session"),
        (&["distill", "-o", "out.yaml", "--model", "gtp"], "`gtp`"),
        (&["distill", "-o", "out.txt"], "out.txt"),
        (&["report", "0000"], "`0000`"),
        (&["judge", "0000"], "`0000`"),
        (&["run", "--resume", "0000"], "`0000`"),
        (&["show", "parcle"], "`parcle`"),
        (&["show", "parcel/9"], "parcel/9"),
        (&[run, &["gpt-5"]].concat(), "`gpt-5`"),
        (&[run, &["cmd:"]].concat(), "`cmd:`"),
        (&[run, &["cmd:sh -c 'open"]].concat(), "closing quote"),
        (&[run, &["script:none.yaml"]].concat(), "none.yaml"),
        (&[run, &["http://"]].concat(), "http://"),
        (&[run, &["recorded", "--user-model", "gtp"]].concat(), "`gtp`"),
        (&[run, &["recorded", "--judge-model", "openai:/gpt-5"]].concat(), "OPENAI_API_KEY"),
        (&["import", "chats.jsonl", "--format", "yaml"], "`yaml`"),
    ] {
        let refused = stage.reenact(args);
        assert!(refused.refusal().contains(named), "{args:?}: {refused:?}");
        assert!(refused.err.contains("hint: "), "{args:?}: {refused:?}");
    }
    assert!(!stage.path("out.yaml").exists());
    assert_eq!(stage.reenact(&["report"]).status, Some(0), "no run was begun");
}

#[test]
fn numbers_that_make_no_sense_are_refused_with_those_that_do() {
    let stage = Stage::with_parcels();
    for (option, number) in [
        ("--trials", "0"),
        ("--trials", "99999999999999999999"),
        ("--trials", "many"),
        ("--max-turns", "0"),
        ("--concurrency", "0"),
        ("--agent-timeout", "0"),
        ("--seed", "-1"),
    ] {
        let told = stage.run_parcels(&[&format!("{option}={number}")]);
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{told:?}");
        assert!(told.err.contains(option) && told.err.contains(number), "{told:?}");
    }
    assert!(!stage.path(".reenact").exists());
    assert_eq!(stage.run_parcels(&["--seed", "18446744073709551615", "--agent-timeout", "4294967295"]).status, Some(0));
}

#[test]
fn a_suite_with_mistakes_is_not_played_and_every_mistake_is_named() {
    let stage = Stage::new();
    for (suite, why) in [
        ("", "the file is empty"),
        ("cases: []\n", "there are no cases"),
        ("suite: x\n", "cases"),
        ("cases:\n  - {id: a, gaol: b}\n", "`gaol`"),
        ("cases:\n  - {id: a, goal: ' '}\n", "goal"),
        ("cases: [\n", "suite.yaml:"),
        ("- {id: a, goal: b}\n- {id: a, goal: c}\n", "`a`"),
        ("- {id: a, goal: b, expectations: [{id: e, matches: '('}]}\n", "regular expression"),
    ] {
        stage.write("suite.yaml", suite);
        let run = stage.reenact(&["run", "suite.yaml", "--agent", "recorded"]);
        assert!(run.refusal().contains("suite.yaml") && run.err.contains(why), "{suite:?}: {run:?}");
        let check = stage.reenact(&["check", "suite.yaml"]);
        assert_eq!(check.status, Some(2));
        assert!(check.out.contains("suite.yaml") && check.out.contains(why), "{suite:?}: {check:?}");
    }
    assert_eq!(stage.files("."), ["suite.yaml"], "no store is made for a run that is not begun");
}

#[test]
fn a_place_that_cannot_be_written_is_found_out_before_the_work() {
    let stage = Stage::with_parcels();
    stage.write("chats.jsonl", GOOD_LINE);
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    for output in ["missing/suite.yaml", "chats.jsonl/suite.yaml", "/proc/suite.yaml"] {
        let refused = stage.reenact(&["distill", "-o", output]);
        assert!(refused.refusal().contains(output), "{refused:?}");
        assert!(!refused.err.contains("distilling"), "the work was done for nothing: {refused:?}");
    }
    assert_eq!(stage.run_parcels(&[]).status, Some(0));
    for option in ["--html", "--junit"] {
        let refused = stage.reenact(&["report", option, "missing/report"]);
        assert!(refused.refusal().contains("missing/report"), "{refused:?}");
    }
}

/// The verbs that print something of a store with a run.
const PRINTING: [&[&str]; 8] = [
    &["import", "chats.jsonl"],
    &["sessions"],
    &["sessions", "show", "good"],
    &["check", "suite.yaml", "empty.yaml"],
    &["run", "suite.yaml", "--agent", "cmd:sh agent.sh"],
    &["judge"],
    &["report"],
    &["show", "parcel"],
];

fn stage_with_a_run() -> Stage {
    let stage = Stage::with_parcels();
    stage.write("chats.jsonl", GOOD_LINE);
    stage.write("empty.yaml", "");
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    assert_eq!(stage.run_parcels(&[]).status, Some(0));
    stage
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error_whatever_is_printed() {
    let stage = stage_with_a_run();
    for json in [&[][..], &["--json"]] {
        for verb in PRINTING {
            let mut command = stage.command([verb, json].concat());
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let status = command.stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap().code();
            let expected = stage.reenact(&[verb, json].concat()).status;
            assert_eq!(status, expected, "{verb:?} {json:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error_and_no_crash() {
    let stage = stage_with_a_run();
    for json in [&[][..], &["--json"]] {
        for verb in PRINTING {
            let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
            let output = stage.command([verb, json].concat()).stdout(full).stderr(Stdio::piped()).output().unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{verb:?} {json:?}: {err}");
            assert!(err.contains("cannot write to standard output"), "{verb:?} {json:?}: {err}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_unicode_are_names_too() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let name = |bytes: &'static [u8]| OsStr::from_bytes(bytes);
    let (chats, suite, store) = (name(b"ch\xffats.jsonl"), name(b"su\xffite.yaml"), name(b"st\xffore.db"));
    let stage = Stage::with_parcels();
    stage.write(chats, GOOD_LINE);
    let with_store = |args: &[&OsStr]| told(stage.command(args).arg("--store").arg(store));
    let imported = with_store(&["import".as_ref(), chats]);
    assert_eq!(imported.status, Some(0), "{imported:?}");
    let distilled = with_store(&["distill".as_ref(), "-o".as_ref(), suite]);
    assert_eq!(distilled.status, Some(0), "{distilled:?}");
    let checked = with_store(&["check".as_ref(), suite, "--json".as_ref()]);
    assert_eq!((checked.status, checked.out.as_str()), (Some(0), "[]\n"), "{checked:?}");
    let run = with_store(&["run".as_ref(), suite, "--agent".as_ref(), "recorded".as_ref()]);
    assert_eq!(run.status, Some(3), "{run:?}");
}

#[test]
fn what_is_piped_has_no_colour_and_fits_eighty_columns() {
    let stage = stage_with_a_run();
    for verb in PRINTING {
        let told = stage.reenact(verb);
        assert!(!told.out.contains('\u{1b}') && !told.err.contains('\u{1b}'), "{told:?}");
        let wide = told.out.lines().find(|line| line.chars().count() > 80 && !line.contains("reenact "));
        assert_eq!(wide, None, "{verb:?}: {}", told.out);
    }
}

#[test]
fn foreign_text_cannot_steer_the_terminal_of_whoever_reads_it() {
    let stage = Stage::new();
    let hostile = "hi\u{1b}[2J\u{7}\u{9b}31m";
    let content = serde_json::to_string(hostile).unwrap();
    stage.write(
        "chats.jsonl",
        format!("{{\"messages\":[{{\"role\":\"user\",\"content\":{content}}}]}}\n{{\"messages\":[{{\"role\":{content},\"content\":\"x\"}}]}}\n"),
    );
    stage.write("suite.yaml", format!("- {{ id: a, goal: g, {content}: 1 }}\n"));
    for verb in
        [&["import", "chats.jsonl"][..], &["sessions"], &["check", "suite.yaml"], &["sessions", "show", hostile]]
    {
        let told = stage.reenact(verb);
        let steers = |text: &str| text.contains(['\u{1b}', '\u{7}', '\u{9b}']);
        assert!(!steers(&told.out) && !steers(&told.err), "{verb:?}: {told:?}");
    }
}
