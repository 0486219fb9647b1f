//! The first thing in which two requests differ, in words.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::secrets::Secrets;
use crate::environment::MASK;

/// How much of what both say is shown before what only one says.
const BEFORE_CHARS: usize = 30;

/// How much is shown of what only one says.
const SHOWN_CHARS: usize = 60;

/// What is the first to differ in what is asked now from what was recorded; nothing where they are the same. What was masked in the
/// recording is the same as whatever stands there now.
pub(super) fn first(recorded: &Value, now: &Value, secrets: &Secrets) -> Option<String> {
    Comparison { path: Vec::new(), secrets }.values(recorded, now)
}

/// A walk through two requests at once.
struct Comparison<'a> {
    /// Where it stands: names of members, and numbers from 1.
    path: Vec<String>,
    secrets: &'a Secrets,
}

impl Comparison<'_> {
    fn values(&mut self, recorded: &Value, now: &Value) -> Option<String> {
        match (recorded, now) {
            (Value::String(recorded), Value::String(now)) => self.texts(recorded, now),
            (Value::Array(recorded), Value::Array(now)) => self.lists(recorded, now),
            (Value::Object(recorded), Value::Object(now)) => self.objects(recorded, now),
            (recorded, now) if recorded == now => None,
            (recorded, now) => Some(self.found(&format!("{} is now {}", self.shown(recorded), self.shown(now)))),
        }
    }

    fn texts(&self, recorded: &str, now: &str) -> Option<String> {
        if is_same(recorded, now) {
            return None;
        }
        let (recorded, now) = (self.secrets.mask(recorded), self.secrets.mask(now));
        let same: usize =
            recorded.chars().zip(now.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        let words = format!("{} is now {}", excerpt(&recorded, same), excerpt(&now, same));
        Some(self.found(&words))
    }

    fn lists(&mut self, recorded: &[Value], now: &[Value]) -> Option<String> {
        let pairs = recorded.iter().zip(now).enumerate();
        let within = pairs.map(|(at, (recorded, now))| self.at((at + 1).to_string(), |it| it.values(recorded, now)));
        if let Some(found) = within.flatten().next() {
            return Some(found);
        }
        let (both, was, is) = (recorded.len().min(now.len()), recorded.get(now.len()), now.get(recorded.len()));
        self.at((both + 1).to_string(), |it| it.only_one(was, is))
    }

    fn objects(&mut self, recorded: &Map<String, Value>, now: &Map<String, Value>) -> Option<String> {
        let mut names = recorded.keys().chain(now.keys().filter(|name| !recorded.contains_key(*name)));
        names.find_map(|name| {
            self.at(name.clone(), |it| match (recorded.get(name), now.get(name)) {
                (Some(recorded), Some(now)) => it.values(recorded, now),
                (was, is) => it.only_one(was, is),
            })
        })
    }

    fn only_one(&self, was: Option<&Value>, is: Option<&Value>) -> Option<String> {
        match (was, is) {
            (Some(was), _) => Some(self.found(&format!("{} is gone", self.shown(was)))),
            (None, Some(is)) => Some(self.found(&format!("{} is new", self.shown(is)))),
            (None, None) => None,
        }
    }

    fn at(&mut self, step: String, compare: impl FnOnce(&mut Self) -> Option<String>) -> Option<String> {
        self.path.push(step);
        let found = compare(self);
        self.path.pop();
        found
    }

    fn shown(&self, value: &Value) -> String {
        let text = value.get("text").or_else(|| value.get("content")).unwrap_or(value);
        match text {
            Value::String(text) => excerpt(&self.secrets.mask(text), 0),
            other => excerpt(&self.secrets.mask(&other.to_string()), 0),
        }
    }

    /// The words, after the place as a person says it: `message 3, content: …`.
    fn found(&self, words: &str) -> String {
        let mut place = String::new();
        for (at, step) in self.path.iter().enumerate() {
            let list = at.checked_sub(1).map(|before| self.path[before].as_str());
            match (step.as_str(), list) {
                ("messages" | "conversation", _) if self.path.len() > at + 1 => continue,
                (number, Some("messages" | "conversation")) => write!(place, "message {number}, "),
                (step, _) => write!(place, "{step}, "),
            }
            .expect("writing to a text cannot fail");
        }
        match place.strip_suffix(", ") {
            Some(place) => format!("{place}: {words}"),
            None => words.to_owned(),
        }
    }
}

/// Whether a text is what was recorded, whatever stands where something was masked.
fn is_same(recorded: &str, now: &str) -> bool {
    let Some((head, last)) = recorded.rsplit_once(MASK) else { return recorded == now };
    let mut pieces = head.split(MASK);
    let first = pieces.next().unwrap_or_default();
    let middle = now.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let after = |rest: &str, piece: &str| rest.find(piece).map(|at| at + piece.len());
    middle.is_some_and(|rest| pieces.try_fold(rest, |rest, piece| Some(&rest[after(rest, piece)?..])).is_some())
}

/// A piece of a text in quotation marks, from a little before `from`, in one line.
fn excerpt(text: &str, from: usize) -> String {
    let begin = text[..from].char_indices().rev().nth(BEFORE_CHARS - 1).map_or(0, |(at, _)| at);
    let end = text[from..].char_indices().nth(SHOWN_CHARS).map_or(text.len(), |(at, _)| from + at);
    let cut = |is_cut: bool| if is_cut { "…" } else { "" };
    let line = text[begin..end].split_whitespace().collect::<Vec<_>>().join(" ");
    let visible: String = line.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}{visible}{}\"", cut(begin > 0), cut(end < text.len()))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn found(recorded: &Value, now: &Value) -> String {
        first(recorded, now, &Secrets::default()).unwrap_or_else(|| "the same".to_owned())
    }

    #[test]
    fn the_first_difference_is_named_by_message_and_words() {
        let asked = |texts: &[&str]| {
            let messages: Vec<Value> = texts.iter().map(|text| json!({"role": "user", "content": text})).collect();
            json!({"messages": messages, "schema": {"name": "user_act"}})
        };
        let recorded = asked(&["Play a person.", "it is parcel 4711, and I am waiting for it since Monday"]);
        assert_snapshot!(found(&recorded, &asked(&["Play a person.", "it is parcel 4712, and I am waiting"])), @r#"message 2, content: "it is parcel 4711, and I am waiting for it since Monday" is now "it is parcel 4712, and I am waiting""#);
        assert_snapshot!(found(&recorded, &asked(&["Play a person."])), @r#"message 2: "it is parcel 4711, and I am waiting for it since Monday" is gone"#);
        assert_snapshot!(found(&asked(&["a"]), &asked(&["a", "b"])), @r#"message 2: "b" is new"#);
        assert_snapshot!(found(&json!({"schema": {"name": "a"}}), &json!({"schema": {"name": "a", "strict": true}})), @r#"schema, strict: "true" is new"#);
        assert_snapshot!(found(&json!({"context": 1}), &json!({"context": {}})), @r#"context: "1" is now "{}""#);
        assert_eq!(first(&recorded, &recorded, &Secrets::default()), None);
    }

    #[test]
    fn a_long_text_is_shown_around_its_first_difference() {
        let text = |word: &str| json!(format!("{}{word}{}", "é".repeat(500), "x\n".repeat(500)));
        let found = found(&text("one"), &text("two"));
        assert!(found.chars().count() < 220 && found.contains("…é") && found.contains("éone"), "{found}");
    }

    #[test]
    fn what_was_masked_is_the_same_whatever_stands_there_and_nothing_else_is() {
        let is_same = |recorded: &str, now: &str| first(&json!(recorded), &json!(now), &Secrets::default()).is_none();
        assert!(is_same("use [secret] now", "use hunter2 now"));
        assert!(is_same("[secret] and [secret]", "a and b"));
        assert!(is_same("[secret]", ""));
        assert!(is_same("a [secret] b", "a [secret] b"));
        assert!(!is_same("use [secret] now", "use hunter2 today"));
        assert!(!is_same("ab[secret]b", "ab"));
        assert!(!is_same("a", "ab"));
    }

    #[test]
    fn no_secret_is_quoted() {
        let found = found(&json!("none"), &json!("Bearer abcdefgh12345678"));
        assert!(!found.contains("abcdefgh"), "{found}");
    }
}
