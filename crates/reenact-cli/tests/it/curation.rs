//! Which sessions had trouble, which of them are distilled, what a suite lacks, and what becomes of a suite that somebody edited.

use serde_json::json;

use crate::stage::Stage;

fn line(id: &str, said: &[(&str, &str)]) -> String {
    let messages: Vec<_> = said.iter().map(|(role, content)| json!({"role": role, "content": content})).collect();
    format!("{}\n", json!({"session_id": id, "messages": messages}))
}

/// Six sessions: two that are nearly the same, one that is nothing but manners, and two with trouble.
fn shop() -> Stage {
    let stage = Stage::new();
    let refund = |id: &str, order: &str| {
        line(
            id,
            &[
                ("user", &format!("I want a refund for the broken lamp of order {order}")),
                ("assistant", "The refund was paid out on Monday."),
                ("user", "That's not true, there is nothing on my account"),
                ("assistant", "I am sorry. I will look into it."),
            ],
        )
    };
    let log = [
        refund("refund-1", "4711"),
        refund("refund-2", "5120"),
        line("hours", &[("user", "what are your opening hours"), ("assistant", "Nine to five."), ("user", "thanks")]),
        line(
            "taxi",
            &[
                ("user", "please send me a taxi to the station"),
                ("assistant", "At what time?"),
                ("user", "eight, and let me talk to a human"),
            ],
        ),
        line("hello", &[("user", "hello"), ("assistant", "Hello! How can I help?"), ("user", "bye")]),
        line("short", &[("user", "I need a taxi"), ("assistant", "At what time?")]),
    ];
    stage.write("log.jsonl", log.concat());
    assert_eq!(stage.reenact(&["import", "log.jsonl"]).status, Some(0));
    stage
}

#[test]
fn signals_are_listed_with_their_turns_the_most_troubled_first() {
    let stage = shop();
    insta::assert_snapshot!(stage.reenact(&["sessions", "--signals"]).out);
    let told = stage.reenact(&["--json", "sessions", "--signals", "--limit", "1"]).json();
    assert_eq!((&told["matched"], &told["troubled"]), (&json!(6), &json!(3)));
    assert_eq!(
        told["sessions"][0]["signals"][0],
        json!({
            "kind": "pushback", "turn": 2, "quote": "That's not true, there is nothing on my account"
        })
    );
}

#[test]
fn a_selection_says_what_it_left_out_and_what_the_suite_lacks() {
    let stage = shop();
    let told = stage.reenact(&["distill", "--select", "2", "-o", "suite.yaml"]);
    assert_eq!(told.status, Some(0));
    insta::assert_snapshot!(told.err);
    assert!(stage.read("suite.yaml").contains("      alike: 1\n"), "{}", stage.read("suite.yaml"));
    assert_eq!(stage.reenact(&["check", "suite.yaml"]).status, Some(0));
    insta::assert_snapshot!(stage.reenact(&["sessions", "--coverage", "suite.yaml"]).out);

    let more = stage.reenact(&["--json", "distill", "--select", "9", "--update", "-o", "suite.yaml"]).json();
    let why = |id: &str| {
        let left = more["selection"]["left_out"].as_array().unwrap().iter().find(|left| left["session"] == id);
        left.unwrap_or_else(|| panic!("{id}: {more}"))["why"].clone()
    };
    assert_eq!(why("refund-1"), json!("in_the_suite"));
    assert_eq!(why("refund-2"), json!({"nearly_the_same_as": "refund-1"}));
    assert_eq!(why("hello"), json!("nothing_said"));
    let lacking = more["coverage"]["clusters"].as_array().unwrap().iter().filter(|cluster| cluster["cases"] == 0);
    assert_eq!(lacking.count(), 0, "{more}");
    assert_eq!(stage.reenact(&["check", "suite.yaml"]).status, Some(0));
}

#[test]
fn distilling_ends_with_what_needs_a_look_and_is_silent_where_nothing_does() {
    let stage = shop();
    let quiet = stage.reenact(&["distill", "hours", "-o", "hours.yaml"]);
    assert!(!quiet.err.contains("needs a look"), "{}", quiet.err);
    let told = stage.reenact(&["distill", "short", "-o", "short.yaml"]);
    assert!(told.err.contains(" needs a look "), "{}", told.err);
    let told = stage.reenact(&["--json", "distill", "short", "-o", "again.yaml"]).json();
    assert_eq!(told["review"], json!([{"case": "taxi", "session": "short", "kind": "thin_goal"}]));
}

#[test]
fn an_update_keeps_comments_and_edits_and_says_so() {
    let stage = shop();
    assert_eq!(stage.reenact(&["distill", "taxi", "-o", "suite.yaml"]).status, Some(0));
    let refused = stage.reenact(&["distill", "-o", "suite.yaml"]);
    assert!(refused.refusal().contains("--update"), "{}", refused.err);

    let text = stage
        .read("suite.yaml")
        .replace("    opening: please send me a taxi to the station", "    opening: a taxi!   # shorter");
    assert!(text.contains("# shorter"), "{text}");
    stage.write("suite.yaml", &text);
    let told = stage.reenact(&["distill", "--query", "id:taxi", "--update", "-o", "suite.yaml"]);
    assert!(told.err.contains("0 cases added, 0 parts of other cases added or renewed, 1 left alone"), "{}", told.err);
    assert!(told.err.contains("left alone: case send-taxi-station: opening was edited"), "{}", told.err);
    assert_eq!(stage.read("suite.yaml"), text);

    let told = stage.reenact(&["--json", "distill", "--update", "-o", "suite.yaml"]).json();
    assert_eq!(told["update"]["added"].as_array().unwrap().len(), 4, "{told}");
    let written = stage.read("suite.yaml");
    assert!(written.starts_with(text.trim_end()), "{written}");
    assert_eq!(stage.reenact(&["check", "suite.yaml"]).status, Some(0));
}

#[test]
fn masked_sessions_are_known_again_by_the_ids_under_which_they_were_recorded() {
    let stage = shop();
    let told = stage.reenact(&["distill", "--select", "1", "--mask", "on", "-o", "suite.yaml"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    let written = stage.read("suite.yaml");
    assert!(written.contains("session: refund-1~masked-") && written.contains("alike: 1\n"), "{written}");
    let more = stage.reenact(&["--json", "distill", "--select", "1", "--update", "-o", "suite.yaml"]).json();
    assert_eq!(more["selection"]["chosen"][0]["session"], "taxi", "{more}");
    let left = stage.reenact(&["distill", "refund-1", "--update", "-o", "suite.yaml"]);
    assert!(left.err.contains("masked otherwise"), "{}", left.err);
}

#[test]
fn a_suite_that_cannot_be_read_is_not_touched_and_nothing_is_distilled() {
    let stage = shop();
    stage.write("suite.yaml", "cases:\n  - gaol: x\n");
    let refused = stage.reenact(&["distill", "--update", "-o", "suite.yaml"]);
    assert!(refused.status == Some(2) && refused.err.contains("gaol"), "{refused:?}");
    assert_eq!(stage.read("suite.yaml"), "cases:\n  - gaol: x\n");
}
