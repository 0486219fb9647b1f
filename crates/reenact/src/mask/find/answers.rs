//! What answers a question: "May I have your name?" makes a name of "mei kovacs".

use std::sync::LazyLock;

use regex::Regex;

use super::Found;
use super::contacts::phone;
use super::names::{Trust, is_chinese_name, name_at};
use super::stands_alone;
use crate::mask::Form;
use crate::mask::dates::dates;

/// What the last message of the agent asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::mask) struct Asked {
    name: bool,
    postcode: bool,
    birth: bool,
    id: bool,
    phone: bool,
    secret: bool,
}

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:your|full|first|last|passenger'?s?|guest'?s?|customer'?s?|whose|what|the)\s+(?:full |first |last )?name|who am i speaking|名字|姓名|贵姓",
    )
});
static POSTCODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bzip\b|zip ?code|post(?:al)? ?code|邮编"));
static BIRTH: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)birth|\bdob\b|出生|生日"));
static ID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:order|booking|reservation|confirmation|reference|account|customer|user|member(?:ship)?|policy|tracking|ticket)\s?(?:id|number|code|reference|ref|no\b)|订单号|会员号|预订号",
    )
});
static PHONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)phone|contact number|mobile|call you|电话|手机"));
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)password|passcode|\bpin\b|security (?:answer|code|question)|secret (?:code|word)|密码|验证码")
});

impl Asked {
    /// What a message of the agent asks for.
    pub(in crate::mask) fn by(text: &str) -> Asked {
        Asked {
            name: NAME.is_match(text),
            postcode: POSTCODE.is_match(text),
            birth: BIRTH.is_match(text),
            id: ID.is_match(text),
            phone: PHONE.is_match(text),
            secret: SECRET.is_match(text),
        }
    }
}

static CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9][A-Za-z0-9_-]{3,}"));
static POSTAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d{5,6}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"));
static DIALLED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\+?\(?\d[\d ().-]{5,18}\d"));

pub(super) fn find(text: &str, asked: Asked) -> Vec<Found> {
    let mut found = Vec::new();
    if asked.name {
        found.extend(name(text));
    }
    if asked.postcode {
        found.extend(alone(text, &POSTAL, Form::Postcode));
    }
    if asked.birth {
        found.extend(dates(text).into_iter().map(|date| Found { form: Form::BirthDate, range: date.range }));
    }
    if asked.phone {
        found.extend(DIALLED.find_iter(text).filter_map(|number| phone(text, number.range())));
    }
    if asked.id {
        found.extend(codes(text, Form::Id));
    }
    if asked.secret {
        found.extend(codes(text, Form::Secret));
    }
    found
}

fn alone(text: &str, pattern: &'static Regex, form: Form) -> impl Iterator<Item = Found> {
    let places = pattern.find_iter(text).map(|found| found.range());
    places.filter(|range| stands_alone(text, range)).map(move |range| Found { form, range })
}

/// Codes have a digit; a day, a price or a flight among them is a word of another kind.
fn codes(text: &str, form: Form) -> impl Iterator<Item = Found> {
    let has_digits = |found: &Found| {
        let code = &text[found.range.clone()];
        let digits = code.bytes().filter(u8::is_ascii_digit).count();
        (digits >= 2 || digits == 1 && code.len() >= 5)
            && !is_ordinary(code)
            && !text[..found.range.start].ends_with(['$', '€', '£'])
    };
    alone(text, &CODE, form).filter(has_digits).collect::<Vec<_>>().into_iter()
}

/// Years, days and ordinals.
fn is_ordinary(code: &str) -> bool {
    let is_year = code.len() == 4 && (code.starts_with("19") || code.starts_with("20"));
    let is_ordinal = code.trim_start_matches(|c: char| c.is_ascii_digit()).len() == 2 && code.len() <= 4;
    is_year || is_ordinal || !dates(code).is_empty()
}

static MANNERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(?:\s|sure|yes|ok(?:ay)?|of course|it'?s|it is|that'?s|i am|i'm|this is|name|is|the|[,.:!-])*")
});

/// A reply to a question for a name that is hardly more than a name.
fn name(text: &str) -> Option<Found> {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    if let Some(name) = bare.strip_prefix("叫").or(Some(bare)).filter(|name| is_chinese_name(name)) {
        let start = text.find(name).unwrap_or_default();
        return Some(Found { form: Form::Name, range: start..start + name.len() });
    }
    let start = MANNERS.find(text).map_or(0, |manners| manners.end());
    let start = if text[..start].ends_with(char::is_alphabetic) { 0 } else { start };
    let is_lower = text[start..].starts_with(char::is_lowercase);
    let clause = text[start..].split([',', '.', ';', '\n', '!', '?']).next().unwrap_or_default();
    let words = clause.split_whitespace().count();
    let range = name_at(text, start, Trust::Any)?;
    let is_all = range.len() >= clause.trim_end().len() && (!is_lower || words <= 3);
    (is_all && words <= 4).then_some(Found { form: Form::Name, range })
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of our own")
}
