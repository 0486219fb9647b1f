//! The exit statuses: 0 all passed, 1 an expectation failed, 2 usage or set-up, 3 could not be decided.

use crate::stage::Stage;

/// The status of a suite of these cases, each an answer of the agent; the expectation is that it says "yes".
fn status(cases: &[&str]) -> Option<i32> {
    let stage = Stage::new();
    let case = |(number, expectation): (usize, &&str)| match *expectation {
        "nothing" => format!("- {{ id: c{number}, goal: nothing }}\n"),
        answer => format!("- {{ id: c{number}, goal: {answer}, expectations: [{{ id: e, contains: 'YES' }}] }}\n"),
    };
    stage.write("suite.yaml", cases.iter().enumerate().map(case).collect::<String>());
    stage.write(
        "agent.yaml",
        "- {when: good, reply: 'YES'}\n- {when: broken, fail: out of credit}\n- {reply: I cannot say.}\n",
    );
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "script:agent.yaml"]);
    assert_eq!(stage.reenact(&["report"]).status, told.status, "a report has the status of its run");
    told.status
}

#[test]
fn zero_where_every_expectation_is_met() {
    assert_eq!(status(&["good", "good"]), Some(0));
}

#[test]
fn one_where_an_expectation_failed_whatever_else_could_not_be_decided() {
    assert_eq!(status(&["good", "bad"]), Some(1));
    assert_eq!(status(&["good", "bad", "broken", "nothing"]), Some(1));
}

#[test]
fn three_where_nothing_failed_and_something_could_not_be_decided() {
    assert_eq!(status(&["good", "broken"]), Some(3));
    assert_eq!(status(&["good", "nothing"]), Some(3));
    assert_eq!(status(&["nothing"]), Some(3));
}

#[test]
fn two_where_the_command_cannot_be_carried_out_at_all() {
    let stage = Stage::with_parcels();
    for args in [
        &[][..],
        &["runn"],
        &["run"],
        &["run", "suite.yaml"],
        &["run", "none.yaml", "--agent", "recorded"],
        &["run", "suite.yaml", "--agent", "gpt"],
        &["run", "suite.yaml", "--agent", "recorded", "--trials", "0"],
        &["report"],
        &["sessions", "--limit", "many"],
    ] {
        let told = stage.reenact(args);
        assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{args:?}: {told:?}");
        assert!(!told.err.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_answers_and_no_errors() {
    let stage = Stage::new();
    for args in [&["--help"][..], &["--version"], &["run", "--help"]] {
        let told = stage.reenact(args);
        assert_eq!((told.status, told.err.as_str()), (Some(0), ""), "{args:?}");
        assert!(told.out.lines().all(|line| line.chars().count() <= 100), "{}", told.out);
    }
}
