//! A run as an HTML page; what a browser makes of it is tried with the command.

use super::*;

#[test]
fn the_page_stands_alone_and_forbids_scripts_and_requests() {
    let page = report::html(&market(), &market_sessions());
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("<script"));
    for outside in ["http://", "https://", "url(", "@import", "<link", "src=", "<img"] {
        assert!(!page.contains(outside), "{outside}");
    }
    insta::assert_snapshot!(page.split_once("<main>").unwrap().1);
}

#[test]
fn every_link_and_every_mark_of_the_page_has_its_target() {
    let page = report::html(&market(), &market_sessions());
    let targets: Vec<&str> = page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for target in targets {
        assert_eq!(page.matches(&format!("id=\"{target}\"")).count(), 1, "{target}");
    }
    // One for each trial, and one for each turn that an assessment cites.
    assert_eq!(page.matches("<a href=\"#").count(), 7 + 2 + 1 + 1 + 1);
}

#[test]
fn the_recording_stands_once_for_all_trials_of_a_case() {
    let page = report::html(&market(), &market_sessions());
    assert_eq!(page.matches("Up two percent!").count(), 1);
}

#[test]
fn a_long_suite_has_a_picture_of_all_cases_and_folds_those_that_passed() {
    let pass = |id: &str| trial(id, 1, Ending::Satisfied, vec![assessment(Verdict::Pass, "said", &[1])], &[]);
    let ids: Vec<String> = (0..40).map(|n| format!("case-{n}")).collect();
    let trials = ids[1..].iter().map(|id| pass(id)).collect();
    let page =
        report::html(&RunOutput::new(run(1, ids.iter().map(|id| case(id, "g")).collect()), trials), &BTreeMap::new());
    let (before, folded) = page.split_once("<details class=\"fold\">").unwrap();
    assert_eq!(
        (before.matches("<details class=\"case\">").count(), folded.matches("<details class=\"case\">").count()),
        (1, 39)
    );
    assert_eq!(before.split_once("class=\"overview\"").unwrap().1.matches("<rect class=").count(), 40);
}

#[test]
fn a_page_with_nothing_in_it_is_still_a_page() {
    let mut nameless = run(1, Vec::new());
    nameless.suite.name = None;
    let page = report::html(&RunOutput::new(nameless, Vec::new()), &BTreeMap::new());
    assert!(page.contains("The suite has no cases.") && page.contains("no trial was decided"));
}

#[test]
fn a_long_message_is_cut_in_the_page_with_a_mark() {
    let long = "x".repeat(20_000) + "yyy";
    let trials = vec![trial("a", 1, Ending::Satisfied, Vec::new(), &[Message::user(long)])];
    let page = report::html(&RunOutput::new(run(1, vec![case("a", "g")]), trials), &BTreeMap::new());
    assert!(page.contains("x […3 more characters]") && !page.contains("yyy"));
}

#[test]
fn nothing_said_in_a_conversation_can_run_in_the_page() {
    let (output, sessions) = hostile("\"><script>alert(1)</script>' onload=x {{ 7 * 7 }} \u{202e}");
    let page = report::html(&output, &sessions);
    assert!(!page.contains("<script") && !page.contains("</script") && !page.contains("onload=x {{ 7 * 7 }} \u{202e}"));
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("{{ 7 * 7 }}"));
}
