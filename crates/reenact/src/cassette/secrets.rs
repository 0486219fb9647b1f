//! What must not stand in a cassette: the values of variables that are secrets, and whatever looks like a key.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Captures, Regex};
use serde_json::Value;

use crate::Environment;
use crate::environment::MASK;
use crate::secrets::{NAMED_SECRET, SHAPED, is_random};

/// Finds secrets and masks them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    /// The values of variables that are secrets, in every way in which they may be written; the longest first.
    known: Arc<[String]>,
}

impl Secrets {
    pub(crate) fn of(environment: &Environment) -> Self {
        Secrets { known: environment.secret_forms().into() }
    }

    /// The text with every secret masked.
    pub(crate) fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.iter().fold(Cow::Borrowed(text), |text, secret| match text.contains(secret) {
            true => Cow::Owned(text.replace(secret, MASK)),
            false => text,
        });
        let shaped = SHAPED.iter().fold(known, |text, pattern| masked(pattern, text, kept));
        masked(&NAMED_SECRET, shaped, |found| match is_random(&found[2]) {
            true => format!("{}{MASK}", &found[1]),
            false => found[0].to_owned(),
        })
    }

    /// Masks every text in a value; whether there was anything to mask.
    pub(crate) fn mask_all(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => {
                let masked = self.mask(text);
                let is_other = masked != text.as_str();
                if is_other {
                    *text = masked.into_owned();
                }
                is_other
            }
            // Counted, because the first secret must not be the last one looked for.
            Value::Array(values) => {
                values.iter_mut().filter_map(|value| self.mask_all(value).then_some(())).count() > 0
            }
            Value::Object(members) => {
                members.values_mut().filter_map(|value| self.mask_all(value).then_some(())).count() > 0
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

fn masked<'a>(pattern: &Regex, text: Cow<'a, str>, by: impl Fn(&Captures<'_>) -> String) -> Cow<'a, str> {
    match pattern.replace_all(&text, by) {
        Cow::Borrowed(_) => text,
        Cow::Owned(masked) => Cow::Owned(masked),
    }
}

fn kept(found: &Captures<'_>) -> String {
    let kept = found.get(1).map_or("", |kept| kept.as_str());
    let at = if found[0].ends_with('@') { "@" } else { "" };
    format!("{kept}{MASK}{at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(text: &str) -> String {
        let environment = [("MY_TOKEN", "tomato \"soup\"\n2"), ("HOME", "/home/somebody")].into_iter().collect();
        Secrets::of(&environment).mask(text).into_owned()
    }

    #[test]
    fn what_looks_like_a_key_is_masked_and_what_stands_around_it_stays() {
        for (text, masked) in [
            ("use sk-proj-abcdefgh12345678 now", "use [secret] now"),
            ("Authorization: Bearer abcdefgh12345678.", "Authorization: Bearer [secret]"),
            (r#"{"api_key": "abcdefgh12345678"}"#, r#"{"api_key": "[secret]"}"#),
            (r#"{\"api_key\": \"abcdefgh12345678\"}"#, r#"{\"api_key\": \"[secret]\"}"#),
            ("python agent.py --api-key abcdefgh12345678 -v", "python agent.py --api-key [secret] -v"),
            ("postgres://me:hunter2@db/x", "postgres://[secret]@db/x"),
            ("https://a.b/v1?x=1&api_key=abc#m", "https://a.b/v1?x=1&api_key=[secret]#m"),
            ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
            ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[secret]"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "[secret] x"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4", "[secret]"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    #[test]
    fn what_people_say_of_keys_and_passwords_stays() {
        for text in [
            "my password is too long, and the token: authentication",
            "ask-me-anything about a key=value pair, e.g. --key",
            "the bearer of this letter; order number: 123456789012",
            "https://example.org/a?page=2 and me@example.org",
            "/home/somebody",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn a_variable_that_is_a_secret_is_masked_as_it_is_and_as_json_writes_it() {
        let plain = "tomato \"soup\"\n2";
        let once = serde_json::to_string(plain).unwrap();
        let twice = serde_json::to_string(&once).unwrap();
        assert_eq!(mask(&format!("a {plain} b")), "a [secret] b");
        assert_eq!(mask(&format!("a {once} b")), "a \"[secret]\" b");
        assert!(!mask(&format!("a {twice} b")).contains("tomato"), "{}", mask(&twice));
    }

    #[test]
    fn masking_twice_is_masking_once() {
        let once = mask("Bearer abcdefgh12345678 sk-abcdefgh12345678 https://u:p@h/?key=v");
        assert_eq!(mask(&once), once);
    }
}
