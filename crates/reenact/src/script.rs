//! Scripted answers, for agents and models alike: what `script:FILE` reads.
//!
//! A script is a pure function: the same question gets the same answer, whoever asked what in between. Its
//! form is described in `docs/script.md`.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::AgentUsage;
use crate::shorten::shorten;
use crate::{Error, ErrorKind, FaultKind, Result};
use file::{Entry, Rule};

mod file;

/// The parts that a script can play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Participant {
    /// The agent under test.
    Agent,
    /// The model that words the user.
    User,
    /// The model that reads for the user what the agent said.
    Checker,
    /// The model that judges.
    Judge,
    /// The model that distils.
    Distiller,
    /// The model that answers for tools.
    Tool,
}

impl Participant {
    /// Who is asked for an answer of this schema, by the beginning of its name.
    pub(crate) fn of_schema(name: &str) -> Option<Self> {
        let beginnings = [
            ("user", Self::User),
            ("check", Self::Checker),
            ("judge", Self::Judge),
            ("distil", Self::Distiller),
            ("tool", Self::Tool),
        ];
        beginnings.into_iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, participant)| participant)
    }
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Participant::Agent => "agent",
            Participant::User => "user",
            Participant::Checker => "checker",
            Participant::Judge => "judge",
            Participant::Distiller => "distiller",
            Participant::Tool => "tool",
        })
    }
}

/// A place in a conversation where the script has to speak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Whose part it is; none for a model that is asked for something else.
    pub(crate) speaks: Option<Participant>,
    /// Which of its answers this is, from 1.
    pub(crate) turn: u32,
    /// The latest message that it heard.
    pub(crate) latest: &'a str,
}

/// A script: rules, of which the first that fits answers.
#[derive(Debug)]
pub(crate) struct Script {
    file: String,
    answers: Vec<Answer>,
}

/// A rule of a script.
#[derive(Debug)]
pub(crate) struct Answer {
    speaks: Option<Participant>,
    turn: Option<u32>,
    when: Option<Regex>,
    says: Says,
    delay: Duration,
    end: bool,
    tool_calls: Vec<ScriptedCall>,
    usage: Option<AgentUsage>,
}

#[derive(Debug)]
enum Says {
    Text(String),
    Json(Value),
    Failure(Failure),
    Nothing,
}

/// A scripted failure.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: FaultKind,
    pub(crate) reason: String,
}

/// A scripted call of a tool, with its result where the script has one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptedCall {
    pub(crate) name: String,
    #[serde(default = "no_arguments")]
    pub(crate) arguments: Value,
    pub(crate) result: Option<Value>,
}

fn no_arguments() -> Value {
    Value::Object(serde_json::Map::new())
}

impl Script {
    /// Reads a script file, YAML or JSON.
    ///
    /// # Errors
    /// Where it cannot be read or is not a script; names the line.
    pub(crate) fn load(path: &Path) -> Result<Script> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let kind = if error.kind() == std::io::ErrorKind::InvalidData { ErrorKind::Input } else { ErrorKind::Io };
            let error = Error::new(kind, "the script cannot be read").at(path, None).caused_by(error);
            error.hint("name a script file that is there: `script:FILE`")
        })?;
        Script::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Script> {
        let entries = file::entries(text, path)?;
        if entries.is_empty() {
            return Err(Error::new(ErrorKind::Input, "the script has no rules").at(path, None).hint(file::FORM));
        }
        let mut texts = 0;
        let compiled = entries.into_iter().map(|entry| match entry.value {
            Entry::Text(text) => {
                texts += 1;
                Ok(Answer::nth(texts, text))
            }
            Entry::Rule(rule) => {
                let line = entry.referenced.line();
                let wrong = |why| Error::new(ErrorKind::Input, why).at(path, Some(line)).hint(file::FORM);
                Answer::from_rule(*rule).map_err(wrong)
            }
        });
        Ok(Script { file: path.display().to_string(), answers: compiled.collect::<Result<_>>()? })
    }

    /// The answer of the first rule that fits.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub(crate) fn answer(&self, line: Line<'_>) -> Result<&Answer, String> {
        self.answers.iter().find(|answer| answer.fits(line)).ok_or_else(|| {
            let who = line.speaks.map_or("a model".to_owned(), |participant| format!("the {participant}"));
            let (file, turn, latest) = (&self.file, line.turn, shorten(line.latest));
            format!("{file} has no rule for answer {turn} of {who}; the latest message is: {latest}")
        })
    }
}

impl Answer {
    fn nth(turn: u32, text: String) -> Answer {
        let (speaks, when, says) = (None, None, Says::Text(text));
        Answer {
            speaks,
            turn: Some(turn),
            when,
            says,
            delay: Duration::ZERO,
            end: false,
            tool_calls: Vec::new(),
            usage: None,
        }
    }

    fn from_rule(rule: Rule) -> Result<Answer, String> {
        let only_agents = rule.end || !rule.tool_calls.is_empty();
        if only_agents && rule.speaks.is_some_and(|participant| participant != Participant::Agent) {
            return Err("`end` and `tool_calls` are for the agent only".to_owned());
        }
        let when = rule.when.as_deref().map(Regex::new).transpose();
        let when =
            when.map_err(|error| format!("`when` is not a regular expression: {}", shorten(&error.to_string())))?;
        let says = match (rule.reply, rule.json, rule.fail) {
            (Some(text), None, None) => Says::Text(text),
            (None, Some(json), None) => Says::Json(json),
            (None, None, Some(fail)) => Says::Failure(Failure { kind: fail.0, reason: fail.1 }),
            (None, None, None) if only_agents => Says::Nothing,
            (None, None, None) => {
                return Err("a rule has one of `reply`, `json` and `fail`; this one has none".to_owned());
            }
            _ => return Err("a rule has one of `reply`, `json` and `fail`; this one has more".to_owned()),
        };
        let (speaks, turn, delay) = (rule.speaks, rule.turn.map(NonZeroU32::get), Duration::from_millis(rule.delay_ms));
        let usage = rule.usage.map(AgentUsage::from);
        if usage.as_ref().is_some_and(|used| used.model.is_some()) && speaks.is_some_and(|it| it != Participant::Agent)
        {
            return Err("`model` in `usage` is for the agent only: a model of the run has its name already".to_owned());
        }
        Ok(Answer { speaks, turn, when, says, delay, end: rule.end, tool_calls: rule.tool_calls, usage })
    }

    fn fits(&self, line: Line<'_>) -> bool {
        self.speaks.is_none_or(|speaks| Some(speaks) == line.speaks)
            && self.turn.is_none_or(|turn| turn == line.turn)
            && self.when.as_ref().is_none_or(|when| when.is_match(line.latest))
    }

    /// How long to wait before answering.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }

    /// Whether the agent ends the conversation with this answer.
    pub(crate) fn ends(&self) -> bool {
        self.end
    }

    /// What the answer, or the failure, used.
    pub(crate) fn usage(&self) -> Option<&AgentUsage> {
        self.usage.as_ref()
    }

    /// The failure that is played instead of an answer.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        if let Says::Failure(failure) = &self.says { Some(failure) } else { None }
    }

    /// The text of the answer; JSON is written out.
    pub(crate) fn text(&self) -> Option<String> {
        match &self.says {
            Says::Text(text) => Some(text.clone()),
            Says::Json(json) => Some(json.to_string()),
            Says::Failure(_) | Says::Nothing => None,
        }
    }

    /// The tools that the agent calls before it answers.
    pub(crate) fn tool_calls(&self) -> &[ScriptedCall] {
        &self.tool_calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        Script::parse(text, Path::new("script.yaml")).unwrap()
    }

    fn agent(turn: u32, latest: &str) -> Line<'_> {
        Line { speaks: Some(Participant::Agent), turn, latest }
    }

    fn refusal(text: &str) -> String {
        let error = Script::parse(text, Path::new("script.yaml")).expect_err("the script should be refused");
        format!("{error}")
    }

    #[test]
    fn a_list_of_texts_answers_turn_by_turn() {
        let script = script("- hello\n- goodbye\n");
        assert_eq!(script.answer(agent(2, "x")).unwrap().text().as_deref(), Some("goodbye"));
        insta::assert_snapshot!(script.answer(agent(3, "and now?")).unwrap_err(), @"script.yaml has no rule for answer 3 of the agent; the latest message is: and now?");
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let script = script(
            "- {for: judge, json: {verdict: pass}}\n\
             - {when: '(?i)refund', reply: which order?}\n\
             - {turn: 2, fail: {died: no memory}}\n\
             - {reply: how can I help?}\n",
        );
        let text = |line| script.answer(line).unwrap().text();
        assert_eq!(text(agent(2, "a REFUND")).as_deref(), Some("which order?"));
        assert_eq!(text(agent(1, "hi")).as_deref(), Some("how can I help?"));
        assert_eq!(script.answer(agent(2, "hi")).unwrap().failure().unwrap().kind, FaultKind::Died);
        let judge = Line { speaks: Participant::of_schema("judgement"), turn: 1, latest: "refund" };
        assert_eq!(text(judge).as_deref(), Some(r#"{"verdict":"pass"}"#));
    }

    #[test]
    fn json_is_a_script_too_also_with_tabs() {
        let script = script("[\n\t{\"turn\": 1, \"reply\": \"hi\", \"delay_ms\": 5},\n\t\"second\"\n]\n");
        assert_eq!(script.answer(agent(1, "")).unwrap().delay(), Duration::from_millis(5));
    }

    #[test]
    fn each_bad_script_names_its_line_and_what_is_wrong() {
        let bad = [
            "",
            "[]",
            "reply: hi",
            "- hi\n- 42\n",
            "- hi\n- {replay: hi}\n",
            "- hi\n- {turn: 0, reply: hi}\n",
            "- hi\n- {when: '(', reply: hi}\n",
            "- hi\n- {turn: 1}\n",
            "- {reply: a, json: 1}\n",
            "- {fail: {exploded: loudly}}\n",
            "- {fail: {died: a, empty: b}}\n",
            "- {for: jury, reply: a}\n",
            "- {for: judge, end: true}\n",
            "- [unclosed\n",
        ];
        let refusals = bad.map(|text| format!("{text:?}\n    {}\n", refusal(text)));
        insta::assert_snapshot!(refusals.concat());
    }
}
