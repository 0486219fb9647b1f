//! `reenact sessions`: which sessions the store holds, and `reenact sessions show`: one of them.

use clap::Subcommand;
use reenact::{Result, SessionQuery, SessionSummary, Store};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::Global;
use crate::output::sessions::Length;
use crate::{exit, output};

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

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    match &args.one {
        Some(One::Show { id, full }) => show(&store, id, if *full { Length::Whole } else { Length::Shortened }, global),
        None => list(&store, args, global),
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
    let short_id = |session: &SessionSummary| store.short_session_id(&session.id, SHORT_ID_CHARS_MIN);
    let rows = sessions.into_iter().map(|session| Ok((short_id(&session)?, session))).collect::<Result<Vec<_>>>()?;
    output::text(&output::sessions::list(&rows, matched, output::width()))
}

fn nothing(query: &SessionQuery) -> String {
    match query.to_string().as_str() {
        "" => "The store holds no session yet; `reenact import` reads them.\n".to_owned(),
        query => format!("No session matches {}\n", output::printable(query)),
    }
}
