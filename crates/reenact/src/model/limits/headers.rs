//! What a provider says of its limits in the headers of an answer.
//!
//! Three families are read: OpenAI's `x-ratelimit-*`, which Azure, Groq, xAI and most others write too, Mistral's form
//! of it, which says `minute`, and Anthropic's `anthropic-ratelimit-*`. Limits for a day or a month are not learned: a run
//! that meets them is refused with a wait that nobody sits out.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;

use crate::http::{duration_until, retry_after, servers_now};

/// What is limited, each in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests.
    Requests,
    /// Tokens, read and written.
    Tokens,
    /// Tokens read.
    InputTokens,
    /// Tokens written.
    OutputTokens,
}

impl Measure {
    /// All measures, in the order of their windows.
    pub(super) const ALL: [Measure; 4] =
        [Measure::Requests, Measure::Tokens, Measure::InputTokens, Measure::OutputTokens];

    /// What is counted, as people say it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::Requests => "requests",
            Measure::Tokens => "tokens",
            Measure::InputTokens => "input tokens",
            Measure::OutputTokens => "output tokens",
        }
    }
}

/// The headers of one measure in one family.
struct Names {
    measure: Measure,
    limit: &'static str,
    remaining: &'static str,
    reset: &'static str,
}

const NAMES: [Names; 8] = [
    Names {
        measure: Measure::Requests,
        limit: "x-ratelimit-limit-requests",
        remaining: "x-ratelimit-remaining-requests",
        reset: "x-ratelimit-reset-requests",
    },
    Names {
        measure: Measure::Tokens,
        limit: "x-ratelimit-limit-tokens",
        remaining: "x-ratelimit-remaining-tokens",
        reset: "x-ratelimit-reset-tokens",
    },
    Names {
        measure: Measure::Requests,
        limit: "anthropic-ratelimit-requests-limit",
        remaining: "anthropic-ratelimit-requests-remaining",
        reset: "anthropic-ratelimit-requests-reset",
    },
    Names {
        measure: Measure::Tokens,
        limit: "anthropic-ratelimit-tokens-limit",
        remaining: "anthropic-ratelimit-tokens-remaining",
        reset: "anthropic-ratelimit-tokens-reset",
    },
    Names {
        measure: Measure::InputTokens,
        limit: "anthropic-ratelimit-input-tokens-limit",
        remaining: "anthropic-ratelimit-input-tokens-remaining",
        reset: "anthropic-ratelimit-input-tokens-reset",
    },
    Names {
        measure: Measure::OutputTokens,
        limit: "anthropic-ratelimit-output-tokens-limit",
        remaining: "anthropic-ratelimit-output-tokens-remaining",
        reset: "anthropic-ratelimit-output-tokens-reset",
    },
    Names {
        measure: Measure::Requests,
        limit: "x-ratelimit-limit-req-minute",
        remaining: "x-ratelimit-remaining-req-minute",
        reset: "x-ratelimit-reset-req-minute",
    },
    Names {
        measure: Measure::Tokens,
        limit: "x-ratelimit-limit-tokens-minute",
        remaining: "x-ratelimit-remaining-tokens-minute",
        reset: "x-ratelimit-reset-tokens-minute",
    },
];

/// What a provider allows of one measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) measure: Measure,
    /// In a minute.
    pub(super) limit: u64,
    /// What is left of it.
    pub(super) remaining: Option<u64>,
    /// How long until all of it is free again.
    pub(super) reset: Option<Duration>,
}

/// What the headers say of limits for a minute.
pub(super) fn allowances(headers: &HeaderMap) -> impl Iterator<Item = Allowance> {
    NAMES.iter().filter_map(|names| {
        let limit = number(headers, names.limit).filter(|limit| *limit > 0)?;
        let reset = reset(headers, names, || servers_now(headers));
        Some(Allowance { measure: names.measure, limit, remaining: number(headers, names.remaining), reset })
    })
}

/// How long a provider that refuses wants to be left alone: as it asks, or else until what it says is used up is free again.
pub(super) fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    retry_after(headers).or_else(|| {
        let now = servers_now(headers);
        let used_up = NAMES.iter().filter(|names| number(headers, names.remaining) == Some(0));
        used_up.filter_map(|names| reset(headers, names, || now)).max()
    })
}

fn reset(headers: &HeaderMap, names: &Names, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    duration_until(headers.get(names.reset)?.to_str().ok()?.trim(), now())
}

/// A count; some write -1 for what they do not limit.
fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    /// Headers as they stand on the wire, a line each.
    fn headers(lines: &str) -> HeaderMap {
        let header = |line: &str| {
            let (name, value) = line.trim().split_once(": ").unwrap();
            (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        lines.trim().lines().map(header).collect()
    }

    fn shown(lines: &str) -> String {
        let shown = |it: Allowance| {
            let reset = it.reset.map_or("?".to_owned(), |reset| format!("{reset:?}"));
            format!("{} of {} {} until {reset}\n", it.remaining.unwrap_or(0), it.limit, it.measure.as_str())
        };
        allowances(&headers(lines)).map(shown).collect()
    }

    #[test]
    fn the_limits_of_each_family_of_providers_are_read() {
        let openai = "
            x-ratelimit-limit-requests: 5000
            x-ratelimit-limit-tokens: 160000
            x-ratelimit-remaining-requests: 4999
            x-ratelimit-remaining-tokens: 159976
            x-ratelimit-reset-requests: 12ms
            x-ratelimit-reset-tokens: 6m0s";
        insta::assert_snapshot!(shown(openai), @r"
        4999 of 5000 requests until 12ms
        159976 of 160000 tokens until 360s
        ");
        let anthropic = "
            date: Sun, 01 Mar 2026 12:00:00 GMT
            anthropic-ratelimit-requests-limit: 50
            anthropic-ratelimit-requests-remaining: 49
            anthropic-ratelimit-requests-reset: 2026-03-01T12:00:01Z
            anthropic-ratelimit-input-tokens-limit: 30000
            anthropic-ratelimit-input-tokens-remaining: 29000
            anthropic-ratelimit-input-tokens-reset: 2026-03-01T12:00:02Z
            anthropic-ratelimit-output-tokens-limit: 8000
            anthropic-ratelimit-output-tokens-remaining: 8000
            anthropic-ratelimit-output-tokens-reset: 2026-03-01T12:00:00Z";
        insta::assert_snapshot!(shown(anthropic), @r"
        49 of 50 requests until 1s
        29000 of 30000 input tokens until 2s
        8000 of 8000 output tokens until 0ns
        ");
        let mistral = "
            x-ratelimit-limit-tokens-minute: 5000000
            x-ratelimit-remaining-tokens-minute: 4999911
            x-ratelimit-limit-req-minute: 720
            x-ratelimit-remaining-req-minute: 717";
        insta::assert_snapshot!(shown(mistral), @r"
        717 of 720 requests until ?
        4999911 of 5000000 tokens until ?
        ");
    }

    #[test]
    fn what_is_no_limit_is_not_taken_for_one() {
        for line in
            ["x-ratelimit-limit-tokens: -1", "x-ratelimit-limit-requests: 0", "x-ratelimit-limit-requests: many"]
        {
            assert_eq!(shown(line), "", "{line}");
        }
        assert_eq!(shown("content-type: application/json"), "");
    }

    #[test]
    fn a_refusal_without_retry_after_waits_for_the_reset_of_what_is_used_up() {
        let wait = |lines: &str| asked_wait(&headers(lines)).map(|wait| wait.as_secs());
        let used_up = "
            x-ratelimit-remaining-requests: 10
            x-ratelimit-reset-requests: 3m0s
            x-ratelimit-remaining-tokens: 0
            x-ratelimit-reset-tokens: 12s";
        assert_eq!(wait(used_up), Some(12));
        assert_eq!(wait(&format!("{used_up}\nretry-after: 2")), Some(2));
        assert_eq!(wait("x-ratelimit-remaining-requests: 10\nx-ratelimit-reset-requests: 3m0s"), None);
    }
}
