//! `distill --back-test`: the figures beside their floor, what is marked, and whatever else every verb does that asks models.

use serde_json::Value;

use crate::stage::Stage;

const LOG: &str = r#"{"session_id": "s-1", "messages": [{"role": "user", "content": "I need a loan"}, {"role": "assistant", "content": "For what do you need it?"}, {"role": "user", "content": "For a boat, and I earn 3000 a month"}, {"role": "assistant", "content": "And how much do you want?"}, {"role": "user", "content": "25000 over five years"}, {"role": "assistant", "content": "Granted."}]}
{"session_id": "s-2", "messages": [{"role": "user", "content": "can you change my address"}, {"role": "assistant", "content": "What is the new address?"}, {"role": "user", "content": "7 Elm Street"}, {"role": "assistant", "content": "Done."}]}
"#;

/// A distiller that keeps what the user of the loan told, whatever it is told of it, and a user that says what it is directed to.
const MODELS: &str = r#"
- for: distiller
  when: loan
  json: {skip: null, id: loan, goal: {text: I need a loan, evidence: [{turn: 1, quote: I need a loan}]}, persona: [], guidelines: [], facts: [{id: boat, text: "For a boat, and I earn 3000 a month", gate: {kind: never, of: null}, evidence: [{turn: 2, quote: For a boat}]}], opening: I need a loan, patience: {asks: null, evidence: []}, ending: {kind: null, evidence: []}, expectations: []}
- for: distiller
  json: {skip: null, id: new address, goal: {text: can you change my address, evidence: [{turn: 1, quote: can you change my address}]}, persona: [], guidelines: [], facts: [{id: street, text: 7 Elm Street, gate: {kind: asked, of: the new address}, evidence: [{turn: 2, quote: 7 Elm Street}]}], opening: can you change my address, patience: {asks: null, evidence: []}, ending: {kind: null, evidence: []}, expectations: []}
- {for: user, when: Answer with it, json: {text: 7 Elm Street}}
- {for: user, json: {text: "I do not know."}}
- {for: checker, when: meet it, json: {opened: [], wants: nothing}}
- {for: checker, json: {parts: []}}
"#;

const DISTILL: [&str; 7] = ["distill", "-o", "suite.yaml", "--model", "script:models.yaml", "--back-test", "--json"];

fn stage() -> Stage {
    let stage = Stage::new();
    stage.write("chats.jsonl", LOG);
    stage.write("models.yaml", MODELS);
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    stage
}

fn of_case<'a>(told: &'a Value, case: &str) -> &'a Value {
    let tests = told["back_tests"].as_array().expect("back-tests");
    tests.iter().find(|test| test["case"] == case).unwrap_or_else(|| panic!("{case} in {told}"))
}

#[test]
fn a_bad_case_is_marked_in_the_suite_with_the_figures_and_the_suite_still_loads() {
    let stage = stage();
    let told = stage.reenact(&DISTILL);
    assert_eq!(told.status, Some(0), "{told:?}");
    let json = told.json();
    let (loan, address) = (of_case(&json, "loan"), of_case(&json, "new-address"));
    let found = loan["findings"][0]["words"].as_str().unwrap();
    assert!(
        found.starts_with("it tells 0.") && found.ends_with("of what the user told, and should tell 0.75"),
        "{loan}"
    );
    assert_eq!(address["findings"], Value::Null, "{address}");
    assert_eq!(address["scores"]["conveyed"], 1.0);
    assert!(address["floor"]["scores"]["conveyed"].as_f64().unwrap() < 0.5, "{address}");
    assert!(told.err.contains("back-test of 2 cases: 0 repaired, 1 poor and marked"), "{told:?}");
    assert!(told.err.contains(&format!("  loan: {found}")), "{told:?}");
    let suite = stage.read("suite.yaml");
    assert_eq!(suite.matches("back_test:").count(), 1, "{suite}");
    assert!(suite.contains(found), "{suite}");
    let check = stage.reenact(&["check", "suite.yaml"]);
    assert_eq!((check.status, check.out.as_str()), (Some(0), "2 cases, no problems\n"), "{check:?}");
}

#[test]
fn offline_the_figures_are_told_and_a_case_of_one_session_has_no_floor() {
    let stage = stage();
    let told = stage.reenact(&["distill", "s-2", "-o", "suite.yaml", "--back-test"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(told.err.contains("told of what the user told       1.00   –"), "{told:?}");
}

#[test]
fn a_model_that_plays_is_counted_foreseen_recorded_and_played_again() {
    let stage = stage();
    let user = ["--user-model", "script:models.yaml"];
    let ahead = stage.reenact(&[&DISTILL[..], &user, &["--estimate"]].concat()).json();
    assert!(ahead["parts"].as_array().unwrap().iter().any(|part| part["role"] == "user"), "{ahead}");
    let told = stage.reenact(&[&DISTILL[..], &user, &["--record", "line.jsonl"]].concat());
    assert_eq!(told.status, Some(0), "{told:?}");
    let live = told.json();
    let roles: Vec<&str> =
        live["cost"]["parts"].as_array().unwrap().iter().map(|part| part["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["distiller", "user"]);

    let elsewhere = Stage::new();
    elsewhere.write("chats.jsonl", LOG);
    elsewhere.write("line.jsonl", stage.read("line.jsonl"));
    assert_eq!(elsewhere.reenact(&["import", "chats.jsonl"]).status, Some(0));
    let replay = ["distill", "-o", "suite.yaml", "--model", "replay:line.jsonl", "--back-test", "--json"];
    let again = elsewhere.reenact(&[&replay[..], &["--user-model", "replay:line.jsonl"]].concat());
    assert_eq!(again.status, Some(0), "{again:?}");
    assert_eq!(again.json()["back_tests"], live["back_tests"]);
    assert_eq!(elsewhere.read("suite.yaml"), stage.read("suite.yaml"));
    let none = elsewhere.reenact(&["distill", "-o", "o.yaml", "--back-test", "--user-model", "replay:none.jsonl"]);
    assert!(none.refusal().contains("none.jsonl"), "{none:?}");
}

#[test]
fn a_user_model_without_a_back_test_is_refused() {
    let refused = stage().reenact(&["distill", "-o", "suite.yaml", "--user-model", "offline"]);
    assert!(refused.status == Some(2) && refused.err.contains("--back-test"), "{refused:?}");
}
