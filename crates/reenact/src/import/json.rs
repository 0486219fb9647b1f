//! Small pieces of JSON reading that every format needs.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// Why a record, or one trace of it, gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    /// Lower case, and names the thing.
    pub(super) text: String,
    /// Lines below the start of the record.
    pub(super) lines_down: u64,
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Reason { text, lines_down: 0 }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<serde_json::Error> for Reason {
    fn from(error: serde_json::Error) -> Self {
        Reason { text: json_reason(&error), lines_down: (error.line() as u64).saturating_sub(1) }
    }
}

fn json_reason(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = whole.strip_suffix(place.as_str()).unwrap_or(&whole);
    match error.classify() {
        serde_json::error::Category::Eof => "the JSON ends in the middle".to_owned(),
        serde_json::error::Category::Syntax => {
            // The library's word for what begins as `null`, `true` or `false` do and goes on otherwise.
            let message = message.replace("expected ident", "expected a value");
            format!("not JSON: {message} (column {})", error.column())
        }
        _ => format!("{message} (column {})", error.column()),
    }
}

/// A string of the input, borrowed where it holds no escape. A number is taken as its digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(number.to_string())))
    }
}

/// The words of a value: a string as it is, nothing for `null`, all else as its JSON text.
pub(super) fn words_of(raw: &RawValue) -> Cow<'_, str> {
    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<Text<'_>>(raw.get()).map_or(Cow::Borrowed(raw.get()), |text| text.0),
        Some(b'n') => Cow::Borrowed(""),
        _ => Cow::Borrowed(raw.get()),
    }
}

/// A string, number or truth value as text; nothing for what has parts.
pub(super) fn scalar_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let has_parts = matches!(raw.get().as_bytes().first(), Some(b'{' | b'[' | b'n') | None);
    (!has_parts).then(|| words_of(raw))
}

/// A point in time as recordings write it: RFC 3339 text, or seconds, milliseconds, microseconds or
/// nanoseconds since 1970 as a number or its digits.
pub(super) fn time_of(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return epoch(number);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.abs() < 1e11).then(|| Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok())?;
    }
    let parsed: Option<Timestamp> = text.parse().ok();
    // Times without a zone are what a server wrote, and servers write UTC.
    parsed.or_else(|| {
        text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp())
    })
}

/// Which unit a count since 1970 has shows in its size: none of the ranges meet before the year 5000.
fn epoch(number: i64) -> Option<Timestamp> {
    match number.unsigned_abs() {
        0 => None,
        1..=99_999_999_999 => Timestamp::from_second(number).ok(),
        100_000_000_000..=99_999_999_999_999 => Timestamp::from_millisecond(number).ok(),
        100_000_000_000_000..=99_999_999_999_999_999 => Timestamp::from_microsecond(number).ok(),
        _ => Timestamp::from_nanosecond(number.into()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_understood_in_every_unit_that_recordings_use() {
        let expected: Timestamp = "2025-09-01T08:00:01Z".parse().unwrap();
        for text in [
            "2025-09-01T08:00:01Z",
            "2025-09-01T10:00:01+02:00",
            "2025-09-01T08:00:01",
            "1756713601",
            "1756713601.0",
            "1756713601000",
            "1756713601000000",
            "1756713601000000000",
        ] {
            assert_eq!(time_of(text), Some(expected), "{text}");
        }
        assert_eq!(time_of("soon"), None);
        assert_eq!(time_of("0"), None);
    }

    #[test]
    fn a_reason_counts_lines_from_the_start_of_the_record() {
        let error = serde_json::from_str::<Vec<u8>>("[1,\n2,\n}").unwrap_err();
        let reason = Reason::from(error);
        assert_eq!(reason.lines_down, 2);
        assert!(reason.text.starts_with("not JSON: "), "{}", reason.text);
    }
}
