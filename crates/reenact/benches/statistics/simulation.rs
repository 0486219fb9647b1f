//! Suites whose true pass rates are known, drawn at random and always the same.

use reenact::report::statistics::Tally;

/// SplitMix64 of Steele, Lea and Flood (2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.next() < probability
    }

    pub(crate) fn tally(&mut self, rate: f64, trials: u64) -> Tally {
        Tally { passed: (0..trials).map(|_| u64::from(self.chance(rate))).sum(), decided: trials }
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.next().max(f64::MIN_POSITIVE).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next()).cos()
    }

    /// G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables" (2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let root = self.next().max(f64::MIN_POSITIVE).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * root;
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.next().max(f64::MIN_POSITIVE).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    fn beta(&mut self, a: f64, b: f64) -> f64 {
        let (x, y) = (self.gamma(a), self.gamma(b));
        if x + y > 0.0 { x / (x + y) } else { a / (a + b) }
    }
}

/// How the rates of cases are spread so that two trials of a case are as alike as asked: their correlation.
#[derive(Clone, Copy)]
pub(crate) enum Cases {
    /// By a beta distribution.
    Smooth,
    /// Some cases always answer alike, the others are chance: the hardest for an interval.
    FirmOrChance,
}

impl Cases {
    pub(crate) fn suite(self, random: &mut Random, rate: f64, likeness: f64, cases: usize, trials: u64) -> Vec<Tally> {
        (0..cases).map(|_| self.case(random, rate, likeness, trials)).collect()
    }

    fn case(self, random: &mut Random, rate: f64, likeness: f64, trials: u64) -> Tally {
        match self {
            Cases::Smooth => {
                let of_case = smooth(random, rate, likeness);
                random.tally(of_case, trials)
            }
            Cases::FirmOrChance if random.chance(likeness) => {
                Tally { passed: u64::from(random.chance(rate)) * trials, decided: trials }
            }
            Cases::FirmOrChance => random.tally(rate, trials),
        }
    }

    /// The true chance that `k` trials of a smooth case all pass: the k-th moment of its distribution.
    pub(crate) fn pass_hat_k(self, rate: f64, likeness: f64, k: u64) -> f64 {
        let size = 1.0 / likeness - 1.0;
        (0..k).map(|taken| (rate * size + taken as f64) / (size + taken as f64)).product()
    }

    /// The same cases for two agents, the second of which passes less often by `-fall` on average.
    pub(crate) fn pairs(
        random: &mut Random,
        rate: f64,
        fall: f64,
        likeness: f64,
        cases: usize,
        trials: u64,
    ) -> Vec<(Tally, Tally)> {
        let pair = |random: &mut Random| {
            let before = smooth(random, rate, likeness);
            (random.tally(before, trials), random.tally(before * (1.0 + fall / rate), trials))
        };
        (0..cases).map(|_| pair(random)).collect()
    }
}

fn smooth(random: &mut Random, rate: f64, likeness: f64) -> f64 {
    if likeness <= 0.0 {
        return rate;
    }
    let size = 1.0 / likeness - 1.0;
    random.beta(rate * size, (1.0 - rate) * size)
}
