//! Back-tests with models: who plays the users, who repairs, what is asked once and paid for once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reenact::back_test::{Measure, Player, Tester, back_test, record, replayed};
use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller, distill};
use reenact::model::Engine;
use reenact::run::Stop;
use reenact::{
    Cassette, Conversation, Environment, ErrorKind, Gate, Journal, Message, Model, Result, Session, Store,
    distill as distillation,
};
use serde_json::{Value, json};

use crate::scripted::{answered, model, silent, text_of};

fn market() -> Session {
    let messages = [
        Message::user("HOW ARE THE MARKETS DOING"),
        Message::agent("The US market is open right now."),
        Message::user("NO. ITS SATURDAY, THE MARKET IS CLOSED"),
        Message::agent("You are right, these are the levels of Friday."),
        Message::user("AND WHICH OF THE THREE LOST MOST"),
        Message::agent("The Nasdaq lost most."),
    ];
    Session::new("s-1", messages.into_iter().collect::<Conversation>())
}

fn taxi() -> Session {
    let messages =
        [Message::user("I need a taxi to the station"), Message::agent("At what time?"), Message::user("at 17:15")];
    Session::new("s-2", messages.into_iter().collect::<Conversation>())
}

fn sessions(id: &str) -> Result<Session> {
    Ok(if id == "s-1" { market() } else { taxi() })
}

/// The case that a model makes of the market's session; what tells the correction, and when, is the test's.
fn answer(facts: &Value) -> Value {
    let said = |turn: u32, quote: &str| json!([{"turn": turn, "quote": quote}]);
    json!({
        "skip": null, "id": "closed market",
        "goal": {"text": "HOW ARE THE MARKETS DOING", "evidence": said(1, "HOW ARE THE MARKETS DOING")},
        "persona": [], "guidelines": [], "facts": facts, "opening": "HOW ARE THE MARKETS DOING",
        "patience": {"asks": null, "evidence": []}, "ending": {"kind": null, "evidence": []}, "expectations": [],
    })
}

fn fact(id: &str, (text, turn): (&str, u32), gate: &Value) -> Value {
    json!({"id": id, "text": text, "gate": gate, "evidence": [{"turn": turn, "quote": text}]})
}

const WEEKEND: (&str, u32) = ("ITS SATURDAY, THE MARKET IS CLOSED", 2);
const LOSER: (&str, u32) = ("AND WHICH OF THE THREE LOST MOST", 3);

/// Its user asks for the loser before anything else, and keeps the correction.
fn poor() -> Value {
    let (open, never) = (json!({"kind": "open", "of": null}), json!({"kind": "never", "of": null}));
    answer(&json!([fact("loser", LOSER, &open), fact("weekend", WEEKEND, &never)]))
}

fn good() -> Value {
    let claims = json!({"kind": "when", "of": "the agent says \"market is open\""});
    let next = json!({"kind": "after", "of": "weekend"});
    answer(&json!([fact("weekend", WEEKEND, &claims), fact("loser", LOSER, &next)]))
}

/// A distiller that first gives the poor case, and another answer when it is told what was found.
fn distiller(second: Value, asked: &Arc<Mutex<Vec<String>>>) -> Model {
    let asked = Arc::clone(asked);
    model(move |request| {
        let text = text_of(request);
        let is_again = text.contains("What was found:");
        asked.lock().unwrap().push(text);
        answered(if is_again { second.clone() } else { poor() })
    })
}

/// All that the market's session comes to with this distiller, in this store.
async fn tried(store: &Store, model: &Model) -> Distilled {
    let (journal, ledger) = (Journal::of_distillation(store).unwrap(), Ledger::default());
    let distiller = Distiller::Model { model, journal: &journal, calls_at_once: 4, ledger: &ledger };
    let distilled = distill([Ok(market())], distiller).await.unwrap();
    back_test(distilled, &sessions, &Tester { distiller, ..Tester::offline() }).await.unwrap()
}

#[tokio::test]
async fn a_model_is_asked_once_more_with_what_was_found_and_its_better_case_is_taken() {
    let (store, asked) = (Store::temporary().unwrap(), Arc::default());
    let model = distiller(good(), &asked);
    let tested = tried(&store, &model).await;
    let test = &tested.back_tests[0];
    assert!(test.findings.is_empty(), "{test:?}");
    let before = &test.repaired.as_ref().expect("a repair").before;
    assert!(before.conveyed < test.scores.conveyed, "{test:?}");
    assert_eq!(tested.cases[0].brief.facts[1].gate, Gate::After("weekend".into()));
    assert!(tested.cases[0].origin.as_ref().unwrap().back_test.is_empty());
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].contains("it tells 0.67 of what the user told, and should tell 0.75"), "{}", asked[1]);
    assert_eq!(tested.cost.expect("a cost").total.calls, 2);
}

#[tokio::test]
async fn a_case_that_stays_poor_is_marked_with_the_figures_and_nobody_is_asked_a_third_time() {
    let (store, asked) = (Store::temporary().unwrap(), Arc::default());
    let model = distiller(poor(), &asked);
    let tested = tried(&store, &model).await;
    let marks = &tested.cases[0].origin.as_ref().unwrap().back_test;
    let words: Vec<&String> = tested.back_tests[0].findings.iter().map(|finding| &finding.words).collect();
    assert!(!marks.is_empty() && marks.iter().eq(words), "{tested:?}");
    assert!(tested.back_tests[0].repaired.is_none());
    let again = tried(&store, &model).await;
    assert_eq!(again, tested, "the same comes of the same, from the journal");
    assert_eq!(asked.lock().unwrap().len(), 2);
}

/// A model that plays the user: says what its direction has, or else these words.
fn speaker(says: Option<&'static str>, calls: &Arc<AtomicUsize>) -> Model {
    let calls = Arc::clone(calls);
    model(move |request| {
        calls.fetch_add(1, Ordering::Relaxed);
        let text = text_of(request);
        match request.schema.name.as_str() {
            "check_gates" => answered(json!({"opened": [], "wants": "nothing"})),
            "check_goal" => answered(json!({"parts": []})),
            _ => {
                let direction = text.rsplit_once("<direction>").expect("a direction").1;
                let fact = direction.lines().map(str::trim).filter(|line| !line.is_empty()).nth(1);
                answered(json!({"text": says.or(fact).expect("a fact")}))
            }
        }
    })
}

fn player(store: &Store, model: Model) -> Player {
    let journal = Arc::new(Journal::of_distillation(store).unwrap());
    Player::Model { model, journal, ledger: Arc::default(), stop: Stop::default() }
}

async fn offline() -> Distilled {
    distill([Ok(market()), Ok(taxi())], Distiller::Offline).await.unwrap()
}

#[tokio::test]
async fn a_model_plays_the_users_and_each_of_its_answers_is_paid_for_once() {
    let (store, calls) = (Store::temporary().unwrap(), Arc::new(AtomicUsize::new(0)));
    let tester = |says| Tester { player: player(&store, speaker(says, &calls)), ..Tester::offline() };
    let first = back_test(offline().await, &sessions, &tester(None)).await.unwrap();
    let made = calls.load(Ordering::Relaxed);
    assert!(made > 0 && first.back_tests.iter().all(|test| test.floor.is_some()));
    let cost = first.cost.clone().expect("a cost");
    assert_eq!(cost.total.calls, made as u64);
    let again = back_test(offline().await, &sessions, &tester(None)).await.unwrap();
    assert_eq!((again, calls.load(Ordering::Relaxed)), (first, made));
}

#[tokio::test]
async fn a_user_that_misbehaves_on_its_own_recording_marks_its_case() {
    let (store, calls) = (Store::temporary().unwrap(), Arc::default());
    let wrong = speaker(Some("How can I help you today? You should always say that it is Saturday."), &calls);
    let tester = Tester { player: player(&store, wrong), ..Tester::offline() };
    let tested = back_test(offline().await, &sessions, &tester).await.unwrap();
    let failed = |test: &reenact::BackTest| test.findings.iter().any(|finding| finding.measure == Measure::User);
    assert!(tested.back_tests.iter().all(failed), "{:?}", tested.back_tests);
}

#[tokio::test]
async fn what_a_model_did_not_answer_is_asked_again_another_time_and_nothing_is_repaired_on_its_account() {
    let (store, calls) = (Store::temporary().unwrap(), Arc::default());
    let mute = Tester { player: player(&store, model(|_| silent())), ..Tester::offline() };
    let tested = back_test(offline().await, &sessions, &mute).await.unwrap();
    assert!(tested.back_tests.iter().all(|test| test.repaired.is_none() && test.scores.failed_turns > 0));
    let tester = Tester { player: player(&store, speaker(None, &calls)), ..Tester::offline() };
    let again = back_test(offline().await, &sessions, &tester).await.unwrap();
    assert!(again.back_tests.iter().all(|test| test.scores.failed_turns == 0), "{:?}", again.back_tests);
}

#[tokio::test]
async fn a_back_test_is_played_again_from_its_cassette_and_a_changed_case_is_named() {
    let (store, calls) = (Store::temporary().unwrap(), Arc::default());
    let tester = Tester { player: player(&store, speaker(None, &calls)), recordings_at_once: 8, ..Tester::offline() };
    let live = back_test(offline().await, &sessions, &tester).await.unwrap();
    let mut recorded = distillation::record([Ok(market()), Ok(taxi())], None, &Environment::default()).unwrap();
    record(&mut recorded, offline().await, &sessions, &tester, &Environment::default()).await.unwrap();
    assert_eq!(recorded.cassette.steps().len(), calls.load(Ordering::Relaxed));
    let cassette = Arc::new(Cassette::parse(&recorded.cassette.to_string(), "line.jsonl".as_ref()).unwrap());

    let elsewhere = Store::temporary().unwrap();
    let Engine::Model(from_cassette) = replayed(&cassette).unwrap() else { panic!("a model played") };
    let tester = Tester { player: player(&elsewhere, from_cassette.clone()), ..Tester::offline() };
    let again = back_test(offline().await, &sessions, &tester).await.unwrap();
    assert_eq!((again.cases, again.back_tests), (live.cases, live.back_tests));

    let mut changed = offline().await;
    changed.cases[0].brief.persona = Some("You write in rhymes.".into());
    let elsewhere = Store::temporary().unwrap();
    let tester = Tester { player: player(&elsewhere, from_cassette), ..Tester::offline() };
    let error = back_test(changed, &sessions, &tester).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Divergence, "{error}");
}
