//! How a run stands: its log, folded up as far as it goes.
//!
//! A [`Standing`] is a function of what the store has. So whoever looks late sees what somebody sees who looked all the time, and
//! a run that another process drives is followed like one of this process.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::{Entry, Mark, log};
use crate::cost::{Amount, Cost, CostRole, Spent};
use crate::journal::Call;
use crate::report::statistics::{CaseRate, Course, pass_rate_of};
use crate::report::{OutcomeCounts, PassRate, TrialSummary, case_figures, case_rate};
use crate::store::Standings;
use crate::{Outcome, Result, Run, StepRole, Store, TestCase};

/// Entries that are read at once: enough to be quick, few enough to be nothing in memory.
const ENTRIES_AT_ONCE: usize = 4096;

/// Whether a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Somebody drives it, in this process or another.
    GoingOn,
    /// It was stopped or interrupted, and can be gone on with.
    Stopped,
    /// It came to its end.
    Finished,
}

impl RunState {
    /// The state in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            RunState::GoingOn => "going on",
            RunState::Stopped => "stopped",
            RunState::Finished => "finished",
        }
    }
}

/// How far a run is, in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The run's id.
    pub run: String,
    /// What of its log these figures tell.
    pub mark: Mark,
    /// Whether it goes on.
    pub state: RunState,
    /// The round of judging, from 1: more where it was judged again.
    pub round: u32,
    /// Trials in all; at the most, where trials stop early.
    pub planned: u64,
    /// Trials that are done.
    pub done: u64,
    /// Of these, those that are judged in this round, where the run is being judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<u64>,
    /// Trials by outcome.
    pub outcomes: OutcomeCounts,
    /// Trials that have begun and not ended: something was answered in them.
    pub begun: u64,
    /// The pass rate of the decided trials so far; variants are no part of it.
    pub pass_rate: Option<PassRate>,
    /// Answers of the agent.
    pub replies: u64,
    /// What the models that play users and judge cost so far.
    pub cost: Cost,
    /// How long it still takes, in seconds, by how long the answers of trials that ended took; nothing before the first one
    /// ended, and where nobody drives the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

/// One trial of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TrialStanding {
    /// It ended, and is kept.
    Ended(TrialSummary),
    /// It has begun.
    Begun {
        /// Which trial of the case, from 1.
        trial: u32,
        /// How often the agent has answered.
        replies: u32,
    },
    /// It has not begun.
    Open {
        /// Which trial of the case, from 1.
        trial: u32,
    },
}

impl TrialStanding {
    /// Which trial of the case, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        match self {
            TrialStanding::Ended(summary) => summary.trial,
            TrialStanding::Begun { trial, .. } | TrialStanding::Open { trial } => *trial,
        }
    }
}

/// How one case stands.
#[derive(Debug, Clone)]
pub struct CaseStanding<'a> {
    /// The case.
    pub case: &'a TestCase,
    /// Its trials by outcome.
    pub outcomes: OutcomeCounts,
    /// Passed among its decided trials, 0 to 1, as its report has it; nothing where none was decided.
    pub pass_rate: Option<f64>,
    /// The ends of that rate's 95 % interval; none where trials stop early.
    pub interval: Option<[f64; 2]>,
    /// Every trial that the plan asks for and that is not known to be superfluous, in order.
    pub trials: Vec<TrialStanding>,
}

/// How a run stands, and how to learn what happened since.
#[derive(Debug, Clone)]
pub struct Standing {
    store: Store,
    run: Run,
    state: RunState,
    row: Standings,
    mark: Mark,
    /// The place of each case in the suite.
    places: BTreeMap<String, usize>,
    cases: Vec<BTreeMap<u32, Kept>>,
    begun: BTreeMap<(usize, u32), Begun>,
    spent: BTreeMap<(StepRole, u32, String), Amount>,
    replies: u64,
    took: Took,
}

/// A trial that is there, and the place of its row.
#[derive(Debug, Clone)]
struct Kept {
    at: i64,
    summary: TrialSummary,
}

/// What was answered of a trial that has not ended.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    replies: u32,
    ms: u64,
}

/// How long the answers of trials that ended took, one after another.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    ms: u64,
    trials: u64,
    /// Those of judges in this round.
    judging_ms: u64,
}

impl Standing {
    /// How a run stands, from its beginning on.
    ///
    /// # Errors
    /// Where there is no such run, or the store cannot be read.
    pub fn of(store: &Store, run: &str) -> Result<Standing> {
        let run = store.run(run)?;
        let places: BTreeMap<String, usize> =
            run.suite.cases.iter().enumerate().map(|(place, case)| (case.id.clone(), place)).collect();
        let cases = vec![BTreeMap::new(); run.suite.cases.len()];
        let row = store.standing_of(&run.id)?;
        let (begun, spent) = Default::default();
        let (state, mark, replies, took) = (RunState::Stopped, Mark::default(), 0, Took::default());
        let mut standing =
            Standing { store: store.clone(), run, state, row, mark, places, cases, begun, spent, replies, took };
        standing.catch_up()?;
        Ok(standing)
    }

    /// Learns what happened since; whether anything did.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn catch_up(&mut self) -> Result<bool> {
        let row = self.store.standing_of(&self.run.id)?;
        let before = (self.row, self.state, self.mark);
        // A new round has a plan and prices of its own, and so may a run that goes on.
        let state = self.state_now(row)?;
        if row.round != self.row.round || state != self.state {
            let run = self.store.run(&self.run.id)?;
            if row.round != self.row.round || run.provenance.prices != self.run.provenance.prices {
                self.forget();
            }
            self.run = run;
        }
        (self.row, self.state) = (row, state);
        loop {
            let entries = log(&self.store, &self.run.id, self.mark, ENTRIES_AT_ONCE)?;
            let is_all = entries.len() < ENTRIES_AT_ONCE;
            entries.into_iter().for_each(|(mark, entry)| self.enter(mark, entry));
            if is_all {
                return Ok(before != (self.row, self.state, self.mark));
            }
        }
    }

    fn state_now(&self, row: Standings) -> Result<RunState> {
        Ok(match row.finished {
            true => RunState::Finished,
            false if self.store.is_driven(&self.run.id)? => RunState::GoingOn,
            false => RunState::Stopped,
        })
    }

    /// Goes back to the beginning of the log.
    fn forget(&mut self) {
        self.mark = Mark::default();
        self.cases.iter_mut().for_each(BTreeMap::clear);
        self.begun.clear();
        self.spent.clear();
        (self.replies, self.took) = (0, Took::default());
    }

    fn enter(&mut self, mark: Mark, entry: Entry) {
        self.mark = mark;
        match entry {
            Entry::Called(call) => self.called(&call),
            Entry::Ended { case, trial } => self.ended(mark, &case, trial),
        }
    }

    fn called(&mut self, call: &Call) {
        let Some(&place) = self.places.get(&call.key.case) else { return };
        if let Some(charge) = &call.charge {
            let amount = Amount::of(charge, self.run.provenance.prices.get(&charge.model).copied());
            let spent = self.spent.entry((call.key.role, call.round, charge.model.clone())).or_default();
            *spent = *spent + amount;
        }
        let is_reply = call.key.role == StepRole::Agent;
        self.replies += u64::from(is_reply);
        if call.key.role == StepRole::Judge && call.round == self.row.round {
            self.took.judging_ms += call.latency_ms;
        }
        // What a later round asks is no part of how long a trial took.
        let is_kept = self.cases[place].contains_key(&call.key.trial);
        if !is_kept && call.round <= 1 {
            let begun = self.begun.entry((place, call.key.trial)).or_default();
            begun.replies += u32::from(is_reply);
            begun.ms += call.latency_ms;
        }
    }

    fn ended(&mut self, mark: Mark, case: &str, summary: TrialSummary) {
        let Some(&place) = self.places.get(case) else { return };
        if let Some(begun) = self.begun.remove(&(place, summary.trial)) {
            self.took.ms += begun.ms;
        }
        let is_new = self.cases[place].insert(summary.trial, Kept { at: mark.trials, summary }).is_none();
        self.took.trials += u64::from(is_new);
    }

    /// The run, as it is planned now.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What of the log is known.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// The round of judging, from 1: more where the run was judged again.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.row.round
    }

    /// Whether the run goes on.
    #[must_use]
    pub fn state(&self) -> RunState {
        self.state
    }

    /// How one trial stands; nothing where the plan does not ask for it.
    #[must_use]
    pub fn trial(&self, case: &str, number: u32) -> Option<TrialStanding> {
        let place = *self.places.get(case)?;
        self.case(place).trials.into_iter().find(|trial| trial.number() == number)
    }

    /// How each case stands, in the order of the suite.
    pub fn cases(&self) -> impl ExactSizeIterator<Item = CaseStanding<'_>> {
        (0..self.cases.len()).map(|place| self.case(place))
    }

    fn case(&self, place: usize) -> CaseStanding<'_> {
        let kept = &self.cases[place];
        let last = if self.is_decided(place) { kept.keys().last().copied().unwrap_or(0) } else { self.run.plan.trials };
        let trials = (1..=last).map(|trial| match (kept.get(&trial), self.begun.get(&(place, trial))) {
            (Some(kept), _) => TrialStanding::Ended(kept.summary.clone()),
            (None, Some(begun)) => TrialStanding::Begun { trial, replies: begun.replies },
            (None, None) => TrialStanding::Open { trial },
        });
        let outcomes = OutcomeCounts::of(self.outcomes(place));
        let (pass_rate, interval) = case_figures(self.outcomes(place), &self.run.plan);
        CaseStanding { case: &self.run.suite.cases[place], outcomes, pass_rate, interval, trials: trials.collect() }
    }

    fn outcomes(&self, place: usize) -> impl Iterator<Item = Outcome> {
        self.cases[place].values().map(|kept| kept.summary.outcome)
    }

    /// Whether the rule of early stopping asks for no other trial of a case.
    fn is_decided(&self, place: usize) -> bool {
        let stopping = self.run.plan.stopping;
        stopping.is_some_and(|rule| rule.stop(self.outcomes(place), self.run.plan.trials).course != Course::GoesOn)
    }

    /// How far the run is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let done: usize = self.cases.iter().map(BTreeMap::len).sum();
        let planned_of = |place: usize| {
            if self.is_decided(place) { self.cases[place].len() as u64 } else { u64::from(self.run.plan.trials) }
        };
        let mut progress = Progress {
            run: self.run.id.clone(),
            mark: self.mark,
            state: self.state,
            round: self.row.round,
            planned: (0..self.cases.len()).map(planned_of).sum(),
            done: done as u64,
            judged: self.judged(),
            outcomes: OutcomeCounts::of((0..self.cases.len()).flat_map(|place| self.outcomes(place))),
            begun: self.begun.len() as u64,
            pass_rate: self.pass_rate(),
            replies: self.replies,
            cost: self.cost(),
            seconds_left: None,
        };
        progress.seconds_left = (self.state == RunState::GoingOn).then(|| self.seconds_left(&progress)).flatten();
        progress
    }

    /// How many trials are judged in this round, where it is one of judging again and not over.
    fn judged(&self) -> Option<u64> {
        let is_of_round = |kept: &&Kept| kept.at > self.row.judged_after;
        let judged = || self.cases.iter().flat_map(BTreeMap::values).filter(is_of_round).count() as u64;
        (self.row.round > 1 && !self.row.finished).then(judged)
    }

    fn pass_rate(&self) -> Option<PassRate> {
        let rate = |place: usize| case_rate(self.outcomes(place), &self.run.plan);
        let is_variant = |place: &usize| self.run.suite.cases[*place].variant.is_some();
        let rates: Vec<CaseRate> = (0..self.cases.len()).filter(|place| !is_variant(place)).map(rate).collect();
        pass_rate_of(&rates)
    }

    fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for ((role, round, model), amount) in &self.spent {
            let replaced = *role == StepRole::Judge && *round < self.row.round;
            let Some(role) = CostRole::of_step(*role, replaced) else { continue };
            cost.add(Spent { role, model: model.clone(), amount: *amount });
        }
        cost
    }

    /// The work that is left, were each trial to take as long as those that ended, on as many at once as there may be.
    fn seconds_left(&self, progress: &Progress) -> Option<u64> {
        let (ms, ended, left) = match progress.judged {
            Some(judged) => (self.took.judging_ms, judged, progress.done - judged),
            None => (self.took.ms, self.took.trials, progress.planned.saturating_sub(progress.done)),
        };
        let at_once = u64::from(self.run.plan.concurrency.min(self.run.plan.agent_concurrency.unwrap_or(u32::MAX)));
        let at_once = at_once.min(left).max(1);
        let begun_ms: u64 = self.begun.values().map(|begun| begun.ms).sum();
        let left_ms = (ms as f64 / ended as f64 * left as f64 - begun_ms as f64).max(0.0);
        (ended > 0).then_some((left_ms / at_once as f64 / 1000.0).ceil() as u64)
    }
}
