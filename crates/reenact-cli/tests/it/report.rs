//! `report` and `show` on a stored run, through the program itself.

use std::path::Path;
use std::process::{Command, Output};

use reenact::report::RunOutput;
use reenact::run::Provenance;
use reenact::{
    Assessment, Brief, Check, Ending, Expectation, Message, Origin, Outcome, Plan, Run, Session, Store, Suite,
    TestCase, Trial, Verdict,
};

const RUN: &str = "0197a3c2-0000-7000-8000-000000000001";

/// A store with one recorded session and one run of two cases: the first failed, the second has the given verdict.
fn store_in(folder: &Path, second: Option<Verdict>) {
    let store = Store::open(folder.join("store.db")).unwrap();
    let said = [Message::user("how are the markets"), Message::agent("Up two percent on this fine Saturday.")];
    let mut writer = store.write_sessions().unwrap();
    writer.put(&Session::new("8f2c61", said.into_iter().collect()), &[]).unwrap();
    writer.commit().unwrap();
    store.create_run(&run()).unwrap();
    store.put_trial(RUN, &trial("closed-market", Verdict::Fail)).unwrap();
    if let Some(verdict) = second {
        store.put_trial(RUN, &trial("late-parcel", verdict)).unwrap();
    }
}

fn run() -> Run {
    let plan = Plan {
        agent: "cmd:market-v1".into(),
        user_model: "offline".into(),
        trials: 1,
        max_turns: 8,
        concurrency: 4,
        seed: 7,
        agent_timeout_seconds: 60,
        ..Plan::default()
    };
    let suite = Suite { name: None, cases: vec![case("closed-market"), case("late-parcel")] };
    Run {
        id: RUN.into(),
        created_at: "2026-03-07T10:00:00Z".parse().unwrap(),
        plan,
        provenance: Provenance::default(),
        suite,
        left_out: Vec::new(),
    }
}

fn case(id: &str) -> TestCase {
    let check = Check::Contains("closed".into());
    TestCase {
        id: id.into(),
        brief: Brief { goal: "Get the levels of the stock indexes".into(), ..Brief::default() },
        context: serde_json::Map::new(),
        expectations: vec![Expectation { id: "says-closed".into(), text: None, check }],
        origin: Some(Origin { session: "8f2c61".into(), evidence: Vec::new() }),
        ..TestCase::default()
    }
}

fn trial(case: &str, verdict: Verdict) -> Trial {
    let assessment =
        Assessment::new("says-closed", verdict, "no message of the agent contains \"closed\"", "assertion")
            .citing(&[1]);
    Trial {
        case: case.into(),
        trial: 1,
        session_id: "sim-0000000000000001".into(),
        outcome: Outcome::of(&Ending::GaveUp, std::slice::from_ref(&assessment)),
        ending: Ending::GaveUp,
        conversation: [Message::user("how are the markets"), Message::agent("open")].into_iter().collect(),
        disclosures: Vec::new(),
        corrections: Vec::new(),
        goal: None,
        handed_over_at: None,
        discarded: Vec::new(),
        agent_version: None,
        agent_latencies_ms: Vec::new(),
        agent_usage: Vec::new(),
        tool_misses: Vec::new(),
        assessments: vec![assessment],
    }
}

fn reenact(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
    command.current_dir(folder).env_remove("REENACT_STORE").args(["--store", "store.db"]).args(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn a_stored_run_is_reported_again_with_its_exit_status() {
    let folder = tempfile::tempdir().unwrap();
    store_in(folder.path(), Some(Verdict::Pass));
    let output = reenact(folder.path(), &["report"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("1 of 2 cases failed, 1 passed.\n"), "{}", stdout(&output));
    assert!(!stdout(&output).contains('\u{1b}'), "colour without a terminal");
    let by_prefix = reenact(folder.path(), &["report", "0197a3c2"]);
    assert_eq!(by_prefix.stdout, output.stdout);
}

#[test]
fn colour_is_for_who_forces_it_and_never_for_who_declines_it() {
    let folder = tempfile::tempdir().unwrap();
    store_in(folder.path(), Some(Verdict::Pass));
    let report = |variable| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env(variable, "1");
        command.current_dir(folder.path()).args(["--store", "store.db", "report"]).output().unwrap()
    };
    assert!(stdout(&report("CLICOLOR_FORCE")).contains('\u{1b}'));
    assert!(!stdout(&report("NO_COLOR")).contains('\u{1b}'));
}

#[test]
fn files_and_json_come_from_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    store_in(folder.path(), None);
    let output = reenact(folder.path(), &["report", "latest", "--json", "--junit", "run.xml", "--html", "run.html"]);
    assert_eq!(output.status.code(), Some(1));
    let run: RunOutput = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!((run.report.trials_done, run.report.trials_planned), (1, 2));
    let xml = std::fs::read_to_string(folder.path().join("run.xml")).unwrap();
    assert!(xml.contains("tests=\"2\"") && xml.contains("type=\"not_done\""));
    let page = std::fs::read_to_string(folder.path().join("run.html")).unwrap();
    assert!(page.contains("Up two percent on this fine Saturday."));
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    store_in(folder.path(), None);
    let output = reenact(folder.path(), &["report", "--html", "no/such/folder/run.html"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no/such/folder/run.html"));
}

#[test]
fn a_trial_is_shown_with_its_recorded_session_by_each_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    store_in(folder.path(), None);
    let shown = reenact(folder.path(), &["show", "closed-market"]);
    assert_eq!(shown.status.code(), Some(0));
    assert!(stdout(&shown).contains("recorded, session 8f2c61") && stdout(&shown).contains("fine Saturday"));
    for name in
        ["closed-market/1", "latest/closed-market", "0197a3c2/closed-market/1", &format!("{RUN}/closed-market/1")]
    {
        assert_eq!(reenact(folder.path(), &["show", name]).stdout, shown.stdout, "{name}");
    }
    let json = reenact(folder.path(), &["show", "closed-market/1", "--json"]);
    let value: serde_json::Value = serde_json::from_str(stdout(&json)).unwrap();
    assert_eq!((&value["trial"]["outcome"], &value["session"]["id"]), (&"failed".into(), &"8f2c61".into()));
}

#[test]
fn a_trial_that_is_not_there_is_an_error_that_names_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    store_in(folder.path(), None);
    for name in ["nothing", "closed-market/7", "latest/nothing/1", "late-parcel/1"] {
        let output = reenact(folder.path(), &["show", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("closed-market/1"), "{name}: {output:?}");
    }
}
