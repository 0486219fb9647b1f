//! Judges held against people: hand-made tables, a simulation of the interval's claim, and labels of a stored run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use reenact::calibrate::{Calibration, Label, calibrate, labels};
use reenact::judge::{Asks, BuiltIn, JudgeRule, JudgeSpec, OwnJudge, Panel, ValueType};
use reenact::report::RunOutput;
use reenact::report::statistics::{Confusion, NotInformative, Tally, corrected_pass_rate};
use reenact::run::{Part, Participants, Stop, run};
use reenact::{Brief, Check, Expectation, Judging, Model, Plan, Run, Store, Suite, TestCase, Verdict, agent};
use serde_json::json;

use crate::scripted::{answered, model as scripted, text_of};
use crate::statistics::simulation::{Cases, Random};

fn confusion(true_pass: u64, false_fail: u64, true_fail: u64, false_pass: u64) -> Confusion {
    Confusion { true_pass, false_pass, true_fail, false_fail }
}

/// So many conversations, each of a case of its own.
fn single(passed: u64, all: u64) -> Vec<Tally> {
    (0..all).map(|at| Tally { passed: u64::from(at < passed), decided: 1 }).collect()
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 5e-4
}

#[test]
fn a_table_by_hand_gives_the_rates_and_the_kappa_by_hand() {
    // People pass 60 and fail 40; the judge agrees on 40 and on 30. By chance .6 * .5 + .4 * .5 = .5, so (.7 - .5) / .5.
    let table = confusion(40, 20, 30, 10);
    assert_eq!(table.items(), 100);
    assert_eq!(table.true_pass_rate().unwrap().share, 0.666_667);
    let fails = table.true_fail_rate().unwrap();
    assert_eq!((fails.share, fails.items), (0.75, 40));
    assert!(close(fails.low, 0.5981) && close(fails.high, 0.8581), "Wilson by hand: {fails:?}");
    let kappa = table.kappa().unwrap();
    assert!(close(kappa.kappa, 0.4) && close(kappa.low, 0.2204) && close(kappa.high, 0.5796), "{kappa:?}");
}

#[test]
fn agreement_by_habit_has_a_kappa_of_nothing_and_a_constant_judge_has_none() {
    assert_eq!(confusion(81, 9, 1, 9).kappa().unwrap().kappa, 0.0);
    assert_eq!(confusion(50, 0, 50, 0).kappa().unwrap().kappa, 1.0);
    assert_eq!(confusion(90, 0, 0, 10).kappa(), None, "a judge that passes everything agrees with 90 of 100");
    assert_eq!(Confusion::default().kappa(), None);
    assert_eq!(Confusion::default().true_pass_rate(), None);
}

#[test]
fn the_corrected_rate_is_that_of_the_published_method() {
    // Figures of the method's own code (arXiv 2511.21140): 240 of 300 pass, with so many labels of each kind.
    for (labels, rate, low, high) in [
        (confusion(47, 3, 30, 20), 0.7407, 0.6044, 0.9054),
        (confusion(48, 2, 40, 10), 0.7895, 0.7037, 0.8994),
        (confusion(95, 5, 80, 20), 0.8000, 0.7218, 0.8858),
    ] {
        let corrected = corrected_pass_rate(&single(240, 300), &labels).unwrap();
        assert_eq!(corrected.apparent, 0.8);
        assert!(close(corrected.rate, rate), "{corrected:?}");
        assert!(close(corrected.low, low) && close(corrected.high, high), "{corrected:?}");
    }
}

#[test]
fn a_judge_that_is_not_informative_gets_no_rate() {
    let of = |passed, labels| corrected_pass_rate(&single(passed, 100), &labels).unwrap_err();
    assert_eq!(of(80, confusion(96, 4, 24, 76)), NotInformative::LikeChance);
    assert_eq!(of(80, confusion(60, 40, 60, 40)), NotInformative::LikeChance, "exactly 1.2 is not enough");
    assert_eq!(of(100, confusion(95, 5, 80, 20)), NotInformative::NoApparentFailure);
    assert_eq!(of(80, confusion(95, 5, 0, 0)), NotInformative::NoLabelledFail);
    assert_eq!(of(80, confusion(0, 0, 80, 20)), NotInformative::NoLabelledPass);
    assert_eq!(corrected_pass_rate(&[], &confusion(9, 1, 9, 1)), Err(NotInformative::NothingJudged));
}

#[test]
fn trials_of_one_case_that_resemble_each_other_widen_the_interval() {
    let labels = confusion(95, 5, 80, 20);
    let alike: Vec<Tally> = (0..20).map(|case| Tally { passed: if case < 16 { 15 } else { 0 }, decided: 15 }).collect();
    let (clustered, independent) =
        (corrected_pass_rate(&alike, &labels).unwrap(), corrected_pass_rate(&single(240, 300), &labels).unwrap());
    assert_eq!(clustered.rate, independent.rate);
    assert!(clustered.high - clustered.low > 1.5 * (independent.high - independent.low), "{clustered:?}");
}

/// What a judge of these rates passes of so many that are good and so many that are bad.
fn judged(random: &mut Random, good: u64, bad: u64, (passes, fails): (f64, f64)) -> (u64, u64) {
    (random.tally(passes, good).passed, random.tally(1.0 - fails, bad).passed)
}

#[test]
fn the_interval_of_the_corrected_rate_covers_what_people_would_say() {
    const SUITES: u32 = 1_500;
    for (truth, rates, (cases, trials, likeness), labels) in [
        (0.8, (0.95, 0.8), (300, 1, 0.0), 50),
        (0.7, (0.9, 0.7), (100, 3, 0.5), 50),
        (0.9, (0.95, 0.6), (100, 3, 0.5), 100),
        (0.6, (0.85, 0.85), (30, 5, 0.5), 30),
    ] {
        let mut random = Random::new(2_511);
        let mut covered = 0;
        for _ in 0..SUITES {
            let suite = Cases::Smooth.suite(&mut random, truth, likeness, cases, trials);
            let seen = suite.iter().map(|case| {
                let (good, bad) = judged(&mut random, case.passed, case.decided - case.passed, rates);
                Tally { passed: good + bad, decided: case.decided }
            });
            let seen: Vec<Tally> = seen.collect();
            let (true_pass, false_pass) = judged(&mut random, labels, labels, rates);
            let table = confusion(true_pass, labels - true_pass, labels - false_pass, false_pass);
            covered += u32::from(match corrected_pass_rate(&seen, &table) {
                Ok(corrected) => (corrected.low..=corrected.high).contains(&truth),
                // No rate is no wrong rate.
                Err(_) => true,
            });
        }
        let coverage = f64::from(covered) / f64::from(SUITES);
        assert!(coverage >= 0.93, "{coverage} at {truth}, judge {rates:?}, {cases} x {trials}, {labels} labels");
    }
}

/// The cases of a run: the agent of `c1` to `c6` says the number of its case.
fn suite() -> Suite {
    let expectation = |id: &str, check| Expectation { id: id.into(), text: Some("The agent is kind".into()), check };
    let case = |number: u32| TestCase {
        id: format!("c{number}"),
        brief: Brief { goal: "get help".into(), opening: Some(format!("help {number}")), ..Brief::default() },
        expectations: vec![
            expectation("is-kind", Check::Judged),
            expectation("says-it", Check::Contains("help".into())),
        ],
        ..TestCase::default()
    };
    Suite { name: None, cases: (1..=6).map(case).collect() }
}

/// Judges by what was asked for: the even ones pass; `c6` cannot be told; every second answer about `c1` is the opposite.
fn judge(calls: &Arc<AtomicU32>) -> Model {
    let (calls, first) = (Arc::clone(calls), AtomicU32::new(0));
    scripted(move |request| {
        calls.fetch_add(1, Ordering::SeqCst);
        let asked = text_of(request);
        let number = (1..=6).find(|number| asked.contains(&format!("\"help {number}\""))).unwrap();
        let flips = number == 1 && first.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        let verdict = match number {
            6 => "inconclusive",
            _ if (number % 2 == 0) != flips => "pass",
            _ => "fail",
        };
        answered(json!({"reason": "r", "turns": [1], "verdict": verdict}))
    })
}

async fn judged_run(judging: Judging, panel: &Panel) -> (Store, RunOutput) {
    let store = Store::temporary().unwrap();
    let plan = Plan { agent: "kind".into(), judging, concurrency: 1, ..Plan::default() };
    let planned = Run::new(plan, suite());
    store.create_run(&planned).unwrap();
    let agent = agent::from_fn(|turn| {
        let said = format!("I will {}.", turn.conversation.messages[0].text);
        async move { Ok(said) }
    });
    let participants = Participants { agent: Arc::new(agent), user: Part::Offline, judge: panel.clone() };
    let output = run(&store, &planned, &participants, &Stop::default(), &|_| {}).await.unwrap();
    (store, output)
}

fn label(line: u64, case: &str, item: &str, verdict: Verdict) -> Label {
    Label { line, run: None, case: case.into(), trial: 1, item: item.into(), verdict }
}

fn of_people() -> Vec<Label> {
    use Verdict::{Fail, Pass};
    let said = [Fail, Pass, Pass, Fail, Fail, Pass];
    said.into_iter().zip(1..).map(|(it, at)| label(at, &format!("c{at}"), "is-kind", it)).collect()
}

async fn calibrated(
    panel: &Panel,
    (store, output): &(Store, RunOutput),
    labels: &[Label],
    repeats: u32,
) -> Calibration {
    let file = (Path::new("labels.jsonl"), labels);
    calibrate(store, output, panel, file, repeats, &Stop::default()).await.unwrap()
}

#[tokio::test]
async fn a_runs_judge_is_held_against_labels_without_being_asked_again() {
    let calls = Arc::default();
    let panel = Panel::of_model(judge(&calls));
    let run = judged_run(Judging::by("scripted"), &panel).await;
    let asked = calls.load(Ordering::SeqCst);
    let calibration = calibrated(&panel, &run, &of_people(), 1).await;
    assert_eq!(calls.load(Ordering::SeqCst), asked);
    // The judge: fail, pass, fail, pass, fail, cannot tell. People: fail, pass, pass, fail, fail, pass.
    let question = &calibration.questions[0];
    assert_eq!((question.question.as_str(), question.agreement.confusion), ("expectations", confusion(1, 1, 2, 1)));
    assert_eq!((question.undecided, question.flip_rate), (1, None));
    let differ: Vec<_> = question.disagreements.iter().map(|it| (it.case.as_str(), it.people, it.judge)).collect();
    assert_eq!(differ, [("c3", Verdict::Pass, Verdict::Fail), ("c4", Verdict::Fail, Verdict::Pass)]);
    assert_eq!((question.corrected, question.not_informative), (None, Some(NotInformative::LikeChance)));
    assert!(!calibration.is_informative());
}

#[tokio::test]
async fn a_judge_that_changes_its_mind_is_found_out_and_no_answer_is_paid_for_twice() {
    let calls = Arc::default();
    let panel = Panel::of_model(judge(&calls));
    let run = judged_run(Judging::by("scripted"), &panel).await;
    let once = calibrated(&panel, &run, &of_people(), 3).await;
    let flips = once.questions[0].flip_rate.unwrap();
    assert_eq!((flips.items, flips.share), (6, 0.166_667), "c1 alone");
    let asked = calls.load(Ordering::SeqCst);
    assert_eq!(asked, 6 + 12);
    assert_eq!(calibrated(&panel, &run, &of_people(), 3).await, once);
    assert_eq!(calls.load(Ordering::SeqCst), asked, "the answers of the repeats are kept");
    assert_eq!(run.0.trials(&run.1.run.id).unwrap(), run.1.trials, "and change nothing in the run");
}

#[tokio::test]
async fn labels_that_fit_nothing_are_skipped_with_their_line_and_reason() {
    let panel = Panel::of_model(judge(&Arc::default()));
    let run = judged_run(Judging::by("scripted"), &panel).await;
    let mut labels = vec![label(1, "c2", "is-kind", Verdict::Pass), label(2, "c2", "is-kind", Verdict::Fail)];
    labels.push(label(3, "c9", "is-kind", Verdict::Pass));
    labels.push(label(4, "c1", "is-rude", Verdict::Pass));
    labels.push(label(5, "c1", "says-it", Verdict::Pass));
    labels.push(Label { trial: 4, ..label(6, "c1", "is-kind", Verdict::Pass) });
    labels.push(Label { run: Some("another".into()), ..label(7, "c3", "is-kind", Verdict::Pass) });
    let calibration = calibrated(&panel, &run, &labels, 1).await;
    assert_eq!(calibration.questions[0].agreement.confusion.items(), 1);
    let told: Vec<String> = calibration.skipped.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    labels.jsonl:2: line 1 labels the same item
    labels.jsonl:3: the run has no case `c9`
    labels.jsonl:4: case `c1` has no expectation or judge `is-rude`
    labels.jsonl:5: code decides `says-it`, not a judge
    labels.jsonl:6: case `c1` has no trial 4
    labels.jsonl:7: it is a label of run `another`
    ");
}

#[tokio::test]
async fn named_judges_are_questions_of_their_own_and_each_of_several_models_is_held_to_the_labels() {
    let lenient = Model::new("lenient", Always(json!({"reason": "r", "turns": [1], "verdict": "pass"})));
    let strict = Model::new("strict", Always(json!({"reason": "r", "turns": [1], "verdict": "fail"})));
    let panel = Panel::of_models(vec![lenient, strict], JudgeRule::AnyVeto);
    let own = OwnJudge { instructions: "{{ conversation }}".into(), value: ValueType::Text, passes: None };
    let judges = vec![
        JudgeSpec::built_in(BuiltIn::FailurePresent),
        JudgeSpec { name: "summary".into(), asks: Asks::Own(own), model: None },
    ];
    let judging = Judging { models: vec!["lenient".into(), "strict".into()], judges, ..Judging::default() };
    let run = judged_run(judging, &panel).await;
    let mut labels = of_people();
    labels.push(label(7, "c1", "summary", Verdict::Pass));
    labels.push(label(8, "c1", "failure_present", Verdict::Pass));
    let calibration = calibrated(&panel, &run, &labels, 2).await;
    let question = &calibration.questions[0];
    assert_eq!(question.agreement.confusion, confusion(0, 3, 3, 0), "the veto wins");
    let each: Vec<_> = question.judges.iter().map(|it| (it.judge.as_str(), it.agreement.confusion)).collect();
    assert_eq!(each, [("lenient", confusion(3, 0, 0, 3)), ("strict", confusion(0, 3, 3, 0))]);
    let told: Vec<&str> = calibration.skipped.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(told, ["`summary` gives no verdict here", "`failure_present` gives no verdict here"]);
}

/// Answers always the same.
struct Always(serde_json::Value);

#[async_trait::async_trait]
impl reenact::ServeModel for Always {
    async fn complete(&self, _: &reenact::ModelRequest) -> Result<reenact::Completion, reenact::ModelFault> {
        answered(self.0.clone())
    }
}

#[test]
fn everything_wrong_with_labels_is_told_at_once_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let good = r#"{"run": "r1", "case": "c1", "trial": 2, "judge": "tone", "verdict": "fail"}"#;
    std::fs::write(&path, good).unwrap();
    let read = labels(&path).unwrap().unwrap();
    let expected = Label { run: Some("r1".into()), trial: 2, ..label(1, "c1", "tone", Verdict::Fail) };
    assert_eq!(read, [expected]);

    let bad = r#"{"case": "c1", "expectation": "a", "verdict": "maybe"}
{"case": "c1", "verdict": "pass"}
{"expectation": "a", "judge": "b", "verdict": "pass"}
{"case": "c1", "expectation": "a", "verdct": "pass", "trial": 0}
["c1", "a", "pass"]
{"case": "c1",
"#;
    std::fs::write(&path, bad).unwrap();
    let problems = labels(&path).unwrap().unwrap_err();
    let told = problems.iter().map(|it| format!("{}: {} → {}", it.place.line.unwrap(), it.what, it.fix));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}
