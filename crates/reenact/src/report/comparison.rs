//! Two runs of the same cases, side by side: what was fixed, what broke, and whether the whole got worse.
//!
//! Single trials pass and fail by chance, so a case that passes less often in the second run is a suspect and no
//! more. It counts as broken only where an exact test says so, corrected for there being many cases; where the suspects
//! were tried once more, on those fresh trials alone, because the first ones chose the suspects.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::{self, Difference, Reproduction, Tally};
use super::{CaseReport, RunOutput, Status, Why};
use crate::{TestCase, Verdict};

mod evidence;
mod headline;
mod matching;

/// An unchanged agent is called worse at most once in twenty comparisons: at most once in forty because the mean
/// fell, and at most once in forty because of a single case.
const LEVEL: f64 = 0.025;

/// Two runs of the same cases, compared: what `diff` prints with `--json`.
///
/// ```
/// # use reenact::{Plan, Run, Suite};
/// use reenact::RunOutput;
/// use reenact::report::{Comparison, Status};
///
/// # let run = Run::new(Plan::default(), Suite::default());
/// let (before, after) = (RunOutput::new(run.clone(), Vec::new()), RunOutput::new(run, Vec::new()));
/// let comparison = Comparison::of(&before, &after, None);
/// // Nothing was compared, and that is no success.
/// assert_eq!(comparison.status, Status::Undecided);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The run that is compared with.
    pub baseline: Compared,
    /// The run that is compared.
    pub candidate: Compared,
    /// Passed: no regression. Failed: a regression. Undecided: neither can be said. Decides the exit status.
    pub status: Status,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// How much the pass rate changed over the cases that were decided in both; nothing where none was.
    pub difference: Option<Difference>,
    /// The verdict on the margin that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<MarginVerdict>,
    /// The runs in which the suspects were tried once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Rerun>,
    /// Every case that is the same in both runs, in the order of the candidate's suite.
    pub cases: Vec<CaseChange>,
    /// Every case that is not, and so could not be compared.
    pub unmatched: Vec<Unmatched>,
    /// In what the runs differ besides the agent: each could be the cause of a difference too.
    pub also_differ: Vec<RunDifference>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// The run's id.
    pub run: String,
    /// When it began.
    pub created_at: Timestamp,
    /// The agent under test.
    pub agent: String,
    /// Its version, as whoever planned the run gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// The name of the suite, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// Planned trials that are not done.
    pub missing: u64,
}

/// Whether the candidate is worse by less than was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MarginVerdict {
    /// How much worse it may be, 0 to 1.
    pub margin: f64,
    /// Pass where the whole interval of the difference is above minus the margin, Fail where it is below, else
    /// Inconclusive.
    pub verdict: Verdict,
}

/// The runs that tried the suspects once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rerun {
    /// The run with the baseline's agent.
    pub baseline: String,
    /// The run with the candidate's agent.
    pub candidate: String,
    /// How often each suspect was to be tried.
    pub trials: u32,
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseChange {
    /// The case's id.
    pub case: String,
    /// What the user wants in it.
    pub goal: String,
    /// What became of it.
    pub change: Change,
    /// The decided trials of the baseline.
    pub baseline: Tally,
    /// The decided trials of the candidate.
    pub candidate: Tally,
    /// The pass rate of the candidate less that of the baseline; nothing where one of them was not decided.
    pub difference: Option<f64>,
    /// How likely so large a change in this direction would be, were both alike (Fisher's exact test, one-sided).
    /// Nothing where nothing changed, or trials stopped early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// The trials of the rerun, for a suspect that was tried once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Fresh>,
    /// A failure of the candidate, or else of the baseline; nothing where neither failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureShown>,
    /// Whether the recorded failure came back in the baseline, for a case that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduction_baseline: Option<Reproduction>,
    /// Whether the recorded failure came back in the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduction_candidate: Option<Reproduction>,
}

/// What became of a case from one run to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It surely passes less often.
    Broken,
    /// It passed less often, which could be chance.
    Worse,
    /// One of the runs did not decide it.
    Undecided,
    /// It passed as often, or a rerun did not confirm that it passes less often.
    Unchanged,
    /// It passed more often, which could be chance, or still fails at times.
    Better,
    /// It surely passes more often, and always passed.
    Fixed,
}

impl Change {
    /// All, the most urgent first.
    pub const ALL: [Change; 6] =
        [Change::Broken, Change::Worse, Change::Undecided, Change::Better, Change::Fixed, Change::Unchanged];

    /// In a word, for people; a question mark stands where it could be chance.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Change::Broken => "broken",
            Change::Worse => "worse?",
            Change::Undecided => "undecided",
            Change::Unchanged => "unchanged",
            Change::Better => "better?",
            Change::Fixed => "fixed",
        }
    }
}

/// The trials of a suspect that was tried once more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fresh {
    /// The baseline's agent.
    pub baseline: Tally,
    /// The candidate's agent.
    pub candidate: Tally,
    /// How likely so large a fall would be, were both alike (Fisher's exact test, one-sided).
    pub p: f64,
}

/// A failure, with where to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureShown {
    /// The run that it happened in.
    pub run: String,
    /// The failing expectation, the reason and the turns that it cites.
    pub why: Why,
    /// The first turn that the failing expectations cite; where the other run passed, the first of them in which
    /// the agent said something else there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad_turn: Option<u32>,
    /// What the agent said in that turn, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// A case that could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unmatched {
    /// The case's id.
    pub case: String,
    /// Why not: it is `only in the baseline`, `only in the candidate`, or its parts that differ.
    pub why: String,
}

/// One thing besides the agent in which the two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunDifference {
    /// The key in the plan or the provenance.
    pub key: String,
    /// Its value in the baseline, as JSON.
    pub baseline: String,
    /// Its value in the candidate, as JSON.
    pub candidate: String,
}

impl Comparison {
    /// Compares two runs. With a margin, 0 to 1, the candidate must be shown to be worse by less than that.
    #[must_use]
    pub fn of(baseline: &RunOutput, candidate: &RunOutput, margin: Option<f64>) -> Comparison {
        let matched = matching::matched(baseline, candidate);
        let pairs: Vec<Pair<'_>> = matched.same.iter().map(|case| Pair::of(case, baseline, candidate)).collect();
        let decided: Vec<_> = pairs.iter().filter(|pair| pair.is_decided()).map(Pair::rates).collect();
        let difference = statistics::mean_difference(&decided);
        let of_margin = |margin| {
            let verdict = difference.map_or(Verdict::Inconclusive, |difference| difference.is_within(margin));
            MarginVerdict { margin, verdict }
        };
        let comparison = Comparison {
            baseline: Compared::of(baseline),
            candidate: Compared::of(candidate),
            status: Status::Undecided,
            reasons: Vec::new(),
            difference,
            margin: margin.map(of_margin),
            rerun: None,
            cases: changes(&pairs),
            unmatched: matched.unmatched,
            also_differ: matching::runs_differ(&baseline.run, &candidate.run),
        };
        comparison.concluded()
    }

    /// The cases that passed less often, which a rerun can confirm or clear.
    #[must_use]
    pub fn suspects(&self) -> Vec<&str> {
        let is_suspect = |case: &&CaseChange| case.difference.is_some_and(|difference| difference < 0.0);
        self.cases.iter().filter(is_suspect).map(|case| case.case.as_str()).collect()
    }

    /// The comparison once its suspects were tried again, with both agents equally: they are judged by these trials alone.
    #[must_use]
    pub fn with_rerun(mut self, baseline: &RunOutput, candidate: &RunOutput) -> Comparison {
        let (before, after) = (tallies(baseline), tallies(candidate));
        let suspects: BTreeSet<String> = self.suspects().into_iter().map(str::to_owned).collect();
        for case in self.cases.iter_mut().filter(|case| suspects.contains(&case.case)) {
            let of = |tallies: &BTreeMap<&str, Tally>| tallies.get(case.case.as_str()).copied().unwrap_or_default();
            let (baseline, candidate) = (of(&before), of(&after));
            let p = statistics::rounded(statistics::fisher_p(baseline, candidate));
            case.fresh = Some(Fresh { baseline, candidate, p });
        }
        self.rerun = Some(Rerun {
            baseline: baseline.run.id.clone(),
            candidate: candidate.run.id.clone(),
            trials: candidate.run.plan.trials,
        });
        self.judge_suspects();
        self.concluded()
    }

    fn judge_suspects(&mut self) {
        let mut fresh: Vec<(&mut Change, Fresh)> =
            self.cases.iter_mut().filter_map(|case| Some((&mut case.change, case.fresh?))).collect();
        let broken = statistics::benjamini_hochberg(&fresh.iter().map(|(_, fresh)| fresh.p).collect::<Vec<_>>(), LEVEL);
        for ((change, fresh), is_broken) in fresh.iter_mut().zip(broken) {
            let is_decided = fresh.baseline.decided > 0 && fresh.candidate.decided > 0;
            **change = match (is_decided, is_broken) {
                (false, _) => Change::Worse,
                (true, false) => Change::Unchanged,
                (true, true) => Change::Broken,
            };
        }
    }

    /// How many cases this became of.
    #[must_use]
    pub fn cases_that(&self, change: Change) -> usize {
        self.cases.iter().filter(|case| case.change == change).count()
    }

    /// Whether the mean surely fell.
    fn fell(&self) -> bool {
        self.difference.is_some_and(|difference| difference.mean < 0.0 && difference.p <= 2.0 * LEVEL)
    }
}

impl Compared {
    fn of(output: &RunOutput) -> Compared {
        Compared {
            run: output.run.id.clone(),
            created_at: output.run.created_at,
            agent: output.run.plan.agent.clone(),
            agent_version: output.run.plan.agent_version.clone(),
            suite: output.run.suite.name.clone(),
            missing: output.report.missing(),
        }
    }
}

/// The reports of one case in both runs.
struct Pair<'a> {
    baseline: &'a CaseReport,
    candidate: &'a CaseReport,
    failure: Option<FailureShown>,
}

impl<'a> Pair<'a> {
    fn of(case: &TestCase, baseline: &'a RunOutput, candidate: &'a RunOutput) -> Pair<'a> {
        let failure =
            evidence::failure(case, candidate, baseline).or_else(|| evidence::failure(case, baseline, candidate));
        let report = |output: &'a RunOutput| {
            output
                .report
                .cases
                .iter()
                .find(|report| report.case == case.id)
                .expect("a report has every case of its suite")
        };
        Pair { baseline: report(baseline), candidate: report(candidate), failure }
    }

    fn is_decided(&self) -> bool {
        self.baseline.pass_rate.is_some() && self.candidate.pass_rate.is_some()
    }

    fn rates(&self) -> (statistics::CaseRate, statistics::CaseRate) {
        (self.baseline.rate(), self.candidate.rate())
    }

    fn difference(&self) -> Option<f64> {
        Some(statistics::rounded(self.candidate.pass_rate? - self.baseline.pass_rate?))
    }

    /// The chances of a fall and of a rise as large. Trials that stopped early were chosen by what they showed, so no
    /// test of a fixed number of them holds.
    fn p(&self) -> (f64, f64) {
        if self.baseline.course.is_some() || self.candidate.course.is_some() {
            return (1.0, 1.0);
        }
        let (a, b) = (self.baseline.tally, self.candidate.tally);
        (statistics::fisher_p(a, b), statistics::fisher_p(b, a))
    }
}

fn changes(pairs: &[Pair<'_>]) -> Vec<CaseChange> {
    let (falls, rises): (Vec<f64>, Vec<f64>) = pairs.iter().map(Pair::p).unzip();
    let (fell, rose) = (statistics::benjamini_hochberg(&falls, LEVEL), statistics::benjamini_hochberg(&rises, LEVEL));
    pairs.iter().enumerate().map(|(index, pair)| changed(pair, fell[index], rose[index])).collect()
}

fn changed(pair: &Pair<'_>, surely_fell: bool, surely_rose: bool) -> CaseChange {
    let difference = pair.difference();
    let always_passes = pair.candidate.tally.passed == pair.candidate.tally.decided;
    let change = match difference {
        None => Change::Undecided,
        Some(d) if d < 0.0 && surely_fell => Change::Broken,
        Some(d) if d < 0.0 => Change::Worse,
        Some(d) if d > 0.0 && surely_rose && always_passes => Change::Fixed,
        Some(d) if d > 0.0 => Change::Better,
        Some(_) => Change::Unchanged,
    };
    let (fall, rise) = pair.p();
    let p = difference.filter(|d| *d != 0.0).map(|d| if d < 0.0 { fall } else { rise });
    let stops_early = pair.candidate.course.is_some() || pair.baseline.course.is_some();
    CaseChange {
        case: pair.candidate.case.clone(),
        goal: pair.candidate.goal.clone(),
        change,
        baseline: pair.baseline.tally,
        candidate: pair.candidate.tally,
        difference,
        p: p.filter(|_| !stops_early).map(statistics::rounded),
        fresh: None,
        failure: pair.failure.clone(),
        reproduction_baseline: pair.baseline.reproduction,
        reproduction_candidate: pair.candidate.reproduction,
    }
}

fn tallies(output: &RunOutput) -> BTreeMap<&str, Tally> {
    output.report.cases.iter().map(|case| (case.case.as_str(), case.tally)).collect()
}
