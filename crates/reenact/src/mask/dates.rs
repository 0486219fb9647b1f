//! Dates as people write them, so that a day of birth is the same day in every spelling.

use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::chance::Chance;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    year: u32,
    month: u32,
    day: u32,
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Somebody stays about as old.
const YEARS_MAX: u32 = 3;

impl Day {
    /// Another day in another year, a few years away at the most; it is one in every month.
    pub(super) fn another(self, chance: &mut Chance) -> Day {
        let years = 1 + chance.below(YEARS_MAX);
        let year = if chance.below(2) == 0 { self.year.saturating_sub(years) } else { self.year + years };
        Day { year, month: 1 + chance.below(12), day: 1 + chance.below(28) }
    }
}

/// A date in a text, with where its parts stand.
#[derive(Debug)]
pub(super) struct Date {
    pub(super) range: Range<usize>,
    pub(super) day: Day,
    parts: [Range<usize>; 3],
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

static FORMS: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    let month = r"(?P<m>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)";
    [
        r"(?-u:\b)(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?-u:\b)".to_owned(),
        r"(?-u:\b)(?P<m>\d{1,2})[-/.](?P<d>\d{1,2})[-/.](?P<y>(?:19|20)\d\d)(?-u:\b)".to_owned(),
        format!(
            r"(?i)(?-u:\b){month}\.?\s+(?P<d>\d{{1,2}}(?:st|nd|rd|th)?),?\s+(?:of\s+)?(?P<y>(?:19|20)\d\d)(?-u:\b)"
        ),
        format!(
            r"(?i)(?-u:\b)(?P<d>\d{{1,2}}(?:st|nd|rd|th)?)\.?\s+(?:of\s+)?{month}\.?,?\s+(?P<y>(?:19|20)\d\d)(?-u:\b)"
        ),
        r"(?P<y>(?:19|20)\d\d)\s?年\s?(?P<m>\d{1,2})\s?月\s?(?P<d>\d{1,2})\s?[日号]".to_owned(),
    ]
    .map(|form| Regex::new(&form).expect("a pattern of our own"))
});

/// The whole dates in a text. One without a year is nobody's day of birth alone.
pub(super) fn dates(text: &str) -> Vec<Date> {
    if !text.contains("19") && !text.contains("20") {
        return Vec::new();
    }
    FORMS.iter().flat_map(|form| form.captures_iter(text).filter_map(|found| date(&found))).collect()
}

fn date(found: &Captures<'_>) -> Option<Date> {
    let part = |name| found.name(name).map(|part| (part.range(), part.as_str()));
    let ((year_at, year), (month_at, month), (day_at, day)) = (part("y")?, part("m")?, part("d")?);
    let by_name = || Some(MONTHS.iter().position(|name| name.starts_with(&month.to_lowercase()[..3]))? as u32 + 1);
    let number = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<u32>().ok();
    let (mut month, mut day) = (number(month).or_else(by_name)?, number(day)?);
    let mut parts = [year_at, month_at, day_at];
    // `25/12/1990`: the day came first.
    if month > 12 && day <= 12 {
        (month, day) = (day, month);
        parts.swap(1, 2);
    }
    let is_day = (1..=12).contains(&month) && (1..=31).contains(&day);
    is_day.then_some(Date { range: found.get(0)?.range(), day: Day { year: number(year)?, month, day }, parts })
}

impl Date {
    /// The text of another day in the same spelling.
    pub(super) fn with(&self, text: &str, other: Day) -> String {
        let [year, month, day] = self.parts.clone();
        let is_padded = text[self.range.clone()].contains(['-', '/', '.']);
        let mut changes = [
            (year, other.year.to_string()),
            (month.clone(), month_like(&text[month], other.month, is_padded)),
            (day.clone(), day_like(&text[day], other.day, is_padded)),
        ];
        changes.sort_by_key(|(range, _)| range.start);
        let (mut spelled, mut at) = (String::new(), self.range.start);
        for (range, part) in changes {
            spelled.push_str(&text[at..range.start]);
            spelled.push_str(&part);
            at = range.end;
        }
        spelled + &text[at..self.range.end]
    }
}

/// Between dashes a number has two digits where the other had two; beside the name of a month only where it had a zero.
fn number_like(like: &str, number: u32, is_padded: bool) -> String {
    if like.starts_with('0') || is_padded && like.len() == 2 { format!("{number:02}") } else { number.to_string() }
}

fn day_like(like: &str, day: u32, is_padded: bool) -> String {
    let digits = like.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = number_like(digits, day, is_padded);
    let ordinal = match day {
        _ if digits.len() == like.len() => "",
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    number + ordinal
}

fn month_like(like: &str, month: u32, is_padded: bool) -> String {
    if like.starts_with(|c: char| c.is_ascii_digit()) {
        return number_like(like, month, is_padded);
    }
    let name = MONTHS[month as usize - 1];
    let name = if like.len() <= 4 { &name[..3] } else { name };
    match like.chars().next() {
        Some(first) if first.is_uppercase() => name[..1].to_uppercase() + &name[1..],
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_is_found_in_every_spelling_and_told_again_in_the_same() {
        let other = Day { year: 1984, month: 3, day: 7 };
        for (text, told) in [
            ("1957-10-05", "1984-03-07"),
            ("October 5, 1957", "March 7, 1984"),
            ("5 oct 1957", "7 mar 1984"),
            ("October 05, 1957", "March 07, 1984"),
            ("Oct. 5th, 1957", "Mar. 7th, 1984"),
            ("10/05/1957", "03/07/1984"),
            ("1957年10月5日", "1984年3月7日"),
        ] {
            let found = &dates(text)[0];
            assert_eq!((found.day.to_string().as_str(), found.with(text, other).as_str()), ("1957-10-05", told));
        }
        assert_eq!(dates("born 25/12/1990")[0].day.to_string(), "1990-12-25");
        assert!(dates("2024-15-45 and 10.2.3 and May 26").is_empty());
    }
}
