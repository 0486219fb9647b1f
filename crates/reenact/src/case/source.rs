//! A file as bytes, its format, and the way from one to the other.

use std::path::Path;

use super::tree::{Fault, Node};
use super::{Problem, Suite, json, reader, yaml};
use crate::{Error, ErrorKind, Place, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Yaml,
    Json,
    JsonLines,
}

/// A kind of file that people write, as errors name it.
pub(crate) struct Kind<T> {
    /// Such as "a suite file".
    pub(crate) what: &'static str,
    /// Which file to name where there is none.
    pub(crate) names: &'static str,
    /// How to begin one that is empty.
    pub(crate) start: &'static str,
    /// Reads a document of YAML or JSON.
    pub(crate) document: fn(&Node, &mut Vec<Fault>) -> T,
    /// Reads the lines of JSON lines.
    pub(crate) lines: fn(&[Node], &mut Vec<Fault>) -> T,
}

pub(super) const SUITE_FILE: Kind<Suite> = Kind {
    what: "a suite file",
    names: "name a suite file: .yaml, .jsonl or .json",
    start: "start with `cases:` and list the cases below it",
    document: reader::document,
    lines: reader::lines,
};

/// What a file holds, or all that is wrong with it, sorted by line.
pub(crate) fn read<T: Default>(path: &Path, kind: &Kind<T>) -> Result<Result<T, Vec<Problem>>> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, kind.what, kind.names, error))?;
    let mut faults = Vec::new();
    let held = of_bytes(path, &bytes, kind, &mut faults);
    if faults.is_empty() {
        return Ok(Ok(held));
    }
    faults.sort_by_key(|fault| fault.line);
    let place = |line| Place { file: path.to_owned(), line: Some(line) };
    let problem = |fault: Fault| Problem { place: place(fault.line), what: fault.what, fix: fault.fix };
    Ok(Err(faults.into_iter().map(problem).collect()))
}

/// What lines of JSON hold that nobody wrote as a file, or the first thing that is wrong with them.
pub(super) fn of_lines(lines: &str) -> Result<Suite> {
    let mut faults = Vec::new();
    let suite = of_bytes(Path::new("cases.jsonl"), lines.as_bytes(), &SUITE_FILE, &mut faults);
    faults.sort_by_key(|fault| fault.line);
    match faults.into_iter().next() {
        None => Ok(suite),
        Some(fault) => {
            Err(Error::new(ErrorKind::Input, format!("case {}: {}", fault.line, fault.what)).hint(fault.fix))
        }
    }
}

/// The first problem of a file as an error that says how many more there are.
pub(crate) fn first_of(problems: &[Problem], path: &Path, what: &str) -> Error {
    let command = format!("run `reenact check {}`", path.display());
    let Some(first) = problems.first() else {
        return Error::new(ErrorKind::Input, format!("not {what}")).at(path, None);
    };
    let more = match problems.len() - 1 {
        0 => String::new(),
        1 => " (and 1 more problem)".to_owned(),
        more => format!(" (and {more} more problems)"),
    };
    let error = Error::new(ErrorKind::Input, format!("{}{more}", first.what));
    error.at(path, first.place.line).hint(format!("{}; {command}", first.fix))
}

fn unreadable(path: &Path, what: &str, names: &str, error: std::io::Error) -> Error {
    let (message, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no such file".to_owned(), names),
        _ if path.is_dir() => (format!("this is a folder, expected {what}"), "name the files in it"),
        _ => ("the file cannot be read".to_owned(), "look at its permissions"),
    };
    Error::new(ErrorKind::Io, message).at(path, None).hint(hint).caused_by(error)
}

fn of_bytes<T: Default>(path: &Path, bytes: &[u8], kind: &Kind<T>, faults: &mut Vec<Fault>) -> T {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() as u64 + 1;
            let fix = "save the file as UTF-8";
            faults.push(Fault::new(line, "this line is not valid UTF-8", fix));
            return T::default();
        }
    };
    if text.trim().is_empty() {
        faults.push(Fault::new(1, "the file is empty", kind.start));
        return T::default();
    }
    of_text(format_of(path, text), text, kind, faults)
}

pub(super) fn of_text<T: Default>(format: Format, text: &str, kind: &Kind<T>, faults: &mut Vec<Fault>) -> T {
    if format == Format::JsonLines {
        let (nodes, found) = json::read_lines(text);
        let is_broken = !found.is_empty();
        faults.extend(found);
        return if nodes.is_empty() && is_broken { T::default() } else { (kind.lines)(&nodes, faults) };
    }
    let (root, found): (Option<Node>, _) = if format == Format::Yaml { yaml::read(text) } else { json::read(text) };
    let is_broken = !found.is_empty();
    faults.extend(found);
    match root {
        Some(root) => return (kind.document)(&root, faults),
        None if is_broken => {}
        None => {
            let what = "there is nothing in the file but comments";
            faults.push(Fault::new(1, what, kind.start));
        }
    }
    T::default()
}

pub(super) fn format_of(path: &Path, text: &str) -> Format {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => Format::Yaml,
        "json" => Format::Json,
        "jsonl" | "ndjson" => Format::JsonLines,
        _ => format_by_content(text),
    }
}

fn format_by_content(text: &str) -> Format {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') if is_json(text) => Format::Json,
        Some(b'{') if text.trim_start().lines().next().is_some_and(is_json) => Format::JsonLines,
        _ => Format::Yaml,
    }
}
