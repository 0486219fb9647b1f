//! The first line of a cassette: its version, and what made each part of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Judging, Plan, PromptHash, Run, Suite};

/// The version of the form that is written; another is refused.
pub(super) const VERSION: u32 = 1;

/// What made a cassette.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the form.
    pub cassette: u32,
    /// How many steps there are, so that a cassette that lost its end is known.
    pub steps: u64,
    /// The distillation, where one was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distilled: Option<Distilled>,
    /// The run, where one was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub played: Option<Played>,
    /// How the run was judged again, where that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

impl Default for Header {
    fn default() -> Self {
        Header { cassette: VERSION, steps: 0, distilled: None, played: None, judged: None }
    }
}

/// What made a distillation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distilled {
    /// The version of reenact.
    pub reenact: String,
    /// The model.
    pub model: String,
    /// What played the users of a back-test, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_model: Option<String>,
    /// What it was asked with.
    pub prompts: Vec<PromptHash>,
}

/// What made a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Played {
    /// The version of reenact.
    pub reenact: String,
    /// The run's id, from which the ids of its sessions are made.
    pub run: String,
    /// The agent, as the plan named it.
    pub agent: String,
    /// Its version, where the plan had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// What played the users.
    pub user_model: String,
    /// Who judged.
    pub judging: Judging,
    /// How often each case was tried at the most.
    pub trials: u32,
    /// User messages in one conversation at the most.
    pub max_turns: u32,
    /// Where the seeds of the trials started.
    pub seed: u64,
    /// What the models were asked with.
    pub prompts: Vec<PromptHash>,
    /// The suite.
    pub suite: SuiteMark,
}

/// Which suite was played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteMark {
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many cases it has.
    pub cases: usize,
    /// The first 12 hex digits of the BLAKE3 hash of its cases.
    pub hash: String,
}

/// What judged a run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The version of reenact.
    pub reenact: String,
    /// Who judged.
    pub judging: Judging,
    /// What the models were asked with.
    pub prompts: Vec<PromptHash>,
}

impl SuiteMark {
    fn of(suite: &Suite) -> Self {
        let cases = serde_json::to_vec(&suite.cases).expect("a suite is plain data");
        let hash = blake3::hash(&cases).to_hex()[..12].to_owned();
        SuiteMark { name: suite.name.clone(), cases: suite.cases.len(), hash }
    }
}

impl Played {
    pub(crate) fn of(run: &Run) -> Self {
        let Plan { agent, agent_version, user_model, judging, trials, max_turns, seed, .. } = run.plan.clone();
        let provenance = &run.provenance;
        Played {
            reenact: provenance.reenact.clone(),
            run: run.id.clone(),
            agent,
            agent_version,
            user_model,
            judging: Judging { cassette: None, ..judging },
            trials,
            max_turns,
            seed,
            prompts: provenance.user_prompts.iter().chain(&provenance.judge_prompts).cloned().collect(),
            suite: SuiteMark::of(&run.suite),
        }
    }

    /// What is not as it was, in words; a cassette plays what it recorded, and this is why it may not.
    pub(crate) fn changed_since(&self, run: &Run) -> Vec<String> {
        let now = Played::of(run);
        let mut changed = Vec::new();
        let mut number = |option: &str, before: u64, now: u64| {
            if before != now {
                changed.push(format!("{option} (it was {before})"));
            }
        };
        number("--seed", self.seed, now.seed);
        number("--max-turns", self.max_turns.into(), now.max_turns.into());
        number("--trials", self.trials.into(), now.trials.into());
        if self.suite.hash != now.suite.hash {
            changed.push("the suite".to_owned());
        }
        if self.judging.judges != now.judging.judges {
            changed.push("the named judges (`--judge`)".to_owned());
        }
        changed.extend(changed_prompts(&self.prompts, &now.prompts));
        changed
    }
}

/// Only prompts that both used are compared: another participant may need others.
fn changed_prompts(before: &[PromptHash], now: &[PromptHash]) -> Vec<String> {
    let other = |prompt: &&PromptHash| now.iter().any(|it| it.name == prompt.name && it.hash != prompt.hash);
    before.iter().filter(other).map(|prompt| format!("the prompt {}", prompt.name)).collect()
}

impl Header {
    /// This header, with what a newer one says in place of what it said.
    pub(super) fn with(&self, newer: &Header) -> Header {
        let run = |header: &Header| header.played.as_ref().map(|played| played.run.clone());
        let is_same_run = newer.played.is_none() || run(self) == run(newer);
        let judged = newer.judged.clone().or_else(|| self.judged.clone().filter(|_| is_same_run));
        let distilled = newer.distilled.clone().or_else(|| self.distilled.clone());
        let played = newer.played.clone().or_else(|| self.played.clone());
        Header { cassette: VERSION, steps: 0, distilled, played, judged }
    }

    /// The same header with every text in it changed, such as to mask what must not be read.
    pub(crate) fn map_texts(&self, change: &dyn Fn(&mut Value) -> bool) -> Header {
        let mut value = serde_json::to_value(self).expect("a header is plain data");
        change(&mut value);
        serde_json::from_value(value).expect("texts stay texts")
    }
}
