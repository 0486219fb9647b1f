//! The small questions about the agent's words that are put to a model where code cannot tell: which gates a reply opens,
//! and whether the goal is reached.
//!
//! They show what was said, the conditions of gates and the parts of the goal, and never a fact that is behind a gate. An answer
//! counts only with words of the agent that really were said.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::gate::{self, Call, Opened};
use super::goal::{self, GoalCheck, GoalPart, Reached};
use super::reading::{Reading, Wants};
use crate::prompt::{Prompt, render, transcript};
use crate::{
    AnswerSchema, ChatMessage, ChatRole, Cited, Completion, Conversation, Fact, Gate, Model, ModelFault, ModelRequest,
    Scene, UserFault, quote,
};

/// How often a check of the goal is asked for at the most: one answer that cannot be used may be bad luck.
pub(super) const CHECKS_MAX: usize = 2;

/// What the prompts are filled with.
#[derive(Default, Serialize)]
struct Values {
    conversation: String,
    newest: usize,
    conditions: Vec<Condition>,
    parts: Vec<String>,
}

/// What a gate waits for.
#[derive(Serialize)]
struct Condition {
    number: usize,
    asks: bool,
    text: String,
}

/// What is asked about the gates that code could not tell, or `None` where it could.
pub(super) fn gates_question(scene: &Scene<'_>, doubts: &[&Fact]) -> Option<ModelRequest> {
    let condition = |(at, fact): (usize, &&Fact)| {
        let (asks, text) = match &fact.gate {
            Gate::Asked(topic) => (true, topic.clone()),
            Gate::When(act) => (false, act.clone()),
            Gate::Open | Gate::After(_) | Gate::Never => return None,
        };
        Some(Condition { number: at + 1, asks, text })
    };
    let conditions: Vec<Condition> = doubts.iter().enumerate().filter_map(condition).collect();
    let newest = scene.heard.turn_count();
    let values = Values { conversation: transcript::fitted(scene.heard), newest, conditions, ..Values::default() };
    (!values.conditions.is_empty()).then(|| question("gates", "check_gates", &values, gates_schema()))
}

fn question(part: &str, name: &str, values: &Values, schema: Value) -> ModelRequest {
    let message = |role, part: &str| ChatMessage { role, content: render(Prompt::Checks, part, values) };
    ModelRequest {
        messages: vec![message(ChatRole::System, &format!("{part}_system")), message(ChatRole::User, part)],
        schema: AnswerSchema { name: name.to_owned(), schema: schema.into() },
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GatesAnswer {
    opened: Vec<OpenedAnswer>,
    wants: WantsAnswer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenedAnswer {
    condition: usize,
    quotes: Vec<Cited>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WantsAnswer {
    Nothing,
    Decision,
    Information,
    Wish,
}

fn quotes_schema(about: &str) -> Value {
    json!({
        "type": "array",
        "description": about,
        "items": {
            "type": "object",
            "properties": {
                "turn": {"type": "integer", "description": "The number of the turn that the words stand in."},
                "words": {"type": "string", "description": "The agent's words, copied exactly."},
            },
            "required": ["turn", "words"],
            "additionalProperties": false,
        },
    })
}

fn gates_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "opened": {
                "type": "array",
                "description": "The conditions that are met; none where none is.",
                "items": {
                    "type": "object",
                    "properties": {
                        "condition": {"type": "integer", "description": "The number of the condition."},
                        "quotes": quotes_schema("The agent's words that meet it, one entry for each time."),
                    },
                    "required": ["condition", "quotes"],
                    "additionalProperties": false,
                },
            },
            "wants": {
                "type": "string",
                "enum": ["nothing", "decision", "information", "wish"],
                "description": "What the newest reply wants of the user.",
            },
        },
        "required": ["opened", "wants"],
        "additionalProperties": false,
    })
}

/// Adds to a reading what a model saw open, as far as the words that it cites were said.
///
/// # Errors
/// Where the model did not answer: a gate that nobody read must not stay closed against the agent.
pub(super) fn add_gates<'a>(
    reading: &mut Reading<'a>,
    scene: &Scene<'a>,
    doubts: &[&'a Fact],
    answer: &Result<Completion, ModelFault>,
) -> Result<(), UserFault> {
    let failed = |why: String| UserFault::Failed(format!("which gates are open could not be told: {why}"));
    let completion = answer.as_ref().map_err(|fault| failed(fault.to_string()))?;
    let answer = GatesAnswer::deserialize(&completion.answer).map_err(|error| failed(error.to_string()))?;
    for OpenedAnswer { condition, quotes } in answer.opened {
        let fact = condition.checked_sub(1).and_then(|at| doubts.get(at));
        let Some(fact) = fact else { continue };
        if let Some(opened) = believed(&fact.gate, scene.heard, &quotes) {
            reading.add(scene, fact, opened);
        }
    }
    if reading.wants == Wants::Nothing {
        reading.wants = match answer.wants {
            WantsAnswer::Nothing => Wants::Nothing,
            WantsAnswer::Decision => Wants::Decision,
            WantsAnswer::Information => Wants::Knowledge,
            WantsAnswer::Wish => Wants::Repetition,
        };
    }
    Ok(())
}

/// A gate that a model saw open, where the words that it cites are the agent's and are enough: those of the newest turn
/// for what is asked, those of as many turns as the condition wants.
fn believed(gate: &Gate, heard: &Conversation, quotes: &[Cited]) -> Option<Opened> {
    let newest = heard.turn_count() as u32;
    let mut said: Vec<Cited> = quotes.iter().filter_map(|quote| said_by_agent(heard, quote)).collect();
    said.sort_by_key(|cited| cited.turn);
    said.dedup_by_key(|cited| cited.turn);
    let last = said.last()?.clone();
    let is_enough = match gate {
        Gate::Asked(_) => last.turn == newest,
        Gate::When(act) => said.len() >= gate::times_wanted(act),
        Gate::Open | Gate::After(_) | Gate::Never => false,
    };
    let call = if last.turn == newest { Call::Answer } else { Call::Ready };
    is_enough.then_some(Opened { call, by: Some(last) })
}

/// Words that are cited, as the agent said them in that turn; `None` where it did not.
pub(super) fn said_by_agent(heard: &Conversation, cited: &Cited) -> Option<Cited> {
    let turn = heard.turns().find(|turn| turn.number == cited.turn)?;
    let reply = turn.said_by_agent();
    let words = quote::find(&reply, &cited.words)?;
    Some(Cited { turn: cited.turn, words: words.to_owned() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoalAnswer {
    parts: Vec<PartAnswer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartAnswer {
    part: usize,
    reached: Reached,
    quotes: Vec<Cited>,
}

/// Whether the goal is reached, as a model says with the agent's words; asked once more where the answer cannot be used,
/// then unknown.
pub(super) async fn goal(scene: &Scene<'_>, question: &ModelRequest, model: &Model) -> GoalCheck {
    let parts = parts(scene);
    let (mut question, mut why) = (question.clone(), String::new());
    for _ in 0..CHECKS_MAX {
        let answer = model.complete(&question).await;
        // Who declines would decline again, and what was not JSON was asked for again already.
        let is_for_good = answer.as_ref().is_err_and(|fault| fault.fault.is_for_good());
        let read = answer
            .map_err(|fault| fault.to_string())
            .and_then(|completion| GoalAnswer::deserialize(&completion.answer).map_err(|error| error.to_string()));
        match read {
            Ok(answer) => return checked(&parts, &answer, scene.heard, model.name()),
            Err(error) => why = error,
        }
        if is_for_good {
            break;
        }
        if let Some(last) = question.messages.last_mut() {
            last.content.push_str(&format!(
                "\n\nAn earlier answer could not be used: {why}. Answer in the form that is asked for."
            ));
        }
    }
    GoalCheck::unknown(scene, model.name(), &format!("the check failed: {why}"))
}

fn parts(scene: &Scene<'_>) -> Vec<String> {
    goal::parts(scene).into_iter().map(|(text, _)| text).collect()
}

/// What is asked about the goal.
pub(super) fn goal_question(scene: &Scene<'_>) -> ModelRequest {
    let values = Values { conversation: transcript::fitted(scene.heard), parts: parts(scene), ..Values::default() };
    question("goal", "check_goal", &values, goal_schema())
}

fn goal_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "parts": {
                "type": "array",
                "description": "One entry for each part.",
                "items": {
                    "type": "object",
                    "properties": {
                        "part": {"type": "integer", "description": "The number of the part."},
                        "reached": {"type": "string", "enum": ["yes", "open", "refused", "unknown"]},
                        "quotes": quotes_schema("The agent's words that show it; needed for yes and refused."),
                    },
                    "required": ["part", "reached", "quotes"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["parts"],
        "additionalProperties": false,
    })
}

/// One finding for each part of our own list; what is said without words of the agent is unknown.
fn checked(parts: &[String], answer: &GoalAnswer, heard: &Conversation, by: &str) -> GoalCheck {
    let part = |(at, text): (usize, &String)| {
        let answer = answer.parts.iter().find(|part| part.part == at + 1);
        let cited = answer.iter().flat_map(|part| &part.quotes);
        let cited: Vec<Cited> = cited.filter_map(|quote| said_by_agent(heard, quote)).collect();
        let needs_words = |reached| matches!(reached, Reached::Yes | Reached::Refused);
        let (reached, doubt) = match answer.map(|part| part.reached) {
            None => (Reached::Unknown, Some("the check says nothing of it".to_owned())),
            Some(reached) if needs_words(reached) && cited.is_empty() => {
                (Reached::Unknown, Some("the check cites no words that the agent said".to_owned()))
            }
            Some(reached) => (reached, None),
        };
        GoalPart { text: text.clone(), reached, cited, doubt }
    };
    GoalCheck { by: by.to_owned(), parts: parts.iter().enumerate().map(part).collect() }
}
