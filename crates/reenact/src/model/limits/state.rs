//! All that is known of one model at one provider, and the one question about it: may a call go now?
//!
//! A value without clock, lock or task: what time it is comes in as an argument.

use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::breaker::{Breaker, Pass};
use super::flight::Flight;
use super::forecast::Forecast;
use super::headers::{Measure, allowances};
use super::window::{Second, Snapshot, Window};
use super::{Used, WaitReason};

/// What one model at one provider allows, as far as it is known, and what of it is in use.
#[derive(Debug)]
pub(super) struct State {
    windows: [Window; 4],
    flight: Flight,
    breaker: Breaker,
    /// Until when the provider wants to be left alone.
    paused_until: Option<Instant>,
    forecast: Forecast,
}

/// Whether a call may go.
#[derive(Debug)]
pub(super) enum Admission {
    /// It goes, and this is what is counted for it.
    Go(Ticket),
    /// Not yet: not before a moment, or not before something changes.
    Later(Option<Instant>, WaitReason),
    /// Not at all: the provider has been down for this long.
    Never(Duration),
}

/// What is counted for a call on its way.
#[derive(Debug)]
pub(super) struct Ticket {
    goes_alone: bool,
    charge: Charge,
    sent: [Snapshot; 4],
}

/// What is charged for a call until it is known what it used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    second: Second,
    bytes: usize,
    used: Used,
}

/// What became of a call, as far as the limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The provider answered; whether anybody can use the answer is another question.
    Answered,
    /// The provider says that it is too much, and may say for how long.
    TooMuch(Option<Duration>),
    /// As [`Fate::TooMuch`], because it is overloaded itself.
    Overloaded(Option<Duration>),
    /// No answer, half of one, or that of a broken server.
    Failed,
}

impl State {
    pub(super) fn new(flight: Flight, now: Instant) -> Self {
        State {
            windows: Measure::ALL.map(|_| Window::new(now)),
            flight,
            breaker: Breaker::new(),
            paused_until: None,
            forecast: Forecast::default(),
        }
    }

    /// Whether a call with so many bytes may go now; if so, it is counted as on its way.
    pub(super) fn admit(&mut self, bytes: usize, now: Instant) -> Admission {
        if let Some(until) = self.paused_until.filter(|until| now < *until) {
            return Admission::Later(Some(until), WaitReason::Asked);
        }
        let goes_alone = match self.breaker.pass(now) {
            Pass::Yes => false,
            Pass::Alone => true,
            Pass::Later(until) => return Admission::Later(Some(until), WaitReason::Down),
            Pass::Never(down) => return Admission::Never(down),
        };
        if !self.flight.has_room() {
            return Admission::Later(None, WaitReason::InFlight);
        }
        let used = self.forecast.of(bytes);
        for (measure, window) in Measure::ALL.into_iter().zip(&mut self.windows) {
            if let Err(later) = window.room(used.of(measure), now) {
                let limit = window.limit().unwrap_or_default();
                return Admission::Later(Some(later), WaitReason::Limit(measure, limit));
            }
        }
        let charge = Charge { second: self.charge(used, now), bytes, used };
        Admission::Go(self.depart(charge, goes_alone))
    }

    fn charge(&mut self, used: Used, now: Instant) -> Second {
        let [requests, tokens @ ..] = &mut self.windows;
        for (measure, window) in Measure::ALL[1..].iter().zip(tokens) {
            window.charge(used.of(*measure), now);
        }
        requests.charge(used.of(Measure::Requests), now)
    }

    fn depart(&mut self, charge: Charge, goes_alone: bool) -> Ticket {
        if goes_alone {
            self.breaker.goes_alone();
        }
        let sent = std::array::from_fn(|at| self.windows[at].snapshot());
        self.flight.departs();
        Ticket { goes_alone, charge, sent }
    }

    /// A call came back. What was charged for it stays, until [`State::settle`] corrects it.
    pub(super) fn came_back(
        &mut self,
        ticket: &Ticket,
        fate: Fate,
        headers: Option<&HeaderMap>,
        now: Instant,
    ) -> Charge {
        match fate {
            Fate::Answered => self.flight.went_well(),
            Fate::TooMuch(_) | Fate::Overloaded(_) => self.flight.was_too_much(),
            Fate::Failed => {}
        }
        self.flight.returns();
        match fate {
            Fate::Answered | Fate::TooMuch(_) => self.breaker.answered(),
            Fate::Overloaded(_) | Fate::Failed => self.breaker.failed(now),
        }
        if let Fate::TooMuch(asked) | Fate::Overloaded(asked) = fate {
            self.pause(asked, now);
            // Nobody read or wrote anything.
            self.correct(&ticket.charge, Used::default());
        }
        headers.into_iter().for_each(|headers| self.learn(headers, ticket, now));
        ticket.charge
    }

    fn pause(&mut self, asked: Option<Duration>, now: Instant) {
        let until = asked.and_then(|asked| now.checked_add(asked));
        self.paused_until = self.paused_until.max(until);
    }

    fn learn(&mut self, headers: &HeaderMap, ticket: &Ticket, now: Instant) {
        for allowance in allowances(headers) {
            self.flight.limits_are_known();
            let window = &mut self.windows[allowance.measure as usize];
            window.allow(allowance.limit);
            if let Some(remaining) = allowance.remaining {
                window.hear(remaining, allowance.reset, ticket.sent[allowance.measure as usize], now);
            }
        }
    }

    /// Corrects what was charged for an answer by what the provider says that it used.
    pub(super) fn settle(&mut self, charge: &Charge, used: Used) {
        self.forecast.learn(charge.bytes, used);
        self.correct(charge, used);
    }

    fn correct(&mut self, charge: &Charge, used: Used) {
        for (measure, window) in Measure::ALL[1..].iter().zip(&mut self.windows[1..]) {
            window.correct(charge.second, charge.used.of(*measure), used.of(*measure));
        }
    }

    /// A call was given up on its way. It may have used all that is charged for it.
    pub(super) fn was_given_up(&mut self, ticket: &Ticket, now: Instant) {
        self.flight.returns();
        if ticket.goes_alone {
            self.breaker.came_to_nothing(now);
        }
    }
}
