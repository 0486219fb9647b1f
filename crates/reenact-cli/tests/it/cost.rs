//! What a run costs: shown in every form, estimated before, capped while it goes on, and asked of the agent by a case.

use serde_json::Value;

use crate::stage::{Stage, Told};

const AGENT: &str = "- Which parcel number is it?\n- It is on its way.\n";

/// Two questions to the user's model (a message, and whether the goal is reached) and one to the judge's in each conversation,
/// of 0.152, 0.052 and 0.0014 dollars.
const MODELS: &str = r#"
- for: user
  when: (?i)which parcel
  json: {text: parcel 4711}
  usage: {input_tokens: 1000, output_tokens: 15000}
- for: checker
  json: {parts: [{part: 1, reached: 'yes', quotes: [{turn: 2, words: it is on its way}]}]}
  usage: {input_tokens: 1000, output_tokens: 5000}
- for: judge
  json: {verdict: pass, reason: it says where the parcel is, turns: [2], quotes: []}
  usage: {input_tokens: 700, cached_tokens: 200, output_tokens: 30}
"#;

const PRICES: &str = "prices:\n  script:models.yaml: { input: 2, cached_input: 0.5, output: 10 }\n";

const PER_TRIAL: &str = "0.2054";

fn suite(cases: usize) -> String {
    let case = |n| {
        format!(
            "  - id: c{n}\n    goal: find out where my parcel is\n    opening: where is my parcel\n    facts:\n      \
             - {{ id: number, text: it is parcel 4711, gate: {{ asked: parcel number }} }}\n    expectations:\n      \
             - {{ id: says-where, text: The agent says where the parcel is }}\n"
        )
    };
    format!("suite: parcels\ncases:\n{}", (1..=cases).map(case).collect::<String>())
}

fn stage(cases: usize) -> Stage {
    let stage = Stage::new();
    stage.write("suite.yaml", suite(cases));
    stage.write("agent.yaml", AGENT);
    stage.write("models.yaml", MODELS);
    stage.write("prices.yaml", PRICES);
    stage
}

const RUN: [&str; 8] = [
    "run",
    "suite.yaml",
    "--agent",
    "script:agent.yaml",
    "--user-model",
    "script:models.yaml",
    "--judge-model",
    "script:models.yaml",
];

fn run(stage: &Stage, more: &[&str]) -> Told {
    stage.reenact(&[&RUN, more].concat())
}

/// The command in a hint, as its words.
fn proposed(told: &Told) -> Vec<&str> {
    let (_, command) =
        told.err.split_once("go on with `reenact ").unwrap_or_else(|| panic!("no way to go on: {told:?}"));
    command.split('`').next().unwrap().split_whitespace().collect()
}

fn cost(told: &Told) -> Value {
    told.json()["report"]["cost"].clone()
}

#[test]
fn every_form_of_a_report_says_what_each_model_cost_in_each_role() {
    let stage = stage(2);
    let told = run(&stage, &["--prices", "prices.yaml", "--trials", "2"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    assert!(
        told.words().contains("cost $0.8216; 12 calls, 10,800 tokens read (800 from cache), 80,120 written"),
        "{told:?}"
    );
    assert!(told.words().contains("judge, script:models.yaml: $0.0056; 4 calls"), "{told:?}");

    let report = stage.reenact(&["report", "--json", "--markdown", "run.md", "--html", "run.html"]);
    let cost = cost(&report);
    assert_eq!((&cost["usd"], &cost["calls"]), (&"0.8216".into(), &12.into()));
    let parts: Vec<_> = cost["parts"].as_array().unwrap().iter().map(|part| (&part["role"], &part["usd"])).collect();
    assert_eq!(parts, [(&"user".into(), &"0.816".into()), (&"judge".into(), &"0.0056".into())]);
    assert_eq!(report.json()["report"]["cases"][1]["cost"]["usd"], "0.4108");
    assert!(
        stage.read("run.md").contains("| user | script:models.yaml | 8 | 8,000 | 80,000 | \\$0.8160 |"),
        "{}",
        stage.read("run.md")
    );
    let page = stage.read("run.html");
    assert!(page.contains("Cost by case") && page.contains("<dd class=\"n\">$0.4108</dd>"), "{page}");

    let trial = stage.reenact(&["show", "c2/2", "--json"]).json();
    assert_eq!(trial["cost"]["usd"], PER_TRIAL);
    assert!(stage.reenact(&["show", "c2/2"]).words().contains("cost $0.2054; 3 calls"));
}

#[test]
fn a_run_stops_before_its_cap_and_the_command_that_it_names_goes_on_to_what_an_undisturbed_one_costs() {
    let stage = stage(6);
    let mut told = run(&stage, &["--prices", "prices.yaml", "--max-cost", "0.8", "--json"]);
    let mut stops = 0;
    while told.status == Some(3) {
        stops += 1;
        let so_far = stage.reenact(&["report", "--json"]);
        let spent: f64 = cost(&so_far)["usd"].as_str().unwrap().parse().unwrap();
        let command = proposed(&told);
        let next: f64 = command.last().unwrap().parse().unwrap();
        assert!(told.err.contains("stopped before the cap of $") && spent <= next / 2.0, "{spent} {told:?}");
        told = stage.reenact(&[&command[..], &["--json"]].concat());
    }
    assert_eq!((told.status, stops > 0), (Some(0), true), "{told:?}");
    let undisturbed = run(&self::stage(6), &["--prices", "prices.yaml", "--json"]);
    assert_eq!(cost(&told), cost(&undisturbed));
    let costs = |told: &Told| told.json()["report"]["cases"].clone();
    assert_eq!(costs(&told), costs(&undisturbed));
}

#[test]
fn a_price_that_nobody_knows_is_unknown_in_words_and_refused_under_a_cap_before_anything_is_stored() {
    let stage = stage(1);
    stage.write("prices.yaml", "prices:\n  gateway:/chat: { input: 1, output: 1 }\n");
    let refused = stage.reenact(&[
        "run",
        "suite.yaml",
        "--agent",
        "script:agent.yaml",
        "--user-model",
        "http://127.0.0.1:9/v1#m",
        "--max-cost",
        "1",
    ]);
    assert!(refused.refusal().contains("the price of `http://127.0.0.1:9/v1#m` is not known"), "{refused:?}");
    assert!(refused.err.contains("--prices FILE"), "{refused:?}");
    assert!(!stage.path(".reenact").exists());
    let wrong = run(&stage, &["--max-cost", "much"]);
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
    let unreadable = run(&stage, &["--prices", "suite.yaml"]);
    assert!(unreadable.refusal().contains("suite.yaml:1: not a list of prices"), "{unreadable:?}");
    // Scripts cost nothing, which is known.
    let free = run(&stage, &["--max-cost", "0", "--json"]);
    assert_eq!((free.status, &cost(&free)["usd"]), (Some(0), &"0".into()), "{free:?}");
}

#[test]
fn an_estimate_says_what_would_be_asked_and_does_nothing() {
    let stage = stage(3);
    let told = run(&stage, &["--estimate", "--prices", "prices.yaml", "--trials", "2", "--max-turns", "5"]);
    assert_eq!(told.status, Some(0), "{told:?}");
    // A fact, a goal and an ending: three turns, the first of them given, and one question for leaving.
    assert!(
        told.words().contains("user │ script:models.yaml │ 18 to 432 │") || told.words().contains("18 to 432"),
        "{told:?}"
    );
    assert!(!stage.path(".reenact").exists());
    let data = run(&stage, &["--estimate", "--json", "--prices", "prices.yaml"]).json();
    let roles: Vec<_> = data["parts"].as_array().unwrap().iter().map(|part| part["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "judge"]);
    let dollars = |side: &str| data[side]["usd"].as_str().unwrap().parse::<f64>().unwrap();
    assert!(0.0 < dollars("expected") && dollars("expected") < dollars("at_most"), "{data}");
    // No key is needed to see what a model would cost.
    let named =
        stage.reenact(&["run", "suite.yaml", "--agent", "recorded", "--user-model", "openai:/gpt-4o", "--estimate"]);
    assert!(named.status == Some(0) && named.out.contains('$'), "{named:?}");
}

#[test]
fn judging_again_is_estimated_held_to_a_cap_of_its_own_and_shown_beside_the_earlier_round() {
    let stage = stage(2);
    run(&stage, &["--prices", "prices.yaml"]);
    let estimate = stage.reenact(&["judge", "--estimate", "--json"]).json();
    assert_eq!((&estimate["expected"]["calls"], &estimate["at_most"]["calls"]), (&2.into(), &2.into()), "{estimate}");
    let stopped = stage.reenact(&["judge", "--max-cost", "0.1"]);
    assert_eq!(stopped.status, Some(3), "{stopped:?}");
    assert!(stopped.err.contains("$0 is spent"), "what the run cost before is not in the cap: {stopped:?}");
    let again = stage.reenact(&["judge", "--max-cost", "1", "--json"]);
    let parts = cost(&again)["parts"].clone();
    let roles: Vec<_> = parts
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["role"].as_str().unwrap(), part["usd"].as_str().unwrap()))
        .collect();
    assert_eq!(roles, [("user", "0.408"), ("judge", "0.0028"), ("earlier_judge", "0.0028")]);
}

#[test]
fn a_distillation_says_what_it_cost_and_counts_what_was_answered_before() {
    let stage = Stage::new();
    let session = |n: u32| {
        format!(
            r#"{{"messages": [{{"role": "user", "content": "where is parcel {n}"}}, {{"role": "assistant", "content": "Which one?"}}]}}"#
        )
    };
    stage.write("chats.jsonl", (1..=4).map(|n| session(n) + "\n").collect::<String>());
    let usage = "usage: {input_tokens: 1000, output_tokens: 10000}";
    stage.write("models.yaml", format!("- {{for: distiller, json: {{skip: nothing to test here}}, {usage}}}\n"));
    stage.write("prices.yaml", PRICES);
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    let distill = ["distill", "-o", "suite.yaml", "--model", "script:models.yaml", "--prices", "prices.yaml"];

    let estimate = stage.reenact(&[&distill[..], &["--estimate", "--json"]].concat()).json();
    // One question for each case, and one to try what it expects on the recording.
    assert_eq!(estimate["expected"]["calls"], 8, "{estimate}");
    let stopped = stage.reenact(&[&distill[..], &["--max-cost", "0.5"]].concat());
    assert_eq!(stopped.status, Some(3), "{stopped:?}");
    let ahead = stage.reenact(&[&distill[..], &["--estimate", "--json"]].concat()).json();
    let left = ahead["expected"]["calls"].as_u64().unwrap();
    assert!(0 < left && left < 8, "{ahead}");
    let command = proposed(&stopped);
    assert_eq!(command.last(), Some(&"1"), "{stopped:?}");
    // Four answers of $0.102 fit below a dollar, and those that are there are not paid again.
    let done = stage.reenact(&command);
    assert!(done.refusal().contains("no session gave a case"), "{done:?}");
    let none_left = stage.reenact(&[&distill[..], &["--estimate"]].concat());
    assert!(none_left.out.contains("no model would be asked"), "{none_left:?}");
}

#[test]
fn a_case_can_say_what_the_agent_may_cost() {
    let verdict = |agent: &str, more: &[&str]| {
        let stage = Stage::new();
        let suite = suite(1).replace("text: The agent says where the parcel is", "cost_usd: 0.001");
        stage.write("suite.yaml", suite);
        stage.write("agent.yaml", agent);
        stage.write("prices.yaml", "prices:\n  script:agent.yaml: { input: 1, output: 1 }\n");
        let told = stage.reenact(&[&["run", "suite.yaml", "--agent", "script:agent.yaml", "--json"], more].concat());
        let assessment = told.json()["trials"][0]["assessments"][0].clone();
        format!("{}: {}", assessment["verdict"].as_str().unwrap(), assessment["reason"].as_str().unwrap())
    };
    let using = |usage: &str| {
        format!(
            "- {{turn: 1, reply: 'Which parcel number is it?', {usage}}}\n- {{reply: It is on its way., {usage}}}\n"
        )
    };
    let tokens = "usage: {input_tokens: 100, output_tokens: 20";
    assert_eq!(verdict(AGENT, &[]), "inconclusive: the agent does not say how many tokens its answers took");
    assert_eq!(
        verdict(&using(&format!("{tokens}}}")), &[]),
        "inconclusive: the agent does not say which model it asked; state one for it or for the agent with `--prices`"
    );
    assert_eq!(
        verdict(&using(&format!("{tokens}, model: my-own}}")), &[]),
        "inconclusive: the price of `my-own`, which the agent asked, is not known; state one for it or for the agent with `--prices`"
    );
    assert_eq!(
        verdict(&using(&format!("{tokens}, model: 'openai:/gpt-4o'}}")), &[]),
        "pass: the agent's answers cost $0.0009; $0.001 allowed"
    );
    assert_eq!(
        verdict(&using(&format!("{tokens}}}")), &["--prices", "prices.yaml"]),
        "pass: the agent's answers cost $0.00024; $0.001 allowed"
    );
    let dear = using("usage: {input_tokens: 100, output_tokens: 200, model: 'openai:/gpt-4o-2024-05-13'}");
    assert_eq!(verdict(&dear, &[]), "fail: the agent's answers cost $0.007; $0.001 allowed");
}
