//! The suite file: what it says when something is wrong, and that it says the same when it is read again.

use std::path::PathBuf;

use reenact::Suite;
use reenact::case::{Problem, check};
use tempfile::TempDir;

mod problems;
mod reading;
pub(crate) mod round_trip;
mod saving;
mod schema;

/// The example of the documentation, with every key that a case can have.
const EXAMPLE: &str = include_str!("suite/market-assistant.yaml");

/// A file in a folder of its own.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

fn file(name: &str, content: impl AsRef<[u8]>) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    File { _folder: folder, path }
}

fn load(name: &str, content: impl AsRef<[u8]>) -> Suite {
    let file = file(name, content);
    Suite::load(&file.path).unwrap_or_else(|error| panic!("{error}\n{:?}", check(&file.path)))
}

fn problems(name: &str, content: impl AsRef<[u8]>) -> Vec<Problem> {
    check(&file(name, content).path).unwrap()
}

/// The problems as `line: what → fix`, one on each line.
fn told(problems: &[Problem]) -> String {
    let line = |p: &Problem| format!("{}: {} → {}\n", p.place.line.unwrap(), p.what, p.fix);
    problems.iter().map(line).collect()
}
