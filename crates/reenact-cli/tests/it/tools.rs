//! `run --tools recorded`: an agent in any language that takes its tools from the recording, and what becomes of a miss.

use crate::stage::Stage;

const LOG: &str = r#"{"session_id": "s-1", "messages": [{"role": "user", "content": "where is order 4711"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": "{\"order\": 4711, \"asked_at\": \"10:00\"}"}}]}, {"role": "tool", "tool_call_id": "c1", "content": "{\"state\": \"delivered\"}"}, {"role": "assistant", "content": "It was delivered."}]}"#;

const SUITE: &str = r"
suite: orders
cases:
  - id: order
    goal: find out where my order is
    script: [where is order 4711]
    origin: { session: s-1 }
    expectations:
      - { id: looks-it-up, tool_called: find_order }
      - { id: says-where, contains: delivered }
";

/// Looks up the order that `ORDER` names, and says what it is told.
const AGENT: &str = r#"
while read -r asked; do
  case "$asked" in *'"tools":[{"name":"find_order"'*) echo told >> tools ;; esac
  echo "{\"tool_call\": {\"name\": \"find_order\", \"arguments\": {\"order\": ${ORDER:-4711}}}}"
  read -r result
  case "$result" in
    *delivered*) echo '{"reply": "It was delivered."}' ;;
    *)           echo '{"reply": "I cannot find it."}' ;;
  esac
done
"#;

fn stage() -> Stage {
    let stage = Stage::new();
    for (name, text) in [("log.jsonl", LOG), ("suite.yaml", SUITE), ("agent.sh", AGENT)] {
        stage.write(name, text);
    }
    assert_eq!(stage.reenact(&["import", "log.jsonl"]).status, Some(0));
    stage
}

const RUN: [&str; 4] = ["run", "suite.yaml", "--agent", "cmd:sh agent.sh"];
const RECORDED: [&str; 4] = ["--tools", "recorded", "--tool-ignore", "asked_at"];

#[test]
fn a_program_that_calls_tools_gets_the_recorded_results() {
    let stage = stage();
    let told = stage.reenact(&[&RUN[..], &RECORDED].concat());
    assert_eq!(told.status, Some(0), "{told:?}");
    assert_eq!(stage.lines("tools"), ["told"]);
    let shown = stage.reenact(&["show", "order", "--json"]).json();
    let messages = shown["trial"]["conversation"].as_array().unwrap().clone();
    assert_eq!(messages[1]["tool_calls"][0]["arguments"], r#"{"order":4711}"#);
    assert_eq!((&messages[2]["speaker"], &messages[2]["text"]), (&"tool".into(), &r#"{"state": "delivered"}"#.into()));
}

#[test]
fn each_policy_answers_a_miss_in_its_way_and_the_report_tells() {
    let stage = stage();
    stage.write("tools.yaml", "- {for: tool, when: find_order, json: {result: it was delivered to a neighbour}}\n");
    for (policy, status, says) in [
        ("fail", 1, "1 call was not recorded: 1 failed"),
        ("nearest", 0, "1 call was not recorded: 1 answered by the nearest"),
        ("ask:script:tools.yaml", 0, "1 call was not recorded: 1 answered by a model"),
        ("invalid", 3, "the recording has no result for"),
    ] {
        let args = [&RUN[..], &RECORDED, &["--tool-miss", policy]].concat();
        let told = crate::stage::told(stage.command(args).env("ORDER", "4712"));
        assert_eq!(told.status, Some(status), "{policy}: {told:?}");
        assert!(told.words().contains(says), "{policy}: {told:?}");
    }
    let told = crate::stage::told(stage.command([&RUN[..], &RECORDED].concat()).env("ORDER", "4712"));
    assert_eq!(told.status, Some(1));
    let shown = stage.reenact(&["show", "order"]).words();
    let miss = r#"turn 1: find_order({"order":4712}) failed; 0 % like {"order": 4711, "asked_at": "10:00"}"#;
    assert!(shown.contains(miss), "{shown}");
}

#[test]
fn an_agent_that_is_handed_no_tools_or_takes_none_is_told_how() {
    let stage = stage();
    let told = stage.reenact(&RUN);
    assert_eq!(told.status, Some(3));
    assert!(told.words().contains("the agent calls the tool find_order, and it is handed none here"), "{told:?}");
    let refused = stage.reenact(&["run", "suite.yaml", "--agent", "recorded", "--tools", "recorded"]);
    assert!(refused.refusal().contains("`recorded` does not take its tools from reenact"), "{refused:?}");
    assert_eq!(stage.reenact(&[&RUN[..], &["--tools", "recorded", "--tool-miss", "guess"]].concat()).status, Some(2));
}

#[test]
fn an_agent_file_is_refused_by_the_agent_in_it_also_where_the_run_goes_on() {
    let stage = stage();
    let by_file = ["run", "suite.yaml", "--agent", "agent.yaml"];
    for agent in ["http://127.0.0.1:9/v1/chat/completions", "http://127.0.0.1:9/v1/responses", "a2a:http://127.0.0.1:9"]
    {
        stage.write("agent.yaml", format!("agent: {agent}"));
        let told = stage.reenact(&[&by_file[..], &RECORDED].concat());
        let refusal = told.refusal();
        assert!(refusal.contains("agent.yaml") && refusal.contains(agent), "{refusal}");
        assert!(refusal.contains("does not take its tools from reenact"), "{refusal}");
    }
    assert_eq!(stage.reenact(&["report", "latest"]).status, Some(2), "nothing was begun");

    stage.write("agent.yaml", "agent: cmd:sh agent.sh");
    assert_eq!(stage.reenact(&[&by_file[..], &RECORDED].concat()).status, Some(0));
    stage.write("agent.yaml", "agent: a2a:http://127.0.0.1:9");
    let resumed = stage.reenact(&["run", "--resume", "latest"]);
    assert!(resumed.refusal().contains("does not take its tools from reenact"), "{resumed:?}");
}
