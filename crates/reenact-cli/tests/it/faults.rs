//! What an agent can do wrong ends the conversation that it does it in, and no other.

use serde_json::Value;

use crate::stage::Stage;

/// The opening of a case says what the agent does in it.
const AGENT: &str = r#"
while read -r asked; do
  case "$asked" in
    *nonsense*) echo 'Traceback (most recent call last):' ;;
    *silence*) sleep 60 ;;
    *emptiness*) echo '{"reply": "  "}' ;;
    *refusal*) echo '{"error": "out of credit"}' ;;
    *'"turn":2'*death*) echo 'no memory left' >&2; exit 7 ;;
    *death*|*'"turn":1'*) echo '{"reply": "Which parcel number is it?"}' ;;
    *) echo '{"reply": "It is on its way."}' ;;
  esac
done
"#;

const OPENINGS: [&str; 6] = ["nonsense", "silence", "emptiness", "refusal", "death", "my parcel"];

fn stage() -> Stage {
    let stage = Stage::new();
    let case = |opening: &&str| {
        format!(
            "  - id: {id}\n    goal: find out where my parcel is\n    opening: {opening}\n    \
               facts: [{{ id: number, text: it is parcel 4711, gate: {{ asked: parcel number }} }}]\n    \
               expectations: [{{ id: says-where, contains: on its way }}]\n",
            id = opening.replace(' ', "-")
        )
    };
    stage.write("suite.yaml", format!("cases:\n{}", OPENINGS.iter().map(case).collect::<String>()));
    stage.write("agent.sh", AGENT);
    stage
}

fn trial<'a>(run: &'a Value, case: &str) -> &'a Value {
    run["trials"].as_array().unwrap().iter().find(|trial| trial["case"] == case).unwrap()
}

#[test]
fn each_fault_of_an_agent_ends_its_own_conversation_and_the_others_go_on() {
    let stage = stage();
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--agent-timeout", "2", "--json"]);
    assert_eq!(told.status, Some(3), "{told:?}");
    let run = told.json();
    let faults = [
        ("nonsense", "malformed"),
        ("silence", "timed_out"),
        ("emptiness", "empty"),
        ("refusal", "refused"),
        ("death", "died"),
    ];
    for (case, fault) in faults {
        let trial = trial(&run, case);
        assert_eq!(
            (&trial["ending"]["kind"], &trial["outcome"]),
            (&"agent_failed".into(), &"errored".into()),
            "{case}"
        );
        assert_eq!(trial["ending"]["detail"]["fault"], fault, "{case}");
        assert_eq!(trial["assessments"][0]["verdict"], "inconclusive", "{case}");
    }
    let died = &trial(&run, "death");
    let reason = died["ending"]["detail"]["reason"].as_str().unwrap();
    assert!(reason.contains("status 7") && reason.contains("no memory left"), "{reason}");
    assert_eq!(died["conversation"].as_array().map(Vec::len), Some(3), "what was said before stays: {died}");
    assert_eq!(trial(&run, "my-parcel")["outcome"], "passed");
    assert_eq!(run["report"]["outcomes"]["errored"], 5);
}

#[test]
fn an_agent_that_does_not_start_is_no_verdict_on_the_agent() {
    let stage = stage();
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "cmd:./no-such-agent --fast"]);
    assert_eq!(told.status, Some(3), "{told:?}");
    assert!(told.out.starts_with("None of the 6 cases could be decided."), "{}", told.out);
    assert!(told.out.contains("6 errored"), "{}", told.out);
    let shown = stage.reenact(&["show", "death"]).words();
    assert!(shown.contains("agent failed: cannot start `./no-such-agent`: there is no such program"), "{shown}");
}

#[test]
fn an_agent_that_nobody_answers_for_is_unreachable() {
    let stage = stage();
    // The port of discard, where nobody listens; nothing leaves the machine.
    let address = "http://127.0.0.1:9/v1/chat/completions";
    let told = stage.reenact(&["run", "suite.yaml", "--agent", address, "--agent-timeout", "3", "--json"]);
    assert_eq!(told.status, Some(3), "{told:?}");
    for trial in told.json()["trials"].as_array().unwrap() {
        assert_eq!(trial["ending"]["detail"]["fault"], "unreachable", "{trial}");
    }
}

#[test]
fn a_script_that_has_no_rule_for_a_question_ends_that_conversation_and_names_the_file() {
    let stage = stage();
    stage.write("agent.yaml", "- {when: parcel, reply: It is on its way.}\n");
    let told = stage.reenact(&["run", "suite.yaml", "--agent", "script:agent.yaml", "--json"]);
    let run = told.json();
    assert_eq!((told.status, &trial(&run, "my-parcel")["outcome"]), (Some(3), &"passed".into()));
    let reason = trial(&run, "silence")["ending"]["detail"]["reason"].as_str().unwrap();
    assert!(reason.contains("agent.yaml has no rule for answer 1 of the agent"), "{reason}");
}
