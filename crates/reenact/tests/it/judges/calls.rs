//! Checks of what the agent did: its tool calls, its turns, its time.

use reenact::case::{CallPart, JsonPathCheck, Wanted};
use reenact::judge::{Hearing, Panel, assess};
use reenact::{
    Assessment, CallPattern, Check, Conversation, Ending, Expectation, Message, TestCase, ToolCall, Verdict,
};
use serde_json::{Value, json};

use super::{called, case, talk, told};

fn refund() -> Conversation {
    talk([
        Message::user("refund order 4711"),
        called("find_order", r#"{"order": 4711, "fields": ["total", "state"]}"#),
        told("find_order", r#"{"total": 30.0, "items": [{"name": "shoes", "state": "delivered"}]}"#),
        Message::agent("Shall I?"),
        Message::user("yes"),
        called("refund", r#"{"order": {"id": 4711, "shop": "de"}, "amount": 30}"#),
        told("refund", "accepted, 3 days"),
        Message::agent("Done."),
    ])
}

async fn judged(check: Check, conversation: &Conversation, ending: Option<&Ending>, latencies: &[u64]) -> Assessment {
    let expectation = Expectation { id: "x".into(), text: None, check };
    let case = TestCase { expectations: vec![expectation], ..case() };
    let hearing = Hearing { ending, latencies_ms: latencies, ..Hearing::new(&case, conversation) };
    assess(hearing, &[], &Panel::offline()).await.remove(0)
}

async fn says(check: Check) -> (Verdict, Vec<u32>, String) {
    let said = judged(check, &refund(), None, &[]).await;
    assert_eq!(said.judge, "assertion");
    (said.verdict, said.turns, said.reason)
}

fn call(tool: &str, arguments: &Value) -> CallPattern {
    CallPattern { tool: tool.into(), arguments: arguments.as_object().cloned().unwrap_or_default() }
}

#[tokio::test]
async fn a_call_is_found_by_its_name_and_by_what_its_arguments_hold_at_least() {
    let (verdict, turns, reason) = says(Check::ToolCalled(call("refund", &Value::Null))).await;
    assert_eq!((verdict, turns), (Verdict::Pass, vec![2]));
    assert_eq!(reason, r#"the agent called refund({"order": {"id": 4711, "shop": "de"}, "amount": 30}) in turn 2"#);
    for (arguments, verdict) in [
        (json!({"amount": 30.0}), Verdict::Pass),
        (json!({"order": {"id": 4711}}), Verdict::Pass),
        (json!({"order": {"id": "4711"}}), Verdict::Fail),
        (json!({"order": {"id": 4711}, "amount": 31}), Verdict::Fail),
        (json!({"reason": "late"}), Verdict::Fail),
    ] {
        assert_eq!(says(Check::ToolCalled(call("refund", &arguments))).await.0, verdict, "{arguments}");
    }
    let part_of_a_list = call("find_order", &json!({"fields": ["total"]}));
    assert_eq!(says(Check::ToolCalled(part_of_a_list)).await.0, Verdict::Fail, "lists are the same or not");
}

#[tokio::test]
async fn a_call_that_must_not_be_made_fails_where_it_is_and_says_what_was_seen_where_not() {
    let (verdict, turns, reason) = says(Check::ToolNeverCalled(call("delete_account", &Value::Null))).await;
    assert_eq!((verdict, turns), (Verdict::Pass, vec![1, 2]));
    assert_eq!(reason, "the agent did not call `delete_account`; the conversation shows 2 tool calls");
    let (verdict, turns, _) = says(Check::ToolNeverCalled(call("refund", &json!({"amount": 30})))).await;
    assert_eq!((verdict, turns), (Verdict::Fail, vec![2]));
    assert_eq!(says(Check::ToolNeverCalled(call("refund", &json!({"amount": 300})))).await.0, Verdict::Pass);
}

#[tokio::test]
async fn an_order_of_calls_is_kept_broken_or_was_never_at_stake() {
    let order = |first: &str, then: &str| Check::CalledBefore([call(first, &Value::Null), call(then, &Value::Null)]);
    assert_eq!(says(order("find_order", "refund")).await.0, Verdict::Pass);
    let (verdict, turns, reason) = says(order("refund", "find_order")).await;
    assert_eq!((verdict, turns), (Verdict::Fail, vec![1]));
    assert!(
        reason.ends_with("and before it the agent did not call `refund`; the conversation shows no tool calls"),
        "{reason}"
    );
    assert_eq!(says(order("refund", "refund")).await.0, Verdict::Fail, "a call does not come before itself");
    let (verdict, _, reason) = says(order("find_order", "delete_account")).await;
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(reason.starts_with("the order was not at stake"), "{reason}");
}

fn path(tool: &str, part: CallPart, path: &str, wanted: Wanted) -> Check {
    Check::JsonPath(JsonPathCheck { tool: tool.into(), part, path: path.into(), wanted })
}

#[tokio::test]
async fn a_path_leads_into_arguments_and_results() {
    use CallPart::{Arguments, Result};
    for (check, verdict) in [
        (path("refund", Arguments, "$.amount", Wanted::Equals(json!(30.0))), Verdict::Pass),
        (path("refund", Arguments, "$.amount", Wanted::Equals(json!("30"))), Verdict::Fail),
        (path("refund", Arguments, "$.order.id", Wanted::Matches("^47".into())), Verdict::Pass),
        (path("find_order", Result, "$.items[0].state", Wanted::Equals(json!("delivered"))), Verdict::Pass),
        (path("find_order", Result, "$..state", Wanted::Matches("^deliv".into())), Verdict::Pass),
        (path("find_order", Result, "$.items[?@.name == 'hat']", Wanted::Exists), Verdict::Fail),
        (path("find_order", Arguments, "$.items", Wanted::Exists), Verdict::Fail),
        (path("refund", Result, "$", Wanted::Matches("accepted".into())), Verdict::Pass),
        (path("cancel", Result, "$", Wanted::Exists), Verdict::Fail),
        (path("refund", Arguments, "amount", Wanted::Exists), Verdict::Inconclusive),
        (path("refund", Arguments, "$.amount", Wanted::Matches("(".into())), Verdict::Inconclusive),
    ] {
        let (said, _, reason) = says(check.clone()).await;
        assert_eq!(said, verdict, "{check:?}: {reason}");
    }
}

#[tokio::test]
async fn a_result_belongs_to_the_call_whose_id_it_carries() {
    let call = |id: &str, city: &str| ToolCall {
        id: Some(id.into()),
        name: "weather".into(),
        arguments: json!({"city": city}).to_string(),
    };
    let mut both = Message::agent("");
    both.tool_calls = vec![call("a", "Leeds"), call("b", "York")];
    let mut results = ["b", "a"].map(|id| told("weather", &json!({"of": id}).to_string()));
    results.iter_mut().zip(["b", "a"]).for_each(|(it, id)| it.tool_call_id = Some(id.into()));
    let messages = [Message::user("weather?"), both].into_iter().chain(results).chain([Message::agent("Rain.")]);
    let conversation = talk(messages);
    let check = path("weather", CallPart::Result, "$.of", Wanted::Equals(json!("a")));
    let said = judged(check, &conversation, None, &[]).await;
    assert!(said.reason.contains("Leeds"), "{}", said.reason);
}

#[tokio::test]
async fn turns_are_counted_and_a_conversation_cut_short_by_the_run_proves_nothing() {
    let turns = async |max, ending: Option<&Ending>| judged(Check::MaxTurns(max), &refund(), ending, &[]).await;
    assert_eq!(turns(2, Some(&Ending::Satisfied)).await.verdict, Verdict::Pass);
    let over = turns(1, Some(&Ending::Satisfied)).await;
    assert_eq!((over.verdict, over.turns), (Verdict::Fail, vec![2]));
    assert_eq!(turns(2, Some(&Ending::TurnLimit)).await.verdict, Verdict::Inconclusive);
    assert_eq!(turns(1, Some(&Ending::TurnLimit)).await.verdict, Verdict::Fail);
}

#[tokio::test]
async fn the_slowest_reply_decides_and_without_a_measure_nothing_does() {
    let latency = async |max, measured: &[u64]| judged(Check::LatencyMs(max), &refund(), None, measured).await;
    let slow = latency(1_000, &[400, 1_001, 3]).await;
    assert_eq!((slow.verdict, slow.turns), (Verdict::Fail, vec![2]));
    assert_eq!(slow.reason, "the slowest reply took 1001 ms, in turn 2; 1000 ms allowed");
    assert_eq!(latency(1_001, &[400, 1_001]).await.verdict, Verdict::Pass);
    assert_eq!(latency(1_000, &[]).await.verdict, Verdict::Inconclusive);
}

#[tokio::test]
async fn an_agent_that_did_nothing_has_neither_met_nor_broken_anything() {
    let mute = talk([Message::user("hi")]);
    for check in [
        Check::ToolNeverCalled(call("refund", &Value::Null)),
        Check::ToolCalled(call("refund", &Value::Null)),
        Check::MaxTurns(3),
        Check::LatencyMs(10),
    ] {
        assert_eq!(judged(check, &mute, None, &[1]).await.verdict, Verdict::Inconclusive);
    }
}
