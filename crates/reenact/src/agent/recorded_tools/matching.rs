//! Which recorded call answers a call: the same tool with the same arguments, the first time with what it gave first.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::agent::ToolScene;
use crate::{Conversation, Message, Speaker, ToolCall};

/// Beyond this, a number with a fraction of zero is not surely the whole number that it looks like.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The calls of a session that have a result, in order.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) calls: Vec<RecordedCall>,
    ignore: Vec<String>,
}

/// A call and what came of it.
#[derive(Debug)]
pub(super) struct RecordedCall {
    pub(super) tool: String,
    /// As the agent sent them.
    pub(super) arguments: String,
    pub(super) result: String,
    compared: Value,
}

/// What the recording has for a call.
#[derive(Debug, PartialEq)]
pub(super) enum Answer<'r> {
    Recorded(&'r str),
    /// Nothing; with the call of the same tool that is most alike, if there is one.
    Missing(Option<Nearest<'r>>),
}

/// The recorded call that is most alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nearest<'r> {
    pub(super) arguments: &'r str,
    pub(super) result: &'r str,
    pub(super) likeness: f64,
}

impl Recording {
    pub(super) fn of(conversation: &Conversation, ignore: &[String]) -> Recording {
        let mut recording = Recording { calls: Vec::new(), ignore: ignore.to_vec() };
        let mut open: Vec<&ToolCall> = Vec::new();
        for message in &conversation.messages {
            open.extend(&message.tool_calls);
            if message.speaker == Speaker::Tool
                && let Some(at) = open.iter().position(|call| answers(message, call))
            {
                recording.add(open.remove(at), &message.text);
            }
        }
        recording
    }

    fn add(&mut self, call: &ToolCall, result: &str) {
        let (tool, arguments, result) = (call.name.clone(), call.arguments.clone(), result.to_owned());
        let compared = compared(call, &self.ignore);
        self.calls.push(RecordedCall { tool, arguments, result, compared });
    }

    /// What a call gave when it was made for the same time in the recording; made more often, what it gave last. What was
    /// called before follows from the conversation, so that one which is resumed goes on with what is next.
    pub(super) fn answer(&self, call: &ToolCall, scene: ToolScene<'_>) -> Answer<'_> {
        let asked = compared(call, &self.ignore);
        let before = self.made_before(call, &asked, scene);
        match self.nth(&call.name, &asked, before) {
            Some(same) => Answer::Recorded(&same.result),
            None => Answer::Missing(self.nearest(&call.name, &asked, before)),
        }
    }

    fn nth(&self, tool: &str, arguments: &Value, n: usize) -> Option<&RecordedCall> {
        let mut same = self.calls.iter().filter(|call| call.tool == tool && call.compared == *arguments);
        let last = same.clone().next_back()?;
        Some(same.nth(n).unwrap_or(last))
    }

    /// How often the same call was made in this conversation before.
    fn made_before(&self, call: &ToolCall, asked: &Value, scene: ToolScene<'_>) -> usize {
        let is_same = |other: &&ToolCall| other.name == call.name && compared(other, &self.ignore) == *asked;
        let calls = |messages: &[Message]| {
            messages.iter().flat_map(|message| message.tool_calls.clone()).collect::<Vec<ToolCall>>()
        };
        let earlier = calls(&scene.turn.conversation.messages);
        let now = calls(scene.since);
        // The call itself stands there too, and calls that were made together with it come after it.
        let own = now.iter().position(|other| other.id.is_some() && other.id == call.id);
        let own = own.or_else(|| now.iter().rposition(|other| is_same(&other))).unwrap_or(now.len());
        earlier.iter().chain(&now[..own]).filter(is_same).count()
    }

    fn nearest(&self, tool: &str, asked: &Value, before: usize) -> Option<Nearest<'_>> {
        let mut nearest: Option<(&RecordedCall, f64)> = None;
        for call in self.calls.iter().filter(|call| call.tool == tool) {
            let likeness = likeness(&call.compared, asked);
            if nearest.is_none_or(|(_, most)| likeness > most) {
                nearest = Some((call, likeness));
            }
        }
        let (call, likeness) = nearest?;
        let result = self.nth(tool, &call.compared, before).map_or(&*call.result, |call| &*call.result);
        Some(Nearest { arguments: &call.arguments, result, likeness })
    }
}

/// Whether a result is that of a call: by its id, or where it has none by its tool's name.
fn answers(result: &Message, call: &ToolCall) -> bool {
    match (&result.tool_call_id, &call.id) {
        (Some(id), Some(call_id)) => id == call_id,
        _ => result.name.as_ref().is_none_or(|name| *name == call.name),
    }
}

/// The arguments as they are compared: order, layout, nulls and what is ignored do not count.
fn compared(call: &ToolCall, ignore: &[String]) -> Value {
    let text = call.arguments.trim();
    if text.is_empty() {
        return Value::Object(Map::new());
    }
    let counts = |name: &str| {
        !ignore.iter().any(|ignored| match ignored.split_once('.') {
            Some((tool, argument)) => tool == call.name && argument == name,
            None => ignored == name,
        })
    };
    serde_json::from_str(text).map_or_else(|_| Value::from(text), |value| plain(value, &counts))
}

fn plain(value: Value, counts: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, value)| !value.is_null() && counts(name));
            let sorted: BTreeMap<String, Value> = members.map(|(name, value)| (name, plain(value, counts))).collect();
            sorted.into_iter().collect()
        }
        Value::Array(items) => items.into_iter().map(|item| plain(item, counts)).collect(),
        Value::Number(number) => Value::Number(whole(&number).unwrap_or(number)),
        other => other,
    }
}

/// `47.0` as `47`.
fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < WHOLE_MAX)?;
    Some((float as i64).into())
}

/// How alike two arguments are, 0 to 1: the mean over all places that either of them has.
fn likeness(one: &Value, other: &Value) -> f64 {
    let (mut ones, mut others) = (BTreeMap::new(), BTreeMap::new());
    leaves(one, String::new(), &mut ones);
    leaves(other, String::new(), &mut others);
    let places = ones.keys().chain(others.keys().filter(|place| !ones.contains_key(*place)));
    let alike = |place: &String| match (ones.get(place), others.get(place)) {
        (Some(Value::String(one)), Some(Value::String(other))) => {
            strsim::normalized_levenshtein(&one.to_lowercase(), &other.to_lowercase())
        }
        (Some(one), Some(other)) if one == other => 1.0,
        _ => 0.0,
    };
    let alike: Vec<f64> = places.map(alike).collect();
    if alike.is_empty() { 1.0 } else { alike.iter().sum::<f64>() / alike.len() as f64 }
}

fn leaves<'v>(value: &'v Value, place: String, found: &mut BTreeMap<String, &'v Value>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, format!("{place}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, format!("{place}/{index}"), found));
        }
        leaf => {
            found.insert(place, leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::AgentTurn;

    fn call(arguments: &str) -> ToolCall {
        ToolCall { id: None, name: "find".into(), arguments: arguments.into() }
    }

    fn recording(calls: &[(&str, &str)], ignore: &[&str]) -> Recording {
        let said = calls.iter().flat_map(|(arguments, result)| {
            let asks = Message { tool_calls: vec![call(arguments)], ..Message::agent("") };
            [asks, Message { name: Some("find".into()), ..Message::new(Speaker::Tool, *result) }]
        });
        Recording::of(&said.collect(), &ignore.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    /// What each of some calls is answered, made one after the other.
    fn play(recording: &Recording, calls: &[&str]) -> Vec<String> {
        let (mut since, context) = (Vec::new(), Map::new());
        let conversation = Conversation::default();
        let turn = AgentTurn {
            session_id: "s",
            turn: 1,
            first_turn: 1,
            conversation: &conversation,
            context: &context,
            case: "c",
            origin: None,
            tools: None,
            traces: crate::agent::Traces::default(),
        };
        let mut answers = Vec::new();
        for arguments in calls {
            since.push(Message { tool_calls: vec![call(arguments)], ..Message::agent("") });
            answers.push(match recording.answer(&call(arguments), ToolScene { turn, since: &since }) {
                Answer::Recorded(result) => result.to_owned(),
                Answer::Missing(Some(near)) => {
                    format!("miss, {:.2} like {}: {}", near.likeness, near.arguments, near.result)
                }
                Answer::Missing(None) => "miss".to_owned(),
            });
        }
        answers
    }

    #[test]
    fn the_same_arguments_in_another_layout_get_the_recorded_result() {
        let recording = recording(&[(r#"{"order": 47, "by": {"a": 1, "b": [1, 2]}}"#, "sent")], &[]);
        for same in [
            r#"{"by":{"b":[1,2.0],"a":1},"order":47}"#,
            r#" {"order": 47.0, "by": {"a": 1, "b": [1, 2], "c": null}, "page": null}"#,
        ] {
            assert_eq!(play(&recording, &[same]), ["sent"], "{same}");
        }
        assert!(play(&recording, &[r#"{"order": 47, "by": {"a": 1, "b": [2, 1]}}"#])[0].starts_with("miss"));
    }

    #[test]
    fn what_changed_between_two_identical_calls_changes_again() {
        let recording = recording(&[(r#"{"o":1}"#, "open"), (r#"{"o":2}"#, "new"), (r#"{"o":1}"#, "sent")], &[]);
        let asked = [r#"{"o":1}"#, r#"{"o":1}"#, r#"{"o":2}"#, r#"{"o":1}"#];
        assert_eq!(play(&recording, &asked), ["open", "sent", "new", "sent"]);
    }

    #[test]
    fn arguments_that_change_with_the_day_can_be_ignored_for_one_tool_or_for_all() {
        let calls = [(r#"{"o": 1, "meta": {"request_id": "a"}}"#, "sent")];
        let asked = r#"{"meta": {"request_id": "b"}, "o": 1}"#;
        assert!(play(&recording(&calls, &[]), &[asked])[0].starts_with("miss"));
        assert_eq!(play(&recording(&calls, &["request_id"]), &[asked]), ["sent"]);
        assert_eq!(play(&recording(&calls, &["find.request_id"]), &[asked]), ["sent"]);
        assert!(play(&recording(&calls, &["other.request_id"]), &[asked])[0].starts_with("miss"));
    }

    #[test]
    fn the_nearest_is_the_one_with_most_of_the_arguments() {
        let recording = recording(
            &[(r#"{"city": "Rome", "day": "Monday"}"#, "sun"), (r#"{"city": "Paris", "day": "Monday"}"#, "rain")],
            &[],
        );
        let asked = [r#"{"city": "paris ", "day": "Monday"}"#, r#"{"city": "Oslo"}"#, "not json"];
        insta::assert_snapshot!(play(&recording, &asked).join("\n"));
    }

    proptest! {
        #[test]
        fn every_recorded_call_finds_itself_whatever_its_arguments(arguments in r#"(\PC{0,12}|\{"[ab]":(null|[0-9]{1,3}(\.0)?|"\PC{0,4}"|\[\])\})"#) {
            prop_assert_eq!(play(&recording(&[(&arguments, "it")], &[]), &[&arguments]), ["it"]);
        }

        #[test]
        fn a_likeness_is_a_share(one in r#"\{"a":("\PC{0,6}"|[0-9]|\[1\])\}"#, other in r#"\{"[ab]":("\PC{0,6}"|[0-9]|\{\})\}"#) {
            let parse = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
            let (one, other) = (parse(&one), parse(&other));
            prop_assert!((0.0..=1.0).contains(&likeness(&one, &other)));
            prop_assert!((likeness(&one, &other) - likeness(&other, &one)).abs() < 1e-9);
        }
    }
}
