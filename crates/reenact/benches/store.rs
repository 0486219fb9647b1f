//! How fast sessions go into the store and are found again: `cargo bench -p reenact --bench store [SESSIONS]`.
//!
//! The sessions are made up, the same on every machine: ten turns and some 400 words each, of which some 170
//! differ, as in recorded conversations with shops and airlines. The n-th most frequent word of the language
//! is said 1/n times as often as the first, and each session comes back to words of its own.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reenact::run::Provenance;
use reenact::{Conversation, Journal, Message, Plan, Run, Session, SessionQuery, StepKey, StepRole, Store, Suite};

const VOCABULARY: usize = 50_000;
/// Words such as `the` and `you`, common to all sessions.
const COMMON: usize = 200;
const TOPIC: usize = 80;
/// Sessions between two checkpoints.
const BATCH: usize = 5_000;

/// `{}` stands for another word each time; the words of the made-up language are those of `word`.
const QUERIES: [(&str, &str); 4] = [
    ("a rare word", "{}"),
    ("two common words", "re mi"),
    ("a common phrase", "\"re mi\""),
    ("two words, a user, a time", "re {} user:user-7 after:2025-07-01"),
];
const SEARCHES: usize = 200;
const STEPS: u32 = 20_000;
/// Conversations that record their steps at the same time.
const CONVERSATIONS: u32 = 1_000;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let count: usize = numbers.next_back().unwrap_or(100_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path().join("store.db")).expect("a new store");
    put(&store, count);
    for (what, query) in QUERIES {
        search(&store, what, query);
    }
    journal(&store);
}

fn put(store: &Store, count: usize) {
    let mut speech = Speech::new();
    let (mut text, mut json, mut spent) = (0, 0, Duration::ZERO);
    let mut writer = store.write_sessions().expect("a writer");
    for first in (0..count).step_by(BATCH) {
        let sessions: Vec<Session> = (first..count.min(first + BATCH)).map(|n| speech.session(n)).collect();
        text += sessions.iter().flat_map(|s| &s.conversation.messages).map(|m| m.text.len()).sum::<usize>();
        json += sessions.iter().map(|s| serde_json::to_string(s).expect("JSON").len()).sum::<usize>();
        let began = cpu_time();
        for session in &sessions {
            assert!(writer.get(&session.id).expect("a look").is_none());
            writer.put(session, &[]).expect("a put");
        }
        writer.checkpoint().expect("a checkpoint");
        spent += cpu_time().saturating_sub(began);
    }
    let began = cpu_time();
    writer.commit().expect("a commit");
    spent += cpu_time().saturating_sub(began);
    let seconds = spent.as_secs_f64();
    let size = std::fs::metadata(store.path()).map_or(0, |file| file.len());
    println!("put      {count} sessions in {seconds:.2} s: {:.0} sessions/s", count as f64 / seconds);
    println!(
        "         {:.1} MB/s of message text, {:.1} MB/s of JSON; {:.0} MB of text in a file of {:.0} MB",
        megabytes(text) / seconds,
        megabytes(json) / seconds,
        megabytes(text),
        megabytes(size as usize)
    );
}

/// The newest twenty, as the command line asks for them.
fn search(store: &Store, what: &str, query: &str) {
    let mut times: Vec<Duration> = (0..SEARCHES)
        .map(|n| {
            let query: SessionQuery = query.replace("{}", &word(5_000 + 101 * n)).parse().expect("a query");
            let began = Instant::now();
            store.sessions(&query.limit(20)).expect("a search");
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("search   {what}: p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
}

/// Durable answers per second, of many conversations at once.
fn journal(store: &Store) {
    let plan = Plan {
        agent: "bench".into(),
        user_model: "offline".into(),
        trials: 1,
        max_turns: 8,
        concurrency: CONVERSATIONS,
        seed: 0,
        agent_timeout_seconds: 60,
        ..Plan::default()
    };
    let run = Run {
        id: "bench".into(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        plan,
        provenance: Provenance::default(),
        suite: Suite::default(),
        left_out: Vec::new(),
    };
    store.create_run(&run).expect("a run");
    let journal = Journal::open(store, "bench").expect("a journal");
    let answer = "an answer of some words ".repeat(20);
    let conversation = |n: u32| {
        let (journal, answer) = (&journal, &answer);
        async move {
            for position in 0..STEPS / CONVERSATIONS {
                let key = StepKey { case: n.to_string(), trial: 1, position, role: StepRole::Agent };
                journal.step(key, "a request", || async { answer.clone() }).await.expect("a step");
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let began = Instant::now();
    runtime.block_on(futures::future::join_all((0..CONVERSATIONS).map(conversation)));
    println!(
        "journal  {:.0} durable steps/s by {CONVERSATIONS} conversations",
        f64::from(STEPS) / began.elapsed().as_secs_f64()
    );
}

/// The time that this thread has had a processor, where the system says: on a busy machine the wall clock
/// measures the neighbours.
fn cpu_time() -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedule.and_then(|text| text.split(' ').next().and_then(|first| first.parse().ok()));
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// Makes up sessions from a fixed seed.
struct Speech {
    words: Vec<String>,
    topic: Vec<usize>,
    state: u64,
}

impl Speech {
    fn new() -> Speech {
        let words = (0..VOCABULARY).map(word).collect();
        Speech { words, topic: Vec::new(), state: 1 }
    }

    fn session(&mut self, n: usize) -> Session {
        self.topic = (0..TOPIC).map(|_| self.rank(VOCABULARY)).collect();
        let conversation: Conversation = (0..10).flat_map(|_| [self.user(), self.agent()]).collect();
        let mut session = Session::new(format!("{:016x}", self.next()), conversation);
        session.source = "openai-chat synthetic.jsonl".to_owned();
        session.started_at = jiff::Timestamp::from_second(1_750_000_000 + n as i64 * 60).ok();
        session.metadata.insert("user".to_owned(), format!("user-{}", n % 1000));
        session
    }

    fn user(&mut self) -> Message {
        Message::user(self.sentence(12))
    }

    fn agent(&mut self) -> Message {
        Message::agent(self.sentence(28))
    }

    fn sentence(&mut self, words: usize) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn word(&mut self) -> String {
        let rank = match self.next() % 5 {
            0 | 1 => {
                let at = self.next() as usize % TOPIC;
                self.topic[at]
            }
            _ => self.rank(COMMON),
        };
        self.words[rank].clone()
    }

    /// Log-uniform ranks are what Zipf's law says of words.
    fn rank(&mut self, words: usize) -> usize {
        let fraction = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((words as f64).powf(fraction) as usize - 1).min(words - 1)
    }

    /// Splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Frequent words are short.
fn word(rank: usize) -> String {
    const SYLLABLES: [&str; 16] =
        ["ta", "re", "mi", "so", "ne", "ka", "lo", "pu", "di", "en", "or", "st", "al", "ve", "in", "chu"];
    let (mut rest, mut word) = (rank + 1, String::new());
    while rest > 0 {
        word.push_str(SYLLABLES[rest % 16]);
        rest /= 16;
    }
    word
}
