//! Runs begun, followed, stopped, gone on with and compared over HTTP.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::events::{Event, Events, is_over};
use crate::served::Served;
use crate::stage::{self, Stage, parcels};

const AGENT: &str = "cmd:sh agent.sh";

/// A folder with the suite of so many parcels and the agent that asks for the number first.
fn with_parcels(cases: usize) -> Stage {
    let stage = Stage::with_parcels();
    stage.write("suite.yaml", parcels(cases));
    stage
}

/// Begins a run as the form does, and gives its id.
fn begin(served: &Served, more: &Value) -> String {
    let mut asked = json!({"suite": "suite.yaml", "agent": AGENT});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let begun = served.send("POST", "/api/runs", &asked);
    assert_eq!(begun.status, 200, "{begun:?}");
    begun.json()["run"].as_str().unwrap().to_owned()
}

fn run(served: &Served, id: &str) -> Value {
    served.get(&format!("/api/runs/{id}")).json()
}

fn state(served: &Served, id: &str) -> String {
    run(served, id)["progress"]["state"].as_str().unwrap().to_owned()
}

fn followed(served: &Served, id: &str) -> Vec<Event> {
    Events::of(served, &format!("/api/runs/{id}/events"), None).until(is_over)
}

/// The page without what is another one's each time: the token, and whether this program drives the run.
fn page(served: &Served, id: &str) -> String {
    let page = served.open(&format!("/runs/{id}"));
    assert_eq!(page.status, 200, "{page:?}");
    page.body.lines().filter(|line| !line.contains("name=\"csrf\"")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_run_begun_from_a_page_looks_the_same_to_whoever_followed_it_and_to_whoever_opens_it_late() {
    let served = Served::on(with_parcels(3), &[]);
    let id = begin(&served, &json!({"trials": 2, "concurrency": "3"}));
    let events = followed(&served, &id);
    let of = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!((of("trial"), of("call")), (6, 12), "two answers in each of six trials");
    let (early, page_early) = (run(&served, &id), page(&served, &id));
    assert_eq!(early["progress"], events.last().unwrap().data);
    assert_eq!((&early["progress"]["done"], &early["progress"]["outcomes"]["passed"]), (&json!(6), &json!(6)));
    assert_eq!(early["report"]["headline"][0], "All 3 cases passed, in all of 6 trials.");

    // Who comes back misses nothing, wherever the connection broke.
    for broken_at in [0, 5, events.len() - 2] {
        let last = Some(events[broken_at].id.as_str());
        let rest = Events::of(&served, &format!("/api/runs/{id}/events"), last).until(is_over);
        let kept =
            |events: &[Event]| events.iter().filter(|event| event.kind != "progress").cloned().collect::<Vec<_>>();
        assert_eq!(kept(&rest), kept(&events[broken_at + 1..]), "broken at {broken_at}");
        assert_eq!(rest.last(), events.last());
    }

    let told = served.send("POST", &format!("/api/runs/{id}/stop"), &json!({}));
    assert_eq!((told.status, told.json()["error"].as_str()), (409, Some("nobody drives the run")));
    let served = Served::on(served.kill(), &[]);
    assert_eq!((run(&served, &id), page(&served, &id)), (early, page_early));
}

#[test]
fn what_is_wrong_with_a_form_is_said_at_its_field() {
    let stage = with_parcels(1);
    stage.write("broken.yaml", "cases: 7");
    let served = Served::on(stage, &[]);
    let wrong = |more: Value| {
        let mut asked = json!({"suite": "suite.yaml", "agent": AGENT});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = served.send("POST", "/api/runs", &asked);
        assert_eq!(told.status, 400, "{more}: {told:?}");
        let told = told.json();
        (told["field"].as_str().unwrap_or_default().to_owned(), told["error"].as_str().unwrap().to_owned())
    };
    for (more, field, says) in [
        (json!({"agent": ""}), "agent", "which agent"),
        (json!({"agent": "nonsense"}), "agent", "nonsense"),
        (json!({"suite": ""}), "suite", "which suite"),
        (json!({"suite": "nothing.yaml"}), "suite", "no suite file `nothing.yaml`"),
        (json!({"suite": "broken.yaml"}), "suite", "cases"),
        (json!({"trials": "none"}), "trials", "a number from 1 to 1000"),
        (json!({"trials": 0}), "trials", "a number from 1 to 1000"),
        (json!({"max_turns": 0}), "max_turns", "0 is not in 1..=1000"),
        (json!({"concurrency": "many"}), "concurrency", "invalid digit"),
        (json!({"threshold": 7}), "threshold", "a share from 0 to 1"),
        (json!({"seed": -1}), "seed", "invalid digit"),
        (json!({"user_model": "nobody:/x"}), "user_model", "nobody"),
        (json!({"judge_model": "nobody:/x"}), "judge_model", "nobody"),
        (json!({"max_cost": "cheap"}), "max_cost", "cheap"),
        (json!({"user": "somebody"}), "user", "`simulated` or `recorded`"),
    ] {
        let (at, error) = wrong(more.clone());
        assert_eq!(at, field, "{more}: {error}");
        assert!(error.contains(says), "{more}: {error}");
    }
    let unknown = served.send("POST", "/api/runs", &json!({"sweet": "suite.yaml"}));
    assert!(unknown.status >= 400 && unknown.body.contains("unknown field `sweet`"), "{unknown:?}");
    assert_eq!(served.get("/api/runs").json()["count"], 0, "nothing was begun");
}

#[test]
fn no_file_outside_of_the_folder_is_read() {
    let stage = with_parcels(1);
    std::fs::create_dir(stage.path("inside")).unwrap();
    stage.write("inside/suite.yaml", parcels(1));
    #[cfg(unix)]
    std::os::unix::fs::symlink(stage.path("suite.yaml"), stage.path("inside/link.yaml")).unwrap();
    let served = Served::on(stage, &["--suites", "inside"]);
    let outside = served.stage.path("suite.yaml").display().to_string();
    for suite in ["../suite.yaml", "link.yaml", &outside, "."] {
        let told = served.send("POST", "/api/runs", &json!({"suite": suite, "agent": AGENT}));
        assert_eq!((told.status, told.json()["field"].as_str()), (400, Some("suite")), "{suite}: {told:?}");
    }
    for (field, name) in [
        ("agent", "script:../agent.yaml"),
        ("agent", "../agent.yaml"),
        ("agent", "replay:../run.jsonl"),
        ("user_model", "script:../suite.yaml"),
        ("judge_model", "replay:../run.jsonl"),
        ("judge", "../judges.yaml"),
    ] {
        let mut asked = json!({"suite": "suite.yaml", "agent": AGENT});
        asked[field] = json!(name);
        let told = served.send("POST", "/api/runs", &asked);
        assert_eq!((told.status, told.json()["field"].as_str()), (400, Some(field)), "{name}: {told:?}");
        assert!(told.body.contains("there is no suite file"), "{told:?}");
    }
}

#[test]
fn a_run_is_stopped_and_gone_on_with_and_nothing_is_asked_twice() {
    let served = Served::on(with_parcels(6), &[]);
    let id = begin(&served, &json!({"agent": "cmd:env DELAY=0.15 sh agent.sh", "concurrency": 2}));
    served.stage.wait_for_lines("calls", 3);
    assert_eq!(run(&served, &id)["is_ours"], true);
    assert_eq!(served.send("POST", &format!("/api/runs/{id}/resume"), &json!({})).status, 409, "it goes on");
    assert_eq!(served.send("POST", &format!("/api/runs/{id}/stop"), &json!({})).status, 200);
    served.stage.wait_until(|| state(&served, &id) == "stopped");
    served.stage.wait_until(|| run(&served, &id)["is_ours"] == false);
    let stopped = run(&served, &id);
    assert!(stopped["progress"]["done"].as_u64().unwrap() < 6, "{stopped}");
    assert_eq!(stopped["problem"]["error"], "the run was stopped");
    assert!(served.open(&format!("/runs/{id}")).body.contains("Go on"));
    assert_eq!(served.send("POST", &format!("/api/runs/{id}/resume"), &json!({"max_cost": "1"})).status, 200);
    followed(&served, &id);
    served.stage.wait_until(|| run(&served, &id)["problem"].is_null());
    let calls = served.stage.lines("calls");
    assert_eq!((calls.len(), calls.iter().collect::<BTreeSet<_>>().len()), (12, 12), "{calls:?}");
}

#[test]
fn a_program_that_is_killed_in_the_middle_of_a_run_shows_it_as_it_was_and_goes_on_with_it() {
    let served = Served::on(with_parcels(4), &[]);
    let id = begin(&served, &json!({"agent": "cmd:env DELAY=0.15 sh agent.sh", "concurrency": 2}));
    served.stage.wait_for_lines("calls", 3);
    let served = Served::on(served.kill(), &[]);
    let before = run(&served, &id);
    assert_eq!(before["progress"]["state"], "stopped");
    let done = before["progress"]["done"].as_u64().unwrap();
    assert!(done < 4, "{before}");
    assert_eq!(served.send("POST", &format!("/api/runs/{id}/resume"), &json!({})).status, 200);
    let events = followed(&served, &id);
    assert_eq!(events.last().unwrap().data["done"], 4);
    assert!(events.last().unwrap().data["outcomes"]["passed"] == 4);
}

#[test]
fn a_run_that_another_process_drives_is_followed_and_cannot_be_stopped_from_here() {
    let served = Served::on(with_parcels(4), &[]);
    let mut command =
        served.stage.command(["run", "suite.yaml", "--agent", AGENT, "--concurrency", "1", "--trials", "2"]);
    let child = command.env("DELAY", "0.1").spawn().unwrap();
    served.stage.wait_for_lines("calls", 2);
    let list = served.get("/api/runs").json();
    assert_eq!((&list["runs"][0]["state"], &list["runs"][0]["planned"]), (&json!("going_on"), &json!(8)));
    let id = list["runs"][0]["id"].as_str().unwrap().to_owned();
    let shown = run(&served, &id);
    assert_eq!((&shown["progress"]["state"], &shown["is_ours"]), (&json!("going_on"), &json!(false)));
    for what in ["stop", "resume", "judge"] {
        assert_eq!(served.send("POST", &format!("/api/runs/{id}/{what}"), &json!({})).status, 409, "{what}");
    }
    assert!(served.open(&format!("/runs/{id}")).body.contains("Another process drives this run"));
    let events = followed(&served, &id);
    assert_eq!(events.iter().filter(|event| event.kind == "trial").count(), 8);
    assert_eq!(stage::end(child).status, Some(0));
}

#[test]
fn a_run_is_judged_again_without_being_played_again() {
    let served = Served::on(with_parcels(2), &[]);
    let id = begin(&served, &json!({}));
    followed(&served, &id);
    let calls = served.stage.lines("calls").len();
    assert_eq!(served.send("POST", &format!("/api/runs/{id}/judge"), &json!({"judge": "length"})).status, 400);
    assert_eq!(served.send("POST", &format!("/api/runs/{id}/judge"), &json!({})).status, 200);
    served.stage.wait_until(|| {
        let run = run(&served, &id);
        run["progress"]["round"] == 2 && run["progress"]["state"] == "finished"
    });
    assert_eq!((run(&served, &id)["progress"]["done"].clone(), served.stage.lines("calls").len()), (json!(2), calls));
}

#[test]
fn cases_and_trials_are_found_by_words_outcome_and_ending() {
    let stage = with_parcels(60);
    stage.write("agent.sh", "while read -r a; do case $a in *'parcel 9'*) r='no idea';; *) r='It is on its way.';; esac; echo \"{\\\"reply\\\": \\\"$r\\\"}\"; done");
    let suite = stage.read("suite.yaml").replace("opening: where is my parcel", "opening: where is parcel N");
    let mut numbered = String::new();
    let mut number = 0;
    for line in suite.lines() {
        number += usize::from(line.contains("opening"));
        numbered += &(line.replace("parcel N", &format!("parcel {number}")) + "\n");
    }
    stage.write("suite.yaml", numbered);
    let served = Served::on(stage, &[]);
    let id = begin(&served, &json!({"concurrency": 60}));
    followed(&served, &id);
    let grid = |query: &str| served.get(&format!("/api/runs/{id}?{query}")).json()["grid"].clone();
    let all = grid("");
    assert_eq!((&all["cases"], &all["pages"], all["rows"].as_array().unwrap().len()), (&json!(60), &json!(2), 50));
    assert_eq!(all["overview"].as_array().unwrap().len(), 60, "the overview shows all of them");
    assert_eq!(grid("page=2")["rows"].as_array().unwrap().len(), 10);
    assert_eq!(grid("page=99")["wanted"]["page"], 2);
    let failed = grid("outcome=failed");
    assert_eq!((&failed["cases"], &failed["rows"][0]["case"]), (&json!(1), &json!("c9")));
    assert_eq!(grid("outcome=open")["cases"], 0);
    assert_eq!(grid("q=C1")["cases"], 11, "c1 and c10 to c19");
    let ending = failed["endings"][0]["ending"].as_str().unwrap();
    assert_eq!(grid(&format!("ending={ending}"))["trials"], failed["endings"][0]["trials"]);
    assert!(served.open(&format!("/runs/{id}?outcome=open")).body.contains("Nothing of this run is what you look for"));
}

#[test]
fn a_trial_shows_both_conversations_what_was_told_when_and_every_call() {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo"]).status, Some(0));
    let served = Served::on(stage, &["--store", "reenact-demo/store.db"]);
    let trial = served.get("/api/runs/latest/trials/transfer/1").json();
    assert_eq!((&trial["outcome"], &trial["has_recording"]), (&json!("failed"), &json!(true)));
    let told = &trial["ledger"][0];
    assert_eq!(
        (&told["fact"], &told["turn"], &told["opened_by"]["turn"]),
        (&json!("reference-number-transfer"), &json!(2), &json!(1))
    );
    let rows = trial["rows"].as_array().unwrap();
    let of_turn = |turn: u64| rows.iter().find(|row| row["one"]["number"] == turn).unwrap();
    assert_eq!(of_turn(2)["one"]["told"], json!(["reference-number-transfer"]));
    assert_eq!(of_turn(2)["other"]["number"], 2, "the recorded turn stands beside it");
    let opened = of_turn(1)["one"]["messages"][1]["text"].as_array().unwrap();
    assert!(opened.iter().any(|piece| piece["mark"] == "opened the gate of reference-number-transfer"), "{opened:?}");
    let cited = trial["assessments"][0]["turns"].as_array().unwrap();
    for turn in cited {
        assert_eq!(of_turn(turn.as_u64().unwrap())["one"]["cited_by"], json!([1]));
    }
    let calls = trial["calls"].as_array().unwrap();
    let turns: Vec<u64> = calls.iter().map(|call| call["turn"].as_u64().unwrap()).collect();
    assert_eq!(turns, (1..=calls.len() as u64).collect::<Vec<_>>());
    assert!(calls.iter().all(|call| call["role"] == "agent" && call["attempt"] == 1));
    assert_eq!(served.open("/runs/latest/trials/transfer/1").status, 200);
    for missing in ["/api/runs/latest/trials/transfer/9", "/api/runs/latest/trials/nothing/1", "/api/runs/nothing"] {
        assert_eq!(served.get(missing).status, 404, "{missing}");
    }
}

#[test]
fn what_was_said_so_far_is_shown_while_a_trial_goes_on() {
    let stage = with_parcels(1);
    stage.write("agent.sh", "read -r a; echo '{\"reply\": \"Which parcel number is it?\"}'; read -r a; touch asked; while [ ! -e go ]; do sleep 0.05; done; echo '{\"reply\": \"It is on its way.\"}'; read -r a");
    let served = Served::on(stage, &[]);
    let id = begin(&served, &json!({}));
    served.stage.wait_until(|| served.stage.path("asked").exists());
    let path = format!("/runs/{id}/trials/c1/1");
    let trial = served.get(&format!("/api{path}")).json();
    assert_eq!((&trial["outcome"], &trial["untold"], &trial["ending"]), (&json!("begun"), &Value::Null, &Value::Null));
    let said = |row: usize, message: usize| trial["rows"][row]["one"]["messages"][message]["text"][0]["text"].clone();
    assert_eq!((said(0, 0), said(0, 1)), (json!("where is my parcel"), json!("Which parcel number is it?")));
    assert_eq!(said(1, 0), "it is parcel 4711", "the agent has not answered this yet");
    let page = served.open(&path);
    assert!(page.body.contains("going on") && page.body.contains("it is parcel 4711"), "{page:?}");
    served.stage.write("go", "");
    followed(&served, &id);
    assert_eq!(served.get(&format!("/api{path}")).json()["outcome"], "passed");
}

#[test]
fn two_runs_are_compared_as_the_command_compares_them() {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo"]).status, Some(0));
    let served = Served::on(stage, &["--store", "reenact-demo/store.db"]);
    let runs = served.get("/api/runs").json();
    let id = |place: usize| runs["runs"][place]["id"].as_str().unwrap().to_owned();
    let (base, new) = (id(1), id(0));
    let mut diff = served.stage.reenact(&["--store", "reenact-demo/store.db", "diff", &base, &new, "--json"]).json();
    let shown = served.get(&format!("/api/compare?base={base}&new={new}")).json();
    let cases = diff["cases"].take();
    diff["cases"] = json!([]);
    assert_eq!(shown["compared"]["comparison"], diff);
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|case| case["case"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&shown["compared"]["rows"]), names(&cases));
    assert_eq!(served.get(&format!("/api/compare?base={base}&new={new}&margin=7")).json()["field"], "margin");
    let case = served.get(&format!("/api/compare/case?base={base}&new={new}&case=transfer")).json();
    assert_eq!((&case["base"]["shown"]["mark"], &case["new"]["shown"]["mark"]), (&json!("passed"), &json!("failed")));
    assert!(case["rows"].as_array().unwrap().iter().any(|row| row["one"].is_object() && row["other"].is_object()));
    for page in [
        "/compare".to_owned(),
        format!("/compare?base={base}&new={new}&change=worse"),
        format!("/compare/case?base={base}&new={new}&case=transfer"),
        format!("/begin?like={base}"),
    ] {
        assert_eq!(served.open(&page).status, 200, "{page}");
    }
}
