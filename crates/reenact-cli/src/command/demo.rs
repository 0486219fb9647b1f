//! `reenact demo`: the story that the project exists for, on three versions of a small assistant, without a key.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reenact::distill::{Distiller, distill};
use reenact::import::{self, Imported, Input};
use reenact::report::{self, Status};
use reenact::{Error, ErrorKind, Plan, Result, Run, RunOutput, SessionQuery, Store, Suite};

use schemars::JsonSchema;
use serde::Serialize;

use super::report::origins;
use super::run::play;
use crate::args::Global;
use crate::demo::RECORDINGS;
use crate::demo::assistant::{self, Version};
use crate::runtime::runtime;
use crate::{exit, exporting, output, spending};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Where the recordings, the suite, the store and the reports are written
    #[arg(default_value = "reenact-demo")]
    folder: PathBuf,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Be the demo's assistant: a JSON line in, a JSON line out
    Agent {
        /// Which version of it
        version: Version,
    },
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    match args.part {
        Some(Part::Agent { version }) => {
            assistant::serve(version, io::stdin().lock(), io::stdout().lock()).map_err(not_spoken)?;
            Ok(exit::PASSED)
        }
        None => tell(&args.folder, global),
    }
}

fn not_spoken(source: io::Error) -> Error {
    let error = Error::new(ErrorKind::Io, "the demo's assistant could not read a request or write its answer");
    error
        .caused_by(source)
        .hint("it reads and writes JSON lines, and is meant to be started by `reenact run --agent demo:v1`")
}

/// The whole line, told step by step.
fn tell(folder: &Path, global: &Global) -> Result<u8> {
    let store = Store::open(folder.join("store.db"))?;
    let say = |line: &str| output::answer(&format!("{line}\n"), global);
    let imported = import(folder, &store)?;
    say(&format!(
        "1. import   {} recorded sessions of a broker's assistant, in {} trace formats",
        imported.sessions(),
        RECORDINGS.len()
    ))?;
    let suite = suite(folder, &store, &say)?;
    say("3. run      v1, with the bugs that its users met\n")?;
    let v1 = replay(folder, &store, &suite, "v1")?;
    say(&output::report::render(&v1.report, &output::program(store.path()), output::width()))?;
    say("4. run      v2, the next version\n")?;
    let v2 = replay(folder, &store, &suite, "v2")?;
    say(&output::report::render(&v2.report, &output::program(store.path()), output::width()))?;
    say("5. run      v3, with the bugs again, and it argues with whoever puts it right\n")?;
    let v3 = replay(folder, &store, &suite, "v3")?;
    say(&output::report::in_short(&v3.report, output::width()))?;
    let told = Told { v1, v2, v3 };
    if global.json {
        output::json(&told)?;
    }
    conclude(folder, &told, &say)
}

/// What `demo --json` prints: the runs of all versions.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Told {
    /// The version with the bugs.
    v1: RunOutput,
    /// The next version.
    v2: RunOutput,
    /// The one that has them again and argues.
    v3: RunOutput,
}

/// Tells one line of the story.
type Say<'a> = dyn Fn(&str) -> Result<()> + 'a;

fn import(folder: &Path, store: &Store) -> Result<Imported> {
    let recordings = folder.join("recordings");
    fs::create_dir_all(&recordings).map_err(|source| unwritable(&recordings, source))?;
    for (name, content) in RECORDINGS {
        output::file::write(&recordings.join(name), content)?;
    }
    import::import(vec![Input::Path(recordings)], &import::Options::default(), store, &mut |_| {})
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    let error = Error::new(ErrorKind::Io, "cannot be written").at(path, None).caused_by(source);
    error.hint("name a folder that can: `reenact demo FOLDER`")
}

/// The suite of an earlier demo is played as it was left, so that a reader can edit it and look again.
fn suite(folder: &Path, store: &Store, say: &Say<'_>) -> Result<Suite> {
    let path = folder.join("suite.yaml");
    if path.exists() {
        say(&format!("2. distill  left out, because {} is there already and may hold your edits", path.display()))?;
        return Suite::load(&path);
    }
    let sessions = store.read_sessions(&SessionQuery::default())?;
    let distilled = runtime()?.block_on(distill(sessions, Distiller::Offline))?;
    let suite = Suite { name: Some("harbour-assistant".into()), cases: distilled.cases };
    suite.save(&path)?;
    say(&format!("2. distill  {} test cases, written to {}", suite.cases.len(), path.display()))?;
    for skipped in &distilled.skipped {
        say(&format!("            no case from {}:\n            {}", skipped.what, skipped.reason))?;
    }
    Ok(suite)
}

fn replay(folder: &Path, store: &Store, suite: &Suite, version: &str) -> Result<RunOutput> {
    let plan = Plan { agent: format!("demo:{version}"), ..Plan::default() };
    let run = Run::new(plan, suite.clone());
    store.create_run(&run)?;
    let output = play(store, &run, &spending::Args::default(), &exporting::Args::default())?;
    let page = folder.join(format!("{version}.html"));
    output::file::write(&page, &report::html(&output, &origins(store, &output.run.suite)?))?;
    Ok(output)
}

/// What the runs show together. The demo fails where they do not show it.
fn conclude(folder: &Path, Told { v1, v2, v3 }: &Told, say: &Say<'_>) -> Result<u8> {
    let (back, again) = (failed(v1), failed(v2));
    let gone: Vec<_> = back.iter().filter(|case| !again.contains(case)).copied().collect();
    let argued = failed(v3);
    say(&format!(
        "The bugs are back on v1 in {} of {} cases, gone on v2 in {}, and back on v3 in {}.",
        back.len(),
        v1.report.cases.len(),
        gone.len(),
        argued.len()
    ))?;
    say("The simulated users did not help: what the real users had said to put the assistant\n\
         right, they said only where it was wrong again.\n")?;
    let program = output::program(&folder.join("store.db"));
    let folder = folder.display();
    if let Some(case) = back.first() {
        say(&format!("Look at it:  {program} show {}/{case}", v1.run.id))?;
    }
    say(&format!("             {folder}/v1.html, v2.html and v3.html in a browser"))?;
    say(&format!("Change it:   {folder}/suite.yaml, then `reenact demo` again"))?;
    Ok(if back.is_empty() || !again.is_empty() || argued != back { exit::FAILED } else { exit::PASSED })
}

/// The cases that failed.
fn failed(output: &RunOutput) -> Vec<&str> {
    let has_failed = |case: &&reenact::report::CaseReport| case.status == Status::Failed;
    output.report.cases.iter().filter(has_failed).map(|case| case.case.as_str()).collect()
}
