//! The plots of the page, as figures that the template draws.
//!
//! Positions and lengths are percentages of a drawing that is as wide as its place, so that a plot fits a telephone
//! and a wide screen and its lettering is of one size on both.

use serde::Serialize;

use crate::Usd;
use crate::cost::{Amount, grouped};
use crate::report::{CaseReport, EndingCount, OutcomeCounts, PassRate, TurnCount};

/// More bars than this cannot be told apart on a telephone, so that turns are drawn in classes.
const BARS_MAX: u32 = 20;
/// The cases that cost most are of interest, and the page lists all of them elsewhere.
const CASES_MAX: usize = 20;

/// A rate on a line from 0 to 100 %, with its interval.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Interval {
    rate: f64,
    low: f64,
    width: f64,
    /// In words, for whoever cannot see the plot.
    words: String,
}

impl Interval {
    pub(super) fn new(rate: f64, low: f64, high: f64) -> Interval {
        let words = format!("{:.0} %, 95 % interval {:.0} to {:.0} %", rate * 100.0, low * 100.0, high * 100.0);
        Interval { rate: percent(rate), low: percent(low), width: percent(high - low), words }
    }

    pub(super) fn of(rate: &PassRate) -> Interval {
        Interval::new(rate.rate, rate.low, rate.high)
    }
}

/// A bar with its name and what it counts.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Bar {
    name: String,
    /// What it stands for, in words.
    shown: String,
    length: f64,
}

/// Trials by ending, the most frequent longest.
pub(super) fn endings(counts: &[EndingCount]) -> Vec<Bar> {
    let most = counts.iter().map(|count| count.trials).max().unwrap_or(1);
    let bar = |count: &EndingCount| Bar {
        name: count.ending.words().to_owned(),
        shown: count.trials.to_string(),
        length: share(count.trials, most),
    };
    let mut counts: Vec<&EndingCount> = counts.iter().collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.trials));
    counts.into_iter().map(bar).collect()
}

/// What the models cost by case.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct CostPlot {
    /// What the bars show: money, or tokens where no price is known.
    of: &'static str,
    bars: Vec<Bar>,
    /// Cases that cost less than those and are not drawn.
    more: usize,
}

/// The dearest cases, the dearest first; nothing where no model was asked anything that is known to cost.
pub(super) fn cost_by_case(cases: &[CaseReport]) -> Option<CostPlot> {
    let mut costs: Vec<(&str, Amount)> =
        cases.iter().filter_map(|case| Some((case.case.as_str(), case.cost?))).collect();
    let has_money = costs.iter().any(|(_, cost)| cost.usd > Usd::ZERO);
    let size = |cost: &Amount| if has_money { cost.usd.picos() } else { cost.tokens().into() };
    costs.sort_by_key(|(_, cost)| std::cmp::Reverse(size(cost)));
    let most = costs.first().map(|(_, cost)| size(cost)).filter(|most| *most > 0)?;
    let bar = |(case, cost): &(&str, Amount)| Bar {
        name: (*case).to_owned(),
        shown: if has_money { cost.money() } else { grouped(cost.tokens()) },
        length: rounded(size(cost) as f64 / most as f64 * 100.0),
    };
    let bars = costs.iter().take(CASES_MAX).map(bar).collect();
    let of = if has_money { "US dollars" } else { "tokens, their prices are not known" };
    Some(CostPlot { of, bars, more: costs.len().saturating_sub(CASES_MAX) })
}

/// A column of trials that took about as many turns: decided ones below, those left out of the rate on top.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Column {
    /// The number of turns, or the first and the last of a class.
    name: String,
    count: u64,
    x: f64,
    width: f64,
    /// Each part's outcome, with its lower edge and height.
    parts: Vec<(&'static str, f64, f64)>,
    top: f64,
}

/// Trials by the turns that they took, from none to the most that any did.
pub(super) fn turns(counts: &[TurnCount]) -> Vec<Column> {
    let Some(last) = counts.last().map(|count| count.turns) else { return Vec::new() };
    let first = counts[0].turns.min(1);
    let class = (last - first + 1).div_ceil(BARS_MAX);
    let columns = (last - first + 1).div_ceil(class);
    let classes: Vec<(u32, OutcomeCounts)> =
        (0..columns).map(|n| first + n * class).map(|from| (from, within(counts, from, from + class))).collect();
    let most = classes.iter().map(|(_, outcomes)| outcomes.total()).max().unwrap_or(1);
    let pitch = 100.0 / f64::from(columns);
    let column = |(index, (from, outcomes)): (usize, &(u32, OutcomeCounts))| {
        let name = if class == 1 { from.to_string() } else { format!("{from}–{}", from + class - 1) };
        Column::new(name, outcomes, most, (pitch * index as f64, pitch))
    };
    classes.iter().enumerate().map(column).collect()
}

fn within(counts: &[TurnCount], from: u32, to: u32) -> OutcomeCounts {
    let inside = counts.iter().filter(|count| (from..to).contains(&count.turns)).map(|count| count.outcomes);
    inside.fold(OutcomeCounts::default(), |sum, of| OutcomeCounts {
        passed: sum.passed + of.passed,
        failed: sum.failed + of.failed,
        inconclusive: sum.inconclusive + of.inconclusive,
        invalid: sum.invalid + of.invalid,
        errored: sum.errored + of.errored,
    })
}

impl Column {
    fn new(name: String, outcomes: &OutcomeCounts, most: u64, (left, pitch): (f64, f64)) -> Column {
        let mut height = 0.0;
        let left_out = outcomes.total() - outcomes.decided();
        let parts = [("failed", outcomes.failed), ("passed", outcomes.passed), ("undecided", left_out)];
        let stacked = parts.into_iter().filter(|(_, count)| *count > 0).map(|(word, count)| {
            let part = (word, 100.0 - height - share(count, most), share(count, most));
            height += part.2;
            part
        });
        let parts = stacked.collect();
        Column {
            name,
            count: outcomes.total(),
            x: rounded(left + pitch * 0.1),
            width: rounded(pitch * 0.8),
            parts,
            top: rounded(100.0 - height),
        }
    }
}

fn share(count: u64, most: u64) -> f64 {
    percent(count as f64 / most as f64)
}

fn percent(share: f64) -> f64 {
    rounded(share * 100.0)
}

/// A hundredth of a percent is less than a pixel of any screen.
fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}
