//! The folder of suites: the one way by which a page reads or writes a file.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reenact::case::{self, Problem};
use reenact::{Error, ErrorKind, Result, Suite, TestCase, judge};
use schemars::JsonSchema;
use serde::Serialize;

/// The endings that suite files have.
const ENDINGS: [&str; 4] = ["yaml", "yml", "jsonl", "json"];
/// A suite is written by people; what is larger than this is something else.
const SUITE_BYTES_MAX: u64 = 32 << 20;

/// The folder, and what was read in it. A clone is another handle on the same.
#[derive(Clone)]
pub(super) struct Folder(Arc<Inner>);

struct Inner {
    /// Absolute and without links.
    path: PathBuf,
    read: Mutex<BTreeMap<String, Read>>,
    writing: Mutex<()>,
}

/// What a file held when it was read, and by what one sees that it holds something else.
struct Read {
    content: blake3::Hash,
    file: Arc<File>,
}

/// A suite file as it was read.
pub(super) struct File {
    /// Its name in the folder.
    pub(super) name: String,
    /// What it holds; nothing where there are problems.
    pub(super) suite: Suite,
    /// All that is wrong with it.
    pub(super) problems: Vec<Problem>,
}

/// A case that comes from a session.
#[derive(Serialize, JsonSchema)]
pub(super) struct Derived {
    /// The suite file.
    file: String,
    /// The case's id.
    case: String,
    /// What the user wants.
    goal: String,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Folder {
        Folder(Arc::new(Inner { path, read: Mutex::default(), writing: Mutex::default() }))
    }

    /// The path as it is shown.
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Held by whoever changes a file, from reading it to writing it.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The suite files, by name. Files of other kinds with such endings are left out.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub(super) fn files(&self) -> Result<Vec<Arc<File>>> {
        let unreadable =
            |source| Error::new(ErrorKind::Io, "the folder cannot be read").at(self.path(), None).caused_by(source);
        let entries = std::fs::read_dir(self.path()).map_err(unreadable)?.flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let looks_like_one = |name: &String| self.existing(name).is_ok_and(|path| is_suite(&path));
        Ok(names.iter().filter(|name| looks_like_one(name)).filter_map(|name| self.file(name).ok()).collect())
    }

    /// A suite file, read anew where it was changed.
    ///
    /// # Errors
    /// Where there is none of this name in the folder, or it cannot be read at all.
    pub(super) fn file(&self, name: &str) -> Result<Arc<File>> {
        let path = self.existing(name)?;
        let unreadable =
            |source| Error::new(ErrorKind::Io, "the file cannot be read").at(&path, None).caused_by(source);
        let content = blake3::hash(&std::fs::read(&path).map_err(unreadable)?);
        let mut read = self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read.get(name) {
            Some(known) if known.content == content => Ok(known.file.clone()),
            _ => {
                let file = Arc::new(loaded(name, &path)?);
                read.insert(name.to_owned(), Read { content, file: file.clone() });
                Ok(file)
            }
        }
    }

    /// The cases that come from a session.
    pub(super) fn cases_of(&self, session: &str) -> Vec<Derived> {
        let files = self.files().unwrap_or_default();
        let comes_from = |case: &&TestCase| case.origin.as_ref().is_some_and(|origin| origin.session == session);
        let of_file = |file: &Arc<File>| {
            let derived = |case: &TestCase| Derived {
                file: file.name.clone(),
                case: case.id.clone(),
                goal: case.brief.goal.clone(),
            };
            file.suite.cases.iter().filter(comes_from).map(derived).collect::<Vec<_>>()
        };
        files.iter().flat_map(of_file).collect()
    }

    /// The path of a file that is there.
    ///
    /// # Errors
    /// Where there is none of this name, or it lies elsewhere.
    pub(super) fn existing(&self, name: &str) -> Result<PathBuf> {
        let missing = || {
            let error = Error::new(ErrorKind::Usage, format!("there is no suite file `{}`", name.escape_debug()));
            error.hint("see the list of suites; only files of the folder that was named with `--suites` are there")
        };
        let path = self.path_for(name).map_err(|_| missing())?;
        let is_fit = std::fs::metadata(&path).is_ok_and(|it| it.is_file() && it.len() <= SUITE_BYTES_MAX);
        if is_fit { Ok(path) } else { Err(missing()) }
    }

    /// The path of a file that may be there or be made: one of the folder itself, which no link leads out of.
    ///
    /// # Errors
    /// Where the name is none of a suite file, or leads elsewhere.
    pub(super) fn path_for(&self, name: &str) -> Result<PathBuf> {
        let refused = || {
            let error = Error::new(ErrorKind::Usage, format!("`{}` is no name for a suite file", name.escape_debug()));
            error.hint("give a plain name that ends in `.yaml`, such as `refunds.yaml`")
        };
        let mut parts = Path::new(name).components();
        let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
        let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !is_plain || name.starts_with('.') || name.contains(['\\', '\0', ':']) || !ENDINGS.contains(&ending) {
            return Err(refused());
        }
        let path = self.path().join(name);
        match std::fs::canonicalize(&path) {
            Ok(real) if real.starts_with(self.path()) => Ok(path),
            Ok(_) => Err(refused()),
            // A link to nothing would be followed by whoever writes.
            Err(_) if std::fs::symlink_metadata(&path).is_ok() => Err(refused()),
            Err(_) => Ok(path),
        }
    }
}

fn loaded(name: &str, path: &Path) -> Result<File> {
    let mut problems = case::check(path)?;
    let suite = if problems.is_empty() { Suite::load(path)? } else { Suite::default() };
    // Whoever reads a page knows the file by its name in the folder.
    problems.iter_mut().for_each(|problem| problem.place.file = name.into());
    Ok(File { name: name.to_owned(), suite, problems })
}

/// Whether a file is one of cases, as far as one sees without understanding all of it.
fn is_suite(path: &Path) -> bool {
    if judge::is_judges_file(path).unwrap_or(true) {
        return false;
    }
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let is_json = path.extension().is_some_and(|ending| ending == "json" || ending == "jsonl");
    let keys = ["cases", "goal", "inputs"];
    if is_json {
        keys.iter().any(|key| text.contains(&format!("\"{key}\"")))
    } else {
        keys.iter().any(|key| has_key(&text, key))
    }
}

/// Whether a line of YAML begins with a key.
fn has_key(text: &str, key: &str) -> bool {
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['-', ' ', '"', '\'']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    text.lines().any(is_key)
}
