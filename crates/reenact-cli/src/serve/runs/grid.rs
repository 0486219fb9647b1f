//! A run as a grid of cases and trials, as much of it as a page shows, and what a reader looks for in it.

use std::collections::BTreeMap;

use reenact::report::EndingKind;
use reenact::run::{CaseStanding, Standing, TrialStanding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Cases on a page at the most …
const CASES_MAX: usize = 50;
/// … and fewer where each has many trials, because every trial is a link.
const TRIALS_MAX: usize = 1000;

/// What a reader looks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Wanted {
    /// Words in the id or the goal of a case.
    #[serde(default)]
    q: String,
    /// Trials of this outcome, or `begun` or `open`.
    #[serde(default)]
    outcome: String,
    /// Trials that ended in this way.
    #[serde(default)]
    ending: String,
    /// Which page, from 1.
    #[serde(default = "first")]
    page: usize,
}

fn first() -> usize {
    1
}

/// A page of the grid.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Grid {
    /// What was looked for.
    wanted: Wanted,
    /// Cases in which it is found.
    cases: usize,
    /// Trials in which it is found.
    trials: usize,
    /// How many pages there are.
    pages: usize,
    /// The cases of this page.
    rows: Vec<Row>,
    /// Every case of the run, a letter for each trial: `p`assed, `f`ailed, `i`nconclusive, in`v`alid, `e`rrored, `b`egun, `o`pen.
    overview: Vec<String>,
    /// The ways in which trials ended, for the filter.
    endings: Vec<Way>,
}

/// A way to end, and how many trials did.
#[derive(Debug, Serialize, JsonSchema)]
struct Way {
    ending: EndingKind,
    words: &'static str,
    trials: usize,
}

/// A case with its trials.
#[derive(Debug, Serialize, JsonSchema)]
struct Row {
    /// The case's id.
    case: String,
    /// What the user wants.
    goal: String,
    /// Passed among the decided trials.
    rate: Option<f64>,
    /// The 95 % interval of that.
    interval: Option<[f64; 2]>,
    /// Why it did not pass, by its first trial that failed, or else that was not decided.
    why: Option<String>,
    trials: Vec<Cell>,
}

/// A trial, and whether it is one that is looked for.
#[derive(Debug, Serialize, JsonSchema)]
struct Cell {
    /// Which trial of the case, from 1.
    number: u32,
    /// Its outcome, or `begun` or `open`.
    mark: &'static str,
    /// How it ended or how far it is, in words.
    words: String,
    is_wanted: bool,
}

impl Wanted {
    fn is_case(&self, case: &CaseStanding<'_>) -> bool {
        let q = self.q.trim().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&q);
        q.is_empty() || has(&case.case.id) || has(&case.case.brief.goal)
    }

    fn is_trial(&self, trial: &TrialStanding) -> bool {
        let is_outcome = self.outcome.is_empty() || self.outcome == mark(trial);
        let ended_so = || ending(trial).is_some_and(|ending| name(ending) == self.ending);
        is_outcome && (self.ending.is_empty() || ended_so())
    }

    /// Whether something about trials is looked for, so that cases without such a trial are of no interest.
    fn is_about_trials(&self) -> bool {
        !(self.outcome.is_empty() && self.ending.is_empty())
    }
}

impl Grid {
    pub(super) fn of(standing: &Standing, wanted: Wanted) -> Grid {
        let per_page = per_page(standing);
        let page = wanted.page.max(1);
        let shown = (page - 1) * per_page..page * per_page;
        let mut overview = Vec::with_capacity(standing.cases().len());
        let (mut cases, mut trials, mut rows) = (0, 0, Vec::new());
        let mut endings = BTreeMap::<EndingKind, usize>::new();
        for case in standing.cases() {
            overview.push(case.trials.iter().map(letter).collect());
            case.trials.iter().filter_map(ending).for_each(|ending| *endings.entry(ending).or_default() += 1);
            let of_interest = case.trials.iter().filter(|trial| wanted.is_trial(trial)).count();
            if wanted.is_case(&case) && (of_interest > 0 || !wanted.is_about_trials()) {
                rows.extend(shown.contains(&cases).then(|| Row::of(&case, &wanted)));
                (cases, trials) = (cases + 1, trials + of_interest);
            }
        }
        let pages = cases.div_ceil(per_page).max(1);
        if page > pages {
            return Grid::of(standing, Wanted { page: pages, ..wanted });
        }
        let way = |(ending, trials): (EndingKind, usize)| Way { ending, words: ending.words(), trials };
        let wanted = Wanted { page, ..wanted };
        Grid { wanted, cases, trials, pages, rows, overview, endings: endings.into_iter().map(way).collect() }
    }
}

fn per_page(standing: &Standing) -> usize {
    let trials = standing.run().plan.trials.max(1) as usize;
    (TRIALS_MAX / trials).clamp(1, CASES_MAX)
}

impl Row {
    fn of(case: &CaseStanding<'_>, wanted: &Wanted) -> Row {
        let ended = || {
            case.trials.iter().filter_map(|trial| if let TrialStanding::Ended(it) = trial { Some(it) } else { None })
        };
        let failed = ended().find(|trial| trial.outcome == reenact::Outcome::Failed);
        let why = failed.and_then(|trial| trial.why.as_ref()).or_else(|| ended().find_map(|trial| trial.why.as_ref()));
        let cell = |trial: &TrialStanding| Cell {
            number: trial.number(),
            mark: mark(trial),
            words: words(trial),
            is_wanted: wanted.is_trial(trial),
        };
        Row {
            case: case.case.id.clone(),
            goal: case.case.brief.goal.clone(),
            rate: case.pass_rate,
            interval: case.interval,
            why: why.map(ToString::to_string),
            trials: case.trials.iter().map(cell).collect(),
        }
    }
}

/// The name of the mark of a trial.
pub(in crate::serve) fn mark(trial: &TrialStanding) -> &'static str {
    match trial {
        TrialStanding::Ended(summary) => summary.outcome.as_str(),
        TrialStanding::Begun { .. } => "begun",
        TrialStanding::Open { .. } => "open",
    }
}

fn letter(trial: &TrialStanding) -> char {
    match mark(trial) {
        "invalid" => 'v',
        mark => mark.chars().next().unwrap_or('o'),
    }
}

fn ending(trial: &TrialStanding) -> Option<EndingKind> {
    match trial {
        TrialStanding::Ended(summary) => Some(summary.ending),
        TrialStanding::Begun { .. } | TrialStanding::Open { .. } => None,
    }
}

/// An ending as it stands in data.
fn name(ending: EndingKind) -> String {
    serde_json::to_value(ending).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn words(trial: &TrialStanding) -> String {
    let counted = |count: u32, thing| format!("{count} {thing}{}", if count == 1 { "" } else { "s" });
    match trial {
        TrialStanding::Ended(summary) => {
            format!("{} after {}", summary.ending.words(), counted(summary.turns, "turn"))
        }
        TrialStanding::Begun { replies: 0, .. } => "going on".to_owned(),
        TrialStanding::Begun { replies, .. } => {
            format!("{} so far", counted(*replies, "reply").replace("replys", "replies"))
        }
        TrialStanding::Open { .. } => "not done".to_owned(),
    }
}
