//! The values of a session with their surrogates, and every place of a text where one of them stands.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::chance::Chance;
use super::dates::{self, Day};
use super::find::Found;
use super::pieces::{Piece, Signs, canonical, may_join, pieces};
use super::{Form, Kind, MaskKey, invented, lexicon, surrogate};

/// A longer value is looked for as it was written, and not in other spellings.
const CANONICAL_MAX: usize = 128;

/// How often another surrogate is drawn where one is taken. A space so full that this does not help is used twice.
const ATTEMPTS_MAX: u32 = 64;

#[derive(Debug, Clone)]
struct Value {
    form: Form,
    surrogate: String,
}

/// The values of a session, each with what stands for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    values: HashMap<String, Value>,
    /// The beginnings of all values, so that a search ends where none can follow.
    beginnings: HashSet<String>,
    days: BTreeMap<Day, Day>,
    /// Values too long to be looked for in pieces, or with signs that no spelling leaves out.
    long: BTreeMap<String, String>,
    /// What may not be used for anything else.
    taken: HashSet<String>,
}

/// A place where a value stands, and what goes there.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    text: String,
}

impl Table {
    /// The table of a session: what was found in its texts, in their order.
    pub(super) fn of(key: &MaskKey, texts: &[&str], found: &[Vec<Found>]) -> Table {
        let mut table = Table::default();
        for text in texts {
            table.taken.extend(pieces(text).into_iter().map(|piece| text[piece.range].to_lowercase()));
        }
        let all = || texts.iter().zip(found).flat_map(|(text, found)| found.iter().map(|found| (*text, found)));
        table.taken.extend(all().map(|(text, found)| canonical(&text[found.range.clone()])));
        // Names first: addresses and ids are made of them.
        for (text, found) in all().filter(|(_, found)| found.form == Form::Name) {
            table.add_name(key, &text[found.range.clone()]);
        }
        let birth_dates = all().filter(|(_, found)| found.form == Form::BirthDate);
        table.add_days(key, birth_dates.flat_map(|(text, found)| dates::dates(&text[found.range.clone()])));
        // A card before its last digits.
        let is_other = |form| !matches!(form, Form::Name | Form::BirthDate | Form::CardEnd);
        for (text, found) in all().filter(|(_, found)| is_other(found.form)) {
            table.add(key, found.form, &text[found.range.clone()]);
        }
        for (text, found) in all().filter(|(_, found)| found.form == Form::CardEnd) {
            table.add(key, found.form, &text[found.range.clone()]);
        }
        table
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.days.is_empty() && self.long.is_empty()
    }

    /// How many values there are of each kind.
    pub(super) fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        let kinds = self.values.values().map(|value| value.form.kind());
        let kinds =
            kinds.chain(self.days.keys().map(|_| Kind::BirthDate)).chain(self.long.keys().map(|_| Kind::Secret));
        kinds.for_each(|kind| *counts.entry(kind).or_default() += 1);
        counts
    }

    /// Each word of a name for itself: people are called by one of them.
    fn add_name(&mut self, key: &MaskKey, name: &str) {
        let parts = pieces(name);
        if parts.iter().all(|part| part.signs == Signs::Character) {
            return self.add_word(key, name);
        }
        for part in parts {
            let word = &name[part.range];
            if word.chars().count() > 1 {
                self.add_word(key, word);
            }
        }
    }

    fn add_word(&mut self, key: &MaskKey, word: &str) {
        let canonical = canonical(word);
        if !canonical.is_empty() && !self.values.contains_key(&canonical) && !invented::is_invented(&canonical) {
            let surrogate = self.free(|attempt| invented_for(key, &canonical, attempt));
            self.insert(canonical, Value { form: Form::Name, surrogate });
        }
    }

    fn add(&mut self, key: &MaskKey, form: Form, text: &str) {
        let canonical = canonical(text);
        if canonical.is_empty() || self.values.contains_key(&canonical) {
            return;
        }
        if canonical.len() > CANONICAL_MAX || !is_joined(text) {
            let chance = &mut Chance::new(key.bytes(), &[form.name(), text], 0);
            let surrogate = text.chars().map(|c| chance.like(c, false)).collect();
            self.long.insert(text.to_owned(), surrogate);
            return;
        }
        if matches!(form, Form::Id | Form::Address) {
            names_in(form, text).into_iter().for_each(|word| self.add_word(key, word));
        }
        let surrogate = match form {
            Form::Email => self.email(key, text),
            Form::IpAddress => self.free(|attempt| ip_address(key, text, attempt)),
            Form::CardEnd => self.card_end(key, &canonical),
            // The words of an id or an address may stay, and then its figures tell it apart.
            _ => self.free_and(
                |drawn| figures(&canonical).is_empty() || figures(drawn) != figures(&canonical),
                |attempt| surrogate::aligned(key, form, &canonical, attempt),
            ),
        };
        if let Form::Phone { head } = form
            && head > 0
        {
            let national = Value { form: Form::Phone { head: 0 }, surrogate: surrogate[head..].to_owned() };
            self.insert(canonical[head..].to_owned(), national);
        }
        self.insert(canonical, Value { form, surrogate });
    }

    /// Another day for each, which is none of them.
    fn add_days(&mut self, key: &MaskKey, dates: impl Iterator<Item = dates::Date>) {
        let days: BTreeSet<Day> = dates.map(|date| date.day).collect();
        for day in &days {
            let drawn = |attempt| day.another(&mut Chance::new(key.bytes(), &["day", &day.to_string()], attempt));
            let other = (0..ATTEMPTS_MAX).map(drawn).find(|other| !days.contains(other));
            self.days.insert(*day, other.unwrap_or_else(|| drawn(0)));
        }
    }

    fn insert(&mut self, canonical: String, value: Value) {
        let ends = canonical.char_indices().map(|(at, c)| at + c.len_utf8());
        self.beginnings.extend(ends.map(|end| canonical[..end].to_owned()));
        self.taken.insert(value.surrogate.to_lowercase());
        self.values.entry(canonical).or_insert(value);
    }

    /// The first surrogate that is neither another value's nor a word of the session.
    fn free(&self, draw: impl Fn(u32) -> String) -> String {
        self.free_and(|_| true, draw)
    }

    /// The first such surrogate of which this holds.
    fn free_and(&self, is_fit: impl Fn(&str) -> bool, draw: impl Fn(u32) -> String) -> String {
        let is_free = |drawn: &String| !self.taken.contains(&drawn.to_lowercase()) && is_fit(drawn);
        (0..ATTEMPTS_MAX).map(&draw).find(is_free).unwrap_or_else(|| draw(0))
    }

    fn email(&self, key: &MaskKey, address: &str) -> String {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local).to_lowercase();
        let name_of = |word: &str| self.name_for(key, word);
        self.free(|attempt| {
            let chance = &mut Chance::new(key.bytes(), &["email", &address.to_lowercase()], attempt);
            surrogate::email(&local, name_of, chance, attempt)
        })
    }

    /// What stands for a word of an address or an id: for a name the same as everywhere.
    fn name_for(&self, key: &MaskKey, word: &str) -> String {
        let word = word.to_lowercase();
        match self.values.get(&word) {
            Some(Value { form: Form::Name, surrogate }) => surrogate.clone(),
            _ => invented_for(key, &word, 0),
        }
    }

    /// The last digits of a card are those of its surrogate.
    fn card_end(&self, key: &MaskKey, digits: &str) -> String {
        let cards = self.values.iter().filter(|(number, value)| value.form == Form::Card && number.ends_with(digits));
        let card = cards.min_by_key(|(number, _)| (*number).clone());
        match card {
            Some((_, card)) => card.surrogate[card.surrogate.len() - digits.len()..].to_owned(),
            None => self.free(|attempt| surrogate::aligned(key, Form::CardEnd, digits, attempt)),
        }
    }

    /// The text with a surrogate for every value; nothing where it has none. What was found there is a value in any case, what is
    /// only spelled like a name that was found elsewhere may be a word.
    pub(super) fn rewrite(&self, text: &str, found: &[Found]) -> Option<String> {
        let hits = self.hits(text, found);
        if hits.is_empty() {
            return None;
        }
        let (mut rewritten, mut at) = (String::with_capacity(text.len()), 0);
        for hit in hits {
            rewritten.push_str(&text[at..hit.range.start]);
            rewritten.push_str(&hit.text);
            at = hit.range.end;
        }
        rewritten.push_str(&text[at..]);
        Some(rewritten)
    }

    /// Where values stand in a text, in order, none in another.
    pub(super) fn hits(&self, text: &str, found: &[Found]) -> Vec<Hit> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut hits = self.days_in(text);
        hits.extend(self.long_in(text));
        hits.extend(self.values_in(text, found));
        hits.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end)));
        let mut end = 0;
        hits.retain(|hit| {
            let is_apart = hit.range.start >= end;
            end = if is_apart { hit.range.end } else { end };
            is_apart
        });
        hits
    }

    fn days_in(&self, text: &str) -> Vec<Hit> {
        if self.days.is_empty() {
            return Vec::new();
        }
        let hit = |date: dates::Date| {
            let other = self.days.get(&date.day)?;
            Some(Hit { text: date.with(text, *other), range: date.range, kind: Kind::BirthDate })
        };
        dates::dates(text).into_iter().filter_map(hit).collect()
    }

    fn long_in<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Hit> {
        self.long.iter().flat_map(move |(value, surrogate)| {
            let places = text.match_indices(value.as_str());
            places.map(|(at, _)| Hit { range: at..at + value.len(), kind: Kind::Secret, text: surrogate.clone() })
        })
    }

    fn values_in(&self, text: &str, found: &[Found]) -> Vec<Hit> {
        let pieces = pieces(text);
        let (mut hits, mut at) = (Vec::new(), 0);
        while at < pieces.len() {
            let Some((length, value)) = self.longest(text, &pieces[at..]) else {
                at += 1;
                continue;
            };
            let (first, last) = (at, at + length - 1);
            let range = pieces[first].range.start..pieces[last].range.end;
            let is_found = || found.iter().any(|f| f.range.start <= range.start && range.end <= f.range.end);
            let place = Place { text, pieces: &pieces, first, last };
            if self.counts_as(value, &place, is_found) {
                let text = self.spelled(value, &text[range.clone()]);
                hits.push(Hit { range, kind: value.form.kind(), text });
                at += length;
            } else {
                at += 1;
            }
        }
        hits
    }

    /// The longest value that begins with the first of these pieces, and how many of them it takes.
    fn longest(&self, text: &str, rest: &[Piece]) -> Option<(usize, &Value)> {
        let (mut spelled, mut longest) = (String::new(), None);
        for (n, piece) in rest.iter().enumerate() {
            if n > 0 && !may_join(text, &rest[n - 1], piece) {
                break;
            }
            spelled.extend(text[piece.range.clone()].chars().flat_map(char::to_lowercase));
            if !self.beginnings.contains(&spelled) {
                break;
            }
            if let Some(value) = self.values.get(&spelled) {
                longest = Some((n + 1, value));
            }
        }
        longest
    }

    /// Whether what is spelled like a value is one: stands alone, and is neither an amount nor a word that is a name elsewhere.
    fn counts_as(&self, value: &Value, place: &Place<'_>, is_found: impl Fn() -> bool) -> bool {
        if !place.stands_alone(value.form) {
            return false;
        }
        if is_found() {
            return true;
        }
        if value.form != Form::Name || !lexicon::is_word(place.word()) {
            return !place.is_amount();
        }
        // A word that is also a name is one beside another: `Mark Brown`, `mark_brown`.
        let is_name = |at: usize| {
            let word = place.text[place.pieces[at].range.clone()].to_lowercase();
            self.values.get(&word).is_some_and(|value| value.form == Form::Name)
        };
        let is_before = place.first > 0 && place.joins(place.first - 1) && is_name(place.first - 1);
        let is_after = place.last + 1 < place.pieces.len() && place.joins(place.last) && is_name(place.last + 1);
        is_before || is_after
    }

    /// The surrogate in the spelling of the place: with its spaces and dashes, and its case.
    fn spelled(&self, value: &Value, place: &str) -> String {
        match value.form {
            Form::Email | Form::IpAddress => value.surrogate.clone(),
            Form::Name => cased(&value.surrogate, place),
            Form::Id | Form::Address => self.spelled_with_words(value, place),
            _ => aligned(&value.surrogate, place),
        }
    }

    /// Names as everywhere, words that say what kind of thing it is as they are, and the surrogate's signs for the rest.
    fn spelled_with_words(&self, value: &Value, place: &str) -> String {
        let parts = pieces(place);
        let mut signs = value.surrogate.chars();
        let (mut spelled, mut at) = (String::new(), 0);
        for (n, piece) in parts.iter().enumerate() {
            spelled.push_str(&place[at..piece.range.start]);
            let word = &place[piece.range.clone()];
            let other: String = signs.by_ref().take(word.chars().count()).collect();
            match self.values.get(&word.to_lowercase()) {
                Some(Value { form: Form::Name, surrogate }) => spelled.push_str(&cased(surrogate, word)),
                _ if is_word_of(value.form, &parts, n, place) => spelled.push_str(word),
                _ => spelled.push_str(&aligned(&other, word)),
            }
            at = piece.range.end;
        }
        spelled + &place[at..]
    }
}

fn figures(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether all pieces of a text may be parts of one value.
fn is_joined(text: &str) -> bool {
    pieces(text).windows(2).all(|pair| may_join(text, &pair[0], &pair[1]))
}

fn invented_for(key: &MaskKey, word: &str, attempt: u32) -> String {
    invented::name(word, &mut Chance::new(key.bytes(), &["name", word], attempt))
}

/// Addresses for documentation and benchmarks, which no host on the internet has (RFC 2544, RFC 3849).
fn ip_address(key: &MaskKey, address: &str, attempt: u32) -> String {
    let chance = &mut Chance::new(key.bytes(), &["ip", &address.to_lowercase()], attempt);
    match address.contains(':') {
        true => format!("2001:db8::{:x}:{:x}", 1 + chance.below(0xffff), 1 + chance.below(0xffff)),
        false => format!("198.{}.{}.{}", 18 + chance.below(2), chance.below(256), 1 + chance.below(254)),
    }
}

/// The words of an id or an address that are somebody's or a street's.
fn names_in(form: Form, text: &str) -> Vec<&str> {
    let parts = pieces(text);
    let is_name = |(n, piece): (usize, &Piece)| {
        let word = &text[piece.range.clone()];
        let is_somebodys = match form {
            Form::Address => !lexicon::is_of_addresses(word),
            // An id in capitals is a code.
            _ => word.chars().any(char::is_lowercase) && parts.len() > 1 && !lexicon::is_of_ids(word),
        };
        let is_word = piece.signs == Signs::Letters && word.chars().count() > 2 && is_apart(&parts, n);
        (is_word && is_somebodys).then_some(word)
    };
    parts.iter().enumerate().filter_map(is_name).collect()
}

/// Whether a piece is a word that says what kind of thing an id or an address is.
fn is_word_of(form: Form, parts: &[Piece], n: usize, text: &str) -> bool {
    let word = &text[parts[n].range.clone()];
    let is_known = match form {
        Form::Address => true,
        _ => parts.len() > 1 && lexicon::is_of_ids(word),
    };
    is_known && parts[n].signs != Signs::Digits && (form == Form::Address || is_apart(parts, n))
}

/// Whether a piece touches no other.
fn is_apart(parts: &[Piece], n: usize) -> bool {
    let before = n == 0 || parts[n - 1].range.end < parts[n].range.start;
    before && parts.get(n + 1).is_none_or(|next| next.range.start > parts[n].range.end)
}

/// The signs of a surrogate in the places of a value's letters and digits.
fn aligned(surrogate: &str, place: &str) -> String {
    let mut signs = surrogate.chars();
    let mut next = |c: char| match signs.next() {
        Some(sign) if c.is_uppercase() => sign.to_ascii_uppercase(),
        Some(sign) => sign,
        None => c,
    };
    place.chars().map(|c| if c.is_alphanumeric() { next(c) } else { c }).collect()
}

/// A name as the word that it stands for is written: `mei`, `Mei` or `MEI`.
fn cased(name: &str, like: &str) -> String {
    let is_upper = like.chars().filter(|c| c.is_alphabetic()).all(char::is_uppercase);
    match like.chars().next() {
        Some(first) if first.is_uppercase() && is_upper && like.chars().count() > 1 => name.to_uppercase(),
        Some(first) if first.is_uppercase() => {
            let mut signs = name.chars();
            signs.next().into_iter().flat_map(char::to_uppercase).chain(signs).collect()
        }
        _ => name.to_owned(),
    }
}

/// Pieces of a text that may be a value.
struct Place<'a> {
    text: &'a str,
    pieces: &'a [Piece],
    first: usize,
    last: usize,
}

impl Place<'_> {
    fn word(&self) -> &str {
        &self.text[self.pieces[self.first].range.start..self.pieces[self.last].range.end]
    }

    fn joins(&self, at: usize) -> bool {
        may_join(self.text, &self.pieces[at], &self.pieces[at + 1])
    }

    /// Whether no letter or digit before or behind belongs to it.
    fn stands_alone(&self, form: Form) -> bool {
        let touches = |one: usize, next: usize| {
            let (one, next) = (&self.pieces[one], &self.pieces[next]);
            let is_character = one.signs == Signs::Character || next.signs == Signs::Character;
            one.range.end == next.range.start && !is_character && form != Form::Name
        };
        let is_touched = self.first > 0 && touches(self.first - 1, self.first)
            || self.last + 1 < self.pieces.len() && touches(self.last, self.last + 1);
        !is_touched
    }

    /// `7447` in `7447.50`, `12,7447` or `$7447` is an amount.
    fn is_amount(&self) -> bool {
        let word = self.word();
        if !word.bytes().all(|b| b.is_ascii_digit()) || word.len() > 5 {
            return false;
        }
        let (start, end) = (self.pieces[self.first].range.start, self.pieces[self.last].range.end);
        let before = self.text[..start].trim_end_matches(['.', ',']);
        let after = self.text[end..].trim_start_matches(['.', ',']);
        let goes_on = after.len() < self.text.len() - end && after.starts_with(|c: char| c.is_ascii_digit());
        let went_on = before.len() < start && before.ends_with(|c: char| c.is_ascii_digit());
        goes_on || went_on || before.ends_with(['$', '€', '£', '¥'])
    }
}
