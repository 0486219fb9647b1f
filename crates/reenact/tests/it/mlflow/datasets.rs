//! Suites as evaluation datasets: what was written comes back as it was, with what somebody changed in MLflow.

use proptest::prelude::*;
use reenact::mlflow::{Written, read_suite, write_suite};
use reenact::{Check, ErrorKind, Expectation, Suite};
use serde_json::{Value, json};

use super::fake::Fake;

const SUITE: &str = r#"
suite: parcels
cases:
  - id: parcel
    goal: find out where my parcel is
    persona: You are terse
    simulation_guidelines: [be short, "do not say: why"]
    opening: where is my parcel
    facts:
      - { id: number, text: "it is parcel 4711", gate: { asked: parcel number } }
      - { id: secret, text: "the code is 12", gate: never }
    patience: 2
    context: { timezone: Europe/Berlin, tries: 3 }
    expectations:
      - { id: says-where, contains: on its way }
      - { id: looks, tool_called: { tool: find, arguments: { order: "4711" } } }
      - { id: polite, text: the agent is polite }
      - { id: in-time, text: soon, turn: 2, max_turns: 4 }
    origin:
      session: s-1
      evidence: [{ field: facts.number, turn: 2, quote: "it is 4711" }]
  - id: zebra
    goal: zzz
  - { id: late, goal: find out why it is late, script: [hello, "no"] }
  - { id: again, goal: find out why it is late again }
"#;

fn suite() -> Suite {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suite.yaml");
    std::fs::write(&path, SUITE).unwrap();
    Suite::load(&path).unwrap()
}

async fn write(fake: &Fake, suite: &Suite) -> Written {
    write_suite(&fake.server(), "parcels", Some("support"), suite).await.unwrap()
}

async fn read(fake: &Fake) -> Suite {
    read_suite(&fake.server(), "parcels").await.unwrap()
}

#[tokio::test]
async fn a_suite_comes_back_from_a_dataset_as_it_was() {
    let (fake, suite) = (Fake::start().await, suite());
    assert_eq!(write(&fake, &suite).await, Written { new: 4, ..Written::default() });
    assert_eq!(read(&fake).await, suite);
    assert_eq!(write(&fake, &suite).await, Written { unchanged: 4, ..Written::default() });
}

#[tokio::test]
async fn a_record_has_what_mlflows_simulator_reads_and_nothing_else_where_it_looks() {
    let fake = Fake::start().await;
    write(&fake, &suite()).await;
    let world = fake.world();
    let record =
        world.records.values().find(|record| record["inputs"]["goal"] == "find out where my parcel is").unwrap();
    let inputs: Vec<&String> = record["inputs"].as_object().unwrap().keys().collect();
    assert_eq!(inputs, ["goal", "persona", "simulation_guidelines", "context"]);
    assert_eq!(record["expectations"]["polite"], "the agent is polite");
    assert_eq!(record["expectations"]["says-where"], json!({"contains": "on its way"}));
    assert!(record["tags"].as_object().unwrap().values().all(Value::is_string), "tags are texts");
}

#[tokio::test]
async fn what_somebody_changed_in_mlflow_is_in_the_case_and_the_rest_of_it_stays() {
    let (fake, suite) = (Fake::start().await, suite());
    write(&fake, &suite).await;
    for record in
        fake.world().records.values_mut().filter(|record| record["inputs"]["goal"] == "find out where my parcel is")
    {
        record["inputs"]["persona"] = "You are kind".into();
        record["expectations"]["extra"] = "it says hello".into();
    }
    let mut expected = suite;
    expected.cases[0].brief.persona = Some("You are kind".into());
    let extra = Expectation { id: "extra".into(), text: Some("it says hello".into()), check: Check::Judged };
    expected.cases[0].expectations.push(extra);
    assert_eq!(read(&fake).await, expected);
}

#[tokio::test]
async fn a_case_that_changed_takes_the_place_of_its_record_and_nobody_elses() {
    let (fake, mut suite) = (Fake::start().await, suite());
    write(&fake, &suite).await;
    let theirs = json!({"dataset_record_id": "dr-theirs", "inputs": {"goal": "theirs"}, "expectations": {"polite": "is polite"}, "tags": {}});
    fake.world().records.insert("theirs".into(), theirs);
    suite.cases[0].brief.goal = "find out where it is now".into();
    suite.cases[1].expectations.push(Expectation {
        id: "new".into(),
        text: Some("says so".into()),
        check: Check::Judged,
    });
    let written = write(&fake, &suite).await;
    assert_eq!(written, Written { new: 0, renewed: 2, unchanged: 2, left: 1 });
    let there = read(&fake).await;
    assert_eq!(there.cases[..4], suite.cases);
    assert_eq!((there.cases.len(), there.cases[4].brief.goal.as_str()), (5, "theirs"), "others come behind ours");
}

#[tokio::test]
async fn cases_that_mlflow_would_take_for_one_are_refused() {
    let mut suite = suite();
    let mut twin = suite.cases[1].clone();
    twin.id = "twin".into();
    suite.cases.push(twin);
    let fake = Fake::start().await;
    let error = write_suite(&fake.server(), "parcels", None, &suite).await.unwrap_err();
    assert_eq!(error.to_string(), "MLflow would keep one record for the cases `zebra` and `twin`");
    assert_eq!(fake.world().asked.len(), 0, "nothing is written");
}

#[tokio::test]
async fn a_dataset_that_is_not_there_and_one_that_is_there_twice_are_told_apart() {
    let fake = Fake::start().await;
    let error = read_suite(&fake.server(), "parcels").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("has no evaluation dataset `parcels`"), "{error}");
    let twice = Fake::failing(|path, _| {
        let datasets = json!([{"dataset_id": "d-1", "name": "parcels"}, {"dataset_id": "d-2", "name": "parcels"}]);
        path.ends_with("/datasets/search").then(|| super::fake::says(200, json!({ "datasets": datasets })))
    })
    .await;
    let error = read_suite(&twice.server(), "parcels").await.unwrap_err();
    assert_eq!(error.hint_text(), Some("name one by its id: d-1, d-2"));
}

#[test]
fn what_mlflow_answers_for_records_is_a_suite_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.json");
    let records =
        json!([{"dataset_record_id": "dr-1", "inputs": {"goal": "a"}, "expectations": {"e": "x"}, "tags": {}}]);
    for answer in [json!({"records": records.to_string(), "next_page_token": "n"}), json!({ "records": records })] {
        std::fs::write(&path, answer.to_string()).unwrap();
        let suite = Suite::load(&path).unwrap();
        assert_eq!((suite.cases[0].brief.goal.as_str(), suite.cases[0].expectations[0].id.as_str()), ("a", "e"));
    }
    for (answer, what) in [(r#"{"records": 3}"#, "`records` is a number"), (r#"{"records": "[{"}"#, "not valid JSON")] {
        std::fs::write(&path, answer).unwrap();
        let error = Suite::load(&path).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_words_survive_the_way_to_a_dataset_and_back(goal in "[\\p{L}\\p{N}]\\PC{0,40}[\\p{L}\\p{N}]", persona in "[\\p{L}\\p{N}]\\PC{0,20}[\\p{L}\\p{N}]", text in "[\\p{L}\\p{N}]\\PC{0,20}[\\p{L}\\p{N}]") {
        let mut suite = suite();
        suite.cases[0].brief.goal = goal;
        suite.cases[0].brief.persona = Some(persona);
        suite.cases[0].brief.facts[0].text = text.clone();
        suite.cases[0].expectations[2].text = Some(text);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let there = runtime.block_on(async {
            let fake = Fake::start().await;
            write(&fake, &suite).await;
            read(&fake).await
        });
        prop_assert_eq!(there, suite);
    }
}
