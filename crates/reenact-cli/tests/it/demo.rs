//! The demo's story: the bugs are back on the first version, gone on the second and back on the third, which argues, because nobody
//! helped.

use serde_json::Value;

use crate::stage::{Stage, told};

/// What the simulated users said in a version, case by case.
fn said_by_users(run: &Value) -> Vec<String> {
    let words = |trial: &Value| {
        let messages = trial["conversation"].as_array().unwrap().iter();
        messages.filter(|m| m["speaker"] == "user").map(|m| m["text"].as_str().unwrap()).collect::<Vec<_>>().join(" / ")
    };
    run["trials"].as_array().unwrap().iter().map(words).collect()
}

#[test]
fn the_bugs_are_back_on_v1_and_gone_on_v2_and_only_v1_was_put_right() {
    let stage = Stage::new();
    let told = stage.reenact(&["demo", "--json"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    let runs = told.json();
    let (v1, v2) = (&runs["v1"], &runs["v2"]);
    let outcomes =
        |run: &Value| (run["report"]["outcomes"]["failed"].as_u64(), run["report"]["outcomes"]["passed"].as_u64());
    assert_eq!((outcomes(v1), outcomes(v2)), ((Some(3), Some(0)), (Some(0), Some(3))));
    for put_right in ["market can't be open on a weekend", "not arrived"] {
        let corrected = |run: &Value| said_by_users(run).iter().filter(|said| said.contains(put_right)).count();
        assert_eq!((corrected(v1), corrected(v2)), (1, 0), "{put_right}: {runs}");
    }
}

#[test]
fn on_v3_which_argues_every_recorded_failure_is_reproduced_and_users_give_up() {
    let stage = Stage::new();
    let v3 = stage.reenact(&["demo", "--json"]).json()["v3"].clone();
    let cases = v3["report"]["cases"].as_array().unwrap();
    let reproduced = cases.iter().filter(|case| case["reproduction"]["reproduced"] == "reproduced").count();
    assert_eq!(reproduced, 3, "{v3}");
    let trials = v3["trials"].as_array().unwrap();
    let lost_patience = trials.iter().filter(|trial| trial["ending"].to_string().contains("patience")).count();
    assert!(lost_patience >= 1, "{v3}");
    assert!(
        said_by_users(&v3).iter().any(|said| said.matches("market can't be open on a weekend").count() > 1),
        "{v3}"
    );
}

#[test]
fn it_is_told_on_stdout_and_what_it_proposes_works() {
    let stage = Stage::new();
    let told = stage.reenact(&["demo"]);
    assert_eq!((told.status, told.err.as_str()), (Some(0), ""), "{told:?}");
    assert!(
        told.out.contains("The bugs are back on v1 in 3 of 4 cases, gone on v2 in 3, and back on v3 in 3"),
        "{}",
        told.out
    );
    let is_command = |line: &str| line.contains("reenact --store");
    let mut prose = told.out.lines().filter(|line| !is_command(line));
    assert!(prose.all(|line| line.chars().count() <= 85), "{}", told.out);
    let proposals: Vec<&str> =
        told.out.lines().filter_map(|line| line.split_once("reenact --store ")).map(|p| p.1).collect();
    assert_eq!(proposals.len(), 3, "one below each version's report, and one at the end: {}", told.out);
    for proposal in &proposals {
        let shown = stage.reenact(&[&["--store"], &proposal.split(' ').collect::<Vec<_>>()[..]].concat());
        assert_eq!(shown.status, Some(0), "{proposal}: {shown:?}");
    }
    let last = stage.reenact(&[&["--store"], &proposals[2].split(' ').collect::<Vec<_>>()[..]].concat());
    assert!(last.out.contains("FAIL"), "it shows the bug: {}", last.out);
    assert_eq!(stage.files("reenact-demo"), ["recordings", "store.db", "suite.yaml", "v1.html", "v2.html", "v3.html"]);
}

#[test]
fn told_again_it_plays_the_suite_as_the_reader_left_it() {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo", "here"]).status, Some(0));
    let edited = stage.read("here/suite.yaml").replace("suite: harbour-assistant", "suite: my-assistant");
    stage.write("here/suite.yaml", &edited);
    let again = stage.reenact(&["demo", "here", "--json"]);
    assert_eq!((again.status, &again.json()["v1"]["report"]["suite"]), (Some(0), &"my-assistant".into()));
    assert_eq!(stage.read("here/suite.yaml"), edited);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let stage = Stage::new();
    stage.write("file", "in the way");
    let told = stage.reenact(&["demo", "file/inside"]);
    assert!(told.refusal().contains("file/inside"), "{told:?}");
}

#[test]
fn the_assistants_of_the_demo_are_agents_by_name() {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo"]).status, Some(0));
    for (agent, status) in [("demo:v1", 1), ("demo:v2", 3), ("demo:v3", 1)] {
        let run = stage.reenact(&["run", "reenact-demo/suite.yaml", "--agent", agent]);
        assert_eq!(run.status, Some(status), "{run:?}");
    }
    let unknown = stage.reenact(&["run", "reenact-demo/suite.yaml", "--agent", "demo:v4"]);
    assert!(unknown.refusal().contains("`demo:v1`, `demo:v2` or `demo:v3`"), "{unknown:?}");
}

#[test]
fn without_a_terminal_there_is_no_colour() {
    let stage = Stage::new();
    let plain = told(stage.command(["demo"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"));
    assert!(!plain.out.contains('\u{1b}') && !plain.err.contains('\u{1b}'), "{plain:?}");
}
