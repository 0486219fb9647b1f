//! No secret is in a cassette, wherever it came from; and what has none is played again as ever.

use std::sync::Arc;

use async_trait::async_trait;
use reenact::run::{Part, Participants, record};
use reenact::{
    AgentFault, AgentReply, AgentTurn, Brief, Cassette, Check, Completion, Environment, Expectation, FaultKind, Model,
    ModelFault, ModelFaultKind, ModelRequest, Outcome, Panel, Plan, Run, ServeModel, Store, Suite, TestCase, ToolCall,
    agent,
};
use serde_json::json;

use super::{block_on, play, reloaded};
use crate::scripted::text_of;

/// What the environment of the test has as a secret; one with signs that JSON writes in another way.
const KNOWN: &str = "open \"sesame\"\\ now";
const KEY: &str = "sk-proj-abcdefgh12345678abcdefgh";

fn environment() -> Environment {
    [("PARCEL_TOKEN", KNOWN), ("HOME", "/home/somebody")].into_iter().collect()
}

fn case(id: &str, check: Check) -> TestCase {
    TestCase {
        id: id.into(),
        brief: Brief { goal: format!("{id}, with {KNOWN} and {KEY}"), ..Brief::default() },
        context: json!({"password": KNOWN, "nested": [{"url": format!("https://example.org/?token={KEY}")}]})
            .as_object()
            .unwrap()
            .clone(),
        expectations: vec![
            Expectation { id: "code".into(), text: None, check },
            Expectation { id: "read".into(), text: Some(format!("says nothing of {KNOWN}")), check: Check::Judged },
        ],
        ..TestCase::default()
    }
}

/// Says its keys in every way that there is: in words, in the arguments of a tool, in what the tool said, in a fault.
fn talkative() -> impl reenact::Agent {
    agent::from_fn(|turn: AgentTurn<'_>| {
        let fails = turn.case == "fault";
        async move {
            let arguments = json!({"auth": KNOWN, "header": format!("Authorization: Bearer {KEY}")}).to_string();
            let call = ToolCall { id: None, name: "find".into(), arguments };
            let calling = reenact::Message { tool_calls: vec![call], ..reenact::Message::agent("") };
            let result = reenact::Message::new(reenact::Speaker::Tool, format!("postgres://me:hunter22@db {KNOWN}"));
            let words = reenact::Message::agent(format!("my key is {KEY}, my token {KNOWN}"));
            match fails {
                true => Err(AgentFault::new(FaultKind::Refused, format!("401 for {KEY} and {KNOWN}"))),
                false => Ok(AgentReply { messages: vec![calling, result, words], ..AgentReply::default() }),
            }
        }
    })
}

/// Plays a user who repeats the key, and a judge who quotes it or fails with it.
struct Repeats;

#[async_trait]
impl ServeModel for Repeats {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let answer = match request.schema.name.as_str() {
            "user_message" => json!({"text": format!("is it {KEY}?")}),
            "check_goal" => json!({"parts": []}),
            _ if text_of(request).contains("judge-fails") => {
                return Err(ModelFault::new(ModelFaultKind::Refused, format!("no credit for {KEY}")));
            }
            _ => json!({"verdict": "fail", "reason": format!("it says {KEY}"), "turns": [1]}),
        };
        Ok(Completion { answer, usage: None })
    }
}

fn planned(cases: Vec<TestCase>) -> Run {
    let plan = Plan {
        agent: format!("cmd:python agent.py --api-key {KEY} --url https://me:hunter22@example.org/?sig={KEY}"),
        agent_version: Some(KNOWN.into()),
        user_model: format!("http://localhost:1/v1?key={KEY}#m"),
        judging: reenact::Judging::by("openai:/gpt-5"),
        ..Plan::default()
    };
    Run::new(plan, Suite { name: Some(KEY.into()), cases })
}

fn participants() -> Participants {
    let model = |name: String| Model::new(name, Repeats);
    let user = Part::Model(model(format!("http://localhost:1/v1?key={KEY}#m")));
    Participants { agent: Arc::new(talkative()), user, judge: Panel::of_model(model("openai:/gpt-5".into())) }
}

#[test]
fn no_secret_of_an_answer_a_fault_a_question_or_a_name_is_in_a_cassette() {
    block_on(async {
        let ids = ["words", "fault", "judge-fails"];
        let cases: Vec<TestCase> = ids.iter().map(|id| case(id, Check::Contains("parcel".into()))).collect();
        let (store, planned) = (Store::temporary().unwrap(), planned(cases.clone()));
        store.create_run(&planned).unwrap();
        let live = play(&store, &planned, &participants()).await.unwrap();
        let recorded = record(&store, &planned, &participants(), &environment()).await.unwrap();
        assert!(recorded.masked > 0);
        assert_eq!(recorded.altered, []);
        let text = recorded.cassette.to_string();
        for secret in [KEY, "abcdefgh12345678", KNOWN, "sesame", "hunter22"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        assert!(text.contains("my key is [secret], my token [secret]"), "{text}");

        // It is played again, on a machine that knows none of the secrets, to the same end.
        let cassette = Arc::new(reloaded(&recorded.cassette));
        let (store, again) = (
            Store::temporary().unwrap(),
            Run::new(Plan::replayed(&cassette).unwrap(), Suite { name: Some(KEY.into()), cases }),
        );
        store.create_run(&again).unwrap();
        let participants = Participants::replayed(&cassette).unwrap();
        let replayed = play(&store, &again, &participants).await.unwrap();
        let ends = |output: &reenact::RunOutput| {
            let end = |trial: &reenact::Trial| (trial.case.clone(), trial.outcome, trial.conversation.turn_count());
            output.trials.iter().map(end).collect::<Vec<_>>()
        };
        assert_eq!(ends(&replayed), ends(&live));
        let copy = record(&store, &again, &participants, &environment()).await.unwrap().cassette;
        assert!(copy.to_string() == cassette.to_string(), "the copy is another");
    });
}

#[test]
fn a_trial_that_comes_to_something_else_without_its_secret_is_named() {
    block_on(async {
        let leaks = case("leaks", Check::MustNotMatch("sk-proj-[a-z0-9]+".into()));
        let mut leaks = leaks;
        leaks.expectations.truncate(1);
        let (store, planned) = (Store::temporary().unwrap(), planned(vec![leaks]));
        store.create_run(&planned).unwrap();
        let live = play(&store, &planned, &participants()).await.unwrap();
        assert_eq!(live.trials[0].outcome, Outcome::Failed);
        let recorded = record(&store, &planned, &participants(), &environment()).await.unwrap();
        assert_eq!(recorded.altered, [("leaks".to_owned(), 1)]);
    });
}

#[test]
fn no_secret_is_in_what_is_said_of_a_divergence() {
    block_on(async {
        let cases = vec![case("words", Check::Contains("parcel".into()))];
        let (store, planned) = (Store::temporary().unwrap(), planned(cases.clone()));
        store.create_run(&planned).unwrap();
        play(&store, &planned, &participants()).await.unwrap();
        let recorded = record(&store, &planned, &participants(), &environment()).await.unwrap();
        let text = recorded.cassette.to_string().replace("my key is", "my old key is");
        let cassette = Arc::new(Cassette::parse(&text, "line.jsonl".as_ref()).unwrap());
        let again = Run::new(Plan::replayed(&cassette).unwrap(), Suite { name: None, cases });
        store.create_run(&again).unwrap();
        let live_agent = Participants { agent: Arc::new(talkative()), ..Participants::replayed(&cassette).unwrap() };
        let error = play(&store, &again, &live_agent).await.unwrap_err();
        assert_eq!(error.kind(), reenact::ErrorKind::Divergence);
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    });
}
