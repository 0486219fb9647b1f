//! What a model expects is tried on the recording before it is offered: who failed it, who met it, and what nobody can tell.

use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller, distill};
use reenact::{Conversation, Journal, Message, Session, Store};
use serde_json::{Value, json};

use crate::scripted::{answered, model, silent};

fn session() -> Session {
    let messages = [
        Message::user("how are the markets doing"),
        Message::agent("The market is open right now."),
        Message::user("That is not true, it is saturday. show me friday"),
        Message::agent("These are the levels of Friday."),
    ];
    Session::new("s-1", messages.into_iter().collect::<Conversation>())
}

/// A model that expects the agent to say that the market is closed, because the user turned against it, and to show Friday,
/// because the user asked for that; and that says this of both when it is to judge the recording.
async fn distilled(store: &Store, verdict: Option<&'static str>) -> Distilled {
    let said = |turn: u32, quote: &str| json!([{"turn": turn, "quote": quote}]);
    let expects = |id: &str, text: &str, quote: &str| json!({"id": id, "text": text, "evidence": said(2, quote)});
    let case = json!({
        "skip": null, "id": "market", "goal": {"text": "how are the markets doing", "evidence": said(1, "how are the markets doing")},
        "persona": [], "guidelines": [], "facts": [], "opening": null, "patience": {"asks": null, "evidence": []},
        "ending": {"kind": null, "evidence": []},
        "expectations": [
            expects("closed", "The agent says when it is a day without trading", "That is not true"),
            expects("friday", "The agent gives the levels of the last day", "show me friday"),
        ],
    });
    let judged = move |verdict: &str| -> Value { json!({"verdict": verdict, "reason": "as I read it", "turns": [1]}) };
    let model = model(move |request| match request.schema.name.as_str() {
        "distilled_case" => answered(case.clone()),
        _ => verdict.map_or_else(silent, |verdict| answered(judged(verdict))),
    });
    let (journal, ledger) = (Journal::of_distillation(store).unwrap(), Ledger::default());
    let distiller = Distiller::Model { model: &model, journal: &journal, calls_at_once: 1, ledger: &ledger };
    distill([Ok(session())], distiller).await.unwrap()
}

/// The expectations that are offered, and those of them that the recording shows to have failed.
fn offered(distilled: &Distilled) -> (Vec<&str>, Vec<&str>) {
    let case = &distilled.cases[0];
    let all = case.expectations.iter().map(|expectation| expectation.id.as_str()).collect();
    (all, case.failure_signature().iter().map(|expectation| expectation.id.as_str()).collect())
}

#[tokio::test]
async fn what_the_recorded_agent_failed_is_the_failure_signature() {
    let distilled = distilled(&Store::temporary().unwrap(), Some("fail")).await;
    assert_eq!(offered(&distilled), (vec!["closed", "friday"], vec!["closed", "friday"]));
    assert_eq!(distilled.cost.expect("a cost").total.calls, 3, "one for the case, and one for each expectation");
}

#[tokio::test]
async fn what_it_met_is_no_failure_and_is_dropped_where_the_user_turned_against_it() {
    let distilled = distilled(&Store::temporary().unwrap(), Some("pass")).await;
    assert_eq!(offered(&distilled), (vec!["friday"], vec![]));
    let dropped: Vec<String> = distilled.dropped.iter().map(ToString::to_string).collect();
    assert_eq!(
        dropped,
        [
            "session s-1, expectations.closed: the recorded agent meets it, so it would not have caught what the user turned against"
        ]
    );
    let evidence = &distilled.cases[0].origin.as_ref().unwrap().evidence;
    assert!(!evidence.iter().any(|entry| entry.field == "expectations.closed"));
}

#[tokio::test]
async fn what_nobody_can_tell_is_offered_and_not_said_to_have_failed_until_somebody_tells() {
    let store = Store::temporary().unwrap();
    assert_eq!(offered(&distilled(&store, None).await), (vec!["closed", "friday"], vec![]));
    assert_eq!(offered(&distilled(&store, Some("inconclusive")).await), (vec!["closed", "friday"], vec![]));
    let asked = Store::temporary().unwrap();
    assert_eq!(offered(&distilled(&asked, None).await).1, Vec::<&str>::new());
    assert_eq!(offered(&distilled(&asked, Some("fail")).await).1, ["closed", "friday"], "silence is asked again");
}
