//! Whether a recorded failure comes back: what replays of a case say about it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{rounded, wilson};

/// Fewer clean replays leave room for a failure in more than one conversation of seven.
const CLEAN_REPLAYS_MIN: u64 = 20;

/// How often a recorded failure came back, with a 95 % interval; figures rounded to six decimals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reproduction {
    /// What that amounts to.
    pub reproduced: Reproduced,
    /// Replays in which the failure came back.
    pub failed: u64,
    /// Replays in which it was decided whether it came back.
    pub replays: u64,
    /// The lower end of the interval of how often it comes back.
    pub low: f64,
    /// The upper end; where it never came back, what 95 of 100 such series of replays would have shown.
    pub high: f64,
}

/// What replays say about a recorded failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reproduced {
    /// It came back every time, or surely more often than not.
    Reproduced,
    /// It came back, and not always.
    Intermittent,
    /// It did not come back, in too few replays to say that it is gone.
    NotReproduced,
    /// It did not come back in enough replays.
    Fixed,
}

impl Reproduced {
    /// All, in the order in which they are shown.
    pub const ALL: [Reproduced; 4] =
        [Reproduced::Reproduced, Reproduced::Intermittent, Reproduced::NotReproduced, Reproduced::Fixed];

    /// In words, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Reproduced::Reproduced => "reproduced",
            Reproduced::Intermittent => "intermittent",
            Reproduced::NotReproduced => "not reproduced",
            Reproduced::Fixed => "fixed",
        }
    }
}

/// What `failed` of so many `replays` say; nothing where no replay was decided.
///
/// Wilson's interval where the failure came back. Where it did not, the upper end is the rate at which no failure in
/// so many replays would be seen only once in twenty: `1 - 0.05^(1/replays)`.
///
/// ```
/// use reenact::report::statistics::{Reproduced, reproduction};
///
/// let clean = reproduction(0, 5).unwrap();
/// assert_eq!(clean.reproduced, Reproduced::NotReproduced);
/// assert!((clean.high - 0.45).abs() < 0.01);
/// ```
#[must_use]
pub fn reproduction(failed: u64, replays: u64) -> Option<Reproduction> {
    let (low, high) = match (failed, replays) {
        (_, 0) => return None,
        (0, replays) => (0.0, 1.0 - 0.05_f64.powf(1.0 / replays as f64)),
        (failed, replays) => wilson(failed as f64 / replays as f64, replays as f64),
    };
    let reproduced = match failed {
        0 if replays >= CLEAN_REPLAYS_MIN => Reproduced::Fixed,
        0 => Reproduced::NotReproduced,
        failed if failed == replays || low > 0.5 => Reproduced::Reproduced,
        _ => Reproduced::Intermittent,
    };
    Some(Reproduction { reproduced, failed, replays, low: rounded(low), high: rounded(high) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_fixed_only_after_twenty_clean_replays() {
        let of = |failed, replays| reproduction(failed, replays).unwrap().reproduced;
        assert_eq!((of(0, 19), of(0, 20)), (Reproduced::NotReproduced, Reproduced::Fixed));
        assert_eq!(
            (of(1, 20), of(1, 1), of(3, 4)),
            (Reproduced::Intermittent, Reproduced::Reproduced, Reproduced::Intermittent)
        );
        assert_eq!((of(18, 20), of(11, 20)), (Reproduced::Reproduced, Reproduced::Intermittent));
        assert_eq!(reproduction(0, 0), None);
    }

    /// So many replays show a failure with a chance of 95 % where it comes back in .1, .2, .3, .5 or .8 of them.
    #[test]
    fn the_upper_bound_is_the_rate_that_would_have_shown() {
        for (rate, replays) in [(0.1, 29), (0.2, 14), (0.3, 9), (0.5, 5), (0.8, 2)] {
            let bound = |replays| reproduction(0, replays).unwrap().high;
            assert!(bound(replays) <= rate && (replays == 1 || bound(replays - 1) > rate), "{rate} {replays}");
        }
        assert!((reproduction(0, 20).unwrap().high - 0.14).abs() < 0.005);
    }
}
