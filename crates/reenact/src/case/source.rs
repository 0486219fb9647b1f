//! A file as bytes, its format, and the way from one to the other.

use std::path::Path;

use super::tree::{Fault, Node};
use super::{Problem, Suite, json, reader, yaml};
use crate::{Error, ErrorKind, Place, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Json,
    JsonLines,
}

/// The suite of a file, or all that is wrong with it, sorted by line.
pub(super) fn read(path: &Path) -> Result<Result<Suite, Vec<Problem>>> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
    let mut faults = Vec::new();
    let suite = of_bytes(path, &bytes, &mut faults);
    if faults.is_empty() {
        return Ok(Ok(suite));
    }
    faults.sort_by_key(|fault| fault.line);
    let place = |line| Place { file: path.to_owned(), line: Some(line) };
    let problem = |fault: Fault| Problem { place: place(fault.line), what: fault.what, fix: fault.fix };
    Ok(Err(faults.into_iter().map(problem).collect()))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let (message, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no such file", "name a suite file: .yaml, .jsonl or .json"),
        _ if path.is_dir() => ("this is a folder, expected a suite file", "name the files in it"),
        _ => ("the file cannot be read", "look at its permissions"),
    };
    Error::new(ErrorKind::Io, message).at(path, None).hint(hint).caused_by(error)
}

fn of_bytes(path: &Path, bytes: &[u8], faults: &mut Vec<Fault>) -> Suite {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|b| **b == b'\n').count() as u64 + 1;
            let fix = "save the file as UTF-8";
            faults.push(Fault::new(line, "this line is not valid UTF-8", fix));
            return Suite::default();
        }
    };
    if text.trim().is_empty() {
        faults.push(Fault::new(1, "the file is empty", "start with `cases:` and list the cases below it"));
        return Suite::default();
    }
    of_text(format_of(path, text), text, faults)
}

fn of_text(format: Format, text: &str, faults: &mut Vec<Fault>) -> Suite {
    if format == Format::JsonLines {
        let (nodes, found) = json::read_lines(text);
        let is_broken = !found.is_empty();
        faults.extend(found);
        return if nodes.is_empty() && is_broken { Suite::default() } else { reader::lines(&nodes, faults) };
    }
    let (root, found): (Option<Node>, _) = if format == Format::Yaml { yaml::read(text) } else { json::read(text) };
    let is_broken = !found.is_empty();
    faults.extend(found);
    match root {
        Some(root) => return reader::document(&root, faults),
        None if is_broken => {}
        None => {
            let what = "there is nothing in the file but comments";
            faults.push(Fault::new(1, what, "list the cases below `cases:`"));
        }
    }
    Suite::default()
}

fn format_of(path: &Path, text: &str) -> Format {
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
