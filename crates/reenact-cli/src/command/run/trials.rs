//! How often each case is tried, as an argument: a number, or a rule of early stopping.

use std::str::FromStr;

use reenact::report::statistics::EarlyStopping;

/// More trials of one case than this are refused.
const TRIALS_MAX: u32 = 1000;

/// How often each case is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Trials {
    /// So often.
    Fixed(u32),
    /// Until the rule has decided it, and so often at the most.
    Auto(EarlyStopping, u32),
}

impl Trials {
    pub(super) fn at_most(self) -> u32 {
        match self {
            Trials::Fixed(trials) | Trials::Auto(_, trials) => trials,
        }
    }

    pub(super) fn stopping(self) -> Option<EarlyStopping> {
        match self {
            Trials::Fixed(_) => None,
            Trials::Auto(rule, _) => Some(rule),
        }
    }
}

impl FromStr for Trials {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("auto") {
            Some("") => auto(""),
            Some(rest) => auto(rest.strip_prefix(':').ok_or_else(neither)?),
            None => Ok(Trials::Fixed(count(text).ok_or_else(neither)?)),
        }
    }
}

fn neither() -> String {
    format!("expected a number from 1 to {TRIALS_MAX}, or auto, such as auto:good=.9,bad=.7,max=60")
}

fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| (1..=TRIALS_MAX).contains(count))
}

fn auto(settings: &str) -> Result<Trials, String> {
    let mut rule = EarlyStopping::default();
    let mut trials_max = None;
    for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
        let (name, value) = setting.split_once('=').ok_or_else(neither)?;
        let figure =
            || value.parse::<f64>().map_err(|_| format!("`{value}` is not a number; {name} is one from 0 to 1"));
        match name {
            "good" => rule.good = figure()?,
            "bad" => rule.bad = figure()?,
            "alpha" => rule.alpha = figure()?,
            "beta" => rule.beta = figure()?,
            "max" => trials_max = Some(count(value).ok_or_else(neither)?),
            _ => return Err(format!("there is no `{name}`: use good, bad, alpha, beta or max")),
        }
    }
    let rule = rule.checked().map_err(|error| format!("{error}; {}", error.hint_text().unwrap_or_default()))?;
    Ok(Trials::Auto(rule, trials_max.unwrap_or_else(|| rule.trials_max())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_a_number_or_a_rule() {
        assert_eq!("3".parse(), Ok(Trials::Fixed(3)));
        let default = EarlyStopping::default();
        assert_eq!("auto".parse(), Ok(Trials::Auto(default, default.trials_max())));
        let own = EarlyStopping { good: 0.95, bad: 0.7, alpha: 0.1, beta: 0.1 };
        assert_eq!("auto:good=.95,bad=.7,alpha=.1,beta=.1,max=12".parse(), Ok(Trials::Auto(own, 12)));
    }

    #[test]
    fn what_is_neither_is_refused_with_what_would_be_right() {
        for (text, says) in [
            ("0", "from 1 to 1000"),
            ("autos", "or auto"),
            ("auto:good", "or auto"),
            ("auto:good=high", "`high` is not a number"),
            ("auto:best=.9", "use good, bad"),
            ("auto:good=.5,bad=.9", "bad below good"),
        ] {
            let refusal = text.parse::<Trials>().unwrap_err();
            assert!(refusal.contains(says), "{text}: {refusal}");
        }
    }
}
