//! Personal data and secrets out of a recording, before anybody else reads it.
//!
//! A [`Masker`] puts a surrogate of the same kind and form in the place of every value that it finds: an address of mail
//! that nobody has, a card that passes its check and pays nothing, an invented name. Within a session a value has one surrogate
//! in every spelling, by whomever it is said and whatever a tool is told, so that what matches still matches. Surrogates follow
//! from a key: the same value has the same one in other sessions, and without the key nobody can try values out. Nothing is ever
//! put back. What is found and what is not stands in `docs/privacy.md`.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Conversation, Message, Session, Speaker, ToolCall, clock};

use find::{Asked, Found, Told, find};
use table::Table;

mod chance;
mod checksum;
mod dates;
mod find;
mod invented;
mod lexicon;
mod pieces;
mod surrogate;
mod table;

/// What kind of thing a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An address of mail.
    Email,
    /// A phone number.
    Phone,
    /// A payment card, or its last four digits.
    Card,
    /// An account at a bank.
    Iban,
    /// A number by which a state knows a person.
    NationalId,
    /// The address of a host on the internet.
    IpAddress,
    /// A key, a token, a password.
    Secret,
    /// A person's name.
    Name,
    /// A postal address or code.
    Address,
    /// A day of birth.
    BirthDate,
    /// An order, a booking, an account, a customer.
    Id,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Email => "email address",
            Kind::Phone => "phone number",
            Kind::Card => "card number",
            Kind::Iban => "bank account",
            Kind::NationalId => "national id",
            Kind::IpAddress => "IP address",
            Kind::Secret => "secret",
            Kind::Name => "name",
            Kind::Address => "postal address",
            Kind::BirthDate => "date of birth",
            Kind::Id => "id",
        })
    }
}

/// How a value is written, which is finer than its [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Email,
    /// With so many digits before the national number.
    Phone {
        head: usize,
    },
    Card,
    CardEnd,
    Iban,
    SocialSecurity,
    Insurance,
    Resident,
    Cpf,
    SpanishPerson,
    SpanishForeigner,
    NationalId,
    IpAddress,
    Secret,
    Name,
    Address,
    Postcode,
    BirthDate,
    Id,
}

impl Form {
    fn kind(self) -> Kind {
        match self {
            Form::Email => Kind::Email,
            Form::Phone { .. } => Kind::Phone,
            Form::Card | Form::CardEnd => Kind::Card,
            Form::Iban => Kind::Iban,
            Form::SocialSecurity
            | Form::Insurance
            | Form::Resident
            | Form::Cpf
            | Form::SpanishPerson
            | Form::SpanishForeigner
            | Form::NationalId => Kind::NationalId,
            Form::IpAddress => Kind::IpAddress,
            Form::Secret => Kind::Secret,
            Form::Name => Kind::Name,
            Form::Address | Form::Postcode => Kind::Address,
            Form::BirthDate => Kind::BirthDate,
            Form::Id => Kind::Id,
        }
    }

    /// How much its form alone says of what it is.
    fn certainty(self) -> u8 {
        match self {
            Form::Secret => 2,
            Form::Email | Form::Card | Form::Iban | Form::Resident | Form::IpAddress => 1,
            _ => 0,
        }
    }

    /// Keeps the surrogates of one kind apart from those of another.
    fn name(self) -> &'static str {
        match self.kind() {
            Kind::Phone => "phone",
            Kind::Card => "card",
            Kind::Iban => "iban",
            Kind::NationalId => "national id",
            Kind::Secret => "secret",
            Kind::Address => "address",
            Kind::Email => "email",
            Kind::IpAddress => "ip",
            Kind::Name => "name",
            Kind::BirthDate => "day",
            Kind::Id => "id",
        }
    }
}

/// What surrogates follow from. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct MaskKey([u8; 32]);

/// What a passphrase is hashed for, so that no other use of it comes to the same.
const CONTEXT: &str = "reenact 2026-11-23 surrogates of masked sessions";

impl MaskKey {
    /// A key that nobody has yet.
    #[must_use]
    pub fn new_random() -> MaskKey {
        MaskKey(clock::random_key())
    }

    /// The key of a passphrase, the same on every machine. Whoever knows it can find out which value a surrogate may stand for,
    /// so it should be as long and as secret as any other.
    #[must_use]
    pub fn of_passphrase(passphrase: &str) -> MaskKey {
        MaskKey(blake3::derive_key(CONTEXT, passphrase.as_bytes()))
    }

    /// The key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> MaskKey {
        MaskKey(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Tells keys apart and says nothing of one: eight hex digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        blake3::keyed_hash(&self.0, b"fingerprint").to_hex()[..FINGERPRINT_DIGITS].to_owned()
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaskKey({})", self.fingerprint())
    }
}

const FINGERPRINT_DIGITS: usize = 8;

/// Stands in the id of a masked session, between that of the recording and the fingerprint of the key.
const MARK: &str = "~masked-";

/// The id of a recording and the fingerprint of the key that it was masked by, of a masked session's id; nothing of another.
///
/// ```
/// assert_eq!(reenact::mask::unmasked_id("s-1~masked-0123abcd"), Some(("s-1", "0123abcd")));
/// assert_eq!(reenact::mask::unmasked_id("s-1"), None);
/// ```
#[must_use]
pub fn unmasked_id(id: &str) -> Option<(&str, &str)> {
    let (recording, fingerprint) = id.rsplit_once(MARK)?;
    let is_one = fingerprint.len() == FINGERPRINT_DIGITS && fingerprint.bytes().all(|b| b.is_ascii_hexdigit());
    is_one.then_some((recording, fingerprint))
}

/// Masks sessions by a key.
///
/// ```
/// use reenact::mask::{MaskKey, Masker};
/// use reenact::{Message, Session};
///
/// let said = [Message::user("My name is Mei Kovacs, mei@kovacs.com"), Message::agent("Thank you, Mei.")];
/// let masked = Masker::new(MaskKey::of_passphrase("a long secret")).mask(&Session::new("s-1", said.into_iter().collect()));
/// let said = &masked.session.conversation.messages;
/// assert!(!said[0].text.contains("Kovacs") && said[0].text.ends_with("@example.org"));
/// assert!(said[1].text.starts_with("Thank you, ") && !said[1].text.contains("Mei"));
/// ```
#[derive(Debug, Clone)]
pub struct Masker {
    key: MaskKey,
}

/// A session without personal data, and what was in it.
#[derive(Debug, Clone)]
pub struct Masked {
    /// The session, with surrogates. Its id says so, and by which key; what the recording said about it is left out.
    pub session: Session,
    /// What may not stand in anything that is made of it.
    pub originals: Originals,
}

/// The values that were masked, to be looked for. Neither `Debug` nor anything else shows them.
#[derive(Clone, Default)]
pub struct Originals(Table);

/// A place where an original value stands, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Which part: members and places of a list, joined by dots.
    pub field: String,
    /// What kind of value.
    pub kind: Kind,
}

impl Masker {
    /// A masker by this key.
    #[must_use]
    pub fn new(key: MaskKey) -> Masker {
        Masker { key }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &MaskKey {
        &self.key
    }

    /// The id that a session has once it is masked.
    #[must_use]
    pub fn masked_id(&self, id: &str) -> String {
        format!("{id}{MARK}{}", self.key.fingerprint())
    }

    /// A session with a surrogate for every value that is somebody's. One that was masked by this key stays as it is. A text
    /// without such a value stays as it is, byte for byte.
    #[must_use]
    pub fn mask(&self, session: &Session) -> Masked {
        if unmasked_id(&session.id).is_some_and(|(_, fingerprint)| fingerprint == self.key.fingerprint()) {
            return Masked { session: session.clone(), originals: Originals::default() };
        }
        let texts: Vec<Text<'_>> = texts(&session.conversation);
        let read: Vec<&str> = texts.iter().map(|text| text.read.as_ref()).collect();
        let found: Vec<Vec<Found>> = texts.iter().map(|text| find(&text.read, text.told)).collect();
        let table = Table::of(&self.key, &read, &found);
        let rewritten = read.iter().zip(&found).map(|(text, found)| table.rewrite(text, found));
        let mut conversation = with_texts(&session.conversation, rewritten);
        for id in call_ids(&mut conversation) {
            *id = table.rewrite(id, &[]).unwrap_or_else(|| std::mem::take(id));
        }
        let (id, source) = (self.masked_id(&session.id), session.source.clone());
        let session = Session { source, started_at: session.started_at, ..Session::new(id, conversation) };
        Masked { session, originals: Originals(table) }
    }
}

/// A text of a conversation, as it is read and by whom it is said.
struct Text<'a> {
    read: std::borrow::Cow<'a, str>,
    told: Told,
}

/// Every text of a conversation that may hold a value: what was said, what tools were told, what they answered.
fn texts(conversation: &Conversation) -> Vec<Text<'_>> {
    let mut texts = Vec::new();
    let mut asked = Asked::default();
    for message in &conversation.messages {
        let told = Told { speaker: message.speaker, asked };
        texts.push(Text { read: readable(&message.text), told });
        let told = Told { asked: Asked::default(), ..told };
        texts.extend(message.tool_calls.iter().map(|call| Text { read: readable(&call.arguments), told }));
        if message.speaker == Speaker::Agent && message.is_heard() {
            asked = Asked::by(&message.text);
        }
    }
    texts
}

/// JSON that spells letters as numbers is read with its letters.
fn readable(text: &str) -> std::borrow::Cow<'_, str> {
    let is_spelled_out = text.contains("\\u");
    let value = || serde_json::from_str::<Value>(text).ok();
    match is_spelled_out.then(value).flatten() {
        Some(value) => value.to_string().into(),
        None => text.into(),
    }
}

/// The conversation with other texts, in the order of [`texts`]; where there is none, the text stays.
fn with_texts(conversation: &Conversation, mut rewritten: impl Iterator<Item = Option<String>>) -> Conversation {
    let mut next = |text: &String| rewritten.next().flatten().unwrap_or_else(|| text.clone());
    let message = |message: &Message| {
        let text = next(&message.text);
        let call = |call: &ToolCall| ToolCall { arguments: next(&call.arguments), ..call.clone() };
        let tool_calls = message.tool_calls.iter().map(call).collect();
        Message { text, tool_calls, ..message.clone() }
    };
    conversation.messages.iter().map(message).collect()
}

/// The ids of the calls of tools. Some are made of what was called, and chance may spell a name in one.
fn call_ids(conversation: &mut Conversation) -> impl Iterator<Item = &mut String> {
    conversation.messages.iter_mut().flat_map(|Message { tool_calls, tool_call_id, .. }| {
        tool_calls.iter_mut().filter_map(|call| call.id.as_mut()).chain(tool_call_id)
    })
}

impl Originals {
    /// How many values were masked, by kind.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        self.0.counts()
    }

    /// Whether there was nothing to mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kind of the first original value in a text.
    #[must_use]
    pub fn leak_in_text(&self, text: &str) -> Option<Kind> {
        self.0.hits(text, &[]).first().map(|hit| hit.kind)
    }

    /// Every place of a value of JSON, its keys included, where an original stands.
    #[must_use]
    pub fn leaks_in(&self, value: &impl Serialize) -> Vec<Leak> {
        let mut leaks = Vec::new();
        if !self.is_empty() {
            let value = serde_json::to_value(value).expect("what is written is plain data");
            self.look_into(&value, "", &mut leaks);
        }
        leaks
    }

    fn look_into(&self, value: &Value, field: &str, leaks: &mut Vec<Leak>) {
        let part = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
        let leak = |text: &str| self.leak_in_text(text).map(|kind| Leak { field: field.to_owned(), kind });
        match value {
            Value::String(text) => leaks.extend(leak(text)),
            Value::Number(number) => leaks.extend(leak(&number.to_string())),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| self.look_into(item, &part(&(n + 1).to_string()), leaks));
            }
            Value::Object(members) => {
                // A key is a word of a format; one that is an id or an address is somebody's all the same.
                let keys = members.keys().filter_map(|name| self.leak_in_text(name));
                let keys = keys.filter(|kind| *kind != Kind::Name).map(|kind| Leak { field: field.to_owned(), kind });
                leaks.extend(keys);
                members.iter().for_each(|(name, member)| self.look_into(member, &part(name), leaks));
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

impl fmt::Debug for Originals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counts()).finish()
    }
}
