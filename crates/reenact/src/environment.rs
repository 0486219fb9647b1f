//! The one place that reads environment variables, and the one that keeps secrets out of errors.

use std::collections::BTreeMap;
use std::fmt;

/// Shorter values are words, not secrets: masking every `test` or `none` would make errors unreadable.
const SECRET_BYTES_MIN: usize = 8;

/// What stands in an error instead of a secret.
pub(crate) const MASK: &str = "[secret]";

/// Environment variables: keys and addresses of models and agents.
///
/// The crate reads the variables of its process in [`Environment::of_process`] and nowhere else, so that a
/// caller, or a test, can hand it others. `Debug` shows names, never values.
///
/// ```
/// use reenact::Environment;
///
/// let environment: Environment = [("OPENAI_API_KEY", "sk-1234567890")].into_iter().collect();
/// assert_eq!(environment.get("OPENAI_API_KEY"), Some("sk-1234567890"));
/// assert_eq!(environment.redact("bad key sk-1234567890"), "bad key [secret]");
/// ```
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process, as they are now. Variables that are not UTF-8 are not seen.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Environment(std::env::vars_os().filter_map(text).collect())
    }

    /// A variable that is set and not blank.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The text with the value of every variable whose name speaks of a secret masked.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.secrets().iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
    }

    /// Every secret in the ways in which a text may have it: as it is, and as JSON, or JSON in JSON, writes it.
    pub(crate) fn secret_forms(&self) -> Vec<String> {
        let nested = |secret: &str| std::iter::successors(Some(secret.to_owned()), |form| Some(escaped(form))).take(4);
        let mut forms: Vec<String> = self.secrets().iter().flat_map(|secret| nested(secret)).collect();
        longest_first(&mut forms);
        forms
    }

    fn secrets(&self) -> Vec<&str> {
        let secrets = self.0.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.trim());
        let mut secrets: Vec<&str> = secrets.filter(|value| value.len() >= SECRET_BYTES_MIN).collect();
        longest_first(&mut secrets);
        secrets
    }
}

/// A secret that is a part of another must not be masked first, and leave the rest of that one.
fn longest_first<T: AsRef<str> + Ord>(secrets: &mut Vec<T>) {
    secrets.sort_by(|a, b| b.as_ref().len().cmp(&a.as_ref().len()).then_with(|| a.cmp(b)));
    secrets.dedup();
}

/// As it stands in a text of JSON.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|word| name.contains(word))
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_names_variables_and_keeps_their_values() {
        let environment: Environment = [("OPENAI_API_KEY", "sk-1234567890")].into_iter().collect();
        assert_eq!(format!("{environment:?}"), r#"{"OPENAI_API_KEY"}"#);
    }

    #[test]
    fn a_secret_that_begins_another_leaves_no_rest_of_it() {
        let environment: Environment = [("A_KEY", "sk-123456"), ("B_KEY", "sk-1234567890")].into_iter().collect();
        assert_eq!(environment.redact("sk-1234567890 sk-123456"), "[secret] [secret]");
    }

    #[test]
    fn a_blank_variable_counts_as_unset() {
        let environment: Environment = [("OPENAI_API_KEY", "  ")].into_iter().collect();
        assert_eq!(environment.get("OPENAI_API_KEY"), None);
    }

    #[test]
    fn short_values_and_names_without_secrets_stay_readable() {
        let environment: Environment = [("A_KEY", "test"), ("HOME", "/home/somebody")].into_iter().collect();
        assert_eq!(environment.redact("test in /home/somebody"), "test in /home/somebody");
    }
}
