//! One call to a model, with as many attempts as it takes, each when its turn has come, until the deadline.

use std::sync::Arc;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::Url;
use tokio::time::{Duration, Instant, sleep, timeout_at};

use super::Used;
use super::lane::{Hopeless, Lane, Settlement};
use super::state::Fate;
use super::verdict::Verdict;
use crate::Usage;
use crate::http::{Answer, HttpFault, HttpFaultKind};

/// Attempts after the first, where a provider fails rather than asks to wait. A fault that passes has passed by then.
const RETRIES_MAX: usize = 4;

/// The first wait; each after it is twice as long. All get up to as much again at random, so that many calls that
/// failed together do not come back together.
const DELAY_FIRST: Duration = Duration::from_millis(250);

/// No wait of our own choosing is longer than twice this.
const DELAY_MAX: Duration = Duration::from_secs(8);

/// What an attempt gets of the time that is left, until one has hung: so that there is time for another.
const SHARE_OF_TIME: f64 = 2.0 / 3.0;

/// What is added to a wait that the provider asks for at the most, at random: it asks others for the same.
const SPREAD: f64 = 1.0 / 8.0;

/// Where to ask one model at one provider.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Lane>);

/// What a provider answered.
pub(crate) struct Reply {
    /// The body of a successful answer: JSON, whole.
    pub(crate) body: Vec<u8>,
    settlement: Settlement,
}

impl Reply {
    /// Tells the limits what the answer used, as the provider counts it.
    pub(crate) fn used(&self, usage: Usage) {
        let Usage { input_tokens: input, cached_tokens: cached, output_tokens: output, .. } = usage;
        self.settlement.settle(Used { input, cached, output });
    }
}

impl Queue {
    pub(super) fn new(lane: Arc<Lane>) -> Self {
        Queue(lane)
    }

    /// Asks, and gives the body of a successful answer.
    ///
    /// The call waits for its turn, which is not counted against its time: that the queue is long is no fault of the
    /// provider. Everything after that is, further attempts and the waits between them included. It is tried again on
    /// refusals that pass (408, 429, 5xx), on connections that fail or break off, on answers that are not whole, and once
    /// on silence.
    ///
    /// `exchange` makes one attempt, until a moment at the latest.
    ///
    /// # Errors
    /// Why there is no answer: the last attempt's reason, with how many there were.
    pub(crate) async fn call<F, Fut>(&self, call: Call<'_>, exchange: F) -> Result<Reply, HttpFault>
    where
        F: Fn(Instant) -> Fut,
        Fut: Future<Output = Result<Answer, HttpFault>>,
    {
        let entered = self.0.enter(call.bytes, call.timeout).await;
        let mut permit = entered.map_err(|hopeless| self.not_asked(hopeless))?;
        let mut attempts = Attempts::new(call.timeout);
        loop {
            let returned = exchange(attempts.next_until()).await;
            let verdict = Verdict::on(&returned, call.url);
            let fate = verdict.fate();
            let settlement = permit.came_back(spread(fate), returned.as_ref().ok().map(|answer| &answer.headers));
            let fault = match verdict {
                Verdict::Whole => return returned.map(|Answer { body, .. }| Reply { body, settlement }),
                Verdict::Final(fault) => return Err(fault),
                Verdict::Again(fault, _) => fault,
            };
            attempts.wait(&fault, fate).await.map_err(|why| attempts.over(&fault, &why))?;
            let entered = timeout_at(attempts.deadline, self.0.enter_again(call.bytes, attempts.deadline)).await;
            permit = entered.ok().and_then(Result::ok).ok_or_else(|| attempts.over(&fault, ""))?;
        }
    }

    /// The fault of a call that was never sent.
    fn not_asked(&self, hopeless: Hopeless) -> HttpFault {
        let reason = match hopeless {
            Hopeless::Down(down) => format!("has not answered for {} s", down.as_secs()),
            Hopeless::TooLong(wait) => format!("asks to wait {} s", wait.as_secs_f64().ceil()),
        };
        HttpFault::new(HttpFaultKind::Unreachable, format!("{} {reason}; it was not asked", self.0.provider()))
    }
}

/// What is asked, as far as it matters here.
pub(crate) struct Call<'a> {
    pub(crate) url: &'a Url,
    /// How long the question is.
    pub(crate) bytes: usize,
    /// For all attempts, from when it is its turn.
    pub(crate) timeout: Duration,
}

/// The attempts at one call so far, and the time that is left for more.
struct Attempts {
    deadline: Instant,
    delays: ExponentialBackoff,
    made: usize,
    failed: usize,
    has_hung: bool,
}

impl Attempts {
    fn new(timeout: Duration) -> Self {
        let delays = ExponentialBuilder::default().with_min_delay(DELAY_FIRST).with_max_delay(DELAY_MAX);
        let delays = delays.without_max_times().with_jitter().build();
        Attempts { deadline: Instant::now() + timeout, delays, made: 0, failed: 0, has_hung: false }
    }

    /// Until when the next attempt may take.
    fn next_until(&mut self) -> Instant {
        self.made += 1;
        let left = self.deadline.saturating_duration_since(Instant::now());
        Instant::now() + if self.has_hung { left } else { left.mul_f64(SHARE_OF_TIME) }
    }

    /// Waits for as long as it takes until another attempt may do better; where the provider says how long, its queue
    /// waits for all.
    ///
    /// # Errors
    /// Where another attempt is not worth it, with what is to be said of that.
    async fn wait(&mut self, fault: &HttpFault, fate: Fate) -> Result<(), String> {
        let has_hung = fault.kind == HttpFaultKind::TimedOut;
        self.has_hung |= has_hung;
        self.failed += usize::from(fate == Fate::Failed);
        if self.failed > RETRIES_MAX {
            return Err(String::new());
        }
        let asked = match fate {
            Fate::TooMuch(asked) | Fate::Overloaded(asked) => asked,
            Fate::Failed | Fate::Answered => None,
        };
        // Silence was wait enough.
        let own = if has_hung { Duration::ZERO } else { self.delays.next().unwrap_or(DELAY_MAX) };
        if Instant::now() + asked.unwrap_or(own) >= self.deadline {
            return Err(asked.map_or_else(String::new, |asked| format!("; it asks to wait {} s", asked.as_secs())));
        }
        if asked.is_none() {
            sleep(own).await;
        }
        Ok(())
    }

    /// The last fault, saying how many there were.
    fn over(&self, fault: &HttpFault, why: &str) -> HttpFault {
        let times = if self.made > 1 { format!(" (asked {} times)", self.made) } else { String::new() };
        HttpFault { reason: format!("{}{why}{times}", fault.reason), ..fault.clone() }
    }
}

/// The wait that a provider asks for, and a little more.
fn spread(fate: Fate) -> Fate {
    let spread = |asked: Option<Duration>| asked.map(|asked| asked + asked.mul_f64(fastrand::f64() * SPREAD));
    match fate {
        Fate::TooMuch(asked) => Fate::TooMuch(spread(asked)),
        Fate::Overloaded(asked) => Fate::Overloaded(spread(asked)),
        fate => fate,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    use futures::future::join_all;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::super::{Limits, Wait};
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(180);
    const SECOND: Duration = Duration::from_secs(1);

    /// A provider far away, of which nothing is known yet.
    fn queue_of(limits: &Limits, model: &str) -> Queue {
        limits.queue("http", &Url::parse("https://far.example/v1").unwrap(), model)
    }

    fn answers(status: u16, headers: &[(&'static str, &str)]) -> Result<Answer, HttpFault> {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Answer { status, headers: headers.iter().map(header).collect(), body: b"{}".to_vec() })
    }

    fn fails(kind: HttpFaultKind) -> Result<Answer, HttpFault> {
        Err(HttpFault::new(kind, format!("{kind:?}")))
    }

    /// Makes one call; the provider's answer to the nth attempt at it, from 0, is up to the test.
    async fn call<Fut>(queue: &Queue, timeout: Duration, provider: impl Fn(usize, Instant) -> Fut) -> Result<(), String>
    where
        Fut: Future<Output = Result<Answer, HttpFault>>,
    {
        let url = Url::parse("https://far.example/v1").unwrap();
        let made = AtomicUsize::new(0);
        let exchange = |until| provider(made.fetch_add(1, Ordering::Relaxed), until);
        let reply = queue.call(Call { url: &url, bytes: 300, timeout }, exchange).await;
        reply.map(|reply| reply.used(Usage::default())).map_err(|fault| fault.reason)
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_asks_for_a_wait_gets_it() {
        let began = Instant::now();
        let provider = |n: usize, _| async move { answers([429, 200][n], &[("retry-after", "8")]) };
        assert_eq!(call(&queue_of(&Limits::default(), "m"), TIMEOUT, provider).await, Ok(()));
        assert!((8 * SECOND..=9 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_attempt_would_not_cure_is_asked_once() {
        for status in [400, 401, 403, 404] {
            let asked = AtomicU32::new(0);
            let provider = |_, _| async {
                asked.fetch_add(1, Ordering::Relaxed);
                answers(status, &[])
            };
            let fault = call(&queue_of(&Limits::default(), "m"), TIMEOUT, provider).await.unwrap_err();
            assert!(fault.contains(&status.to_string()) && !fault.contains("times"), "{fault}");
            assert_eq!(asked.into_inner(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn faults_that_pass_are_asked_again_a_few_times() {
        let provider = |n: usize, _| async move {
            match n {
                0 => answers(500, &[]),
                1 => fails(HttpFaultKind::BrokenOff),
                2 => fails(HttpFaultKind::Unreachable),
                _ => answers(200, &[]),
            }
        };
        assert_eq!(call(&queue_of(&Limits::default(), "m"), TIMEOUT, provider).await, Ok(()));
        let broken = |_, _| async { fails(HttpFaultKind::BrokenOff) };
        let fault = call(&queue_of(&Limits::default(), "m"), TIMEOUT, broken).await;
        assert_eq!(fault.unwrap_err(), "BrokenOff (asked 5 times)");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_given_up_early_enough_for_another_attempt_and_the_deadline_holds() {
        let began = Instant::now();
        let silent = |_, until| async move {
            tokio::time::sleep_until(until).await;
            fails(HttpFaultKind::TimedOut)
        };
        let once = |n: usize, until| async move { if n == 0 { silent(n, until).await } else { answers(200, &[]) } };
        assert_eq!(call(&queue_of(&Limits::default(), "m"), 30 * SECOND, once).await, Ok(()));
        assert!((20 * SECOND..21 * SECOND).contains(&began.elapsed()));
        let began = Instant::now();
        let fault = call(&queue_of(&Limits::default(), "m"), 30 * SECOND, silent).await.unwrap_err();
        assert_eq!((fault.as_str(), began.elapsed().as_secs()), ("TimedOut (asked 2 times)", 30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_a_call_may_take_is_not_begun_by_anybody() {
        let queue = queue_of(&Limits::default(), "m");
        let began = Instant::now();
        let provider = |_, _| async { answers(429, &[("retry-after", "3600")]) };
        let fault = call(&queue, TIMEOUT, provider).await.unwrap_err();
        assert!(fault.contains("429") && fault.ends_with("; it asks to wait 3600 s"), "{fault}");
        let fault = call(&queue, TIMEOUT, |_, _| async { unreachable!() }).await.unwrap_err();
        assert!(fault.starts_with("far.example asks to wait ") && fault.ends_with("it was not asked"), "{fault}");
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_for_a_provider_that_asks_for_it_and_people_are_told_once() {
        let limits = Limits::default();
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        limits.on_wait(move |wait: &Wait| listener.lock().unwrap().push(wait.to_string()));
        let queue = queue_of(&limits, "m");
        let (began, asked) = (Instant::now(), AtomicU32::new(0));
        let provider = |_, _| async {
            let is_first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            assert!(is_first || began.elapsed() >= 40 * SECOND, "it asked to be left alone");
            answers(if is_first { 429 } else { 200 }, &[("retry-after", "40")])
        };
        let results = join_all((0..100).map(|_| call(&queue, TIMEOUT, provider))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(asked.load(Ordering::Relaxed), 101);
        let told = told.lock().unwrap();
        assert!(told.len() == 1 && told[0].ends_with("s as it asks (m)"), "{told:?}");
    }

    /// A provider with a token bucket for requests, as Anthropic and OpenAI have them, and the headers to go with it.
    struct Bucket {
        per_minute: f64,
        level: Mutex<(f64, Instant)>,
        refused: AtomicU32,
    }

    impl Bucket {
        fn new(per_minute: u32) -> Self {
            let per_minute = f64::from(per_minute);
            Bucket { per_minute, level: Mutex::new((per_minute, Instant::now())), refused: AtomicU32::new(0) }
        }

        fn take(&self) -> Result<Answer, HttpFault> {
            let mut level = self.level.lock().unwrap();
            let refill = level.1.elapsed().as_secs_f64() * self.per_minute / 60.0;
            *level = ((level.0 + refill).min(self.per_minute), Instant::now());
            let limit = ("x-ratelimit-limit-requests", &*self.per_minute.to_string());
            if level.0 < 1.0 {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return answers(429, &[limit, ("retry-after-ms", "500")]);
            }
            level.0 -= 1.0;
            answers(200, &[limit, ("x-ratelimit-remaining-requests", &level.0.floor().to_string())])
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_was_learned_is_never_passed_and_all_get_their_turn() {
        let (bucket, began) = (Bucket::new(60), Instant::now());
        let queue = queue_of(&Limits::default(), "m");
        let provider = |_, _| async {
            sleep(SECOND).await;
            bucket.take()
        };
        let results = join_all((0..500).map(|_| call(&queue, 5 * SECOND, provider))).await;
        assert!(results.iter().all(Result::is_ok), "waiting for one's turn is not counted");
        assert_eq!(bucket.refused.into_inner(), 0);
        assert!(began.elapsed() < 9 * 61 * SECOND, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn two_processes_on_one_account_share_it_without_many_refusals() {
        let bucket = Bucket::new(100);
        let (one, other) = (queue_of(&Limits::default(), "m"), queue_of(&Limits::default(), "m"));
        let provider = |_, _| async {
            sleep(SECOND).await;
            bucket.take()
        };
        let calls = (0..600).map(|n| call(if n % 2 == 0 { &one } else { &other }, TIMEOUT, provider));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        let refused = bucket.refused.into_inner();
        assert!(refused <= 120, "{refused} of 600");
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_headers_the_way_is_felt() {
        let (in_flight, asked) = (AtomicU32::new(0), AtomicU32::new(0));
        let provider = |_, _| async {
            asked.fetch_add(1, Ordering::Relaxed);
            let too_many = in_flight.fetch_add(1, Ordering::Relaxed) >= 40;
            sleep(if too_many { SECOND / 10 } else { SECOND }).await;
            in_flight.fetch_sub(1, Ordering::Relaxed);
            answers(if too_many { 429 } else { 200 }, &[])
        };
        let queue = queue_of(&Limits::default(), "m");
        let began = Instant::now();
        let results = join_all((0..2000).map(|_| call(&queue, TIMEOUT, provider))).await;
        assert!(results.iter().all(Result::is_ok));
        let (asked, rounds) = (asked.into_inner(), began.elapsed().as_secs());
        assert!(asked <= 2300, "{asked} attempts for 2000 answers");
        assert!(rounds <= 100, "{rounds} s where 50 would be perfect");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_is_down_is_left_alone_and_soon_given_up_on() {
        let (asked, began) = (AtomicU32::new(0), Instant::now());
        let provider = |_, _| async {
            asked.fetch_add(1, Ordering::Relaxed);
            fails(HttpFaultKind::Unreachable)
        };
        let queue = queue_of(&Limits::default(), "m");
        let faults = join_all((0..1000).map(|_| call(&queue, TIMEOUT, provider))).await;
        assert!(faults.iter().all(Result::is_err));
        assert!(asked.load(Ordering::Relaxed) < 50, "{asked:?}");
        assert!(began.elapsed() < 40 * SECOND, "{:?}", began.elapsed());
        let fault = call(&queue, TIMEOUT, provider).await.unwrap_err();
        assert!(fault.starts_with("far.example has not answered for 3"), "{fault}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_outage_is_waited_out_by_all() {
        let began = Instant::now();
        let provider = |_, _| async {
            sleep(SECOND / 10).await;
            if began.elapsed() < 12 * SECOND { fails(HttpFaultKind::BrokenOff) } else { answers(200, &[]) }
        };
        let queue = queue_of(&Limits::default(), "m");
        let results = join_all((0..1000).map(|_| call(&queue, TIMEOUT, provider))).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_model_that_is_down_stalls_no_other() {
        let limits = Limits::default();
        let (down, up) = (queue_of(&limits, "down"), queue_of(&limits, "up"));
        let began = Instant::now();
        let failing =
            join_all((0..100).map(|_| call(&down, TIMEOUT, |_, _| async { fails(HttpFaultKind::BrokenOff) })));
        let working = async {
            let results = join_all((0..100).map(|_| call(&up, TIMEOUT, |_, _| async { answers(200, &[]) }))).await;
            (results.iter().all(Result::is_ok), began.elapsed())
        };
        let (_, worked) = tokio::join!(failing, working);
        assert_eq!(worked, (true, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_gives_its_place_back() {
        let queue = queue_of(&Limits::default(), "m");
        let hanging = |_, _| std::future::pending();
        let given_up = (0..100).map(|_| tokio::time::timeout(SECOND, call(&queue, TIMEOUT, hanging)));
        assert!(join_all(given_up).await.iter().all(Result::is_err));
        assert_eq!(call(&queue, SECOND, |_, _| async { answers(200, &[]) }).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_refused_goes_before_those_who_were_not_asked_for_yet() {
        let queue = queue_of(&Limits::default(), "m");
        let order = Mutex::new(Vec::new());
        let calls = (0..40).map(|caller: usize| {
            let (queue, order) = (&queue, &order);
            async move {
                let provider = |n: usize, _| async move {
                    sleep(SECOND).await;
                    answers(if caller == 0 && n == 0 { 429 } else { 200 }, &[("retry-after-ms", "100")])
                };
                call(queue, TIMEOUT, provider).await.unwrap();
                order.lock().unwrap().push(caller);
            }
        });
        join_all(calls).await;
        let order = order.into_inner().unwrap();
        let refused = order.iter().position(|caller| *caller == 0).unwrap();
        assert!((15..=30).contains(&refused), "{order:?}");
        assert!(order.iter().filter(|caller| **caller != 0).is_sorted(), "first come, first served: {order:?}");
    }
}
