//! The schema for editors and the reader are of one mind.

use reenact::Suite;
use reenact::case::Problem;
use serde_json::Value;

use super::{EXAMPLE, problems};

/// To write them again after a change: `UPDATE_SCHEMA=1 cargo test -p reenact published_schema`.
fn is_published(name: &str, current: &Value) {
    let path = format!("{}/../../docs/schema/{name}", env!("CARGO_MANIFEST_DIR"));
    let current = format!("{current:#}\n");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    let command = "UPDATE_SCHEMA=1 cargo test -p reenact published_schema";
    assert!(published == current, "docs/schema/{name} is out of date: {command}");
}

#[test]
fn the_published_schema_of_the_suite_file_is_that_of_the_reader() {
    is_published("suite.json", &Suite::file_schema());
}

#[test]
fn the_published_schema_of_problems_is_that_of_the_type() {
    is_published("check.json", schemars::schema_for!(Vec<Problem>).as_value());
}

/// Every key of the case's table makes a difference to what is read: none is accepted and then forgotten.
#[test]
fn every_key_that_the_schema_names_is_read() {
    let schema = Suite::file_schema();
    let whole: Value =
        serde_json::from_str(super::load("suite.yaml", EXAMPLE).to_jsonl().lines().nth(1).unwrap()).unwrap();
    for key in schema["$defs"]["case"]["properties"].as_object().unwrap().keys() {
        let mut changed = whole.clone();
        let removed = changed.as_object_mut().unwrap().remove(key);
        assert!(removed.is_some(), "the example lacks `{key}`");
        let file = super::file("suite.jsonl", changed.to_string());
        if let Ok(suite) = Suite::load(&file.path) {
            assert_ne!(suite.to_jsonl().trim(), whole.to_string(), "`{key}` makes no difference");
        }
    }
}

#[test]
fn a_key_that_the_schema_does_not_name_is_refused() {
    let schema = Suite::file_schema();
    let names = |def: &str| schema["$defs"][def]["properties"].as_object().unwrap().len();
    assert!(["suite", "case", "fact", "expectation", "origin", "evidence", "record"].into_iter().all(|d| names(d) > 1));
    let told = problems("suite.yaml", EXAMPLE.replace("patience", "endurance"));
    assert_eq!(told.len(), 1);
}
