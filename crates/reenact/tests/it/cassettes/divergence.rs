//! What is not as it was recorded: the first of it is named, in the order of cases and trials.

use std::sync::Arc;

use reenact::{Cassette, ErrorKind};

use super::{IDS, block_on, recorded, reloaded, replayed};

/// The cassette with the first text in the lines that begin like this replaced, in the answers of the agent.
fn edited(cassette: &Cassette, conversations: &[(&str, u32)]) -> Arc<Cassette> {
    let is_meant = |line: &str| {
        let begins = |(case, trial): &(&str, u32)| {
            line.starts_with(&format!(r#"{{"verb":"run","case":"{case}","trial":{trial},"role":"agent","step":1,"#))
        };
        conversations.iter().any(begins)
    };
    let text = cassette.to_string();
    let lines = text.lines().map(|line| match is_meant(line) {
        true => line.replacen(r#""text":"soon"#, r#""text":"late"#, 2) + "\n",
        false => line.to_owned() + "\n",
    });
    Arc::new(Cassette::parse(&lines.collect::<String>(), "line.jsonl".as_ref()).unwrap())
}

/// The same words in every test: the numbers tell which answer it was, and no two runs ask in the same order.
fn without_numbers(error: &reenact::Error) -> String {
    let numbers = regex::Regex::new(r"\(\d+\)").unwrap();
    numbers.replace_all(&error.to_string(), "(n)").into_owned()
}

#[test]
fn the_first_step_that_asks_something_else_is_named_whichever_conversation_came_first() {
    block_on(async {
        let (_, cassette) = recorded(&IDS).await;
        let edited = edited(&cassette, &[("12", 1), ("5120", 2), ("5120", 3), ("12", 3)]);
        for concurrency in [1, 2, 5, 64, 64, 64] {
            let error = replayed(&edited, &IDS, concurrency).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Divergence);
            let message = without_numbers(&error);
            let (place, message) = message.split_once(": ").unwrap();
            assert!(place.starts_with("line.jsonl:"), "{place}");
            insta::allow_duplicates! { insta::assert_snapshot!(message, @r#"case `5120`, trial 2, turn 2: the user is asked something else than was recorded: message 4, content: "soon (n) <direction> Ask for this next, and for nothing els…" is now "late (n) <direction> Ask for this next, and for nothing els…""#) };
        }
    });
}

#[test]
fn a_case_that_the_cassette_does_not_have_diverges_and_says_what_changed() {
    block_on(async {
        let (_, cassette) = recorded(&IDS).await;
        let error = replayed(&cassette, &["4711", "new"], 4).await.unwrap_err();
        insta::assert_snapshot!(error, @"line.jsonl: case `new`, trial 1: the cassette does not have it");
        assert!(error.hint_text().unwrap().starts_with("what changed since: the suite; "), "{error:?}");
    });
}

/// The cassette without the steps of these lines, and its header told so.
fn without(cassette: &Cassette, is_cut: impl Fn(&str) -> bool) -> Arc<Cassette> {
    let text = cassette.to_string();
    let kept: Vec<&str> = text.lines().filter(|line| !is_cut(line)).collect();
    let header =
        kept[0].replace(&format!(r#""steps":{}"#, cassette.steps().len()), &format!(r#""steps":{}"#, kept.len() - 1));
    let text = header + "\n" + &kept[1..].join("\n") + "\n";
    Arc::new(Cassette::parse(&text, "line.jsonl".as_ref()).unwrap())
}

#[test]
fn a_conversation_that_the_cassette_leaves_too_early_diverges() {
    block_on(async {
        let (_, cassette) = recorded(&["4711"]).await;
        let is_last = |line: &str| line.contains(r#""trial":2,"role":"user","step":3"#);
        let error = replayed(&without(&cassette, is_last), &["4711"], 4).await.unwrap_err();
        insta::assert_snapshot!(error.message(), @"case `4711`, trial 2, turn 3: the user is asked for step 3, and the cassette ends after step 2");
        let is_judges = |line: &str| line.contains(r#""trial":2,"role":"judge""#);
        let error = replayed(&without(&cassette, is_judges), &["4711"], 4).await.unwrap_err();
        insta::assert_snapshot!(error.message(), @"case `4711`, trial 2: the judge is asked, and the cassette has no answer of the judge in it");
    });
}

#[test]
fn a_conversation_that_ends_before_its_recording_does_diverges() {
    block_on(async {
        let (_, cassette) = recorded(&["4711"]).await;
        let mut shorter = reenact::Plan::replayed(&cassette).unwrap();
        shorter.max_turns = 1;
        let store = reenact::Store::temporary().unwrap();
        let planned = reenact::Run::new(shorter, super::suite(&["4711"]));
        store.create_run(&planned).unwrap();
        let participants = reenact::run::Participants::replayed(&cassette).unwrap();
        let error = super::play(&store, &planned, &participants).await.unwrap_err();
        insta::assert_snapshot!(error.message(), @"case `4711`, trial 1: it is over, and the cassette goes on with step 2 of the user");
        assert!(error.hint_text().unwrap().contains("--max-turns (it was 20)"), "{error:?}");
    });
}

#[test]
fn trials_and_cases_that_nobody_asks_for_are_no_divergence() {
    block_on(async {
        let (live, cassette) = recorded(&IDS).await;
        let (_, again) = replayed(&reloaded(&cassette).into(), &["5120"], 4).await.unwrap();
        let same = live.trials.iter().filter(|trial| trial.case == "5120");
        assert!(again.trials.iter().eq(same));
    });
}
