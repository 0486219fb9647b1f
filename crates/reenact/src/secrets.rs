//! What secrets look like, by whoever gives them out: the one list that cassettes and masking go by.

use std::sync::LazyLock;

use regex::Regex;

/// What a key looks like. The first group, where a pattern has one, is no part of the secret and stays.
const SHAPES: [&str; 12] = [
    // OpenAI, Anthropic, OpenRouter, DeepSeek and whoever copied the form.
    r"\bsk-[A-Za-z0-9_-]{16,}",
    // Groq, xAI, Hugging Face, Replicate, Perplexity.
    r"\b(?:gsk_|xai-|hf_|r8_|pplx-)[A-Za-z0-9]{16,}",
    // Google.
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    // AWS.
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    // GitHub, GitLab, Slack, Stripe.
    r"\b(?:gh[opusr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,})",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    // A signed token of three parts.
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}",
    // A private key in its armour; in JSON its line breaks are two signs.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    // A user and a password in an address.
    r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@:]+:[^\s/@]+@",
    // What an address has under a name that speaks of a secret.
    r"(?i)([?&](?:[a-z_-]*(?:key|token|secret|password|signature)|sig)=)[^&#\s]+",
];

/// A name that speaks of a secret, and what stands behind it: `Bearer …`, `api_key: …`, `--token …`.
const NAMED: &str = r#"(?ix)
    ( \bbearer\s+ | \bbasic\s+
    | (?:api[-_\ ]?key|token|secret|passw(?:or)?d|authorization)\\*["']?\s*[:=]\s*\\*["']?(?:(?:bearer|basic)\s+)?
    | --?[a-z-]*(?:key|token|secret|password)[\ =]["']? )
    ( [A-Za-z0-9._~+/=-]{12,} )"#;

/// The shapes, in the order in which they are looked for.
pub(crate) static SHAPED: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SHAPES.iter().map(|shape| Regex::new(shape).expect("a pattern of our own")).collect());

/// A name in the first group and what may be its secret in the second, which is one only where [`is_random`].
pub(crate) static NAMED_SECRET: LazyLock<Regex> = LazyLock::new(|| Regex::new(NAMED).expect("a pattern of our own"));

/// Words have no digits, and numbers no letters.
pub(crate) fn is_random(value: &str) -> bool {
    value.contains(|c: char| c.is_ascii_digit()) && value.contains(|c: char| c.is_ascii_alphabetic())
}
