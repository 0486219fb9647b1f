//! Two agents on the same suite, compared through the program itself.

use serde_json::Value;

use crate::stage::{Stage, Told};

/// Cases that a scripted agent passes, fails, or passes at times by what is said.
const SUITE: &str = "
suite: desk
cases:
  - { id: open, goal: are you open, opening: are you open, expectations: [{ id: says-yes, contains: 'yes' }] }
  - { id: hours, goal: until when, opening: until when, expectations: [{ id: says-six, contains: 'six' }] }
  - { id: parcel, goal: where is it, opening: where is it, expectations: [{ id: no-guess, must_not_match: 'probably' }] }
";

const V1: &str = "- {when: open, reply: 'yes'}\n- {when: until, reply: 'until five'}\n- {reply: 'It is in Leeds.'}\n";
const V2: &str =
    "- {when: open, reply: 'yes'}\n- {when: until, reply: 'until six'}\n- {reply: 'It is probably lost.'}\n";

/// A stage on which both agents played the suite, so often; and the ids of the two runs.
fn played(trials: &str) -> (Stage, [String; 2]) {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    let runs = [("v1", V1), ("v2", V2)].map(|(name, script)| {
        stage.write(format!("{name}.yaml"), script);
        let agent = format!("script:{name}.yaml");
        let told = stage.reenact(&["run", "suite.yaml", "--agent", &agent, "--trials", trials, "--json"]);
        told.json()["run"]["id"].as_str().unwrap().to_owned()
    });
    (stage, runs)
}

fn change(told: &Told, case: &str) -> String {
    let told = told.json();
    let cases = told["cases"].as_array().unwrap();
    cases.iter().find(|other| other["case"] == case).unwrap()["change"].as_str().unwrap().to_owned()
}

#[test]
fn what_broke_and_what_was_fixed_is_told_with_its_evidence_within_eighty_columns() {
    let (stage, [v1, v2]) = played("8");
    let told = stage.reenact(&["diff", &v1, &v2]);
    assert_eq!(told.status, Some(1), "{told:?}");
    let shown = told.out.replace(&v1, "RUN-1").replace(&v2, "RUN-2");
    insta::assert_snapshot!(shown);
    assert!(told.out.lines().all(|line| line.chars().count() <= 80 || line.contains("reenact ")), "{}", told.out);
    let back = stage.reenact(&["diff", &v2, &v1, "--json"]);
    assert_eq!((change(&back, "parcel"), change(&back, "hours")), ("fixed".into(), "broken".into()));
}

#[test]
fn one_failure_of_one_trial_is_a_suspect_until_it_was_tried_again() {
    let (stage, [v1, v2]) = played("1");
    let suspected = stage.reenact(&["diff", &v1, &v2, "--json"]);
    assert_eq!((suspected.status, change(&suspected, "parcel").as_str()), (Some(3), "worse"));
    let confirmed = stage.reenact(&["diff", &v1, &v2, "--rerun", "--json"]);
    assert_eq!((confirmed.status, change(&confirmed, "parcel").as_str()), (Some(1), "broken"), "{confirmed:?}");
    let rerun = &confirmed.json()["rerun"];
    assert_eq!(rerun["trials"], 20);
    let again = stage.reenact(&["diff", &v1, &v2, "--rerun", "--json"]);
    assert_eq!(again.out, confirmed.out, "the rerun that is there is taken, and none is made");
    let report = stage.reenact(&["report", "--json"]);
    assert_eq!(report.json()["run"]["id"].as_str(), Some(v2.as_str()), "latest is not the rerun");
}

#[test]
fn a_run_compared_with_itself_is_no_regression_and_no_proof_within_a_margin() {
    let (stage, [v1, _]) = played("1");
    assert_eq!(stage.reenact(&["diff", &v1, "latest"]).status, Some(3));
    assert_eq!(stage.reenact(&["diff", &v1, &v1]).status, Some(0));
    assert_eq!(stage.reenact(&["diff", &v1, &v1, "--margin", "0.05"]).status, Some(3));
    assert_eq!(stage.reenact(&["diff", &v1, &v1, "--margin", "1"]).status, Some(0));
    assert!(stage.reenact(&["diff", &v1, &v1, "--margin", "5"]).refusal().contains("from 0 to 1"));
    assert!(stage.reenact(&["diff", &v1, "nothing"]).refusal().contains("nothing"));
}

#[test]
fn a_threshold_decides_the_status_of_a_run_and_of_every_report_of_it() {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    stage.write("v1.yaml", V1);
    let run = |threshold: &str, trials: &str| {
        stage.reenact(&["run", "suite.yaml", "--agent", "script:v1.yaml", "--trials", trials, "--threshold", threshold])
    };
    let doubtful = run("0.5", "2");
    assert_eq!(doubtful.status, Some(3), "{doubtful:?}");
    assert!(doubtful.words().contains("The threshold of 50 % could not be decided"), "{doubtful:?}");
    assert!(
        doubtful.words().contains("to decide about") && doubtful.words().contains("more like these"),
        "{doubtful:?}"
    );
    assert_eq!(stage.reenact(&["report"]).status, Some(3));
    assert_eq!(stage.reenact(&["report", "--threshold", "0.01"]).status, Some(0));
    assert_eq!(stage.reenact(&["report", "--threshold", "1"]).status, Some(1));
    assert_eq!(stage.reenact(&["report", "--threshold", "1.5"]).status, Some(2));
}

#[test]
fn trials_stop_as_soon_as_a_case_is_decided_and_say_so_before() {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    stage.write("v1.yaml", V1);
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "script:v1.yaml", "--trials", "auto", "--json"]);
    assert!(told.err.contains("trials of a case stop early (good 0.9, bad 0.5, alpha 0.05, beta 0.05)"), "{told:?}");
    let cases = told.json()["report"]["cases"].take();
    let trials: Vec<usize> =
        cases.as_array().unwrap().iter().map(|case| case["trials"].as_array().unwrap().len()).collect();
    assert_eq!((told.status, trials), (Some(1), vec![6, 2, 6]));
    let courses: Vec<&Value> = cases.as_array().unwrap().iter().map(|case| &case["course"]).collect();
    assert_eq!(courses, ["passed", "failed", "passed"]);
    let planned = stage.reenact(&["run", "suite.yaml", "--agent", "script:v1.yaml", "--trials", "3"]);
    assert!(planned.err.contains("3 cases x 3 trials"), "{planned:?}");
}
