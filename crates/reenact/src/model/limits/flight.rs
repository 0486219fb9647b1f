//! How many calls may be in flight: more while all goes well, fewer as soon as the provider says that it is too much.
//!
//! As TCP does it, and for the same reason: the capacity is unknown, shared and changing. Slow start is Jacobson's
//! (Congestion Avoidance and Control, 1988). Afterwards each answer adds a little, and more where the cap is large (Kelly,
//! Scalable TCP, 2003), and each refusal takes off what was refused, no more (after DCTCP, RFC 8257: a cut in proportion to
//! the congestion). So a provider that refuses now and then at random keeps nearly all of its calls in flight, and one that
//! refuses half of them gets half as many in the next round.

/// What a provider gets at once before it has answered anything: as many as a small account may send.
const CAP_FIRST: f64 = 16.0;

/// What a good answer adds to a large cap. So many refusals among the answers, one in seventeen, leave it as it is.
const INCREASE_MIN: f64 = 1.0 / 16.0;

/// The calls in flight, and how many there may be.
#[derive(Debug)]
pub(super) struct Flight {
    in_flight: u32,
    cap: f64,
    growth: Growth,
}

/// How the cap grows with each good answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// By one: it doubles with each round of answers.
    SlowStart,
    /// So that a whole round of answers adds one, or a sixteenth of a large cap.
    Steady,
}

impl Flight {
    /// For a provider that nothing is known of.
    pub(super) fn careful() -> Self {
        Flight { in_flight: 0, cap: CAP_FIRST, growth: Growth::SlowStart }
    }

    /// For a server of one's own, which has no account to protect: no cap, until it says that it is too much.
    pub(super) fn bold() -> Self {
        Flight { cap: f64::INFINITY, ..Flight::careful() }
    }

    /// Whether one more may set out. One always may.
    pub(super) fn has_room(&self) -> bool {
        f64::from(self.in_flight) + 1.0 <= self.cap
    }

    /// A call sets out.
    pub(super) fn departs(&mut self) {
        self.in_flight += 1;
    }

    /// A call came back, with whatever, or was given up.
    pub(super) fn returns(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// An answer was good: there may be more. Only where the cap was felt: an unused one is no evidence (RFC 7661).
    pub(super) fn went_well(&mut self) {
        if f64::from(self.in_flight) * 2.0 < self.cap {
            return;
        }
        self.cap += match self.growth {
            Growth::SlowStart => 1.0,
            Growth::Steady => INCREASE_MIN.max(1.0 / self.cap),
        };
    }

    /// A call was refused because it is too much: its place is one too many.
    pub(super) fn was_too_much(&mut self) {
        self.growth = Growth::Steady;
        // Where nothing was limited yet, what was in flight is all that is known of the capacity; little of it tells nothing.
        let felt = || CAP_FIRST.max(self.in_flight.into());
        let cap = if self.cap.is_finite() { self.cap } else { felt() };
        self.cap = (cap - 1.0).max(1.0);
    }

    /// The provider says what it allows: there is nothing to find out carefully any more.
    pub(super) fn limits_are_known(&mut self) {
        if self.growth == Growth::SlowStart {
            self.cap = f64::INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends as many as may go; those beyond the capacity are refused. How many went.
    fn round(flight: &mut Flight, capacity: usize) -> usize {
        let mut away = 0;
        while flight.has_room() && away < 10_000 {
            flight.departs();
            away += 1;
        }
        // Refusals come back at once.
        for n in (0..away).rev() {
            if n < capacity {
                flight.went_well();
            } else {
                flight.was_too_much();
            }
            flight.returns();
        }
        away
    }

    #[test]
    fn a_new_provider_is_approached_carefully_and_then_faster() {
        let mut flight = Flight::careful();
        let sent: Vec<usize> = (0..4).map(|_| round(&mut flight, usize::MAX)).collect();
        assert_eq!(sent[0], 16);
        assert!(sent.windows(2).all(|pair| pair[1] > pair[0] && pair[1] <= 2 * pair[0]), "{sent:?}");
    }

    #[test]
    fn a_burst_that_is_far_too_much_comes_down_to_what_is_taken_and_stays_there() {
        let mut flight = Flight::bold();
        round(&mut flight, 40);
        let sent: Vec<usize> = (0..50).map(|_| round(&mut flight, 40)).collect();
        assert!(sent.iter().all(|sent| *sent <= 44), "{sent:?}");
        assert!(sent[10..].iter().all(|sent| *sent >= 38), "{sent:?}");
    }

    #[test]
    fn refusals_now_and_then_that_have_nothing_to_do_with_the_load_leave_it_wide() {
        let mut flight = Flight::bold();
        (0..500).for_each(|_| flight.departs());
        for n in 0..20_000 {
            if n % 25 == 0 {
                flight.was_too_much();
            } else {
                flight.went_well();
            }
            flight.returns();
            while flight.has_room() && flight.in_flight < 500 {
                flight.departs();
            }
        }
        assert!(flight.in_flight >= 450, "{flight:?}");
    }

    #[test]
    fn what_is_known_needs_no_finding_out_but_a_refusal_still_counts() {
        let mut flight = Flight::careful();
        flight.limits_are_known();
        assert_eq!(round(&mut flight, 7_000), 10_000);
        flight.limits_are_known();
        assert!(round(&mut flight, 7_000) < 8_000);
    }

    #[test]
    fn a_cap_that_nobody_feels_does_not_grow() {
        let mut flight = Flight::careful();
        for _ in 0..1000 {
            flight.departs();
            flight.went_well();
            flight.returns();
        }
        assert_eq!(round(&mut flight, 0), 16);
    }

    proptest! {
        #[test]
        fn never_more_in_flight_than_the_cap_and_always_one(steps in prop::collection::vec(0..4_u8, 0..300)) {
            let mut flight = Flight::careful();
            for step in steps {
                match step {
                    0 | 1 if flight.has_room() => {
                        flight.departs();
                        prop_assert!(f64::from(flight.in_flight) <= flight.cap);
                    }
                    2 if flight.in_flight > 0 => {
                        flight.was_too_much();
                        flight.returns();
                    }
                    _ if flight.in_flight > 0 => {
                        flight.went_well();
                        flight.returns();
                    }
                    _ => {}
                }
                prop_assert!(flight.cap >= 1.0);
                prop_assert!(flight.in_flight > 0 || flight.has_room());
            }
        }
    }
}
