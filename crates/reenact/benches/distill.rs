//! How many sessions a second the offline engine distils on one core.
//!
//! ```text
//! cargo bench -p reenact --bench distill -- FILE_OR_FOLDER...
//! ```
//!
//! The sessions of a file are read into memory first and distilled several times over; the median counts.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reenact::distill::{Distilled, Distiller, distill};
use reenact::import::{Input, Options, import};
use reenact::{Session, SessionQuery, Speaker, Store};

const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err("name the files or folders whose sessions are to be distilled".into());
    }
    println!("{:20} {:>9} {:>12} {:>12} {:>12}", "file", "sessions", "user words", "sessions/s", "words/s");
    paths.iter().try_for_each(|path| line(path))
}

fn line(path: &Path) -> Result<(), Box<dyn Error>> {
    let sessions = sessions(path)?;
    let words: usize = sessions.iter().map(user_words).sum();
    let mut times = (0..ROUNDS).map(|_| seconds(&sessions)).collect::<Result<Vec<f64>, _>>()?;
    times.sort_by(f64::total_cmp);
    let median = times[ROUNDS / 2];
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    println!(
        "{name:20} {:9} {words:12} {:12.0} {:12.0}",
        sessions.len(),
        sessions.len() as f64 / median,
        words as f64 / median
    );
    Ok(())
}

fn sessions(path: &Path) -> reenact::Result<Vec<Session>> {
    let store = Store::temporary()?;
    import(vec![Input::from(path)], &Options::default(), &store, &mut |_| {})?;
    store.read_sessions(&SessionQuery::default())?.collect()
}

fn user_words(session: &Session) -> usize {
    session.conversation.by(Speaker::User).map(|message| message.text.split_whitespace().count()).sum()
}

fn seconds(sessions: &[Session]) -> reenact::Result<f64> {
    let handed_over: Vec<reenact::Result<Session>> = sessions.iter().cloned().map(Ok).collect();
    let began = cpu_time();
    let Distilled { cases, skipped, .. } = futures::executor::block_on(distill(handed_over, Distiller::Offline))?;
    let spent = cpu_time().saturating_sub(began);
    assert_eq!(cases.len() + skipped.len(), sessions.len(), "each session is a case or is skipped");
    Ok(spent.as_secs_f64())
}

/// The time that this thread has had a processor, where the system says: on a busy machine the wall clock
/// measures the neighbours.
fn cpu_time() -> Duration {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedule.and_then(|text| text.split(' ').next().and_then(|first| first.parse().ok()));
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
