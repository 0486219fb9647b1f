//! The whole line, from recordings to an exit status.

use serde_json::Value;

use crate::stage::Stage;

/// Two recorded conversations of a library; in the first the agent says that it is open, on a holiday.
const CHATS: &str = r#"{"id":"open-1","messages":[{"role":"user","content":"can you tell me where the reading room is and whether I can come today"},{"role":"assistant","content":"It is on the second floor. The library is open today."},{"role":"user","content":"are you sure? the library can't be open on a holiday"},{"role":"assistant","content":"You are right, it opens tomorrow."}]}
{"id":"hello-1","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"Hello!"}]}
"#;

/// The library's agent as it is today: still with its bug where `bug.flag` is there.
const AGENT: &str = r#"
while read -r asked; do
  case "$asked" in
    *holiday*) echo '{"reply": "You are right, it opens tomorrow."}' ;;
    *) if [ -e bug.flag ]; then echo '{"reply": "The library is open today."}'; else echo '{"reply": "It opens tomorrow."}'; fi ;;
  esac
done
"#;

fn stage() -> Stage {
    let stage = Stage::new();
    stage.write("chats.jsonl", CHATS);
    stage.write("agent.sh", AGENT);
    let imported = stage.reenact(&["import", "chats.jsonl"]);
    assert_eq!(
        (imported.status, imported.out.as_str()),
        (Some(0), "2 sessions: 2 new, 0 grown, 0 unchanged\n"),
        "{imported:?}"
    );
    stage
}

/// Distils the recordings.
fn suite(stage: &Stage) {
    let distilled = stage.reenact(&["distill", "-o", "suite.yaml"]);
    assert_eq!((distilled.status, distilled.out.as_str()), (Some(0), ""), "{distilled:?}");
    assert!(distilled.err.contains("2 sessions: 1 case in suite.yaml, 1 skipped"), "{}", distilled.err);
    assert!(distilled.err.contains("no case from session hello-1: "), "{}", distilled.err);
    let checked = stage.reenact(&["check", "suite.yaml"]);
    assert_eq!((checked.status, checked.out.as_str()), (Some(0), "1 case, no problems\n"), "{checked:?}");
}

#[test]
fn recordings_become_a_suite_that_fails_on_the_agent_with_the_bug_and_passes_without_it() {
    let stage = stage();
    suite(&stage);
    stage.write("bug.flag", "");
    let with_bug = stage.reenact(&["run", "suite.yaml", "--agent", "cmd:sh agent.sh"]);
    assert_eq!(with_bug.status, Some(1), "{with_bug:?}");
    assert!(with_bug.out.contains("FAIL") && with_bug.out.contains("library is open"), "{}", with_bug.out);
    let shown = stage.reenact(&["show", &only_case(&stage)]).words();
    assert!(shown.contains("recorded, session open-1"), "{shown}");
    std::fs::remove_file(stage.path("bug.flag")).unwrap();
    let without = stage.reenact(&["run", "suite.yaml", "--agent", "cmd:sh agent.sh"]);
    assert_eq!(without.status, Some(0), "{without:?}");
}

fn only_case(stage: &Stage) -> String {
    stage.reenact(&["report", "--json"]).json()["trials"][0]["case"].as_str().unwrap().to_owned()
}

#[test]
fn the_user_puts_the_agent_right_only_where_it_is_wrong() {
    let stage = stage();
    suite(&stage);
    let said = || {
        let run = stage.reenact(&["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--json"]).json();
        run["trials"][0]["conversation"].to_string()
    };
    let correction = "on a holiday";
    assert!(!said().contains(correction), "{}", said());
    stage.write("bug.flag", "");
    assert!(said().contains(correction), "{}", said());
}

#[test]
fn the_recording_answers_for_its_own_agent_and_the_same_seed_gives_the_same_trials() {
    let stage = stage();
    suite(&stage);
    let run = || {
        stage.reenact(&["run", "suite.yaml", "--agent", "recorded", "--trials", "2", "--seed", "5", "--json"]).json()
    };
    let (mut first, mut second) = (run(), run());
    assert_eq!(first["report"]["outcomes"]["failed"], 2, "the recorded agent had the bug: {first}");
    for trials in [&mut first["trials"], &mut second["trials"]] {
        for trial in trials.as_array_mut().unwrap() {
            trial["session_id"] = Value::Null;
            // How long an answer took is measured, and differs.
            trial["agent_latencies_ms"] = Value::Null;
        }
    }
    assert_eq!(first["trials"], second["trials"]);
}

#[test]
fn importing_twice_changes_nothing_and_a_suite_is_never_written_over() {
    let stage = stage();
    let again = stage.reenact(&["import", "chats.jsonl"]);
    assert_eq!((again.status, again.out.as_str()), (Some(0), "2 sessions: 0 new, 0 grown, 2 unchanged\n"));
    suite(&stage);
    let kept = stage.read("suite.yaml");
    let refused = stage.reenact(&["distill", "-o", "suite.yaml"]);
    assert!(refused.refusal().contains("suite.yaml: the file exists"), "{refused:?}");
    assert_eq!(stage.read("suite.yaml"), kept);
}

#[test]
fn recordings_come_from_a_pipe_as_well_and_go_to_the_store_that_is_named() {
    let stage = Stage::new();
    stage.write("chats.jsonl", CHATS);
    let mut command = stage.command(["import", "-"]);
    command.stdin(std::fs::File::open(stage.path("chats.jsonl")).unwrap()).env("REENACT_STORE", "there/mine.db");
    let told = crate::stage::told(&mut command);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(stage.reenact(&["sessions", "--store", "there/mine.db", "--json"]).json()["matched"], 2);
    assert_eq!(stage.files("."), ["chats.jsonl", "there"]);
}
