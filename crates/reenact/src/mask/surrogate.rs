//! What stands for a value: of the same form, valid where the value was, and nobody's.

use super::chance::Chance;
use super::checksum::{cpf_check, iban_check, luhn_digit, resident_check, spanish_letter};
use super::{Form, MaskKey, invented};

/// A surrogate for the canonical spelling of a value, as long as it; another attempt gives another.
pub(super) fn aligned(key: &MaskKey, form: Form, canonical: &str, attempt: u32) -> String {
    let chance = &mut Chance::new(key.bytes(), &[form.name(), national(form, canonical)], attempt);
    match form {
        Form::Phone { head } => {
            let (country, number) = canonical.split_at(head);
            format!("{country}{}", phone(country, number, chance))
        }
        Form::Card => card(canonical, chance),
        Form::Iban => iban(canonical, chance),
        Form::SocialSecurity => format!("666{}", chance.digits(canonical.len() - 3)),
        Form::Insurance => format!("qq{}{}", chance.digits(6), &canonical[8..]),
        Form::Resident => resident(canonical, chance),
        Form::Cpf => with(chance.digits(9), cpf_check),
        Form::SpanishPerson => with(chance.digits(8), |digits| spanish_letter(digits).to_string()),
        Form::SpanishForeigner => spanish_foreigner(canonical, chance),
        Form::Secret => secret(canonical, chance),
        Form::Id => id(canonical, chance),
        _ => alike(canonical, chance),
    }
}

/// What of a phone number is hashed: the same number with and without the code of its country has one surrogate.
fn national(form: Form, canonical: &str) -> &str {
    match form {
        Form::Phone { head } => &canonical[head..],
        _ => canonical,
    }
}

fn with(digits: String, check: impl Fn(&str) -> String) -> String {
    let check = check(&digits);
    digits + &check
}

fn alike(text: &str, chance: &mut Chance) -> String {
    text.chars().enumerate().map(|(n, c)| chance.like(c, n == 0)).collect()
}

/// The plans of numbering that have numbers for films (North America's 555-01XX, Ofcom's for drama), or in which there are some
/// that no exchange hands out: a mobile number in China has 3 to 9 behind its one, and behind an area code come no zeros.
#[derive(Clone, Copy)]
enum Plan {
    NorthAmerica,
    NorthAmericaLocal,
    Britain,
    ChinaMobile,
    Other,
}

fn plan(country: &str, number: &str) -> Plan {
    let is_code = |at: usize| number.as_bytes()[at] >= b'2';
    match (country, number.len()) {
        ("" | "1", 10) if is_code(0) && is_code(3) => Plan::NorthAmerica,
        ("", 7) => Plan::NorthAmericaLocal,
        ("44" | "0", 10) => Plan::Britain,
        ("" | "86", 11) if number.starts_with('1') => Plan::ChinaMobile,
        _ => Plan::Other,
    }
}

fn phone(country: &str, number: &str, chance: &mut Chance) -> String {
    match plan(country, number) {
        Plan::NorthAmerica => format!("{}{}55501{}", 2 + chance.below(8), chance.digits(2), chance.digits(2)),
        Plan::NorthAmericaLocal => format!("55501{}", chance.digits(2)),
        Plan::Britain if number.starts_with('7') => format!("7700900{}", chance.digits(3)),
        Plan::Britain => format!("1632960{}", chance.digits(3)),
        Plan::ChinaMobile => format!("12{}", chance.digits(9)),
        Plan::Other if number.len() > 7 => format!("{}0000{}", &number[..2], chance.digits(number.len() - 6)),
        Plan::Other => alike(number, chance),
    }
}

/// Whether nobody has a number.
pub(super) fn is_fictional_phone(country: &str, number: &str) -> bool {
    match plan(country, number) {
        Plan::NorthAmerica => &number[3..8] == "55501",
        Plan::NorthAmericaLocal => number.starts_with("55501"),
        Plan::Britain => number.starts_with("7700900") || number.starts_with("1632960"),
        Plan::ChinaMobile => number.starts_with("12"),
        Plan::Other => number.len() > 7 && &number[2..6] == "0000",
    }
}

/// The numbers that payment services give to testers, by the brand that the first digit tells.
const TEST_CARDS: [(char, &str); 5] =
    [('4', "411111"), ('5', "555555"), ('2', "222300"), ('3', "378282"), ('6', "601111")];

fn card(number: &str, chance: &mut Chance) -> String {
    let brand = TEST_CARDS.iter().find(|(first, _)| number.starts_with(*first)).map_or("411111", |(_, test)| test);
    let digits = format!("{brand}{}", chance.digits(number.len() - brand.len() - 1));
    with(digits, |digits| luhn_digit(digits).to_string())
}

pub(super) fn is_test_card(number: &str) -> bool {
    TEST_CARDS.iter().any(|(_, test)| number.starts_with(test)) || number.starts_with("424242")
}

/// No bank has the number zero, and none is called TEST.
fn iban(canonical: &str, chance: &mut Chance) -> String {
    let bank = canonical[4..8].chars().zip("test".chars());
    let bank: String = bank.map(|(c, test)| if c.is_ascii_digit() { '0' } else { test }).collect();
    let account = bank + &canonical[8..].chars().map(|c| chance.like(c, false)).collect::<String>();
    format!("{}{}{account}", &canonical[..2], iban_check(&canonical[..2], &account))
}

pub(super) fn is_test_iban(canonical: &str) -> bool {
    canonical[4..8].chars().zip("test".chars()).all(|(c, test)| c == '0' || c == test)
}

/// A place that there is not, and an adult's day of birth.
fn resident(canonical: &str, chance: &mut Chance) -> String {
    let (year, month, day) = (1950 + chance.below(50), 1 + chance.below(12), 1 + chance.below(28));
    let digits = format!("99{}{year}{month:02}{day:02}{}", chance.digits(4), chance.digits(3));
    debug_assert_eq!(canonical.len(), digits.len() + 1);
    with(digits, |digits| resident_check(digits).to_string())
}

fn spanish_foreigner(canonical: &str, chance: &mut Chance) -> String {
    let digits = chance.digits(7);
    let leading = match &canonical[..1] {
        "y" => "1",
        "z" => "2",
        _ => "0",
    };
    format!("{}{digits}{}", &canonical[..1], spanish_letter(&format!("{leading}{digits}")))
}

/// What keys begin with, without their dashes; the longer first.
const KEY_BEGINNINGS: [&str; 26] = [
    "githubpat",
    "glpat",
    "sklive",
    "sktest",
    "rklive",
    "rktest",
    "pklive",
    "pktest",
    "skproj",
    "skant",
    "pplx",
    "aiza",
    "ya29",
    "akia",
    "asia",
    "xoxb",
    "xoxp",
    "xoxa",
    "ghp",
    "gho",
    "ghs",
    "gsk",
    "xai",
    "eyj",
    "sk",
    "hf",
];

/// Stands in a key that opens nothing.
const EXAMPLE: &str = "example";

/// A shorter secret has no room for a word.
const MARKED_MIN: usize = 16;

fn secret(canonical: &str, chance: &mut Chance) -> String {
    if canonical.len() < MARKED_MIN || !canonical.is_ascii() {
        return alike(canonical, chance);
    }
    let beginning = KEY_BEGINNINGS.iter().find(|beginning| canonical.starts_with(**beginning)).map_or("", |b| b);
    let rest = &canonical[beginning.len() + EXAMPLE.len()..];
    format!("{beginning}{EXAMPLE}{}", rest.chars().map(|c| chance.like(c, false)).collect::<String>())
}

pub(super) fn is_example_key(canonical: &str) -> bool {
    canonical.contains(EXAMPLE)
}

/// A few letters before a number say what kind of number it is.
const ID_KIND_LETTERS_MAX: usize = 3;

fn id(canonical: &str, chance: &mut Chance) -> String {
    let letters = canonical.chars().take_while(char::is_ascii_alphabetic).count();
    let is_kind = letters <= ID_KIND_LETTERS_MAX
        && canonical.len() >= letters + 4
        && canonical[letters..].bytes().all(|b| b.is_ascii_digit());
    let kind = if is_kind { &canonical[..letters] } else { "" };
    format!("{kind}{}", alike(&canonical[kind.len()..], chance))
}

/// An address that nobody has: its words are invented names, its figures others, its domain reserved (RFC 2606).
pub(super) fn email(local: &str, mut name_of: impl FnMut(&str) -> String, chance: &mut Chance, attempt: u32) -> String {
    let mut address = String::new();
    for piece in super::pieces::pieces(local) {
        if !address.is_empty() && !local[..piece.range.start].ends_with(char::is_alphanumeric) {
            address.push('.');
        }
        match &local[piece.range] {
            digits if digits.starts_with(|c: char| c.is_ascii_digit()) => address += &chance.digits(digits.len()),
            word => address += &name_of(word),
        }
    }
    if attempt > 0 || address.is_empty() {
        address += &chance.digits(4);
    }
    format!("{address}@{EMAIL_DOMAIN}")
}

/// Reserved for examples, so that no mail to it arrives.
const EMAIL_DOMAIN: &str = "example.org";

/// Whether an address is one of ours.
pub(super) fn is_invented_email(address: &str) -> bool {
    let Some((local, EMAIL_DOMAIN)) = address.split_once('@') else { return false };
    let pieces = super::pieces::pieces(local);
    let mut words = pieces.iter().filter(|p| p.signs != super::pieces::Signs::Digits).peekable();
    words.peek().is_some() && words.all(|piece| invented::is_invented(&local[piece.range.clone()]))
}
