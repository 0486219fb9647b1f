//! When to come back: the times that servers write into headers, in all their forms, as durations from now.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::clock;

/// OpenAI and Azure say in this one what `Retry-After` cannot: less than a second.
const RETRY_AFTER_MS: &str = "retry-after-ms";

/// A bare number from here on is a moment, not a duration: seconds since 1970, of which a duration has never as many.
const EPOCH_SECONDS_MIN: f64 = 1e9;

/// A bare number from here on is a moment in milliseconds.
const EPOCH_MILLISECONDS_MIN: f64 = 1e12;

/// How long the server wants to be left alone: `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let milliseconds = text(headers, RETRY_AFTER_MS).and_then(|text| text.parse::<f64>().ok());
    let exact = milliseconds.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
    exact.or_else(|| duration_until(text(headers, RETRY_AFTER.as_str())?, servers_now(headers)))
}

/// What the clock of the server shows, as its answer says; ours where it does not. Moments that a server names are
/// reckoned by its own clock, so that it does not matter how wrong ours is.
pub(crate) fn servers_now(headers: &HeaderMap) -> Timestamp {
    text(headers, DATE.as_str()).and_then(http_date).unwrap_or_else(clock::now)
}

/// How long it is until what a header names: `12`, `0.5`, `6m0s`, `17ms`, an RFC 3339 moment, a date of HTTP, seconds
/// or milliseconds since 1970. What is over is no time at all.
pub(crate) fn duration_until(text: &str, now: Timestamp) -> Option<Duration> {
    let from_now = |moment: Timestamp| Some(Duration::try_from(moment.duration_since(now)).unwrap_or_default());
    if let Ok(number) = text.parse::<f64>() {
        return match number {
            EPOCH_MILLISECONDS_MIN.. => from_now(Timestamp::from_millisecond(number as i64).ok()?),
            EPOCH_SECONDS_MIN.. => from_now(Timestamp::from_second(number as i64).ok()?),
            seconds => Duration::try_from_secs_f64(seconds).ok(),
        };
    }
    let moment = || text.parse::<Timestamp>().ok().or_else(|| http_date(text));
    let duration = text.parse::<SignedDuration>().ok();
    duration.map_or_else(|| from_now(moment()?), |duration| Some(Duration::try_from(duration).unwrap_or_default()))
}

fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(header).collect()
    }

    fn seconds(text: &str) -> Option<f64> {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        duration_until(text, now).map(|duration| duration.as_secs_f64())
    }

    #[test]
    fn every_form_in_which_servers_write_a_time_is_read() {
        for (text, expected) in [
            ("1s", 1.0),
            ("6m0s", 360.0),
            ("17ms", 0.017),
            ("2m59.56s", 179.56),
            ("1h0m30s", 3630.0),
            ("12", 12.0),
            ("0.25", 0.25),
            ("2026-03-01T12:00:07Z", 7.0),
            ("2026-03-01T13:00:07.5+01:00", 7.5),
            ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
            ("1772366405", 5.0),
            ("1772366405500", 5.5),
            ("2026-03-01T11:00:00Z", 0.0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "-3", "NaN", "inf", "tomorrow 12:00"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn the_exact_wait_goes_before_the_rounded_one() {
        let both = headers(&[("retry-after", "1"), ("retry-after-ms", "320")]);
        assert_eq!(retry_after(&both), Some(Duration::from_millis(320)));
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers(&[])), None);
    }

    #[test]
    fn a_date_is_reckoned_by_the_clock_of_the_server_that_wrote_it() {
        let wrong_by_years =
            headers(&[("date", "Thu, 01 Jan 2015 00:00:00 GMT"), ("retry-after", "Thu, 01 Jan 2015 00:00:30 GMT")]);
        assert_eq!(retry_after(&wrong_by_years), Some(Duration::from_secs(30)));
    }

    proptest! {
        #[test]
        fn no_text_in_a_header_makes_it_panic(text in r"[0-9eE.+:TZ smh-]{0,20}|\PC{0,12}") {
            let _ = seconds(&text);
        }
    }
}
