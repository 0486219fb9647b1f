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
use super::{DialogueAct, Leaving, Said, Telling, guard, recorded};
use crate::case::Part;
use crate::{Brief, Cited, Fact, Gate, Scene, SimulatedUser, Speaker, UserAct, UserFault, acts, text};

/// How many asks may stay unanswered where the case does not say.
pub const PATIENCE_DEFAULT: u32 = 3;

/// The simulated user of the embedded engine: the agenda in the recorded user's own words, or where those do not fit or are
/// not there, in the words of the brief.
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
            Decision::Say(next) => UserAct::Say(next.in_recorded_words(&scene)),
            Decision::Leave(why, goal) => leave(&scene, why, goal),
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
    /// The line of the goal that it asks for, from 1.
    pub(super) wish: Option<usize>,
    /// What it asks for, or asks for again.
    pub(super) about: Option<String>,
}

impl<'a> Move<'a> {
    fn plain(act: DialogueAct) -> Self {
        Move { act, fact: None, wish: None, about: None }
    }

    fn remark(words: &str) -> Self {
        Move { about: Some(words.to_owned()), ..Move::plain(DialogueAct::Remark) }
    }

    fn again(about: String) -> Self {
        Move { act: DialogueAct::Repeat, fact: None, wish: None, about: Some(about) }
    }

    fn wishing(act: DialogueAct, (line, wish): (usize, &str)) -> Self {
        Move { act, fact: None, wish: Some(line), about: Some(wish.to_owned()) }
    }

    fn telling(fact: &'a Fact, call: Call, by: Option<Cited>) -> Self {
        let act = match (&fact.gate, call) {
            (Gate::Asked(_), _) => DialogueAct::Answer,
            (Gate::When(_), Call::Answer) => DialogueAct::PushBack,
            _ if text::sentences(&fact.text).into_iter().any(acts::requests) => DialogueAct::Request,
            _ => DialogueAct::Tell,
        };
        Move { act, fact: Some((fact, by)), wish: None, about: None }
    }

    /// What it discloses.
    pub(super) fn telling_of(&self) -> Vec<Telling> {
        let telling = |(fact, by): &(&Fact, Option<Cited>)| Telling { fact: fact.id.clone(), opened_by: by.clone() };
        let wish = self.wish.map(|line| Telling { fact: wish_id(line), opened_by: None });
        self.fact.iter().map(telling).chain(wish).collect()
    }

    /// What is told of the recording.
    pub(super) fn part(&self) -> Option<Part<'_>> {
        let fact = self.fact.as_ref().map(|(fact, _)| Part::Fact(&fact.id));
        fact.or(self.wish.map(Part::Wish))
    }

    /// The message in the words of the recorded user, where they fit.
    fn in_recorded_words(&self, scene: &Scene<'_>) -> Said {
        let said = self.in_own_words(scene);
        let is_opening = self.act == DialogueAct::Open && scene.brief.opening.is_some();
        let part = self.part().filter(|_| !is_opening);
        match part.and_then(|part| recorded::worded(scene, part, &said)) {
            Some(text) => Said { text, ..said },
            None => said,
        }
    }

    /// The message in the words of the brief.
    pub(super) fn in_own_words(&self, scene: &Scene<'_>) -> Said {
        let brief = scene.brief;
        let text = match (self.act, &self.fact, &self.about) {
            (_, Some((fact, _)), _) => fact.text.as_str(),
            (DialogueAct::Open, ..) => brief.opening.as_deref().or(self.about.as_deref()).unwrap_or(&brief.goal),
            (_, None, Some(about)) => about,
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
        let first = scene.brief.wishes().next().map(|wish| Move::wishing(DialogueAct::Open, wish));
        return Decision::Say(first.unwrap_or(Move::plain(DialogueAct::Open)));
    }
    if let Some(next) = called_for(scene, reading) {
        return Decision::Say(next);
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

/// Leaves, and says goodbye where the recorded user did; who is not content leaves without.
pub(super) fn leave(scene: &Scene<'_>, why: Leaving, goal: Option<GoalCheck>) -> UserAct {
    let is_content = matches!(why, Leaving::Satisfied | Leaving::SaidAll);
    UserAct::Leave { why, goal, goodbye: recorded::goodbye(scene).filter(|_| is_content) }
}

/// What stands for a wish in the ledger.
fn wish_id(line: usize) -> String {
    format!("goal.{line}")
}

/// Whether an id stands for a wish of the goal.
pub(super) fn is_wish(brief: &Brief, id: &str) -> bool {
    brief.wishes().any(|(line, _)| wish_id(line) == id)
}

/// What to say now: what the newest reply asks for or provokes, because people answer before they go on; else what came next
/// in the recording.
fn called_for<'a>(scene: &Scene<'a>, reading: &Reading<'a>) -> Option<Move<'a>> {
    let telling = |(fact, opened): &(&'a Fact, gate::Opened)| Move::telling(fact, opened.call, opened.by.clone());
    if let Some(pressing) = reading.opened.iter().find(|(fact, opened)| is_pressing(scene, fact, opened)) {
        return Some(telling(pressing));
    }
    let wish = unsaid_wish(scene).map(|wish| Move::wishing(DialogueAct::Request, wish));
    let next: Vec<Move<'a>> = waiting(reading).map(telling).into_iter().chain(wish).collect();
    let next = next.into_iter().chain(reading.opened.first().map(telling)).collect::<Vec<_>>();
    let turn = |next: &Move<'_>| scene.wording.of(next.part()?).map(|worded| worded.turn);
    let is_known = next.iter().all(|next| turn(next).is_some());
    let next = next.into_iter().min_by_key(|next| turn(next).filter(|_| is_known));
    let remark = recorded::remark(scene).filter(|_| reading.wants == Wants::Nothing);
    let comes_first = |at: u32| next.as_ref().is_none_or(|next| turn(next).is_some_and(|turn| at < turn));
    remark.filter(|(at, _)| comes_first(*at)).map(|(_, words)| Move::remark(words)).or(next)
}

/// Whether a fact is called for now, whatever else there is to say. Of a recorded user who only took up what the agent said it
/// is known whether something else came first.
fn is_pressing(scene: &Scene<'_>, fact: &Fact, opened: &gate::Opened) -> bool {
    let words = scene.wording.of(Part::Fact(&fact.id)).and_then(|worded| worded.words);
    let turns_against = |words: &str| text::sentences(words).into_iter().any(acts::pushes_back);
    let is_provoked = || !matches!(fact.gate, Gate::When(_)) || words.is_none_or(turns_against);
    opened.call == Call::Answer && is_provoked()
}

/// Where the order of the recording is not known: the first fact that waited for something, before those that wait for nothing.
fn waiting<'r, 'a>(reading: &'r Reading<'a>) -> Option<&'r (&'a Fact, gate::Opened)> {
    reading.opened.iter().find(|(_, opened)| opened.call != Call::Free)
}

/// The next wish of the goal that the user has not said. A goal that the first message puts in other words is a description,
/// and is not spoken.
fn unsaid_wish<'a>(scene: &Scene<'a>) -> Option<(usize, &'a str)> {
    let said: Vec<&str> = scene.heard.by(Speaker::User).map(|message| message.text.as_str()).collect();
    let opening = scene.brief.opening.as_deref().or(said.first().copied());
    let begins_so = |opening: &str| scene.brief.wishes().next().is_some_and(|(_, wish)| text::stands_in(wish, opening));
    let is_spoken = opening.is_none_or(|opening| text::content_stems(opening).is_empty() || begins_so(opening));
    let is_spoken = is_spoken || scene.is_said(&wish_id(1));
    let is_said = |line, wish| scene.is_said(&wish_id(line)) || said.iter().any(|said| text::stands_in(wish, said));
    scene.brief.wishes().filter(|_| is_spoken).find(|(line, wish)| !is_said(*line, wish))
}

/// How many messages in a row gave nothing new: answers that the user did not have, and asks repeated.
fn unanswered(scene: &Scene<'_>) -> u32 {
    let telling = scene.disclosures.last().map_or(1, |said| said.turn);
    (scene.heard.turn_count() as u32).saturating_sub(telling + recorded::remarks_since(scene, telling))
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
    again.next().map(|fact| Move::again(fact.text.clone()))
}

/// What the agent asks for that it was told already.
fn asked_again<'a>(scene: &Scene<'a>) -> Option<Move<'a>> {
    let told = scene.brief.facts.iter().filter(|fact| scene.is_said(&fact.id));
    let mut asked =
        told.filter(|fact| matches!(fact.gate, Gate::Asked(_)) && gate::opened(&fact.gate, scene).is_some());
    asked.next().map(|fact| Move::again(fact.text.clone()))
}

/// The newest thing that the user asked for or told.
fn newest_ask(scene: &Scene<'_>) -> String {
    let told = scene.disclosures.last().and_then(|said| scene.brief.facts.iter().find(|fact| fact.id == said.fact));
    let asked = told.filter(|fact| acts::requests(&fact.text) && fact.gate != Gate::Never);
    let said: Vec<&str> = scene.heard.by(Speaker::User).map(|message| message.text.as_str()).collect();
    let is_said =
        |(line, wish): &(usize, &str)| scene.is_said(&wish_id(*line)) || said.iter().any(|s| text::stands_in(wish, s));
    let wish = scene.brief.wishes().filter(is_said).last().or(scene.brief.wishes().next()).map(|(_, wish)| wish);
    asked.map(|fact| fact.text.as_str()).or(wish).unwrap_or(&scene.brief.goal).to_owned()
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
