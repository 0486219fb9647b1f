//! Whether the statistics do what they say: each claim simulated, as a page of Markdown tables.
//!
//! `cargo bench --bench statistics` prints the page that stands in `docs/statistics.md`; a number as argument changes how
//! many suites are simulated for each figure.

use std::env;

use reenact::Outcome;
use reenact::report::statistics::{
    Course, EarlyStopping, Tally, benjamini_hochberg, fisher_p, mean_difference, pass_hat_k, pass_rate,
    smallest_difference,
};

use simulation::{Cases, Random};

mod simulation;

/// Enough to tell 94 % from 95 %: a standard error of 0.2 points.
const SUITES_DEFAULT: u32 = 10_000;

fn main() {
    let suites = env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(SUITES_DEFAULT);
    println!("{suites} simulated suites for each figure.");
    pass_rates(suites);
    passes_every_time(suites);
    differences(suites);
    single_cases(suites);
    early_stopping(suites);
}

fn heading(title: &str, columns: &[&str]) {
    println!("\n### {title}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
}

fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The share of simulated suites for which something holds.
fn share(suites: u32, holds: impl FnMut(&mut Random) -> bool) -> f64 {
    let (mut random, mut holds) = (Random::new(2027), holds);
    f64::from((0..suites).map(|_| u32::from(holds(&mut random))).sum::<u32>()) / f64::from(suites)
}

const SHAPES: [(f64, f64, usize, u64); 12] = [
    (0.5, 0.5, 10, 5),
    (0.8, 0.5, 10, 3),
    (0.8, 0.5, 20, 5),
    (0.8, 0.0, 20, 5),
    (0.8, 0.5, 50, 5),
    (0.9, 0.5, 10, 5),
    (0.9, 0.5, 20, 1),
    (0.9, 0.5, 20, 5),
    (0.9, 0.8, 20, 5),
    (0.95, 0.5, 20, 5),
    (0.95, 0.5, 50, 5),
    (0.7, 0.9, 100, 5),
];

fn pass_rates(suites: u32) {
    heading(
        "The 95 % interval of the pass rate covers the true rate",
        &[
            "true rate",
            "likeness",
            "cases x trials",
            "rates of cases vary smoothly",
            "a case is firm or chance",
            "all trials taken as independent",
        ],
    );
    for (rate, likeness, cases, trials) in SHAPES {
        let covers = |kind: Cases| {
            share(suites, |random| {
                let suite = kind.suite(random, rate, likeness, cases, trials);
                pass_rate(&suite).is_some_and(|estimate| (estimate.low..=estimate.high).contains(&rate))
            })
        };
        let naive =
            share(suites, |random| naive_covers(&Cases::Smooth.suite(random, rate, likeness, cases, trials), rate));
        let figures = [covers(Cases::Smooth), covers(Cases::FirmOrChance), naive].map(percent);
        row(&[&[percent(rate), likeness.to_string(), format!("{cases} x {trials}")][..], &figures].concat());
    }
}

/// What most tools print: the normal interval of all trials, as if none resembled another.
fn naive_covers(suite: &[Tally], rate: f64) -> bool {
    let sum = |of: fn(&Tally) -> u64| suite.iter().map(of).sum::<u64>() as f64;
    let (passed, trials) = (sum(|case| case.passed), sum(|case| case.decided));
    let seen = passed / trials;
    (seen - rate).abs() <= 1.96 * (seen * (1.0 - seen) / trials).sqrt()
}

fn passes_every_time(suites: u32) {
    heading(
        "The 95 % interval of pass^k covers the true figure",
        &["true rate", "likeness", "cases x trials", "k", "true pass^k", "covered"],
    );
    for (rate, likeness, cases, trials, k) in
        [(0.8, 0.5, 20, 5, 3), (0.9, 0.5, 20, 8, 5), (0.9, 0.2, 50, 5, 5), (0.95, 0.5, 30, 4, 4)]
    {
        let truth = Cases::Smooth.pass_hat_k(rate, likeness, k);
        let covered = share(suites, |random| {
            let suite = Cases::Smooth.suite(random, rate, likeness, cases, trials);
            pass_hat_k(&suite, k).is_some_and(|estimate| (estimate.low..=estimate.high).contains(&truth))
        });
        row(&[
            percent(rate),
            likeness.to_string(),
            format!("{cases} x {trials}"),
            k.to_string(),
            percent(truth),
            percent(covered),
        ]);
    }
}

fn differences(suites: u32) {
    heading(
        "Comparing two runs",
        &[
            "pass rate",
            "true difference",
            "likeness",
            "cases x trials",
            "interval covers it",
            "called a fall or rise (p ≤ 5 %)",
            "smallest difference expected to show",
        ],
    );
    for (rate, fall, likeness, cases, trials) in [
        (0.8, 0.0, 0.5, 10, 3),
        (0.8, 0.0, 0.5, 20, 5),
        (0.9, 0.0, 0.5, 50, 5),
        (0.95, 0.0, 0.8, 50, 1),
        (0.8, -0.13, 0.5, 20, 5),
        (0.8, -0.1, 0.5, 50, 5),
        (0.8, -0.05, 0.5, 50, 5),
        (0.9, -0.3, 0.5, 10, 5),
        (0.5, -0.05, 0.97, 50, 1),
    ] {
        let (mut covered, mut called) = (0, 0);
        share(suites, |random| {
            let pairs = Cases::pairs(random, rate, fall, likeness, cases, trials);
            let pairs: Vec<_> = pairs.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
            let difference = mean_difference(&pairs).expect("there are cases");
            covered += u32::from((difference.low..=difference.high).contains(&fall));
            called += u32::from(difference.p <= 0.05);
            true
        });
        let of_all = |count: u32| percent(f64::from(count) / f64::from(suites));
        let points = |share: f64| format!("{:+.0} points", share * 100.0);
        let seen = smallest_difference(cases as u64, trials as f64)
            .map_or("none".to_owned(), |share| points(share).replace('+', ""));
        row(&[
            percent(rate),
            points(fall),
            likeness.to_string(),
            format!("{cases} x {trials}"),
            of_all(covered),
            of_all(called),
            seen,
        ]);
    }
}

/// Fifty cases, of which none or five got worse: how many are called broken.
fn single_cases(suites: u32) {
    heading(
        "Cases called broken, of 50 at a pass rate of 90 %",
        &[
            "trials",
            "truly broken (to 40 %)",
            "suites with a false one: fewer passes",
            "with a false one: Fisher and Benjamini-Hochberg",
            "of the truly broken, found",
        ],
    );
    for (trials, broken) in [(1, 0), (5, 0), (20, 0), (5, 5), (20, 5)] {
        let (mut by_eye, mut by_test, mut found) = (0, 0, 0);
        share(suites / 4, |random| {
            let cases: Vec<(Tally, Tally)> = (0..50)
                .map(|case| (random.tally(0.9, trials), random.tally(if case < broken { 0.4 } else { 0.9 }, trials)))
                .collect();
            let p: Vec<f64> = cases.iter().map(|(before, after)| fisher_p(*before, *after)).collect();
            let called = benjamini_hochberg(&p, 0.025);
            by_eye += u32::from(cases[broken..].iter().any(|(before, after)| after.passed < before.passed));
            by_test += u32::from(called[broken..].iter().any(|called| *called));
            found += called[..broken].iter().filter(|called| **called).count();
            true
        });
        let of_all = |count: u32| percent(f64::from(count) / f64::from(suites / 4));
        let found = if broken == 0 {
            "none to find".into()
        } else {
            percent(found as f64 / (f64::from(suites / 4) * broken as f64))
        };
        row(&[trials.to_string(), broken.to_string(), of_all(by_eye), of_all(by_test), found]);
    }
}

fn early_stopping(suites: u32) {
    heading(
        "Trials that stop early (errors of at most 5 % each)",
        &[
            "good, bad",
            "true rate",
            "held to pass",
            "held to fail",
            "undecided",
            "trials on average (at most)",
            "mean rate of one case, corrected (plain share)",
        ],
    );
    for (good, bad, rates) in [(0.9, 0.5, [0.9, 0.7, 0.5]), (0.9, 0.7, [0.9, 0.8, 0.7])] {
        let rule = EarlyStopping { good, bad, ..EarlyStopping::default() };
        for rate in rates {
            row(&stopped(&rule, rate, suites));
        }
    }
}

fn stopped(rule: &EarlyStopping, rate: f64, suites: u32) -> Vec<String> {
    let trials_max = rule.trials_max();
    let (mut courses, mut trials, mut corrected, mut plain) = ([0_u32; 3], 0, 0.0, 0.0);
    share(suites, |random| {
        let outcomes = (0..trials_max).map(|_| if random.chance(rate) { Outcome::Passed } else { Outcome::Failed });
        let stopped = rule.stop(outcomes.collect::<Vec<_>>(), trials_max);
        let place =
            [Course::Passed, Course::Failed, Course::Undecided].iter().position(|course| *course == stopped.course);
        courses[place.expect("all trials were given")] += 1;
        trials += stopped.tally.decided;
        corrected += rule.unbiased_rate(stopped.tally).rate;
        plain += stopped.tally.passed as f64 / stopped.tally.decided as f64;
        true
    });
    let mean = |sum: f64| sum / f64::from(suites);
    let [passed, failed, undecided] = courses.map(|count| percent(mean(count.into())));
    let rates = format!("{} ({})", percent(mean(corrected)), percent(mean(plain)));
    let trials = format!("{:.1} ({trials_max})", mean(trials as f64));
    vec![format!("{}, {}", rule.good, rule.bad), percent(rate), passed, failed, undecided, trials, rates]
}
