//! What each model at each provider allows, learned while it is asked, and kept by all who ask it.
//!
//! One value is shared by everybody in a process who plays users, judges or distils: limits belong to an account, not to a
//! role. It learns requests and tokens per minute from the headers of answers, feels its way where there are none, stops
//! for whom a provider asks to wait, and leaves a provider alone that is down. Each model at each provider has a queue of its
//! own, so that none stalls another.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use crate::http::is_local;
use flight::Flight;
use lane::Lane;

pub(crate) use attempts::{Call, Queue, Reply};
pub use headers::Measure;

mod attempts;
mod breaker;
mod flight;
mod forecast;
mod headers;
mod lane;
mod state;
mod verdict;
mod window;

/// What runs on one's own machine and asks providers that do not.
const GATEWAYS: [&str; 2] = ["gateway", "endpoints"];

/// The limits of all providers that a process asks. Cheap to clone; all clones are one.
///
/// Whoever opens several models with the same [`ModelSettings`](super::ModelSettings) has them share what they learn.
///
/// ```
/// use reenact::model::Limits;
///
/// let limits = Limits::default();
/// limits.on_wait(|wait| println!("{wait}"));
/// ```
#[derive(Clone, Default)]
pub struct Limits(Arc<Lanes>);

#[derive(Default)]
struct Lanes {
    lanes: Mutex<HashMap<(String, String), Arc<Lane>>>,
    announce: Announce,
}

impl Limits {
    /// Has somebody told whenever everybody who asks a model must wait for two seconds or more, once for each such wait.
    /// The last one to ask for it is told.
    pub fn on_wait(&self, tell: impl Fn(&Wait) + Send + Sync + 'static) {
        *self.0.announce.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tell));
    }

    /// The queue before a model at an address, for a provider of this prefix.
    pub(crate) fn queue(&self, prefix: &str, url: &Url, model: &str) -> Queue {
        let host = url.authority().to_owned();
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry((host.clone(), model.to_owned())).or_insert_with(|| {
            let is_ones_own = is_local(url) && !GATEWAYS.contains(&prefix);
            let flight = if is_ones_own { Flight::bold() } else { Flight::careful() };
            let provider = if prefix == "http" { host } else { prefix.to_owned() };
            Arc::new(Lane::new(provider, model.to_owned(), flight, self.0.announce.clone()))
        });
        Queue::new(Arc::clone(lane))
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = lanes.keys().collect();
        names.sort();
        f.debug_tuple("Limits").field(&names).finish()
    }
}

/// A wait of everybody who asks a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The provider's prefix, or its host where it is named by an address.
    pub provider: String,
    /// The model.
    pub model: String,
    /// How long it is.
    pub wait: Duration,
    /// Why.
    pub why: WaitReason,
}

/// Why everybody who asks a model waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The provider asked for it, with `Retry-After` or the like.
    Asked,
    /// A limit for a minute, and how much it allows.
    Limit(Measure, u64),
    /// The provider does not answer.
    Down,
    /// As many calls are in flight as the provider takes.
    InFlight,
}

impl fmt::Display for Wait {
    /// `openai: waiting 12 s for its limit of 500 requests per minute (gpt-5)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait { provider, model, wait, why } = self;
        write!(f, "{provider}: waiting {} s ", wait.as_secs_f64().ceil())?;
        match why {
            WaitReason::Asked => f.write_str("as it asks"),
            WaitReason::Limit(measure, limit) => write!(f, "for its limit of {limit} {} per minute", measure.as_str()),
            WaitReason::Down => f.write_str("because it does not answer"),
            WaitReason::InFlight => f.write_str("for answers"),
        }?;
        write!(f, " ({model})")
    }
}

/// Who is told of waits.
#[derive(Clone, Default)]
struct Announce(Arc<Mutex<Option<Listener>>>);

type Listener = Arc<dyn Fn(&Wait) + Send + Sync>;

impl Announce {
    fn tell(&self, wait: &Wait) {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener(wait);
        }
    }
}

/// What a call uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    input: u64,
    /// Of the input, what came from a cache.
    cached: u64,
    output: u64,
}

impl Used {
    fn of(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Requests => 1,
            Measure::Tokens => self.input.saturating_add(self.output),
            // Anthropic, who alone limits input apart, does not count what comes from its cache.
            Measure::InputTokens => self.input.saturating_sub(self.cached),
            Measure::OutputTokens => self.output,
        }
    }
}
