//! The signs by which trouble shows in a recorded session, found by code alone, each with its turn and the words that show it.
//!
//! Signs of the interaction rather than a verdict: a user who says it again, objects, asks for a person or gives up; an agent
//! that says the same again, refuses or apologises; a tool that fails; a last question that nobody answers. That such signs, without a model,
//! find the sessions worth reading more often than chance does is reported in arXiv 2604.00356; `docs/curation.md` has what they are worth here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shorten::shorten;
use crate::spelling::normalised;
use crate::{Message, Session, Speaker, acts, text};

mod tool;
mod words;

/// A sign of trouble, and where it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// What kind of sign.
    pub kind: SignalKind,
    /// The turn of the session, from 1; what stands before the first message of the user counts to turn 1.
    pub turn: u32,
    /// The words that show it, cut with a mark where they are long.
    pub quote: String,
}

/// The kinds of signs, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// The user gives up.
    GaveUp,
    /// The user asks for a person, or the agent hands over to one.
    HandOver,
    /// The user objects to what the agent said, or corrects it.
    Pushback,
    /// The user says again what was said before.
    UserRepeats,
    /// The agent says, word for word, what it had said before.
    AgentRepeats,
    /// A tool answers with an error.
    ToolError,
    /// The recording ends with something that the user wants.
    Unanswered,
    /// The agent says that it cannot or does not know.
    Refusal,
    /// The agent apologises.
    Apology,
}

impl SignalKind {
    /// How much a sign of this kind says about trouble. What users do says most; agents apologise out of manners too.
    fn weight(self) -> u32 {
        match self {
            SignalKind::GaveUp | SignalKind::Pushback | SignalKind::UserRepeats => 4,
            SignalKind::HandOver | SignalKind::AgentRepeats | SignalKind::ToolError | SignalKind::Unanswered => 2,
            SignalKind::Refusal | SignalKind::Apology => 1,
        }
    }
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignalKind::GaveUp => "gave up",
            SignalKind::HandOver => "hand-over",
            SignalKind::Pushback => "pushback",
            SignalKind::UserRepeats => "user repeats",
            SignalKind::AgentRepeats => "agent repeats",
            SignalKind::ToolError => "tool error",
            SignalKind::Unanswered => "unanswered",
            SignalKind::Refusal => "refusal",
            SignalKind::Apology => "apology",
        })
    }
}

/// More turns with the same sign than this add nothing: a session is not the more worth having the longer it is.
const TURNS_COUNTED_MAX: u32 = 3;

/// How much trouble these signs tell of: for each kind its weight, and one more for each further turn with it, up to three.
/// 0 where there are none. A number to sort by, and no measure of anything.
#[must_use]
pub fn trouble(signals: &[Signal]) -> u32 {
    let mut turns: BTreeMap<SignalKind, BTreeSet<u32>> = BTreeMap::new();
    for signal in signals {
        turns.entry(signal.kind).or_default().insert(signal.turn);
    }
    let further = |turns: &BTreeSet<u32>| (turns.len() as u32).min(TURNS_COUNTED_MAX) - 1;
    turns.iter().map(|(kind, turns)| kind.weight() + further(turns)).sum()
}

/// The signs of trouble in a session, in the order of its turns.
///
/// ```
/// use reenact::signals::{SignalKind, signals};
/// use reenact::{Message, Session};
///
/// let messages = [
///     Message::user("where is my parcel 4711"),
///     Message::agent("It was delivered."),
///     Message::user("That's not true, where is my parcel 4711?"),
/// ];
/// let session = Session::new("s-1", messages.into_iter().collect());
/// let kinds: Vec<_> = signals(&session).into_iter().map(|signal| (signal.turn, signal.kind)).collect();
/// assert_eq!(kinds, [(2, SignalKind::Pushback), (2, SignalKind::UserRepeats), (2, SignalKind::Unanswered)]);
/// ```
#[must_use]
pub fn signals(session: &Session) -> Vec<Signal> {
    let mut reading = Reading::default();
    for message in &session.conversation.messages {
        match message.speaker {
            Speaker::User => reading.user(message),
            Speaker::Agent => reading.agent(message),
            Speaker::Tool => reading.tool(message),
            Speaker::Operator => {}
        }
    }
    reading.end()
}

/// Fewer words than these, without words of grammar, are repeated without any trouble: "yes", "Friday". In writing where
/// each character is a word, the letters tell.
const USER_WORDS_MIN: usize = 3;
const USER_LETTERS_MIN: usize = 8;
/// Agents greet and ask whether there is more in the same words each time.
const AGENT_WORDS_MIN: usize = 6;

/// The session as far as it was read.
#[derive(Default)]
struct Reading {
    turn: u32,
    found: Vec<Signal>,
    /// What the user said in each earlier message, in stems.
    said_by_user: Vec<BTreeSet<String>>,
    /// What the agent said before, in normal form.
    said_by_agent: BTreeSet<String>,
    /// What the agent had just asked when the user spoke.
    asked: Asked,
    /// The user's last message, as long as nobody answered.
    unanswered: Option<String>,
}

#[derive(Default, Clone, Copy)]
enum Asked {
    #[default]
    Nothing,
    WhetherThereIsMore,
    Something,
}

impl Reading {
    fn user(&mut self, message: &Message) {
        self.turn += 1;
        let sentences = text::sentences(&message.text);
        let objects = |sentence: &&&str| {
            // "Not right now" is no "not right".
            let puts_off = acts::contains_any(sentence, &["right now"]);
            let turns_against = acts::pushes_back(sentence) || words::PUSHBACK.is_in(sentence);
            turns_against && !puts_off && !self.answers_no(sentence)
        };
        let pushback = sentences.iter().find(objects).copied();
        let person = sentences.iter().find(|s| acts::asks_for_person(s) || words::PERSON.is_in(s)).copied();
        let given_up = sentences.iter().find(|s| acts::gives_up(s) || words::GIVING_UP.is_in(s)).copied();
        let repeated = sentences.iter().find(|sentence| self.was_said(sentence)).copied();
        self.add(SignalKind::Pushback, pushback);
        self.add(SignalKind::HandOver, person);
        self.add(SignalKind::GaveUp, given_up);
        self.add(SignalKind::UserRepeats, repeated);
        self.said_by_user.push(text::content_set(&message.text));
        let wants = sentences.iter().any(|s| !acts::is_social(s) && !acts::is_done(s));
        self.unanswered = wants.then(|| message.text.clone());
        self.asked = Asked::Nothing;
    }

    /// Whether a sentence is the "no" that the agent asked for.
    fn answers_no(&self, sentence: &str) -> bool {
        let says_more = || text::content_set(sentence).len() > 1 && !acts::is_done(sentence);
        begins_with_no(sentence)
            && match self.asked {
                Asked::Nothing => false,
                Asked::WhetherThereIsMore => !says_more(),
                Asked::Something => true,
            }
    }

    /// Whether a sentence of the user's was said before, mostly in the same words.
    fn was_said(&self, sentence: &str) -> bool {
        let now = text::content_set(sentence);
        let letters: usize = now.iter().map(|word| word.chars().count()).sum();
        let is_long = now.len() >= USER_WORDS_MIN && letters >= USER_LETTERS_MIN;
        is_long && self.said_by_user.iter().any(|before| before.intersection(&now).count() * 4 >= now.len() * 3)
    }

    fn agent(&mut self, message: &Message) {
        let calls_person = message.tool_calls.iter().find(|call| tool::hands_over(&call.name));
        self.add(SignalKind::HandOver, calls_person.map(|call| call.name.as_str()));
        if !message.is_heard() {
            return;
        }
        let sentences = text::sentences(&message.text);
        let refusal = sentences.iter().find(|s| acts::refuses(s) || words::REFUSING.is_in(s)).copied();
        let apology = sentences.iter().find(|s| words::APOLOGY.is_in(s)).copied();
        self.add(SignalKind::Refusal, refusal);
        self.add(SignalKind::Apology, apology);
        let said = normalised(&message.text);
        let is_plain = |s: &&str| acts::offers_more(s) || acts::invites(s) || acts::is_social(s) || acts::parts(s);
        let is_long = text::words(&message.text).take(AGENT_WORDS_MIN).count() == AGENT_WORDS_MIN;
        if is_long && !sentences.iter().all(is_plain) && !self.said_by_agent.insert(said) {
            self.add(SignalKind::AgentRepeats, Some(&message.text));
        }
        let asks: Vec<_> = sentences.iter().filter(|sentence| acts::asks(sentence)).collect();
        self.asked = match asks.iter().all(|sentence| acts::offers_more(sentence)) {
            _ if asks.is_empty() => Asked::Nothing,
            true => Asked::WhetherThereIsMore,
            false => Asked::Something,
        };
        self.unanswered = None;
    }

    fn tool(&mut self, message: &Message) {
        self.add(SignalKind::ToolError, tool::error(&message.text));
    }

    fn end(mut self) -> Vec<Signal> {
        let unanswered = self.unanswered.take();
        self.add(SignalKind::Unanswered, unanswered.as_deref());
        self.found
    }

    /// A sign shows once a turn.
    fn add(&mut self, kind: SignalKind, quote: Option<&str>) {
        let turn = self.turn.max(1);
        let is_known = self.found.iter().rev().take_while(|s| s.turn == turn).any(|s| s.kind == kind);
        if let Some(quote) = quote.filter(|_| !is_known) {
            self.found.push(Signal { kind, turn, quote: shorten(quote) });
        }
    }
}

fn begins_with_no(sentence: &str) -> bool {
    const NO: [&str; 7] = ["no", "nope", "nein", "non", "não", "nee", "нет"];
    text::words(sentence).next().is_some_and(|word| NO.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(messages: &[(&str, &str)]) -> Vec<(u32, SignalKind)> {
        let message = |(speaker, text): &(&str, &str)| {
            let speaker = match *speaker {
                "user" => Speaker::User,
                "agent" => Speaker::Agent,
                _ => Speaker::Tool,
            };
            Message::new(speaker, *text)
        };
        let session = Session::new("s", messages.iter().map(message).collect());
        signals(&session).into_iter().map(|signal| (signal.turn, signal.kind)).collect()
    }

    #[test]
    fn a_session_that_went_well_shows_nothing() {
        let quiet =
            [("user", "a taxi to the station please"), ("agent", "At what time?"), ("user", "at 17:15, thanks")];
        assert_eq!(found(&[&quiet[..], &[("agent", "It is booked."), ("user", "thank you, bye")]].concat()), []);
    }

    #[test]
    fn no_to_a_question_is_no_pushback_and_no_to_a_claim_is() {
        let asked = [("user", "book a table"), ("agent", "For four people?"), ("user", "No, for two"), ("agent", "ok")];
        assert_eq!(found(&asked), []);
        let told = [("user", "book a table"), ("agent", "It is for four."), ("user", "No, for two"), ("agent", "ok")];
        assert_eq!(found(&told), [(2, SignalKind::Pushback)]);
    }

    #[test]
    fn trouble_shows_in_other_languages_too() {
        let german = [
            ("user", "Wo ist mein Paket 4711 aus Köln?"),
            ("agent", "Entschuldigung, das weiß ich leider nicht."),
            ("user", "Wo ist denn mein Paket 4711 aus Köln? Ich will mit einem Menschen sprechen."),
        ];
        let kinds: Vec<_> = found(&german).into_iter().map(|(_, kind)| kind).collect();
        let expected = [SignalKind::Refusal, SignalKind::Apology, SignalKind::HandOver];
        assert_eq!(kinds, [&expected[..], &[SignalKind::UserRepeats, SignalKind::Unanswered]].concat());
    }

    #[test]
    fn a_tool_that_fails_and_an_agent_that_goes_round_in_circles_are_told() {
        let messages = [
            ("user", "cancel order 12"),
            ("tool", r#"{"error": "no such order"}"#),
            ("agent", "Please give me the number of the order that you mean."),
            ("user", "12"),
            ("agent", "Please give me the number of the order that you mean."),
        ];
        assert_eq!(found(&messages), [(1, SignalKind::ToolError), (2, SignalKind::AgentRepeats)]);
    }

    #[test]
    fn a_sign_weighs_once_and_its_further_turns_little() {
        let at = |turn| Signal { kind: SignalKind::Pushback, turn, quote: String::new() };
        assert_eq!([trouble(&[]), trouble(&[at(1)]), trouble(&[at(1), at(2)])], [0, 4, 5]);
        assert_eq!(trouble(&(1..9).map(at).collect::<Vec<_>>()), 6);
    }
}
