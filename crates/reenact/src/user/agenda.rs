//! What a simulated user does next, decided by code from the ledger of what was said: the same for a user that a model
//! words and for one that needs none.
//!
//! After agenda-based user simulation (Schatzmann et al. 2007, ACL N07-2038): each turn pops what the agent's newest
//! words call for, else what comes next, and never more than one fact. What cannot be answered costs patience; when
//! nothing is left to say, a check of the goal decides how the user leaves.

use async_trait::async_trait;

use super::gate::{self, Call};
use super::goal::{GoalCheck, Reached};
use super::reading::{Reading, Wants, newest_reply};
use super::{DialogueAct, Leaving, Said, Telling, guard};
use crate::{Cited, Fact, Gate, Scene, SimulatedUser, UserAct, UserFault, acts, text};

/// How many asks may stay unanswered where the case does not say.
pub const PATIENCE_DEFAULT: u32 = 3;

/// The simulated user of the embedded engine: the agenda in the recorded user's own words.
///
/// A pure function of the scene: the same brief and the same replies give the same words.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgendaUser;

#[async_trait]
impl SimulatedUser for AgendaUser {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        let decision = match decide(&scene, &Reading::by_code(&scene)) {
            Decision::Settle => settle(&scene, &GoalCheck::by_code(&scene)),
            decision => decision,
        };
        Ok(match decision {
            Decision::Say(next) => UserAct::Say(next.in_own_words(&scene)),
            Decision::Leave(why, goal) => UserAct::Leave { why, goal },
            Decision::Settle => UserAct::leave(Leaving::SaidAll),
        })
    }
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Decision<'a> {
    /// This is said, in whatever words.
    Say(Move<'a>),
    /// Nothing is left to say: how the user goes on depends on whether the goal is reached.
    Settle,
    /// The user leaves.
    Leave(Leaving, Option<GoalCheck>),
}

/// A message before it is worded.
#[derive(Debug)]
pub(super) struct Move<'a> {
    pub(super) act: DialogueAct,
    /// The fact that it tells, or tells once more, and the words that opened its gate.
    pub(super) fact: Option<(&'a Fact, Option<Cited>)>,
    /// What it asks for again.
    pub(super) about: Option<String>,
}

impl<'a> Move<'a> {
    fn plain(act: DialogueAct) -> Self {
        Move { act, fact: None, about: None }
    }

    fn again(about: String) -> Self {
        Move { act: DialogueAct::Repeat, fact: None, about: Some(about) }
    }

    fn telling(fact: &'a Fact, call: Call, by: Option<Cited>) -> Self {
        let act = match (&fact.gate, call) {
            (Gate::Asked(_), _) => DialogueAct::Answer,
            (Gate::When(_), Call::Answer) => DialogueAct::PushBack,
            _ if text::sentences(&fact.text).into_iter().any(acts::requests) => DialogueAct::Request,
            _ => DialogueAct::Tell,
        };
        Move { act, fact: Some((fact, by)), about: None }
    }

    /// What it discloses.
    pub(super) fn telling_of(&self) -> Vec<Telling> {
        let telling = |(fact, by): &(&Fact, Option<Cited>)| Telling { fact: fact.id.clone(), opened_by: by.clone() };
        self.fact.iter().map(telling).collect()
    }

    /// The message in the words of the brief.
    fn in_own_words(&self, scene: &Scene<'_>) -> Said {
        let brief = scene.brief;
        let text = match (self.act, &self.fact, &self.about) {
            (_, Some((fact, _)), _) => fact.text.as_str(),
            (_, None, Some(about)) => about,
            (DialogueAct::Open, ..) => brief.opening.as_deref().unwrap_or(&brief.goal),
            (DialogueAct::Decide, ..) => consent(scene),
            (DialogueAct::DoNotKnow, ..) => do_not_know(scene),
            _ => &brief.goal,
        };
        let discloses = match (self.act, &brief.opening) {
            (DialogueAct::Open, Some(opening)) => guard::standing_in(brief, opening),
            _ => self.telling_of(),
        };
        Said { text: text.to_owned(), act: self.act, discloses }
    }
}

/// What comes next, given what the newest reply opened and wants.
pub(super) fn decide<'a>(scene: &Scene<'a>, reading: &Reading<'a>) -> Decision<'a> {
    if scene.heard.turn_count() == 0 {
        return Decision::Say(Move::plain(DialogueAct::Open));
    }
    if let Some((fact, opened)) = called_for(reading) {
        return Decision::Say(Move::telling(fact, opened.call, opened.by.clone()));
    }
    if unanswered(scene) >= scene.brief.patience.unwrap_or(PATIENCE_DEFAULT) {
        return Decision::Leave(out_of_patience(scene), None);
    }
    match reading.wants {
        Wants::Nothing if asked_for_person(scene) => Decision::Leave(Leaving::AskedForPerson, None),
        Wants::Nothing => contradicted(scene).map_or(Decision::Settle, Decision::Say),
        Wants::Decision => Decision::Say(Move::plain(DialogueAct::Decide)),
        Wants::Knowledge => Decision::Say(asked_again(scene).unwrap_or(Move::plain(DialogueAct::DoNotKnow))),
        Wants::Repetition => Decision::Say(Move::again(newest_ask(scene))),
    }
}

/// How a user goes on who has said everything, once it is known whether the goal is reached.
pub(super) fn settle<'a>(scene: &Scene<'a>, check: &GoalCheck) -> Decision<'a> {
    let why = match check.reached() {
        Reached::Open => match check.open_part() {
            Some(part) if !scene.heard.messages.is_empty() => return Decision::Say(Move::again(part.to_owned())),
            _ => Leaving::SaidAll,
        },
        Reached::Yes => Leaving::Satisfied,
        Reached::Refused => Leaving::GaveUp,
        Reached::Unknown => Leaving::SaidAll,
    };
    Decision::Leave(why, Some(check.clone()))
}

/// The fact to say now: the next one in order whose gate is open. One that waits for nothing gives way to a later one
/// that the newest reply asks for or provokes, because people answer before they go on.
fn called_for<'r, 'a>(reading: &'r Reading<'a>) -> Option<&'r (&'a Fact, gate::Opened)> {
    let is_answer = |(_, opened): &&(&Fact, gate::Opened)| opened.call == Call::Answer;
    let first = reading.opened.first()?;
    let answer = reading.opened.iter().find(is_answer).filter(|_| first.1.call == Call::Free);
    answer.or(Some(first))
}

/// How many messages in a row gave nothing new: answers that the user did not have, and asks repeated.
fn unanswered(scene: &Scene<'_>) -> u32 {
    let telling = scene.disclosures.last().map_or(1, |said| said.turn);
    (scene.heard.turn_count() as u32).saturating_sub(telling)
}

fn out_of_patience(scene: &Scene<'_>) -> Leaving {
    let is_refused = text::sentences(&newest_reply(scene)).into_iter().any(acts::refuses);
    match (asked_for_person(scene), is_refused) {
        (true, _) => Leaving::AskedForPerson,
        (false, true) => Leaving::GaveUp,
        (false, false) => Leaving::LostPatience,
    }
}

fn asked_for_person(scene: &Scene<'_>) -> bool {
    let last = scene.heard.turns().last();
    last.is_some_and(|turn| text::sentences(&turn.user.text).into_iter().any(acts::asks_for_person))
}

/// The correction that the agent talks over: it makes the claim again that the user has turned against.
fn contradicted<'a>(scene: &Scene<'a>) -> Option<Move<'a>> {
    let reply = newest_reply(scene);
    let told = scene.disclosures.iter().rev().filter_map(|said| scene.brief.facts.iter().find(|f| f.id == said.fact));
    let mut again = told.filter(|fact| gate::is_claimed_again(&fact.gate, &reply));
    again.next().map(|fact| Move { act: DialogueAct::Repeat, fact: None, about: Some(fact.text.clone()) })
}

/// What the agent asks for that it was told already.
fn asked_again<'a>(scene: &Scene<'a>) -> Option<Move<'a>> {
    let told = scene.brief.facts.iter().filter(|fact| scene.is_said(&fact.id));
    let mut asked = told.filter(|fact| matches!(fact.gate, Gate::Asked(_)) && gate::opened(&fact.gate, scene).is_some());
    asked.next().map(|fact| Move::again(fact.text.clone()))
}

/// The newest thing that the user asked for or told.
fn newest_ask(scene: &Scene<'_>) -> String {
    let told = scene.disclosures.last().and_then(|said| scene.brief.facts.iter().find(|fact| fact.id == said.fact));
    let asked = told.filter(|fact| acts::requests(&fact.text) && fact.gate != Gate::Never);
    asked.map_or_else(|| scene.brief.goal.clone(), |fact| fact.text.clone())
}

fn is_chinese(scene: &Scene<'_>) -> bool {
    newest_reply(scene).chars().any(text::is_cjk)
}

fn consent(scene: &Scene<'_>) -> &'static str {
    if is_chinese(scene) { "好的。" } else { "Yes, please." }
}

fn do_not_know(scene: &Scene<'_>) -> &'static str {
    if is_chinese(scene) { "我不知道。" } else { "I don't know." }
}
