//! Conversations that are longer than a model can read, or a list that is longer than one answer.

use std::sync::{Arc, Mutex};

use reenact::judge::{BuiltIn, JudgeSpec, model};
use reenact::{Check, Conversation, Expectation, Message, Verdict};
use serde_json::{Value, json};

use super::{judged, talk};
use crate::scripted::{answered, model as scripted, silent, text_of};

fn long(turns: u32, answer: &str) -> Conversation {
    let turn = |turn| [Message::user(format!("question {turn}")), Message::agent(format!("answer {turn}. {answer}"))];
    talk((1..=turns).flat_map(turn))
}

/// Answers each item of the question with this answer, and keeps what was asked.
fn answers_all(answer: &'static str, asked: &Arc<Mutex<Vec<String>>>) -> reenact::Model {
    let asked = Arc::clone(asked);
    scripted(move |request| {
        let text = text_of(request);
        let ids = text.lines().filter_map(|line| line.strip_prefix(r#"{"id":""#)?.split('"').next());
        let finding = |id: &str| json!({"id": id, "reason": "r", "quotes": [], "answer": answer});
        let findings: Vec<Value> = ids.map(finding).collect();
        asked.lock().unwrap().push(text.clone());
        answered(json!({ "findings": findings }))
    })
}

#[tokio::test]
async fn a_long_list_is_asked_in_a_few_questions_that_cover_each_turn_once() {
    let asked = Arc::default();
    let said =
        judged(JudgeSpec::built_in(BuiltIn::KnowledgeRetention), &long(70, ""), answers_all("kept", &asked)).await;
    assert_eq!(said.verdict, Verdict::Pass, "{}", said.reason);
    assert_eq!(said.turns, (1..=70).collect::<Vec<_>>());
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3, "one pass in three questions");
    let times = |words: &str| asked.iter().filter(|text| text.contains(words)).count();
    assert_eq!((times("answer 5. "), times("answer 65. ")), (1, 1), "what the agent said is read once");
    assert_eq!((times("question 5\""), times("question 65\"")), (3, 1), "what the user said is known from then on");
    assert!(asked[1].contains(r#"{"left_out":"what the agent and its tools said before turn 31"}"#), "{}", asked[1]);
}

#[tokio::test]
async fn one_question_of_several_that_is_not_answered_leaves_it_open() {
    let asked = Arc::default();
    let good = answers_all("safe", &asked);
    let count = Arc::new(Mutex::new(0));
    let model = scripted(move |request| {
        *count.lock().unwrap() += 1;
        let second = *count.lock().unwrap() == 2;
        if second { silent() } else { futures::executor::block_on(good.complete(request)) }
    });
    let said = judged(JudgeSpec::built_in(BuiltIn::ConversationalSafety), &long(70, ""), model).await;
    assert_eq!(said.verdict, Verdict::Inconclusive);
    assert!(said.reason.starts_with("turn-31 cannot tell: the judge did not answer"), "{}", said.reason);
    assert!(said.reason.ends_with("and 26 more"), "{}", said.reason);
}

#[test]
fn what_does_not_fit_is_marked_where_it_was_left_out() {
    let expectation = Expectation { id: "x".into(), text: Some("x".into()), check: Check::Judged };
    let asked = text_of(&model::question(&expectation, &long(20, &"very long ".repeat(5_000))));
    assert!(asked.chars().count() < 120_000, "{}", asked.len());
    assert_eq!(asked.matches("characters left out …]").count(), 20);
    let short = text_of(&model::question(&expectation, &long(20, "short")));
    assert!(!short.contains("left out …]"));
}
