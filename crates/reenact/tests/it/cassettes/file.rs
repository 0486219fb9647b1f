//! The file: what is written is read, and what is wrong with it is said with its line.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use reenact::{Cassette, ErrorKind};
use serde_json::json;

use super::{block_on, recorded};

/// A small cassette with every kind of line.
const WHOLE: &str = concat!(
    r#"{"cassette":1,"steps":4,"distilled":{"reenact":"0.1.0","model":"openai:/gpt-5","prompts":[]},"#,
    r#""played":{"reenact":"0.1.0","run":"r1","agent":"recorded","user_model":"openai:/gpt-5","judging":{"models":["offline"],"#,
    r#""rule":"any-veto"},"trials":1,"max_turns":20,"seed":0,"prompts":[],"suite":{"cases":1,"hash":"0"}}}"#,
    "\n",
    r#"{"verb":"distill","session":"s-1","role":"distiller","step":1,"model":"m","request":{"a":1},"answer":{"b":null},"latency_ms":3}"#,
    "\n",
    r#"{"verb":"run","case":"c","trial":1,"role":"agent","step":1,"request":{"conversation":["hi"],"context":{}},"answer":null,"latency_ms":3}"#,
    "\n",
    r#"{"verb":"run","case":"c","trial":1,"role":"agent","step":2,"adds":{"conversation":["yes","no"]},"fault":{"fault":"died"},"latency_ms":3}"#,
    "\n",
    r#"{"verb":"run","case":"c","trial":1,"role":"user","step":1,"model":"m","request":{},"answer":{},"latency_ms":0}"#,
    "\n",
);

fn parse(text: &str) -> reenact::Result<Cassette> {
    Cassette::parse(text, Path::new("line.jsonl"))
}

#[test]
fn a_request_that_goes_on_has_only_what_is_new_in_it() {
    let cassette = parse(WHOLE).unwrap();
    assert_eq!(cassette.steps()[2].request, json!({"conversation": ["hi", "yes", "no"], "context": {}}));
    assert_eq!(cassette.steps()[2].answer, Err(json!({"fault": "died"})));
    assert_eq!(cassette.steps()[1].answer, Ok(json!(null)));
    assert_eq!(cassette.to_string(), WHOLE);
}

#[test]
fn each_bad_cassette_is_refused_with_its_file_and_line() {
    let lines: Vec<&str> = WHOLE.lines().collect();
    let swapped = |from: &str, to: &str| WHOLE.replacen(from, to, 1);
    let without = |at: usize| {
        lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let bad = [
        ("nothing", String::new()),
        ("no JSON", "hello\n".to_owned()),
        ("another file", r#"{"suite":"parcels"}"#.to_owned()),
        ("a newer version", swapped(r#""cassette":1"#, r#""cassette":2"#)),
        ("a strange header", swapped(r#""steps":4"#, r#""steps":4,"tape":"c90""#)),
        ("a header without its end", lines[0][..60].to_owned()),
        ("a line cut off", WHOLE[..WHOLE.len() - 20].to_owned()),
        ("a step less", without(4)),
        ("a step gone from the middle", without(2)),
        ("a step twice", format!("{WHOLE}{}\n", lines[4])),
        ("an empty line", swapped("\n", "\n\n")),
        ("a strange key", swapped(r#""latency_ms":0"#, r#""latency_ms":0,"mood":"calm""#)),
        ("no answer", swapped(r#""answer":{},"#, "")),
        ("an answer and a fault", swapped(r#""answer":{},"#, r#""answer":{},"fault":{},"#)),
        ("no request", swapped(r#""request":{},"#, "")),
        ("more of what was not asked", swapped(r#""adds":{"conversation""#, r#""adds":{"messages""#)),
        ("an unknown role", swapped(r#""role":"user""#, r#""role":"poet""#)),
        ("a distiller in a run", swapped(r#""role":"user""#, r#""role":"distiller""#)),
        ("a session in a run", swapped(r#""case":"c","trial":1,"role":"user""#, r#""session":"c","role":"user""#)),
        ("a trial 0", swapped(r#""trial":1,"role":"user""#, r#""trial":0,"role":"user""#)),
        (
            "a step of no verb in the header",
            swapped(
                r#"{"verb":"run","case":"c","trial":1,"role":"user""#,
                r#"{"verb":"judge","case":"c","trial":1,"role":"judge""#,
            ),
        ),
    ];
    let said = bad.map(|(what, text)| {
        let error = parse(&text).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Input, "{what}");
        assert!(error.hint_text().is_some(), "{what}");
        format!("{what}\n  {error}\n")
    });
    insta::assert_snapshot!(said.concat());
}

#[test]
fn a_file_that_is_not_there_or_no_text_says_what_to_name() {
    let missing = Cassette::load("no/such.jsonl").unwrap_err();
    assert_eq!(
        (missing.kind(), missing.to_string().as_str()),
        (ErrorKind::Io, "no/such.jsonl: the cassette cannot be read")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xff\xfe").unwrap();
    assert_eq!(Cassette::load(file.path()).unwrap_err().kind(), ErrorKind::Input);
}

#[test]
fn a_cassette_is_written_whole_in_place_of_the_old_one() {
    block_on(async {
        let (_, cassette) = recorded(&["4711"]).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("line.jsonl");
        std::fs::write(&path, "something longer ".repeat(10_000)).unwrap();
        cassette.save(&path).unwrap();
        assert_eq!(Cassette::load(&path).unwrap().to_string(), cassette.to_string());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    });
}

#[test]
fn an_answer_that_was_edited_into_something_else_is_named_by_its_line() {
    block_on(async {
        let (_, cassette) = recorded(&["4711"]).await;
        let text = cassette.to_string();
        let line = text.lines().position(|line| line.contains(r#""trial":1,"role":"agent","step":1"#)).unwrap();
        let edited = text.replacen(r#""answer":{"messages":["#, r#""answer":{"words":["#, 1);
        let edited = Arc::new(Cassette::parse(&edited, Path::new("line.jsonl")).unwrap());
        let error = super::replayed(&edited, &["4711"], 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(error.place().unwrap().line, Some(line as u64 + 1));
        insta::assert_snapshot!(error.message(), @"the answer is not what the agent answers: missing field `messages`");
    });
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>(), at in 0..WHOLE.len(), with in any::<char>()) {
        let _ = parse(&text);
        let _ = parse(&WHOLE.chars().enumerate().map(|(n, c)| if n == at { with } else { c }).collect::<String>());
    }
}
