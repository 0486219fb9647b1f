//! Judging a stored run again, and models that play the user, the judge and the distiller by script.

use rusqlite::Connection;
use serde_json::Value;

use crate::stage::{PARCEL, Stage, end, interrupt, parcels};

/// The suite of the parcel with one expectation that only a reader can judge.
fn stage() -> Stage {
    let stage = Stage::with_parcels();
    stage.write("suite.yaml", PARCEL.replace("contains: on its way", "text: the agent says where the parcel is"));
    let judge =
        |verdict: &str| format!("- {{for: judge, json: {{verdict: {verdict}, reason: as I see it, turns: [2]}}}}\n");
    stage.write("kind.yaml", judge("pass"));
    stage.write("strict.yaml", judge("fail"));
    stage.write("absent.yaml", "- {for: judge, fail: no more credit}\n");
    stage
}

fn assessment(run: &Value) -> &Value {
    &run["trials"][0]["assessments"][0]
}

#[test]
fn a_stored_run_is_judged_again_by_whoever_is_named_and_the_agent_is_not_asked_again() {
    let stage = stage();
    let run = stage.run_parcels(&["--json"]);
    assert_eq!((run.status, &assessment(&run.json())["verdict"]), (Some(3), &"inconclusive".into()), "{run:?}");
    let calls = stage.lines("calls");

    for (judge, status, verdict) in
        [("kind", 0, "pass"), ("strict", 1, "fail"), ("absent", 3, "inconclusive"), ("kind", 0, "pass")]
    {
        let model = format!("script:{judge}.yaml");
        let judged = stage.reenact(&["judge", "latest", "--judge-model", &model, "--json"]);
        let run = judged.json();
        assert_eq!((judged.status, &assessment(&run)["verdict"]), (Some(status), &verdict.into()), "{judged:?}");
        assert_eq!(run["run"]["plan"]["judging"]["models"][0], model.as_str());
        assert_eq!(stage.reenact(&["report", "--json"]).json(), run, "what was judged is what is stored");
    }
    assert_eq!(stage.lines("calls"), calls);
}

#[test]
fn the_judge_that_a_run_was_made_with_judges_again_where_none_is_named() {
    let stage = stage();
    let run = stage.run_parcels(&["--judge-model", "script:kind.yaml"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    stage.write("kind.yaml", stage.read("strict.yaml"));
    let judged = stage.reenact(&["judge", "--json"]);
    assert_eq!((judged.status, &assessment(&judged.json())["verdict"]), (Some(1), &"fail".into()), "{judged:?}");
}

#[test]
fn judging_that_was_interrupted_goes_on_by_either_command_and_asks_nothing_twice() {
    let resume = ["run", "--resume", "latest", "--json"];
    let judge = ["judge", "latest", "--judge-model", "script:slow.yaml", "--json"];
    for go_on in [&resume[..], &judge] {
        let stage = stage();
        stage.write("suite.yaml", parcels(8).replace("contains: on its way", "text: the agent says where it is"));
        stage.write("slow.yaml", stage.read("kind.yaml").replace("{for: judge, ", "{for: judge, delay_ms: 60, "));
        assert_eq!(stage.run_parcels(&["--concurrency", "1"]).status, Some(3));

        let child = stage.command(judge).spawn().unwrap();
        let store = Connection::open(stage.path(".reenact/store.db")).unwrap();
        let answers =
            || store.query_row("SELECT count(*) FROM steps WHERE role = 'judge'", [], |row| row.get(0)).unwrap();
        stage.wait_until(|| answers() >= 2_i64);
        interrupt(&child);
        let stopped = end(child);
        assert_eq!(stopped.status, Some(3), "{stopped:?}");
        assert!(stopped.err.contains("go on with `reenact judge "), "{stopped:?}");
        assert!(answers() < 8, "the judging was over before it was interrupted");

        let finished = stage.reenact(go_on);
        assert_eq!((finished.status, answers()), (Some(0), 8), "{go_on:?}: {finished:?}");
        assert_eq!(finished.json()["report"]["outcomes"]["passed"], 8);
    }
}

#[test]
fn a_judge_that_cannot_be_opened_leaves_the_verdicts_as_they_were() {
    let stage = stage();
    let before = stage.run_parcels(&["--judge-model", "script:kind.yaml", "--json"]);
    assert!(stage.reenact(&["judge", "--judge-model", "script:nobody.yaml"]).refusal().contains("nobody.yaml"));
    assert!(stage.reenact(&["judge", "--judge-model", "gpt-5"]).refusal().contains("`gpt-5`"));
    assert_eq!(stage.reenact(&["report", "--json"]).out, before.out);
}

#[test]
fn a_model_plays_the_user_in_its_own_words_and_says_the_facts_when_they_are_due() {
    let stage = Stage::with_parcels();
    stage.write(
        "user.yaml",
        "- {for: user, when: Which parcel number, json: {text: 'number 4711, I think'}}
- {for: user, json: {text: 'hello, my parcel?'}}
- {for: checker, json: {parts: [{part: 1, reached: 'yes', quotes: [{turn: 2, words: it is on its way}]}]}}
",
    );
    let told = stage.run_parcels(&["--user-model", "script:user.yaml", "--json"]);
    let run = told.json();
    let trial = &run["trials"][0];
    assert_eq!((told.status, &trial["ending"]["kind"]), (Some(0), &"satisfied".into()), "{told:?}");
    assert_eq!(trial["disclosures"][0]["fact"], "number", "{trial}");
    assert!(trial["conversation"].to_string().contains("number 4711, I think"), "{trial}");
    assert_eq!(trial["goal"]["parts"][0]["cited"][0]["words"], "It is on its way", "{trial}");
}

#[test]
fn a_model_that_plays_the_user_badly_or_not_at_all_counts_against_nobody() {
    let stage = Stage::with_parcels();
    stage.write("absent.yaml", "- {for: user, fail: no more credit}\n");
    stage.write("mad.yaml", "- {for: user, json: {act: dance}}\n");
    for (model, endings) in [("absent", ["user_failed"; 2]), ("mad", ["user_failed", "user_invalid"])] {
        let told = stage.run_parcels(&["--user-model", &format!("script:{model}.yaml"), "--json"]);
        let kind = told.json()["trials"][0]["ending"]["kind"].as_str().unwrap().to_owned();
        assert!(endings.contains(&kind.as_str()), "{model}: {told:?}");
        assert_eq!(told.status, Some(3), "{told:?}");
    }
}

#[test]
fn a_model_distils_by_script_and_its_case_cites_the_users_words() {
    let stage = Stage::new();
    stage.write(
        "chats.jsonl",
        r#"{"id":"s-1","messages":[{"role":"user","content":"where is my parcel"},{"role":"assistant","content":"Which number?"},{"role":"user","content":"4711, you asked me yesterday"}]}"#,
    );
    stage.write(
        "distiller.yaml",
        "- for: distiller
  json:
    skip: null
    id: Late Parcel
    goal: {text: Find out where the parcel is, evidence: [{turn: 1, quote: where is my parcel}]}
    persona: [{text: Short and reproachful, evidence: [{turn: 2, quote: you asked me yesterday}]}]
    guidelines: []
    facts: [{id: number, text: '4711', gate: {kind: asked, of: the number}, evidence: [{turn: 2, quote: '4711'}]}]
    opening: where is my parcel
    patience: {asks: null, evidence: []}
    ending: {kind: cut_off, evidence: [{turn: 2, quote: '4711, you asked me yesterday'}]}
    expectations: [{id: no-second-ask, text: The agent does not ask twice for the number, evidence: [{turn: 2, quote: you asked me yesterday}]}]
",
    );
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    let told = stage.reenact(&["distill", "--model", "script:distiller.yaml", "-o", "suite.yaml", "--json"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(told.json()["cases"][0]["id"], "late-parcel");
    assert_eq!(told.json()["cases"][0]["origin"]["session"], "s-1");
    let check = stage.reenact(&["check", "suite.yaml"]);
    assert_eq!((check.status, check.out.as_str()), (Some(0), "1 case, no problems\n"), "{}", stage.read("suite.yaml"));
}

/// A judge of the conversation's tone, and one whose value nothing says how to pass.
const JUDGES: &str = "judges:
  - user_frustration
  - { name: tone, instructions: 'How polite? {{ conversation }}', value: number, at_least: 0.5 }
  - { name: length, instructions: 'How long? {{ conversation }}', value: text }
";

/// A model that answers each of those judges, and expectations.
const MODEL: &str = "
- {for: judge, when: How polite, json: {reason: as I see it, turns: [1], value: 0.8}}
- {for: judge, when: How long, json: {reason: as I see it, turns: [1], value: short}}
- {for: judge, when: How does the user, json: {findings: [
    {id: turn-1, reason: plain, quotes: [], answer: calm}, {id: turn-2, reason: plain, quotes: [], answer: calm}]}}
- {for: judge, json: {verdict: pass, reason: as I see it, turns: [2]}}
";

fn with_judges() -> Stage {
    let stage = stage();
    stage.write("judges.yaml", JUDGES);
    stage.write("model.yaml", MODEL);
    stage
}

/// Each assessment of the first trial: what, verdict, value.
fn said(run: &Value) -> Vec<(String, String, Value)> {
    let assessments = run["trials"][0]["assessments"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assessments.map(|it| (text(&it["expectation"]), text(&it["verdict"]), it["value"].clone())).collect()
}

#[test]
fn judges_that_are_named_judge_every_conversation_and_stay_with_the_run() {
    let stage = with_judges();
    let told = stage.run_parcels(&["--judge-model", "script:model.yaml", "--judge", "judges.yaml", "--json"]);
    let expected = [
        ("says-where", "pass", Value::Null),
        ("user_frustration", "pass", "none".into()),
        ("tone", "pass", 0.8.into()),
        ("length", "inconclusive", "short".into()),
    ];
    let expected = expected.map(|(what, verdict, value): (&str, &str, Value)| (what.into(), verdict.into(), value));
    assert_eq!((told.status, said(&told.json())), (Some(0), expected.to_vec()), "{told:?}");

    // Judged again without its file, by the judges that the run has.
    std::fs::remove_file(stage.path("judges.yaml")).unwrap();
    stage.write("model.yaml", MODEL.replace("value: 0.8", "value: 0.2"));
    let again = stage.reenact(&["judge", "--json"]);
    assert_eq!((again.status, &said(&again.json())[2].1), (Some(1), &"fail".to_owned()), "{again:?}");

    // By one judge in place of them, whom the model answers nothing usable.
    let other = stage.reenact(&["judge", "--judge", "goal_achieved", "--json"]);
    let names: Vec<String> = said(&other.json()).into_iter().map(|it| it.0).collect();
    assert_eq!(
        (other.status, names),
        (Some(3), vec!["says-where".to_owned(), "goal_achieved".to_owned()]),
        "{other:?}"
    );
    assert!(stage.reenact(&["report"]).words().contains("goal_achieved"));
}

#[test]
fn several_judge_models_judge_together_by_the_rule_that_is_named() {
    let stage = stage();
    let models = ["--judge-model", "script:kind.yaml", "--judge-model", "script:strict.yaml"];
    let vetoed = stage.run_parcels(&[&models[..], &["--json"]].concat());
    assert_eq!((vetoed.status, &assessment(&vetoed.json())["verdict"]), (Some(1), &"fail".into()), "{vetoed:?}");
    assert_eq!(assessment(&vetoed.json())["votes"].as_array().unwrap().len(), 2);
    let split = stage.reenact(&["judge", "--judge-rule", "majority", "--json"]);
    assert_eq!((split.status, &assessment(&split.json())["verdict"]), (Some(3), &"inconclusive".into()), "{split:?}");
    assert_eq!(split.json()["run"]["plan"]["judging"]["models"].as_array().unwrap().len(), 2);
}

#[test]
fn judges_that_cannot_be_are_refused_before_anything_is_played() {
    let stage = with_judges();
    let refused = |more: &[&str]| stage.run_parcels(more).refusal().to_owned();
    assert!(refused(&["--judge", "user_frustation"]).contains("did you mean `user_frustration`?"));
    assert!(refused(&["--judge", "conversational_guidelines"]).contains("needs guidelines"));
    assert!(refused(&["--judge", "none.yaml"]).contains("there is no such file"));
    assert!(refused(&["--judge-rule", "loudest"]).contains("any-veto or majority"));
    assert!(refused(&["--judge", "judges.yaml", "--judge", "judges.yaml"]).contains("two judges have the name"));
    stage.write("clash.yaml", JUDGES.replace("name: tone", "name: says-where"));
    assert!(refused(&["--judge", "clash.yaml"]).contains("`says-where` is a judge and an expectation"));
    stage.write("bad.yaml", "judges:\n  - { name: x, value: stars }\n");
    assert!(refused(&["--judge", "bad.yaml"]).contains("bad.yaml:2: "));
    assert_eq!(stage.reenact(&["check", "bad.yaml"]).status, Some(2));
    assert_eq!(stage.reenact(&["check", "judges.yaml"]).out, "3 judges, no problems\n");
    assert_eq!(stage.lines("calls"), Vec::<String>::new());
    assert!(!stage.path(".reenact").exists(), "no run was begun");
}

#[test]
fn a_run_is_calibrated_against_labels_and_says_what_cannot_be_said() {
    let stage = with_judges();
    stage.write("suite.yaml", crate::stage::parcels(4).replace("contains: on its way", "text: it says where"));
    stage.write(
        "half.yaml",
        "- {for: judge, when: 'not asked', json: {verdict: fail, reason: r, turns: [1]}}\n- {for: judge, json: {verdict: pass, reason: r, turns: [1]}}\n",
    );
    assert_eq!(stage.run_parcels(&["--judge-model", "script:half.yaml"]).status, Some(0));
    let line = |case: &str, verdict: &str| {
        format!("{{\"case\": \"{case}\", \"expectation\": \"says-where\", \"verdict\": \"{verdict}\"}}\n")
    };
    stage.write("labels.jsonl", ["c1", "c2", "c3", "c9"].map(|case| line(case, "pass")).concat() + &line("c4", "fail"));
    let before = stage.reenact(&["report", "--json"]).out;
    let told = stage.reenact(&["judge", "--calibrate", "labels.jsonl", "--repeats", "2", "--json"]);
    let calibration = told.json();
    let question = &calibration["questions"][0];
    assert_eq!((told.status, &question["not_informative"]), (Some(3), &"no_apparent_failure".into()), "{told:?}");
    let confusion = serde_json::json!({"true_pass": 3, "false_pass": 1, "true_fail": 0, "false_fail": 0});
    assert_eq!((&question["confusion"], &question["flip_rate"]["share"]), (&confusion, &0.0.into()), "{told:?}");
    assert_eq!(calibration["skipped"][0]["what"], "labels.jsonl:4");
    let words = stage.reenact(&["judge", "--calibrate", "labels.jsonl"]).words();
    assert!(words.contains("pass rate not informative: the judge finds no failure in this run"), "{words}");
    assert!(words.contains("differs c4/1 says-where: people say fail, the judge pass: r"), "{words}");
    assert_eq!(stage.reenact(&["report", "--json"]).out, before, "a calibration changes nothing in the run");

    stage.write("labels.jsonl", "{\"case\": \"c1\"}\n[]\n");
    let bad = stage.reenact(&["judge", "--calibrate", "labels.jsonl"]);
    assert_eq!((bad.status, bad.out.lines().last()), (Some(2), Some("3 problems")), "{bad:?}");
    assert!(stage.reenact(&["judge", "--repeats", "2"]).refusal().contains("--calibrate"));
}
