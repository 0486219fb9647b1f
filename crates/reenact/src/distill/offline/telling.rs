//! What each turn of the user tells, and by which channel: the goal where it is told of the user's own accord, a
//! gated fact where the agent asked for it or provoked it. What was told before is not told again.

use std::collections::BTreeSet;

use crate::case::{Evidence, Gate};
use crate::distill::values::{FirstSaid, Spoken, Value, ValueKind, values};
use crate::{acts, text};

use super::essence::{self, Piece};
use super::heard::HeardNames;
use super::pushback::{self, Pushback};
use super::recording::{Prompt, Said};
use super::{offset, topic};

/// How many words of an answer that tells nothing new are kept: "yes", "the same again".
const ANSWER_WORDS_MAX: usize = 3;

/// What a turn tells, in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) turn: u32,
    /// The turn's words.
    source: &'a str,
    /// The parts of them that tell something.
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) channel: Channel,
}

impl Told<'_> {
    /// The pieces as one text.
    pub(super) fn text(&self) -> String {
        essence::joined(self.source, &merged(self.source, &self.pieces))
    }

    /// Evidence for a part of the case: the whole message, which a simulated user says again where it fits.
    pub(super) fn evidence(&self, field: &str) -> Evidence {
        Evidence { field: field.to_owned(), turn: self.turn, quote: self.source.to_owned() }
    }
}

/// Who may learn it when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Channel {
    /// It is what the user came for.
    Goal,
    /// It waits for this.
    Gated(Gate),
}

/// What a recording tells.
pub(super) struct Telling<'a> {
    /// Turn by turn, in the order of the recording.
    pub(super) told: Vec<Told<'a>>,
    /// The turns in which the user only asked once more, because the answer was none.
    pub(super) in_vain: Vec<u32>,
}

/// What the turns tell.
pub(super) fn telling<'a>(said: &[Said<'a>], spoken: &Spoken<'_>) -> Telling<'a> {
    let mut listener = Listener::of(spoken);
    let mut told: Vec<Told<'a>> = Vec::new();
    let end = said.iter().rposition(|turn| !closes(turn)).map_or(0, |last| last + 1);
    for turn in &said[..end] {
        told.extend(listener.told(turn, told.is_empty()));
    }
    Telling { told, in_vain: listener.in_vain }
}

/// Whether a turn only says goodbye: manners, or "no" to the question whether there is more.
pub(super) fn closes(turn: &Said<'_>) -> bool {
    turn.sentences.iter().all(|s| acts::is_social(s))
        || turn.prompt == Prompt::More
            && turn.sentences.iter().flat_map(|s| essence::pieces(s)).all(|p| p.about.is_empty())
}

/// What has been told so far.
struct Listener<'s, 'a> {
    spoken: &'s Spoken<'s>,
    known: BTreeSet<String>,
    /// What was asked for since something new was told.
    requests: Vec<&'a str>,
    in_vain: Vec<u32>,
    heard: HeardNames,
}

/// The parts of a turn that tell something.
struct Substance<'a> {
    pieces: Vec<Piece<'a>>,
    /// A value that only a tool had said before: the user's own knowledge, and not for the goal.
    is_hidden: bool,
    /// A value that the user took up from the agent.
    adopted: Option<String>,
}

impl<'s, 'a> Listener<'s, 'a> {
    fn of(spoken: &'s Spoken<'s>) -> Self {
        let (known, heard) = (BTreeSet::new(), HeardNames::default());
        Listener { spoken, known, requests: Vec::new(), in_vain: Vec::new(), heard }
    }

    fn told(&mut self, turn: &Said<'a>, is_first: bool) -> Option<Told<'a>> {
        self.heard.hear(&turn.agent_sentences);
        let told = self.told_by(turn, is_first);
        self.heard.say(turn.text);
        told
    }

    fn told_by(&mut self, turn: &Said<'a>, is_first: bool) -> Option<Told<'a>> {
        let requests: Vec<&'a str> = turn.sentences.iter().copied().filter(|s| acts::requests(s)).collect();
        let wants_another = turn.sentences.iter().any(|s| acts::wants_another(s));
        let asks_again = !requests.is_empty() && !wants_another;
        let is_repeated = asks_again && self.requests.iter().any(|request| repeats(turn.text, request));
        let substance = self.substance(turn);
        let new: Vec<Piece<'a>> = substance.pieces.iter().filter(|p| self.tells(p, turn)).cloned().collect();
        if is_repeated {
            self.in_vain.push(turn.turn);
        } else if !new.is_empty() {
            self.requests.clear();
        }
        self.requests.extend(requests);
        let (pieces, channel) = match () {
            () if is_repeated => asked_again(turn)?,
            () => self.channel(turn, substance, new, is_first)?,
        };
        self.known.extend(pieces.iter().flat_map(|piece| piece.about.iter().cloned()));
        Some(Told { turn: turn.turn, source: turn.text, pieces, channel })
    }

    /// Whether a piece tells something new; "no" does where something was asked.
    fn tells(&self, piece: &Piece<'a>, turn: &Said<'a>) -> bool {
        let is_answer = matches!(turn.prompt, Prompt::Consent | Prompt::Question) && piece.about.is_empty();
        is_answer || piece.is_new(&self.known)
    }

    fn channel(
        &self,
        turn: &Said<'a>,
        substance: Substance<'a>,
        new: Vec<Piece<'a>>,
        is_first: bool,
    ) -> Option<(Vec<Piece<'a>>, Channel)> {
        match pushback::pushback(turn) {
            Pushback::Against(claim) => {
                let gate = Gate::When(format!("the agent says \"{claim}\""));
                return Some((some_of(new, turn), Channel::Gated(gate)));
            }
            // Said to an agent that does nothing wrong, it would help; so it is kept, and not said.
            Pushback::Unclear if new.is_empty() => return None,
            Pushback::Unclear => return Some((new, Channel::Gated(Gate::Never))),
            Pushback::None => {}
        }
        if new.is_empty() {
            return self.nothing_new(turn, substance.adopted);
        }
        if substance.is_hidden {
            let gate = topic(turn).map_or(Gate::Open, Gate::Asked);
            return Some((new, Channel::Gated(gate)));
        }
        if is_first {
            return Some((new, Channel::Goal));
        }
        if is_own_accord(turn) {
            return Some(unprompted(turn, new));
        }
        if let Some(value) = substance.adopted.filter(|_| matches!(turn.prompt, Prompt::Question | Prompt::Consent)) {
            let gate = Gate::When(format!("the agent mentions {value}"));
            return Some((self.new_pieces(turn), Channel::Gated(gate)));
        }
        // "Where from and when?" has no word to be known by.
        Some((new, Channel::Gated(topic(turn).map_or(Gate::Open, Gate::Asked))))
    }

    fn nothing_new(&self, turn: &Said<'a>, adopted: Option<String>) -> Option<(Vec<Piece<'a>>, Channel)> {
        // Patience decides when the user leaves.
        if turn.sentences.iter().any(|s| acts::gives_up(s)) {
            return None;
        }
        if let Some(value) = adopted {
            let new = self.new_pieces(turn);
            if !new.is_empty() {
                return Some((new, Channel::Gated(Gate::When(format!("the agent mentions {value}")))));
            }
        }
        let gate = match turn.prompt {
            Prompt::Consent | Prompt::Question => topic(turn).map(Gate::Asked),
            _ => pushback::cue(turn).map(|said| Gate::When(format!("the agent says \"{said}\""))),
        };
        Some((vec![answer(turn)], Channel::Gated(gate?)))
    }

    /// The pieces of a turn that tell something new, with the names that the agent brought up; with ids as well only where they
    /// are all that is new, and with prices and times where they are all there is.
    fn new_pieces(&self, turn: &Said<'a>) -> Vec<Piece<'a>> {
        let telling = turn.sentences.iter().filter(|s| is_telling(turn, s)).flat_map(|s| essence::pieces(s));
        let all: Vec<Piece<'a>> = telling.filter(|piece| piece.is_new(&self.known)).collect();
        let without = |kinds: &'static [ValueKind]| all.iter().flat_map(|piece| self.without_heard(piece, kinds));
        let bare: Vec<Piece<'a>> = without(&[ValueKind::Amount, ValueKind::Time, ValueKind::Id])
            .filter(|piece| piece.is_new(&self.known))
            .collect();
        if !bare.is_empty() {
            return bare;
        }
        let chosen: Vec<Piece<'a>> = without(&[ValueKind::Amount, ValueKind::Time]).collect();
        if chosen.iter().any(|piece| !piece.about.is_empty()) { chosen } else { all }
    }

    /// A price, a time or an id that the agent gave is not the user's to tell, not even where the user agrees to it.
    fn without_heard(&self, piece: &Piece<'a>, kinds: &[ValueKind]) -> Vec<Piece<'a>> {
        let is_price = |value: &Value<'_>| {
            kinds.contains(&value.kind) && self.spoken.first_heard(value.text) == FirstSaid::ByAgent
        };
        let at = |value: Value<'_>| (offset(piece.text, value.text), offset(piece.text, value.text) + value.text.len());
        let prices: Vec<(usize, usize)> = values(piece.text).into_iter().filter(is_price).map(at).collect();
        if prices.is_empty() { vec![piece.clone()] } else { without(piece.text, prices) }
    }

    /// The pieces of a turn, without the values that the agent brought up.
    fn substance(&self, turn: &Said<'a>) -> Substance<'a> {
        let mut substance = Substance { pieces: Vec::new(), is_hidden: false, adopted: turn.adopted.clone() };
        for sentence in turn.sentences.iter().filter(|s| is_telling(turn, s)) {
            let is_wish = acts::requests(sentence)
                || acts::states_wish(sentence)
                || acts::asks_for_person(sentence)
                || essence::has_values(sentence);
            for piece in essence::pieces(sentence) {
                let is_start = sentence.starts_with(piece.text);
                let is_wish = is_wish && (piece.names || !acts::is_remark(piece.text));
                let (own, is_hidden) = self.own(Piece { is_wish, ..piece }, is_start);
                substance.is_hidden |= is_hidden;
                substance.pieces.extend(own);
            }
        }
        substance
    }

    /// A piece without the values that the user had heard from the agent, and whether one is left that only a tool knew.
    fn own(&self, piece: Piece<'a>, is_start: bool) -> (Vec<Piece<'a>>, bool) {
        // A name at the start of a piece stands within a text when pieces are joined.
        let before = if is_start { "" } else { "x " };
        let within = format!("{before}{}", piece.text);
        let mut heard: Vec<(usize, usize)> = self.heard.names(piece.text);
        let mut is_hidden = false;
        for value in values(&within) {
            let at = offset(&within, value.text) - before.len();
            if self.spoken.first_heard(value.text) == FirstSaid::ByAgent {
                heard.push((at, at + value.text.len()));
            } else if self.spoken.first_said(value.text) == FirstSaid::ByAgent {
                is_hidden = true;
            }
        }
        if heard.is_empty() {
            return (vec![piece], is_hidden);
        }
        let is_wish = piece.is_wish;
        (without(piece.text, heard).into_iter().map(|left| Piece { is_wish, ..left }).collect(), is_hidden)
    }
}

/// A text without some parts, as pieces.
fn without(text: &str, mut parts: Vec<(usize, usize)>) -> Vec<Piece<'_>> {
    parts.sort_unstable();
    parts.push((text.len(), text.len()));
    let mut start = 0;
    let mut left = Vec::new();
    for (from, to) in parts {
        if from > start {
            left.extend(essence::pieces(&text[start..from]));
        }
        start = start.max(to);
    }
    left
}

/// Whether a sentence tells something besides a feeling, an order to the machine, or that the user leaves.
fn is_telling(turn: &Said<'_>, sentence: &str) -> bool {
    if acts::is_social(sentence) || acts::orders_the_machine(sentence) || acts::gives_up(sentence) {
        return false;
    }
    let is_exclaimed = sentence.ends_with(['!', '！']) && turn.sentences.len() > 1;
    !is_exclaimed || acts::requests(sentence) || essence::has_values(sentence)
}

/// What is said of the user's own accord: what it wishes; or else, where it takes up what the agent said, a reaction to it.
fn unprompted<'a>(turn: &Said<'a>, new: Vec<Piece<'a>>) -> (Vec<Piece<'a>>, Channel) {
    if new.iter().any(|piece| piece.is_wish) {
        let wishes = new.into_iter().filter(|piece| piece.is_wish || turn.prompt == Prompt::Consent);
        return (wishes.collect(), Channel::Goal);
    }
    let heard: BTreeSet<String> = turn.agent_sentences.iter().flat_map(|s| text::content_stems(s)).collect();
    let takes_up = new.iter().flat_map(|piece| &piece.about).any(|word| heard.contains(word));
    match pushback::cue(turn).filter(|_| takes_up) {
        Some(said) => (new, Channel::Gated(Gate::When(format!("the agent says \"{said}\"")))),
        None => (new, Channel::Goal),
    }
}

/// Whether a sentence asks once more for what was asked before.
fn repeats(sentence: &str, request: &str) -> bool {
    let words = text::content_set(sentence);
    !words.is_empty() && words.is_subset(&text::content_set(request))
}

/// Whether the user speaks of the user's own accord, and does not answer.
fn is_own_accord(turn: &Said<'_>) -> bool {
    let first = turn.sentences.iter().find(|sentence| !essence::pieces(sentence).is_empty());
    let Some(first) = first else { return false };
    match turn.prompt {
        Prompt::Nothing | Prompt::More | Prompt::Invitation => true,
        Prompt::Consent => acts::requests(first) || turn.sentences.iter().any(|s| acts::adds(s)),
        Prompt::Question => acts::is_question(first) || acts::adds(first) && acts::requests(first),
    }
}

/// The pieces, or where none is new the first words of the turn.
fn some_of<'a>(new: Vec<Piece<'a>>, turn: &Said<'a>) -> Vec<Piece<'a>> {
    if new.is_empty() { vec![answer(turn)] } else { new }
}

/// The first words of a turn that tells nothing new.
fn answer<'a>(turn: &Said<'a>) -> Piece<'a> {
    let first = turn.sentences.first().copied().unwrap_or(turn.text);
    let clause = first.split([',', ';', '，', '。', '!', '.']).next().unwrap_or(first);
    let words: Vec<&str> = text::words(clause).take(ANSWER_WORDS_MAX).collect();
    let (Some(start), Some(last)) = (words.first(), words.last()) else {
        return Piece { text: first, about: essence::about(first), is_wish: false, names: false };
    };
    let text = &first[offset(first, start)..offset(first, last) + last.len()];
    Piece { text, about: essence::about(text), is_wish: false, names: false }
}

/// Who only asks once more does so because the answer was none; to an agent that answers it is not said.
fn asked_again<'a>(turn: &Said<'a>) -> Option<(Vec<Piece<'a>>, Channel)> {
    let gate = Gate::When(format!("the agent says \"{}\"", pushback::cue(turn)?));
    let pieces: Vec<Piece<'a>> = turn.sentences.iter().flat_map(|s| essence::pieces(s)).take(1).collect();
    Some((some_of(pieces, turn), Channel::Gated(gate)))
}

/// Pieces with nothing but a mark or a joining word between them are one.
fn merged<'a>(source: &'a str, pieces: &[Piece<'a>]) -> Vec<Piece<'a>> {
    let mut merged: Vec<Piece<'a>> = Vec::new();
    for piece in pieces {
        let start = offset(source, piece.text);
        match merged.last_mut() {
            Some(last) if joins(&source[offset(source, last.text) + last.text.len()..start]) => {
                last.text = &source[offset(source, last.text)..start + piece.text.len()];
            }
            _ => merged.push(piece.clone()),
        }
    }
    merged
}

fn joins(between: &str) -> bool {
    let ends_sentence = between.contains(['.', '!', '?', '\n', '。', '！', '？']);
    let mut words = text::words(between);
    !ends_sentence
        && words.next().is_none_or(|word| matches!(word, "and" | "or" | "但" | "和"))
        && words.next().is_none()
}
