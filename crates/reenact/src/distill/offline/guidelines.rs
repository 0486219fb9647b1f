//! How to play this user where goal and facts do not say it: triggers on what can be seen in any conversation.

use crate::case::Evidence;
use crate::{acts, claim, text};

use super::recording::{Prompt, Said};
use super::topic;

/// A brief is read at a glance.
const GUIDELINES_MAX: usize = 4;

/// The guidelines, with the words that show each.
pub(super) fn guidelines(said: &[Said<'_>], evidence: &mut Vec<Evidence>) -> Vec<String> {
    let mut guidelines: Vec<String> = Vec::new();
    for turn in said.iter().skip(1) {
        let Some((guideline, sentence)) = guideline(turn) else { continue };
        if guidelines.len() < GUIDELINES_MAX && !guidelines.contains(&guideline) {
            guidelines.push(guideline);
            evidence.push(turn.evidence(&format!("guidelines.{}", guidelines.len()), sentence));
        }
    }
    guidelines
}

fn guideline<'a>(turn: &Said<'a>) -> Option<(String, &'a str)> {
    if let Some(sentence) = turn.sentences.iter().find(|s| acts::asks_for_person(s)) {
        return Some(("If the agent says that it cannot help, ask for a person".to_owned(), sentence));
    }
    let first = *turn.sentences.first()?;
    if let Some(sentence) = turn.sentences.iter().find(|s| acts::lacks(s)) {
        let topic = topic(turn).filter(|_| matches!(turn.prompt, Prompt::Question | Prompt::Consent))?;
        return Some((format!("If the agent asks for {topic}, say that you do not have it"), sentence));
    }
    let declines = turn.prompt == Prompt::Consent && text::words(first).next().is_some_and(claim::denies);
    let topic = topic(turn).filter(|_| declines)?;
    Some((format!("If the agent offers {topic}, decline"), first))
}
