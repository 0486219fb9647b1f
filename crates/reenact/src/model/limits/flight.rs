//! How many calls may be in flight: more while all goes well, fewer as soon as the provider says that it is too much.
//!
//! As TCP does it, and for the same reason: the capacity is unknown, shared and changing. Slow start and additive
//! increase are Jacobson's (Congestion Avoidance and Control, 1988), that additive increase with multiplicative
//! decrease is fair is Chiu and Jain's (1989), and the factor is CUBIC's (RFC 9438, 4.6).

/// What a provider gets at once before it has answered anything: as many as a small account may send.
const CAP_FIRST: f64 = 16.0;

/// What is left of the cap when the provider says that it is too much.
const DECREASE: f64 = 0.7;

/// The calls in flight, and how many there may be.
#[derive(Debug)]
pub(super) struct Flight {
    in_flight: u32,
    cap: f64,
    grows: Growth,
    /// How often the cap was cut.
    cuts: u64,
}

/// How the cap grows with each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Growth {
    /// By one: it doubles with each round of answers.
    SlowStart,
    /// By its share of one: a whole round of answers makes one more.
    Additive,
}

/// A call that set out; knows after how many cuts, so that calls that set out together cut the cap once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Departure(u64);

impl Flight {
    /// For a provider that nothing is known of.
    pub(super) fn careful() -> Self {
        Flight { in_flight: 0, cap: CAP_FIRST, grows: Growth::SlowStart, cuts: 0 }
    }

    /// For a server of one's own, which has no account to protect: no cap, until it says that it is too much.
    pub(super) fn bold() -> Self {
        Flight { cap: f64::INFINITY, ..Flight::careful() }
    }

    /// Whether one more may set out. One always may.
    pub(super) fn has_room(&self) -> bool {
        f64::from(self.in_flight) + 1.0 <= self.cap.max(1.0)
    }

    pub(super) fn departs(&mut self) -> Departure {
        self.in_flight += 1;
        Departure(self.cuts)
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
        self.cap += match self.grows {
            Growth::SlowStart => 1.0,
            Growth::Additive => 1.0 / self.cap,
        };
    }

    /// The provider says that it is too much. Only the first to say so of those that set out together counts.
    pub(super) fn was_too_much(&mut self, departure: Departure) {
        self.grows = Growth::Additive;
        if departure.0 == self.cuts {
            self.cuts += 1;
            self.cap = (self.cap.min(f64::from(self.in_flight)) * DECREASE).max(1.0);
        }
    }

    /// The provider says what it allows: there is nothing to find out carefully any more.
    pub(super) fn limits_are_known(&mut self) {
        if self.grows == Growth::SlowStart {
            self.cap = f64::INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends as many as may go, and lets all come back as `answer` says.
    fn round(flight: &mut Flight, answer: fn(&mut Flight, Departure)) -> usize {
        let mut away = Vec::new();
        while flight.has_room() && away.len() < 10_000 {
            away.push(flight.departs());
        }
        for departure in &away {
            answer(flight, *departure);
            flight.returns();
        }
        away.len()
    }

    fn well(flight: &mut Flight, _: Departure) {
        flight.went_well();
    }

    #[test]
    fn a_new_provider_is_approached_carefully_and_then_faster() {
        let mut flight = Flight::careful();
        let sent: Vec<usize> = (0..4).map(|_| round(&mut flight, well)).collect();
        assert_eq!(sent[0], 16);
        assert!(sent.windows(2).all(|pair| pair[1] > pair[0] && pair[1] <= 2 * pair[0]), "{sent:?}");
    }

    #[test]
    fn a_round_of_refusals_cuts_the_cap_once_and_then_it_grows_by_one() {
        let mut flight = Flight::bold();
        (0..100).for_each(|_| _ = flight.departs());
        let together = Departure(0);
        for _ in 0..100 {
            flight.was_too_much(together);
            flight.returns();
        }
        assert_eq!(round(&mut flight, well), 70);
        assert!(matches!(round(&mut flight, well), 70 | 71));
    }

    #[test]
    fn what_is_known_needs_no_finding_out_but_a_refusal_still_counts() {
        let mut flight = Flight::careful();
        flight.limits_are_known();
        assert_eq!(round(&mut flight, well), 10_000);
        round(&mut flight, Flight::was_too_much);
        flight.limits_are_known();
        assert_eq!(round(&mut flight, well), 7_000);
    }

    #[test]
    fn a_cap_that_nobody_feels_does_not_grow() {
        let mut flight = Flight::careful();
        for _ in 0..1000 {
            flight.departs();
            flight.went_well();
            flight.returns();
        }
        assert_eq!(round(&mut flight, |_, _| ()), 16);
    }

    proptest! {
        #[test]
        fn never_more_in_flight_than_the_cap_and_always_one(steps in prop::collection::vec(0..4_u8, 0..300)) {
            let mut flight = Flight::careful();
            let mut away = Vec::new();
            for step in steps {
                match step {
                    0 | 1 if flight.has_room() => {
                        away.push(flight.departs());
                        prop_assert!(f64::from(flight.in_flight) <= flight.cap);
                    }
                    2 => if let Some(departure) = away.pop() {
                        flight.was_too_much(departure);
                        flight.returns();
                    },
                    _ => if away.pop().is_some() {
                        flight.went_well();
                        flight.returns();
                    },
                }
                prop_assert!(flight.cap >= 1.0);
                prop_assert!(!away.is_empty() || flight.has_room());
            }
        }
    }
}
