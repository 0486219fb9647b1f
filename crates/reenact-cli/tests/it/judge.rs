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
        "- {for: user, when: which parcel number, json: {act: say, text: 'number 4711, I think', discloses: [number], reason: null}}
- {for: user, when: Which parcel number, json: {act: say, text: 'number 4711, I think', discloses: [number], reason: null}}
- {for: user, when: on its way, json: {act: leave, text: null, discloses: [], reason: satisfied}}
- {for: user, json: {act: say, text: 'hello, my parcel?', discloses: [], reason: null}}
",
    );
    let told = stage.run_parcels(&["--user-model", "script:user.yaml", "--json"]);
    let run = told.json();
    let trial = &run["trials"][0];
    assert_eq!((told.status, &trial["ending"]["kind"]), (Some(0), &"satisfied".into()), "{told:?}");
    assert_eq!(trial["disclosures"][0]["fact"], "number", "{trial}");
    assert!(trial["conversation"].to_string().contains("number 4711, I think"), "{trial}");
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
    persona: {text: Short and reproachful, evidence: [{turn: 2, quote: you asked me yesterday}]}
    guidelines: []
    facts: [{id: number, text: '4711', gate: {kind: asked, of: the number}, evidence: [{turn: 2, quote: '4711'}]}]
    opening: where is my parcel
    patience: {asks: null, evidence: []}
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
