//! How the conversation of a case is set up: what was said before, who speaks first, and which words are fixed.

use serde_json::{Value, json};

use super::fields::{Fields, text_of};
use super::tree::{Content, Fault, Node};
use super::{AfterScript, FirstSpeaker, Staging};
use crate::{Conversation, Message, Speaker};

const LINE_FORM: &str = "write `{ user: TEXT }` or `{ agent: TEXT }`";

pub(super) fn read(fields: &mut Fields<'_, '_>) -> Staging {
    let lines = fields.list("prefix", "lines of a conversation");
    let prefix: Conversation = lines.iter().filter_map(|line| said(line, fields.faults)).collect();
    let first_speaker =
        one_of(fields, "first_speaker", &[("user", FirstSpeaker::User), ("agent", FirstSpeaker::Agent)]);
    let after = [("leave", AfterScript::Leave), ("go_on", AfterScript::GoOn)];
    let after_script = one_of(fields, "after_script", &after);
    let script = fields.texts("script");
    if after_script.is_some() && script.is_empty() {
        let what = "`after_script` stands without a `script`";
        fields.faults.push(Fault::new(fields.line_of("after_script"), what, "add the `script`, or leave it out"));
    }
    Staging {
        prefix,
        first_speaker: first_speaker.unwrap_or_default(),
        script,
        after_script: after_script.unwrap_or_default(),
    }
}

fn said(line: &Node, faults: &mut Vec<Fault>) -> Option<Message> {
    let Content::Map(entries) = &line.content else {
        let what = format!("a line of `prefix` is {}, expected who speaks and what", line.described());
        faults.push(Fault::new(line.line, what, LINE_FORM));
        return None;
    };
    let [entry] = &entries[..] else {
        faults.push(Fault::new(line.line, "a line of `prefix` has not one speaker", LINE_FORM));
        return None;
    };
    let speaker = match entry.key.as_str() {
        "user" => Speaker::User,
        "agent" => Speaker::Agent,
        other => {
            let what = format!("`{}` is nobody who speaks in a `prefix`", super::tree::shown(other));
            faults.push(Fault::new(entry.line, what, LINE_FORM));
            return None;
        }
    };
    Some(Message::new(speaker, text_of(&entry.value, entry.line, &entry.key, faults)))
}

fn one_of<T: Copy>(fields: &mut Fields<'_, '_>, name: &str, words: &[(&str, T)]) -> Option<T> {
    let written = fields.text(name)?;
    let found = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
    if found.is_none() && !written.is_empty() {
        let known = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        let what = format!("`{name}` is `{}`, expected {known}", super::tree::shown(&written));
        fields.faults.push(Fault::new(fields.line_of(name), what, format!("write {known}, or leave it out")));
    }
    found
}

/// The keys of a staging, in the order in which they are written; none where nothing is staged.
pub(super) fn written(staging: &Staging) -> Vec<(&'static str, Value)> {
    let mut keys = Vec::new();
    let line = |message: &Message| match message.speaker {
        Speaker::Agent => json!({ "agent": message.text }),
        _ => json!({ "user": message.text }),
    };
    if !staging.prefix.messages.is_empty() {
        keys.push(("prefix", staging.prefix.messages.iter().map(line).collect()));
    }
    if staging.first_speaker == FirstSpeaker::Agent {
        keys.push(("first_speaker", "agent".into()));
    }
    if !staging.script.is_empty() {
        keys.push(("script", staging.script.iter().map(String::as_str).collect()));
    }
    if staging.after_script == AfterScript::GoOn {
        keys.push(("after_script", "go_on".into()));
    }
    keys
}
