//! Stress variants: a case made harder in one way, with the same goal and the same expectations.
//!
//! A labelled variant says how an agent bears impatience or a typing error; mixed into the case's own trials it would
//! only blur them. So each has an id of its own, and is reported apart.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Brief, Fact, Gate, TestCase};
use crate::text;

/// A way of making a case harder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stress {
    /// Leaves after the first ask that stays unanswered.
    Impatient,
    /// Begins with half a sentence, and tells the rest when asked.
    Vague,
    /// Talks about something else in between.
    Tangential,
    /// Mistypes words; numbers and names stay as they are.
    Typos,
    /// Changes its mind in the middle, and changes it back.
    ChangedMind,
    /// Writes in another language; takes a model.
    OtherLanguage,
}

/// Which case a variant was derived from, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variant {
    /// The id of the case.
    pub of: String,
    /// How it was made harder.
    pub stress: Stress,
}

impl Stress {
    /// All ways.
    pub const ALL: [Stress; 6] = [
        Stress::Impatient,
        Stress::Vague,
        Stress::Tangential,
        Stress::Typos,
        Stress::ChangedMind,
        Stress::OtherLanguage,
    ];

    /// The way as it is named.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stress::Impatient => "impatient",
            Stress::Vague => "vague",
            Stress::Tangential => "tangential",
            Stress::Typos => "typos",
            Stress::ChangedMind => "changed-mind",
            Stress::OtherLanguage => "other-language",
        }
    }

    /// Whether only a model can play it.
    #[must_use]
    pub fn takes_a_model(self) -> bool {
        self == Stress::OtherLanguage
    }

    /// The variant of a case, with the id `CASE~WAY`.
    ///
    /// # Errors
    /// Why this case has no such variant.
    pub fn variant_of(self, case: &TestCase) -> Result<TestCase, String> {
        if !case.staging.script.is_empty() {
            return Err("its messages are a script".to_owned());
        }
        let mut brief = case.brief.clone();
        match self {
            Stress::Impatient => impatient(&mut brief),
            Stress::Vague => vague(&mut brief)?,
            Stress::Tangential => insert(&mut brief, &[TANGENT])?,
            Stress::Typos => {}
            Stress::ChangedMind => insert(&mut brief, &CHANGES_OF_MIND)?,
            Stress::OtherLanguage => other_language(&mut brief),
        }
        let variant = Some(Variant { of: case.id.clone(), stress: self });
        Ok(TestCase { id: format!("{}~{}", case.id, self.as_str()), brief, variant, ..case.clone() })
    }
}

impl fmt::Display for Stress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stress {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Stress::ALL.into_iter().find(|stress| stress.as_str() == name.trim());
        let all = Stress::ALL.map(Stress::as_str).join(", ");
        found.ok_or_else(|| format!("`{name}` is no way of making a case harder; there are {all}"))
    }
}

impl Variant {
    /// A message as this variant's user types it: the same for the same seed and turn.
    pub(crate) fn misspelt(&self, text: String, seed: u64, turn: u32) -> String {
        if self.stress == Stress::Typos { with_typos(&text, seed, turn) } else { text }
    }
}

fn impatient(brief: &mut Brief) {
    brief.patience = Some(1);
    brief.guidelines.push("This person is in a hurry and has no patience left: short, curt, no manners.".to_owned());
}

fn other_language(brief: &mut Brief) {
    // The recorded opening is in the language that is not to be spoken.
    brief.opening = None;
    let guideline = "This person writes every message in Spanish; where the goal is in Spanish, in English. Names, \
                     numbers and ids stay as they are.";
    brief.guidelines.push(guideline.to_owned());
}

/// The opening up to where it becomes particular; the whole of it is told when the agent asks.
fn vague(brief: &mut Brief) -> Result<(), String> {
    let whole = brief.opening.clone().unwrap_or_else(|| brief.goal.clone());
    let words: Vec<&str> = whole.split_whitespace().collect();
    let first = text::sentences(&whole).first().map_or(0, |sentence| sentence.split_whitespace().count());
    let is_particular = |word: &&&str| word.chars().any(|c| c.is_ascii_digit());
    let before = words.iter().take_while(|word| !is_particular(word)).count().min(first);
    let kept = before.min(words.len() / 2).max(VAGUE_WORDS_MIN);
    if kept >= words.len() {
        return Err("its first message is too short to leave anything out".to_owned());
    }
    let topic = text::content_stems(&whole).join(" ");
    if topic.is_empty() {
        return Err("its first message has no words that an agent could ask about".to_owned());
    }
    brief.opening = Some(format!("{}...", words[..kept].join(" ").trim_end_matches([',', '.', ';', ':', '?', '!'])));
    let told = fact(brief, "whole-wish", whole, Gate::Asked(topic));
    brief.facts.insert(0, told);
    Ok(())
}

/// Fewer words than these say nothing at all.
const VAGUE_WORDS_MIN: usize = 3;

const TANGENT: (&str, &str) = ("tangent", "By the way, it has been raining here all day. Anyway.");
const CHANGES_OF_MIND: [(&str, &str); 2] = [
    ("changed-mind", "Hold on, I am not sure that I still want this. Maybe leave it."),
    ("changed-back", "No, forget what I just said. Please go on, I want it as I said before."),
];

/// Adds what is said in between, one after another, as soon as there is room for it.
fn insert(brief: &mut Brief, said: &[(&str, &str)]) -> Result<(), String> {
    if !crate::acts::knows(&brief.goal) || brief.goal.chars().any(text::is_cjk) {
        return Err("its user does not write English, and what is said in between is".to_owned());
    }
    let mut gate = Gate::Open;
    for (place, (id, text)) in said.iter().enumerate() {
        let fact = fact(brief, id, (*text).to_owned(), gate);
        gate = Gate::After(fact.id.clone());
        brief.facts.insert(place, fact);
    }
    Ok(())
}

/// A fact with an id that no other has.
fn fact(brief: &Brief, id: &str, text: String, gate: Gate) -> Fact {
    let is_taken = |id: &str| brief.facts.iter().any(|fact| fact.id == id);
    Fact { id: crate::slug::unique(id.to_owned(), is_taken), text, gate }
}

/// One word in so many is mistyped.
const WORDS_A_TYPO: u64 = 6;

/// The text with two neighbouring letters of some words swapped, which is how most people mistype. Words with digits or
/// capitals inside, and short ones, stay: a mistyped order number would be another one.
fn with_typos(text: &str, seed: u64, turn: u32) -> String {
    let mut place = 0_u64;
    text.split_inclusive(char::is_whitespace)
        .map(|piece| {
            place += 1;
            let chance = blake3::hash(format!("{seed}\n{turn}\n{place}").as_bytes());
            let chance = u64::from_le_bytes(chance.as_bytes()[..8].try_into().expect("eight bytes of thirty-two"));
            if chance % WORDS_A_TYPO == 0 { mistyped(piece, chance / WORDS_A_TYPO) } else { piece.to_owned() }
        })
        .collect()
}

fn mistyped(word: &str, chance: u64) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let length = letters.iter().take_while(|c| c.is_alphabetic()).count();
    let is_plain = letters.iter().all(|c| !c.is_numeric() && *c != '@' && *c != '_' && !text::is_cjk(*c));
    let is_name = letters.first().is_some_and(|c| c.is_uppercase()) && letters.get(1).is_some_and(|c| c.is_lowercase());
    if length < 4 || !is_plain || is_name {
        return word.to_owned();
    }
    let at = 1 + (chance as usize) % (length - 2);
    letters.swap(at, at + 1);
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> TestCase {
        let facts = vec![Fact { id: "where".into(), text: "in Leeds".into(), gate: Gate::Asked("the town".into()) }];
        let opening = Some("I want my money back for the order 4711 that came broken".into());
        let brief =
            Brief { goal: "I want my money back for the order 4711".into(), opening, facts, ..Brief::default() };
        TestCase { id: "refund".into(), brief, ..TestCase::default() }
    }

    #[test]
    fn a_variant_keeps_the_goal_and_the_expectations_and_has_an_id_of_its_own() {
        for stress in Stress::ALL {
            let variant = stress.variant_of(&case()).unwrap();
            assert_eq!(variant.id, format!("refund~{stress}"));
            assert_eq!((&variant.brief.goal, &variant.expectations), (&case().brief.goal, &case().expectations));
            assert_eq!(variant.variant, Some(Variant { of: "refund".into(), stress }));
            assert_eq!(stress.as_str().parse(), Ok(stress));
        }
    }

    #[test]
    fn a_vague_user_begins_with_half_a_sentence_and_tells_the_rest_when_asked() {
        let brief = Stress::Vague.variant_of(&case()).unwrap().brief;
        assert_eq!(brief.opening.as_deref(), Some("I want my money back for..."));
        assert_eq!(brief.facts[0].text, case().brief.opening.unwrap());
        assert!(matches!(&brief.facts[0].gate, Gate::Asked(topic) if topic.contains("order")));
    }

    #[test]
    fn typos_are_the_same_for_the_same_seed_and_leave_values_alone() {
        let text = "please send everything about order W4711 to Elm Street as quickly as possible, thank you very much";
        let typed: Vec<String> = (0..20).map(|seed| with_typos(text, seed, 1)).collect();
        assert_eq!(typed[3], with_typos(text, 3, 1));
        assert!(typed.iter().any(|typed| typed != text) && typed[3] != with_typos(text, 3, 2));
        assert!(typed.iter().all(|typed| typed.contains("W4711") && typed.contains("Elm Street")), "{typed:?}");
    }

    #[test]
    fn what_cannot_be_made_harder_says_why() {
        let short = Brief { goal: "my parcel".into(), ..Brief::default() };
        let why = Stress::Vague.variant_of(&TestCase { brief: short, ..case() }).unwrap_err();
        assert!(why.contains("too short"), "{why}");
        let chinese = Brief { goal: "我想订酒店".into(), ..Brief::default() };
        assert!(Stress::Tangential.variant_of(&TestCase { brief: chinese, ..case() }).is_err());
    }
}
