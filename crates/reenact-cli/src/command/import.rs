//! `reenact import`: recorded conversations into the store.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use reenact::import::{Format, Imported, Input, OnProblem, Options, Progress, import};
use reenact::mlflow::Sessions;
use reenact::{Error, ErrorKind, Result, Store};

use crate::args::Global;
use crate::output::counted;
use crate::runtime::runtime;
use crate::{exit, mlflow, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files or folders with traces or chat logs, plain, .gz or .zst; `-` is standard input
    #[arg(required_unless_present = "mlflow", conflicts_with = "mlflow", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Take every file as openai-chat, sharegpt, otlp, mlflow, langsmith, langfuse, phoenix or reenact, where the content shall not tell
    #[arg(long, value_name = "FORMAT", conflicts_with = "mlflow")]
    format: Option<String>,
    /// Write nothing if anything is wrong
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    mlflow: mlflow::Args,
    /// Only sessions of which a trace is found by this, in the words of MLflow's search, such as "tags.team = 'support'"
    #[arg(long, value_name = "FILTER", requires = "mlflow")]
    filter: Option<String>,
}

pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let bar = Bar::new();
    let imported = match args.mlflow.is_named() {
        true => of_server(args, global, &bar)?,
        false => of_files(args, global, &bar)?,
    };
    bar.0.finish_and_clear();
    imported.unreadable.iter().for_each(|file| {
        let error = Error::new(ErrorKind::Input, &file.reason).at(&file.file, None);
        output::error(&error.hint(&file.hint));
    });
    if global.json {
        output::json(&imported)?;
    } else {
        output::text(&output::printable(&summary(&imported)))?;
    }
    Ok(status(&imported))
}

fn on_problem(args: &Args) -> OnProblem {
    if args.strict { OnProblem::Refuse } else { OnProblem::Skip }
}

fn of_files(args: &Args, global: &Global, bar: &Bar) -> Result<Imported> {
    let format = args.format.as_deref().map(str::parse::<Format>).transpose()?;
    let options = Options { format, on_problem: on_problem(args) };
    let inputs = args.paths.iter().map(|path| input(path)).collect();
    let store = Store::open(&global.store)?;
    import(inputs, &options, &store, &mut |progress| bar.show(&progress))
}

fn of_server(args: &Args, global: &Global, bar: &Bar) -> Result<Imported> {
    let Some((server, experiment)) = args.mlflow.open()? else { return Ok(Imported::default()) };
    let filter = args.filter.clone().unwrap_or_default();
    let wanted = Sessions { experiment, filter, on_problem: on_problem(args) };
    let store = Store::open(&global.store)?;
    let mut show = |progress: Progress<'_>| bar.show(&progress);
    runtime()?.block_on(reenact::mlflow::import(&server, &wanted, &store, &mut show))
}

fn input(path: &Path) -> Input {
    if path.as_os_str() == "-" {
        Input::Stream("<stdin>".to_owned(), Box::new(std::io::stdin()))
    } else {
        Input::from(path)
    }
}

fn status(imported: &Imported) -> u8 {
    let nothing_read = imported.sessions() == 0;
    if imported.refused || nothing_read || !imported.unreadable.is_empty() { exit::USAGE } else { exit::PASSED }
}

/// How many of what was skipped a person wants to see at once.
const SKIPPED_SHOWN: usize = 5;

fn summary(imported: &Imported) -> String {
    let Imported { sessions_new, sessions_grown, sessions_unchanged, skipped_count, .. } = imported;
    let mut lines = vec![if imported.refused {
        "nothing was written: --strict refuses an import with problems".to_owned()
    } else {
        let sessions = counted(imported.sessions(), "session");
        format!("{sessions}: {sessions_new} new, {sessions_grown} grown, {sessions_unchanged} unchanged")
    }];
    if *skipped_count > 0 {
        lines.push(format!("skipped {skipped_count}:"));
        lines.extend(
            imported
                .skipped
                .iter()
                .take(SKIPPED_SHOWN)
                .map(|skipped| format!("  {}", output::printable(&skipped.to_string()))),
        );
        let more = skipped_count.saturating_sub(SKIPPED_SHOWN as u64);
        if more > 0 {
            lines.push(format!("  and {more} more; `reenact import --json` lists them"));
        }
    }
    lines.join("\n") + "\n"
}

/// Progress on a terminal; nothing anywhere else.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let template = "{spinner} {msg}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
        let bar = ProgressBar::no_length();
        Bar(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    fn show(&self, progress: &Progress<'_>) {
        if self.0.is_hidden() {
            return;
        }
        if let Some(total) = progress.bytes_total {
            self.0.set_length(total);
        }
        let Progress { records, skipped, .. } = progress;
        self.0.set_message(format!("{}: {records} records, {skipped} skipped", progress.file.display()));
        self.0.set_position(progress.bytes_read);
    }
}
