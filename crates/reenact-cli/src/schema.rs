//! What each verb prints with `--json`, as published in `docs/schema`. `run`, `judge` and `report` print one kind of
//! object and `check` another, whose schemas the SDK publishes.

#![cfg(test)]

use reenact::Session;
use reenact::calibrate::Calibration;
use reenact::distill::curation::Coverage;
use reenact::estimate::Estimate;
use reenact::import::Imported;
use schemars::{Schema, schema_for};

use crate::command::copy::Copied;
use crate::command::demo::Told;
use crate::command::sessions::{Exported, Found, Signalled};
use crate::command::show::Shown;
use crate::command::{distill, models};

/// To write them again after a change: `UPDATE_SCHEMA=1 cargo test -p reenact-cli published_schema`.
fn is_published(name: &str, schema: &Schema) {
    let path = format!("{}/../../docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let current = format!("{:#}\n", schema.as_value());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    let command = "UPDATE_SCHEMA=1 cargo test -p reenact-cli published_schema";
    assert!(published == current, "docs/schema/{name}.json is out of date: {command}");
}

#[test]
fn the_published_schema_of_each_verb_is_that_of_what_it_prints() {
    is_published("import", &schema_for!(Imported));
    is_published("sessions", &schema_for!(Found));
    is_published("exported", &schema_for!(Exported));
    is_published("signals", &schema_for!(Signalled));
    is_published("coverage", &schema_for!(Coverage));
    is_published("session", &schema_for!(Session));
    is_published("distill", &schema_for!(distill::Told));
    is_published("estimate", &schema_for!(Estimate));
    is_published("calibration", &schema_for!(Calibration));
    is_published("show", &schema_for!(Shown<'_>));
    is_published("copy", &schema_for!(Copied));
    is_published("models", &schema_for!(models::Told));
    is_published("demo", &schema_for!(Told));
}
