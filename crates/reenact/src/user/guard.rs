//! The line that code holds for whoever plays the user: each message is read before the agent reads it.
//!
//! A prompt asks for these things; this makes them so. The guard knows the whole case, expectations and recording
//! included, to see them where they do not belong. Whoever words the message knows none of it: what comes back
//! from here is a [`Misstep`], which is a word without content.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::agenda::is_wish;
use super::checks::said_by_agent;
use super::gate;
use super::{DialogueAct, Said, Scene, Telling};
use crate::case::Brief;
use crate::spelling::{normalised, says};
use crate::text::content_set;
use crate::{Expectation, Fact, Speaker, TestCase};
use secret::{Secret, Words};
use style::Style;
use values::{Spelled, Value};

mod secret;
mod style;
mod values;
mod wording;

/// How often one message is worded again. Who misses the mark three times does not see it.
pub const REWORDINGS_MAX: usize = 2;

/// What a simulated user must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misstep {
    /// Says nothing, or nothing that can be read.
    SaysNothing,
    /// Gives away a fact that is not to be said now.
    GivesAway,
    /// Says what the agent is expected to do.
    StatesExpectation,
    /// Plays the agent.
    PlaysTheAgent,
    /// Tells the agent how to do its work.
    Coaches,
    /// Names a value that is neither in the brief nor was heard.
    Invents,
    /// Leaves out a value of the fact that was to be said.
    LeavesOut,
    /// Says what was said before.
    RepeatsItself,
    /// Writes as the recorded user never does.
    OutOfStyle,
}

impl Misstep {
    /// What was done, in a few words, for whoever reads a report.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Misstep::SaysNothing => "said nothing",
            Misstep::GivesAway => "gave a fact away",
            Misstep::StatesExpectation => "stated an expectation",
            Misstep::PlaysTheAgent => "played the agent",
            Misstep::Coaches => "coached the agent",
            Misstep::Invents => "invented a value",
            Misstep::LeavesOut => "left a value out",
            Misstep::RepeatsItself => "repeated itself",
            Misstep::OutOfStyle => "left the style",
        }
    }

    /// What was wrong, for whoever words the message. That a guess was right is not told: a fact, an expectation and an
    /// invention are one and the same here.
    #[must_use]
    pub fn to_whoever_words_it(self) -> &'static str {
        match self {
            Misstep::SaysNothing => "it was empty or could not be read",
            Misstep::GivesAway | Misstep::StatesExpectation | Misstep::Invents => {
                "it said something that stands neither in the direction nor in the conversation"
            }
            Misstep::PlaysTheAgent => "it spoke as the agent, not as the person",
            Misstep::Coaches => "it told the agent how to do its work",
            Misstep::LeavesOut => "it left out a part of what the direction says",
            Misstep::RepeatsItself => "it was written before",
            Misstep::OutOfStyle => "it is not how this person writes: mind the length, the case and the manners",
        }
    }
}

/// Why a message is not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// What it does.
    pub misstep: Misstep,
    /// What it does in this case, for whoever reads the trial; whoever words the message does not see it.
    pub reason: String,
}

impl Objection {
    pub(crate) fn new(misstep: Misstep, reason: impl Into<String>) -> Self {
        Objection { misstep, reason: reason.into() }
    }
}

/// Reads the messages of one case's user. Whatever does not change from message to message is worked out once.
#[derive(Debug)]
pub struct Guard<'a> {
    facts: Vec<(&'a Fact, Secret)>,
    expectations: Vec<(&'a Expectation, Secret)>,
    style: Option<Style>,
}

/// Whether a user of this scene may say words that somebody else once said: the checks that need no more than what the user
/// knows itself.
pub(super) fn may_say(scene: &Scene<'_>, said: &Said) -> bool {
    let guard = Guard::of_brief(scene.brief);
    let message = Message::new(&guard, scene, said);
    CHECKS.iter().all(|check| check(&message).is_none()) && leaves_out(&message).is_none()
}

/// A message with all that it is read against.
struct Message<'a> {
    guard: &'a Guard<'a>,
    scene: &'a Scene<'a>,
    said: &'a Said,
    words: Words,
    /// What it can be read as.
    spelled: Spelled,
    /// All that the user may draw on: the brief, what it tells now or told before, and what was heard.
    known: Known,
}

struct Known {
    /// In their normal form.
    words: String,
    stems: BTreeSet<String>,
    /// Only a message that names values is read against them.
    spelled: LazyCell<Spelled, Box<dyn FnOnce() -> Spelled>>,
}

type Check = fn(&Message<'_>) -> Option<Objection>;

/// Every check of the words, in the order in which they are made.
const CHECKS: [Check; 8] = [
    wording::says_nothing,
    wording::plays_the_agent,
    gives_away,
    wording::states_expectation,
    wording::coaches,
    invents,
    wording::repeats_itself,
    leaves_style,
];

impl<'a> Guard<'a> {
    /// The guard of a case's user.
    #[must_use]
    pub fn of(case: &'a TestCase) -> Self {
        let secret = |expectation: &Expectation| Secret::of(expectation.text.as_deref().unwrap_or_default());
        let expectations = case.expectations.iter().map(|expectation| (expectation, secret(expectation)));
        let (expectations, style) = (expectations.collect(), Style::recorded(case));
        Guard { expectations, style, ..Guard::of_brief(&case.brief) }
    }

    /// The guard that a user could hold against itself: nothing of it is kept from the user.
    fn of_brief(brief: &'a Brief) -> Self {
        let facts = brief.facts.iter().map(|fact| (fact, Secret::of(&fact.text)));
        Guard { facts: facts.collect(), expectations: Vec::new(), style: None }
    }

    /// The facts that a message gives away, each with the words that opened its gate, if a user of this scene may say it.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(&self, scene: &Scene<'_>, said: &Said) -> Result<Vec<Telling>, Objection> {
        let told = said.discloses.iter().map(|telling| allowed(scene, said, telling));
        let mut told = told.collect::<Result<Vec<Telling>, Objection>>()?;
        told.dedup_by(|one, other| one.fact == other.fact);
        if is_verbatim(scene, said) {
            return Ok(told);
        }
        if let Some(objection) = tells_too_much(scene, said) {
            return Err(objection);
        }
        let message = Message::new(self, scene, said);
        match CHECKS.iter().find_map(|check| check(&message)) {
            Some(objection) => Err(objection),
            None => leaves_out(&message).map_or(Ok(told), Err),
        }
    }
}

impl<'a> Message<'a> {
    fn new(guard: &'a Guard<'a>, scene: &'a Scene<'a>, said: &'a Said) -> Self {
        let (words, spelled, known) = (Words::of(&said.text), Spelled::of(&said.text), Known::of(scene, said));
        Message { guard, scene, said, words, spelled, known }
    }

    fn tells(&self, fact: &Fact) -> bool {
        self.said.discloses.iter().any(|telling| telling.fact == fact.id)
    }
}

impl Known {
    fn of(scene: &Scene<'_>, said: &Said) -> Self {
        let Brief { goal, persona, guidelines, facts, opening, patience: _ } = scene.brief;
        let told = |fact: &&Fact| scene.is_said(&fact.id) || said.discloses.iter().any(|t| t.fact == fact.id);
        let facts = facts.iter().filter(told).map(|fact| fact.text.as_str());
        let heard = scene.heard.messages.iter().map(|message| message.text.as_str());
        let texts = [Some(goal), persona.as_ref(), opening.as_ref()].into_iter().flatten().chain(guidelines);
        let all = texts.map(String::as_str).chain(facts).chain(heard).collect::<Vec<_>>().join("\n");
        let (words, stems) = (normalised(&all), content_set(&all));
        Known { words, stems, spelled: LazyCell::new(Box::new(move || Spelled::of(&all))) }
    }
}

/// The facts that stand in the recorded opening, which is said whatever their gates: the real user bundled them.
pub(super) fn standing_in(brief: &Brief, text: &str) -> Vec<Telling> {
    let words = normalised(text);
    let told = brief.facts.iter().filter(|fact| Secret::of(&fact.text).stands_in(&words));
    told.map(|fact| Telling { fact: fact.id.clone(), opened_by: None }).collect()
}

/// The facts that words tell which people wrote: those that stand in them whole, and those of which they have every value
/// and most of the words.
pub(super) fn told_in(brief: &Brief, text: &str) -> Vec<Telling> {
    let (words, spelled) = (Words::of(text), Spelled::of(text));
    let is_told = |fact: &&Fact| {
        let secret = Secret::of(&fact.text);
        let has_values = || secret.values.iter().all(|value| spelled.has(&value.form));
        secret.stands_in(&words.normal) || has_values() && secret.most_said_in(&words, &BTreeSet::new()).is_some()
    };
    brief.facts.iter().filter(is_told).map(|fact| Telling { fact: fact.id.clone(), opened_by: None }).collect()
}

/// Whether the words are those of the brief for what is done with them. They are the suite's own, and were read by people.
fn is_verbatim(scene: &Scene<'_>, said: &Said) -> bool {
    let Brief { goal, opening, facts, .. } = scene.brief;
    let is_told = |fact: &&Fact| said.discloses.iter().any(|telling| telling.fact == fact.id);
    let is_a_wish = goal.lines().any(|wish| wish.trim() == said.text);
    match said.act {
        DialogueAct::Open | DialogueAct::Request | DialogueAct::Repeat if is_a_wish => true,
        DialogueAct::Open => opening.as_ref().unwrap_or(goal) == &said.text,
        DialogueAct::Repeat => {
            *goal == said.text || facts.iter().any(|fact| fact.text == said.text && scene.is_said(&fact.id))
        }
        _ => facts.iter().filter(is_told).any(|fact| fact.text == said.text),
    }
}

/// A fact that is told, with the words that opened its gate.
fn allowed(scene: &Scene<'_>, said: &Said, telling: &Telling) -> Result<Telling, Objection> {
    let id = &telling.fact;
    if is_wish(scene.brief, id) {
        return Ok(telling.clone());
    }
    let Some(fact) = scene.brief.facts.iter().find(|fact| fact.id == *id) else {
        return Err(Objection::new(Misstep::Invents, format!("it tells the fact `{id}`, which is not in its brief")));
    };
    let is_opening = said.act == DialogueAct::Open && scene.brief.opening.as_ref() == Some(&said.text);
    if is_opening || scene.is_said(id) {
        return Ok(Telling { fact: id.clone(), opened_by: None });
    }
    let cited = telling.opened_by.as_ref().and_then(|cited| said_by_agent(scene.heard, cited));
    let waits_for_agent = matches!(fact.gate, crate::Gate::Asked(_) | crate::Gate::When(_));
    let opened_by = match (gate::opened(&fact.gate, scene), cited) {
        (_, Some(cited)) if waits_for_agent => Some(cited),
        (Some(opened), _) => opened.by,
        (None, _) => {
            let reason = format!("it tells the fact `{id}`, whose gate is closed ({})", fact.gate);
            return Err(Objection::new(Misstep::GivesAway, reason));
        }
    };
    Ok(Telling { fact: id.clone(), opened_by })
}

/// One thing at a time, unless the real opening bundled several.
fn tells_too_much(scene: &Scene<'_>, said: &Said) -> Option<Objection> {
    let new: Vec<&str> = said.discloses.iter().map(|t| t.fact.as_str()).filter(|id| !scene.is_said(id)).collect();
    (new.len() > 1).then(|| Objection::new(Misstep::GivesAway, format!("it tells {} facts at once", new.len())))
}

/// A fact that is not to be said now stands in the words, whole, in one of its values, or in most of the words that are its own.
fn gives_away(message: &Message<'_>) -> Option<Objection> {
    let withheld = |(fact, _): &&(&Fact, Secret)| !message.scene.is_said(&fact.id) && !message.tells(fact);
    message.guard.facts.iter().filter(withheld).find_map(|(fact, secret)| {
        let words = given_away(secret, message)?;
        let reason = format!("it gives away the fact `{}` ({}): \"{words}\"", fact.id, fact.gate);
        Some(Objection::new(Misstep::GivesAway, reason))
    })
}

fn given_away(secret: &Secret, message: &Message<'_>) -> Option<String> {
    let known = &message.known;
    if secret.stands_in(&message.words.normal) && !says(&known.words, &secret.normal) {
        return Some(secret.normal.trim().to_owned());
    }
    let is_new = |value: &&Value| message.spelled.has(&value.form) && !known.spelled.has(&value.form);
    let value = secret.values.iter().find(is_new).map(|value| value.form.clone());
    value.or_else(|| secret.most_said_in(&message.words, &known.stems))
}

/// A value that neither the brief has nor anybody said.
fn invents(message: &Message<'_>) -> Option<Objection> {
    let named = values::named(&message.said.text);
    let invented = named.into_iter().find(|value| value.is_checkable() && !message.known.spelled.has(&value.form))?;
    let reason = format!("it names \"{}\", which is neither in its brief nor was said", invented.form);
    Some(Objection::new(Misstep::Invents, reason))
}

/// The fact that is told has a value that the message does not have, and the agent has not said it either.
fn leaves_out(message: &Message<'_>) -> Option<Objection> {
    let missing = |value: &&Value| value.is_checkable() && !message.spelled.has(&value.form);
    let told = message.guard.facts.iter().filter(|(fact, _)| message.tells(fact));
    let mut missing = told.flat_map(|(fact, secret)| secret.values.iter().filter(missing).map(|value| (*fact, value)));
    let heard = LazyCell::new(|| {
        let heard: Vec<&str> = message.scene.heard.by(Speaker::Agent).map(|m| m.text.as_str()).collect();
        Spelled::of(&heard.join("\n"))
    });
    let (fact, value) = missing.find(|(_, value)| !heard.has(&value.form))?;
    let reason = format!("it is to tell the fact `{}` and leaves out \"{}\"", fact.id, value.form);
    Some(Objection::new(Misstep::LeavesOut, reason))
}

fn leaves_style(message: &Message<'_>) -> Option<Objection> {
    let reason = message.guard.style.as_ref()?.left_by(&message.said.text)?;
    Some(Objection::new(Misstep::OutOfStyle, reason))
}
