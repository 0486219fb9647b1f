//! The story that the project exists for, through the program: an assistant that claims on a Saturday that the market is open, and a
//! user who corrects it late. With the bug it is reproduced, without it it is gone, and an agent that argues back has it all the same.

use serde_json::Value;

use crate::stage::Stage;

const RECORDED: &str = r#"{"session_id": "saturday", "messages": [{"role": "user", "content": "HOW ARE THE MARKETS DOING"}, {"role": "assistant", "content": "The US market is open right now. The S&P 500 is at 6,460.26."}, {"role": "user", "content": "NO. ITS SATURDAY, THE MARKET IS CLOSED"}, {"role": "assistant", "content": "You are right, it is Saturday and there is no trading. These are the levels of Friday's close."}, {"role": "user", "content": "AND WHICH OF THE THREE LOST MOST ON FRIDAY"}, {"role": "assistant", "content": "The Nasdaq lost most on Friday: 1.2 %."}]}
"#;

/// What the agent says at first, where somebody speaks of Saturday, and to the last question.
type Says = [&'static str; 3];

const OPEN: &str = "The market is open right now.";
const NASDAQ: &str = "The Nasdaq lost most on Friday.";
const BUG: Says = [OPEN, "You are right, it is Saturday. These are Friday's levels.", NASDAQ];
const FIXED: Says = ["It is Saturday, so there is no trading until Monday.", "Yes, as I said.", NASDAQ];
const ARGUES: Says = [OPEN, "I assure you that the market is open.", "As I told you, the market is open."];

/// It looks at the newest message alone.
const AGENT: &str = r#"
while read -r asked; do
  message=${asked#*'"message":"'}; message=${message%%'"'*}
  case "$message" in
    *SATURDAY*) say="CORRECTED" ;;
    *LOST*)     say="LAST" ;;
    *)          say="CLAIM" ;;
  esac
  echo "{\"reply\": \"$say\"}"
done
"#;

/// What the story comes to with an agent, all of it by the program.
fn told([claim, corrected, last]: Says) -> (Value, Vec<String>) {
    let stage = Stage::new();
    stage.write("chats.jsonl", RECORDED);
    let agent = AGENT.replace("CLAIM", claim).replace("CORRECTED", corrected).replace("LAST", last);
    stage.write("agent.sh", agent);
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    assert_eq!(stage.reenact(&["distill", "-o", "suite.yaml"]).status, Some(0));
    let run = stage.reenact(&["run", "suite.yaml", "--agent", "cmd:sh agent.sh", "--trials", "20", "--json"]).json();
    let messages = run["trials"][0]["conversation"].as_array().unwrap().clone();
    let said = messages.iter().filter(|message| message["speaker"] == "user");
    let said = said.map(|message| message["text"].as_str().unwrap().to_owned()).collect();
    (run, said)
}

fn corrections(said: &[String]) -> usize {
    said.iter().filter(|text| text.contains("SATURDAY")).count()
}

/// How the trials came out, one like the other, and what became of the failure of the recording.
fn outcome(run: &Value) -> (&str, &str) {
    let trials = run["trials"].as_array().unwrap();
    let outcome = trials[0]["outcome"].as_str().unwrap();
    assert!(trials.len() == 20 && trials.iter().all(|trial| trial["outcome"] == outcome), "{run}");
    (outcome, run["report"]["cases"][0]["reproduction"]["reproduced"].as_str().unwrap())
}

#[test]
fn with_the_bug_it_is_reproduced_because_nobody_helped() {
    let (run, said) = told(BUG);
    assert_eq!(outcome(&run), ("failed", "reproduced"), "{run}");
    assert_eq!(said[0], "HOW ARE THE MARKETS DOING");
    assert!(said[1].contains("SATURDAY") && corrections(&said) == 1, "{said:?}");
}

#[test]
fn without_the_bug_it_is_gone_and_the_correction_is_never_said() {
    let (run, said) = told(FIXED);
    assert_eq!(outcome(&run), ("passed", "fixed"), "{run}");
    assert_eq!(corrections(&said), 0, "{said:?}");
}

#[test]
fn with_an_agent_that_argues_back_it_is_reproduced_and_the_user_insists_until_it_has_enough() {
    let (run, said) = told(ARGUES);
    assert_eq!(outcome(&run), ("failed", "reproduced"), "{run}");
    assert!(corrections(&said) > 1, "{said:?}");
    let ending = run["trials"][0]["ending"]["kind"].as_str().unwrap();
    assert!(matches!(ending, "lost_patience" | "gave_up"), "{run}");
}
