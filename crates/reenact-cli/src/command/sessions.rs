//! `reenact sessions`: which sessions the store holds, which of them show trouble, and what a suite lacks of them; and
//! `reenact sessions show`: one of them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use reenact::distill::curation::Curation;
use reenact::interchange::traces::{TraceStore, export};
use reenact::signals::{Signal, signals, trouble};
use reenact::{Result, SessionQuery, SessionSummary, Store};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Global;
use crate::output::file;
use crate::output::sessions::Length;
use crate::{exit, output, suites};

/// Below this an id is hard to recognise, even where fewer characters would do.
const SHORT_ID_CHARS_MIN: usize = 8;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_value_name = "show ID")]
pub(crate) struct Args {
    #[command(subcommand)]
    one: Option<One>,
    /// Words, '"phrases in quotes"', turns>=3, after:2025-09-01, before:DATE, source:TEXT, id:START,
    /// user:NAME, meta.KEY=VALUE; all of them must hold
    #[arg(value_name = "QUERY")]
    query: Vec<String>,
    /// How many sessions to show, the newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// Show the signs of trouble in each session, with their turns; the most troubled first
    #[arg(long)]
    signals: bool,
    /// Show what the users of these sessions want, in clusters, and of which clusters a suite has no case
    #[arg(long, value_name = "SUITE", conflicts_with = "signals")]
    coverage: Option<PathBuf>,
    /// Write all sessions that match as this store exports traces, into the file that `--output` names: langfuse or langsmith
    #[arg(long, value_name = "STORE", requires = "output", conflicts_with_all = ["signals", "coverage"])]
    to: Option<TraceStore>,
    /// Where `--to` writes, as JSON lines
    #[arg(short, long, value_name = "FILE", requires = "to")]
    output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Show one session as a person would read it
    Show {
        /// The session's id, or the start of it
        id: String,
        /// Show tool results and prompts in full
        #[arg(long)]
        full: bool,
    },
}

/// What `--json` prints of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Found {
    /// How many sessions match, shown or not.
    matched: usize,
    /// Those that are shown, the newest first.
    sessions: Vec<SessionSummary>,
}

/// What `--to --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Exported {
    /// The file that was written.
    output: PathBuf,
    /// How many sessions are in it.
    sessions: usize,
}

/// What `--signals --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Signalled {
    /// How many sessions match, shown or not.
    matched: usize,
    /// How many of them show signs of trouble.
    troubled: usize,
    /// Those that are shown, the most troubled first, then the newest.
    sessions: Vec<Troubled>,
}

/// A session with the signs of trouble in it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Troubled {
    /// The session.
    #[serde(flatten)]
    pub(crate) session: SessionSummary,
    /// How much trouble they tell of: a number to sort by.
    pub(crate) trouble: u32,
    /// The signs, in the order of the turns.
    pub(crate) signals: Vec<Signal>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    match &args.one {
        Some(One::Show { id, full }) => show(&store, id, if *full { Length::Whole } else { Length::Shortened }, global),
        None => match &args.coverage {
            Some(suite) => coverage(&store, suite, args, global),
            None if args.signals => troubled(&store, args, global),
            None if args.to.is_some() => exported(&store, args, global),
            None => list(&store, args, global),
        },
    }?;
    Ok(exit::PASSED)
}

fn show(store: &Store, id: &str, length: Length, global: &Global) -> Result<()> {
    let session = store.session(id)?;
    if global.json {
        return output::json(&session);
    }
    output::text(&output::sessions::session(&session, length, output::width()))
}

fn list(store: &Store, args: &Args, global: &Global) -> Result<()> {
    let query: SessionQuery = args.query.join(" ").parse()?;
    let matched = store.count_sessions(&query)?;
    let sessions = store.sessions(&query.clone().limit(args.limit))?;
    if global.json {
        return output::json(&Found { matched, sessions });
    }
    if matched == 0 {
        return output::text(&nothing(&query));
    }
    let row = |session: SessionSummary| Ok((short_id(store, &session)?, session));
    let rows = sessions.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    output::text(&output::sessions::list(&rows, matched, output::width()))
}

/// Writes the sessions that match for another store.
fn exported(store: &Store, args: &Args, global: &Global) -> Result<()> {
    let (Some(to), Some(path)) = (args.to, args.output.as_deref()) else { return Ok(()) };
    let query: SessionQuery = args.query.join(" ").parse()?;
    let (mut text, mut sessions) = (String::new(), 0);
    for session in store.read_sessions(&query)? {
        text += &export(&session?, to);
        sessions += 1;
    }
    file::write(path, &text)?;
    if global.json {
        return output::json(&Exported { output: path.to_owned(), sessions });
    }
    let counted = output::counted(sessions, "session");
    output::text(&output::printable(&format!("{counted} for {to} in {}\n", path.display())))
}

fn short_id(store: &Store, session: &SessionSummary) -> Result<String> {
    store.short_session_id(&session.id, SHORT_ID_CHARS_MIN)
}

/// Looks through all sessions that match, and shows those with the most trouble.
fn troubled(store: &Store, args: &Args, global: &Global) -> Result<()> {
    let query: SessionQuery = args.query.join(" ").parse()?;
    let mut found = Vec::new();
    let mut matched = 0;
    for session in store.read_sessions(&query)? {
        let session = session?;
        let signals = signals(&session);
        matched += 1;
        if !signals.is_empty() {
            found.push((session.id, signals));
        }
    }
    let troubled = found.len();
    // A sort that keeps the order of equals keeps the newest first.
    found.sort_by_key(|(_, signals)| Reverse(trouble(signals)));
    found.truncate(args.limit);
    let mut summaries: HashMap<String, SessionSummary> =
        store.sessions(&query)?.into_iter().map(|summary| (summary.id.clone(), summary)).collect();
    let with_summary = |(id, signals): (String, Vec<Signal>)| {
        let session = summaries.remove(&id)?;
        Some(Troubled { session, trouble: trouble(&signals), signals })
    };
    let sessions: Vec<Troubled> = found.into_iter().filter_map(with_summary).collect();
    if global.json {
        return output::json(&Signalled { matched, troubled, sessions });
    }
    if matched == 0 {
        return output::text(&nothing(&query));
    }
    let row = |session: Troubled| Ok((short_id(store, &session.session)?, session));
    let rows = sessions.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    output::text(&output::curation::signals(&rows, (troubled, matched), output::width()))
}

fn coverage(store: &Store, suite: &Path, args: &Args, global: &Global) -> Result<()> {
    let cases = suites::load(suite)?.cases;
    let query: SessionQuery = args.query.join(" ").parse()?;
    let coverage = Curation::of(store.read_sessions(&query)?)?.coverage(&cases);
    if global.json {
        return output::json(&coverage);
    }
    if coverage.clusters.is_empty() {
        return output::text(&nothing(&query));
    }
    output::text(&output::curation::coverage(&coverage, output::width()))
}

fn nothing(query: &SessionQuery) -> String {
    match query.to_string().as_str() {
        "" => "The store holds no session yet; `reenact import` reads them.\n".to_owned(),
        query => format!("No session matches {}\n", output::printable(query)),
    }
}
