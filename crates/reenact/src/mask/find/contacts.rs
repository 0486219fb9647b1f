//! Addresses of mail and of hosts, phone numbers, keys: what is known by its form alone.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Found, digits, stands_alone};
use crate::mask::Form;
use crate::mask::pieces::canonical;
use crate::mask::surrogate::{is_example_key, is_fictional_phone, is_invented_email};
use crate::secrets::{NAMED_SECRET, SHAPED, is_random};

pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    if text.contains('@') {
        let addresses = EMAIL.find_iter(text).filter(|address| !is_invented_email(&address.as_str().to_lowercase()));
        found.extend(addresses.map(|address| Found { form: Form::Email, range: address.range() }));
    }
    if text.bytes().any(|b| b.is_ascii_digit()) {
        found.extend(phones(text));
        found.extend(ip_addresses(text));
    }
    found.extend(secrets(text));
    found
}

static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[\p{L}\p{N}][\p{L}\p{N}._%+'-]*@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}"));

/// The ways in which phone numbers are written so that nothing else is: with the code of a country, in the groups of North
/// America, with the zero of a national number, as a mobile number in China.
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?x)
        \+\d{1,3}[\ .-]?(?:\(0?\d{1,4}\)[\ .-]?)?\d{1,5}(?:[\ .-]?\d{2,5}){1,4}
        | (?:1[\ .-])?\(\d{3}\)\ ?\d{3}[\ .-]\d{4}
        | (?:1[\ .-])?\d{3}[.-]\d{3}[.-]\d{4}
        | \d{3}\ \d{3}\ \d{4}
        | 0\d{2,3}[\ -]\d{7,8}
        | 0\d{2,4}[\ -]?\d{3}[\ -]?\d{3,4}(?:[\ -]?\d{2})?
        | 1[3-9]\d[\ -]?\d{4}[\ -]?\d{4}
        | 400[\ -]\d{3}[\ -]\d{4}",
    )
});

/// The fewest and the most digits of a number with the code of its country (E.164).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

fn phones(text: &str) -> impl Iterator<Item = Found> {
    PHONE.find_iter(text).filter_map(|number| phone(text, number.range()))
}

/// A phone number, unless nobody has it.
pub(super) fn phone(text: &str, range: Range<usize>) -> Option<Found> {
    let written = &text[range.clone()];
    let digits = digits(written);
    let head = if written.starts_with('+') { country_digits(&digits) } else { trunk_digits(&digits) };
    let is_one = PHONE_DIGITS.contains(&digits.len()) && digits.len() >= head + 4 && stands_alone(text, &range);
    let is_bigger = text[..range.start].ends_with(['-', '.', '/']) && text[..range.start].len() > 1;
    (is_one && !is_bigger && !is_fictional_phone(&digits[..head], &digits[head..]))
        .then_some(Found { form: Form::Phone { head }, range })
}

/// How many digits the code of the country has (ITU-T E.164).
fn country_digits(digits: &str) -> usize {
    const TWO: [&str; 37] = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
        "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
        "86",
    ];
    const TWO_MORE: [&str; 8] = ["90", "91", "92", "93", "94", "95", "98", "99"];
    match digits {
        _ if digits.starts_with(['1', '7']) => 1,
        _ if TWO.iter().chain(&TWO_MORE).any(|code| digits.starts_with(code)) => 2,
        _ => 3,
    }
}

/// The digits before a national number: the zero that is dialled first, or North America's one.
fn trunk_digits(digits: &str) -> usize {
    usize::from(digits.starts_with('0') || digits.len() == 11 && digits.starts_with('1') && &digits[1..2] < "3")
}

static IP_V4: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d{1,3}(?:\.\d{1,3}){3}"));
static IP_V6: LazyLock<Regex> = LazyLock::new(|| pattern(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"));

/// Addresses of hosts on the internet; those of documentation, of a private network or of the machine itself are nobody's.
fn ip_addresses(text: &str) -> impl Iterator<Item = Found> {
    let is_v4 =
        |range: &Range<usize>| text[range.clone()].parse().is_ok_and(is_somebodys_v4) && !is_version(text, range);
    let is_v6 = |range: &Range<usize>| text[range.clone()].parse().is_ok_and(is_somebodys_v6);
    let v4 = IP_V4.find_iter(text).map(|found| found.range()).filter(is_v4).collect::<Vec<_>>();
    let v6 = IP_V6.find_iter(text).map(|found| found.range()).filter(is_v6).collect::<Vec<_>>();
    let all = v4.into_iter().chain(v6).filter(|range| stands_alone(text, range)).collect::<Vec<_>>();
    all.into_iter().map(|range| Found { form: Form::IpAddress, range })
}

fn is_somebodys_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let is_for_benchmarks = a == 198 && (b == 18 || b == 19);
    let is_local = address.is_private() || address.is_loopback() || address.is_link_local() || a == 0;
    !is_for_benchmarks && !is_local && !address.is_documentation() && !address.is_multicast() && a < 240
}

fn is_somebodys_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_for_documentation = first == 0x2001 && second == 0xdb8;
    // Addresses of the internet are in 2000::/3.
    (0x2000..0x4000).contains(&first) && !is_for_documentation
}

fn is_version(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].trim_end().to_lowercase();
    before.ends_with("version") || text[..range.start].ends_with(['v', 'V', '.'])
}

/// Keys of known shapes, what follows a name that speaks of a secret, and what an address lets in with.
fn secrets(text: &str) -> Vec<Found> {
    let shaped = SHAPED.iter().flat_map(|shape| shape.captures_iter(text).filter_map(|found| part(text, &found)));
    let named = NAMED_SECRET.captures_iter(text).filter_map(|found| Some(found.get(2)?.range()));
    let named = named.filter(|range| is_random(&text[range.clone()]));
    let found = shaped.chain(named).filter(|range| !is_example_key(&canonical(&text[range.clone()])));
    found.map(|range| Found { form: Form::Secret, range }).collect()
}

/// The secret part of what was found: without the group that stays, and without the armour around a key.
fn part(text: &str, found: &Captures<'_>) -> Option<Range<usize>> {
    let whole = found.get(0)?.range();
    let start = found.get(1).map_or(whole.start, |kept| kept.end());
    let end = if text[..whole.end].ends_with('@') && found.get(1).is_some() { whole.end - 1 } else { whole.end };
    let inner = &text[start..end];
    let Some(armour) = inner.strip_prefix("-----BEGIN").and_then(|rest| rest.find("-----")) else {
        return Some(start..end);
    };
    let start = start + "-----BEGIN".len() + armour + "-----".len();
    let end = text[start..end].find("-----END").map_or(end, |at| start + at);
    (start < end).then_some(start..end)
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of our own")
}
