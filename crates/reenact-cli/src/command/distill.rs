//! `reenact distill`: turns sessions into a suite of test cases.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reenact::distill::{Distilled, Distiller};
use reenact::journal::Journal;
use reenact::model::Engine;
use reenact::{Error, ErrorKind, Result, Session, SessionQuery, Skipped, Store, Suite};

use crate::args::Global;
use crate::output::counted;
use crate::runtime::runtime;
use crate::{exit, output, participants};

/// Providers take this many at once from a small account.
const CALLS_AT_ONCE: usize = 16;

/// How many of the things left out are named on the terminal.
const NAMED_MAX: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The sessions, by id or the start of an id; all of them where none is named
    #[arg(value_name = "SESSION", conflicts_with = "query")]
    sessions: Vec<String>,
    /// Where to write the suite: .yaml for people, .jsonl for machines
    #[arg(short, long, value_name = "SUITE")]
    output: PathBuf,
    /// What distils: a model's name, or offline
    #[arg(long, value_name = "M", default_value = "offline")]
    model: String,
    /// The sessions that a query finds, as `reenact sessions` takes it
    #[arg(long, value_name = "Q")]
    query: Option<String>,
    /// Make several cases of a session where the user plainly turned to something else
    #[arg(long)]
    split: bool,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    if args.output.exists() {
        let error =
            Error::new(ErrorKind::Usage, "the file exists, and may hold somebody's edits").at(&args.output, None);
        return Err(error.hint("name another file, or move this one away"));
    }
    Suite::check_name(&args.output)?;
    output::file::can_be_made(&args.output)?;
    let engine = participants::engine(&args.model)?;
    let store = Store::open_existing(&global.store)?;
    let distilled = distill(args, &store, &engine)?;
    let distilled = if args.split { distilled.apart() } else { distilled };
    if distilled.cases.is_empty() {
        name_some("no case from", &distilled.skipped);
        return Err(nothing(&distilled));
    }
    let suite = Suite { name: stem(args), cases: distilled.cases.clone() };
    suite.save(&args.output)?;
    report(&distilled, args, global)?;
    Ok(exit::PASSED)
}

fn distill(args: &Args, store: &Store, engine: &Engine) -> Result<Distilled> {
    let sessions = sessions(args, store)?;
    let runtime = runtime()?;
    match engine {
        Engine::Offline => {
            output::note("distilling offline, without a model: every word is the users' own");
            runtime.block_on(reenact::distill::distill(sessions, Distiller::Offline))
        }
        Engine::Model(model) => {
            let journal = Journal::of_distillation(store)?;
            let distiller = Distiller::Model { model, journal: &journal, calls_at_once: CALLS_AT_ONCE };
            runtime.block_on(reenact::distill::distill(sessions, distiller))
        }
    }
}

/// The sessions that the arguments name, read one at a time.
fn sessions<'a>(args: &'a Args, store: &'a Store) -> Result<Box<dyn Iterator<Item = Result<Session>> + 'a>> {
    if !args.sessions.is_empty() {
        return Ok(Box::new(args.sessions.iter().map(|id| store.session(id))));
    }
    let query: SessionQuery = args.query.as_deref().unwrap_or("").parse()?;
    Ok(Box::new(store.read_sessions(&query)?))
}

/// What came of it: counts on stderr, the first of what was left out by name.
fn report(distilled: &Distilled, args: &Args, global: &Global) -> Result<()> {
    let Distilled { cases, skipped, dropped, splits } = distilled;
    let given: BTreeSet<_> = cases.iter().filter_map(|case| Some(&case.origin.as_ref()?.session)).collect();
    let sessions = given.len() + skipped.len();
    output::note(format_args!(
        "{}: {} in {}, {} skipped",
        counted(sessions, "session"),
        counted(cases.len(), "case"),
        args.output.display(),
        skipped.len()
    ));
    name_some("no case from", skipped);
    name_some("left out of a case:", dropped);
    if let Some(first) = splits.first() {
        output::note(format_args!(
            "{} to something else, the first in session {}; `--split` makes a case of each goal",
            turns(splits.len()),
            output::printable(&first.session)
        ));
    }
    let unchecked = cases.iter().filter(|case| case.expectations.is_empty()).count();
    if unchecked > 0 {
        output::note(format_args!(
            "{unchecked} of {} without expectations: inconclusive until somebody says what to expect",
            counted(cases.len(), "case")
        ));
    }
    if global.json { output::json(distilled) } else { Ok(()) }
}

fn turns(sessions: usize) -> String {
    let verb = if sessions == 1 { "turns" } else { "turn" };
    format!("{} plainly {verb}", counted(sessions, "session"))
}

fn name_some(what: &str, left_out: &[Skipped]) {
    for skipped in left_out.iter().take(NAMED_MAX) {
        output::note(format_args!("  {what} {}", output::printable(&skipped.to_string())));
    }
    if left_out.len() > NAMED_MAX {
        output::note(format_args!("  … and {} more; `--json` names them all", left_out.len() - NAMED_MAX));
    }
}

fn nothing(distilled: &Distilled) -> Error {
    let error = match distilled.skipped.first() {
        None => Error::new(ErrorKind::Usage, "there are no sessions to distil"),
        Some(first) => Error::new(ErrorKind::Usage, format!("no session gave a case; {first}")),
    };
    error.hint("see `reenact sessions` for what is stored, and `reenact import` to add more")
}

/// The suite is named as its file.
fn stem(args: &Args) -> Option<String> {
    args.output.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}
