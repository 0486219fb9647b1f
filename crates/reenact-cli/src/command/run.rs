//! `reenact run`: plays the cases of a suite against an agent, and judges what happens.

mod trials;

use std::collections::BTreeMap;
use std::path::PathBuf;

use reenact::case::Stress;
use reenact::cassette::{Recorded, Verb};
use reenact::run::{Event, Participants, Plan, Stop};
use reenact::{Environment, Error, ErrorKind, Judging, Result, Run, RunOutput, Store, UserKind};

use self::trials::Trials;
use super::report;
use super::share;
use crate::args::Global;
use crate::output::progress::Progress;
use crate::runtime::runtime;
use crate::{cassette, exit, exporting, interrupt, judging, masking, output, participants, spending, suites, tools};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The suite to play: a file, or mlflow:/datasets/NAME on the server in MLFLOW_TRACKING_URI
    #[arg(required_unless_present = "resume")]
    suite: Option<PathBuf>,
    /// The agent under test: cmd:PROGRAM ARGS, http(s)://…/chat/completions, recorded, script:FILE, replay:FILE, demo:v1
    #[arg(long, value_name = "A", required_unless_present = "resume")]
    agent: Option<String>,
    /// Which version of it: a release, a commit; shown with every result
    #[arg(long, value_name = "V")]
    agent_version: Option<String>,
    /// What plays the users: a model's name, or offline
    #[arg(long, value_name = "M", default_value = "offline")]
    user_model: String,
    /// Whose words the users speak: simulated, or recorded, the recorded users' own as long as the agent does what it did then
    #[arg(long, value_name = "KIND", default_value = "simulated", value_parser = user_kind)]
    user: UserKind,
    /// Try each case in harder variants too, reported apart: impatient, vague, tangential, typos, changed-mind, other-language
    #[arg(long, value_name = "WAYS", value_delimiter = ',', value_parser = str::parse::<Stress>)]
    variants: Vec<Stress>,
    #[command(flatten)]
    judging: judging::Args,
    /// How often each case is tried: a number, or auto to stop as soon as a case is decided; auto:good=.9,bad=.7 says between
    /// which pass rates, alpha= and beta= with which errors (.05), max= after how many trials at the latest
    #[arg(long, value_name = "K", default_value = "1")]
    trials: Trials,
    /// The pass rate, 0 to 1, that the run is held to; it then decides the exit status
    #[arg(long, value_name = "P", value_parser = share)]
    threshold: Option<f64>,
    /// User messages in one conversation at the most
    #[arg(long, value_name = "N", default_value_t = Plan::default().max_turns, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_turns: u32,
    /// How often a trial is played at the most whose simulated user misbehaves
    #[arg(long, value_name = "N", default_value_t = Plan::default().attempts, value_parser = clap::value_parser!(u32).range(1..=100))]
    attempts: u32,
    /// Conversations at once
    #[arg(long, value_name = "N", default_value_t = Plan::default().concurrency, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Where the seeds of the trials start
    #[arg(long, value_name = "S", default_value_t = Plan::default().seed)]
    seed: u64,
    /// How long one reply of the agent may take
    #[arg(long, value_name = "SECONDS", default_value_t = Plan::default().agent_timeout_seconds, value_parser = clap::value_parser!(u32).range(1..))]
    agent_timeout: u32,
    /// Conversations that the agent takes at once; others wait [default: as many as there are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    agent_concurrency: Option<u32>,
    #[command(flatten)]
    spending: spending::Args,
    /// Finish a run that was interrupted: its id, or latest
    #[arg(long, value_name = "RUN", conflicts_with_all = ["suite", "agent", "agent_version", "user_model", "user", "variants", "judging", "trials", "threshold", "attempts", "max_turns", "concurrency", "seed", "agent_timeout", "agent_concurrency", "estimate", "tools"])]
    resume: Option<String>,
    #[command(flatten)]
    cassette: cassette::Args,
    #[command(flatten)]
    exporting: exporting::Args,
    #[command(flatten)]
    tools: tools::Args,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    if args.spending.estimate {
        return estimate(args, global);
    }
    args.cassette.check()?;
    args.exporting.open()?;
    let (store, run) = match &args.resume {
        Some(id) => resume(id, args, global)?,
        None => begin(args, global)?,
    };
    output::note_engines(&run.plan);
    masking::note_unmasked(&run.plan, &run.suite);
    let played = play(&store, &run, &args.spending, &args.exporting);
    if is_worth_recording(&played) {
        args.cassette.write(|environment| record(&store, &run, args, environment))?;
    }
    let played = played.map_err(|error| going_on(error, args, &store, &run))?;
    cassette::note_unplayed(&played)?;
    report::present(&played, global)
}

/// What was answered until a run stopped is as good as what comes later.
pub(crate) fn is_worth_recording<T>(done: &Result<T>) -> bool {
    done.as_ref().err().is_none_or(|error| matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::CapReached))
}

fn record(store: &Store, run: &Run, args: &Args, environment: &Environment) -> Result<Recorded> {
    let participants = participants::open(&run.plan, store, &args.spending.settings())?;
    runtime()?.block_on(reenact::run::record(store, run, &participants, environment))
}

/// What the run would cost; nothing is stored, and no model or agent is needed for it.
fn estimate(args: &Args, global: &Global) -> Result<u8> {
    let run = planned(args)?;
    let recordings = match global.store.exists() {
        true => report::origins(&Store::open_existing(&global.store)?, &run.suite)?,
        false => BTreeMap::new(),
    };
    output::estimate::present(&reenact::estimate::of_run(&run, &recordings), global)?;
    Ok(exit::PASSED)
}

fn resume(id: &str, args: &Args, global: &Global) -> Result<(Store, Run)> {
    let store = Store::open_existing(&global.store)?;
    let run = match args.spending.states_prices() {
        true => store.price_run(id, &args.spending.prices()?)?,
        false => store.run(id)?,
    };
    Ok((store, run))
}

/// Everything that can be wrong with the arguments is found before the run stands in the store.
fn begin(args: &Args, global: &Global) -> Result<(Store, Run)> {
    let run = planned(args)?;
    args.spending.check(&run)?;
    let store = Store::open(&global.store)?;
    open(args, &store, &run)?;
    store.create_run(&run)?;
    run.left_out.iter().for_each(|skipped| output::note(format_args!("no variant {skipped}")));
    output::note_power(run.suite.cases.len(), &run.plan);
    Ok((store, run))
}

/// What is wrong with the arguments, and with which of them.
pub(crate) struct Wrong {
    /// The name of the option, or `suite`.
    pub(crate) argument: &'static str,
    pub(crate) error: Error,
}

impl Wrong {
    /// An error that is one argument's.
    pub(crate) fn with(argument: &'static str) -> impl Fn(Error) -> Wrong {
        move |error| Wrong { argument, error }
    }
}

impl From<Wrong> for Error {
    fn from(wrong: Wrong) -> Error {
        wrong.error
    }
}

/// The run that the arguments ask for.
pub(crate) fn planned(args: &Args) -> Result<Run, Wrong> {
    let (Some(suite), Some(agent)) = (&args.suite, &args.agent) else {
        let error = Error::new(ErrorKind::Usage, "there is no suite and no agent").hint("see `reenact run --help`");
        return Err(Wrong { argument: "suite", error });
    };
    let suite = suites::load(suite).map_err(Wrong::with("suite"))?;
    let plan = plan(args, agent.clone())?;
    plan.judging.check(&suite).map_err(Wrong::with("judge"))?;
    let prices = args.spending.prices().map_err(Wrong::with("prices"))?;
    Ok(Run::new(plan, suite).priced(&prices))
}

/// Everybody that a planned run names, and when it is to stop.
pub(crate) fn open(args: &Args, store: &Store, run: &Run) -> Result<(Participants, Stop), Wrong> {
    args.spending.check(run).map_err(Wrong::with("max_cost"))?;
    let participants = participants::open_each(&run.plan, store, &args.spending.settings())?;
    Ok((participants, args.spending.stop()))
}

fn user_kind(name: &str) -> std::result::Result<UserKind, String> {
    match name {
        "simulated" => Ok(UserKind::Simulated),
        "recorded" => Ok(UserKind::Recorded),
        _ => Err("a user is `simulated` or `recorded`; a script stands in its case".to_owned()),
    }
}

fn plan(args: &Args, agent: String) -> Result<Plan, Wrong> {
    let tools = args.tools.mocks(&agent).map_err(Wrong::with("tools"))?;
    let judging = args.judging.over(&Judging::default(), Verb::Run).map_err(Wrong::with("judge"))?;
    let plan = Plan {
        agent,
        agent_version: args.agent_version.clone(),
        user_model: args.user_model.clone(),
        user: args.user,
        variants: args.variants.clone(),
        tools,
        judging,
        trials: args.trials.at_most(),
        stopping: args.trials.stopping(),
        threshold: args.threshold,
        attempts: args.attempts,
        max_turns: args.max_turns,
        concurrency: args.concurrency,
        seed: args.seed,
        agent_timeout_seconds: args.agent_timeout,
        agent_concurrency: args.agent_concurrency,
        ..Plan::default()
    };
    cassette::resolved(plan).map_err(Wrong::with("agent"))
}

/// Plays what is still to be played of a run.
pub(crate) fn play(
    store: &Store,
    run: &Run,
    spending: &spending::Args,
    exporting: &exporting::Args,
) -> Result<RunOutput> {
    let exports = exporting.open()?;
    let participants = participants::open(&run.plan, store, &spending.settings())?;
    let progress = Progress::new("trials");
    let stop = spending.stop();
    let listen = |event: reenact::run::Event<'_>| match event {
        Event::Exported(exported) => exporting.note(exported, &resume_command(store, run)),
        event => progress.show(&event),
    };
    let work = reenact::run::run_exported(store, run, &participants, &stop, &listen, &exports);
    let output = runtime()?.block_on(interrupt::stopping(&stop, work));
    progress.finish();
    output.map_err(|error| resumable(error, spending, store, run))
}

/// What was stopped goes on where it was; what else went wrong has a hint of its own.
fn resumable(error: Error, spending: &spending::Args, store: &Store, run: &Run) -> Error {
    let command = resume_command(store, run);
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::CapReached => spending.resumable(error, &command),
        _ if error.hint_text().is_some() => error,
        _ => error.hint(format!("nothing is lost; go on with `{command}`")),
    }
}

fn resume_command(store: &Store, run: &Run) -> String {
    format!("{} run --resume {}", output::program(store.path()), run.id)
}

/// What was stopped goes on as it was asked for, and is recorded again.
fn going_on(error: Error, args: &Args, store: &Store, run: &Run) -> Error {
    let command = resume_command(store, run) + &args.cassette.in_words() + &args.exporting.in_words();
    args.spending.resumable(error, &command)
}
