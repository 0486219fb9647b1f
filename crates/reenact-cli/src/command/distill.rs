//! `reenact distill`: turns sessions into a suite of test cases.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reenact::cassette::{Recorded, Verb};
use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller, batch_scope};
use reenact::estimate::{self, Estimate};
use reenact::journal::{Charged, Journal};
use reenact::model::Engine;
use reenact::model::batch::Batch;
use reenact::run::Stop;
use reenact::{Cassette, Environment, Error, ErrorKind, Result, Session, SessionQuery, Skipped, Store, Suite};

use super::run::is_worth_recording;
use crate::args::Global;
use crate::output::counted;
use crate::runtime::runtime;
use crate::{batching, cassette, exit, interrupt, masking, output, participants, spending};

/// Providers take this many at once from a small account.
const CALLS_AT_ONCE: usize = 16;

/// The name of the embedded engine.
const OFFLINE: &str = "offline";

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
    #[command(flatten)]
    masking: masking::Args,
    #[command(flatten)]
    spending: spending::Args,
    #[command(flatten)]
    batching: batching::Args,
    #[command(flatten)]
    cassette: cassette::Args,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    if args.spending.estimate {
        return estimate(args, global);
    }
    if args.output.exists() {
        let error =
            Error::new(ErrorKind::Usage, "the file exists, and may hold somebody's edits").at(&args.output, None);
        return Err(error.hint("name another file, or move this one away"));
    }
    Suite::check_name(&args.output)?;
    output::file::can_be_made(&args.output)?;
    args.cassette.check()?;
    let store = Store::open_existing(&global.store)?;
    let distilled = match args.batching.open(&store, || Ok(batch_scope(&args.model)))? {
        Some(batch) => distill_in(&batch, args, &store)?,
        None => distill_and_record(args, &store)?,
    };
    let distilled = if args.split { distilled.apart() } else { distilled };
    if let Some(masker) = args.masking.masker(&args.model, &store)? {
        masking::check(&distilled, recordings(args, &store)?, &masker)?;
    }
    note_left(args, &store)?;
    if distilled.cases.is_empty() {
        name_some("no case from", &distilled.skipped);
        return Err(nothing(&distilled));
    }
    let suite = Suite { name: stem(args), cases: distilled.cases.clone() };
    suite.save(&args.output)?;
    report(&distilled, args, global)?;
    Ok(exit::PASSED)
}

fn distill_and_record(args: &Args, store: &Store) -> Result<Distilled> {
    let engine = participants::distiller(&args.model, &args.spending.settings())?;
    let distilled = distill(args, store, &engine);
    if is_worth_recording(&distilled) {
        args.cassette.write(|environment| record(args, store, &engine, environment))?;
    }
    distilled
}

/// What distilling would cost; nothing is stored, and no model is needed for it.
fn estimate(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    let estimate = match args.model.as_str() {
        OFFLINE => Estimate::default(),
        model => ahead(args, &store, model)?.0,
    };
    output::estimate::present(&estimate, global)?;
    Ok(exit::PASSED)
}

/// What is still to be asked, and what was charged for the answers that are there.
fn ahead(args: &Args, store: &Store, model: &str) -> Result<(Estimate, Vec<Charged>)> {
    let journal = Journal::of_distillation(store)?;
    estimate::of_distillation(sessions(args, store)?, model, &journal, &args.spending.prices()?)
}

/// What the model is held to. Where there is a cap, all that was charged before is known before anything is asked.
fn ledger(args: &Args, store: &Store, model: &str) -> Result<Ledger> {
    let price = args.spending.prices()?.price(model).map(|price| (model.to_owned(), price));
    let charged = match args.spending.max_cost {
        Some(_) => ahead(args, store, model)?.1,
        None => Vec::new(),
    };
    let ledger = Ledger::new(price.into_iter().collect(), &charged, args.spending.max_cost);
    ledger.check([model])?;
    Ok(ledger)
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
            let ledger = ledger(args, store, model.name())?;
            let distiller =
                Distiller::Model { model, journal: &journal, calls_at_once: CALLS_AT_ONCE, ledger: &ledger };
            // Without another session, the calls on their way come to their end.
            let stop = Stop::default();
            let sessions = sessions.take_while(|_| !stop.is_requested());
            let work = reenact::distill::distill(sessions, distiller);
            let distilled = runtime.block_on(interrupt::stopping(&stop, work));
            let stopped = || Error::new(ErrorKind::Interrupted, "the distillation was stopped");
            let distilled = distilled.and_then(|done| if stop.is_requested() { Err(stopped()) } else { Ok(done) });
            distilled.map_err(|error| args.spending.resumable(error, &again(args, store)))
        }
    }
}

/// Distils in rounds: what a batch answered is known in the next.
fn distill_in(batch: &Batch, args: &Args, store: &Store) -> Result<Distilled> {
    let (model, journal) = (&batching::model(batch, &args.model)?, &Journal::of_distillation(store)?);
    let work = async || {
        let ledger = &ledger(args, store, model.name())?;
        let distiller = Distiller::Model { model, journal, calls_at_once: CALLS_AT_ONCE, ledger };
        reenact::distill::distill(sessions(args, store)?, distiller).await
    };
    let distilled = batching::rounds(batch, &again(args, store), work)?;
    // Every answer stands in the journal by now.
    batch.forget()?;
    Ok(distilled)
}

/// The command that distils the same sessions again: what was answered is not asked for again.
fn again(args: &Args, store: &Store) -> String {
    let word = |word: &str| output::shell_word(word);
    let sessions: String = args.sessions.iter().map(|id| format!(" {}", word(id))).collect();
    let query = args.query.as_ref().map(|query| format!(" --query {}", word(query))).unwrap_or_default();
    let (program, file) = (output::program(store.path()), word(&args.output.to_string_lossy()));
    let (prices, batching) = (args.spending.prices_in_words(), args.batching.in_words());
    let (mask, record) = (args.masking.in_words(), args.cassette.in_words());
    format!(
        "{program} distill{sessions}{query} -o {file} --model {}{mask}{prices}{batching}{record}",
        word(&args.model)
    )
}

/// The sessions that the arguments name, as whatever distils them may read them.
fn sessions<'a>(args: &'a Args, store: &'a Store) -> Result<Box<dyn Iterator<Item = Result<Session>> + 'a>> {
    let recordings = recordings(args, store)?;
    Ok(match args.masking.masker(&args.model, store)? {
        Some(masker) => Box::new(recordings.map(move |session| masking::masked(&masker, &session?))),
        None => recordings,
    })
}

/// The sessions that the arguments name, read one at a time.
fn recordings<'a>(args: &'a Args, store: &'a Store) -> Result<Box<dyn Iterator<Item = Result<Session>> + 'a>> {
    if !args.sessions.is_empty() {
        return Ok(Box::new(args.sessions.iter().map(|id| store.session(id))));
    }
    let query: SessionQuery = args.query.as_deref().unwrap_or("").parse()?;
    Ok(Box::new(store.read_sessions(&query)?))
}

fn record(args: &Args, store: &Store, engine: &Engine, environment: &Environment) -> Result<Recorded> {
    let journal = Journal::of_distillation(store)?;
    let model = match engine {
        Engine::Offline => None,
        Engine::Model(model) => Some((model, &journal)),
    };
    let recorded = reenact::distill::record(sessions(args, store)?, model, environment)?;
    if let Some(masker) = args.masking.masker(&args.model, store)? {
        masking::check_cassette(&recorded.cassette, recordings(args, store)?, &masker)?;
    }
    Ok(recorded)
}

/// Says which sessions a cassette has that were not among those that were distilled.
fn note_left(args: &Args, store: &Store) -> Result<()> {
    let Some(file) = cassette::file(&args.model) else { return Ok(()) };
    let ids: Vec<String> = sessions(args, store)?.map(|session| Ok(session?.id)).collect::<Result<_>>()?;
    let distilled = ids.iter().map(|id| (id.as_str(), 0)).collect();
    cassette::note_left(file, &Cassette::load(file)?.conversations(Verb::Distill), &distilled);
    Ok(())
}

/// What came of it: counts on stderr, the first of what was left out by name.
fn report(distilled: &Distilled, args: &Args, global: &Global) -> Result<()> {
    let Distilled { cases, skipped, dropped, splits, cost } = distilled;
    let given: BTreeSet<_> = cases.iter().filter_map(|case| Some(&case.origin.as_ref()?.session)).collect();
    let sessions = given.len() + skipped.len();
    output::note(format_args!(
        "{}: {} in {}, {} skipped",
        counted(sessions, "session"),
        counted(cases.len(), "case"),
        args.output.display(),
        skipped.len()
    ));
    if let Some(cost) = cost {
        output::note(format_args!("cost: {}", cost.words()));
    }
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
