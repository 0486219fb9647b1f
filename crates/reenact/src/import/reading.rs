//! Reads inputs from beginning to end: opens, cuts, parses, and says what could not be used.

use std::path::Path;
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::format::Parsed;
use super::input::{Found, Input, Opened, Source, sources, unreadable};
use super::json::Reason;
use super::parts::Parts;
use super::records::{RECORD_BYTES_MAX, Record, Records};
use super::{Format, Fragment, Imported, Progress};
use crate::{Error, ErrorKind, Result};

/// What is done with each fragment.
type Each<'a> = dyn FnMut(Fragment, &Arc<Path>, &mut Imported) -> Result<()> + 'a;

/// A file of which so many records are not ours is not read to its end.
const UNKNOWN_RECORDS_MAX: usize = 1_000;

/// How many records pass between two reports of progress.
const RECORDS_PER_REPORT: u64 = 64;

pub(super) struct Reading<'a> {
    forced: Option<Format>,
    imported: Imported,
    progress: &'a mut dyn FnMut(Progress<'_>),
    each: &'a mut Each<'a>,
}

/// What is known of a file while it is read.
struct File {
    name: Arc<Path>,
    /// Known once a record is ours.
    format: Option<Format>,
    /// What was wrong before that: named only if the file turns out to be ours.
    unknown: Vec<(u64, String)>,
    /// Records that are parts of traces.
    parts: Parts,
}

/// What is parsed at once, with the line on which it starts.
type Told = (u64, Result<Parsed, Reason>);

impl<'a> Reading<'a> {
    pub(super) fn new(
        forced: Option<Format>,
        progress: &'a mut dyn FnMut(Progress<'_>),
        each: &'a mut Each<'a>,
    ) -> Self {
        Reading { forced, imported: Imported::default(), progress, each }
    }

    /// Reads the inputs, one after the other.
    pub(super) fn inputs(mut self, inputs: Vec<Input>) -> Result<Imported> {
        for input in inputs {
            match sources(input) {
                Ok(sources) => sources.into_iter().try_for_each(|source| self.source(source))?,
                Err(error) => self.imported.cannot_read(&error),
            }
        }
        Ok(self.imported)
    }

    fn source(&mut self, mut source: Source) -> Result<()> {
        self.imported.files += 1;
        let opened = match source.open() {
            Ok(opened) => opened,
            Err(error) => {
                self.imported.cannot_read(&error);
                return Ok(());
            }
        };
        let mut file =
            File { name: source.name.as_path().into(), format: None, unknown: Vec::new(), parts: Parts::default() };
        let bytes_read = std::rc::Rc::clone(&opened.bytes_read);
        let broken = self.records(opened, &mut file)?;
        for told in file.rest() {
            self.told(told, &mut file)?;
        }
        self.imported.bytes += bytes_read.get();
        self.conclude(broken, file, source.found);
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
            self.record(record, file)?;
            if file.format.is_none() && file.unknown.len() >= UNKNOWN_RECORDS_MAX {
                return Ok(None);
            }
            let Imported { records, skipped_count: skipped, .. } = self.imported;
            if records.is_multiple_of(RECORDS_PER_REPORT) {
                let bytes_read = bytes_read.get();
                (self.progress)(Progress { file: &file.name, bytes_read, bytes_total, records, skipped });
            }
        }
    }

    fn record(&mut self, record: Record<'_>, file: &mut File) -> Result<()> {
        self.imported.records += 1;
        let (line, text) = text_of(record);
        match text.and_then(|text| file.parse(line, text, self.forced)) {
            Ok(told) => told.into_iter().try_for_each(|told| self.told(told, file))?,
            Err(reason) => self.skip(file, line, reason),
        }
        Ok(())
    }

    fn told(&mut self, (line, parsed): Told, file: &mut File) -> Result<()> {
        match parsed {
            Ok(parsed) => {
                for parsed in parsed {
                    match parsed {
                        Ok(fragment) => (self.each)(Fragment { line, ..fragment }, &file.name, &mut self.imported)?,
                        Err(reason) => self.skip(file, line, reason),
                    }
                }
            }
            Err(reason) => self.skip(file, line, reason),
        }
        Ok(())
    }

    fn skip(&mut self, file: &mut File, line: u64, reason: Reason) {
        let line = line + reason.lines_down;
        match file.format {
            None => file.unknown.push((line, reason.text)),
            Some(_) => self.imported.skip(&file.name, line, reason.text),
        }
    }

    /// Says what is wrong with the file as a whole, once it is read.
    fn conclude(&mut self, broken: Option<Error>, file: File, found: Found) {
        match (broken, file.format, found) {
            (Some(error), ..) => self.imported.cannot_read(&error),
            (None, None, Found::Named) => self.imported.cannot_read(&self.not_ours(&file)),
            (None, None, Found::InFolder) => self.imported.skip(&file.name, 0, self.not_ours(&file).message()),
            (None, Some(_), _) => {}
        }
        if file.format.is_some() {
            file.unknown.into_iter().for_each(|(line, reason)| self.imported.skip(&file.name, line, reason));
        }
    }

    /// Why no record of a file could be used.
    fn not_ours(&self, file: &File) -> Error {
        let wrong = |message: String| Error::new(ErrorKind::Input, message).at(&file.name, None);
        let Some((line, reason)) = file.unknown.first() else {
            return wrong("the file is empty".to_owned()).hint("export the conversations again, or name another file");
        };
        match self.forced {
            None => {
                let known: Vec<_> = Format::all().map(Format::name).collect();
                let error = wrong(format!("no record is in a known format (line {line}: {reason})"));
                error.hint(format!("known are {}", known.join(", ")))
            }
            Some(format) => {
                let error = wrong(format!("no record is {format} (line {line}: {reason})"));
                let shape = format.row().shape;
                error.hint(format!("{format} is {shape}; without a given format the content tells"))
            }
        }
    }
}

/// The line on which a record starts, and its text.
fn text_of(record: Record<'_>) -> (u64, Result<&str, Reason>) {
    match record {
        Record::Whole(line, bytes) => {
            let place = |error: std::str::Utf8Error| error.valid_up_to() + 1;
            let text = std::str::from_utf8(bytes);
            (line, text.map_err(|error| format!("not UTF-8 (byte {} of the record)", place(error)).into()))
        }
        Record::Unfinished(line) => (line, Err("the JSON ends in the middle".into())),
        Record::Oversize(line) => {
            let limit = RECORD_BYTES_MAX / 1024 / 1024;
            (line, Err(format!("the record is larger than {limit} MiB").into()))
        }
    }
}

impl File {
    /// Parses a record in the format of the file, which the first record that is ours tells.
    fn parse(&mut self, line: u64, text: &str, forced: Option<Format>) -> Result<Vec<Told>, Reason> {
        let format = match (self.format, forced) {
            (Some(format), _) | (None, Some(format)) => format,
            (None, None) => *self.format.insert(Format::of(text).ok_or_else(|| not_a_record(text))?),
        };
        if let Some(trace_of) = format.row().trace_of {
            let trace = trace_of(text)?;
            self.format = Some(format);
            let crowded_out = self.parts.add(trace, line, text);
            return Ok(crowded_out.into_iter().map(|part| (part.line, (format.row().parse)(&part.records))).collect());
        }
        let parsed = (format.row().parse)(text)?;
        if self.format.is_none() {
            self.format = parsed.iter().any(Result::is_ok).then_some(format);
        }
        Ok(vec![(line, Ok(parsed))])
    }

    /// What records tell that are parts of traces, once there are no more of them.
    fn rest(&mut self) -> Vec<Told> {
        let Some(format) = self.format else { return Vec::new() };
        self.parts.take_all().into_iter().map(|part| (part.line, (format.row().parse)(&part.records))).collect()
    }
}

fn not_a_record(text: &str) -> Reason {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => "not a conversation or a trace".into(),
        Err(error) => error.into(),
    }
}
