//! Batches under the verbs that use them: what they answer goes the ordinary way through the journal.

use std::sync::Arc;

use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller, batch_scope, distill};
use reenact::journal::Journal;
use reenact::run::{self, Part, Participants, Stop, put_questions, rejudge};
use reenact::{
    Check, Expectation, Judging, Message, Panel, Plan, Run, RunOutput, Session, Suite, TestCase, Verdict, agent,
};

use super::{Plan as Fates, *};

const MODEL: &str = "openai:/m-1";

fn sessions() -> Vec<Session> {
    let session =
        |id: &str, words: &str| Session::new(id, [Message::user(words), Message::agent("When?")].into_iter().collect());
    vec![session("s-1", "I need a taxi"), session("s-2", "I need a hotel")]
}

/// A case from the words that the user said first.
fn case(words: &str) -> Fate {
    let quoted = json!([{"turn": 1, "quote": words}]);
    let none: [Value; 0] = [];
    Fate::Says(
        json!({
            "skip": null, "id": words, "goal": {"text": words, "evidence": quoted},
            "persona": none, "guidelines": none, "facts": none, "opening": words,
            "patience": {"asks": null, "evidence": none}, "ending": {"kind": null, "evidence": none}, "expectations": none,
        })
        .to_string(),
    )
}

fn distiller() -> Fates {
    fates(|_, words, _| case(if words.contains("taxi") { "I need a taxi" } else { "I need a hotel" }))
}

async fn distill_in_batches(store: &Store, fake: &Fake) -> Distilled {
    let batch = Batch::at_providers(store, &batch_scope(MODEL)).unwrap();
    let (model, journal) = (Form::OpenAi.model(&batch, &fake.address), Journal::of_distillation(store).unwrap());
    let price = serde_json::from_str(r#"{"input": 2, "output": 8}"#).unwrap();
    let ledger = Ledger::new([(MODEL.to_owned(), price)].into(), &[], None);
    let work = async || {
        let distiller = Distiller::Model { model: &model, journal: &journal, calls_at_once: 4, ledger: &ledger };
        distill(sessions().into_iter().map(Ok), distiller).await
    };
    let watch = Watch { stop: &|| false, listen: &|_| {} };
    match in_batches(&batch, &watch, work).await.unwrap() {
        Finished::Whole(distilled) => {
            batch.forget().unwrap();
            distilled
        }
        Finished::Waits(_) => panic!("a provider answers by itself"),
    }
}

#[tokio::test]
async fn what_a_batch_distilled_is_there_when_the_same_is_distilled_again() {
    let (store, fake) = (Store::temporary().unwrap(), Fake::start(distiller()).await);
    let first = distill_in_batches(&store, &fake).await;
    let goals: Vec<&str> = first.cases.iter().map(|case| case.brief.goal.as_str()).collect();
    assert_eq!(goals, ["I need a taxi", "I need a hotel"]);
    assert_eq!(fake.batches().len(), 1);
    let cost = |distilled: &Distilled| distilled.cost.as_ref().unwrap().total.usd.decimal();
    assert_eq!(cost(&first), "0.000038", "two answers of 7 and 3 tokens, at half of 2 and 8 dollars for a million");
    let again = distill_in_batches(&store, &fake).await;
    assert_eq!(cost(&again), "0.000038", "the record knows that they came in a batch");
    assert_eq!((again.cases, fake.batches().len()), (first.cases, 1), "the journal has it, and nobody was asked");
}

#[tokio::test]
async fn a_session_whose_request_was_refused_is_asked_about_again_next_time() {
    let plan = fates(|batch, words, _| match (batch, words.contains("taxi")) {
        (0, true) => Fate::Status(403, "no credit"),
        _ => case(if words.contains("taxi") { "I need a taxi" } else { "I need a hotel" }),
    });
    let (store, fake) = (Store::temporary().unwrap(), Fake::start(plan).await);
    let first = distill_in_batches(&store, &fake).await;
    assert_eq!((first.cases.len(), first.skipped.len()), (1, 1));
    assert!(first.skipped[0].reason.ends_with("no credit"), "{:?}", first.skipped);
    let second = distill_in_batches(&store, &fake).await;
    assert_eq!((second.cases.len(), second.skipped.len()), (2, 0));
    assert_eq!(fake.batches().iter().map(|batch| batch.requests.len()).collect::<Vec<_>>(), [2, 1]);
}

/// A stored run of one case with two trials in which the same is said.
async fn a_run(store: &Store) -> Run {
    let text = Some("the agent says when".to_owned());
    let case = TestCase {
        id: "taxi".into(),
        expectations: vec![Expectation { id: "says-when".into(), text, check: Check::Judged }],
        brief: reenact::Brief {
            goal: "get a taxi".into(),
            opening: Some("a taxi please".into()),
            ..Default::default()
        },
        ..TestCase::default()
    };
    let run = Run::new(Plan { trials: 2, max_turns: 1, ..Plan::default() }, Suite { name: None, cases: vec![case] });
    store.create_run(&run).unwrap();
    let agent = Arc::new(agent::from_fn(|_| async { Ok("At noon.") }));
    let participants = Participants { agent, user: Part::Offline, judge: Panel::offline() };
    run::run(store, &run, &participants, &Stop::default(), &|_| {}).await.unwrap();
    store.run(&run.id).unwrap()
}

async fn judge_in_batches(store: &Store, run: &Run, fake: &Fake) -> RunOutput {
    let judging = Judging { models: vec![MODEL.to_owned()], ..Judging::default() };
    let batch = Batch::at_providers(store, &run::batch_scope(store, &run.id, &judging).unwrap()).unwrap();
    let panel = Panel::of_model(Form::OpenAi.model(&batch, &fake.address));
    let before = store.trials(&run.id).unwrap();
    let watch = Watch { stop: &|| false, listen: &|_| {} };
    let work = async || put_questions(store, &run.id, &judging, &panel).await;
    in_batches(&batch, &watch, work).await.unwrap();
    assert_eq!(store.trials(&run.id).unwrap(), before, "the run is as it was until all is answered");
    let judged = rejudge(store, &run.id, &judging, &panel, &Stop::default(), &|_| {}).await.unwrap();
    batch.forget().unwrap();
    judged
}

fn verdicts(output: &RunOutput) -> Vec<Verdict> {
    output.trials.iter().flat_map(|trial| &trial.assessments).map(|assessment| assessment.verdict).collect()
}

#[tokio::test]
async fn a_run_is_judged_in_a_batch_and_each_judging_asks_anew() {
    let says = |verdict: &str| Fate::Says(json!({"reason": "it does", "turns": [1], "verdict": verdict}).to_string());
    let plan = fates(move |batch, _, _| says(if batch == 0 { "pass" } else { "fail" }));
    let (store, fake) = (Store::temporary().unwrap(), Fake::start(plan).await);
    let run = a_run(&store).await;
    let judged = judge_in_batches(&store, &run, &fake).await;
    assert_eq!(verdicts(&judged), [Verdict::Pass, Verdict::Pass]);
    assert_eq!(fake.batches()[0].requests.len(), 1, "two trials that are word for word the same are one question");
    let judged = judge_in_batches(&store, &run, &fake).await;
    assert_eq!((verdicts(&judged), fake.batches().len()), (vec![Verdict::Fail, Verdict::Fail], 2));
}

#[tokio::test]
async fn a_panel_that_waits_for_its_answers_judges_nothing() {
    let (store, fake) = (Store::temporary().unwrap(), Fake::start(Fates::default()).await);
    let run = a_run(&store).await;
    let judging = Judging { models: vec![MODEL.to_owned()], ..Judging::default() };
    let batch = Batch::at_providers(&store, "by mistake").unwrap();
    let panel = Panel::of_model(Form::OpenAi.model(&batch, &fake.address));
    let error = rejudge(&store, &run.id, &judging, &panel, &Stop::default(), &|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.to_string().contains("waits for the answer"), "{error}");
    let journal = Journal::open(&store, &run.id).unwrap();
    assert_eq!(journal.steps(), 2, "the agent's answers, and none of the judge");
}
