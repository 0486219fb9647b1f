//! Two conversations beside each other, turn by turn, with what is to be seen in each turn.

use std::collections::VecDeque;

use reenact::alignment::{Aligned, aligned};
use reenact::{Conversation, Correction, Message, Origin, Speaker, ToolCall, Trial};
use schemars::JsonSchema;
use serde::Serialize;

/// A turn of the one conversation beside the turn of the other that stands for it.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::serve) struct Pair {
    one: Option<TurnShown>,
    other: Option<TurnShown>,
}

/// What was said in a turn; turn 0 is what was said before the first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct TurnShown {
    number: u32,
    messages: Vec<Said>,
    /// Facts that the user told in it.
    told: Vec<String>,
    /// Messages that were worded for it and not let through.
    corrections: Vec<Correction>,
    /// The places, from 1, of the assessments that cite it.
    cited_by: Vec<usize>,
    /// How long the agent took, in milliseconds, where that was measured.
    latency_ms: Option<u64>,
}

/// A message.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Said {
    speaker: Speaker,
    /// The tool that answers.
    tool: Option<String>,
    /// What was said, in pieces: some of it is marked.
    text: Vec<Piece>,
    calls: Vec<ToolCall>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
struct Piece {
    text: String,
    /// What these words are marked for; nothing for the text between.
    mark: Option<String>,
}

/// A conversation with what is known of its turns.
#[derive(Debug, Default)]
pub(in crate::serve) struct Talk {
    turns: VecDeque<TurnShown>,
}

impl Talk {
    /// A conversation of which nothing else is known.
    pub(in crate::serve) fn of(conversation: &Conversation) -> Talk {
        Talk { turns: turns(conversation).into() }
    }

    /// The conversation of a trial; `first_reply` is the turn of the first reply whose latency was measured.
    pub(in crate::serve) fn of_trial(trial: &Trial, first_reply: u32) -> Talk {
        let mut talk = Talk::of(&trial.conversation);
        for turn in &mut talk.turns {
            let number = turn.number;
            let told = trial.disclosures.iter().filter(|told| told.turn == number);
            turn.told = told.map(|told| told.fact.clone()).collect();
            turn.corrections = trial.corrections.iter().filter(|it| it.turn == number).cloned().collect();
            let cites = |(place, assessment): (usize, &reenact::Assessment)| {
                assessment.turns.contains(&number).then_some(place + 1)
            };
            turn.cited_by = trial.assessments.iter().enumerate().filter_map(cites).collect();
            let reply = number.checked_sub(first_reply).map(|reply| reply as usize);
            turn.latency_ms = reply.and_then(|reply| trial.agent_latencies_ms.get(reply).copied());
        }
        let opened = trial.disclosures.iter().filter_map(|told| Some((told.opened_by.as_ref()?, &told.fact)));
        opened.for_each(|(cited, fact)| talk.mark(cited.turn, &cited.words, &format!("opened the gate of {fact}")));
        talk
    }

    /// The recording that a case comes from, with the words that its parts were taken from.
    pub(in crate::serve) fn of_recording(conversation: &Conversation, origin: &Origin) -> Talk {
        let mut talk = Talk::of(conversation);
        origin.evidence.iter().for_each(|evidence| talk.mark(evidence.turn, &evidence.quote, &evidence.field));
        talk
    }

    fn mark(&mut self, turn: u32, words: &str, mark: &str) {
        let turn = self.turns.iter_mut().find(|shown| shown.number == turn);
        for said in turn.into_iter().flat_map(|turn| &mut turn.messages) {
            said.text = said.text.drain(..).flat_map(|piece| piece.marked(words, mark)).collect();
        }
    }

    /// Takes the turn out that has this number.
    fn take(&mut self, number: u32) -> Option<TurnShown> {
        let place = self.turns.iter().position(|turn| turn.number == number)?;
        self.turns.remove(place)
    }
}

impl Piece {
    /// The piece in up to three, with the first such words in it marked; words that are marked already stay as they are.
    fn marked(self, words: &str, mark: &str) -> Vec<Piece> {
        let Some(at) = self.text.find(words).filter(|_| self.mark.is_none() && !words.is_empty()) else {
            return vec![self];
        };
        let end = at + words.len();
        let piece = |text: &str, mark: Option<&str>| Piece { text: text.to_owned(), mark: mark.map(str::to_owned) };
        let pieces =
            [piece(&self.text[..at], None), piece(&self.text[at..end], Some(mark)), piece(&self.text[end..], None)];
        pieces.into_iter().filter(|piece| !piece.text.is_empty()).collect()
    }
}

fn turns(conversation: &Conversation) -> Vec<TurnShown> {
    let shown = |number, messages: Vec<Said>| TurnShown {
        number,
        messages,
        told: Vec::new(),
        corrections: Vec::new(),
        cited_by: Vec::new(),
        latency_ms: None,
    };
    let before: Vec<Said> =
        conversation.messages.iter().take_while(|message| message.speaker != Speaker::User).map(said).collect();
    let turns = conversation.turns().map(|turn| {
        let messages = std::iter::once(turn.user).chain(turn.rest).map(said).collect();
        shown(turn.number, messages)
    });
    (!before.is_empty()).then(|| shown(0, before)).into_iter().chain(turns).collect()
}

fn said(message: &Message) -> Said {
    let text = Piece { text: message.text.clone(), mark: None };
    Said {
        speaker: message.speaker,
        tool: message.name.clone(),
        text: if message.text.is_empty() { Vec::new() } else { vec![text] },
        calls: message.tool_calls.clone(),
    }
}

/// Every turn of both once: those that stand for each other in one row.
pub(in crate::serve) fn beside(
    (one, mut of_one): (&Conversation, Talk),
    (other, mut of_other): (&Conversation, Talk),
) -> Vec<Pair> {
    let before = Aligned { one: Some(0), other: Some(0) };
    let rows = std::iter::once(before).chain(aligned(one, other));
    // Both are gone through in order, so that what is taken out stands at the front.
    let pair = |row: Aligned| Pair {
        one: row.one.and_then(|turn| of_one.take(turn)),
        other: row.other.and_then(|turn| of_other.take(turn)),
    };
    rows.map(pair).filter(|pair| pair.one.is_some() || pair.other.is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_marked_where_they_stand_and_nothing_is_lost() {
        let piece = Piece { text: "which order number is it?".into(), mark: None };
        let pieces = piece.clone().marked("order number", "opened");
        let texts: Vec<(&str, bool)> = pieces.iter().map(|it| (it.text.as_str(), it.mark.is_some())).collect();
        assert_eq!(texts, [("which ", false), ("order number", true), (" is it?", false)]);
        for elsewhere in ["", "phone", "order number is it? yes"] {
            assert_eq!(piece.clone().marked(elsewhere, "opened"), std::slice::from_ref(&piece));
        }
    }

    #[test]
    fn what_was_said_before_the_first_turn_stands_before_it() {
        let one: Conversation = [Message::agent("hello"), Message::user("hi")].into_iter().collect();
        let other: Conversation = [Message::user("hi")].into_iter().collect();
        let rows = beside((&one, Talk::of(&one)), (&other, Talk::of(&other)));
        let numbers: Vec<_> = rows
            .iter()
            .map(|row| (row.one.as_ref().map(|turn| turn.number), row.other.as_ref().map(|turn| turn.number)))
            .collect();
        assert_eq!(numbers, [(Some(0), None), (Some(1), Some(1))]);
    }
}
