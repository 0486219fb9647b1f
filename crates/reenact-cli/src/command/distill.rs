//! `reenact distill`: turns sessions into a suite of test cases.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Parser as _;
use reenact::cassette::{Recorded, Verb};
use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller, batch_scope};
use reenact::estimate::{self, Estimate};
use reenact::journal::{Charged, Journal};
use reenact::mask::Masker;
use reenact::model::Engine;
use reenact::model::batch::Batch;
use reenact::run::Stop;
use reenact::{Cassette, Environment, Error, ErrorKind, Result, Session, SessionQuery, Skipped, Store};

use super::run::is_worth_recording;
use crate::args::Global;
use crate::runtime::runtime;
use crate::{back_test, batching, cassette, exit, interrupt, masking, output, participants, spending};

pub(crate) use told::Told;

mod choosing;
mod told;
mod writing;

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
    /// Where to write the suite: .yaml for people, .jsonl for machines, or mlflow:/datasets/NAME
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
    /// Only the N sessions most worth having: troubled ones first, all that users want covered, near-duplicates once
    #[arg(long, value_name = "N", conflicts_with = "sessions")]
    select: Option<NonZeroUsize>,
    /// Add to the suite that is there: what somebody edited in it stays
    #[arg(long)]
    update: bool,
    /// The sessions that `--select` chose.
    #[arg(skip)]
    chosen: OnceLock<Vec<String>>,
    #[command(flatten)]
    back_test: back_test::Args,
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
    let there = writing::there(args)?;
    args.cassette.check()?;
    let store = Store::open_existing(&global.store)?;
    let choice = choosing::choose(args, there.as_ref(), &store)?;
    let distilled = match args.batching.open(&store, || Ok(batch_scope(&args.model)))? {
        Some(batch) => distill_in(&batch, args, &store)?,
        None => distill_and_record(args, &store)?,
    };
    let mut distilled = if args.split { distilled.apart() } else { distilled };
    choosing::count_alike(&mut distilled.cases, choice.as_ref());
    if let Some(masker) = masker(args, &store)? {
        masking::check(&distilled, recordings(args, &store)?, &masker)?;
    }
    note_left(args, &store)?;
    if distilled.cases.is_empty() && there.is_none() {
        name_some("no case from", &distilled.skipped);
        return Err(nothing(&distilled));
    }
    let written = writing::write(there, &distilled.cases, args)?;
    Told::of(distilled, choice, written).present(args, global)?;
    Ok(exit::PASSED)
}

/// What somebody asks for on a page, as the arguments of this verb have it.
pub(crate) struct Request<'a> {
    pub(crate) sessions: &'a [String],
    pub(crate) query: Option<&'a str>,
    pub(crate) suite: &'a Path,
    pub(crate) model: &'a str,
    pub(crate) max_cost: Option<&'a str>,
}

impl Request<'_> {
    fn args(&self) -> Result<Args> {
        let option = |name: &str, value: &str| OsString::from(format!("--{name}={value}"));
        let mut line: Vec<OsString> = vec!["distill".into(), option("model", self.model), "--update".into()];
        line.extend(self.query.map(|query| option("query", query)));
        line.extend(self.max_cost.map(|cost| option("max-cost", cost)));
        line.extend(["--output".into(), self.suite.into(), "--".into()]);
        line.extend(self.sessions.iter().map(OsString::from));
        Line::try_parse_from(line).map(|line| line.args).map_err(|error| {
            let first = error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::new(ErrorKind::Usage, first)
        })
    }
}

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

/// Distils into a suite what a page asks for; what somebody edited in the suite stays. `seen` hears of each session that is begun.
pub(crate) fn on_request(request: &Request<'_>, store: &Store, stop: &Stop, seen: &dyn Fn()) -> Result<Told> {
    let args = &request.args()?;
    let there = writing::there(args)?;
    let engine = participants::distiller(&args.model, &args.spending.settings())?;
    let (journal, ledger) = desk(args, store)?;
    let sessions = sessions(args, store)?.take_while(|_| !stop.is_requested()).inspect(|_| seen());
    let work = reenact::distill::distill(sessions, distiller(&engine, &journal, &ledger));
    let distilled = runtime()?.block_on(work)?;
    if stop.is_requested() {
        let stopped = Error::new(ErrorKind::Interrupted, "the distillation was stopped");
        return Err(stopped.hint("nothing was written; what a model answered is kept, and not paid for again"));
    }
    if let Some(masker) = masker(args, store)? {
        masking::check(&distilled, recordings(args, store)?, &masker)?;
    }
    if distilled.cases.is_empty() && there.is_none() {
        return Err(nothing(&distilled));
    }
    let written = writing::write(there, &distilled.cases, args)?;
    Ok(Told::of(distilled, None, written))
}

fn distill_and_record(args: &Args, store: &Store) -> Result<Distilled> {
    let engine = participants::distiller(&args.model, &args.spending.settings())?;
    let user = args.back_test.user(&args.spending.settings())?;
    let distilled = distill(args, store, (&engine, user.as_ref()));
    if is_worth_recording(&distilled) {
        args.cassette.write(|environment| record(args, store, (&engine, user.as_ref()), environment))?;
    }
    distilled
}

/// What distilling would cost; nothing is stored, and no model is needed for it.
fn estimate(args: &Args, global: &Global) -> Result<u8> {
    let store = Store::open_existing(&global.store)?;
    choosing::choose(args, writing::existing(args)?.as_ref(), &store)?;
    output::estimate::present(&ahead(args, &store)?.0, global)?;
    Ok(exit::PASSED)
}

/// What is still to be asked, and what was charged for the answers that are there.
fn ahead(args: &Args, store: &Store) -> Result<(Estimate, Vec<Charged>)> {
    let (journal, prices) = (Journal::of_distillation(store)?, args.spending.prices()?);
    let model = Some(args.model.as_str()).filter(|model| *model != OFFLINE);
    let mut estimate = Estimate::default();
    let mut charged = Vec::new();
    if let Some(model) = model {
        (estimate, charged) = estimate::of_distillation(sessions(args, store)?, model, &journal, &prices)?;
    }
    if let Some(user) = args.back_test.user_model() {
        let user = Some(user).filter(|user| *user != OFFLINE);
        estimate = estimate.and(estimate::of_back_test(sessions(args, store)?, (model, user), &prices)?);
    }
    Ok((estimate, charged))
}

/// What the models are held to. Where there is a cap, all that was charged before is known before anything is asked.
fn ledger(args: &Args, store: &Store) -> Result<Ledger> {
    let list = args.spending.prices()?;
    let models: Vec<&str> = [args.model.as_str()]
        .into_iter()
        .chain(args.back_test.user_model())
        .filter(|model| *model != OFFLINE)
        .collect();
    let prices = models.iter().filter_map(|model| Some(((*model).to_owned(), list.price(model)?)));
    let charged = match args.spending.max_cost {
        Some(_) => ahead(args, store)?.1,
        None => Vec::new(),
    };
    let ledger = Ledger::new(prices.collect(), &charged, args.spending.max_cost);
    ledger.check(models)?;
    Ok(ledger)
}

fn distill(args: &Args, store: &Store, (engine, user): (&Engine, Option<&Engine>)) -> Result<Distilled> {
    if matches!(engine, Engine::Offline) {
        output::note("distilling offline, without a model: every word is the users' own");
    }
    let (journal, ledger) = desk(args, store)?;
    let stop = Stop::default();
    let work = async {
        // Without another session, the calls on their way come to their end.
        let sessions = sessions(args, store)?.take_while(|_| !stop.is_requested());
        let distiller = distiller(engine, &journal, &ledger);
        let distilled = reenact::distill::distill(sessions, distiller).await?;
        let stopped = || Error::new(ErrorKind::Interrupted, "the distillation was stopped");
        match user {
            _ if stop.is_requested() => Err(stopped()),
            None => Ok(distilled),
            Some(user) => back_test::run(distilled, store, (distiller, user), (&journal, &ledger, &stop)).await,
        }
    };
    let distilled = runtime()?.block_on(interrupt::stopping(&stop, work));
    distilled.map_err(|error| args.spending.resumable(error, &again(args, store)))
}

/// Where the answers of models are kept, and what they are held to.
fn desk(args: &Args, store: &Store) -> Result<(Arc<Journal>, Arc<Ledger>)> {
    Ok((Arc::new(Journal::of_distillation(store)?), Arc::new(ledger(args, store)?)))
}

fn distiller<'a>(engine: &'a Engine, journal: &'a Journal, ledger: &'a Ledger) -> Distiller<'a> {
    match engine {
        Engine::Offline => Distiller::Offline,
        Engine::Model(model) => Distiller::Model { model, journal, calls_at_once: CALLS_AT_ONCE, ledger },
    }
}

/// Distils in rounds: what a batch answered is known in the next.
fn distill_in(batch: &Batch, args: &Args, store: &Store) -> Result<Distilled> {
    let engine = Engine::Model(batching::model(batch, &args.model)?);
    let user = args.back_test.user_in(batch)?;
    let work = async || {
        let (journal, ledger) = desk(args, store)?;
        let distiller = distiller(&engine, &journal, &ledger);
        let distilled = reenact::distill::distill(sessions(args, store)?, distiller).await?;
        match &user {
            None => Ok(distilled),
            Some(user) => {
                back_test::run(distilled, store, (distiller, user), (&journal, &ledger, &Stop::default())).await
            }
        }
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
    let query = format!("{query}{}", choosing::in_words(args));
    let (mask, record) = (args.masking.in_words(), args.cassette.in_words());
    let back_test = args.back_test.in_words();
    format!(
        "{program} distill{sessions}{query} -o {file} --model {}{mask}{back_test}{prices}{batching}{record}",
        word(&args.model)
    )
}

/// What masks, where a model reads the recordings that is not on this machine: to distil, or to play the users.
fn masker(args: &Args, store: &Store) -> Result<Option<Masker>> {
    let distils = args.masking.masker(&args.model, store)?;
    let plays = || args.back_test.user_model().map_or(Ok(None), |user| args.masking.masker(user, store));
    distils.map_or_else(plays, |masker| Ok(Some(masker)))
}

/// The sessions that the arguments name, as whatever distils them may read them.
fn sessions<'a>(args: &'a Args, store: &'a Store) -> Result<Box<dyn Iterator<Item = Result<Session>> + 'a>> {
    let recordings = recordings(args, store)?;
    Ok(match masker(args, store)? {
        Some(masker) => Box::new(recordings.map(move |session| masking::masked(&masker, &session?))),
        None => recordings,
    })
}

/// The sessions that the arguments name, read one at a time.
fn recordings<'a>(args: &'a Args, store: &'a Store) -> Result<Box<dyn Iterator<Item = Result<Session>> + 'a>> {
    let named = args.chosen.get().or((!args.sessions.is_empty()).then_some(&args.sessions));
    if let Some(named) = named {
        return Ok(Box::new(named.iter().map(|id| store.session(id))));
    }
    let query: SessionQuery = args.query.as_deref().unwrap_or("").parse()?;
    Ok(Box::new(store.read_sessions(&query)?))
}

fn record(
    args: &Args,
    store: &Store,
    (engine, user): (&Engine, Option<&Engine>),
    environment: &Environment,
) -> Result<Recorded> {
    let (journal, ledger) = desk(args, store)?;
    let model = match engine {
        Engine::Offline => None,
        Engine::Model(model) => Some((model, journal.as_ref())),
    };
    let mut recorded = reenact::distill::record(sessions(args, store)?, model, environment)?;
    if let Some(user) = user {
        let distiller = distiller(engine, &journal, &ledger);
        let desk = (&journal, &ledger, &Stop::default());
        let work =
            back_test::record(&mut recorded, sessions(args, store)?, store, (distiller, user), (desk, environment));
        runtime()?.block_on(work)?;
    }
    if let Some(masker) = masker(args, store)? {
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
