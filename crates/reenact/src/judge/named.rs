//! Judges that a run names: a built-in one, or one's own. Plain data, kept with the plan, so that a run that is
//! resumed, judged again or reported needs no file besides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::panel::Inquiry;
use super::{BuiltIn, Hearing, JudgeRule, OFFLINE, Ruling, findings, is_model, own};
use crate::cassette::Verb;
use crate::prompt::Prompt;
use crate::{Completion, Error, ErrorKind, Expectation, ModelFault, Result, Suite};

/// Who judges a run, and what besides the expectations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judging {
    /// What judges whatever no code decides: the names of models, or `offline` alone.
    pub models: Vec<String>,
    /// How the verdicts of several models become one.
    #[serde(default)]
    pub rule: JudgeRule,
    /// The judges that every conversation is put to, besides the expectations of its case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeSpec>,
    /// The cassette that answers in place of the models, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cassette: Option<JudgesCassette>,
}

/// Where the recorded answers of judges stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgesCassette {
    /// The cassette's file.
    pub file: String,
    /// Which of its judges: those of the run, or those that judged it again.
    pub verb: Verb,
}

impl Default for Judging {
    fn default() -> Self {
        Judging { models: vec![OFFLINE.to_owned()], rule: JudgeRule::default(), judges: Vec::new(), cassette: None }
    }
}

impl Judging {
    /// Judging by one model, or `offline`.
    pub fn by(model: impl Into<String>) -> Self {
        Judging { models: vec![model.into()], ..Judging::default() }
    }

    /// All names of models: of the run's judges, and of those that a judge names for itself.
    pub(crate) fn all_models(&self) -> impl Iterator<Item = &str> {
        let own = self.judges.iter().filter_map(|judge| judge.model.as_deref());
        self.models.iter().map(String::as_str).chain(own)
    }

    /// Who judges, in a line.
    #[must_use]
    pub fn models_in_words(&self) -> String {
        let names = self.models.join(", ");
        if self.models.len() > 1 { format!("{names} ({})", self.rule) } else { names }
    }

    /// Whether these judges can judge this suite.
    ///
    /// # Errors
    /// Where two judges have one name, a judge has the id of an expectation, a model is named twice or beside
    /// `offline`, or none is named.
    pub fn check(&self, suite: &Suite) -> Result<()> {
        let usage = |message: String, hint: &str| Err(Error::new(ErrorKind::Usage, message).hint(hint));
        let names: Vec<&str> = self.judges.iter().map(|judge| judge.name.as_str()).collect();
        if let Some(twice) = first_twice(&names) {
            return usage(format!("two judges have the name `{twice}`"), "give each judge a name of its own");
        }
        for case in &suite.cases {
            if let Some(both) = case.expectations.iter().find(|it| names.contains(&it.id.as_str())) {
                let message = format!("`{}` is a judge and an expectation of case `{}`", both.id, case.id);
                return usage(message, "give the expectation another id, or the judge another name");
            }
        }
        let models: Vec<&str> = self.models.iter().map(String::as_str).collect();
        if models.is_empty() {
            return usage("no judge model is named".to_owned(), "name a model, or `offline`");
        }
        if let Some(twice) = first_twice(&models) {
            return usage(format!("the judge model `{twice}` is named twice"), "name each model once");
        }
        if models.len() > 1 && models.contains(&OFFLINE) {
            return usage("`offline` stands beside judge models".to_owned(), "name models, or `offline` alone");
        }
        Ok(())
    }

    /// Whether no model is asked anything.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.models.iter().all(|model| model == OFFLINE) && self.judges.iter().all(|judge| judge.model.is_none())
    }

    /// The prompts that models are asked with.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        let has_model = self.models.iter().any(|model| is_model(model));
        let asked = |wanted: fn(&Asks) -> bool| {
            self.judges.iter().any(|judge| (has_model || judge.model.is_some()) && wanted(&judge.asks))
        };
        let is_asked = [
            (Prompt::Judge, has_model),
            (Prompt::Judges, asked(|asks| matches!(asks, Asks::BuiltIn(judge) if *judge != BuiltIn::FailurePresent))),
            (Prompt::OwnJudge, asked(|asks| matches!(asks, Asks::Own(_)))),
        ];
        is_asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(prompt, _)| prompt).collect()
    }
}

fn first_twice<'a>(names: &[&'a str]) -> Option<&'a str> {
    names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| *name)
}

/// A judge that a run names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgeSpec {
    /// Its name, under which its assessments stand.
    pub name: String,
    /// What it asks.
    pub asks: Asks,
    /// The model that answers in place of the run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What a judge asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// What a built-in judge asks.
    BuiltIn(BuiltIn),
    /// What somebody wrote for themselves.
    Own(OwnJudge),
}

/// A judge of one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnJudge {
    /// What the model is to judge: a template over `conversation`, `expectations` and `case`.
    pub instructions: String,
    /// What it answers.
    pub value: ValueType,
    /// Which values pass; without it the value is shown and decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<Passes>,
}

/// What a judge answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// Words of its own.
    Text,
    /// One of these.
    Labels(Vec<String>),
}

/// Which values pass; all others fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Passes {
    /// These.
    OneOf(Vec<Value>),
    /// This number and whatever is greater.
    AtLeast(Number),
    /// This number and whatever is less.
    AtMost(Number),
}

impl Passes {
    /// Whether a value passes. Numbers are compared as numbers: `1` is `1.0`.
    ///
    /// ```
    /// use reenact::judge::Passes;
    /// use serde_json::json;
    ///
    /// assert!(Passes::AtLeast(1.into()).admits(&json!(1.0)));
    /// assert!(!Passes::OneOf(vec![json!("calm"), json!("tense")]).admits(&json!("angry")));
    /// ```
    #[must_use]
    pub fn admits(&self, value: &Value) -> bool {
        let compared = |limit: &Number| value.as_f64().zip(limit.as_f64());
        match self {
            Passes::OneOf(values) => values.iter().any(|passing| super::calls::same(passing, value)),
            Passes::AtLeast(least) => compared(least).is_some_and(|(value, least)| value >= least),
            Passes::AtMost(most) => compared(most).is_some_and(|(value, most)| value <= most),
        }
    }
}

impl JudgeSpec {
    /// A built-in judge under its own name.
    #[must_use]
    pub fn built_in(judge: BuiltIn) -> Self {
        JudgeSpec { name: judge.name().to_owned(), asks: Asks::BuiltIn(judge), model: None }
    }

    /// Whether its verdict counts for the outcome.
    #[must_use]
    pub fn decides(&self) -> bool {
        !matches!(&self.asks, Asks::Own(OwnJudge { passes: None, .. }))
    }

    /// The question as a judge of the caller's own gets it.
    pub(super) fn as_expectation(&self) -> Expectation {
        let text = match &self.asks {
            Asks::BuiltIn(judge) => judge.about().to_owned(),
            Asks::Own(judge) => judge.instructions.clone(),
        };
        Expectation::judged(&self.name, text)
    }
}

/// What is to be asked for a judge's ruling.
pub(super) fn inquire(judge: &JudgeSpec, hearing: Hearing<'_>) -> Inquiry {
    match &judge.asks {
        Asks::BuiltIn(judge) => findings::inquire(judge, hearing),
        Asks::Own(own) => own::inquire(own, hearing),
    }
}

/// What the answers to those questions amount to.
pub(super) fn ruling(judge: &JudgeSpec, hearing: Hearing<'_>, answers: &[Result<Completion, ModelFault>]) -> Ruling {
    match &judge.asks {
        Asks::BuiltIn(judge) => findings::ruling(judge, hearing, answers),
        Asks::Own(own) => own::ruling(own, hearing, &answers[0]),
    }
}
