//! What stands beside a label: `"last_name": "Kovacs"`, `Order ID: #W123`, `ending in 4242`. Tools name what they are told.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::contacts::phone;
use super::names::{Trust, is_chinese_name, name_at};
use super::{Found, digits, stands_alone};
use crate::Speaker;
use crate::mask::dates::dates;
use crate::mask::{Form, lexicon};

/// A label is near its value; a longer text is a sentence.
const LABEL_BYTES_MAX: usize = 40;
const VALUE_BYTES_MAX: usize = 80;

/// How near another label has to be to say that the same thing is a person's.
const VICINITY_BYTES: usize = 300;

pub(super) fn find(text: &str, speaker: Speaker) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices([':', '=', '：']) {
        if let Some(label) = label_before(text, at) {
            found.extend(labelled(text, label, value_after(text, at), speaker));
        }
    }
    found.extend(SPOKEN_ID.captures_iter(text).filter_map(|id| spoken_id(text, &id)));
    found.extend(HASHED_ID.find_iter(text).filter_map(|id| of_form(text, Form::Id, id.start() + 1..id.end())));
    found.extend(CHINESE_ID.captures_iter(text).filter_map(|id| of_form(text, Form::Id, id.get(1)?.range())));
    found.extend(CARD_END.captures_iter(text).filter_map(|end| of_form(text, Form::CardEnd, end.get(1)?.range())));
    found.extend(BORN.find_iter(text).filter_map(|born| birth_date(text, born.end()..text.len())));
    found.extend(PASSWORD.captures_iter(text).filter_map(|secret| of_form(text, Form::Secret, secret.get(1)?.range())));
    found.extend(CALLED.captures_iter(text).filter_map(|number| phone(text, number.get(1)?.range())));
    found
}

fn of_form(text: &str, form: Form, range: Range<usize>) -> Option<Found> {
    stands_alone(text, &range).then_some(Found { form, range })
}

/// The label that ends before this sign.
fn label_before(text: &str, at: usize) -> Option<&str> {
    let before = text[..at].trim_end_matches(['"', '\'', '\\', '*', ' ', '`']);
    let is_label = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '.');
    let start = before.char_indices().rev().take_while(|(_, c)| is_label(*c)).last()?.0;
    let start = start.max(before.len().saturating_sub(LABEL_BYTES_MAX));
    (start..before.len()).find_map(|start| before.get(start..))
}

/// Whether the last word of a label speaks of a secret: `pin`, and not `shipping`.
fn is_of_secret(label: &str) -> bool {
    let label = label.to_lowercase().replace([' ', '-'], "_");
    SECRET_LABELS.iter().any(|secret| {
        let before = label.strip_suffix(secret);
        before.is_some_and(|before| !before.ends_with(char::is_alphanumeric) || secret.len() > 5)
    })
}

/// What stands behind the sign, without quotes and marks.
fn value_after(text: &str, at: usize) -> Range<usize> {
    let rest = text[at..].trim_start_matches([':', '=', '：']);
    let rest = rest.trim_start_matches(['"', '\'', '\\', '*', ' ', '`', '#']);
    let start = text.len() - rest.len();
    let ends = |c: char| {
        matches!(c, '"' | '\\' | ',' | ';' | '\n' | '\r' | '{' | '}' | '[' | ']' | '|' | '*' | '<' | '>' | '，')
    };
    let end = rest.find(ends).unwrap_or(rest.len());
    let mut end = end.min(VALUE_BYTES_MAX);
    while !rest.is_char_boundary(end) {
        end -= 1;
    }
    start..start + rest[..end].trim_end().len()
}

const NAME_LABELS: [&str; 24] = [
    "firstname",
    "lastname",
    "fullname",
    "surname",
    "givenname",
    "familyname",
    "middlename",
    "customername",
    "passengername",
    "guestname",
    "patientname",
    "contactname",
    "cardholder",
    "cardholdername",
    "nameoncard",
    "accountholder",
    "recipientname",
    "yourname",
    "employeename",
    "membername",
    "callername",
    "姓名",
    "联系人",
    "名字",
];
const PHONE_LABELS: [&str; 9] =
    ["phone", "phonenumber", "mobile", "telephone", "cellphone", "contactnumber", "电话", "手机", "手机号"];
const POSTCODE_LABELS: [&str; 5] = ["zip", "zipcode", "postcode", "postalcode", "邮编"];
const ADDRESS_LABELS: [&str; 7] =
    ["address", "address1", "address2", "streetaddress", "homeaddress", "addressline1", "addressline2"];
const BIRTH_LABELS: [&str; 6] = ["dob", "dateofbirth", "birthdate", "birthday", "出生日期", "生日"];
const SECRET_LABELS: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pin",
    "pin_code",
    "cvv",
    "cvc",
    "security_code",
    "api_key",
    "apikey",
    "access_token",
    "密码",
];
const CARD_END_LABELS: [&str; 3] = ["lastfour", "last4", "lastfourdigits"];
const NATIONAL_LABELS: [&str; 9] = [
    "ssn",
    "socialsecuritynumber",
    "nationalid",
    "taxid",
    "passport",
    "passportnumber",
    "driverslicense",
    "身份证",
    "身份证号",
];

static ID_LABEL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "(?:order|booking|reservation|confirmation|account|customer|user|client|member|membership|patient|policy|invoice|ticket\
        |case|claim|tracking|transaction|payment|paymentmethod|employee|student|loyalty|frequentflyer)\
        (?:id|ids|no|num|number|code|ref|reference)$|^(?:ref|reference|pnr)$|订单号$|会员号$|预订号$|账号$|确认号$",
    )
});

/// What a label speaks of, and whether it may be a thing's as well as a person's.
fn spoken_of(label: &str) -> Option<(Form, Whose)> {
    let bare: String = label.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let is = |labels: &[&str]| labels.iter().any(|known| bare.ends_with(known));
    let is_short = |labels: &[&str]| labels.iter().any(|known| bare.ends_with(known) && bare.len() <= known.len() + 8);
    let forms = [
        (Form::Name, Whose::APersons, is(&NAME_LABELS)),
        (Form::Name, Whose::AnArticles, bare == "name"),
        (Form::BirthDate, Whose::APersons, is(&BIRTH_LABELS)),
        (Form::CardEnd, Whose::APersons, is(&CARD_END_LABELS)),
        (Form::Id, Whose::APersons, ID_LABEL.is_match(&bare)),
        (Form::NationalId, Whose::APersons, is(&NATIONAL_LABELS)),
        (Form::Phone { head: 0 }, Whose::APersons, is(&PHONE_LABELS)),
        (Form::Postcode, Whose::AShops, is(&POSTCODE_LABELS)),
        (Form::Address, Whose::AShops, is_short(&ADDRESS_LABELS)),
        (Form::Secret, Whose::APersons, is_of_secret(label)),
    ];
    forms.into_iter().find_map(|(form, whose, is_its)| is_its.then_some((form, whose)))
}

/// Whose a value under a label may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    APersons,
    /// Places have addresses too.
    AShops,
    /// Everything has a name.
    AnArticles,
}

/// What a value is by its label, as far as it looks like such a thing.
fn labelled(text: &str, label: &str, value: Range<usize>, speaker: Speaker) -> Option<Found> {
    let (form, whose) = spoken_of(label)?;
    let is_a_persons = match whose {
        Whose::APersons => true,
        Whose::AShops => speaker == Speaker::User || is_near(&PERSON, text, value.start),
        Whose::AnArticles => speaker == Speaker::User || is_near(&PERSON_ALONE, text, value.start),
    };
    if !is_a_persons {
        return None;
    }
    let has_digit = text[value.clone()].contains(|c: char| c.is_ascii_digit());
    let of_signs = |least, is_part: fn(char) -> bool| of_form(text, form, first(text, value.clone(), least, is_part)?);
    match form {
        Form::Name => labelled_name(text, value),
        Form::BirthDate => birth_date(text, value.start..text.len()),
        Form::CardEnd => of_signs(4, |c| c.is_ascii_digit()),
        Form::Id => id(text, value),
        Form::Phone { .. } => phone(text, first(text, value, 7, is_of_phone)?),
        Form::NationalId if has_digit => of_signs(5, is_of_code),
        Form::Postcode if has_digit => of_signs(4, is_of_code),
        Form::Address if has_digit => Some(Found { form, range: value }),
        Form::Secret if has_digit || is_quoted(text, &value) => of_signs(3, |c| !c.is_whitespace() && c != '"'),
        _ => None,
    }
}

fn is_of_code(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn is_of_phone(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '+')
}

/// The signs of a class with which a value begins, if there are as many.
fn first(text: &str, value: Range<usize>, least: usize, is_part: impl Fn(char) -> bool) -> Option<Range<usize>> {
    let written = &text[value.clone()];
    let end = written.find(|c: char| !is_part(c)).unwrap_or(written.len());
    let part = written[..end].trim_end_matches([' ', '-', '.', '(']);
    (part.len() >= least).then(|| value.start..value.start + part.len())
}

fn is_quoted(text: &str, value: &Range<usize>) -> bool {
    text[..value.start].ends_with('"') && text[value.end..].starts_with(['"', '\\']) && !value.is_empty()
}

/// A name under a label may be written in any way, but it is a name and no sentence.
fn labelled_name(text: &str, value: Range<usize>) -> Option<Found> {
    if is_chinese_name(&text[value.clone()]) {
        return Some(Found { form: Form::Name, range: value });
    }
    let name = name_at(text, value.start, Trust::Any)?;
    let is_whole =
        name.end >= value.end || text[name.end..value.end].trim_start().starts_with(['.', '(', '/', '-', '\'']);
    (is_whole || text[..value.start].ends_with([' ', '*'])).then_some(Found { form: Form::Name, range: name })
}

/// An id has a digit, or is in capitals throughout.
fn id(text: &str, value: Range<usize>) -> Option<Found> {
    let range = first(text, value, 4, is_of_code)?;
    let written = &text[range.clone()];
    let has_digit = written.contains(|c: char| c.is_ascii_digit());
    let is_code = written.len() >= 5 && written.bytes().all(|b| b.is_ascii_uppercase());
    (has_digit || is_code).then_some(()).and_then(|()| of_form(text, Form::Id, range))
}

/// The first date here, if it begins within a few words.
fn birth_date(text: &str, after: Range<usize>) -> Option<Found> {
    let mut end = (after.start + 60).min(after.end);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let dates = dates(&text[after.start..end]);
    let date = dates.into_iter().min_by_key(|date| date.range.start)?;
    let range = after.start + date.range.start..after.start + date.range.end;
    (date.range.start <= 20).then_some(Found { form: Form::BirthDate, range })
}

static PERSON: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)first_?name|last_?name|surname|user_?id|customer|passenger|e-?mail|birth|\bdob\b"));

/// What only people have; an order has a customer too, and its articles have names.
static PERSON_ALONE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)first_?name|last_?name|surname|birth|\bdob\b|passport|gender"));

/// Whether labels around tell of a person: a name, a zip or an address alone may be a shop's.
fn is_near(person: &Regex, text: &str, at: usize) -> bool {
    let mut start = at.saturating_sub(VICINITY_BYTES);
    let mut end = (at + VICINITY_BYTES).min(text.len());
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    person.is_match(&text[start..end])
}

/// `order number is 4711-22`, `booking ref: ABC123`, `reservation ABC123`.
static SPOKEN_ID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x)(?i:\b(?:order|booking|reservation|confirmation|reference|ref|account|customer|member(?:ship)?|policy|invoice|tracking
        |case|ticket|claim|user|patient|passport|licen[cs]e|loyalty|frequent\ flyer|parcel|shipment|transaction))
        (?P<named>(?i:\ (?:id|ids|number|no\.?|num|code|ref|reference)))?(?P<linked>\s*(?i:is|was|:|=|\#)\s*)?\s*[\#*]*
        (?P<id>[A-Za-z0-9][A-Za-z0-9_-]{3,30})",
    )
});

fn spoken_id(text: &str, found: &regex::Captures<'_>) -> Option<Found> {
    let range = found.name("id")?.range();
    let written = &text[range.clone()];
    let count = digits(written).len();
    let has_letter = written.contains(|c: char| c.is_ascii_alphabetic());
    let is_said = found.name("named").is_some() || found.name("linked").is_some();
    let is_loud = found[0].bytes().any(|b| b.is_ascii_lowercase());
    let is_code = written.len() == 6 && written.bytes().all(|b| b.is_ascii_uppercase()) && is_loud;
    let is_id = if is_said { count > 0 } else { count > 0 && has_letter || count >= 6 };
    (is_id || is_code && !lexicon::is_never_a_name(written)).then_some(()).and_then(|()| of_form(text, Form::Id, range))
}

static CHINESE_ID: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?:订单号?|会员号|预订号|账号|确认号)码?(?:是|为)?[\s:：]*([A-Za-z]{0,3}\d[A-Za-z0-9-]{3,})")
});
static HASHED_ID: LazyLock<Regex> = LazyLock::new(|| pattern(r"#[A-Z]{0,4}-?\d{4,}[A-Z0-9-]*"));
static CARD_END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:ending\s+(?:in|with)|ends\s+(?:in|with)|last\s+(?:four|4)(?:\s+digits)?(?:\s+(?:is|are|of))?|尾号(?:是|为)?)[\s:*#.]*(\d{4})",
    )
});
static BORN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\bborn\b|\bbirthday\b|\bdate of birth\b|\bdob\b|生日|出生"));
static PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b(?:password|passcode|passphrase|pin(?:\s+code)?|cvv)\s+(?:is|was)\s+([^\s,;]*\d[^\s,;.]*)")
});
static CALLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:phone|call|cell|mobile|tel|number|text me|reach me|电话|手机)\D{0,25}?(\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}|\d{3}-\d{4})",
    )
});

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of our own")
}
