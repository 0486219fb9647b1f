//! Two runs side by side, and what may be said of them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use reenact::report::statistics::Reproduced;
use reenact::report::{Change, Comparison, Known, RunOutput, Status};
use reenact::{
    Assessment, Brief, Check, Ending, Evidence, Expectation, Message, Origin, Outcome, Plan, Run, Session, Suite,
    TestCase, Trial, Verdict,
};

use crate::statistics::simulation::Random;

fn case(id: &str) -> TestCase {
    let expectation =
        Expectation { id: "closed".into(), text: None, check: Check::MustNotMatch("market is open".into()) };
    TestCase {
        id: id.into(),
        brief: Brief { goal: "see whether the market is open".into(), ..Brief::default() },
        context: serde_json::Map::new(),
        expectations: vec![expectation],
        origin: None,
        ..TestCase::default()
    }
}

/// A conversation of three turns, in whose second the agent is wrong where the trial fails.
fn trial(case: &str, number: u32, verdict: Verdict) -> Trial {
    let second = if verdict == Verdict::Fail { "the market is open" } else { "it is closed" };
    let said = [("hello", "hello"), ("is it open", second), ("thanks", "bye")];
    let messages = said.into_iter().flat_map(|(user, agent)| [Message::user(user), Message::agent(agent)]);
    let said_open = Assessment::new("closed", verdict, "the agent said \"market is open\"", "assertion");
    let assessments = vec![said_open.citing(&[1, 2, 3])];
    Trial {
        case: case.into(),
        trial: number,
        session_id: format!("sim-{number:016x}"),
        outcome: Outcome::of(&Ending::Satisfied, &assessments),
        ending: Ending::Satisfied,
        conversation: messages.collect(),
        disclosures: Vec::new(),
        corrections: Vec::new(),
        goal: None,
        handed_over_at: None,
        discarded: Vec::new(),
        assessments,
        agent_version: None,
        agent_latencies_ms: Vec::new(),
        agent_usage: Vec::new(),
        tool_misses: Vec::new(),
    }
}

/// A run in which each case passed so often of so many trials; 0 of 0 is one that could not be decided.
fn run(id: &str, cases: &[(&str, u32, u32)]) -> RunOutput {
    let trials = cases.iter().map(|(_, _, trials)| *trials).max().unwrap_or(1).max(1);
    let plan = Plan { agent: format!("cmd:{id}"), trials, ..Plan::default() };
    let suite = Suite { name: None, cases: cases.iter().map(|(id, _, _)| case(id)).collect() };
    let verdict = |n, passed| if n <= passed { Verdict::Pass } else { Verdict::Fail };
    let trials = cases.iter().flat_map(|&(case, passed, trials)| match trials {
        0 => vec![trial(case, 1, Verdict::Inconclusive)],
        _ => (1..=trials).map(|n| trial(case, n, verdict(n, passed))).collect(),
    });
    let trials = trials.collect();
    RunOutput::new(Run { id: id.into(), ..Run::new(plan, suite) }, trials)
}

fn changes(comparison: &Comparison) -> Vec<(&str, Change)> {
    comparison.cases.iter().map(|case| (case.case.as_str(), case.change)).collect()
}

#[test]
fn an_unchanged_agent_is_no_regression_and_not_shown_to_be_within_a_narrow_margin() {
    let (before, after) = (run("v1", &[("a", 3, 3), ("b", 0, 3)]), run("v2", &[("a", 3, 3), ("b", 0, 3)]));
    let comparison = Comparison::of(&before, &after, None);
    assert_eq!(comparison.status, Status::Passed);
    assert_eq!(changes(&comparison), [("a", Change::Unchanged), ("b", Change::Unchanged)]);
    let within = Comparison::of(&before, &after, Some(0.05));
    assert_eq!(within.status, Status::Undecided, "two cases do not show that");
    assert_eq!(
        within.headline(),
        "Could not be decided: it could be worse by more than the margin of 5 points, or not."
    );
}

#[test]
fn a_case_that_surely_passes_less_often_is_broken_with_the_turn_in_which_it_went_wrong() {
    let before = run("v1", &[("a", 20, 20), ("b", 20, 20), ("c", 20, 20)]);
    let after = run("v2", &[("a", 20, 20), ("b", 8, 20), ("c", 20, 20)]);
    let comparison = Comparison::of(&before, &after, None);
    assert_eq!(comparison.status, Status::Failed);
    assert_eq!(comparison.headline(), "A regression: 1 case broke.");
    let broken = &comparison.cases[1];
    assert_eq!((broken.change, broken.difference), (Change::Broken, Some(-0.6)));
    let failure = broken.failure.as_ref().unwrap();
    assert_eq!((failure.run.as_str(), failure.why.expectation.as_deref()), ("v2", Some("closed")));
    // Turn 1 is cited too, and was the same where it passed.
    assert_eq!((failure.first_bad_turn, failure.said.as_deref()), (Some(2), Some("the market is open")));
}

#[test]
fn a_case_that_could_have_failed_by_chance_is_a_suspect_and_a_rerun_says_what_it_is() {
    let (before, after) = (run("v1", &[("a", 3, 3), ("b", 3, 3)]), run("v2", &[("a", 2, 3), ("b", 3, 3)]));
    let comparison = Comparison::of(&before, &after, None);
    assert_eq!((comparison.status, comparison.suspects()), (Status::Undecided, vec!["a"]));
    assert_eq!(comparison.cases[0].change, Change::Worse);

    let again = |passed| run("again", &[("a", passed, 20)]);
    let cleared = comparison.clone().with_rerun(&again(19), &again(18));
    assert_eq!((cleared.status, cleared.cases[0].change), (Status::Passed, Change::Unchanged));
    let confirmed = comparison.clone().with_rerun(&again(20), &again(10));
    assert_eq!((confirmed.status, confirmed.cases[0].change), (Status::Failed, Change::Broken));
    assert_eq!(confirmed.cases[0].fresh.unwrap().candidate.passed, 10);
    let unanswered = comparison.with_rerun(&again(20), &run("again", &[("a", 0, 0)]));
    assert_eq!((unanswered.status, unanswered.cases[0].change), (Status::Undecided, Change::Worse));
}

/// The trials that made a case a suspect are not evidence once more, however strong they look.
#[test]
fn suspects_that_were_tried_again_are_judged_by_the_fresh_trials_alone() {
    let (before, after) = (run("v1", &[("a", 20, 20)]), run("v2", &[("a", 0, 20)]));
    let comparison = Comparison::of(&before, &after, Some(1.0));
    assert_eq!(comparison.cases[0].change, Change::Broken);
    let cleared = comparison.with_rerun(&run("x", &[("a", 20, 20)]), &run("y", &[("a", 20, 20)]));
    assert_eq!(cleared.cases[0].change, Change::Unchanged);
}

#[test]
fn what_was_repaired_is_fixed_only_where_it_is_sure_and_always_passes() {
    let before = run("v1", &[("a", 0, 10), ("b", 0, 10), ("c", 9, 10)]);
    let after = run("v2", &[("a", 10, 10), ("b", 7, 10), ("c", 10, 10)]);
    let comparison = Comparison::of(&before, &after, None);
    assert_eq!(changes(&comparison), [("a", Change::Fixed), ("b", Change::Better), ("c", Change::Better)]);
    assert_eq!(comparison.status, Status::Passed);
    assert_eq!(comparison.cases[0].failure.as_ref().unwrap().run, "v1");
}

#[test]
fn many_small_falls_are_a_regression_of_the_whole_though_no_case_is() {
    let ids: Vec<String> = (0..12).map(|n| format!("c{n}")).collect();
    let all = |passed: u32| ids.iter().map(|id| (id.as_str(), passed, 4)).collect::<Vec<_>>();
    let comparison = Comparison::of(&run("v1", &all(4)), &run("v2", &all(3)), None);
    assert_eq!(comparison.cases_that(Change::Broken), 0);
    assert_eq!(comparison.headline(), "A regression: the pass rate fell (p at most 0.05).");
    let allowed = Comparison::of(&run("v1", &all(4)), &run("v2", &all(3)), Some(0.9));
    assert_eq!(allowed.status, Status::Passed, "so wide a margin allows it");
}

#[test]
fn what_the_candidate_no_longer_decides_is_not_taken_for_a_success() {
    let comparison =
        Comparison::of(&run("v1", &[("a", 3, 3), ("b", 1, 1)]), &run("v2", &[("a", 3, 3), ("b", 0, 0)]), None);
    assert_eq!((comparison.status, comparison.cases[1].change), (Status::Undecided, Change::Undecided));
    let never = Comparison::of(&run("v1", &[("a", 3, 3), ("b", 0, 0)]), &run("v2", &[("a", 3, 3), ("b", 0, 0)]), None);
    assert!(never.reasons.iter().all(|reason| !reason.contains("no longer")), "{:?}", never.reasons);
}

#[test]
fn a_case_that_is_not_the_same_in_both_is_listed_with_what_differs() {
    let before = run("v1", &[("a", 3, 3), ("b", 3, 3), ("gone", 3, 3)]);
    let mut after = run("v2", &[("a", 3, 3), ("b", 3, 3), ("new", 3, 3)]);
    after.run.suite.cases[1].expectations[0].check = Check::Contains("closed".into());
    after.run.suite.cases[1].brief.goal = "another".into();
    after.run.plan.max_turns = 3;
    let comparison = Comparison::of(&before, &after, None);
    let unmatched: Vec<_> = comparison.unmatched.iter().map(|case| (case.case.as_str(), case.why.as_str())).collect();
    assert_eq!(
        unmatched,
        [
            ("b", "differs in its brief, expectations"),
            ("new", "only in the candidate"),
            ("gone", "only in the baseline")
        ]
    );
    let also = &comparison.also_differ;
    assert_eq!((also.len(), also[0].key.as_str(), also[0].candidate.as_str()), (1, "max_turns", "3"));
}

#[test]
fn a_recorded_failure_is_followed_from_run_to_run() {
    let recorded = |words: &str| {
        let said = [Message::user("is it open"), Message::agent(words), Message::user("no, it is saturday")];
        Session::new("s-1", said.into_iter().collect())
    };
    let with_origin = |mut output: RunOutput, words: &str| {
        let evidence = Evidence { field: "expectations.closed".into(), turn: 2, quote: "no".into() };
        output.run.suite.cases[0].origin = Some(Origin { session: "s-1".into(), evidence: vec![evidence] });
        let known = Known { recordings: [("s-1".to_owned(), recorded(words))].into(), ..Known::default() };
        RunOutput::knowing(output.run, output.trials, &known)
    };
    let class = |passed, trials, words| {
        let output = with_origin(run("v1", &[("a", passed, trials)]), words);
        output.report.cases[0].reproduction.map(|reproduction| reproduction.reproduced)
    };
    let failed = "the market is open";
    assert_eq!(class(0, 3, failed), Some(Reproduced::Reproduced));
    assert_eq!(class(4, 5, failed), Some(Reproduced::Intermittent));
    assert_eq!(class(5, 5, failed), Some(Reproduced::NotReproduced));
    assert_eq!(class(20, 20, failed), Some(Reproduced::Fixed));
    assert_eq!(class(0, 3, "it is closed"), None, "the recording does not fail it");
    assert_eq!(class(0, 0, failed), None, "no replay was decided");
    assert_eq!(run("v1", &[("a", 0, 3)]).report.cases[0].reproduction, None, "the case comes from no recording");

    let comparison = Comparison::of(
        &with_origin(run("v1", &[("a", 0, 20)]), failed),
        &with_origin(run("v2", &[("a", 20, 20)]), failed),
        None,
    );
    let classes = [comparison.cases[0].reproduction_baseline, comparison.cases[0].reproduction_candidate];
    assert_eq!(classes.map(|of| of.unwrap().reproduced), [Reproduced::Reproduced, Reproduced::Fixed]);
}

#[test]
fn trials_that_stopped_early_are_suspected_and_never_convicted_without_a_rerun() {
    let early = |mut output: RunOutput| {
        output.run.plan.stopping = Some(reenact::report::statistics::EarlyStopping::default());
        output.run.plan.trials = 26;
        RunOutput::new(output.run, output.trials)
    };
    let (before, after) = (early(run("v1", &[("a", 6, 6)])), early(run("v2", &[("a", 0, 2)])));
    let comparison = Comparison::of(&before, &after, None);
    assert_eq!((comparison.cases[0].change, comparison.cases[0].p), (Change::Worse, None));
    assert_eq!(comparison.status, Status::Undecided);
}

/// To write it again after a change: `UPDATE_SCHEMA=1 cargo test -p reenact published_schema`.
#[test]
fn the_published_schema_of_a_comparison_is_that_of_the_type() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/diff.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Comparison)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == schema,
        "docs/schema/diff.json is out of date: UPDATE_SCHEMA=1 cargo test -p reenact published_schema"
    );
}

fn any_run() -> impl Strategy<Value = Vec<(usize, u32, u32)>> {
    prop::collection::btree_map(0..8_usize, (0..4_u32, 0..4_u32), 0..6)
        .prop_map(|cases| cases.into_iter().map(|(id, (passed, trials))| (id, passed.min(trials), trials)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_case_of_either_run_stands_in_the_comparison_once(before in any_run(), after in any_run()) {
        let ids: Vec<String> = (0..8).map(|n| format!("c{n}")).collect();
        let named = |cases: &[(usize, u32, u32)]| cases.iter().map(|&(n, p, t)| (ids[n].as_str(), p, t)).collect::<Vec<_>>();
        let (before, after) = (run("v1", &named(&before)), run("v2", &named(&after)));
        let comparison = Comparison::of(&before, &after, None);
        let all = |output: &RunOutput| output.run.suite.cases.iter().map(|case| case.id.clone()).collect::<Vec<_>>();
        let expected: BTreeSet<String> = all(&before).into_iter().chain(all(&after)).collect();
        let compared = comparison.cases.iter().map(|case| &case.case);
        let listed: Vec<&String> = compared.chain(comparison.unmatched.iter().map(|case| &case.case)).collect();
        prop_assert_eq!(listed.len(), expected.len());
        prop_assert!(listed.iter().all(|case| expected.contains(*case)));
        let json = serde_json::to_string(&comparison).unwrap();
        prop_assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), comparison);
    }

    #[test]
    fn a_run_compared_with_itself_never_shows_a_change(cases in any_run()) {
        let ids: Vec<String> = (0..8).map(|n| format!("c{n}")).collect();
        let cases: Vec<_> = cases.iter().map(|&(n, p, t)| (ids[n].as_str(), p, t)).collect();
        let output = run("v1", &cases);
        let comparison = Comparison::of(&output, &output, None);
        prop_assert!(comparison.cases.iter().all(|case| matches!(case.change, Change::Unchanged | Change::Undecided)));
        prop_assert!(comparison.status != Status::Failed);
    }
}

/// Trials of a case that passes this often.
fn drawn(random: &mut Random, rates: &[(String, f64)], trials: u64) -> RunOutput {
    let passed = rates.iter().map(|(id, rate)| (id.as_str(), random.tally(*rate, trials).passed as u32, trials as u32));
    run("drawn", &passed.collect::<Vec<_>>())
}

/// The whole of it, as `diff --rerun` does it: suites of twelve cases of all kinds, and the same agent twice.
#[test]
fn an_unchanged_agent_is_called_a_regression_at_most_once_in_twenty_comparisons() {
    let mut random = Random::new(7);
    let comparisons = 300;
    let mut regressions = 0;
    for _ in 0..comparisons {
        let rates: Vec<(String, f64)> = (0..12).map(|n| (format!("c{n}"), [1.0, 0.9, 0.7, 0.4][n % 4])).collect();
        let (before, after) = (drawn(&mut random, &rates, 3), drawn(&mut random, &rates, 3));
        let comparison = Comparison::of(&before, &after, None);
        let suspects: Vec<_> =
            rates.iter().filter(|(id, _)| comparison.suspects().contains(&id.as_str())).cloned().collect();
        let (before, after) = (drawn(&mut random, &suspects, 10), drawn(&mut random, &suspects, 10));
        regressions += u32::from(comparison.with_rerun(&before, &after).status == Status::Failed);
    }
    // Two standard errors above one in twenty.
    assert!(regressions <= 22, "{regressions} of {comparisons}");
}
