//! A run as JUnit XML, held against the schema of Jenkins' xUnit plugin, which CI systems read.
//!
//! The schema is `junit-10.xsd` as pytest ships it for the same purpose, under the MIT licence that stands in it.

use uppsala::{XsdValidator, parse};

use super::*;

/// What is wrong with a report by the schema.
pub(super) fn complaints(xml: &str) -> Vec<String> {
    let schema = parse(include_str!("../fixtures/report/junit-10.xsd")).unwrap();
    let validator = XsdValidator::from_schema(&schema).unwrap();
    let document = parse(xml).unwrap_or_else(|error| panic!("not well-formed: {error}"));
    validator.validate(&document).iter().map(ToString::to_string).collect()
}

#[test]
fn junit_shows_nothing_undecided_as_a_success() {
    insta::assert_snapshot!(report::junit(&market()).unwrap());
}

#[test]
fn the_schema_finds_what_other_writers_add() {
    let xml = report::junit(&market()).unwrap();
    let spoilt = [
        xml.replacen("<testcase ", "<testcase assertions=\"1\" ", 1),
        xml.replacen("<failure ", "<remark/><failure ", 1),
        xml.replacen(" tests=", " trials=", 2),
    ];
    for spoilt in spoilt {
        assert_ne!(spoilt, xml);
        assert_ne!(complaints(&spoilt), Vec::<String>::new(), "{spoilt}");
    }
}

#[test]
fn every_run_of_the_tests_keeps_to_the_schema() {
    let empty = RunOutput::new(run(1, Vec::new()), Vec::new());
    let unfinished = RunOutput::new(run(3, vec![case("a", "g")]), Vec::new());
    for output in [market(), hostile("<b>&\u{1b}]]>").0, empty, unfinished] {
        assert_eq!(complaints(&report::junit(&output).unwrap()), Vec::<String>::new());
    }
}

/// CI systems show a file without tests, or with skipped ones only, in green.
#[test]
fn a_run_of_nothing_is_an_error_and_not_a_green_page() {
    let xml = report::junit(&RunOutput::new(run(1, Vec::new()), Vec::new())).unwrap();
    let suites = elements(&xml).into_iter().find(|(name, _)| name == "testsuites").unwrap().1;
    assert_eq!((suites["tests"].as_str(), suites["errors"].as_str()), ("1", "1"));
    assert!(xml.contains("Nothing was tried: the suite has no cases."), "{xml}");
}

/// One trial that passed cannot show that nine in ten do, and its green mark must not stand alone.
#[test]
fn a_threshold_is_a_test_of_its_own() {
    let passed = trial("a", 1, Ending::Satisfied, vec![assessment(Verdict::Pass, "said", &[])], &[]);
    let mut planned = run(1, vec![case("a", "g")]);
    planned.plan.threshold = Some(0.9);
    let xml = report::junit(&RunOutput::new(planned, vec![passed])).unwrap();
    assert_eq!(complaints(&xml), Vec::<String>::new());
    let tests: Vec<_> =
        elements(&xml).into_iter().filter(|(name, _)| name == "testcase").map(|(_, of)| of["name"].clone()).collect();
    assert_eq!(tests, ["a/1", "threshold"]);
    assert_eq!(elements(&xml).iter().filter(|(name, of)| name == "error" && of["type"] == "undecided").count(), 1);
}

#[test]
fn junit_holds_any_text_and_loses_none_of_it() {
    let (output, _) = hostile("\u{1b}]0;never ended \u{0} ]]> <b>&\u{ffff} end-mark");
    let xml = report::junit(&output).unwrap();
    assert_eq!(elements(&xml).iter().filter(|(name, _)| name == "testcase").count(), 3);
    assert!(xml.contains("end-mark"));
    assert!(!xml.contains(['\u{0}', '\u{1b}', '\u{ffff}']));
}
