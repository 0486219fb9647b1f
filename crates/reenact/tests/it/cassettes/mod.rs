//! Cassettes: what was recorded is played again, word for word and without asking anybody; what differs is named.

mod divergence;
mod file;
mod secrets;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use reenact::agent::Traces;
use reenact::run::{Part, Participants, Stop, record, record_judging, rejudge, run};
use reenact::{
    AgentFault, AgentReply, AgentTurn, Brief, Cassette, Check, Completion, Environment, Expectation, FaultKind,
    Judging, Model, ModelFault, ModelFaultKind, ModelRequest, Panel, Plan, Result, Run, RunOutput, ServeModel, Store,
    Suite, TestCase, Usage, agent,
};
use serde_json::json;

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

pub(crate) fn case(id: &str) -> TestCase {
    let judged = |id: &str, text: &str| Expectation { id: id.into(), text: Some(text.into()), check: Check::Judged };
    TestCase {
        id: id.into(),
        brief: Brief { goal: format!("find out where parcel {id} is\nask when it comes"), ..Brief::default() },
        expectations: vec![judged("is-kind", "The agent is kind"), judged("is-brief", "The agent is brief")],
        ..TestCase::default()
    }
}

pub(crate) fn suite(ids: &[&str]) -> Suite {
    Suite { name: Some("parcels".into()), cases: ids.iter().map(|id| case(id)).collect() }
}

/// A number that no guard takes for one that the user made up.
fn in_letters(n: u32) -> String {
    n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// A model that plays the users and judges, and counts its answers: no two are the same. The first question to it as a judge is
/// answered by a fault.
#[derive(Default)]
pub(crate) struct Varied {
    answered: AtomicU32,
    judged: AtomicU32,
}

#[async_trait]
impl ServeModel for Varied {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let n = self.answered.fetch_add(1, Ordering::Relaxed);
        let answer = match request.schema.name.as_str() {
            "user_message" => json!({"text": format!("where is it? ({})", in_letters(n))}),
            "check_goal" => {
                json!({"parts": []})
            }
            _ if self.judged.fetch_add(1, Ordering::Relaxed) == 0 => {
                return Err(ModelFault::new(ModelFaultKind::TimedOut, "no answer in 60 s"));
            }
            _ => {
                json!({"verdict": if n.is_multiple_of(2) { "pass" } else { "fail" }, "reason": format!("as I said: {n}"), "turns": [1]})
            }
        };
        let usage = Usage { input_tokens: 100 + u64::from(n), output_tokens: 7, ..Usage::default() };
        Ok(Completion { answer, usage: Some(usage) })
    }
}

/// An agent that never says the same twice, tells its version, and fails in the second turn of `broken`.
fn moody() -> impl reenact::Agent {
    let asked = AtomicU32::new(0);
    agent::from_fn(move |turn: AgentTurn<'_>| {
        let n = asked.fetch_add(1, Ordering::Relaxed);
        let fails = turn.case == "broken" && turn.turn == 2;
        async move {
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(n % 5))).await;
            match fails {
                true => Err(AgentFault::new(FaultKind::Died, format!("out of luck ({n})"))),
                false => Ok(AgentReply { version: Some("7.1".into()), ..AgentReply::text(format!("soon ({n})")) }),
            }
        }
    })
}

pub(crate) fn plan() -> Plan {
    let judging = Judging::by("openai:/gpt-5");
    let (agent, user_model) = ("http://127.0.0.1:9/v1/chat/completions".into(), "openai:/gpt-5".into());
    Plan { agent, user_model, judging, trials: 3, concurrency: 8, ..Plan::default() }
}

pub(crate) fn participants() -> Participants {
    let model = Model::new("openai:/gpt-5", Varied::default());
    Participants { agent: Arc::new(moody()), user: Part::Model(model.clone()), judge: Panel::of_model(model) }
}

pub(crate) async fn play(store: &Store, planned: &Run, participants: &Participants) -> Result<RunOutput> {
    run(store, planned, participants, &Stop::default(), &|_| {}).await
}

/// A run that was played to its end, and its cassette as whoever loads it finds it.
pub(crate) async fn recorded(ids: &[&str]) -> (RunOutput, Arc<Cassette>) {
    let (store, planned, participants) = (Store::temporary().unwrap(), Run::new(plan(), suite(ids)), participants());
    store.create_run(&planned).unwrap();
    let live = play(&store, &planned, &participants).await.unwrap();
    let recorded = record(&store, &planned, &participants, &Environment::default()).await.unwrap();
    assert_eq!((recorded.masked, recorded.altered), (0, Vec::new()));
    (live, Arc::new(reloaded(&recorded.cassette)))
}

pub(crate) fn reloaded(cassette: &Cassette) -> Cassette {
    Cassette::parse(&cassette.to_string(), "line.jsonl".as_ref()).unwrap()
}

/// The cassette played in an empty store.
pub(crate) async fn replayed(cassette: &Arc<Cassette>, ids: &[&str], concurrency: u32) -> Result<(Store, RunOutput)> {
    let store = Store::temporary()?;
    let planned = Run::new(Plan { concurrency, ..Plan::replayed(cassette)? }, suite(ids));
    store.create_run(&planned)?;
    let output = play(&store, &planned, &Participants::replayed(cassette)?).await?;
    Ok((store, output))
}

/// A result without what names the run, and without the marks that say that it was played from a cassette.
fn nameless(output: &RunOutput) -> serde_json::Value {
    let mut output = serde_json::to_value(output).unwrap();
    for at in ["/run/id", "/run/created_at", "/report/run", "/report/created_at"] {
        *output.pointer_mut(at).unwrap() = json!(null);
    }
    for plan in ["/run/plan", "/report/plan"] {
        let plan = output.pointer_mut(plan).unwrap().as_object_mut().unwrap();
        plan.retain(|name, _| !["agent_cassette", "user_cassette", "concurrency"].contains(&name.as_str()));
        plan["judging"].as_object_mut().unwrap().remove("cassette");
    }
    output
}

const IDS: [&str; 4] = ["4711", "5120", "broken", "12"];

#[test]
fn a_run_is_played_again_from_its_cassette_in_an_empty_store_with_every_word_fault_latency_and_token_as_it_was() {
    block_on(async {
        let (live, cassette) = recorded(&IDS).await;
        let (_, again) = replayed(&cassette, &IDS, 1).await.unwrap();
        assert_eq!(serde_json::to_string(&again.trials).unwrap(), serde_json::to_string(&live.trials).unwrap());
        assert!(nameless(&again) == nameless(&live), "the report is another");
        let text = serde_json::to_string(&live.trials).unwrap();
        assert!(text.contains("out of luck") && text.contains("no answer in 60 s"), "nothing failed: {text}");
        assert!(live.trials.iter().any(|trial| trial.agent_latencies_ms.iter().any(|ms| *ms > 0)));
    });
}

#[test]
fn a_cassette_has_the_same_bytes_whatever_the_concurrency_and_however_often_it_is_copied() {
    block_on(async {
        let (_, cassette) = recorded(&IDS).await;
        for concurrency in [1, 3, 64] {
            let (store, again) = replayed(&cassette, &IDS, concurrency).await.unwrap();
            let participants = Participants::replayed(&cassette).unwrap();
            let copy = record(&store, &again.run, &participants, &Environment::default()).await.unwrap().cassette;
            assert!(copy.to_string() == cassette.to_string(), "the copy is another");
        }
    });
}

#[test]
fn a_run_that_was_stopped_is_recorded_as_far_as_it_went_and_all_of_it_once_it_is_finished() {
    block_on(async {
        let (store, planned) = (Store::temporary().unwrap(), Run::new(plan(), suite(&IDS)));
        let participants = participants();
        store.create_run(&planned).unwrap();
        let stop = Stop::default();
        let listen = |event: reenact::run::Event<'_>| {
            if matches!(event, reenact::run::Event::Ended(_)) {
                stop.request();
            }
        };
        run(&store, &planned, &participants, &stop, &listen).await.unwrap_err();
        let part = record(&store, &planned, &participants, &Environment::default()).await.unwrap().cassette;
        let live = play(&store, &planned, &participants).await.unwrap();
        let whole = record(&store, &planned, &participants, &Environment::default()).await.unwrap().cassette;
        assert!(!part.steps().is_empty() && part.steps().len() < whole.steps().len());
        assert!(part.steps().iter().all(|step| whole.steps().contains(step)), "an answer changed");
        let (_, again) = replayed(&Arc::new(reloaded(&whole)), &IDS, 4).await.unwrap();
        assert_eq!(again.trials, live.trials);
    });
}

#[test]
fn a_run_that_was_judged_again_keeps_both_judgements_in_one_cassette() {
    block_on(async {
        let (live, cassette) = recorded(&IDS).await;
        let (store, first) = replayed(&cassette, &IDS, 4).await.unwrap();
        let (judging, panel) = (Judging::by("openai:/gpt-6"), Model::new("openai:/gpt-6", Varied::default()));
        let panel = Panel::of_model(panel);
        let judged = rejudge(&store, &first.run.id, &judging, &panel, &Stop::default(), &|_| {}).await.unwrap();
        assert_ne!(judged.trials, first.trials);
        let newer = record_judging(&store, &judged.run, &panel, &Environment::default()).await.unwrap().cassette;
        let both = Arc::new(reloaded(&Cassette::clone(&cassette).with(newer)));

        let (store, again) = replayed(&both, &IDS, 4).await.unwrap();
        assert_eq!(again.trials, live.trials, "the run has its own judges");
        let judging = Judging::replayed(&both, reenact::cassette::Verb::Judge).unwrap();
        let panel = Panel::replayed(&both, &judging);
        let rejudged = rejudge(&store, &again.run.id, &judging, &panel, &Stop::default(), &|_| {}).await.unwrap();
        assert_eq!(rejudged.trials, judged.trials);
        let copy = record_judging(&store, &rejudged.run, &panel, &Environment::default()).await.unwrap().cassette;
        assert!(reloaded(&both).with(copy).to_string() == both.to_string(), "the copy is another");
    });
}

#[test]
fn an_agent_of_ones_own_is_tested_with_recorded_users_and_judges_and_no_model() {
    block_on(async {
        let says = |text: &'static str| Arc::new(agent::from_fn(move |_| async move { Ok(text) }));
        let model = Model::new("openai:/gpt-5", Varied::default());
        let live = Participants {
            agent: says("It is on its way."),
            user: Part::Model(model.clone()),
            judge: Panel::of_model(model),
        };
        let (store, planned) = (Store::temporary().unwrap(), Run::new(plan(), suite(&["4711"])));
        store.create_run(&planned).unwrap();
        play(&store, &planned, &live).await.unwrap();
        let cassette = record(&store, &planned, &live, &Environment::default()).await.unwrap().cassette;
        let cassette = Arc::new(reloaded(&cassette));

        let test = async |text| {
            let store = Store::temporary().unwrap();
            let planned =
                Run::new(Plan { agent: "mine".into(), ..Plan::replayed(&cassette).unwrap() }, suite(&["4711"]));
            store.create_run(&planned).unwrap();
            let participants = Participants { agent: says(text), ..Participants::replayed(&cassette).unwrap() };
            play(&store, &planned, &participants).await
        };
        let same = test("It is on its way.").await.unwrap();
        assert!(same.trials.iter().all(|trial| trial.assessments.len() == 2));
        let other = test("It is lost.").await.unwrap_err();
        insta::assert_snapshot!(other, @r#"line.jsonl:4: case `4711`, trial 1, turn 2: the user is asked something else than was recorded: message 4, content: "It is on its way. <direction> Ask for this next, and for nothing…" is now "It is lost. <direction> Ask for this next, and for nothing else:…""#);
    });
}

#[test]
fn outside_of_a_run_a_cassette_answers_what_it_was_asked_and_nothing_else() {
    block_on(async {
        let (live, cassette) = recorded(&["4711"]).await;
        let file = tempfile::NamedTempFile::new().unwrap();
        cassette.save(file.path()).unwrap();
        let name = format!("replay:{}", file.path().display());
        let agent = agent::open(&name, &agent::AgentSettings::default()).unwrap();
        let said = live.trials[0].conversation.messages[0].clone();
        let ask = async |conversation: reenact::Conversation| {
            let context = serde_json::Map::new();
            let (session_id, case, conversation) = ("sim-0", "any", &conversation);
            let turn = AgentTurn {
                session_id,
                turn: 1,
                first_turn: 1,
                conversation,
                context: &context,
                case,
                origin: None,
                tools: None,
                traces: Traces::default(),
            };
            agent.reply(turn, &mut None).await
        };
        let reply = ask([said].into_iter().collect()).await.unwrap();
        assert_eq!(reply.messages[0].text, live.trials[0].conversation.messages[1].text);
        let unknown = ask([reenact::Message::user("hello")].into_iter().collect()).await.unwrap_err();
        assert_eq!(unknown.to_string(), "the cassette has no answer to this turn");
        let engine = reenact::Engine::open(&name, &reenact::model::ModelSettings::default()).unwrap();
        let reenact::Engine::Model(model) = engine else { panic!("a cassette is no embedded engine") };
        let asked = cassette.steps().iter().find(|step| step.model.is_some()).unwrap();
        let request: ModelRequest = serde_json::from_value(asked.request.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(model.complete(&request).await.unwrap()).unwrap(),
            asked.answer.clone().unwrap()
        );
    });
}
