//! Runs: all of them, the live ones first, and one as a grid, while it goes on and when it is over.

use jiff::Timestamp;
use reenact::report::statistics::Threshold;
use reenact::report::{EndingKind, Exclusions, OutcomeCounts, PassRate, Report, Status};
use reenact::run::{Progress, RunState, Standing};
use reenact::{Plan, Result, RunSummary, Skipped, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::{Fault, Told};
use super::routes::{Answer, Routes};
use grid::{Grid, Wanted};
pub(super) use known::Known;

mod beginning;
pub(super) mod grid;
mod known;

/// Runs on a page.
const PAGE: usize = 30;

pub(super) fn routes() -> Routes {
    Routes::new()
        .shown("/runs", "runs.html", "The runs of the store, those that go on first, then the latest", list)
        .shown(
            "/runs/{id}",
            "run.html",
            "A run: how far it is, what it amounts to, and a page of its cases and trials",
            show,
        )
        .and(beginning::routes())
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// Which page, from 1.
    #[serde(default = "first")]
    page: usize,
}

fn first() -> usize {
    1
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// How many there are.
    count: usize,
    /// Which page this is, from 1.
    page: usize,
    /// How many pages there are.
    pages: usize,
    /// Those of this page.
    runs: Vec<Line>,
}

/// A run in a line.
#[derive(Serialize, JsonSchema)]
struct Line {
    #[serde(flatten)]
    run: RunSummary,
    state: RunState,
    /// The state in words.
    words: &'static str,
    /// Trials that are done.
    done: u64,
    counts: OutcomeCounts,
}

async fn list(app: App, (): (), asked: Asked) -> Answer<Listed> {
    app.read(move |store| {
        let ids = in_order(store)?;
        let pages = ids.len().div_ceil(PAGE).max(1);
        let page = asked.page.clamp(1, pages);
        let shown = ids.iter().skip((page - 1) * PAGE).take(PAGE);
        let runs = shown.map(|(id, state)| line(store, id, *state)).collect::<Result<_>>()?;
        Ok(Listed { count: ids.len(), page, pages, runs })
    })
    .await
}

/// All runs, those that go on first, then the latest.
fn in_order(store: &Store) -> Result<Vec<(String, RunState)>> {
    let state = |(id, finished): (String, bool)| {
        let state = match finished {
            true => RunState::Finished,
            false if store.is_driven(&id)? => RunState::GoingOn,
            false => RunState::Stopped,
        };
        Ok((id, state))
    };
    let mut runs = store.run_ids()?.into_iter().map(state).collect::<Result<Vec<_>>>()?;
    runs.sort_by_key(|(_, state)| *state != RunState::GoingOn);
    Ok(runs)
}

fn line(store: &Store, id: &str, state: RunState) -> Result<Line> {
    let run = store.summary_of_run(id)?;
    let of = |outcome| run.outcomes.get(&outcome).copied().unwrap_or(0);
    let counts = OutcomeCounts {
        passed: of(reenact::Outcome::Passed),
        failed: of(reenact::Outcome::Failed),
        inconclusive: of(reenact::Outcome::Inconclusive),
        invalid: of(reenact::Outcome::Invalid),
        errored: of(reenact::Outcome::Errored),
    };
    Ok(Line { state, words: state.words(), done: counts.total(), counts, run })
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct Which {
    /// The run's id, the start of it, or `latest`.
    pub(super) id: String,
}

/// A run as its page shows it.
#[derive(Serialize, JsonSchema)]
struct Shown {
    run: Head,
    progress: Progress,
    /// The state in words.
    words: &'static str,
    /// What the models cost so far, in words.
    cost: String,
    /// Whether this program drives it, and can stop it.
    is_ours: bool,
    /// Why it ended before its end, where this program drove it.
    problem: Option<Told>,
    /// What it amounts to, once it does not go on.
    report: Option<Amounts>,
    grid: Grid,
}

/// What is to be tried.
#[derive(Serialize, JsonSchema)]
pub(super) struct Head {
    pub(super) id: String,
    created_at: Timestamp,
    suite: Option<String>,
    /// Cases, their variants among them.
    cases: usize,
    plan: Plan,
    /// Variants that could not be made.
    left_out: Vec<Skipped>,
}

impl Head {
    pub(super) fn of(standing: &Standing) -> Head {
        let run = standing.run();
        Head {
            id: run.id.clone(),
            created_at: run.created_at,
            suite: run.suite.name.clone(),
            cases: run.suite.cases.len(),
            plan: run.plan.clone(),
            left_out: run.left_out.clone(),
        }
    }
}

/// The report without its cases, which the grid has.
#[derive(Serialize, JsonSchema)]
struct Amounts {
    status: Status,
    /// The sentence that says it, and those behind it.
    headline: Vec<String>,
    figures: Vec<Figure>,
    pass_rate: Option<PassRate>,
    exclusions: Option<Exclusions>,
    threshold: Option<Threshold>,
    endings: Vec<Ways>,
    /// What the models cost, in words.
    cost: String,
    /// Its parts in words.
    costs: Vec<String>,
    provenance: Vec<Figure>,
}

/// A figure in words.
#[derive(Serialize, JsonSchema)]
struct Figure {
    name: &'static str,
    words: String,
}

/// Trials that ended in one way.
#[derive(Serialize, JsonSchema)]
struct Ways {
    ending: EndingKind,
    words: &'static str,
    trials: u64,
    /// In percent of the most frequent one.
    length: f64,
}

impl Amounts {
    fn of(report: &Report) -> Amounts {
        let figures = |figures: Vec<(&'static str, String)>| {
            figures.into_iter().map(|(name, words)| Figure { name, words }).collect::<Vec<_>>()
        };
        let most = report.endings.iter().map(|count| count.trials).max().unwrap_or(1) as f64;
        let mut endings: Vec<Ways> = report
            .endings
            .iter()
            .map(|count| Ways {
                ending: count.ending,
                words: count.ending.words(),
                trials: count.trials,
                length: (count.trials as f64 / most * 1000.0).round() / 10.0,
            })
            .collect();
        endings.sort_by_key(|ways| std::cmp::Reverse(ways.trials));
        Amounts {
            status: report.status,
            headline: report.sentences(),
            figures: figures(report.figures()),
            pass_rate: report.pass_rate,
            exclusions: report.exclusions,
            threshold: report.threshold.clone(),
            endings,
            cost: report.cost_in_words(),
            costs: report.cost_parts().iter().map(reenact::cost::Spent::words).collect(),
            provenance: figures(report.provenance()),
        }
    }
}

async fn show(app: App, which: Which, wanted: Wanted) -> Answer<Shown> {
    let here = app.clone();
    let shown = app.read_runs(move |known, store| {
        let mut shown = known.standing(store, &which.id, |standing| shown(standing, wanted))?;
        shown.is_ours = here.work().has(&shown.run.id);
        shown.problem = here.work().problem(&shown.run.id);
        if shown.progress.state != RunState::GoingOn {
            shown.report = Some(Amounts::of(&*known.report(store, &shown.run.id)?));
        }
        Ok(shown)
    });
    shown.await.map_err(Fault::missing)
}

fn shown(standing: &Standing, wanted: Wanted) -> Shown {
    let progress = standing.progress();
    Shown {
        run: Head::of(standing),
        words: standing.state().words(),
        cost: progress.cost.words(),
        progress,
        is_ours: false,
        problem: None,
        report: None,
        grid: Grid::of(standing, wanted),
    }
}
