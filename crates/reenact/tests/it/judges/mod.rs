//! Judges that a run names: the built-in ones and one's own, asked of models that are lenient, silent, malformed,
//! argue, make things up, or do as the conversation tells them.

mod built_in;
mod calls;
mod file;
mod own;
mod panel;
mod windows;

use reenact::judge::{Asks, BuiltIn, Hearing, JudgeSpec, OwnJudge, Panel, Passes, ValueType, assess};
use reenact::{Assessment, Brief, Conversation, Message, Model, TestCase, ToolCall};
use serde_json::{Value, json};

/// A user who asks twice and is content in the end.
pub(super) fn parcel() -> Conversation {
    talk([
        Message::user("Where is my parcel 4711? And can you send it to my office?"),
        called("find_parcel", r#"{"number": 4711}"#),
        told("find_parcel", r#"{"state": "in Leeds"}"#),
        Message::agent("Your parcel is in Leeds."),
        Message::user("You are ignoring half of what I say! The office, please."),
        Message::agent("I cannot redirect it, because it is out for delivery already."),
        Message::user("OK, thank you, that is clear now."),
        Message::agent("You are welcome."),
    ])
}

pub(super) fn talk(messages: impl IntoIterator<Item = Message>) -> Conversation {
    messages.into_iter().collect()
}

pub(super) fn called(tool: &str, arguments: &str) -> Message {
    let mut message = Message::agent("");
    message.tool_calls.push(ToolCall { id: None, name: tool.into(), arguments: arguments.into() });
    message
}

pub(super) fn told(tool: &str, result: &str) -> Message {
    let mut message = Message::new(reenact::Speaker::Tool, result);
    message.name = Some(tool.into());
    message
}

pub(super) fn case() -> TestCase {
    let brief = Brief { goal: "Find out where the parcel is. Have it sent to the office.".into(), ..Brief::default() };
    TestCase { id: "parcel".into(), brief, ..TestCase::default() }
}

/// What one judge says of a conversation, by one model.
pub(super) async fn judged(judge: JudgeSpec, conversation: &Conversation, model: Model) -> Assessment {
    judged_by(judge, conversation, Panel::of_model(model)).await
}

pub(super) async fn judged_by(judge: JudgeSpec, conversation: &Conversation, panel: Panel) -> Assessment {
    let case = case();
    let mut assessments = assess(Hearing::new(&case, conversation), &[judge], &panel).await;
    assert_eq!(assessments.len(), 1, "one assessment for the judge, and the case has no expectations");
    assessments.remove(0)
}

/// A finding: id, answer, and quotes of a turn and words.
pub(super) type Found<'a> = (&'a str, &'a str, &'a [(u32, &'a str)]);

/// An answer with these findings.
pub(super) fn findings(findings: &[Found<'_>]) -> Value {
    let finding = |(id, answer, quotes): &Found<'_>| {
        let quotes: Vec<Value> = quotes.iter().map(|(turn, words)| json!({"turn": turn, "words": words})).collect();
        json!({"id": id, "reason": format!("as to {id}"), "quotes": quotes, "answer": answer})
    };
    json!({ "findings": findings.iter().map(finding).collect::<Vec<_>>() })
}

pub(super) fn guidelines() -> BuiltIn {
    let guidelines = vec!["Never promise a date".to_owned(), "Name the place where the parcel is".to_owned()];
    BuiltIn::ConversationalGuidelines { guidelines }
}

/// A judge of one's own.
pub(super) fn own(value: ValueType, passes: Option<Passes>) -> JudgeSpec {
    let instructions = "How polite is the agent?\n{{ conversation }}".to_owned();
    JudgeSpec { name: "tone".into(), asks: Asks::Own(OwnJudge { instructions, value, passes }), model: None }
}
