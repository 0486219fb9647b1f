//! A user that a model words.
//!
//! The [agenda](super::agenda) decides what comes next; the model is told that one thing and words it. It is shown the
//! brief without its facts, what was heard, and the fact that is said now, if any. The opening is said word for word
//! without asking it. Where code cannot tell what the agent's words open, or whether the goal is reached, a question of its
//! own is put to the model ([`super::goal`]).

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::agenda::{Decision, Move, decide, leave, settle};
use super::goal::GoalCheck;
use super::reading::Reading;
use super::{DialogueAct, Leaving, Said, Scene, SimulatedUser, UserAct, UserFault, checks, guard, recorded};
use crate::prompt::{Prompt, render};
use crate::{
    AnswerSchema, Brief, ChatMessage, ChatRole, Completion, Gate, Model, ModelFault, ModelFaultKind, ModelRequest,
};

/// A simulated user that a model words.
#[derive(Debug, Clone)]
pub struct ModelUser {
    model: Model,
    /// What was found out for the newest turn, so that wording it again does not ask again.
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    gates: Option<(ModelRequest, Result<Completion, ModelFault>)>,
    goal: Option<(ModelRequest, GoalCheck)>,
}

impl ModelUser {
    /// A user worded by this model.
    #[must_use]
    pub fn new(model: Model) -> Self {
        ModelUser { model, found: Arc::default() }
    }

    /// Whether the goal is reached in a scene, as the model finds it by itself, apart from whoever words the user.
    pub async fn check_goal(&self, scene: Scene<'_>) -> GoalCheck {
        checks::goal(&scene, &checks::goal_question(&scene), &self.model).await
    }

    async fn decide<'a>(&self, scene: &Scene<'a>) -> Result<Decision<'a>, UserFault> {
        let mut reading = Reading::by_code(scene);
        let doubts = reading.doubts(scene);
        if let Some(question) = checks::gates_question(scene, &doubts) {
            let answer = self.gates(scene, question).await;
            checks::add_gates(&mut reading, scene, &doubts, &answer)?;
        }
        Ok(match decide(scene, &reading) {
            Decision::Settle => settle(scene, &self.goal(scene).await),
            decision => decision,
        })
    }

    async fn gates(&self, scene: &Scene<'_>, question: ModelRequest) -> Result<Completion, ModelFault> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).gates.clone();
        if let Some((_, answer)) = known.filter(|(asked, _)| !scene.rejected.is_empty() && *asked == question) {
            return answer;
        }
        let answer = self.model.complete(&question).await;
        self.found.lock().unwrap_or_else(PoisonError::into_inner).gates = Some((question, answer.clone()));
        answer
    }

    async fn goal(&self, scene: &Scene<'_>) -> GoalCheck {
        let question = checks::goal_question(scene);
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).goal.clone();
        if let Some((_, check)) = known.filter(|(asked, _)| !scene.rejected.is_empty() && *asked == question) {
            return check;
        }
        let check = checks::goal(scene, &question, &self.model).await;
        self.found.lock().unwrap_or_else(PoisonError::into_inner).goal = Some((question, check.clone()));
        check
    }
}

#[async_trait]
impl SimulatedUser for ModelUser {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        if let Some(opening) = opening(scene) {
            return Ok(opening);
        }
        match self.decide(&scene).await? {
            Decision::Say(next) if next.act == DialogueAct::Remark => Ok(UserAct::Say(next.in_own_words(&scene))),
            Decision::Say(next) => worded(&next, &self.model.complete(&direct(&scene, &next)).await),
            Decision::Leave(why, goal) => Ok(leave(&scene, why, goal)),
            Decision::Settle => Ok(UserAct::leave(Leaving::SaidAll)),
        }
    }
}

/// The brief's opening, where it is its turn: said word for word, without asking a model.
#[must_use]
pub fn opening(scene: Scene<'_>) -> Option<UserAct> {
    let text = scene.brief.opening.clone().filter(|_| scene.heard.turn_count() == 0)?;
    let discloses = guard::standing_in(scene.brief, &text);
    Some(UserAct::Say(Said { text, act: DialogueAct::Open, discloses }))
}

/// What is asked of the model to word the next message, as far as code alone decides it; `None` where nothing is to be said.
///
/// Each turn's request begins with that of the turn before, but for its direction.
#[must_use]
pub fn request(scene: Scene<'_>) -> Option<ModelRequest> {
    match decide(&scene, &Reading::by_code(&scene)) {
        Decision::Say(next) if next.act == DialogueAct::Remark => None,
        Decision::Say(next) => Some(direct(&scene, &next)),
        Decision::Settle | Decision::Leave(..) => None,
    }
}

/// How many questions a turn usually takes, and at the most. The message, because code tells most gates; and, where nothing goes
/// as it should, the gates, the message worded again and the goal checked twice.
pub(crate) fn questions_of_a_turn(brief: &Brief) -> (u64, u64) {
    let waits = brief.facts.iter().any(|fact| matches!(fact.gate, Gate::Asked(_) | Gate::When(_)));
    let gates = u64::from(waits);
    (1, QUESTIONS_OF_A_TURN_MAX - 1 + gates)
}

/// How many questions a turn takes at the most, where a gate waits for the agent.
pub(crate) const QUESTIONS_OF_A_TURN_MAX: u64 = 2 + guard::REWORDINGS_MAX as u64 + checks::CHECKS_MAX as u64;

fn direct(scene: &Scene<'_>, next: &Move<'_>) -> ModelRequest {
    let values = Values::of(scene, next);
    let part = |role, name| ChatMessage { role, content: render(Prompt::User, name, &values) };
    let mut messages = vec![part(ChatRole::System, "system"), part(ChatRole::User, "start")];
    scene.heard.seen_by_user().into_iter().for_each(|message| append(&mut messages, undirected(message)));
    append(&mut messages, part(ChatRole::User, "direction"));
    ModelRequest { messages, schema: SCHEMA.clone() }
}

/// What was said, without the marks of a direction: only the agenda directs.
fn undirected(mut message: ChatMessage) -> ChatMessage {
    for mark in ["<direction>", "</direction>"] {
        message.content = message.content.replace(mark, &mark.replace(['<', '>'], " "));
    }
    message
}

/// Many chat templates refuse two messages of one role in a row, and an agent may send two.
fn append(messages: &mut Vec<ChatMessage>, next: ChatMessage) {
    match messages.last_mut().filter(|last| last.role == next.role) {
        Some(last) => last.content.extend(["\n\n", &next.content]),
        None => messages.push(next),
    }
}

/// The message that the model's answer amounts to; the guard decides whether it is one that a user may say.
fn worded(next: &Move<'_>, answer: &Result<Completion, ModelFault>) -> Result<UserAct, UserFault> {
    let malformed = |why: String| UserFault::Invalid(format!("its answer is not a message: {why}"));
    let Answer { text } = match answer {
        Ok(completion) => Answer::deserialize(&completion.answer).map_err(|error| malformed(error.to_string()))?,
        Err(fault) if fault.fault == ModelFaultKind::Malformed => return Err(malformed(fault.to_string())),
        Err(fault) => return Err(UserFault::Failed(format!("the model that plays the user did not answer: {fault}"))),
    };
    Ok(UserAct::Say(Said { text, act: next.act, discloses: next.telling_of() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    text: String,
}

static SCHEMA: LazyLock<AnswerSchema> = LazyLock::new(|| {
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string", "description": "What this person writes."}},
        "required": ["text"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "user_message".to_owned(), schema: schema.into() }
});

/// What the prompt is filled with: who speaks and what is to be said now, and nothing that a gate withholds.
#[derive(Serialize)]
struct Values<'a> {
    goal: &'a str,
    persona: Option<&'a str>,
    guidelines: &'a [String],
    act: DialogueAct,
    fact: Option<&'a str>,
    about: Option<&'a str>,
    /// How the recorded user said it.
    sample: Option<String>,
    rejected: Vec<&'static str>,
}

impl<'a> Values<'a> {
    fn of(scene: &Scene<'a>, next: &'a Move<'_>) -> Self {
        let Brief { goal, persona, guidelines, facts: _, opening: _, patience: _ } = scene.brief;
        let fact = next.fact.as_ref().map(|(fact, _)| fact.text.as_str());
        let rejected = scene.rejected.iter().map(|misstep| misstep.to_whoever_words_it()).collect();
        let (persona, about) = (persona.as_deref(), next.about.as_deref());
        let sample = next.part().and_then(|part| recorded::worded(scene, part, &next.in_own_words(scene)));
        Values { goal, persona, guidelines, act: next.act, fact, about, sample, rejected }
    }
}
