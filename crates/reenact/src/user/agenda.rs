//! A simulated user without a model: an agenda of what is still to be said, in the recorded user's own words.
//!
//! After agenda-based user simulation (Schatzmann et al. 2007, ACL N07-2038): each turn pops what the agent's newest
//! words call for, else what comes next. What cannot be answered costs patience; when nothing is left to say, or patience is
//! used up, the user leaves.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{Brief, Fact, Gate, Leaving, Scene, SimulatedUser, Speaker, UserAct, UserFault, acts, text};

use super::gate::{self, Call};

/// How many asks may stay unanswered where the case does not say.
pub const PATIENCE_DEFAULT: u32 = 3;

/// The simulated user of the embedded engine.
///
/// A pure function of the scene: the same brief and the same replies give the same words.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgendaUser;

#[async_trait]
impl SimulatedUser for AgendaUser {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        Ok(next(&scene))
    }
}

fn next(scene: &Scene<'_>) -> UserAct {
    let Some(last) = scene.heard.turns().last() else { return open(scene) };
    let reply = last.said_by_agent();
    match called_for(scene, &reply) {
        Some(Item::Fact(fact)) => {
            return UserAct::Say { text: fact.text.clone(), discloses: vec![fact.id.clone()] };
        }
        Some(Item::Wish(wish)) => return say(wish),
        None => {}
    }
    if unanswered(scene) >= scene.brief.patience.unwrap_or(PATIENCE_DEFAULT) {
        return UserAct::Leave(Leaving::GaveUp);
    }
    match request_of(&reply) {
        RequestOf::Nothing => UserAct::Leave(farewell(scene)),
        RequestOf::Consent => say(consent(&reply)),
        RequestOf::Knowledge => say(told_before(scene, &reply).unwrap_or(do_not_know(&reply))),
        RequestOf::Repetition => say(again(scene)),
    }
}

fn say(text: impl Into<String>) -> UserAct {
    UserAct::Say { text: text.into(), discloses: Vec::new() }
}

/// The first message: the recorded opening, else the first wish of the goal.
fn open(scene: &Scene<'_>) -> UserAct {
    say(scene.brief.opening.as_deref().or(wishes(scene.brief).next()).unwrap_or(&scene.brief.goal))
}

/// The wishes of a goal: one a line.
fn wishes(brief: &Brief) -> impl Iterator<Item = &str> {
    brief.goal.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// Something that is still to be said.
enum Item<'a> {
    Fact(&'a Fact),
    Wish(&'a str),
}

/// What to say now: the next fact in order whose gate is open. One that waits for nothing gives way to a later one that the
/// newest reply asks for or provokes, because people answer before they go on; and to what the goal still asks for.
fn called_for<'a>(scene: &Scene<'a>, reply: &str) -> Option<Item<'a>> {
    let unsaid = |fact: &&Fact| !scene.disclosures.iter().any(|said| said.fact == fact.id);
    let calls = scene.brief.facts.iter().filter(unsaid).filter_map(|f| Some((gate::call(&f.gate, scene, reply)?, f)));
    let calls: Vec<(Call, &Fact)> = calls.collect();
    let pressing = match calls.first() {
        Some((Call::Free, _)) => calls.iter().find(|(call, _)| *call == Call::Answer),
        first => first,
    };
    let wish = || unsaid_wish(scene).map(Item::Wish);
    pressing.map(|(_, fact)| Item::Fact(fact)).or_else(wish).or_else(|| Some(Item::Fact(calls.first()?.1)))
}

/// The next wish of the goal that the user has not said. A goal that the opening puts in other words is a description, and
/// is not spoken.
fn unsaid_wish<'a>(scene: &Scene<'a>) -> Option<&'a str> {
    let opening = scene.brief.opening.as_deref();
    let is_spoken = opening.is_none_or(|opening| {
        text::content_stems(opening).is_empty()
            || wishes(scene.brief).next().is_some_and(|wish| stands_in(wish, opening))
    });
    let said: Vec<&str> = scene.heard.by(Speaker::User).map(|message| message.text.as_str()).collect();
    wishes(scene.brief).filter(|_| is_spoken).find(|wish| !said.iter().any(|said| stands_in(wish, said)))
}

/// Whether all words of a wish are among the words of a message.
fn stands_in(wish: &str, message: &str) -> bool {
    let said: BTreeSet<String> = text::words(message).map(text::stem).collect();
    text::words(wish).all(|word| said.contains(&text::stem(word)))
}

/// What answered this question before answers it again.
fn told_before<'a>(scene: &Scene<'a>, reply: &str) -> Option<&'a str> {
    let was_said = |fact: &&Fact| scene.disclosures.iter().any(|said| said.fact == fact.id);
    let answers = |fact: &&Fact| {
        matches!(fact.gate, Gate::Asked(_)) && gate::call(&fact.gate, scene, reply) == Some(Call::Answer)
    };
    scene.brief.facts.iter().filter(was_said).find(answers).map(|fact| fact.text.as_str())
}

/// How many messages in a row gave nothing new: answers that the user did not have, and asks repeated.
fn unanswered(scene: &Scene<'_>) -> u32 {
    let telling = scene.disclosures.last().map_or(1, |said| said.turn);
    let is_wish = |text: &str| wishes(scene.brief).any(|wish| wish == text);
    let wishing = scene.heard.turns().filter(|turn| is_wish(&turn.user.text)).map(|turn| turn.number).last();
    (scene.heard.turn_count() as u32).saturating_sub(telling.max(wishing.unwrap_or(1)))
}

/// Why the user goes when there is nothing left to say and nothing to wait for.
fn farewell(scene: &Scene<'_>) -> Leaving {
    let last = scene.heard.turns().last();
    let wants_person = last.is_some_and(|turn| text::sentences(&turn.user.text).into_iter().any(acts::asks_for_person));
    if wants_person { Leaving::AskedForPerson } else { Leaving::Satisfied }
}

/// What an agent's reply wants of a user who has nothing on the agenda for it.
enum RequestOf {
    Nothing,
    Consent,
    Knowledge,
    Repetition,
}

fn request_of(reply: &str) -> RequestOf {
    let sentences = text::sentences(reply);
    let asks = sentences.iter().rev().find(|s| acts::asks(s) && !acts::offers_more(s));
    match asks {
        Some(ask) if acts::invites(ask) => RequestOf::Repetition,
        Some(ask) if acts::wants_consent(ask) => RequestOf::Consent,
        Some(_) => RequestOf::Knowledge,
        None if sentences.is_empty() || sentences.iter().any(|s| acts::refuses(s)) => RequestOf::Repetition,
        None => RequestOf::Nothing,
    }
}

fn is_chinese(reply: &str) -> bool {
    reply.chars().any(text::is_cjk)
}

fn consent(reply: &str) -> &'static str {
    if is_chinese(reply) { "好的。" } else { "Yes, please." }
}

fn do_not_know(reply: &str) -> &'static str {
    if is_chinese(reply) { "我不知道。" } else { "I don't know." }
}

/// The newest thing that the user asked for or told, said once more.
fn again(scene: &Scene<'_>) -> String {
    let told = scene.disclosures.last().and_then(|said| scene.brief.facts.iter().find(|fact| fact.id == said.fact));
    let asked = told.filter(|fact| acts::requests(&fact.text) && fact.gate != Gate::Never);
    let said: Vec<&str> = scene.heard.by(Speaker::User).map(|message| message.text.as_str()).collect();
    let wish = || wishes(scene.brief).filter(|wish| said.iter().any(|said| stands_in(wish, said))).last();
    let asked = asked.map(|fact| fact.text.as_str()).or_else(wish).or(wishes(scene.brief).next());
    asked.unwrap_or(&scene.brief.goal).to_owned()
}
