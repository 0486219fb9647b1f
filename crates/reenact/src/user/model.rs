//! A user that a model plays.
//!
//! [`request`] and [`act`] are pure functions, so that whoever runs a conversation can record the
//! answer between them and come to the same act from the record. The model is shown the brief and
//! what the user has heard; the opening is said word for word without asking it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Leaving, PATIENCE_DEFAULT, Scene, SimulatedUser, UserAct, UserFault, guard};
use crate::prompt::{Prompt, render};
use crate::spelling::normalised;
use crate::{
    AnswerSchema, Brief, ChatMessage, ChatRole, Completion, Gate, Model, ModelFault, ModelFaultKind, ModelRequest,
};

/// A simulated user that a model plays.
#[derive(Debug, Clone)]
pub struct ModelUser {
    model: Model,
}

impl ModelUser {
    /// A user played by this model.
    #[must_use]
    pub fn new(model: Model) -> Self {
        ModelUser { model }
    }
}

#[async_trait]
impl SimulatedUser for ModelUser {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        match opening(scene) {
            Some(opening) => Ok(opening),
            None => act(scene, &self.model.complete(&request(scene)).await),
        }
    }
}

/// The brief's opening, where it is its turn: said word for word, without asking a model.
#[must_use]
pub fn opening(scene: Scene<'_>) -> Option<UserAct> {
    let text = scene.brief.opening.clone().filter(|_| scene.heard.turn_count() == 0)?;
    let words = normalised(&text);
    let told = scene.brief.facts.iter().filter(|fact| guard::stands_in(fact, &words));
    Some(UserAct::Say { discloses: told.map(|fact| fact.id.clone()).collect(), text })
}

/// What is asked of the model. Each turn's request begins with the whole request of the turn before.
#[must_use]
pub fn request(scene: Scene<'_>) -> ModelRequest {
    let part = |role, name| ChatMessage { role, content: render(Prompt::User, name, Values::of(scene.brief)) };
    let mut messages = vec![part(ChatRole::System, "system"), part(ChatRole::User, "start")];
    scene.heard.seen_by_user().into_iter().for_each(|message| append(&mut messages, message));
    ModelRequest { messages, schema: schema() }
}

/// Many chat templates refuse two messages of one role in a row, and an agent may send two.
fn append(messages: &mut Vec<ChatMessage>, next: ChatMessage) {
    match messages.last_mut().filter(|last| last.role == next.role) {
        Some(last) => last.content.extend(["\n\n", &next.content]),
        None => messages.push(next),
    }
}

/// What the model's answer amounts to.
///
/// Words that come with leaving are not said: nobody would answer them.
///
/// # Errors
/// [`UserFault::Failed`] where the model did not answer, [`UserFault::Invalid`] where the answer is
/// not an act that a user of this scene may take.
pub fn act(scene: Scene<'_>, answer: &Result<Completion, ModelFault>) -> Result<UserAct, UserFault> {
    let Answer { act, text, discloses, reason } = read(answer)?;
    match (act, text, reason) {
        (Act::Leave, _, _) if scene.heard.turn_count() == 0 => invalid("it left before it said anything"),
        (Act::Leave, _, Some(reason)) => Ok(UserAct::Leave(reason)),
        (Act::Leave, _, None) => invalid("it left without a reason"),
        (Act::Say, text, _) => {
            let text = text.unwrap_or_default();
            let discloses = guard::given_away(&scene, &text, discloses);
            guard::check(&scene, &text, &discloses).or_else(invalid)?;
            Ok(UserAct::Say { text, discloses })
        }
    }
}

fn invalid<T>(why: impl Into<String>) -> Result<T, UserFault> {
    Err(UserFault::Invalid(format!("the simulated user misbehaved: {}", why.into())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    act: Act,
    text: Option<String>,
    discloses: Vec<String>,
    reason: Option<Leaving>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Act {
    Say,
    Leave,
}

fn read(answer: &Result<Completion, ModelFault>) -> Result<Answer, UserFault> {
    match answer {
        Ok(completion) => Answer::deserialize(&completion.answer)
            .or_else(|error| invalid(format!("its answer is not an act of a user: {error}"))),
        Err(fault) if fault.fault == ModelFaultKind::Malformed => invalid(fault.to_string()),
        Err(fault) => Err(UserFault::Failed(format!("the model that plays the user did not answer: {fault}"))),
    }
}

fn schema() -> AnswerSchema {
    let schema = json!({
        "type": "object",
        "properties": {
            "act": {"type": "string", "enum": ["say", "leave"]},
            "text": {"type": ["string", "null"], "description": "What this person says; null when leaving."},
            "discloses": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The ids of the facts that the text gives away."
            },
            "reason": {
                "type": ["string", "null"],
                "enum": ["satisfied", "gave_up", "asked_for_person", null],
                "description": "Why this person leaves; null when not leaving."
            },
        },
        "required": ["act", "text", "discloses", "reason"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "user_act".to_owned(), schema }
}

/// What the prompt is filled with: a brief, and nothing that is not in one.
#[derive(Serialize)]
struct Values<'a> {
    goal: &'a str,
    persona: Option<&'a str>,
    guidelines: &'a [String],
    facts: Vec<Known<'a>>,
    patience: u32,
}

#[derive(Serialize)]
struct Known<'a> {
    id: &'a str,
    text: &'a str,
    may: String,
}

impl<'a> Values<'a> {
    fn of(brief: &'a Brief) -> Self {
        let Brief { goal, persona, guidelines, facts, opening: _, patience } = brief;
        let facts = facts.iter().map(|fact| Known { id: &fact.id, text: &fact.text, may: may(&fact.gate) }).collect();
        let patience = patience.unwrap_or(PATIENCE_DEFAULT);
        Values { goal, persona: persona.as_deref(), guidelines, facts, patience }
    }
}

fn may(gate: &Gate) -> String {
    match gate {
        Gate::Open => "may be told at any time".to_owned(),
        Gate::Asked(topic) => format!("only when the agent asks for this: {topic}"),
        Gate::After(first) => format!("only after you have told `{first}` in an earlier message"),
        Gate::When(act) => format!("only when this has happened: {act}"),
        Gate::Never => "never tell this".to_owned(),
    }
}
