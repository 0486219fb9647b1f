//! What people and MLflow write is read as they mean it.

use reenact::{Check, Gate};
use serde_json::json;

use super::{EXAMPLE, load};

#[test]
fn the_example_of_the_documentation_means_what_it_says() {
    let suite = load("suite.yaml", EXAMPLE);
    assert_eq!(suite.name.as_deref(), Some("market-assistant"));
    let case = &suite.cases[0];
    assert_eq!(case.brief.facts[0].gate, Gate::When("the agent says twice that the market is open".into()));
    assert_eq!(case.brief.patience, Some(2));
    assert_eq!(case.context["timezone"], "America/New_York");
    assert_eq!(case.expectations[0].check, Check::Judged);
    assert_eq!(case.expectations[1].check, Check::MustNotMatch("(?i)market is (currently )?open".into()));
    assert_eq!(case.origin.as_ref().unwrap().evidence[0].turn, 2);
}

#[test]
fn every_gate_has_its_form() {
    let suite = load(
        "s.yaml",
        "cases:
  - goal: refund
    facts:
      - plain words
      - { id: a, text: x, gate: open }
      - { id: b, text: x, gate: never }
      - { id: c, text: x, gate: { asked: order number } }
      - { id: d, text: x, gate: { after: c } }
",
    );
    let facts = &suite.cases[0].brief.facts;
    assert_eq!((facts[0].id.as_str(), facts[0].text.as_str()), ("fact-1", "plain words"));
    let gates: Vec<Gate> = facts.iter().map(|fact| fact.gate.clone()).collect();
    assert_eq!(
        gates,
        [Gate::Open, Gate::Open, Gate::Never, Gate::Asked("order number".into()), Gate::After("c".into())]
    );
}

#[test]
fn a_list_of_mlflow_test_cases_is_a_suite() {
    let cases = json!([
        { "goal": "Get a refund", "persona": null, "context": { "user_id": 7 } },
        { "goal": "Get a refund", "simulation_guidelines": "Be brief", "expectations": { "policy": "offers refund" } },
        { "goal": "Get a refund", "simulation_guidelines": ["a", "b"],
          "expectations": { "expected_facts": ["x", "y"], "score": 4, "polite": true, "amount": { "contains": "42" } } },
    ]);
    let pretty = format!("{cases:#}");
    for (name, content) in [("s.json", pretty.as_str()), ("s.yaml", &pretty), ("s", &pretty)] {
        let suite = load(name, content);
        let ids: Vec<&str> = suite.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids, ["get-a-refund", "get-a-refund-2", "get-a-refund-3"]);
        assert_eq!(suite.cases[0].context["user_id"], 7);
        assert_eq!(suite.cases[1].brief.guidelines, ["Be brief"]);
        let texts: Vec<_> = suite.cases[2].expectations.iter().map(|e| e.text.as_deref()).collect();
        assert_eq!(texts, [Some(r#"["x","y"]"#), Some("4"), Some("true"), None]);
        assert_eq!(suite.cases[2].expectations[3].check, Check::Contains("42".into()));
    }
}

#[test]
fn records_of_an_mlflow_dataset_are_cases() {
    let record = |goal: &str| {
        json!({
            "dataset_record_id": "dr-5dc7", "dataset_id": "d-27c0",
            "inputs": { "goal": goal, "persona": "You are a customer", "simulation_guidelines": ["Do not reveal it"] },
            "expectations": { "policy": "offers refund" }, "tags": { "from": "sess-0", "mlflow.user": "root" },
            "source": { "source_type": "HUMAN", "source_data": {} }, "source_type": "HUMAN",
            "created_time": 1_795_404_112_444_u64, "last_update_time": 1_795_404_112_444_u64,
            "created_by": "root", "last_updated_by": "root", "outputs": {},
        })
    };
    let (one, two) = (record("Get help with an invoice."), record("Reset the password"));
    for (name, content) in [("s.jsonl", format!("{one}\n\n{two}\n")), ("s.json", json!([one, two]).to_string())] {
        let suite = load(name, content);
        assert_eq!(suite.cases[0].id, "get-help-with-an-invoice");
        assert_eq!(suite.cases[0].brief.guidelines, ["Do not reveal it"]);
        assert_eq!(suite.cases[1].expectations[0].id, "policy");
    }
}

#[test]
fn a_word_that_yaml_takes_for_something_else_is_text_where_text_is_expected() {
    let suite = load(
        "s.yaml",
        "suite: 2024-05-01
cases:
  - id: 007
    goal: 42
    persona: yes
    opening: 1.50
    simulation_guidelines: [no, true, 0x1F]
    context: { country: no, zip: 0042, n: 1e3, open: true, none: ~, big: 18446744073709551615 }
    expectations: [{ id: 1, contains: 3.10 }]
",
    );
    let case = &suite.cases[0];
    assert_eq!(suite.name.as_deref(), Some("2024-05-01"));
    assert_eq!((case.id.as_str(), case.brief.goal.as_str()), ("007", "42"));
    assert_eq!((case.brief.persona.as_deref(), case.brief.opening.as_deref()), (Some("yes"), Some("1.50")));
    assert_eq!(case.brief.guidelines, ["no", "true", "0x1F"]);
    let context = json!({ "country": "no", "zip": "0042", "n": 1e3, "open": true, "none": null, "big": u64::MAX });
    assert_eq!(json!(case.context), context);
    assert_eq!(case.expectations[0].check, Check::Contains("3.10".into()));
}

#[test]
fn made_ids_keep_clear_of_given_ones_and_come_from_any_script() {
    let suite = load(
        "s.yaml",
        "- goal: Refund, please!
- { id: refund-please, goal: Refund please }
- goal: 市場は閉まっていますか
- goal: 🙂
- goal: Ask for the status of the order that was placed in March
",
    );
    let ids: Vec<&str> = suite.cases.iter().map(|case| case.id.as_str()).collect();
    let expected = ["refund-please-2", "refund-please", "市場は閉まっていますか", "case", "ask-for-the-status-of-the"];
    assert_eq!(ids, expected);
}

#[test]
fn aliases_tags_and_a_byte_order_mark_are_understood() {
    let suite = load(
        "s.yaml",
        "\u{feff}cases:
  - &first { id: a, goal: !!str 5, context: &c { k: [1, 2] } }
  - { id: b, goal: g, context: *c }
",
    );
    assert_eq!(suite.cases[0].brief.goal, "5");
    assert_eq!(suite.cases[1].context, suite.cases[0].context);
}

#[test]
fn content_decides_where_the_extension_says_nothing() {
    let line = r#"{"id":"a","goal":"g"}"#;
    let header = r#"{"suite":"s"}"#;
    for content in [
        format!("{header}\n{line}\n{line}").replacen("\"a\"", "\"b\"", 1),
        format!("{{\"cases\": [\n{line}]}}"),
        format!("[{line}]"),
        "cases: [{ id: a, goal: g }]".to_owned(),
        "{ cases: [{ id: a, goal: g }] }".to_owned(),
    ] {
        assert_eq!(load("suite", &content).cases.last().unwrap().id, "a", "{content}");
    }
}
