//! The options that say who judges, the same for `run` and `judge`.

use reenact::cassette::Verb;
use reenact::judge::{self, JudgeRule};
use reenact::{Cassette, Error, ErrorKind, Judging, Result};

use crate::{cassette, output};

#[derive(Debug, clap::Args)]
#[group(id = "judging", multiple = true)]
pub(crate) struct Args {
    /// What judges whatever no code decides: a model's name, or offline; several judge together
    #[arg(long, value_name = "M")]
    judge_model: Vec<String>,
    /// How the verdicts of several judge models become one
    #[arg(long, value_name = "RULE", value_parser = rule)]
    judge_rule: Option<JudgeRule>,
    /// A judge that every conversation is put to: the name of a built-in one, or a file of judges; repeatable
    #[arg(long, value_name = "NAME|FILE")]
    judge: Vec<String>,
}

fn rule(name: &str) -> Result<JudgeRule, String> {
    let rule = JudgeRule::ALL.into_iter().find(|rule| rule.as_str() == name);
    rule.ok_or_else(|| format!("expected {}", JudgeRule::ALL.map(JudgeRule::as_str).join(" or ")))
}

impl Args {
    /// Whether nothing is said of who judges.
    pub(crate) fn is_empty(&self) -> bool {
        self.judge_model.is_empty() && self.judge_rule.is_none() && self.judge.is_empty()
    }

    /// The options as somebody would type them again, each with a space before it.
    pub(crate) fn in_words(&self) -> String {
        let option = |(name, value): (&str, &String)| format!(" {name} {}", output::shell_word(value));
        let models = self.judge_model.iter().map(|model| option(("--judge-model", model)));
        let rule = self.judge_rule.iter().map(|rule| format!(" --judge-rule {rule}"));
        models.chain(rule).chain(self.judge.iter().map(|judge| option(("--judge", judge)))).collect()
    }

    /// Who judges, where what is not said stays as it was; with `replay:FILE`, as it was in what the verb recorded there.
    pub(crate) fn over(&self, before: &Judging, verb: Verb) -> Result<Judging> {
        let mut judging = match self.replayed(verb)? {
            Some(recorded) => recorded,
            None if self.judge_model.is_empty() => before.clone(),
            None => Judging { models: self.judge_model.clone(), cassette: None, ..before.clone() },
        };
        judging.rule = self.judge_rule.unwrap_or(judging.rule);
        if !self.judge.is_empty() {
            judging.judges.clear();
        }
        for name in &self.judge {
            judging.judges.extend(judge::load(name)?);
        }
        Ok(judging)
    }

    fn replayed(&self, verb: Verb) -> Result<Option<Judging>> {
        let Some(file) = self.judge_model.iter().find_map(|name| cassette::file(name)) else { return Ok(None) };
        if self.judge_model.len() > 1 {
            let message = format!("`replay:{file}` stands beside another judge model");
            return Err(
                Error::new(ErrorKind::Usage, message).hint("it stands for all judges that it recorded: name it alone")
            );
        }
        let cassette = Cassette::load(file)?;
        // A run that was recorded with its judges need not have been judged again.
        let verb = if cassette.header().judged.is_none() { Verb::Run } else { verb };
        Judging::replayed(&cassette, verb).map(Some)
    }
}
