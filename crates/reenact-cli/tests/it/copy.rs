//! `reenact copy`: suites as the files of other tools, and back. Whether those tools read them is asked of the tools themselves where they are installed.

use std::process::Command;

use serde_json::Value;

use crate::stage::Stage;

const SUITE: &str = r#"cases:
  - id: shoes
    goal: Exchange the shoes
    persona: You write short messages
    simulation_guidelines: [Do not thank anybody]
    opening: they do not fit
    facts:
      - they are too small
      - { id: order, text: the order is W-2041, gate: { asked: order number } }
      - { id: gift, text: they are a gift for my boss, gate: never }
    prefix:
      - user: hello
      - agent: How can I help?
    context: { shop: berlin }
    expectations:
      - The agent says how long it takes
      - { id: names-order, contains: W-2041 }
"#;

fn copied(stage: &Stage, args: &[&str]) -> String {
    let told = stage.reenact(&[&["copy"], args].concat());
    assert_eq!(told.status, Some(0), "{told:?}");
    told.out
}

#[test]
fn what_a_tool_does_not_go_by_is_counted_and_comes_back_all_the_same() {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    for (tool, file) in
        [("deepeval", "goldens.json"), ("promptfoo", "promptfooconfig.yaml"), ("inspect", "samples.jsonl")]
    {
        let told = copied(&stage, &["suite.yaml", file, "--as", tool]);
        let expected = [
            format!("1 case in {file}"),
            "  not carried over (1): checks by code are not made; where they have a text, a model judges it".to_owned(),
            "  not carried over (1): facts behind gates stand in the text with their condition, and nothing holds the simulated user to it".to_owned(),
            "  not carried over (1): facts that are never said are not told".to_owned(),
            "  not carried over (1): the context is not handed to the agent".to_owned(),
        ];
        assert_eq!(told.lines().collect::<Vec<_>>(), expected);
        let back = format!("{tool}.yaml");
        assert_eq!(copied(&stage, &[file, &back]), format!("1 case in {back}\n"));
        let load = |name: &str| reenact::Suite::load(&stage.path(name)).unwrap();
        assert_eq!(load(&back), load("suite.yaml"), "{tool}");
    }
}

#[test]
fn a_file_of_no_tool_is_read_as_a_suite_with_the_errors_of_one() {
    let stage = Stage::new();
    stage.write("bad.yaml", "- {gaol: refund}\n");
    let told = stage.reenact(&["convert", "bad.yaml", "out.json", "--as", "deepeval"]);
    assert_eq!(told.status, Some(2));
    assert!(told.err.contains("did you mean `goal`"), "{told:?}");
    let told = stage.reenact(&["convert", "bad.yaml", "out.json", "--as", "pytest"]);
    assert_eq!(told.status, Some(2));
}

#[test]
fn what_is_there_is_not_overwritten_and_a_dataset_is_no_file_of_a_tool() {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    stage.write("goldens.json", "mine");
    let told = stage.reenact(&["copy", "suite.yaml", "goldens.json", "--as", "deepeval"]);
    assert_eq!(told.status, Some(2));
    assert!(told.err.contains("the file exists"), "{told:?}");
    assert_eq!(std::fs::read_to_string(stage.path("goldens.json")).unwrap(), "mine");
    let told = stage.reenact(&["copy", "suite.yaml", "mlflow:/datasets/parcels", "--as", "deepeval"]);
    assert_eq!(told.status, Some(2));
    assert!(told.err.contains("no file of another tool"), "{told:?}");
}

/// A Python with DeepEval and Inspect, where one is named.
fn loaded_by_python(program: &str, file: &std::path::Path) -> Value {
    let python = std::env::var("REENACT_TOOLS_PYTHON")
        .expect("REENACT_TOOLS_PYTHON names a Python with deepeval and inspect-ai");
    let told = Command::new(python).args(["-c", program]).arg(file).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    serde_json::from_str(told.lines().last().unwrap()).unwrap()
}

#[test]
#[ignore = "needs DeepEval and Inspect, which take minutes to install"]
fn deepeval_and_inspect_read_what_is_written_for_them() {
    let stage = Stage::new();
    stage.write("suite.yaml", SUITE);
    copied(&stage, &["suite.yaml", "goldens.json", "--as", "deepeval"]);
    let program = "import json, sys
from deepeval.dataset import EvaluationDataset
dataset = EvaluationDataset()
dataset.add_goldens_from_json_file(sys.argv[1])
golden = dataset.goldens[0]
print(json.dumps([type(golden).__name__, golden.name, golden.scenario, golden.expected_outcome, golden.user_description,
                  [[turn.role, turn.content] for turn in golden.turns]]))";
    let golden = loaded_by_python(program, &stage.path("goldens.json"));
    let scenario = "Exchange the shoes\n\nYou also know:\n- they are too small\n- If you are asked for order number: the order is W-2041";
    let manners = "You write short messages\n- Do not thank anybody";
    let turns = serde_json::json!([["user", "hello"], ["assistant", "How can I help?"], ["user", "they do not fit"]]);
    let expected = "The agent says how long it takes";
    assert_eq!(golden, serde_json::json!(["ConversationalGolden", "shoes", scenario, expected, manners, turns]));

    copied(&stage, &["suite.yaml", "samples.jsonl", "--as", "inspect"]);
    let program = "import json, sys
from inspect_ai.dataset import json_dataset
sample = json_dataset(sys.argv[1])[0]
print(json.dumps([sample.id, [[message.role, message.content] for message in sample.input], sample.target]))";
    let sample = loaded_by_python(program, &stage.path("samples.jsonl"));
    assert_eq!(sample, serde_json::json!(["shoes", turns, [expected]]));
}
