//! A whole line recorded once, and played again from its cassette: offline, in an empty store, byte for byte the same.

use serde_json::{Value, json};

use crate::stage::{Stage, Told, end, interrupt, parcels};

const LOG: &str = r#"{"session_id": "s-1", "messages": [{"role": "user", "content": "my parcel 4711 never came"}, {"role": "assistant", "content": "It was delivered on Monday."}, {"role": "user", "content": "That is not true, I was at home"}, {"role": "assistant", "content": "I am sorry, I look into it."}]}
{"session_id": "s-2", "messages": [{"role": "user", "content": "can you change my address"}, {"role": "assistant", "content": "What is the new address?"}, {"role": "user", "content": "7 Elm Street"}, {"role": "assistant", "content": "Done."}]}
"#;

const MODELS: &str = r#"
- for: distiller
  when: parcel
  json: {skip: null, id: never came, goal: {text: find out where my parcel 4711 is, evidence: [{turn: 1, quote: my parcel 4711 never came}]}, persona: [], guidelines: [], facts: [{id: at home, text: I was at home, gate: {kind: when, of: the agent says that it was delivered}, evidence: [{turn: 2, quote: I was at home}]}], opening: my parcel 4711 never came, patience: {asks: null, evidence: []}, ending: {kind: null, evidence: []}, expectations: [{id: admits, text: The agent does not insist that it was delivered, evidence: [{turn: 2, quote: That is not true}]}]}
- for: distiller
  json: {skip: null, id: new address, goal: {text: change my address, evidence: [{turn: 1, quote: can you change my address}]}, persona: [], guidelines: [], facts: [{id: street, text: 7 Elm Street, gate: {kind: asked, of: the new address}, evidence: [{turn: 2, quote: 7 Elm Street}]}], opening: null, patience: {asks: null, evidence: []}, ending: {kind: null, evidence: []}, expectations: [{id: confirms, text: The agent confirms the new address, evidence: [{turn: 2, quote: 7 Elm Street}]}]}
- {for: user, when: delivered, json: {text: "That is not true, I was at home"}}
- {for: user, when: new address, json: {text: 7 Elm Street}}
- {for: user, turn: 1, json: {text: can you change my address}}
- {for: checker, when: meet it, json: {opened: [{condition: 1, quotes: [{turn: 1, words: It was delivered}]}], wants: nothing}}
- {for: checker, json: {parts: []}}
- {for: judge, when: delivered, json: {verdict: fail, reason: it insists, turns: [1]}}
- {for: judge, json: {verdict: pass, reason: it is so, turns: [1]}}
"#;

const STRICT: &str = "- {for: judge, json: {verdict: fail, reason: nothing is ever good enough, turns: [1]}}\n";

/// Names what it is asked about, and never answers the same twice.
const AGENT: &str = r#"
while read -r asked; do
  case "$asked" in
    *"at home"*)    say="I am sorry, I look into it ($$)." ;;
    *4711*)         say="It was delivered on Monday ($$)." ;;
    *"Elm Street"*) say="Done, it goes to 7 Elm Street ($$)." ;;
    *)              say="Of course. What is the new address ($$)?" ;;
  esac
  echo "{\"reply\": \"$say\"}"
done
"#;

const RUN: [&str; 5] = ["run", "suite.yaml", "--trials", "2", "--json"];

fn play(stage: &Stage, verb: &[&str], more: &[&str]) -> Told {
    let told = stage.reenact(&[verb, more].concat());
    assert_ne!(told.status, Some(2), "{told:?}");
    told
}

/// The line on a stage that has the models, the agent and the recordings.
fn live(record: &[&str]) -> (Stage, Told, Told) {
    let stage = Stage::new();
    for (name, text) in [("log.jsonl", LOG), ("models.yaml", MODELS), ("strict.yaml", STRICT), ("agent.sh", AGENT)] {
        stage.write(name, text);
    }
    play(&stage, &["import", "log.jsonl"], &[]);
    play(&stage, &["distill", "-o", "suite.yaml", "--model", "script:models.yaml"], record);
    let models =
        ["--agent", "cmd:sh agent.sh", "--user-model", "script:models.yaml", "--judge-model", "script:models.yaml"];
    let run = play(&stage, &[&RUN[..], &models].concat(), record);
    let judged = play(&stage, &["judge", "--judge-model", "script:strict.yaml", "--json"], record);
    (stage, run, judged)
}

/// The same line on a stage that has nothing but the recordings and the cassette.
fn again(live: &Stage) -> (Stage, Told, Told) {
    let stage = Stage::new();
    stage.write("log.jsonl", LOG);
    stage.write("line.jsonl", live.read("line.jsonl"));
    let copy = ["--record", "copy.jsonl"];
    play(&stage, &["import", "log.jsonl"], &[]);
    play(&stage, &["distill", "-o", "suite.yaml", "--model", "replay:line.jsonl"], &copy);
    let names =
        ["--agent", "replay:line.jsonl", "--user-model", "replay:line.jsonl", "--judge-model", "replay:line.jsonl"];
    let run = play(&stage, &[&RUN[..], &names].concat(), &copy);
    let judged = play(&stage, &["judge", "--judge-model", "replay:line.jsonl", "--json"], &copy);
    (stage, run, judged)
}

/// What a verb printed, without the run's id and time and without the marks of a replay.
fn nameless(told: &Told) -> String {
    let mut printed = told.json();
    for at in ["/run/id", "/run/created_at", "/report/run", "/report/created_at"] {
        *printed.pointer_mut(at).unwrap() = json!(null);
    }
    for plan in ["/run/plan", "/report/plan"] {
        let plan = printed.pointer_mut(plan).and_then(Value::as_object_mut).unwrap();
        plan.retain(|name, _| !["agent_cassette", "user_cassette"].contains(&name.as_str()));
        plan["judging"].as_object_mut().unwrap().remove("cassette");
    }
    printed.to_string()
}

#[test]
fn a_line_is_played_again_from_one_cassette_with_the_same_suite_runs_reports_and_statuses() {
    let (stage, run, judged) = live(&["--record", "line.jsonl"]);
    let (replayed, run_again, judged_again) = again(&stage);
    assert!(replayed.read("suite.yaml") == stage.read("suite.yaml"), "the suite is another");
    for (live, again) in [(&run, &run_again), (&judged, &judged_again)] {
        assert_eq!(nameless(again), nameless(live));
        assert_eq!(again.status, live.status);
    }
    assert_ne!(nameless(&run), nameless(&judged));
    assert!(replayed.read("copy.jsonl") == stage.read("line.jsonl"), "the copy is another");
    let report = replayed.reenact(&["report"]);
    assert!(report.words().contains("replayed agent, users, judge from line.jsonl"), "{report:?}");
    assert!(report.words().contains("agent cmd:sh agent.sh"), "{report:?}");
}

#[test]
fn an_answer_that_is_edited_is_a_divergence_with_status_three() {
    let (stage, _, _) = live(&["--record", "line.jsonl"]);
    let line = stage.read("line.jsonl");
    stage.write("line.jsonl", line.replacen("It was delivered on Monday", "It was delivered on Tuesday", 3));
    let names =
        ["--agent", "replay:line.jsonl", "--user-model", "replay:line.jsonl", "--judge-model", "replay:line.jsonl"];
    let told = stage.reenact(&[&RUN[..], &names].concat());
    assert_eq!((told.status, told.out.as_str()), (Some(3), ""), "{told:?}");
    assert!(told.err.contains("error: line.jsonl:"), "{told:?}");
    assert!(told.err.contains("case `never-came`, trial 1"), "{told:?}");
    assert!(told.err.contains("is asked something else than was recorded"), "{told:?}");
    assert!(told.err.contains("hint: "), "{told:?}");
}

#[test]
fn what_a_cassette_has_and_nobody_asked_for_is_a_note() {
    let (stage, _, _) = live(&["--record", "line.jsonl"]);
    let names =
        ["--agent", "replay:line.jsonl", "--user-model", "replay:line.jsonl", "--judge-model", "replay:line.jsonl"];
    let told = stage.reenact(&[&["run", "suite.yaml"][..], &names].concat());
    assert_eq!(told.status, Some(1), "{told:?}");
    assert!(
        told.err.contains(
            "line.jsonl has 2 conversations that nobody asked for: never-came, trial 2; new-address, trial 2"
        ),
        "{told:?}"
    );
}

#[test]
fn another_file_is_never_overwritten_and_nothing_is_asked_before_that_is_known() {
    let stage = Stage::with_parcels();
    stage.write("notes.txt", "do not lose me\n");
    for verb in [
        &["run", "suite.yaml", "--agent", "cmd:sh agent.sh"][..],
        &["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--threshold", "1"],
    ] {
        let told = stage.reenact(&[verb, &["--record", "notes.txt"]].concat());
        assert!(told.refusal().contains("notes.txt:1: this is not a cassette"), "{told:?}");
    }
    assert_eq!(stage.read("notes.txt"), "do not lose me\n");
    assert_eq!(stage.lines("calls").len(), 0);
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "replay:none.jsonl"]);
    assert!(told.refusal().contains("none.jsonl: the cassette cannot be read"), "{told:?}");
}

#[test]
fn a_cassette_of_one_run_does_not_take_the_judges_of_another() {
    let (stage, _, _) = live(&["--record", "line.jsonl"]);
    let models = ["--agent", "cmd:sh agent.sh", "--user-model", "script:models.yaml"];
    play(&stage, &[&RUN[..], &models].concat(), &[]);
    let told = stage.reenact(&["judge", "--judge-model", "script:strict.yaml", "--record", "line.jsonl"]);
    assert!(told.refusal().contains("the cassette holds run "), "{told:?}");
}

#[test]
fn a_run_that_is_stopped_by_ctrl_c_is_recorded_as_far_as_it_went_and_says_how_to_go_on() {
    let stage = Stage::with_parcels();
    stage.write("suite.yaml", parcels(6));
    let run = ["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--trials", "3", "--concurrency", "2"];
    let child = stage.command([&run[..], &["--record", "line.jsonl"]].concat()).env("DELAY", "0.05").spawn().unwrap();
    stage.wait_for_lines("calls", 4);
    interrupt(&child);
    let stopped = end(child);
    assert_eq!(stopped.status, Some(3), "{stopped:?}");
    let made = stage.lines("calls").len();
    assert!(stopped.err.contains(&format!("recorded {made} answers in line.jsonl")), "{stopped:?}");
    assert_eq!(stage.lines("line.jsonl").len(), made + 1);
    let (_, command) = stopped.err.split_once("go on with `reenact ").expect("a way to go on");
    let command: Vec<&str> = command.split('`').next().unwrap().split(' ').collect();
    assert!(command.ends_with(&["--record", "line.jsonl"]), "{command:?}");
    let resumed = stage.reenact(&command);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    let again = stage.reenact(&[&run[..3], &["replay:line.jsonl", "--trials", "3"]].concat());
    assert_eq!(again.status, Some(0), "{again:?}");
    assert_eq!(stage.lines("calls").len(), 36, "a replay asks nobody");
}

#[test]
fn a_key_of_the_environment_or_in_an_agents_words_is_in_no_cassette() {
    let stage = Stage::with_parcels();
    stage.write(
        "agent.sh",
        r#"read -r asked; echo "{\"reply\": \"on its way, by $MY_TOKEN and sk-abcdefgh12345678\"}""#,
    );
    let run =
        ["run", "suite.yaml", "--agent", "cmd:sh agent.sh --api-key sk-abcdefgh12345678", "--record", "line.jsonl"];
    let told = crate::stage::told(stage.command(run).env("MY_TOKEN", "open sesame now"));
    assert!(told.err.contains("with a secret, which is masked there"), "{told:?}");
    let line = stage.read("line.jsonl");
    assert!(line.contains("on its way, by [secret] and [secret]"), "{line}");
    assert!(!line.contains("sesame") && !line.contains("abcdefgh"), "{line}");
    let again = stage.reenact(&["run", "suite.yaml", "--agent", "replay:line.jsonl"]);
    assert_eq!(again.status, told.status, "{again:?}");
}
