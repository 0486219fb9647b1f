//! What a run amounts to: counts, rates with their intervals, and the pages made of them.
//!
//! A [`Report`] is computed from a run and its trials and holds no state of its own, so a stored run can
//! be reported again at any time. Nothing that was left out of a rate is left out of the report: every
//! trial stands in it once, and what was planned and not done is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use comparison::{
    CaseChange, Change, Compared, Comparison, FailureShown, Fresh, MarginVerdict, Rerun, RunDifference, Unmatched,
};
pub use figures::Exclusions;
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub(crate) use skimmed::skimmed;
pub use statistics::PassRate;
use statistics::{CaseRate, Course, EarlyStopping, Flakiness, PassHatK, Reproduction, Stopped, Tally, Threshold};
pub use variants::VariantReport;

use crate::PriceList;
use crate::agent::Stopgap;
use crate::cost::{Amount, Cost};
use crate::journal::{self, Charged};
use crate::user::guard::Misstep;
use crate::{
    Assessment, Ending, ErrorKind, Outcome, Plan, Provenance, Result, Run, Session, Speaker, Store, TestCase, Trial,
    Verdict,
};

mod comparison;
mod costs;
mod figures;
mod headline;
mod html;
mod junit;
mod markdown;
mod provenance;
mod signature;
mod skimmed;
pub mod statistics;
mod variants;
mod words;

/// One run as data: what `run`, `judge` and `report` print with `--json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunOutput {
    /// The plan and the cases.
    pub run: Run,
    /// What was tried, in the order of the cases.
    pub trials: Vec<Trial>,
    /// What it amounts to.
    pub report: Report,
}

impl RunOutput {
    /// A stored run with its trials and their report.
    ///
    /// # Errors
    /// Where there is no such run, or the store cannot be read.
    pub fn read(store: &Store, run: &str) -> Result<RunOutput> {
        RunOutput::read_priced(store, run, &PriceList::default())
    }

    /// [`RunOutput::read`] with the prices that a list states in place of those that the run was begun with.
    ///
    /// # Errors
    /// As [`RunOutput::read`].
    pub fn read_priced(store: &Store, run: &str, prices: &PriceList) -> Result<RunOutput> {
        let mut run = store.run(run)?;
        run.provenance.prices.extend(prices.stated().map(|(name, price)| (name.to_owned(), price)));
        let known =
            Known { recordings: recordings(store, &run)?, charges: Some(journal::charges_of_run(store, &run.id)?) };
        let trials = store.trials(&run.id)?;
        Ok(RunOutput::knowing(run, trials, &known))
    }

    /// A run and its trials, put in the order of the cases, with their report.
    ///
    /// Trials end in whatever order they end; what is printed of them does not depend on it.
    #[must_use]
    pub fn new(run: Run, trials: Vec<Trial>) -> Self {
        RunOutput::knowing(run, trials, &Known::default())
    }

    /// [`RunOutput::new`] with what else is known of the run.
    #[must_use]
    pub fn knowing(run: Run, mut trials: Vec<Trial>, known: &Known) -> Self {
        let order: BTreeMap<&str, usize> =
            run.suite.cases.iter().enumerate().map(|(index, case)| (case.id.as_str(), index)).collect();
        let place = |trial: &Trial| (order.get(trial.case.as_str()).copied().unwrap_or(usize::MAX), trial.trial);
        trials.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.case.cmp(&b.case)));
        let report = Report::of(&run, &trials, known);
        RunOutput { run, trials, report }
    }

    /// Each case with its trials, in the order of its [`CaseReport::trials`].
    #[must_use]
    pub fn by_case(&self) -> Vec<(&CaseReport, Vec<&Trial>)> {
        let mut by_case = group_by_case(&self.trials);
        self.report.cases.iter().map(|case| (case, by_case.remove(case.case.as_str()).unwrap_or_default())).collect()
    }
}

/// What is known of a run besides its trials.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The recorded sessions that the cases come from, by id: they show which expectations stand for a recorded failure.
    pub recordings: BTreeMap<String, Session>,
    /// What the journal says that the models were charged; nothing where the journal was not read.
    pub charges: Option<Vec<Charged>>,
}

/// The recorded sessions that tell which expectations stand for a recorded failure, as far as the store has them.
fn recordings(store: &Store, run: &Run) -> Result<BTreeMap<String, Session>> {
    let has_signature = |case: &&TestCase| !case.failure_signature().is_empty();
    let mut recordings = BTreeMap::new();
    for origin in run.suite.cases.iter().filter(has_signature).filter_map(|case| case.origin.as_ref()) {
        match store.session(&origin.session) {
            // The store also takes the start of an id, and an origin must not be taken for another session.
            Ok(session) if session.id == origin.session => drop(recordings.insert(session.id.clone(), session)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Usage => {}
            Err(error) => return Err(error),
        }
    }
    Ok(recordings)
}

/// What a run amounts to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// When the run began.
    pub created_at: Timestamp,
    /// The name of the suite, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// What was to be tried.
    pub plan: Plan,
    /// What made the run.
    pub provenance: Provenance,
    /// The versions that the agent told with its answers, sorted; more than one where it changed while the run went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agent_versions: Vec<String>,
    /// What the whole amounts to; decides the exit status.
    pub status: Status,
    /// Trials that the plan asks for; where trials stop early, those that are done or known to be needed.
    pub trials_planned: u64,
    /// Trials that were done; fewer than planned where the run is unfinished.
    pub trials_done: u64,
    /// Trials by outcome.
    pub outcomes: OutcomeCounts,
    /// Trials by ending; endings that did not occur are left out.
    pub endings: Vec<EndingCount>,
    /// Trials by the number of their turns, from few to many.
    pub turns: Vec<TurnCount>,
    /// The stress variants, each way by itself; nothing else in this report counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantReport>,
    /// What simulated users did that they must not; none where none did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missteps: Vec<MisstepCount>,
    /// Conversations that were thrown away for that, and played again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discarded: u64,
    /// Calls of tools that no recorded call answered, by what answered instead; none where every call was recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_misses: BTreeMap<Stopgap, u64>,
    /// What the models that played users and judged cost, by role and model, trials that were not finished included; nothing
    /// where the journal was not read. What the agent itself costs is no part of it.
    pub cost: Option<Cost>,
    /// Passed among decided trials; nothing where no trial was decided.
    pub pass_rate: Option<PassRate>,
    /// What the trials that are not in the pass rate could have changed; nothing where none was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusions: Option<Exclusions>,
    /// The verdict against the plan's threshold, where it has one; it then decides the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Threshold>,
    /// pass^k for every k that each decided case has trials for; none where trials stopped early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pass_hat_k: Vec<PassHatK>,
    /// Cases of which some trials passed and some failed; nothing where no case was decided twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flakiness: Option<Flakiness>,
    /// The smallest difference of pass rates that a comparison with such a run finds four times in five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_difference: Option<f64>,
    /// Every case of the suite, in its order.
    pub cases: Vec<CaseReport>,
}

/// What one case amounts to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReport {
    /// The case's id.
    pub case: String,
    /// What the user wants in it.
    pub goal: String,
    /// What it amounts to.
    pub status: Status,
    /// Its trials, in order.
    pub trials: Vec<TrialSummary>,
    /// Planned trials that were not done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<u32>,
    /// Its trials by outcome.
    pub outcomes: OutcomeCounts,
    /// Passed among its decided trials, 0 to 1; nothing where none was decided. Where trials stopped early it is corrected
    /// for that.
    pub pass_rate: Option<f64>,
    /// The lower and the upper end of that rate's 95 % interval (Wilson's; the trials of one case are independent). Trials
    /// that stop early have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The decided trials that the pass rate rests on; where trials stop early, those up to the stop.
    pub tally: Tally,
    /// How the trials stand, where they stop early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// Whether the recorded failure came back, for a case that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduction: Option<Reproduction>,
    /// What the models cost in its trials; nothing where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Amount>,
    /// The first expectation that failed, in the first trial that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<Why>,
}

/// One trial in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrialSummary {
    /// Which trial of the case, from 1.
    pub trial: u32,
    /// What it amounts to.
    pub outcome: Outcome,
    /// Why the conversation stopped.
    pub ending: EndingKind,
    /// How many turns it took.
    pub turns: u32,
    /// What the models cost in it; nothing where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Why it did not pass; nothing where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// Why a trial did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// Which trial of the case, from 1.
    pub trial: u32,
    /// The expectation, where it is one that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<String>,
    /// The reason.
    pub reason: String,
    /// The turns of the simulated conversation that the reason cites, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<u32>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(expectation) = &self.expectation {
            write!(f, "{expectation}: ")?;
        }
        write!(f, "{}{}", self.reason, cited(&self.turns))
    }
}

/// What a case or a whole run amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All that was planned was done, and every trial passed.
    Passed,
    /// Some trial failed.
    Failed,
    /// No trial failed, but some could not be judged or was not done, or there was none.
    Undecided,
}

impl Status {
    /// The status as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Failed => "failed",
            Status::Undecided => "undecided",
        }
    }

    /// The one rule: what outcomes, and planned trials that are missing, amount to.
    ///
    /// ```
    /// use reenact::report::{OutcomeCounts, Status};
    ///
    /// let passed = OutcomeCounts { passed: 3, ..OutcomeCounts::default() };
    /// assert_eq!(Status::of(&passed, 0), Status::Passed);
    /// assert_eq!(Status::of(&passed, 1), Status::Undecided);
    /// ```
    #[must_use]
    pub fn of(outcomes: &OutcomeCounts, missing: u64) -> Status {
        if outcomes.failed > 0 {
            Status::Failed
        } else if outcomes.passed > 0 && outcomes.passed == outcomes.total() && missing == 0 {
            Status::Passed
        } else {
            Status::Undecided
        }
    }

    /// What cases amount to together: one that failed fails all, and only passes, at least one of them, pass.
    fn of_cases(cases: &[CaseReport]) -> Status {
        let all_are = |status| cases.iter().all(|case| case.status == status);
        if cases.iter().any(|case| case.status == Status::Failed) {
            Status::Failed
        } else if !cases.is_empty() && all_are(Status::Passed) {
            Status::Passed
        } else {
            Status::Undecided
        }
    }
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Status::Passed,
            Verdict::Fail => Status::Failed,
            Verdict::Inconclusive => Status::Undecided,
        }
    }
}

impl From<Course> for Status {
    fn from(course: Course) -> Self {
        match course {
            Course::Passed => Status::Passed,
            Course::Failed => Status::Failed,
            Course::GoesOn | Course::Undecided => Status::Undecided,
        }
    }
}

/// Trials by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeCounts {
    /// Every expectation was met.
    pub passed: u64,
    /// Some expectation was not met.
    pub failed: u64,
    /// Could not be decided.
    pub inconclusive: u64,
    /// The simulated user misbehaved.
    pub invalid: u64,
    /// The infrastructure failed.
    pub errored: u64,
}

impl OutcomeCounts {
    /// Counts outcomes.
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut counts = OutcomeCounts::default();
        for outcome in outcomes {
            match outcome {
                Outcome::Passed => counts.passed += 1,
                Outcome::Failed => counts.failed += 1,
                Outcome::Inconclusive => counts.inconclusive += 1,
                Outcome::Invalid => counts.invalid += 1,
                Outcome::Errored => counts.errored += 1,
            }
        }
        counts
    }

    /// How many trials have this outcome.
    #[must_use]
    pub fn get(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Passed => self.passed,
            Outcome::Failed => self.failed,
            Outcome::Inconclusive => self.inconclusive,
            Outcome::Invalid => self.invalid,
            Outcome::Errored => self.errored,
        }
    }

    /// All trials.
    #[must_use]
    pub fn total(&self) -> u64 {
        Outcome::ALL.iter().map(|&outcome| self.get(outcome)).sum()
    }

    /// Trials that say something about the agent: passed or failed.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.passed + self.failed
    }
}

/// How many trials ended in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndingCount {
    /// The way.
    pub ending: EndingKind,
    /// How many trials.
    pub trials: u64,
}

/// How many messages of simulated users did one thing that they must not. None of them was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MisstepCount {
    /// What they did.
    pub misstep: Misstep,
    /// How many messages.
    pub messages: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// How many trials took so many turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TurnCount {
    /// The number of turns.
    pub turns: u32,
    /// Those trials, by outcome.
    pub outcomes: OutcomeCounts,
}

/// Why a conversation stopped, without the detail: an [`Ending`] that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are those of `Ending` and documented there")]
pub enum EndingKind {
    Satisfied,
    GaveUp,
    LostPatience,
    SaidAll,
    AskedForPerson,
    AgentEnded,
    TurnLimit,
    AgentFailed,
    ToolMissed,
    UserInvalid,
    UserFailed,
}

impl EndingKind {
    /// The ending in a few words, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            EndingKind::Satisfied => "satisfied",
            EndingKind::GaveUp => "gave up",
            EndingKind::LostPatience => "lost patience",
            EndingKind::SaidAll => "said all",
            EndingKind::AskedForPerson => "asked for a person",
            EndingKind::AgentEnded => "agent ended it",
            EndingKind::TurnLimit => "turn limit",
            EndingKind::AgentFailed => "agent failed",
            EndingKind::ToolMissed => "tool not recorded",
            EndingKind::UserInvalid => "user misbehaved",
            EndingKind::UserFailed => "user failed",
        }
    }
}

impl From<&Ending> for EndingKind {
    fn from(ending: &Ending) -> Self {
        match ending {
            Ending::Satisfied => EndingKind::Satisfied,
            Ending::GaveUp => EndingKind::GaveUp,
            Ending::LostPatience => EndingKind::LostPatience,
            Ending::SaidAll => EndingKind::SaidAll,
            Ending::AskedForPerson => EndingKind::AskedForPerson,
            Ending::AgentEnded => EndingKind::AgentEnded,
            Ending::TurnLimit => EndingKind::TurnLimit,
            Ending::AgentFailed(_) => EndingKind::AgentFailed,
            Ending::ToolMissed(_) => EndingKind::ToolMissed,
            Ending::UserInvalid(_) => EndingKind::UserInvalid,
            Ending::UserFailed(_) => EndingKind::UserFailed,
        }
    }
}

impl Report {
    /// What a run amounts to, given the trials that were done and what else is known of it.
    #[must_use]
    pub fn of(run: &Run, trials: &[Trial], known: &Known) -> Report {
        let mut cases = case_reports(run, trials, &known.recordings);
        let variants = variants::Variants::of(&run.suite);
        let trials = &*variants.without(trials);
        // Without a model there is nothing that the journal could add.
        let charges = known.charges.as_deref().or_else(|| run.plan.models().is_empty().then_some(&[]));
        let cost = charges.map(|charges| costs::put(charges, &run.provenance.prices, &mut cases));
        let (cases, varied) = variants.apart(cases);
        let missing: u64 = cases.iter().map(|case| case.missing.len() as u64).sum();
        let (pass_rate, exclusions) = (figures::pass_rate(&cases), figures::exclusions(&cases));
        let report = Report {
            run: run.id.clone(),
            created_at: run.created_at,
            suite: run.suite.name.clone(),
            plan: run.plan.clone(),
            provenance: run.provenance.clone(),
            agent_versions: agent_versions(trials),
            status: Status::of_cases(&cases),
            trials_planned: match run.plan.stopping {
                Some(_) => trials.len() as u64 + missing,
                None => (run.suite.cases.len() - variants.count()) as u64 * u64::from(run.plan.trials),
            },
            trials_done: trials.len() as u64,
            outcomes: OutcomeCounts::of(trials.iter().map(|trial| trial.outcome)),
            endings: ending_counts(trials),
            turns: turn_counts(trials),
            variants: varied,
            missteps: misstep_counts(trials),
            discarded: trials.iter().map(|trial| trial.discarded.len() as u64).sum(),
            tool_misses: tool_misses(trials),
            cost,
            pass_hat_k: figures::pass_hat_k(&cases),
            flakiness: statistics::flakiness(&figures::tallies(&cases)),
            smallest_difference: pass_rate.as_ref().and_then(figures::smallest_difference),
            pass_rate,
            exclusions,
            threshold: None,
            cases,
        };
        match run.plan.threshold {
            Some(threshold) => report.held_to(threshold),
            None => report,
        }
    }

    /// The report of the same trials, held to a threshold of the pass rate, 0 to 1, which then decides the status.
    #[must_use]
    pub fn held_to(mut self, threshold: f64) -> Report {
        let held = figures::hold(threshold, self.pass_rate.as_ref(), self.exclusions.as_ref(), self.missing());
        self.plan.threshold = Some(threshold);
        self.status = held.verdict.into();
        self.threshold = Some(held);
        self
    }

    /// What the whole amounts to, which decides the exit status: Passed 0, Failed 1, Undecided 3.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Planned trials that were not done.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.cases.iter().map(|case| case.missing.len() as u64).sum()
    }

    /// How many cases amount to this.
    #[must_use]
    pub fn cases_that(&self, status: Status) -> usize {
        self.cases.iter().filter(|case| case.status == status).count()
    }
}

impl CaseReport {
    fn of(case: &str, goal: &str, trials: &[&Trial], asked: &Asked<'_>) -> CaseReport {
        let trials: Vec<TrialSummary> = trials.iter().map(|trial| TrialSummary::of(trial)).collect();
        let outcomes = OutcomeCounts::of(trials.iter().map(|trial| trial.outcome));
        let failed = trials.iter().find(|trial| trial.outcome == Outcome::Failed);
        let stopped = asked.stopping.map(|rule| rule.stop(trials.iter().map(|trial| trial.outcome), asked.trials));
        let missing = missing(&trials, asked, stopped);
        let tally = stopped
            .map_or_else(|| Tally { passed: outcomes.passed, decided: outcomes.decided() }, |stopped| stopped.tally);
        CaseReport {
            case: case.to_owned(),
            goal: goal.to_owned(),
            status: stopped.map_or_else(|| Status::of(&outcomes, missing.len() as u64), |s| s.course.into()),
            pass_rate: rate_of(tally, asked.stopping),
            interval: asked.stopping.is_none().then(|| interval_of(tally)).flatten(),
            tally,
            course: stopped.map(|stopped| stopped.course),
            reproduction: None,
            cost: None,
            first_failure: failed.and_then(|trial| trial.why.clone()),
            trials,
            missing,
            outcomes,
        }
    }

    /// Why this case did not pass: its first failure, else its first trial that could not be judged.
    #[must_use]
    pub fn why(&self) -> Option<&Why> {
        self.first_failure.as_ref().or_else(|| self.trials.iter().find_map(|trial| trial.why.as_ref()))
    }
}

/// How many trials a plan asks of a case.
struct Asked<'a> {
    trials: u32,
    stopping: Option<&'a EarlyStopping>,
}

/// The trials that are asked for and not done. Where trials stop early only the next one is known to be needed.
fn missing(trials: &[TrialSummary], asked: &Asked<'_>, stopped: Option<Stopped>) -> Vec<u32> {
    let is_missing = |number: &u32| !trials.iter().any(|trial| trial.trial == *number);
    match stopped {
        Some(stopped) if stopped.course == Course::GoesOn => vec![trials.len() as u32 + 1],
        Some(_) => Vec::new(),
        None => (1..=asked.trials).filter(is_missing).collect(),
    }
}

impl TrialSummary {
    fn of(trial: &Trial) -> TrialSummary {
        let ending = EndingKind::from(&trial.ending);
        let turns = trial.conversation.turn_count() as u32;
        TrialSummary { trial: trial.trial, outcome: trial.outcome, ending, turns, cost: None, why: why(trial) }
    }
}

fn rate_of(tally: Tally, stopping: Option<&EarlyStopping>) -> Option<f64> {
    let rate = || stopping.map_or_else(|| tally.into(), |rule| rule.unbiased_rate(tally));
    (tally.decided > 0).then(|| statistics::rounded(rate().rate))
}

/// The pass rate of a case by the outcomes of its trials, in order, as its report gives it.
pub(crate) fn case_rate(outcomes: impl Iterator<Item = Outcome>, plan: &Plan) -> CaseRate {
    let tally = match &plan.stopping {
        Some(rule) => rule.stop(outcomes, plan.trials).tally,
        None => {
            let counts = OutcomeCounts::of(outcomes);
            Tally { passed: counts.passed, decided: counts.decided() }
        }
    };
    CaseRate { rate: rate_of(tally, plan.stopping.as_ref()).unwrap_or_default(), tally }
}

/// The pass rate of a case and its interval by the outcomes of its trials, in order, as its report shows them.
pub(crate) fn case_figures(outcomes: impl Iterator<Item = Outcome>, plan: &Plan) -> (Option<f64>, Option<[f64; 2]>) {
    let CaseRate { rate, tally } = case_rate(outcomes, plan);
    let interval = plan.stopping.is_none().then(|| interval_of(tally)).flatten();
    ((tally.decided > 0).then_some(rate), interval)
}

fn interval_of(tally: Tally) -> Option<[f64; 2]> {
    let ends = || statistics::wilson(tally.passed as f64 / tally.decided as f64, tally.decided as f64);
    (tally.decided > 0).then(|| <[f64; 2]>::from(ends()).map(statistics::rounded))
}

/// The suite's cases in its order; then cases that have trials and are not in the suite, so that no trial is lost.
fn case_reports(run: &Run, trials: &[Trial], recordings: &BTreeMap<String, Session>) -> Vec<CaseReport> {
    let mut by_case = group_by_case(trials);
    let asked = Asked { trials: run.plan.trials, stopping: run.plan.stopping.as_ref() };
    let planned = |case: &TestCase| {
        let trials = by_case.remove(case.id.as_str()).unwrap_or_default();
        let recording = case.origin.as_ref().and_then(|origin| recordings.get(&origin.session));
        let reproduction = signature::reproduction(case, recording.map(|session| &session.conversation), &trials);
        CaseReport { reproduction, ..CaseReport::of(&case.id, &case.brief.goal, &trials, &asked) }
    };
    let mut cases: Vec<CaseReport> = run.suite.cases.iter().map(planned).collect();
    let unasked = Asked { trials: 0, stopping: None };
    cases.extend(by_case.into_iter().map(|(case, trials)| CaseReport::of(case, "", &trials, &unasked)));
    cases
}

fn group_by_case(trials: &[Trial]) -> BTreeMap<&str, Vec<&Trial>> {
    let mut by_case: BTreeMap<&str, Vec<&Trial>> = BTreeMap::new();
    for trial in trials {
        by_case.entry(&trial.case).or_default().push(trial);
    }
    by_case.values_mut().for_each(|trials| trials.sort_by_key(|trial| trial.trial));
    by_case
}

fn ending_counts(trials: &[Trial]) -> Vec<EndingCount> {
    let mut counts: BTreeMap<EndingKind, u64> = BTreeMap::new();
    for trial in trials {
        *counts.entry(EndingKind::from(&trial.ending)).or_default() += 1;
    }
    counts.into_iter().map(|(ending, trials)| EndingCount { ending, trials }).collect()
}

fn misstep_counts(trials: &[Trial]) -> Vec<MisstepCount> {
    let mut counts: BTreeMap<Misstep, u64> = BTreeMap::new();
    for trial in trials {
        let thrown_away = trial.discarded.iter().flat_map(|discarded| &discarded.corrections);
        for correction in trial.corrections.iter().chain(thrown_away) {
            *counts.entry(correction.misstep).or_default() += 1;
        }
    }
    counts.into_iter().map(|(misstep, messages)| MisstepCount { misstep, messages }).collect()
}

fn turn_counts(trials: &[Trial]) -> Vec<TurnCount> {
    let mut counts: BTreeMap<u32, Vec<Outcome>> = BTreeMap::new();
    for trial in trials {
        counts.entry(trial.conversation.turn_count() as u32).or_default().push(trial.outcome);
    }
    counts.into_iter().map(|(turns, outcomes)| TurnCount { turns, outcomes: OutcomeCounts::of(outcomes) }).collect()
}

fn tool_misses(trials: &[Trial]) -> BTreeMap<Stopgap, u64> {
    let mut counts = BTreeMap::new();
    trials
        .iter()
        .flat_map(|trial| &trial.tool_misses)
        .for_each(|miss| *counts.entry(miss.answered_by).or_default() += 1);
    counts
}

fn agent_versions(trials: &[Trial]) -> Vec<String> {
    let told: BTreeSet<&String> = trials.iter().filter_map(|trial| trial.agent_version.as_ref()).collect();
    told.into_iter().cloned().collect()
}

/// Why a trial did not pass: the assessment that decided, or the ending that left nothing to decide.
fn why(trial: &Trial) -> Option<Why> {
    why_of(trial.trial, trial.outcome, &trial.ending, &trial.assessments)
}

fn why_of(trial: u32, outcome: Outcome, ending: &Ending, assessments: &[Assessment]) -> Option<Why> {
    let because = |reason: &str| Why { trial, expectation: None, reason: reason.to_owned(), turns: Vec::new() };
    match (outcome, ending) {
        (Outcome::Passed, _) => None,
        (_, Ending::AgentFailed(fault)) => Some(because(&fault.to_string())),
        (_, Ending::ToolMissed(reason) | Ending::UserInvalid(reason) | Ending::UserFailed(reason)) => {
            Some(because(reason))
        }
        (Outcome::Failed, _) => {
            Some(assessed(trial, assessments, Verdict::Fail).unwrap_or_else(|| because("no assessment says why")))
        }
        _ if assessments.is_empty() => Some(because("the case has no expectations")),
        _ if !assessments.iter().any(|it| it.decides) => Some(because("nothing that was judged decides")),
        _ => Some(
            assessed(trial, assessments, Verdict::Inconclusive).unwrap_or_else(|| because("no assessment says why")),
        ),
    }
}

fn assessed(trial: u32, assessments: &[Assessment], verdict: Verdict) -> Option<Why> {
    let assessment = assessments.iter().find(|it| it.decides && it.verdict == verdict)?;
    Some(Why {
        trial,
        expectation: Some(assessment.expectation.clone()),
        reason: assessment.reason.clone(),
        turns: assessment.turns.clone(),
    })
}

/// Where a reason rests, such as ` (turns 1, 2)`; empty where it cites none.
fn cited(turns: &[u32]) -> String {
    let numbers = turns.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    match turns.len() {
        0 => String::new(),
        1 => format!(" (turn {numbers})"),
        _ => format!(" (turns {numbers})"),
    }
}

fn speaker_word(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::User => "user",
        Speaker::Agent => "agent",
        Speaker::Tool => "tool",
        Speaker::Operator => "operator",
    }
}
