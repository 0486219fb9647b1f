//! The figures of a report in words: the same in every form that a report takes.

use super::statistics::{Reproduced, Reproduction};
use super::{CaseReport, Report};
use crate::{Outcome, Verdict};

impl Report {
    /// The figures, each with its name: the pass rate, what it leaves out, what would decide a threshold, whether cases pass
    /// every time, whether recorded failures came back, and which differences such a run can show.
    #[must_use]
    pub fn figures(&self) -> Vec<(&'static str, String)> {
        let figures = [
            ("pass rate", Some(self.rate_in_words())),
            ("left out", self.left_out_in_words()),
            ("variants", self.variants_in_words()),
            ("corrected", self.corrected_users()),
            ("tools", self.tool_misses_in_words()),
            ("to decide", self.more_needed()),
            ("reliability", self.reliability()),
            ("recorded", self.recorded_failures()),
            ("power", self.power()),
        ];
        figures.into_iter().filter_map(|(name, words)| Some((name, words?))).collect()
    }

    fn rate_in_words(&self) -> String {
        let Some(rate) = &self.pass_rate else { return "none, because no trial was decided".to_owned() };
        let (trials, cases) = (plural(rate.trials, "decided trial"), plural(rate.cases, "case"));
        let (low, high) = (percent(rate.low), percent(rate.high));
        let worth = match rate.clustered() {
            true => format!(" (trials of a case are alike: worth {:.1} independent ones)", rate.effective_trials),
            false => String::new(),
        };
        format!("{} %, 95 % interval {low} to {high} %, from {trials} of {cases}{worth}", percent(rate.rate))
    }

    /// What the pass rate leaves out, and what it would be with it.
    fn left_out_in_words(&self) -> Option<String> {
        let excluded = self.exclusions.map(|excluded| {
            let (worst, best) = (percent(excluded.at_worst), percent(excluded.at_best));
            format!("{} (rate {worst} % if they count as failed, {best} % as passed)", self.excluded())
        });
        let missing = (self.missing() > 0).then(|| format!("{} not done", self.missing()));
        let parts: Vec<String> = excluded.into_iter().chain(missing).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Trials that were done and not decided, such as `2 inconclusive, 1 errored`.
    fn excluded(&self) -> String {
        let excluded = [Outcome::Inconclusive, Outcome::Invalid, Outcome::Errored];
        let counts = excluded.map(|outcome| (self.outcomes.get(outcome), outcome.as_str()));
        let parts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What became of calls that no recorded call answered, such as `3 calls were not recorded: 1 failed, 2 answered by the nearest`.
    fn tool_misses_in_words(&self) -> Option<String> {
        let calls = self.tool_misses.values().sum::<u64>();
        let parts = self.tool_misses.iter().map(|(stopgap, count)| format!("{count} {}", stopgap.words()));
        let verb = if calls == 1 { "was" } else { "were" };
        let parts = parts.collect::<Vec<_>>().join(", ");
        (calls > 0).then(|| format!("{} {verb} not recorded: {parts}", plural(calls, "call")))
    }

    /// How the stress variants fared, such as `impatient 50 % of 4 decided trials, typos 100 % of 4`.
    fn variants_in_words(&self) -> Option<String> {
        let words = self.variants.iter().map(|variant| match &variant.pass_rate {
            Some(rate) => {
                format!("{} {} % of {}", variant.stress, percent(rate.rate), plural(rate.trials, "decided trial"))
            }
            None => format!("{} undecided in {}", variant.stress, plural(variant.outcomes.total(), "trial")),
        });
        let words = words.collect::<Vec<_>>().join(", ");
        (!words.is_empty()).then(|| format!("{words}; apart from the pass rate"))
    }

    /// What simulated users did that they must not, such as `2 messages (1 gave a fact away, 1 coached the agent)`.
    fn corrected_users(&self) -> Option<String> {
        let messages: u64 = self.missteps.iter().map(|count| count.messages).sum();
        let what = self.missteps.iter().map(|count| format!("{} {}", count.messages, count.misstep.words()));
        let what = what.collect::<Vec<_>>().join(", ");
        let again = match self.discarded {
            0 => String::new(),
            thrown_away => format!("; {} thrown away and played again", plural(thrown_away, "conversation")),
        };
        let corrected =
            || format!("{} of simulated users not let through ({what}){again}", plural(messages, "message"));
        (messages > 0).then(corrected)
    }

    /// How many more trials would decide a threshold.
    fn more_needed(&self) -> Option<String> {
        let held = self.threshold.as_ref().filter(|held| held.verdict == Verdict::Inconclusive)?;
        let trials = held.more_trials.map(|more| format!("{} more of each case", plural(more, "trial")));
        let cases = held.more_cases.map(|more| format!("{} more like these", plural(more, "case")));
        let needed: Vec<String> = [trials, cases].into_iter().flatten().collect();
        (!needed.is_empty()).then(|| format!("about {}, if the rate stays", needed.join(", or ")))
    }

    /// Whether it passes every time, where cases were tried more than once.
    fn reliability(&self) -> Option<String> {
        let flaky = self.flakiness?;
        let words = format!("{} of {} flaky", flaky.flaky, plural(flaky.cases, "case"));
        let Some(all) = self.pass_hat_k.last().filter(|all| all.k > 1) else { return Some(words) };
        let interval = format!("95 % interval {} to {} %", percent(all.low), percent(all.high));
        Some(format!("pass^{} {} %, {interval}; {words}", all.k, percent(all.rate)))
    }

    /// What became of the failures that were recorded.
    fn recorded_failures(&self) -> Option<String> {
        let became =
            |class| self.cases.iter().filter(move |case| case.reproduction.is_some_and(|r| r.reproduced == class));
        let counts = Reproduced::ALL.into_iter().map(|class| (became(class).count(), class));
        let words: Vec<String> =
            counts.filter(|(count, _)| *count > 0).map(|(count, class)| format!("{count} {}", class.words())).collect();
        let clean = became(Reproduced::NotReproduced).chain(became(Reproduced::Fixed));
        let at_most = clean.filter_map(|case| case.reproduction).map(|clean| clean.high).fold(0.0, f64::max);
        let room =
            if at_most > 0.0 { format!(" (may still occur in up to {} %)", percent(at_most)) } else { String::new() };
        (!words.is_empty()).then(|| format!("failures: {}{room}", words.join(", ")))
    }

    /// Which differences such a run can show.
    fn power(&self) -> Option<String> {
        self.pass_rate?;
        Some(match self.smallest_difference {
            Some(smallest) => format!("differences from another run show from about {} points on", percent(smallest)),
            None => "too few cases to see a difference from another run".to_owned(),
        })
    }
}

impl CaseReport {
    /// Whether the recorded failure came back, for a case that has one, such as `recorded failure: intermittent, in 2 of 5 trials`.
    #[must_use]
    pub fn reproduction_in_words(&self) -> Option<String> {
        let Reproduction { reproduced, failed, replays, high, .. } = self.reproduction?;
        let room = match failed {
            0 => format!(" (may still occur in up to {} %)", percent(high)),
            _ => String::new(),
        };
        Some(format!("recorded failure: {}, in {failed} of {}{room}", reproduced.words(), plural(replays, "trial")))
    }
}

fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}

fn plural(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
