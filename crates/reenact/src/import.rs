//! Recorded conversations, as traces and chat logs have them, become [`Session`](crate::Session)s.
//!
//! The content tells the format ([`Format`]) and the compression. A stream is cut into records, a record
//! is parsed to [`Fragment`]s, and fragments are gathered to sessions: by session or conversation id,
//! in the order of time, each message once, whatever the order of the files. Nothing is held that grows
//! with the input. What cannot be used is counted and named; what can be is imported.
//!
//! ```
//! use reenact::import::{Input, Options, import};
//! use reenact::Store;
//!
//! let log = r#"{"session_id": "s1", "messages": [{"role": "user", "content": "are you open"}]}"#;
//! let store = Store::in_memory()?;
//! let input = Input::Stream("log.jsonl".into(), Box::new(log.as_bytes()));
//! let imported = import(vec![input], &Options::default(), &store, &mut |_| {})?;
//! assert_eq!(imported.sessions_new, 1);
//! # Ok::<(), reenact::Error>(())
//! ```

use std::path::Path;
use std::sync::Arc;

pub use format::Format;
pub use fragment::Fragment;
pub use imported::{Imported, Progress, Unreadable};
pub use input::Input;

use gather::{Gather, Keep};
use input::{Found, Opened, Source, sources, unreadable};
use json::Reason;
use records::{RECORD_BYTES_MAX, Record, Records};

use crate::{Error, ErrorKind, Result, Store};

mod chat;
mod format;
mod fragment;
mod gather;
mod genai;
mod imported;
mod indexed;
mod input;
mod json;
mod merge;
mod mlflow;
mod native;
mod openinference;
mod otlp;
mod payload;
mod records;
mod sharegpt;
mod span;
mod trace;
mod value;
mod wire;

/// How to import.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The format, where the content shall not tell.
    pub format: Option<Format>,
    /// What a problem does to the rest.
    pub on_problem: OnProblem,
}

/// What a record that cannot be used, or a file that cannot be read, does to the rest of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnProblem {
    /// The rest is imported.
    #[default]
    Skip,
    /// Nothing is written.
    Refuse,
}

/// Reads inputs into a store.
///
/// Problems of the input are in the result; an error is a problem of the store. Importing the same
/// input again changes nothing; a longer recording of a known session makes it grow.
pub fn import(
    inputs: Vec<Input>,
    options: &Options,
    store: &Store,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Imported> {
    let keep = match options.on_problem {
        OnProblem::Skip => Keep::AsWritten,
        OnProblem::Refuse => Keep::AllOrNothing,
    };
    let mut gather = Gather::new(store.write_sessions()?, keep);
    let mut each = |fragment, file: &Arc<Path>, imported: &mut Imported| gather.take(fragment, file, imported);
    let mut reading = Reading { format: options.format, imported: Imported::default(), progress, each: &mut each };
    reading.inputs(inputs)?;
    let mut imported = reading.imported;
    gather.finish(&mut imported)?;
    Ok(imported)
}

/// Reads inputs without a store: hands over each fragment as it is parsed, not gathered to sessions.
///
/// The counts of sessions in the result stay 0. An error of `each` ends the reading and is returned.
pub fn read(
    inputs: Vec<Input>,
    format: Option<Format>,
    each: &mut dyn FnMut(Fragment) -> Result<()>,
) -> Result<Imported> {
    let mut each = |fragment, _: &Arc<Path>, _: &mut Imported| each(fragment);
    let mut reading = Reading { format, imported: Imported::default(), progress: &mut |_| {}, each: &mut each };
    reading.inputs(inputs)?;
    Ok(reading.imported)
}

type Each<'a> = dyn FnMut(Fragment, &Arc<Path>, &mut Imported) -> Result<()> + 'a;

struct Reading<'a> {
    format: Option<Format>,
    imported: Imported,
    progress: &'a mut dyn FnMut(Progress<'_>),
    each: &'a mut Each<'a>,
}

/// What is known of a file while it is read.
struct File {
    name: Arc<Path>,
    format: Option<Format>,
    /// Records that gave something.
    useful: u64,
    /// What was skipped before the format was known: named only if the file turns out to be ours.
    unknown: Vec<(u64, String)>,
}

/// A file none of whose first records is known is not read to its end.
const UNKNOWN_RECORDS_MAX: usize = 1_000;

/// How many records pass between two reports of progress.
const RECORDS_PER_REPORT: u64 = 64;

impl Reading<'_> {
    fn inputs(&mut self, inputs: Vec<Input>) -> Result<()> {
        for input in inputs {
            match sources(input) {
                Ok(sources) => sources.into_iter().try_for_each(|source| self.source(source))?,
                Err(error) => self.note(&error),
            }
        }
        Ok(())
    }

    fn note(&mut self, error: &Error) {
        let file = error.place().map(|place| place.file.clone()).unwrap_or_default();
        self.imported.cannot_read(&file, error);
    }

    fn source(&mut self, mut source: Source) -> Result<()> {
        self.imported.files += 1;
        let mut file = File { name: source.name.as_path().into(), format: self.format, useful: 0, unknown: Vec::new() };
        let opened = match source.open() {
            Ok(opened) => opened,
            Err(error) => {
                self.note(&error);
                return Ok(());
            }
        };
        let bytes_read = Arc::clone(&file.name);
        let counter = std::rc::Rc::clone(&opened.bytes_read);
        let read = self.records(opened, &mut file);
        self.imported.bytes += counter.get();
        drop(bytes_read);
        self.conclude(read?, file, source.found);
        Ok(())
    }

    /// Reads a file to its end, or to where it cannot be read any more.
    fn records(&mut self, opened: Opened, file: &mut File) -> Result<Option<Error>> {
        let Opened { reader, bytes_total, bytes_read } = opened;
        let mut records = Records::new(reader);
        loop {
            let record = match records.next() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(unreadable(&file.name, error))),
            };
            self.imported.records += 1;
            self.record(record, file)?;
            if file.format.is_none() && file.unknown.len() >= UNKNOWN_RECORDS_MAX {
                return Ok(None);
            }
            if self.imported.records.is_multiple_of(RECORDS_PER_REPORT) {
                let (records, skipped) = (self.imported.records, self.imported.skipped_count);
                (self.progress)(Progress {
                    file: &file.name,
                    bytes_read: bytes_read.get(),
                    bytes_total,
                    records,
                    skipped,
                });
            }
        }
    }

    fn record(&mut self, record: Record<'_>, file: &mut File) -> Result<()> {
        let (line, bytes) = match record {
            Record::Whole(line, bytes) => (line, bytes),
            Record::Unfinished(line) => return self.skip(file, line, "the JSON ends in the middle".into()),
            Record::Oversize(line) => {
                let limit = RECORD_BYTES_MAX / 1024 / 1024;
                return self.skip(file, line, format!("the record is larger than {limit} MiB").into());
            }
        };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let reason = format!("not UTF-8 (byte {} of the record)", error.valid_up_to() + 1);
                return self.skip(file, line, reason.into());
            }
        };
        let Some(format) = file.format.or_else(|| Format::of(text)) else {
            let reason = serde_json::from_str::<serde::de::IgnoredAny>(text).err().map(Reason::from);
            return self.skip(file, line, reason.unwrap_or_else(|| "not a conversation or a trace".into()));
        };
        file.format = Some(format);
        match (format.row().parse)(text) {
            Ok(parsed) => parsed.into_iter().try_for_each(|parsed| self.parsed(parsed, line, file)),
            Err(reason) => self.skip(file, line, reason),
        }
    }

    fn parsed(&mut self, parsed: Result<Fragment, Reason>, line: u64, file: &mut File) -> Result<()> {
        match parsed {
            Ok(fragment) => {
                file.useful += 1;
                (self.each)(Fragment { line, ..fragment }, &file.name, &mut self.imported)
            }
            Err(reason) => self.skip(file, line, reason),
        }
    }

    fn skip(&mut self, file: &mut File, line: u64, reason: Reason) -> Result<()> {
        let line = line + reason.lines_down;
        if file.format.is_none()
            || (self.format.is_some() && file.useful == 0 && file.unknown.len() < UNKNOWN_RECORDS_MAX)
        {
            file.unknown.push((line, reason.text));
        } else {
            self.imported.skip(&file.name, line, reason.text);
        }
        Ok(())
    }

    /// Says what is wrong with the file as a whole, once it is read.
    fn conclude(&mut self, broken: Option<Error>, file: File, found: Found) {
        let nothing_known = file.format.is_none() || (self.format.is_some() && file.useful == 0);
        let is_ours = !nothing_known;
        for (line, reason) in file.unknown.iter().filter(|_| is_ours) {
            self.imported.skip(&file.name, *line, reason.clone());
        }
        if let Some(error) = broken {
            self.note(&error);
        } else if nothing_known {
            let error = self.unrecognised(&file);
            match found {
                Found::Named => self.note(&error),
                Found::InFolder => {
                    let reason = error.to_string();
                    let place = format!("{}: ", file.name.display());
                    self.imported.skip(&file.name, 0, reason.strip_prefix(&place).unwrap_or(&reason));
                }
            }
        }
    }

    /// Why no record of a file could be used.
    fn unrecognised(&self, file: &File) -> Error {
        let known: Vec<_> = Format::all().map(Format::name).collect();
        let of_input = |message: String| Error::new(ErrorKind::Input, message).at(&file.name, None);
        let Some((line, reason)) = file.unknown.first() else {
            return of_input("the file is empty".to_owned())
                .hint("export the conversations again, or name another file");
        };
        match self.format {
            None => of_input(format!("no record is in a known format (line {line}: {reason})"))
                .hint(format!("known are {}", known.join(", "))),
            Some(format) => of_input(format!("no record is {format} (line {line}: {reason})"))
                .hint(format!("{format} is {}; without a given format the content tells", format.row().shape)),
        }
    }
}
