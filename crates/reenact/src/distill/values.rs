//! Values: the parts of a text that name one particular thing, and who said them first.
//!
//! A case must not put into the user's mouth what the user learned from the agent. Whether a
//! paraphrase does that only a reader can tell; whether a number, a name or an id does, code can.

use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

use regex::{Match, Regex};

use crate::spelling::{normalised, says};
use crate::text::is_stop_word;
use crate::{Message, Session, Speaker};

/// What kind of thing a value names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// An e-mail address.
    Email,
    /// An identifier: letters with digits, or words with underscores.
    Id,
    /// A time of day.
    Time,
    /// A sum of money, with its currency sign.
    Amount,
    /// A number of three digits or more, a date in digits, a telephone number.
    Number,
    /// A name: capitalised words where no sentence begins.
    Name,
}

/// A part of a text that names one particular thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value<'a> {
    /// What kind of thing.
    pub kind: ValueKind,
    /// The words, as they stand in the text.
    pub text: &'a str,
}

/// The values of a text, in the order of their kinds and then of the text, each once.
///
/// Numbers of one or two digits are left out: too much has them to tell who said them first. So are
/// names in writing without case (Chinese, Japanese) and in a text that is all capitals.
///
/// ```
/// use reenact::distill::values::{ValueKind, values};
///
/// let found = values("Please move W4711 to 5:30 pm, says Mei Davis (mei@example.org), for $20");
/// let texts: Vec<_> = found.iter().map(|value| value.text).collect();
/// assert_eq!(texts, ["mei@example.org", "W4711", "5:30 pm", "$20", "Mei Davis"]);
/// assert_eq!(found[2].kind, ValueKind::Time);
/// ```
#[must_use]
pub fn values(text: &str) -> Vec<Value<'_>> {
    let mut taken: Vec<Match<'_>> = Vec::new();
    let mut found: Vec<Value<'_>> = Vec::new();
    let names = if is_all_capitals(text) { None } else { Some((&CAPITALS, name as Read)) };
    for (pattern, read) in [(&EMAIL, email as Read), (&SNAKE, id), (&DIGITS, digits)].into_iter().chain(names) {
        for candidate in pattern.find_iter(text) {
            if taken.iter().any(|other| candidate.start() < other.end() && other.start() < candidate.end()) {
                continue;
            }
            let Some(value) = read(text, candidate) else { continue };
            taken.push(candidate);
            if !found.contains(&value) {
                found.push(value);
            }
        }
    }
    found
}

/// Who said a value first, of those whom the user can hear or whose results the agent can pass on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FirstSaid {
    /// The user.
    ByUser,
    /// The agent or a tool.
    ByAgent,
    /// Nobody.
    ByNobody,
}

/// What was said in a session, ready to be searched for many values.
///
/// A message is brought into its normal form when a search first comes to it: most values were said
/// early, and the long tool results behind them need not be read.
#[derive(Debug, Clone)]
pub struct Spoken<'a> {
    messages: Vec<(&'a Message, OnceLock<String>)>,
}

impl<'a> Spoken<'a> {
    /// Takes up a session. A tool call counts as the agent's words; the operator's prompt, which the user never hears, does not count.
    #[must_use]
    pub fn of(session: &'a Session) -> Self {
        let messages = session.conversation.messages.iter().filter(|m| m.speaker != Speaker::Operator);
        Spoken { messages: messages.map(|message| (message, OnceLock::new())).collect() }
    }

    /// Who said a value first.
    #[must_use]
    pub fn first_said(&self, value: &str) -> FirstSaid {
        match self.saying(value).next().map(|message| message.speaker) {
            None => FirstSaid::ByNobody,
            Some(Speaker::User) => FirstSaid::ByUser,
            Some(_) => FirstSaid::ByAgent,
        }
    }

    /// Who said a value first in words that the user hears: a tool's results and the calls of a tool are not among them.
    #[must_use]
    pub fn first_heard(&self, value: &str) -> FirstSaid {
        match self.saying(value).find(|message| message.is_heard()).map(|message| message.speaker) {
            None => FirstSaid::ByNobody,
            Some(Speaker::User) => FirstSaid::ByUser,
            Some(_) => FirstSaid::ByAgent,
        }
    }

    /// Whether the user said a value at any time.
    #[must_use]
    pub fn user_says(&self, value: &str) -> bool {
        self.saying(value).any(|message| message.speaker == Speaker::User)
    }

    fn saying(&self, value: &str) -> impl Iterator<Item = &'a Message> {
        let value = normalised(value);
        let says = move |(message, form): &(&'a Message, OnceLock<String>)| {
            let form = form.get_or_init(|| normalised(&all_words(message)));
            says(form, &value).then_some(*message)
        };
        self.messages.iter().filter_map(says)
    }
}

/// Whether the user said a value before the agent and any tool did.
///
/// For more than one value of a session, [`Spoken`] reads the session only once.
#[must_use]
pub fn said_first_by_user(session: &Session, value: &str) -> bool {
    Spoken::of(session).first_said(value) == FirstSaid::ByUser
}

fn all_words(message: &Message) -> Cow<'_, str> {
    if message.tool_calls.is_empty() {
        return Cow::Borrowed(&message.text);
    }
    let calls = message.tool_calls.iter().flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
    std::iter::once(message.text.as_str()).chain(calls).collect::<Vec<_>>().join("\n").into()
}

type Read = for<'a> fn(&'a str, Match<'a>) -> Option<Value<'a>>;

static EMAIL: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"));
static SNAKE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+"));
// The boundary is that of ASCII: the other one makes a search of writing without spaces several times slower.
static DIGITS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[#$€£¥]?(?:[A-Z]+-)?[A-Za-z]*[0-9][A-Za-z0-9:./@+,-]*(?:\s?[aApP](?:\.[mM]\.|[mM](?-u:\b)))?")
});
static CAPITALS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\p{Lu}[\p{L}\p{N}'’-]*(?: (?:(?:of|and|the|de|la|&) )?\p{Lu}[\p{L}\p{N}'’-]*)*"));
static SHORT_NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9]{1,2}(?:st|nd|rd|th)?$"));
static CLOCK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?|(?i:[0-9.:]+\s?[ap]\.?m\.?))$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

fn email<'a>(_: &'a str, found: Match<'a>) -> Option<Value<'a>> {
    Some(Value { kind: ValueKind::Email, text: found.as_str() })
}

fn id<'a>(_: &'a str, found: Match<'a>) -> Option<Value<'a>> {
    Some(Value { kind: ValueKind::Id, text: found.as_str() })
}

fn digits<'a>(_: &'a str, found: Match<'a>) -> Option<Value<'a>> {
    let text = found.as_str().trim_end_matches(['.', ',', ':', ';', '-', '/', '+', '@']);
    let text = if CLOCK.is_match(found.as_str()) { found.as_str() } else { text };
    let kind = match text.chars().next()? {
        '$' | '€' | '£' | '¥' => ValueKind::Amount,
        _ if SHORT_NUMBER.is_match(text) => return None,
        _ if CLOCK.is_match(text) => ValueKind::Time,
        _ if text.contains(|c: char| c.is_ascii_alphabetic()) => ValueKind::Id,
        _ => ValueKind::Number,
    };
    Some(Value { kind, text })
}

fn name<'a>(text: &'a str, found: Match<'a>) -> Option<Value<'a>> {
    let words = found.as_str();
    let words = if begins_sentence(&text[..found.start()]) { words.split_once(' ')?.1 } else { words };
    let words = words.strip_suffix("'s").or(words.strip_suffix("’s")).unwrap_or(words);
    let telling = words.split(' ').filter(|word| !is_ordinary(word));
    (telling.map(str::len).sum::<usize>() > 2).then_some(Value { kind: ValueKind::Name, text: words })
}

/// In a text of capitals no word stands out as a name. A third of small letters is more than
/// abbreviations leave in shouted text, and less than any normal sentence has.
fn is_all_capitals(text: &str) -> bool {
    let small = text.chars().filter(|c| c.is_lowercase()).count();
    let capital = text.chars().filter(|c| c.is_uppercase()).count();
    small * 2 < capital
}

fn begins_sentence(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '"', '\'', '“', '‘', '(']);
    before.is_empty() || before.ends_with(['.', '!', '?', ':', ';', '\n', '-', '*', '•', '…'])
}

fn is_ordinary(word: &str) -> bool {
    let word = word.to_lowercase().replace('’', "'");
    is_stop_word(&word) || CALENDAR.contains(&word.as_str())
}

/// Days and months are capitalised and name nothing that one side must have learned from the other.
#[rustfmt::skip]
const CALENDAR: &[&str] = &[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february", "march", "april",
    "may", "june", "july", "august", "september", "october", "november", "december", "jan", "feb", "mar", "apr", "jun", "jul",
    "aug", "sep", "sept", "oct", "nov", "dec", "english",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conversation;

    fn texts(text: &str) -> Vec<&str> {
        values(text).iter().map(|value| value.text).collect()
    }

    fn session(messages: impl IntoIterator<Item = Message>) -> Session {
        Session::new("s", messages.into_iter().collect::<Conversation>())
    }

    #[test]
    fn shouting_and_sentence_starts_name_nothing() {
        assert!(texts("HOW ARE THE MARKETS DOING").is_empty());
        assert!(texts("Cancel it. Then refund me on Monday.").is_empty());
        assert_eq!(texts("fly to New York then"), ["New York"]);
    }

    #[test]
    fn short_numbers_are_left_out_and_long_ones_are_kept() {
        assert!(texts("2 rooms on the 20th, 3 nights").is_empty());
        assert_eq!(texts("room 204 in 2025-05-20, 订单88123, ZX-99"), ["204", "2025-05-20", "88123", "ZX-99"]);
    }

    #[test]
    fn a_value_belongs_to_whoever_said_it_first() {
        let session = session([
            Message::user("my order is w4711"),
            Message::agent("W4711 ships to Denver Airport at 17:30"),
            Message::user("yes, Denver airport at 5:30 pm"),
        ]);
        assert!(said_first_by_user(&session, "#W4711"));
        let spoken = Spoken::of(&session);
        assert_eq!(spoken.first_said("Denver Airport"), FirstSaid::ByAgent);
        assert_eq!(spoken.first_said("5:30 PM"), FirstSaid::ByAgent);
        assert!(spoken.user_says("Denver Airport"));
        assert_eq!(spoken.first_said("Boston"), FirstSaid::ByNobody);
    }
}
