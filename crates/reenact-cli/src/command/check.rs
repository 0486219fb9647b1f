//! `reenact check`: everything that is wrong with a suite or a file of judges, without a model and without a store.

use std::path::{Path, PathBuf};

use reenact::case::{self, Problem};
use reenact::judge;
use reenact::{Result, Suite};

use crate::args::Global;
use crate::output::counted;
use crate::{exit, output};

/// More cases than these are counted and not named in a note.
const NAMED_MAX: usize = 5;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The suite files: .yaml for people, .jsonl or .json for machines; files of judges too
    #[arg(value_name = "SUITE", required = true)]
    suites: Vec<PathBuf>,
}

/// What became of one file.
enum Checked {
    Good(Suite),
    GoodJudges(usize),
    Bad(Vec<Problem>),
}

/// Looks at every file, so that trouble with one does not hide that of the next.
pub(crate) fn run(args: &Args, global: &Global) -> Result<u8> {
    let mut status = exit::PASSED;
    let mut problems = Vec::new();
    for path in &args.suites {
        match checked(path) {
            Ok(Checked::Good(suite)) => tell_good(path, &suite, args, global)?,
            Ok(Checked::GoodJudges(judges)) => tell_count(path, &counted(judges, "judge"), args, global)?,
            Ok(Checked::Bad(found)) => problems.extend(found),
            Err(error) => {
                output::error(&error);
                status = exit::USAGE;
            }
        }
    }
    Ok(tell(&problems, global)?.max(status))
}

/// Tells what is wrong, and gives the status that it leads to.
pub(super) fn tell(problems: &[Problem], global: &Global) -> Result<u8> {
    if global.json {
        output::json(&problems)?;
    } else {
        tell_bad(problems)?;
    }
    Ok(if problems.is_empty() { exit::PASSED } else { exit::USAGE })
}

fn checked(path: &Path) -> Result<Checked> {
    if judge::is_judges_file(path)? {
        let problems = judge::check(path)?;
        if !problems.is_empty() {
            return Ok(Checked::Bad(problems));
        }
        return judge::load(&path.to_string_lossy()).map(|judges| Checked::GoodJudges(judges.len()));
    }
    let problems = case::check(path)?;
    if problems.is_empty() { Suite::load(path).map(Checked::Good) } else { Ok(Checked::Bad(problems)) }
}

fn tell_good(path: &Path, suite: &Suite, args: &Args, global: &Global) -> Result<()> {
    tell_count(path, &counted(suite.cases.len(), "case"), args, global)?;
    let hopeless = suite.cases.iter().filter(|case| case.expectations.is_empty()).map(|case| case.id.as_str());
    let hopeless: Vec<&str> = hopeless.collect();
    if !hopeless.is_empty() {
        output::note(format_args!("note: {}: {}", path.display(), without_expectations(&hopeless)));
    }
    Ok(())
}

fn tell_count(path: &Path, counted: &str, args: &Args, global: &Global) -> Result<()> {
    if global.json {
        return Ok(());
    }
    let file = if args.suites.len() > 1 { format!("{}: ", path.display()) } else { String::new() };
    output::text(&format!("{file}{counted}, no problems\n"))
}

fn without_expectations(ids: &[&str]) -> String {
    let named = ids.iter().take(NAMED_MAX).map(|id| format!("`{}`", id.escape_debug())).collect::<Vec<_>>().join(", ");
    let more = match ids.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let have = if ids.len() == 1 { "has" } else { "have" };
    format!(
        "{} {have} no expectations and can pass only by a judge that the run names: {named}{more}",
        counted(ids.len(), "case")
    )
}

fn tell_bad(problems: &[Problem]) -> Result<()> {
    let mut text: String = problems.iter().map(|problem| format!("{problem}\n    {}\n", problem.fix)).collect();
    if !problems.is_empty() {
        text += &format!("{}\n", counted(problems.len(), "problem"));
    }
    output::text(&output::printable(&text))
}
