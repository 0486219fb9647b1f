//! What any distiller is held to on the sessions of the casebook: its lines `trap`. The rules without a model must keep
//! all of them; what a model answers is scored by the same.
//!
//! `goal has PATTERN`, `goal never PATTERN`; `brief has PATTERN`, `brief never PATTERN`: in the goal, the persona, the guidelines or
//! the facts; `late PATTERN`: not in what the user may say at once; `expects some`, `expects none`; `no case`.
//!
//! ```text
//! just casebook DIR openai:/gpt-5     # writes the requests to DIR; with the answers there, scores them
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller, distill, model};
use reenact::journal::Journal;
use reenact::model::batch::{Batch, Finished, Watch, in_batches};
use reenact::{Brief, Environment, Gate, Session, Store, TestCase};
use regex::Regex;
use serde_json::{Value, json};

use crate::casebook::{session, stories};

/// The stories of distillation: their names and texts.
fn casebook() -> BTreeMap<String, String> {
    let named = |path: &std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    stories("distill").iter().map(|path| (named(path), fs::read_to_string(path).unwrap())).collect()
}

fn sessions(casebook: &BTreeMap<String, String>) -> Vec<Session> {
    casebook.iter().map(|(name, story)| session(name, story)).collect()
}

/// The traps that a distiller fell into, each as `STORY: TRAP`, and how many there are.
fn fallen_into(casebook: &BTreeMap<String, String>, cases: &[TestCase]) -> (Vec<String>, usize) {
    let mut fallen = Vec::new();
    let mut set = 0;
    for (name, story) in casebook {
        let is_of_story = |case: &&TestCase| case.origin.as_ref().is_some_and(|origin| origin.session == *name);
        let cases: Vec<&TestCase> = cases.iter().filter(is_of_story).collect();
        for trap in story.lines().filter_map(|line| line.strip_prefix("trap ")) {
            set += 1;
            if !holds(trap, &cases) {
                fallen.push(format!("{name}: {trap}"));
            }
        }
    }
    (fallen, set)
}

/// Whether what a story asks for holds of all its cases together.
fn holds(trap: &str, cases: &[&TestCase]) -> bool {
    if trap == "no case" {
        return cases.is_empty();
    }
    let (what, pattern) = match trap.splitn(3, ' ').collect::<Vec<_>>()[..] {
        ["late", ..] => ("late", trap.strip_prefix("late ").unwrap()),
        [place, verb, pattern] => (&trap[..place.len() + 1 + verb.len()], pattern),
        _ => (trap, ""),
    };
    let pattern = Regex::new(pattern).unwrap();
    let says = |place: fn(&Brief) -> Vec<&str>| {
        cases.iter().any(|case| place(&case.brief).iter().any(|text| pattern.is_match(text)))
    };
    let expects = cases.iter().any(|case| !case.expectations.is_empty());
    let asked = match what {
        "goal has" => says(goal),
        "goal never" => !says(goal),
        "brief has" => says(all),
        "brief never" => !says(all),
        "late" => !says(at_once),
        "expects some" => expects,
        "expects none" => !expects,
        other => panic!("no trap is called `{other}`"),
    };
    asked && !cases.is_empty()
}

fn goal(brief: &Brief) -> Vec<&str> {
    vec![&brief.goal]
}

/// What the user may say at once, or is told to be.
fn at_once(brief: &Brief) -> Vec<&str> {
    let open = brief.facts.iter().filter(|fact| fact.gate == Gate::Open).map(|fact| fact.text.as_str());
    open.chain(brief.opening.as_deref()).chain(brief.persona.as_deref()).chain(goal(brief)).collect()
}

/// All but the opening, which is what was said, word for word.
fn all(brief: &Brief) -> Vec<&str> {
    let facts = brief.facts.iter().map(|fact| fact.text.as_str());
    let texts = facts.chain(brief.guidelines.iter().map(String::as_str)).chain(brief.persona.as_deref());
    texts.chain(goal(brief)).collect()
}

#[tokio::test]
async fn the_rules_fall_into_no_trap_of_the_casebook() {
    let casebook = casebook();
    assert!(casebook.len() >= 30 && casebook.values().all(|story| story.contains("\ntrap ")));
    let distilled = distill(sessions(&casebook).into_iter().map(Ok), Distiller::Offline).await.unwrap();
    assert_eq!(fallen_into(&casebook, &distilled.cases).0, Vec::<String>::new());
}

/// A distiller that takes all that the user said for the goal, as the obvious prompt does.
#[test]
fn a_goal_of_all_that_was_said_falls_into_most_traps_that_wait_for_it() {
    let casebook = casebook();
    let naive = |session: Session| {
        let said: Vec<&str> = session.conversation.by(reenact::Speaker::User).map(|m| m.text.as_str()).collect();
        let origin = reenact::Origin { session: session.id.clone(), ..reenact::Origin::default() };
        let brief = Brief { goal: said.join("\n"), ..Brief::default() };
        TestCase { id: session.id.clone(), brief, origin: Some(origin), ..TestCase::default() }
    };
    let cases: Vec<TestCase> = sessions(&casebook).into_iter().map(naive).collect();
    let (fallen, _) = fallen_into(&casebook, &cases);
    let of = |kind: &str| fallen.iter().filter(|trap| trap.contains(kind)).count();
    let all = |kind: &str| casebook.values().flat_map(|s| s.lines()).filter(|l| l.starts_with(kind)).count();
    assert_eq!(of(": late"), all("trap late"), "{fallen:#?}");
    assert_eq!((of("no case"), of("has")), (all("trap no case"), 0), "{fallen:#?}");
}

/// Asks a model about every session of the casebook through a folder; `None` where answers are still to come.
async fn asked_in(folder: &Path, name: &str, casebook: &BTreeMap<String, String>) -> Option<Distilled> {
    let (store, ledger) = (Store::temporary().unwrap(), Ledger::default());
    let batch = Batch::in_folder(folder).unwrap();
    let (asked, journal) =
        (batch.model(name, &Environment::default()).unwrap(), Journal::of_distillation(&store).unwrap());
    let watch = Watch { stop: &|| false, listen: &|_| {} };
    let work = async || {
        let distiller = Distiller::Model { model: &asked, journal: &journal, calls_at_once: 16, ledger: &ledger };
        distill(sessions(casebook).into_iter().map(Ok), distiller).await
    };
    match in_batches(&batch, &watch, work).await.unwrap() {
        Finished::Whole(distilled) => Some(distilled),
        Finished::Waits(_) => None,
    }
}

/// The emptiest answer that a schema allows, with a reason to skip.
fn emptiest(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().unwrap();
            properties
                .iter()
                .map(|(key, value)| (key.clone(), emptiest(value)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        Some("array") => json!([]),
        Some("string") => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("-")),
        Some(_) => json!(1),
        None => Value::Null,
    }
}

#[tokio::test]
async fn the_casebook_goes_through_a_folder_and_what_comes_back_is_scored() {
    let (folder, casebook) = (tempfile::tempdir().unwrap(), casebook());
    assert_eq!(asked_in(folder.path(), "openai:/m-1", &casebook).await, None);
    let requests: String =
        fs::read_dir(folder.path()).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    assert_eq!(requests.lines().count(), casebook.len());
    let mut nothing = emptiest(&model::request(&sessions(&casebook)[0]).schema.schema);
    nothing["skip"] = "there is nothing here".into();
    let answer = |request: &str| {
        let id = serde_json::from_str::<Value>(request).unwrap()["custom_id"].clone();
        let body = json!({"choices": [{"message": {"content": nothing.to_string()}, "finish_reason": "stop"}]});
        format!("{}\n", json!({"custom_id": id, "response": {"status_code": 200, "body": body}, "error": null}))
    };
    fs::write(folder.path().join("answers.jsonl"), requests.lines().map(answer).collect::<String>()).unwrap();
    let distilled = asked_in(folder.path(), "openai:/m-1", &casebook).await.expect("all is answered");
    assert_eq!(distilled.skipped.len(), casebook.len());
    let (fallen, set) = fallen_into(&casebook, &distilled.cases);
    let right: usize = casebook.values().filter(|story| story.contains("\ntrap no case\n")).count();
    assert_eq!(fallen.len(), set - right);
}

/// Real answers of a model. See the top of this file.
#[tokio::test]
#[ignore = "needs a folder, and the answers of a model"]
async fn a_models_answers_are_scored() {
    let folder = std::env::var("CASEBOOK_DIR").expect("CASEBOOK_DIR names a folder");
    let name = std::env::var("CASEBOOK_MODEL").expect("CASEBOOK_MODEL names a model");
    let casebook = casebook();
    let Some(distilled) = asked_in(Path::new(&folder), &name, &casebook).await else {
        println!("requests are in {folder}; put the answers there and do this again");
        return;
    };
    let (fallen, set) = fallen_into(&casebook, &distilled.cases);
    fallen.iter().for_each(|trap| println!("fell into {trap}"));
    distilled.skipped.iter().for_each(|skipped| println!("no case: {skipped}"));
    distilled.dropped.iter().for_each(|dropped| println!("left out: {dropped}"));
    let (kept, cases, left_out) = (set - fallen.len(), distilled.cases.len(), distilled.dropped.len());
    println!(
        "{name}: {kept} of {set} traps passed, {cases} cases of {} sessions, {left_out} parts left out",
        casebook.len()
    );
}
