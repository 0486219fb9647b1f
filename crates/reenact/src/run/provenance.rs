//! What made a run: this program and its prompts. Recorded with the run, because a report may be made years later.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::agent::OnMiss;
use crate::judge::is_model;
use crate::prompt::{self, Prompt};
use crate::{Price, PriceList};

/// What made a run, besides what its plan names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The version of reenact that began the run; empty where none was recorded.
    pub reenact: String,
    /// What the model that plays the users is asked with; none where no model does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_prompts: Vec<PromptHash>,
    /// What the model that answers for tools is asked with; none where no model does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_prompts: Vec<PromptHash>,
    /// What the model that judges is asked with; none where no model does. A run that was judged again has those
    /// of its last judging.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judge_prompts: Vec<PromptHash>,
    /// What its models cost, as it was known when the run began or was stated for it; a model that is not here has an
    /// unknown price. In dollars for a million tokens.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Price>,
}

/// A prompt and the hash of its text, which changes with any change of its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PromptHash {
    /// The name of its file.
    pub name: String,
    /// The first 12 hex digits of its BLAKE3 hash.
    pub hash: String,
}

impl Provenance {
    /// That of a run which begins now.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let reenact = env!("CARGO_PKG_VERSION").to_owned();
        let user_prompts =
            if is_model(&plan.user_model) { hashes(&[Prompt::User, Prompt::Checks]) } else { Vec::new() };
        let asks = plan.tools.as_ref().is_some_and(|tools| matches!(tools.on_miss, OnMiss::Ask(_)));
        let tool_prompts = if asks { hashes(&[Prompt::Tool]) } else { Vec::new() };
        let judge_prompts = judge_prompts(plan);
        let mut provenance = Provenance { reenact, user_prompts, tool_prompts, judge_prompts, prices: BTreeMap::new() };
        provenance.price(plan, &PriceList::default());
        provenance
    }

    /// Notes the prices that a list states, and those of the plan's models that have none yet.
    pub(crate) fn price(&mut self, plan: &Plan, list: &PriceList) {
        self.prices.extend(list.stated().map(|(name, price)| (name.to_owned(), price)));
        for model in plan.models() {
            if let Some(price) =
                list.stated_price(model).or_else(|| list.price(model).filter(|_| !self.prices.contains_key(model)))
            {
                self.prices.insert(model.to_owned(), price);
            }
        }
    }

    /// Notes that the run is judged now, by the judge of the plan and the prompts of today.
    pub(crate) fn judged_now(&mut self, plan: &Plan) {
        self.judge_prompts = judge_prompts(plan);
        self.price(plan, &PriceList::default());
    }
}

fn judge_prompts(plan: &Plan) -> Vec<PromptHash> {
    hashes(&plan.judging.prompts())
}

fn hashes(prompts: &[Prompt]) -> Vec<PromptHash> {
    prompts.iter().map(|&prompt| PromptHash { name: prompt.name().to_owned(), hash: prompt::hash(prompt) }).collect()
}

impl fmt::Display for PromptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Judging;

    #[test]
    fn prompts_are_recorded_for_models_and_not_for_the_embedded_engine() {
        assert_eq!(Provenance::of(&Plan::default()).user_prompts, []);
        let plan = Plan { user_model: "script:user.yaml".into(), ..Plan::default() };
        let provenance = Provenance::of(&plan);
        assert_eq!(provenance.user_prompts[0].to_string(), format!("user.md {}", prompt::hash(Prompt::User)));
        assert_eq!((provenance.judge_prompts.len(), provenance.reenact.as_str()), (0, env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn judging_again_records_what_judged_and_leaves_the_rest() {
        let mut plan = Plan { user_model: "script:user.yaml".into(), ..Plan::default() };
        let mut provenance = Provenance { reenact: "0.0.1".into(), ..Provenance::of(&plan) };
        plan.judging = Judging::by("script:judge.yaml");
        provenance.judged_now(&plan);
        let names = |prompts: &[PromptHash]| prompts.iter().map(|prompt| prompt.name.clone()).collect::<Vec<_>>();
        assert_eq!(
            (names(&provenance.user_prompts), names(&provenance.judge_prompts)),
            (vec!["user.md".into(), "checks.md".into()], vec!["judge.md".into()])
        );
        assert_eq!(provenance.reenact, "0.0.1");
    }
}
