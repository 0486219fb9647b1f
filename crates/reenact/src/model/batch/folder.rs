//! A folder that batches go through by hand: request files out, answer files in.
//!
//! The folder is all the memory there is. Whatever `*.jsonl` lies in it is read, under any name, and each line is told by its
//! members: what was written for a provider counts as asked, what a provider wrote as answered. So files may come in any order,
//! in parts, or from another machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::form::{Came, Form, Line, Undone, read_line};
use super::{ATTEMPTS_MAX, Tally};
use crate::{Error, ErrorKind, Result, Skipped, slug};

/// A line longer than this is no answer to a question of ours, and is not taken into memory.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// So many bad lines of one file are named; more would be the same trouble again.
const NAMED_MAX: usize = 100;

/// What a folder has and what is to be written to it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    files: Vec<PathBuf>,
    known: HashMap<String, Known>,
    problems: Vec<Skipped>,
    drafts: BTreeMap<String, Vec<Draft>>,
    /// What is wanted and not settled.
    wanted: BTreeSet<String>,
    /// What asks again after an answer that could not be used.
    again: BTreeSet<String>,
}

/// What the folder has of one request.
#[derive(Debug, Default)]
struct Known {
    /// How often it stands in a request file.
    asked: u32,
    /// How often it came back undone, and why at last.
    undone: u32,
    expired: u32,
    why: String,
    found: Option<Found>,
    /// Why its answer cannot be used.
    unusable: Option<String>,
}

/// The best that came of a request.
#[derive(Debug)]
enum Found {
    Body { file: usize, offset: u64, bytes: usize },
    Refused(String),
}

/// A request file that is not finished.
#[derive(Debug)]
struct Draft {
    file: BufWriter<NamedTempFile>,
    requests: usize,
    bytes: usize,
}

impl Folder {
    /// Reads what lies in a folder; makes the folder where there is none.
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be read. A bad line is no error: it is among the problems.
    pub(super) fn open(path: &Path) -> Result<Folder> {
        let fault = |source| unusable(path, source);
        fs::create_dir_all(path).map_err(fault)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(fault)? {
            let file = entry.map_err(fault)?.path();
            if file.is_file() && file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("jsonl")) {
                files.push(file);
            }
        }
        files.sort();
        let mut folder = Folder {
            path: path.to_owned(),
            files: files.clone(),
            known: HashMap::new(),
            problems: Vec::new(),
            drafts: BTreeMap::new(),
            wanted: BTreeSet::new(),
            again: BTreeSet::new(),
        };
        files.iter().enumerate().try_for_each(|(at, file)| folder.read(at, file))?;
        Ok(folder)
    }

    fn read(&mut self, at: usize, path: &Path) -> Result<()> {
        let mut lines = Lines::open(path)?;
        let mut bad = 0;
        while let Some((number, offset, line)) = lines.next()? {
            let line = line.and_then(|line| Ok((line.len(), read_line(&line)?)));
            match line {
                Ok((bytes, line)) => self.take(line, (at, offset, bytes)),
                Err(reason) if bad < NAMED_MAX => {
                    bad += 1;
                    self.problems.push(Skipped { what: format!("{}:{number}", path.display()), reason });
                }
                Err(_) => bad += 1,
            }
        }
        if bad > NAMED_MAX {
            let reason = format!("{} more lines could not be read", bad - NAMED_MAX);
            self.problems.push(Skipped { what: path.display().to_string(), reason });
        }
        Ok(())
    }

    fn take(&mut self, line: Line, (file, offset, bytes): (usize, u64, usize)) {
        let (id, came) = match line {
            Line::Request { id } => return self.known.entry(id).or_default().asked += 1,
            Line::Answer { id, came } => (id, came),
        };
        let known = self.known.entry(id).or_default();
        match (came, &known.found) {
            // What is answered stays answered, whatever another attempt came to; the first answer counts.
            (_, Some(Found::Body { .. })) => {}
            (Came::Body(_), _) => known.found = Some(Found::Body { file, offset, bytes }),
            (Came::Refused(reason), _) => known.found = Some(Found::Refused(reason)),
            (Came::Undone(undone, reason), _) => {
                known.undone += 1;
                known.expired += u32::from(undone == Undone::Expired);
                known.why = reason;
            }
        }
    }

    /// What came of a request, where it is settled.
    ///
    /// # Errors
    /// Where an answer that was there cannot be read again.
    pub(super) fn came(&self, id: &str) -> Result<Option<Came>> {
        let Some(known) = self.known.get(id) else { return Ok(None) };
        Ok(match &known.found {
            Some(Found::Body { file, offset, bytes }) => Some(self.body(*file, *offset, *bytes)?),
            Some(Found::Refused(reason)) => Some(Came::Refused(reason.clone())),
            None if known.undone >= ATTEMPTS_MAX => {
                let reason = format!("{} ({} attempts)", known.why, known.undone);
                Some(Came::Undone(Undone::Failed, reason))
            }
            None => None,
        })
    }

    fn body(&self, file: usize, offset: u64, bytes: usize) -> Result<Came> {
        let path = &self.files[file];
        let fault = |source| unusable(path, source);
        let mut line = vec![0; bytes];
        let mut file = File::open(path).map_err(fault)?;
        file.seek(SeekFrom::Start(offset)).map_err(fault)?;
        file.read_exact(&mut line).map_err(fault)?;
        match read_line(&line) {
            Ok(Line::Answer { came, .. }) => Ok(came),
            _ => {
                let changed = Error::new(ErrorKind::Io, "the file changed while it was read").at(path, None);
                Err(changed.hint("run the same command again"))
            }
        }
    }

    /// Notes that a request asks again what was answered unusably.
    pub(super) fn note_again(&mut self, id: &str) {
        self.again.insert(id.to_owned());
    }

    /// How many are wanted and not settled.
    pub(super) fn unsettled(&self) -> usize {
        self.wanted.len()
    }

    /// Notes that an answer cannot be used.
    pub(super) fn note_unusable(&mut self, id: &str, why: &str) {
        self.known.entry(id.to_owned()).or_default().unusable = Some(why.to_owned());
    }

    /// Begins to ask again from the start, as nothing had been asked.
    pub(super) fn begin(&mut self) {
        self.drafts.clear();
        self.wanted.clear();
    }

    /// Asks for what is not settled: it is written down, unless it stands in a request file that may still be answered.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub(super) fn want(&mut self, id: &str, (model, form): (&str, Form), line: &str) -> Result<()> {
        if !self.wanted.insert(id.to_owned()) || self.is_out(id) {
            return Ok(());
        }
        let drafts = self.drafts.entry(model.to_owned()).or_default();
        if drafts.last().is_none_or(|draft| draft.is_full(form, line.len() + 1)) {
            drafts.push(Draft::new(&self.path)?);
        }
        let draft = drafts.last_mut().expect("a draft was just made");
        draft.write(line).map_err(|source| unusable(&self.path, source))
    }

    /// Whether a request stands in a file that may still be answered.
    fn is_out(&self, id: &str) -> bool {
        self.known.get(id).is_some_and(|known| known.asked > known.undone)
    }

    /// Gives the drafts their names, so that they are there whole or not at all. Gives the names.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub(super) fn publish(&mut self) -> Result<Vec<PathBuf>> {
        let mut written = Vec::new();
        for (model, drafts) in std::mem::take(&mut self.drafts) {
            for draft in drafts {
                written.push(draft.publish(&self.path, &model)?);
            }
        }
        Ok(written)
    }

    /// How everything that was wanted stands.
    pub(super) fn tally(&self) -> Tally {
        let problems = self.problems.clone();
        let mut tally = Tally { problems, asked_again: self.again.len() as u64, ..Tally::default() };
        let fresh = self.wanted.iter().filter(|id| !self.known.contains_key(*id)).count() as u64;
        (tally.asked, tally.waiting) = (fresh, fresh);
        for known in self.known.values() {
            tally.asked += 1;
            tally.expired += u64::from(known.expired);
            tally.asked_again += u64::from(known.asked.saturating_sub(1));
            match (&known.found, &known.unusable) {
                (_, Some(why)) => tally.fail(why),
                (Some(Found::Body { .. }), None) => tally.answered += 1,
                (Some(Found::Refused(why)), None) => tally.fail(why),
                (None, None) if known.undone >= ATTEMPTS_MAX => tally.fail(&known.why),
                (None, None) => tally.waiting += 1,
            }
        }
        tally
    }
}

impl Draft {
    fn new(folder: &Path) -> Result<Draft> {
        let mut builder = tempfile::Builder::new();
        // Whoever sends the file may be somebody else; the default of a temporary file is that nobody else may read it.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.prefix(".requests-").tempfile_in(folder).map_err(|source| unusable(folder, source))?;
        Ok(Draft { file: BufWriter::new(file), requests: 0, bytes: 0 })
    }

    fn is_full(&self, form: Form, more: usize) -> bool {
        self.requests == form.requests_max() || self.bytes + more > form.bytes_max()
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        self.requests += 1;
        self.bytes += line.len() + 1;
        self.file.write_all(line.as_bytes())?;
        self.file.write_all(b"\n")
    }

    /// Takes the next number that is free.
    fn publish(self, folder: &Path, model: &str) -> Result<PathBuf> {
        let fault = |source| unusable(folder, source);
        let mut file = self.file.into_inner().map_err(|error| fault(error.into_error()))?;
        file.as_file().sync_all().map_err(fault)?;
        let name = slug::slug(model, usize::MAX).unwrap_or_else(|| "model".to_owned());
        for number in 1_u32.. {
            let path = folder.join(format!("requests-{name}-{number:03}.jsonl"));
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => file = error.file,
                Err(error) => return Err(fault(error.error)),
            }
        }
        unreachable!("a folder holds fewer files")
    }
}

/// The lines of a file that are not blank, with their numbers and where they begin.
pub(super) struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
    offset: u64,
}

/// A line's number, from 1, where it begins, and its bytes or why it is not taken.
type NextLine = (u64, u64, Result<Vec<u8>, String>);

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Lines> {
        Lines::of(File::open(path).map_err(|source| unusable(path, source))?, path)
    }

    /// The lines of a file that is open, from its beginning; the path is how it is named.
    pub(super) fn of(mut file: File, path: &Path) -> Result<Lines> {
        file.rewind().map_err(|source| unusable(path, source))?;
        Ok(Lines { path: path.to_owned(), reader: BufReader::new(file), number: 0, offset: 0 })
    }

    /// # Errors
    /// Where the file cannot be read on.
    pub(super) fn next(&mut self) -> Result<Option<NextLine>> {
        loop {
            let begins = self.offset;
            let mut line = Vec::new();
            let fault = |source| unusable(&self.path, source);
            let read = self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(fault)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.offset += read as u64;
            if read as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
                self.offset += self.reader.skip_until(b'\n').map_err(fault)? as u64;
                let why = format!("the line is longer than {} MiB", LINE_BYTES_MAX / 1024 / 1024);
                return Ok(Some((self.number, begins, Err(why))));
            }
            // Some editors begin a file with the mark of its encoding.
            let mark = if begins == 0 && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
            line.drain(..mark);
            let content = line.trim_ascii_end().len();
            if !line.trim_ascii().is_empty() {
                line.truncate(content);
                return Ok(Some((self.number, begins + mark as u64, Ok(line))));
            }
        }
    }
}

fn unusable(path: &Path, source: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot be read or written")
        .at(path, None)
        .hint("name a folder of your own for `--batch-dir`, with files that you may read")
        .caused_by(source)
}
