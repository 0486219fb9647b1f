//! Where a report's figures come from, in words: the same in every form that a report takes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Report;
use crate::PromptHash;
use crate::judge::OFFLINE;

impl Report {
    /// Where the figures come from, each fact with its name: the agent and its version, who played the users and who judged, by
    /// which prompts, what was tried, the cost, and when and by what it was made.
    #[must_use]
    pub fn provenance(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("agent", self.agent_and_version())];
        facts.push(("users", played_by(&self.plan.user_model, &self.provenance.user_prompts)));
        facts.push(("judge", self.judged_by()));
        facts.push(("trials", self.tried()));
        facts.push(("cost", self.cost_in_words()));
        facts.extend(self.replayed().map(|words| ("replayed", words)));
        facts.push(("run", self.made()));
        facts
    }

    /// The agent with the version that was given with the plan and those that it told itself.
    fn agent_and_version(&self) -> String {
        let given = self.plan.agent_version.as_ref();
        let told = self.agent_versions.iter().filter(|told| Some(*told) != given);
        let versions: Vec<&str> = given.into_iter().chain(told).map(String::as_str).collect();
        match versions.len() {
            0 => format!("{}, version unknown", self.plan.agent),
            1 => format!("{}, version {}", self.plan.agent, versions[0]),
            _ => format!("{}, versions {}", self.plan.agent, versions.join(", ")),
        }
    }

    fn judged_by(&self) -> String {
        let judging = &self.plan.judging;
        let mut by = match judging.is_offline() {
            true => "assertions only".to_owned(),
            false => {
                format!("assertions, {}", with_prompts(&judging.models_in_words(), &self.provenance.judge_prompts))
            }
        };
        let named = judging.judges.iter().map(|judge| match &judge.model {
            Some(model) => format!("{} by {model}", judge.name),
            None => judge.name.clone(),
        });
        let named: Vec<String> = named.collect();
        if !named.is_empty() {
            let _ = write!(by, "; judges {}", named.join(", "));
        }
        by
    }

    fn tried(&self) -> String {
        let plan = &self.plan;
        let each = match &self.suite {
            Some(suite) => format!("{} of each case of {suite}", plan.trials),
            None => format!("{} of each case", plan.trials),
        };
        let stopping = plan.stopping.map(|rule| format!(" at the most, stopped early ({rule})")).unwrap_or_default();
        let limits = format!("at most {} turns, seed {}", plan.max_turns, plan.seed);
        format!("{} done of {} planned, {each}{stopping}, {limits}", self.trials_done, self.trials_planned)
    }

    /// Whose answers come from a cassette, where anybody's do: of those, nobody was asked.
    fn replayed(&self) -> Option<String> {
        let plan = &self.plan;
        let judges = plan.judging.cassette.as_ref().map(|from| &from.file);
        let from = [("agent", plan.agent_cassette.as_ref()), ("users", plan.user_cassette.as_ref()), ("judge", judges)];
        let files: BTreeSet<&String> = from.iter().filter_map(|(_, file)| *file).collect();
        let of = |file: &String| {
            let players = from.iter().filter(|(_, from)| *from == Some(file)).map(|(who, _)| *who);
            format!("{} from {file}", players.collect::<Vec<_>>().join(", "))
        };
        let words = files.into_iter().map(of).collect::<Vec<_>>().join("; ");
        (!words.is_empty()).then_some(words)
    }

    fn made(&self) -> String {
        let by = match self.provenance.reenact.as_str() {
            "" => String::new(),
            version => format!(", reenact {version}"),
        };
        format!("{}, {}{by}", self.run, self.created_at.strftime("%Y-%m-%d %H:%M UTC"))
    }
}

fn played_by(model: &str, prompts: &[PromptHash]) -> String {
    match model {
        OFFLINE => "offline engine".to_owned(),
        model => with_prompts(model, prompts),
    }
}

fn with_prompts(model: &str, prompts: &[PromptHash]) -> String {
    let named = prompts.iter().map(|prompt| format!(", prompt {prompt}")).collect::<String>();
    format!("{model}{named}")
}
