//! A circuit breaker: a provider that fails and fails is left alone, tried now and then, and soon given up on.
//!
//! The three states are Nygard's (Release It!, 2007). What is added is patience: a short outage is waited out, because
//! a conversation that is given up is lost; a long one is not, because thousands would wait for nothing.

use tokio::time::{Duration, Instant};

/// Faults in a row, with no good answer between, after which the provider counts as down. More than one call has
/// attempts, so that one question that always fails takes no other with it.
const FAULTS_MAX: u32 = 8;

/// How long a provider is first left alone; each try that fails doubles it.
const COOL_DOWN_FIRST: Duration = Duration::from_secs(1);

/// An outage that ends is noticed after this time at the latest.
const COOL_DOWN_MAX: Duration = Duration::from_secs(30);

/// How long calls wait for a provider that is down, before they are given up at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a provider is asked at all.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    faults: u32,
    /// When the faults in a row began.
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Instant, cool_down: Duration },
    HalfOpen { cool_down: Duration },
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Go.
    Yes,
    /// Go alone, to see whether the provider is back.
    Alone,
    /// Wait until a moment at the latest; the call that went alone may be back before.
    Later(Instant),
    /// Give up: the provider has been down for this long.
    Never(Duration),
}

impl Breaker {
    pub(super) fn new() -> Self {
        Breaker { state: State::Closed, faults: 0, since: None }
    }

    pub(super) fn pass(&self, now: Instant) -> Pass {
        let since = self.since.unwrap_or(now);
        let patience_ends = since + PATIENCE;
        match self.state {
            State::Closed => Pass::Yes,
            State::Open { until, .. } if now >= until => Pass::Alone,
            _ if now >= patience_ends => Pass::Never(now - since),
            State::Open { until, .. } => Pass::Later(until.min(patience_ends)),
            State::HalfOpen { .. } => Pass::Later(patience_ends),
        }
    }

    /// A call goes alone.
    pub(super) fn goes_alone(&mut self) {
        if let State::Open { cool_down, .. } = self.state {
            self.state = State::HalfOpen { cool_down };
        }
    }

    /// The provider answered, whatever it said.
    pub(super) fn answered(&mut self) {
        *self = Breaker::new();
    }

    /// The provider failed.
    pub(super) fn failed(&mut self, now: Instant) {
        self.faults = self.faults.saturating_add(1);
        self.since.get_or_insert(now);
        self.state = match self.state {
            State::Closed if self.faults < FAULTS_MAX => State::Closed,
            State::Closed => State::Open { until: now + COOL_DOWN_FIRST, cool_down: COOL_DOWN_FIRST },
            // A call that had set out before; it tells nothing new.
            open @ State::Open { .. } => open,
            State::HalfOpen { cool_down } => {
                let cool_down = (cool_down * 2).min(COOL_DOWN_MAX);
                State::Open { until: now + cool_down, cool_down }
            }
        };
    }

    /// The call that went alone was given up: the next one may.
    pub(super) fn came_to_nothing(&mut self, now: Instant) {
        if let State::HalfOpen { cool_down } = self.state {
            self.state = State::Open { until: now, cool_down };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn down(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        (0..FAULTS_MAX).for_each(|_| breaker.failed(now));
        breaker
    }

    #[test]
    fn faults_in_a_row_trip_it_and_a_good_answer_between_starts_the_count_again() {
        let now = Instant::now();
        let mut breaker = Breaker::new();
        for _ in 0..3 {
            (1..FAULTS_MAX).for_each(|_| breaker.failed(now));
            assert_eq!(breaker.pass(now), Pass::Yes);
            breaker.answered();
        }
        assert_eq!(down(now).pass(now), Pass::Later(now + COOL_DOWN_FIRST));
    }

    #[test]
    fn after_the_cool_down_one_goes_alone_and_its_answer_decides_for_all() {
        let now = Instant::now();
        let mut breaker = down(now);
        let then = now + COOL_DOWN_FIRST;
        assert_eq!(breaker.pass(then), Pass::Alone);
        breaker.goes_alone();
        assert_eq!(breaker.pass(then), Pass::Later(now + PATIENCE), "all others wait");
        breaker.failed(then);
        assert_eq!(breaker.pass(then), Pass::Later(then + 2 * COOL_DOWN_FIRST));
        breaker.answered();
        assert_eq!(breaker.pass(then), Pass::Yes);
    }

    #[test]
    fn one_that_went_alone_and_was_given_up_holds_nobody_up() {
        let now = Instant::now();
        let mut breaker = down(now);
        breaker.goes_alone();
        breaker.came_to_nothing(now);
        assert_eq!(breaker.pass(now), Pass::Alone);
    }

    #[test]
    fn a_provider_that_stays_down_is_given_up_on_but_still_tried() {
        let began = Instant::now();
        let mut breaker = down(began);
        let late = began + PATIENCE;
        breaker.goes_alone();
        assert_eq!(breaker.pass(late), Pass::Never(PATIENCE));
        breaker.failed(late);
        assert_eq!(breaker.pass(late), Pass::Never(PATIENCE));
        assert_eq!(breaker.pass(late + 2 * COOL_DOWN_FIRST), Pass::Alone);
    }

    proptest! {
        #[test]
        fn whatever_happens_somebody_goes_within_the_longest_cool_down(steps in prop::collection::vec(0..4_u8, 0..200)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new();
            for step in steps {
                now += Duration::from_millis(700);
                match step {
                    0 => breaker.answered(),
                    1 if breaker.pass(now) == Pass::Alone => {
                        breaker.goes_alone();
                        breaker.came_to_nothing(now);
                    }
                    _ => breaker.failed(now),
                }
                let later = now + COOL_DOWN_MAX;
                prop_assert!(matches!(breaker.pass(later), Pass::Yes | Pass::Alone));
            }
        }
    }
}
