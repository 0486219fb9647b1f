//! Questions in batches: by hand through a folder, and at a provider while the program is killed, interrupted and started again.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::stage::{PARCEL, Stage, end, interrupt, told};
use fake::{End, Fake, Fate, Plan};

#[path = "../../../reenact/tests/it/batches/fake.rs"]
#[allow(dead_code, reason = "the SDK's tests use all of it")]
mod fake;

const SESSIONS: usize = 3;

/// A store with a few sessions in which the user wants something.
fn stage() -> Stage {
    let stage = Stage::new();
    let session = |n| {
        let messages = json!([{"role": "user", "content": wish(n)}, {"role": "assistant", "content": "When?"}]);
        json!({"session_id": format!("s-{n}"), "messages": messages}).to_string() + "\n"
    };
    stage.write("chats.jsonl", (1..=SESSIONS).map(session).collect::<String>());
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    stage
}

fn wish(n: usize) -> String {
    format!("I need taxi number {n}")
}

/// What a model distils of whichever session a request shows.
fn distilled(request: &Value) -> Fate {
    let shown = fake::last_words(request);
    let words = (1..=SESSIONS).map(wish).find(|wish| shown.contains(wish)).unwrap();
    let (quoted, none) = (json!([{"turn": 1, "quote": words}]), json!([]));
    Fate::Says(
        json!({
            "skip": null, "id": words, "goal": {"text": words, "evidence": quoted},
            "persona": none, "guidelines": none, "facts": none, "opening": words,
            "patience": {"asks": null, "evidence": none}, "ending": {"kind": null, "evidence": none}, "expectations": none,
        })
        .to_string(),
    )
}

/// The requests of the request files in a folder.
fn requests(stage: &Stage, folder: &str) -> Vec<Value> {
    let files = stage.files(folder).into_iter().filter(|name| name.starts_with("requests-"));
    let lines = files.flat_map(|name| stage.lines(&format!("{folder}/{name}")));
    lines.map(|line| serde_json::from_str(&line).unwrap()).collect()
}

#[test]
fn sessions_are_distilled_through_a_folder_without_a_key() {
    for (model, line) in [
        ("openai:/gpt-5", fake::openai_line as fn(&Value, &Fate) -> Option<String>),
        ("anthropic:/claude", fake::anthropic_line),
        ("http://localhost:1/v1#qwen", fake::openai_line),
    ] {
        let stage = stage();
        let distill = ["distill", "-o", "suite.yaml", "--model", model, "--batch-dir", "by hand"];
        let waits = stage.reenact(&distill);
        assert_eq!((waits.status, waits.out.as_str()), (Some(3), ""), "{waits:?}");
        let again = format!("go on with `reenact distill -o suite.yaml --model {model} --batch-dir 'by hand'`");
        let again = again.replace("http://localhost:1/v1#qwen", "'http://localhost:1/v1#qwen'");
        assert!(waits.err.contains(&again) && waits.err.contains("to be sent: by hand/requests-"), "{waits:?}");

        let asked = requests(&stage, "by hand");
        assert_eq!(asked.len(), SESSIONS);
        let answers: Vec<String> = asked.iter().map(|request| line(request, &distilled(request)).unwrap()).collect();
        stage.write("by hand/out.jsonl", answers[1..].concat() + "oops\n");
        let waits = stage.reenact(&distill);
        assert_eq!(waits.status, Some(3), "{waits:?}");
        assert!(waits.err.contains("by hand/out.jsonl:3: "), "a bad line is named: {waits:?}");
        assert!(!stage.path("suite.yaml").exists());

        stage.write("by hand/more.jsonl", &answers[0]);
        let done = stage.reenact(&distill);
        assert_eq!(done.status, Some(0), "{done:?}");
        let suite = stage.read("suite.yaml");
        assert!((1..=SESSIONS).all(|n| suite.contains(&wish(n))), "{suite}");
        assert_eq!(requests(&stage, "by hand").len(), SESSIONS, "nothing is asked twice");
    }
}

#[test]
fn a_run_is_judged_through_a_folder_and_stays_as_it_is_until_all_is_answered() {
    let stage = Stage::with_parcels();
    stage.write("suite.yaml", PARCEL.replace("contains: on its way", "text: the agent says where the parcel is"));
    let run = stage.run_parcels(&["--json"]);
    let judge = ["judge", "--judge-model", "openai:/gpt-5", "--batch-dir", "batches"];
    let waits = stage.reenact(&judge);
    assert_eq!(waits.status, Some(3), "{waits:?}");
    assert!(waits.err.contains("go on with `reenact judge "), "{waits:?}");
    assert_eq!(stage.reenact(&["report", "--json"]).out, run.out, "the run is as it was");

    let says = Fate::Says(json!({"reason": "it is on its way", "turns": [2], "verdict": "pass"}).to_string());
    let answers =
        requests(&stage, "batches").iter().map(|asked| fake::openai_line(asked, &says).unwrap()).collect::<String>();
    stage.write("batches/output.jsonl", answers);
    let judged = stage.reenact(&[&judge[..], &["--json"]].concat());
    assert_eq!(judged.status, Some(0), "{judged:?}");
    assert_eq!(judged.json()["trials"][0]["assessments"][0]["verdict"], "pass");
    assert_eq!(stage.reenact(&["report", "--json"]).out, judged.out);
}

#[test]
fn what_batches_cannot_do_is_refused_before_anything_is_done() {
    let stage = stage();
    let distill = ["distill", "-o", "suite.yaml", "--model"];
    for (more, why) in [
        (&["offline", "--batch"][..], "`offline` cannot be asked in batches"),
        (&["gemini:/g", "--batch-dir", "d"], "in a form of its own"),
        (&["openai:/gpt-5", "--batch"], "OPENAI_API_KEY is not set"),
        (&["openai:/gpt-5", "--batch", "--batch-dir", "d"], "cannot be used with"),
        (&["openai:/gpt-5", "--batch", "--max-cost", "1"], "cannot be used with"),
    ] {
        let refused = stage.reenact(&[&distill[..], more].concat());
        assert_eq!(refused.status, Some(2), "{refused:?}");
        assert!(refused.err.contains(why), "{refused:?}");
    }
}

/// A provider, and the runtime that it runs on.
fn provider(plan: Plan) -> (Runtime, Fake) {
    let runtime = Runtime::new().unwrap();
    let fake = runtime.block_on(Fake::start(plan));
    (runtime, fake)
}

fn in_batches(stage: &Stage, fake: &Fake, args: &[&str]) -> Command {
    let mut command = stage.command(args);
    command.env("OPENAI_API_KEY", "sk-very-secret").env("OPENAI_BASE_URL", &fake.address);
    command
}

const DISTILL: [&str; 6] = ["distill", "-o", "suite.yaml", "--model", "openai:/gpt-5", "--batch"];

fn once_each(fake: &Fake) {
    let times: BTreeMap<String, usize> = fake.times();
    assert_eq!((times.len(), times.values().max()), (SESSIONS, Some(&1)), "{times:?}");
}

#[test]
fn a_program_that_is_killed_at_any_moment_goes_on_and_submits_nothing_twice() {
    for exchanges in 1..=5 {
        let plan = Plan { end: Box::new(|_| End::After(2)), ..plan() };
        let (_runtime, fake) = provider(plan);
        let stage = stage();
        let mut child = in_batches(&stage, &fake, &DISTILL).spawn().unwrap();
        stage.wait_until(|| fake.asked().len() >= exchanges);
        child.kill().unwrap();
        child.wait().unwrap();
        let done = told(&mut in_batches(&stage, &fake, &DISTILL));
        assert_eq!(done.status, Some(0), "{done:?}");
        assert!((1..=SESSIONS).all(|n| stage.read("suite.yaml").contains(&wish(n))), "{done:?}");
        once_each(&fake);
    }
}

fn plan() -> Plan {
    Plan { fate: Box::new(|_, request| distilled(request)), ..Plan::default() }
}

#[test]
fn ctrl_c_leaves_the_batch_running_and_says_how_to_go_on() {
    let (_runtime, fake) = provider(Plan { end: Box::new(|_| End::After(1)), ..plan() });
    let stage = stage();
    let child = in_batches(&stage, &fake, &DISTILL).spawn().unwrap();
    stage.wait_until(|| fake.asked().iter().any(|asked| asked.starts_with("GET")));
    interrupt(&child);
    let stopped = end(child);
    assert_eq!((stopped.status, stopped.out.as_str()), (Some(3), ""), "{stopped:?}");
    for said in [
        "submitted 3 requests to openai:/gpt-5 as batch_1",
        "go on with `reenact distill -o suite.yaml --model openai:/gpt-5 --batch`",
    ] {
        assert!(stopped.err.contains(said), "{stopped:?}");
    }
    assert!(!stopped.err.contains("very-secret"), "{stopped:?}");
    let done = told(&mut in_batches(&stage, &fake, &DISTILL));
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.err.contains("batch_1 ended: 3 of 3 answered"), "{done:?}");
    assert_eq!(stage.files(".reenact"), ["store.db"], "nothing is left beside the store");
    once_each(&fake);
}

#[test]
fn a_run_is_judged_in_a_batch_at_the_provider() {
    let says =
        |_, _: &Value| Fate::Says(json!({"reason": "it is on its way", "turns": [2], "verdict": "pass"}).to_string());
    let (_runtime, fake) = provider(Plan { fate: Box::new(says), ..Plan::default() });
    let stage = Stage::with_parcels();
    stage.write("suite.yaml", PARCEL.replace("contains: on its way", "text: the agent says where the parcel is"));
    stage.run_parcels(&[]);
    let judge = ["judge", "--judge-model", "openai:/gpt-5", "--batch", "--json"];
    let judged = told(&mut in_batches(&stage, &fake, &judge));
    assert_eq!((judged.status, fake.batches().len()), (Some(0), 1), "{judged:?}");
    assert_eq!(judged.json()["trials"][0]["assessments"][0]["judge"], "openai:/gpt-5");
}
