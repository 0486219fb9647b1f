//! The line that code holds for a model that plays the user: what its words give away, and whether they are a user's.
//!
//! A prompt asks for these things; this makes them so. Each check is a function that takes the scene
//! and the words and names what is wrong, listed once in `CHECKS`.

use std::sync::LazyLock;

use regex::Regex;

use super::Scene;
use crate::spelling::{normalised, says};
use crate::text::content_stems;
use crate::{Fact, Gate, Speaker};

type Check = fn(&Scene<'_>, &str, &[String]) -> Option<String>;

/// Every check, in the order in which they are made.
const CHECKS: [Check; 4] = [is_empty, tells_unknown_facts, tells_closed_facts, plays_the_agent];

/// Whether a user of this scene may say these words and give these facts away.
///
/// # Errors
/// What is wrong, in a line.
pub fn check(scene: &Scene<'_>, text: &str, discloses: &[String]) -> Result<(), String> {
    match CHECKS.iter().find_map(|check| check(scene, text, discloses)) {
        Some(wrong) => Err(wrong),
        None => Ok(()),
    }
}

/// The facts that words give away: those that are declared, and those whose text stands in the words.
///
/// A fact that the agent has told before the user is no secret, so repeating its words gives nothing away.
#[must_use]
pub fn given_away(scene: &Scene<'_>, text: &str, declared: Vec<String>) -> Vec<String> {
    let words = normalised(text);
    let mut all: Vec<String> = Vec::with_capacity(declared.len());
    let spoken = scene.brief.facts.iter().filter(|fact| stands_in(fact, &words) && !told_by_agent(scene, fact));
    for id in declared.into_iter().chain(spoken.map(|fact| fact.id.clone())) {
        if !all.contains(&id) {
            all.push(id);
        }
    }
    all
}

/// A fact such as "yes" stands in too much to mean anything.
pub(super) fn stands_in(fact: &Fact, words: &str) -> bool {
    !content_stems(&fact.text).is_empty() && says(words, &normalised(&fact.text))
}

fn told_by_agent(scene: &Scene<'_>, fact: &Fact) -> bool {
    scene.heard.by(Speaker::Agent).any(|message| stands_in(fact, &normalised(&message.text)))
}

fn is_empty(_: &Scene<'_>, text: &str, _: &[String]) -> Option<String> {
    text.trim().is_empty().then(|| "it said nothing".to_owned())
}

fn tells_unknown_facts(scene: &Scene<'_>, _: &str, discloses: &[String]) -> Option<String> {
    let unknown = discloses.iter().find(|id| scene.brief.facts.iter().all(|fact| fact.id != **id))?;
    Some(format!("it tells the fact `{unknown}`, which is not in its brief"))
}

fn tells_closed_facts(scene: &Scene<'_>, _: &str, discloses: &[String]) -> Option<String> {
    let is_said = |id: &str| scene.disclosures.iter().any(|disclosure| disclosure.fact == id);
    let told = scene.brief.facts.iter().filter(|fact| discloses.contains(&fact.id) && !is_said(&fact.id));
    told.into_iter().find_map(|fact| match &fact.gate {
        Gate::Never => Some(format!("it tells the fact `{}`, which is never told", fact.id)),
        Gate::After(first) if !is_said(first) => {
            Some(format!("it tells the fact `{}` before `{first}` has been told", fact.id))
        }
        _ => None,
    })
}

/// The two plain signs of a flipped role: the words of a service, and the agent's own message sent back.
fn plays_the_agent(scene: &Scene<'_>, text: &str, _: &[String]) -> Option<String> {
    static SERVICE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)\bhow (?:can|may) i (?:help|assist) you\b|\banything else i can (?:help|assist|do for you)\b|\bas an ai\b|\bi(?:'|’)?m here to (?:help|assist) you\b",
        )
        .expect("a pattern of this file")
    });
    if let Some(words) = SERVICE.find(text) {
        return Some(format!("it speaks as the agent: \"{}\"", words.as_str()));
    }
    let said = normalised(text);
    let is_long_enough = said.split_whitespace().count() > PARROT_WORDS_MIN;
    let parrots = scene.heard.by(Speaker::Agent).any(|message| normalised(&message.text) == said);
    (is_long_enough && parrots).then(|| "it sends the agent's own message back".to_owned())
}

/// Short phrases ("yes, please do") are common to both sides.
const PARROT_WORDS_MIN: usize = 4;
