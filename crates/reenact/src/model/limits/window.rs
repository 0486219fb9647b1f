//! What was used in the last minute: a sliding window, so that no minute, wherever it begins, passes the limit.
//!
//! Providers count with token buckets (Anthropic, and OpenAI over shorter intervals) or windows of their own. Whatever
//! stays within a limit in every minute stays within each of these.

use tokio::time::{Duration, Instant};

/// How many slots are counted: a minute of them, and the one that is being filled.
const SLOTS: usize = 61;

/// More than any provider allows or uses in a minute; what a server claims beyond it is not believed.
const AMOUNT_MAX: u64 = 1 << 40;

/// The second, counted from the window's beginning, in which something was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Second(u64);

/// A minute in slots of a second. What is charged to one leaves it whole, a minute after its second has ended.
#[derive(Debug)]
pub(super) struct Window {
    began: Instant,
    limit: Option<u64>,
    used: [u64; SLOTS],
    newest: u64,
    sum: u64,
    /// All that was ever charged for use that was not ours.
    others: u64,
}

/// The window as it was when a request was sent, to be held against what the provider counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Snapshot {
    sum: u64,
    others: u64,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        // There is a minute before the first second, in which others may have used something.
        Window { began: now, limit: None, used: [0; SLOTS], newest: SLOTS as u64, sum: 0, others: 0 }
    }

    /// The limit for a minute, where it is known.
    pub(super) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// What the provider says that it allows in a minute.
    pub(super) fn allow(&mut self, limit: u64) {
        self.limit = Some(limit.min(AMOUNT_MAX));
    }

    /// Whether this much may be used now, and from when on where it may not. More than a whole minute's limit may be
    /// used when nothing else is: otherwise it never could.
    pub(super) fn room(&mut self, amount: u64, now: Instant) -> Result<(), Instant> {
        self.move_to(now);
        let Some(limit) = self.limit else { return Ok(()) };
        let excess = (self.sum + amount.min(limit)).saturating_sub(limit);
        if excess == 0 { Ok(()) } else { Err(self.freed(excess)) }
    }

    /// Charges what is used now.
    pub(super) fn charge(&mut self, amount: u64, now: Instant) -> Second {
        self.move_to(now);
        self.add(amount, self.newest);
        Second(self.newest)
    }

    /// Corrects what was charged, once it is known; what has left the window needs no correction.
    pub(super) fn correct(&mut self, second: Second, charged: u64, actual: u64) {
        if self.newest - second.0 >= SLOTS as u64 {
            return;
        }
        let slot = &mut self.used[second.0 as usize % SLOTS];
        self.sum -= *slot;
        *slot = slot.saturating_sub(charged.min(AMOUNT_MAX)) + actual.min(AMOUNT_MAX);
        self.sum += *slot;
    }

    /// The window as it is, for [`Window::hear`].
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { sum: self.sum, others: self.others }
    }

    /// Takes over what the provider counts beyond what we do: others use the same account. It is charged once, however many
    /// answers tell of it, and leaves when the provider says that all is free again.
    pub(super) fn hear(&mut self, remaining: u64, reset: Option<Duration>, sent: Snapshot, now: Instant) {
        self.move_to(now);
        let Some(limit) = self.limit else { return };
        let known = sent.sum + (self.others - sent.others);
        let unknown = limit.saturating_sub(remaining).saturating_sub(known);
        let seconds = reset.map_or(60, |reset| reset.as_secs_f64().ceil().min(60.0) as u64);
        self.others += unknown;
        // Charged as if it had been used so long ago that it leaves at the reset.
        self.add(unknown, self.newest + seconds - 60);
    }

    fn add(&mut self, amount: u64, second: u64) {
        let amount = amount.min(AMOUNT_MAX);
        self.used[second as usize % SLOTS] += amount;
        self.sum += amount;
    }

    /// Forgets what is over a minute old.
    fn move_to(&mut self, now: Instant) {
        let second = SLOTS as u64 + now.saturating_duration_since(self.began).as_secs();
        for gone in (self.newest + 1..=second).take(SLOTS) {
            let slot = &mut self.used[gone as usize % SLOTS];
            self.sum -= std::mem::take(slot);
        }
        self.newest = self.newest.max(second);
    }

    /// When this much of what is charged will have left.
    fn freed(&self, amount: u64) -> Instant {
        let oldest = self.newest + 1 - SLOTS as u64;
        let mut left = 0;
        let second = (oldest..=self.newest).find(|second| {
            left += self.used[*second as usize % SLOTS];
            left >= amount
        });
        self.began + Duration::from_secs(second.unwrap_or(self.newest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    proptest! {
        #[test]
        fn no_minute_passes_the_limit_and_whoever_waits_gets_on(
            limit in 1_u64..200,
            uses in prop::collection::vec((1_u64..60, 0.0..20.0), 1..200),
        ) {
            let began = Instant::now();
            let mut window = Window::new(began);
            window.allow(limit);
            let mut now = began;
            let mut used: Vec<(Instant, u64)> = Vec::new();
            for (amount, pause) in uses {
                let amount = amount.min(limit);
                now += seconds(pause);
                if let Err(later) = window.room(amount, now) {
                    prop_assert!(later > now && later <= now + seconds(61.0), "a wait ends within a window");
                    now = later;
                    prop_assert_eq!(window.room(amount, now), Ok(()), "there is room when it was said");
                }
                window.charge(amount, now);
                used.push((now, amount));
                let minute = used.iter().filter(|(at, _)| now.duration_since(*at) < seconds(60.0));
                prop_assert!(minute.map(|(_, amount)| amount).sum::<u64>() <= limit);
            }
        }

        #[test]
        fn the_sum_is_the_sum_of_the_slots_whatever_is_charged_and_corrected(
            steps in prop::collection::vec((0_u64..100, 0_u64..100, 0.0..90.0), 1..100),
        ) {
            let began = Instant::now();
            let mut window = Window::new(began);
            window.allow(50);
            let mut now = began;
            for (charged, actual, pause) in steps {
                let second = window.charge(charged, now);
                let sent = window.snapshot();
                now += seconds(pause);
                window.hear(actual, Some(seconds(pause)), sent, now);
                window.correct(second, charged, actual);
                prop_assert_eq!(window.sum, window.used.iter().sum::<u64>());
            }
        }
    }

    #[test]
    fn without_a_limit_there_is_always_room() {
        let now = Instant::now();
        let mut window = Window::new(now);
        window.charge(u64::MAX / 2, now);
        assert_eq!(window.room(u64::MAX / 2, now), Ok(()));
    }

    #[test]
    fn what_is_larger_than_the_limit_waits_for_an_empty_minute_and_then_goes() {
        let now = Instant::now();
        let mut window = Window::new(now);
        window.allow(100);
        assert_eq!(window.room(1000, now), Ok(()));
        window.charge(1, now);
        assert_eq!(window.room(1000, now), Err(now + seconds(61.0)));
    }

    #[test]
    fn a_guess_that_was_too_high_makes_room_when_the_truth_is_known() {
        let now = Instant::now();
        let mut window = Window::new(now);
        window.allow(100);
        let second = window.charge(90, now);
        assert!(window.room(50, now).is_err());
        window.correct(second, 90, 30);
        assert_eq!(window.room(50, now), Ok(()));
    }

    #[test]
    fn what_others_use_is_charged_once_and_until_the_provider_says_that_it_is_free() {
        let now = Instant::now();
        let mut window = Window::new(now);
        window.allow(100);
        let sent = window.snapshot();
        for _ in 0..3 {
            window.hear(20, Some(seconds(10.0)), sent, now);
        }
        assert_eq!(window.room(20, now), Ok(()));
        let later = window.room(21, now).unwrap_err();
        assert!(later <= now + seconds(61.0));
        let after = now + seconds(70.0);
        assert_eq!(window.room(100, after), Ok(()));
    }

    #[test]
    fn our_own_use_is_not_taken_for_that_of_others() {
        let now = Instant::now();
        let mut window = Window::new(now);
        window.allow(100);
        window.charge(40, now);
        let sent = window.snapshot();
        window.hear(60, None, sent, now);
        assert_eq!(window.room(60, now), Ok(()));
    }
}
