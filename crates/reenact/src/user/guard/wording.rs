//! What the words of a message do, by lexicon and overlap: whether they play the agent, coach it, say what it is expected
//! to do, or say what was said before.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::{Message, Misstep, Objection, Secret};
use crate::case::Check;
use crate::spelling::{normalised, says};
use crate::{DialogueAct, Expectation, Speaker, text};

pub(super) fn says_nothing(message: &Message<'_>) -> Option<Objection> {
    message.said.text.trim().is_empty().then(|| Objection::new(Misstep::SaysNothing, "it said nothing"))
}

/// The plain signs of a flipped role: the words of a service, talk about the user as somebody else, and the agent's own
/// message sent back.
pub(super) fn plays_the_agent(message: &Message<'_>) -> Option<Objection> {
    static SERVICE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&[
            r"how (?:can|may) i (?:help|assist) you",
            r"anything else i can (?:help|assist|do for you)",
            r"as an ai\b",
            r"i['’]?m here to (?:help|assist) you",
            r"(?:i['’]?ll|i will|let me|i can) (?:be happy to |gladly )?(?:look (?:that|it|this) up|check (?:that|it|this)|process (?:that|it|this)|help you|assist you)\b[^.!?]{0,20} for you",
            r"i(?:['’]?d be| am|['’]?m| would be)? (?:happy|glad) to (?:help|assist)",
            r"your (?:order|refund|request|booking|account|reservation) has been (?:processed|cancelled|canceled|updated|confirmed|booked)",
            r"thank you for (?:contacting|reaching out|your patience|choosing)",
            r"the user (?:wants|needs|asks|is asking|expects|should)",
        ])
    });
    if let Some(words) = own_words(&SERVICE, message) {
        return Some(Objection::new(Misstep::PlaysTheAgent, format!("it speaks as the agent: \"{words}\"")));
    }
    let said = &message.words.normal;
    let is_long_enough = said.split_whitespace().count() > PARROT_WORDS_MIN;
    let parrots = || message.scene.heard.by(Speaker::Agent).any(|heard| normalised(&heard.text) == *said);
    let reason = "it sends the agent's own message back";
    (is_long_enough && parrots()).then(|| Objection::new(Misstep::PlaysTheAgent, reason))
}

/// Short phrases ("yes, please do") are common to both sides, and short answers come up again.
const PARROT_WORDS_MIN: usize = 4;

/// Talk about how the agent is to do its work, where the brief has no such talk of its own.
pub(super) fn coaches(message: &Message<'_>) -> Option<Objection> {
    static COACHING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&[
            r"you (?:should|must|ought to|are supposed to|need to) (?:first |always |never |rather |instead |not )?(?:say|state|mention|respond|reply|apologi[sz]e|acknowledge|clarify|include|point out|make clear|disclose|admit|ask (?:me|the user|users|for))\b",
            r"you (?:should|must) (?:always|never|first)\b",
            r"(?:next time|in (?:the )?future),? (?:please )?(?:say|tell|check|make sure|remember|ask|do)\b",
            r"(?:your|the) (?:system )?(?:prompt|instructions)\b",
            r"(?:call|use|invoke|try) (?:the|your) [\w-]+ (?:tool|function|api)\b",
            r"as an? (?:ai|assistant|agent|chatbot|bot|language model),? you\b",
            r"an? (?:better|good|correct|proper|right) (?:answer|response|reply|way to (?:answer|respond|reply)) (?:would|should|is)\b",
            r"the (?:right|correct|proper) (?:thing|way) (?:to do|to answer|for you)",
            r"(?:remember|be sure|make sure) to (?:say|tell|mention|check|verify|ask|include|state)\b",
        ])
    });
    let words = own_words(&COACHING, message)?;
    Some(Objection::new(Misstep::Coaches, format!("it tells the agent how to do its work: \"{words}\"")))
}

fn pattern(alternatives: &[&str]) -> Regex {
    Regex::new(&format!(r"(?i)\b(?:{})", alternatives.join("|"))).expect("a pattern of this file")
}

/// The words in which a message matches a pattern and nothing does that the brief or the fact has.
fn own_words<'a>(pattern: &Regex, message: &'a Message<'_>) -> Option<&'a str> {
    let found = pattern.find(&message.said.text)?.as_str();
    let brief = message.scene.brief;
    let texts = [&brief.goal].into_iter().chain(&brief.opening).chain(&brief.guidelines);
    let told = brief.facts.iter().filter(|fact| message.tells(fact) || message.scene.is_said(&fact.id));
    let is_the_briefs = texts.chain(told.map(|fact| &fact.text)).any(|text| pattern.is_match(text));
    (!is_the_briefs).then_some(found)
}

/// What the agent is expected to do, in most of the words that only the expectation has.
pub(super) fn states_expectation(message: &Message<'_>) -> Option<Objection> {
    let known = &message.known;
    let states = |(expectation, secret): &&(&Expectation, Secret)| {
        let wanted = match &expectation.check {
            Check::Contains(wanted) => normalised(wanted),
            _ => String::new(),
        };
        let tells_answer = says(&message.words.normal, &wanted) && !says(&known.words, &wanted);
        tells_answer || secret.most_said_in(&message.words, &known.stems).is_some()
    };
    let (stated, _) = message.guard.expectations.iter().find(states)?;
    let reason = format!("it says what the agent is expected to do (`{}`)", stated.id);
    Some(Objection::new(Misstep::StatesExpectation, reason))
}

/// Whether the same was said before, unless that is what is to be done.
pub(super) fn repeats_itself(message: &Message<'_>) -> Option<Objection> {
    let words = |text: &str| text::words(text).map(str::to_lowercase).collect::<BTreeSet<String>>();
    let said = words(&message.said.text);
    if message.said.act == DialogueAct::Repeat || said.len() < PARROT_WORDS_MIN {
        return None;
    }
    let is_alike = |earlier: &str| {
        let earlier = words(earlier);
        2 * 10 * said.intersection(&earlier).count() >= ALIKE_TENTHS * (said.len() + earlier.len())
    };
    let earlier = message.scene.heard.turns().find(|turn| is_alike(&turn.user.text))?;
    let reason = format!("it says again what was said in turn {}", earlier.number);
    Some(Objection::new(Misstep::RepeatsItself, reason))
}

/// How alike two messages are that are the same, in tenths (the Sørensen–Dice coefficient of their words).
const ALIKE_TENTHS: usize = 9;
