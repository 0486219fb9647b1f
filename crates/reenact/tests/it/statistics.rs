//! The claims of the statistics, simulated on suites whose true rates are known; the benchmark of the same name draws more.

use reenact::Outcome;
use reenact::report::statistics::{
    Course, EarlyStopping, benjamini_hochberg, fisher_p, mean_difference, pass_hat_k, pass_rate, smallest_difference,
};

use simulation::{Cases, Random};

#[path = "../../benches/statistics/simulation.rs"]
pub(crate) mod simulation;

const SUITES: u32 = 1_500;

/// The share of simulated suites for which something holds.
fn share(mut holds: impl FnMut(&mut Random) -> bool) -> f64 {
    let mut random = Random::new(20_270_101);
    f64::from((0..SUITES).map(|_| u32::from(holds(&mut random))).sum::<u32>()) / f64::from(SUITES)
}

#[test]
fn the_interval_of_a_pass_rate_covers_the_true_rate_as_often_as_it_says() {
    for (rate, likeness, cases, trials) in [
        (0.5, 0.5, 10, 5),
        (0.8, 0.5, 20, 3),
        (0.9, 0.5, 20, 5),
        (0.9, 0.5, 10, 5),
        (0.6, 0.0, 50, 3),
        (0.7, 0.9, 100, 5),
    ] {
        let covered = share(|random| {
            let suite = Cases::Smooth.suite(random, rate, likeness, cases, trials);
            pass_rate(&suite).is_some_and(|estimate| (estimate.low..=estimate.high).contains(&rate))
        });
        assert!(covered >= 0.93, "{covered} at rate {rate}, likeness {likeness}, {cases} x {trials}");
    }
    // The hard corner: cases that are either firm or chance, at a high rate. The page says 90 %.
    let hard = share(|random| {
        let suite = Cases::FirmOrChance.suite(random, 0.9, 0.5, 20, 5);
        pass_rate(&suite).is_some_and(|estimate| (estimate.low..=estimate.high).contains(&0.9))
    });
    assert!(hard >= 0.885, "{hard}");
}

#[test]
fn the_interval_of_pass_hat_k_covers_the_true_figure() {
    let truth = Cases::Smooth.pass_hat_k(0.9, 0.5, 5);
    let covered = share(|random| {
        let suite = Cases::Smooth.suite(random, 0.9, 0.5, 20, 8);
        pass_hat_k(&suite, 5).is_some_and(|estimate| (estimate.low..=estimate.high).contains(&truth))
    });
    assert!(covered >= 0.93, "{covered}");
}

#[test]
fn a_comparison_covers_the_true_difference_and_calls_an_unchanged_agent_worse_seldom() {
    for (rate, fall, likeness, cases, trials) in
        [(0.8, 0.0, 0.5, 10, 3), (0.9, 0.0, 0.5, 15, 3), (0.9, -0.1, 0.5, 20, 1), (0.5, -0.05, 0.97, 50, 1)]
    {
        let (mut covered, mut called) = (0, 0);
        share(|random| {
            let pairs = Cases::pairs(random, rate, fall, likeness, cases, trials);
            let difference =
                mean_difference(&pairs.iter().map(|&(a, b)| (a.into(), b.into())).collect::<Vec<_>>()).unwrap();
            covered += u32::from((difference.low..=difference.high).contains(&fall));
            called += u32::from(difference.p <= 0.05);
            true
        });
        let of_all = |count: u32| f64::from(count) / f64::from(SUITES);
        assert!(of_all(covered) >= 0.93, "{} at {rate} {fall}", of_all(covered));
        // Two standard errors above 5 %.
        assert!(fall != 0.0 || of_all(called) <= 0.062, "{} at {rate}", of_all(called));
    }
}

#[test]
fn a_difference_as_small_as_promised_is_found_about_four_times_in_five() {
    for (cases, trials) in [(15, 3), (20, 1), (20, 5)] {
        let smallest = smallest_difference(cases, trials as f64).unwrap();
        let found = share(|random| {
            let pairs = Cases::pairs(random, 0.8, -smallest, 0.5, cases as usize, trials);
            let pairs: Vec<_> = pairs.into_iter().map(|(a, b)| (a.into(), b.into())).collect();
            mean_difference(&pairs).unwrap().p <= 0.05
        });
        println!("{cases} x {trials}: {smallest} is found in {found}");
        assert!((0.7..=0.9).contains(&found), "{found} of {smallest} with {cases} x {trials}");
    }
}

#[test]
fn among_fifty_unchanged_cases_hardly_ever_is_one_called_broken() {
    let wrong = share(|random| {
        let cases: Vec<_> = (0..50).map(|_| (random.tally(0.9, 5), random.tally(0.9, 5))).collect();
        let p: Vec<f64> = cases.iter().map(|(before, after)| fisher_p(*before, *after)).collect();
        benjamini_hochberg(&p, 0.025).contains(&true)
    });
    assert!(wrong <= 0.035, "{wrong}");
}

#[test]
fn early_stopping_keeps_its_error_rates_and_saves_trials() {
    let rule = EarlyStopping::default();
    for (rate, wrong) in [(0.5, Course::Passed), (0.9, Course::Failed)] {
        let mut trials = 0;
        let errors = share(|random| {
            let outcomes =
                (0..rule.trials_max()).map(|_| if random.chance(rate) { Outcome::Passed } else { Outcome::Failed });
            let stopped = rule.stop(outcomes.collect::<Vec<_>>(), rule.trials_max());
            trials += stopped.tally.decided;
            stopped.course == wrong
        });
        assert!(errors <= 0.06, "{errors} at {rate}");
        let fixed = f64::from(rule.trials_max()) / 2.0;
        assert!(trials as f64 / f64::from(SUITES) < fixed, "at {rate} it takes more trials than a fixed number would");
    }
}
