//! Runs against models that fail a fifth of the time: what is lost, what is wasted, and what is held against whom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reenact::model::{Engine, ModelSettings};
use reenact::run::{Part, Participants, Stop, run};
use reenact::{
    AgentTurn, Brief, Check, Ending, Expectation, Model, Outcome, Panel, Plan, Run, RunOutput, Store, Suite, TestCase,
    Verdict, agent,
};
use serde_json::{Value, json};

use crate::fault_server::{FAULTS, Fault, serve};

const CONVERSATIONS: usize = 500;

/// Short, so that silence does not hold the test up; long enough for several attempts.
const TIMEOUT: Duration = Duration::from_secs(4);

const KEY: &str = "sk-never-to-be-stored-anywhere";

fn open(name: &str, settings: &ModelSettings) -> Model {
    match Engine::open(name, settings).expect("the name should open") {
        Engine::Model(model) => model,
        Engine::Offline => panic!("{name} should be a model"),
    }
}

fn case(n: usize) -> TestCase {
    let says =
        Expectation { id: "tells-where".into(), text: Some("The agent says where it is".into()), check: Check::Judged };
    TestCase {
        id: format!("parcel-{n}"),
        brief: Brief { goal: format!("find out where parcel {n} is\nask where it is now"), ..Brief::default() },
        expectations: vec![says],
        ..TestCase::default()
    }
}

/// What the model says: a user who asks twice and leaves, and a judge who is content.
fn answer(question: &Value) -> Value {
    let messages = question["messages"].as_array().unwrap();
    let name = question["response_format"]["json_schema"]["name"].as_str().unwrap_or_default();
    if !(name.starts_with("user") || name.starts_with("check")) {
        return json!({"reason": "the agent says it in turn 1", "turns": [1], "quotes": [], "verdict": "pass"});
    }
    let directed = messages[1..].iter().any(|message| message["content"].as_str().unwrap().contains("where it is now"));
    match (name, directed) {
        ("user_message", false) => json!({"text": "where is my parcel?"}),
        ("user_message", true) => json!({"text": "and where is it now?"}),
        (_, _) => json!({"parts": []}),
    }
}

/// Plays every conversation at a server, at many at once.
async fn play(store: &Store, address: &str) -> RunOutput {
    let environment = [("REENACT_API_KEY", KEY)].into_iter().collect();
    let settings = ModelSettings { timeout: TIMEOUT, environment, ..ModelSettings::default() };
    let (user, judge) = (open(&format!("{address}#user"), &settings), open(&format!("{address}#judge"), &settings));
    let agent = agent::from_fn(|turn: AgentTurn<'_>| {
        let answer = format!("Your {} is on its way, in Leipzig.", turn.case);
        async move { Ok(answer) }
    });
    let judge = Panel::of_model(judge);
    let participants = Participants { agent: Arc::new(agent), user: Part::Model(user), judge };
    // A conversation that is played again asks its first questions again.
    let plan = Plan { concurrency: 100, attempts: 1, ..Plan::default() };
    let planned = Run::new(plan, Suite { name: None, cases: (0..CONVERSATIONS).map(case).collect() });
    store.create_run(&planned).unwrap();
    run(store, &planned, &participants, &Stop::default(), &|_| {}).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_conversations_with_a_model_that_fails_a_fifth_of_the_time_all_end_and_none_is_lost() {
    let server = serve(7, answer).await;
    let store = Store::temporary().unwrap();
    let output = play(&store, &server.address).await;

    assert_eq!(output.trials.len(), CONVERSATIONS);
    for trial in &output.trials {
        match &trial.ending {
            Ending::SaidAll => assert!(matches!(trial.outcome, Outcome::Passed | Outcome::Inconclusive), "{trial:?}"),
            Ending::UserFailed(reason) => {
                assert!(trial.outcome == Outcome::Errored && reason.contains("did not answer"), "{trial:?}");
            }
            Ending::UserInvalid(reason) => {
                assert!(trial.outcome == Outcome::Invalid && reason.contains("asked again"), "{trial:?}");
            }
            other => panic!("{other:?} is no way to end here"),
        }
        let [assessment] = trial.assessments.as_slice() else {
            panic!("one assessment for one expectation: {trial:?}")
        };
        assert_ne!(assessment.verdict, Verdict::Fail, "what the model did is not held against the agent");
    }
    let passed = output.trials.iter().filter(|trial| trial.outcome == Outcome::Passed).count();
    // A refusal or a filter ends a conversation, and one question in 67 meets one.
    assert!(passed >= CONVERSATIONS * 9 / 10, "only {passed} passed: {:?}", endings(&output));

    assert_eq!(server.faults().len(), FAULTS.len(), "every fault was met: {:?}", server.faults());
    let (asked, least) = (server.asked(), server.asked_at_least());
    assert!(asked * 2 <= least * 3, "{asked} calls where {least} would have done");
    for attempts in server.attempts() {
        let last = attempts.len() - 1;
        let answered = attempts.iter().position(|met| met.is_none_or(is_answer));
        assert!(answered.is_none_or(|at| at == last), "what was answered is not asked again: {attempts:?}");
    }
    assert_no_key(&store, &output);
}

/// Whether the provider has sent an answer of the model, good or bad, which is paid for.
fn is_answer(fault: Fault) -> bool {
    fault.is_final() || matches!(fault, Fault::WrongJson | Fault::WrongSchema | Fault::Empty)
}

fn endings(output: &RunOutput) -> BTreeMap<String, usize> {
    let mut endings = BTreeMap::new();
    output.trials.iter().for_each(|trial| *endings.entry(format!("{:?}", trial.ending)).or_default() += 1);
    endings
}

/// Neither the store nor what is shown of a run has the key, in whatever form it was sent.
fn assert_no_key(store: &Store, output: &RunOutput) {
    assert!(!serde_json::to_string(output).unwrap().contains(KEY));
    let folder = store.path().parent().unwrap();
    let name = store.path().file_name().unwrap().to_string_lossy().into_owned();
    let files = std::fs::read_dir(folder).unwrap().flatten().map(|file| file.path());
    let of_the_store = files.filter(|file| file.file_name().is_some_and(|it| it.to_string_lossy().starts_with(&name)));
    let mut read = 0;
    for file in of_the_store {
        let bytes = std::fs::read(&file).unwrap();
        read += bytes.len();
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{}", file.display());
    }
    assert!(read > 0, "the store is a file");
}
