//! A judge that somebody wrote for themselves: instructions over the conversation, a value of a type, and which
//! values pass.

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::assertion::acted;
use super::calls::sorted;
use super::named::{OwnJudge, ValueType};
use super::panel::Inquiry;
use super::{Hearing, Ruling, Verdict, evidence};
use crate::case::keys::CASE;
use crate::prompt::{Prompt, render, transcript};
use crate::{AnswerSchema, ChatMessage, ChatRole, Completion, ModelFault, ModelRequest};

/// What instructions may name.
const VARIABLES: [&str; 3] = ["conversation", "expectations", "case"];

/// The keys of a case that `case` does not have: one is a variable of its own, the other tells of another conversation.
const NOT_IN_CASE: [&str; 2] = ["expectations", "origin"];

/// What is written into instructions is written as JSON, so that no text of a conversation or a case can end the
/// data that it stands in.
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|_| AutoEscape::Json);
    templates
});

/// What is wrong with instructions.
pub(super) struct Problem {
    /// The line of the instructions, from 1.
    pub(super) line: u64,
    pub(super) what: String,
    pub(super) fix: String,
}

/// The first thing that is wrong with instructions.
pub(super) fn problem(instructions: &str) -> Option<Problem> {
    let template = match TEMPLATES.template_from_str(instructions) {
        Ok(template) => template,
        Err(error) => {
            let line = error.line().unwrap_or(1) as u64;
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            let fix = "close what is opened: `{{ … }}` around a value, `{% … %}` around a statement";
            let what = format!("the instructions are not a template: {why}");
            return Some(Problem { line, what, fix: fix.to_owned() });
        }
    };
    let named = template.undeclared_variables(true);
    let known = |name: &&String| {
        let (variable, key) = name.split_once('.').map_or((name.as_str(), None), |(name, key)| (name, Some(key)));
        match (variable, key) {
            ("case", Some(key)) => case_keys().any(|known| known == key.split('.').next().unwrap_or(key)),
            (variable, _) => VARIABLES.contains(&variable),
        }
    };
    let mut unknown: Vec<&String> = named.iter().filter(|name| !known(name)).collect();
    unknown.sort();
    let mentions = named.iter().any(|name| name.split('.').next() == Some("conversation"));
    let (line, what) = match unknown.first() {
        Some(name) => (line_of(name, instructions), format!("the instructions name `{name}`, which they do not get")),
        None if !mentions => (1, "the instructions never mention `{{ conversation }}`".to_owned()),
        None => return None,
    };
    let fix = format!("instructions get {}", VARIABLES.map(|name| format!("`{{{{ {name} }}}}`")).join(", "));
    Some(Problem { line, what, fix })
}

fn line_of(name: &str, instructions: &str) -> u64 {
    instructions.lines().zip(1..).find(|(line, _)| line.contains(name)).map_or(1, |(_, number)| number)
}

fn case_keys() -> impl Iterator<Item = &'static str> {
    CASE.keys.iter().map(|key| key.name).filter(|name| !NOT_IN_CASE.contains(name))
}

/// The instructions, filled in.
fn filled(instructions: &str, hearing: Hearing<'_>) -> Result<String, minijinja::Error> {
    let safe = minijinja::Value::from_safe_string;
    let written = crate::case::written(hearing.case);
    // Keys that the case leaves out are there as null, so that naming one is no error.
    let case: Map<String, Value> =
        case_keys().map(|key| (key.to_owned(), written.get(key).cloned().unwrap_or(Value::Null))).collect();
    let expectations = hearing.case.expectations.iter();
    let expectations: Map<String, Value> =
        expectations.map(|it| (it.id.clone(), it.text.clone().map_or(Value::Null, Value::from))).collect();
    TEMPLATES.render_str(
        instructions,
        minijinja::context! {
            conversation => safe(transcript::fitted(hearing.conversation)),
            expectations => safe(Value::Object(expectations).to_string()),
            case => minijinja::Value::from(minijinja::value::Serde(&case)),
        },
    )
}

pub(super) fn inquire(judge: &OwnJudge, hearing: Hearing<'_>) -> Inquiry {
    #[derive(Serialize)]
    struct Values {
        instructions: String,
        turns: usize,
        answer: String,
    }
    if !acted(hearing.conversation) {
        return Inquiry::Decided(Ruling::undecided("the agent said nothing"));
    }
    let instructions = match filled(&judge.instructions, hearing) {
        Ok(instructions) => instructions,
        Err(error) => {
            return Inquiry::Decided(Ruling::undecided(format!("the instructions cannot be filled in: {error}")));
        }
    };
    let values =
        Values { instructions, turns: hearing.conversation.turn_count(), answer: answer_in_words(&judge.value) };
    let part = |role, name| ChatMessage { role, content: render(Prompt::OwnJudge, name, &values) };
    let messages = vec![part(ChatRole::System, "system"), part(ChatRole::User, "question")];
    Inquiry::Ask(vec![ModelRequest { messages, schema: schema(&judge.value) }])
}

fn answer_in_words(value: &ValueType) -> String {
    match value {
        ValueType::Bool => "true or false".to_owned(),
        ValueType::Number => "a number".to_owned(),
        ValueType::Text => "a text".to_owned(),
        ValueType::Labels(labels) => format!("one of {}", json!(labels)),
    }
}

fn schema(value: &ValueType) -> AnswerSchema {
    let value = match value {
        ValueType::Bool => json!({"type": ["boolean", "null"]}),
        ValueType::Number => json!({"type": ["number", "null"]}),
        ValueType::Text => json!({"type": ["string", "null"]}),
        ValueType::Labels(labels) => {
            let labels: Vec<Value> = labels.iter().map(|label| json!(label)).chain([Value::Null]).collect();
            json!({"type": ["string", "null"], "enum": labels})
        }
    };
    let schema = json!({
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "What decides the value, in one to three sentences."},
            "turns": {"type": "array", "items": {"type": "integer"}, "description": "The turns that the reason rests on."},
            "value": value,
        },
        "required": ["reason", "turns", "value"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "judge_value".to_owned(), schema: schema.into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Valued {
    reason: String,
    turns: Vec<u32>,
    value: Value,
}

pub(super) fn ruling(judge: &OwnJudge, hearing: Hearing<'_>, answer: &Result<Completion, ModelFault>) -> Ruling {
    match evidence::read(answer).and_then(|valued| checked(valued, judge, hearing)) {
        Ok(ruling) => trusted(ruling, hearing),
        Err(why) => Ruling::undecided(why),
    }
}

fn checked(valued: Valued, judge: &OwnJudge, hearing: Hearing<'_>) -> Result<Ruling, String> {
    let Valued { reason, turns, value } = valued;
    if reason.trim().is_empty() {
        return Err(format!("the judge says {value} and gives no reason"));
    }
    if value.is_null() {
        return Ok(Ruling::undecided(reason));
    }
    let fits = match &judge.value {
        ValueType::Bool => value.is_boolean(),
        ValueType::Number => value.is_number(),
        ValueType::Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
        ValueType::Labels(labels) => value.as_str().is_some_and(|label| labels.iter().any(|it| it == label)),
    };
    if !fits {
        return Err(format!("the judge says {value}, expected {}: {reason}", answer_in_words(&judge.value)));
    }
    if let Some(doubt) = evidence::doubt_turns(&turns, hearing.conversation) {
        return Err(format!("the judge says {value} and {doubt}: {reason}"));
    }
    if turns.is_empty() {
        return Err(format!("the judge says {value} and cites no turn: {reason}"));
    }
    let verdict = match &judge.passes {
        None => Verdict::Inconclusive,
        Some(passes) if passes.admits(&value) => Verdict::Pass,
        Some(_) => Verdict::Fail,
    };
    Ok(Ruling { value: Some(value), ..Ruling::new(verdict, reason, sorted(turns)) })
}

/// Which value the words of an agent that speaks to the judge are after, nobody can tell where no value passes:
/// the value is kept and the reason says so.
fn trusted(ruling: Ruling, hearing: Hearing<'_>) -> Ruling {
    match evidence::addressed_in(hearing.conversation) {
        Some(turn) if ruling.verdict == Verdict::Inconclusive && ruling.value.is_some() => {
            let reason = format!("turn {turn} speaks to the judge, so do not rely on the value: {}", ruling.reason);
            Ruling { reason, ..ruling }
        }
        _ => evidence::undisturbed(ruling, hearing.conversation),
    }
}
