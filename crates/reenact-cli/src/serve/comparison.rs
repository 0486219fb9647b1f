//! Two runs of the same cases compared: what was fixed, what broke, and both conversations of a case side by side.

use reenact::report::statistics::{Tally, wilson};
use reenact::report::{CaseChange, Change, Comparison};
use reenact::run::{Standing, TrialStanding};
use reenact::{Outcome, Result, RunSummary, Store, TestCase, Trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::Fault;
use super::routes::{Answer, Routes};
use super::runs::grid::mark;
use super::runs::{Head, Known};
use super::trials::beside::{Pair, beside};
use super::trials::{Judged, ending, judged, talk};

/// Cases on a page.
const PAGE: usize = 100;
/// Runs to choose from.
const CHOICES: usize = 50;

pub(super) fn routes() -> Routes {
    Routes::new()
        .shown("/compare", "compare.html", "Two runs compared: what was fixed, what broke, what stayed", show)
        .shown("/compare/case", "compare-case.html", "A case in two runs: a trial of each side by side", show_case)
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
struct Asked {
    /// The run that is compared with: its id, the start of it, or `latest`.
    #[serde(default)]
    base: String,
    /// The run that is compared.
    #[serde(default)]
    new: String,
    /// Pass only if it is shown to be worse by less than this, 0 to 1.
    #[serde(default)]
    margin: String,
    /// Only cases of which this became.
    #[serde(default)]
    change: String,
    /// Which page, from 1.
    #[serde(default = "first")]
    page: usize,
}

fn first() -> usize {
    1
}

/// A comparison as its page shows it.
#[derive(Serialize, JsonSchema)]
struct Shown {
    asked: Asked,
    /// Runs to choose from, the latest first.
    choices: Vec<RunSummary>,
    /// Nothing until both runs are named.
    compared: Option<Compared>,
}

#[derive(Serialize, JsonSchema)]
struct Compared {
    /// The comparison in a sentence.
    headline: String,
    /// What the command prints with `--json`, its cases left out: the rows have them.
    comparison: Comparison,
    counts: Vec<Count>,
    /// Cases that are looked for.
    cases: usize,
    pages: usize,
    /// Those of this page, the most urgent first.
    rows: Vec<Row>,
}

/// How many cases this became of.
#[derive(Serialize, JsonSchema)]
struct Count {
    change: Change,
    word: &'static str,
    cases: usize,
}

#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(flatten)]
    case: CaseChange,
    word: &'static str,
    before: Option<Rate>,
    after: Option<Rate>,
    /// Why it fails, in words.
    why: Option<String>,
}

impl Row {
    fn of(case: &CaseChange) -> Row {
        Row {
            word: case.change.word(),
            before: Rate::of(case.baseline),
            after: Rate::of(case.candidate),
            why: case.failure.as_ref().map(|failure| failure.why.to_string()),
            case: case.clone(),
        }
    }
}

/// A pass rate with its 95 % interval (Wilson's).
#[derive(Serialize, JsonSchema)]
struct Rate {
    rate: f64,
    low: f64,
    high: f64,
}

impl Rate {
    fn of(tally: Tally) -> Option<Rate> {
        let rate = (tally.decided > 0).then(|| tally.passed as f64 / tally.decided as f64)?;
        let (low, high) = wilson(rate, tally.decided as f64);
        Some(Rate { rate, low, high })
    }
}

async fn show(app: App, (): (), asked: Asked) -> Answer<Shown> {
    let margin = match asked.margin.trim() {
        "" => None,
        text => Some(crate::command::share(text).map_err(|error| Fault::bad(error).about("margin"))?),
    };
    let shown = app.read_runs(move |known, store| {
        let is_asked = !asked.base.is_empty() && !asked.new.is_empty();
        let compared = is_asked.then(|| known.comparison(store, (&asked.base, &asked.new), margin)).transpose()?;
        let compared = compared.map(|comparison| Compared::of(&comparison, &asked));
        let choices = store.run_ids()?.into_iter().take(CHOICES);
        let choices = choices.map(|(id, _)| store.summary_of_run(&id)).collect::<Result<_>>()?;
        Ok(Shown { asked, choices, compared })
    });
    shown.await.map_err(Fault::missing)
}

impl Compared {
    fn of(comparison: &Comparison, asked: &Asked) -> Compared {
        let count = |change: Change| Count { change, word: change.word(), cases: comparison.cases_that(change) };
        let is_wanted = |case: &&CaseChange| asked.change.is_empty() || name(case.change) == asked.change;
        let mut cases: Vec<&CaseChange> = comparison.cases.iter().filter(is_wanted).collect();
        cases.sort_by_key(|case| Change::ALL.iter().position(|change| *change == case.change));
        let pages = cases.len().div_ceil(PAGE).max(1);
        let page = asked.page.clamp(1, pages);
        let rows = cases.iter().skip((page - 1) * PAGE).take(PAGE).map(|case| Row::of(case));
        Compared {
            headline: comparison.headline(),
            counts: Change::ALL.into_iter().map(count).collect(),
            cases: cases.len(),
            pages,
            rows: rows.collect(),
            comparison: Comparison { cases: Vec::new(), ..comparison.clone() },
        }
    }
}

/// A change as it stands in data.
fn name(change: Change) -> String {
    serde_json::to_value(change).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct AskedCase {
    /// The run that is compared with.
    base: String,
    /// The run that is compared.
    new: String,
    /// The case's id.
    case: String,
    /// Which trial of the first run; one that tells most where nothing is said.
    #[serde(default)]
    one: Option<u32>,
    /// Which trial of the other.
    #[serde(default)]
    other: Option<u32>,
}

/// A case in two runs.
#[derive(Serialize, JsonSchema)]
struct CaseShown {
    asked: AskedCase,
    goal: String,
    /// What became of the case; nothing where it is not the same in both.
    row: Option<Row>,
    base: Side,
    new: Side,
    /// The first run's conversation on the one side, the other's on the other.
    rows: Vec<Pair>,
}

/// A trial of one of the two runs.
#[derive(Serialize, JsonSchema)]
struct Side {
    run: Head,
    /// The trials of the case there are to choose from.
    trials: Vec<Choice>,
    /// The one that is shown; nothing where none has ended.
    shown: Option<Choice>,
    ending: Option<String>,
    assessments: Vec<Judged>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Choice {
    number: u32,
    /// Its outcome.
    mark: &'static str,
}

async fn show_case(app: App, (): (), asked: AskedCase) -> Answer<CaseShown> {
    app.read_runs(move |known, store| side_by_side(known, store, asked)).await.map_err(Fault::missing)
}

/// What is known of a case in a run.
struct OfCase {
    run: Head,
    case: Option<TestCase>,
    trials: Vec<Choice>,
}

impl OfCase {
    fn in_run(standing: &Standing, id: &str) -> OfCase {
        let case = standing.cases().find(|case| case.case.id == id);
        let ended = |trial: &TrialStanding| {
            matches!(trial, TrialStanding::Ended(_)).then(|| Choice { number: trial.number(), mark: mark(trial) })
        };
        let trials = case.iter().flat_map(|case| &case.trials).filter_map(ended).collect();
        OfCase { run: Head::of(standing), case: case.map(|case| case.case.clone()), trials }
    }

    /// The trial that is asked for, else the first of this outcome, else the first.
    fn choose(&self, number: Option<u32>, outcome: Outcome) -> Option<Choice> {
        let by_number = self.trials.iter().find(|trial| Some(trial.number) == number);
        let by_outcome = || self.trials.iter().find(|trial| trial.mark == outcome.as_str());
        by_number.or_else(by_outcome).or(self.trials.first()).cloned()
    }

    fn side(self, shown: Option<Choice>, trial: Option<&Trial>) -> Side {
        let assessments = trial.map(|trial| judged(self.case.as_ref(), trial)).unwrap_or_default();
        Side {
            run: self.run,
            trials: self.trials,
            shown,
            ending: trial.map(|trial| ending(&trial.ending)),
            assessments,
        }
    }
}

fn side_by_side(known: &Known, store: &Store, asked: AskedCase) -> Result<CaseShown> {
    let comparison = known.comparison(store, (&asked.base, &asked.new), None)?;
    let change = comparison.cases.iter().find(|case| case.case == asked.case);
    let of = |run: &str| known.standing(store, run, |standing| OfCase::in_run(standing, &asked.case));
    let (base, new) = (of(&asked.base)?, of(&asked.new)?);
    // What went wrong beside what went right.
    let got_better = change.is_some_and(|change| matches!(change.change, Change::Fixed | Change::Better));
    let (of_base, of_new) =
        if got_better { (Outcome::Failed, Outcome::Passed) } else { (Outcome::Passed, Outcome::Failed) };
    let chosen = (base.choose(asked.one, of_base), new.choose(asked.other, of_new));
    let trial = |run: &OfCase, choice: &Option<Choice>| {
        choice.as_ref().map(|choice| store.trial(&run.run.id, &asked.case, choice.number)).transpose()
    };
    let (one, other) = (trial(&base, &chosen.0)?, trial(&new, &chosen.1)?);
    let goal = new.case.as_ref().or(base.case.as_ref()).map(|case| case.brief.goal.clone()).unwrap_or_default();
    let rows = rows((&base, one.as_ref()), (&new, other.as_ref()));
    let row = change.map(Row::of);
    let (base, new) = (base.side(chosen.0, one.as_ref()), new.side(chosen.1, other.as_ref()));
    Ok(CaseShown { asked, goal, row, base, new, rows })
}

fn rows((base, one): (&OfCase, Option<&Trial>), (new, other): (&OfCase, Option<&Trial>)) -> Vec<Pair> {
    let nothing = reenact::Conversation::default();
    let of = |of: &OfCase, trial: Option<&Trial>| {
        trial.zip(of.case.as_ref()).map(|(trial, case)| talk(case, trial)).unwrap_or_default()
    };
    let said = |trial: Option<&Trial>| trial.map_or_else(|| nothing.clone(), |trial| trial.conversation.clone());
    let (one_said, other_said) = (said(one), said(other));
    beside((&one_said, of(base, one)), (&other_said, of(new, other)))
}
