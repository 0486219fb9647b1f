//! JSON and JSON lines as a tree with lines.
//!
//! `serde_json` says at which line an error stands, but not at which line a value does. A raw value is a
//! slice of the text that was read, so its place in the text says it.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::tree::{Content, DEPTH_MAX, Entry, Fault, Meaning, Node, Scalar, number};

/// The value of a JSON text, `None` where there is none, and what is wrong with it as JSON.
pub(super) fn read(text: &str) -> (Option<Node>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let root = reader.document(text);
    (root, reader.faults)
}

/// The values of the lines of a text, and what is wrong with them as JSON. A line that is none does not
/// keep the others from being read.
pub(super) fn read_lines(text: &str) -> (Vec<Node>, Vec<Fault>) {
    let mut reader = Reader::new(text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let nodes = lines.filter_map(|line| reader.document(line)).collect();
    (nodes, reader.faults)
}

struct Reader<'a> {
    text: &'a str,
    line_ends: Vec<usize>,
    faults: Vec<Fault>,
}

/// The entries of an object as they stand in the text, those of a key that stands twice among them.
struct RawEntries<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let line_ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i).collect();
        Reader { text, line_ends, faults: Vec::new() }
    }

    fn document(&mut self, text: &'a str) -> Option<Node> {
        let raw = self.parsed::<&RawValue>(text)?;
        self.node(raw.get(), 0)
    }

    fn line_of(&self, slice: &str) -> u64 {
        let offset = slice.as_ptr() as usize - self.text.as_ptr() as usize;
        self.line_ends.partition_point(|end| *end < offset) as u64 + 1
    }

    fn parsed<T: Deserialize<'a>>(&mut self, slice: &'a str) -> Option<T> {
        match serde_json::from_str(slice) {
            Ok(value) => Some(value),
            Err(error) => {
                let fault = self.syntax_fault(slice, &error);
                self.faults.push(fault);
                None
            }
        }
    }

    fn syntax_fault(&self, slice: &str, error: &serde_json::Error) -> Fault {
        let line = self.line_of(slice) + (error.line() as u64).saturating_sub(1);
        let message = error.to_string();
        let reason = match message.split(" at line ").next().unwrap_or_default() {
            // The library's word for what begins as `null`, `true` or `false` do and goes on otherwise.
            "expected ident" => "expected a value",
            reason => reason,
        };
        let what = format!("not valid JSON: {reason} (column {})", error.column());
        let fix = match reason {
            "trailing characters" => "keep one value; a file with one case on each line is named `.jsonl`",
            _ => "compare the quotes, commas and brackets with the text before it",
        };
        Fault::new(line, what, fix)
    }

    fn node(&mut self, slice: &'a str, depth: usize) -> Option<Node> {
        let line = self.line_of(slice);
        let content = match slice.as_bytes().first()? {
            b'{' | b'[' if depth >= DEPTH_MAX => {
                self.faults.push(Fault::too_deep(line));
                return None;
            }
            b'{' => self.map(slice, depth)?,
            b'[' => self.list(slice, depth)?,
            b'"' => Content::Scalar(Scalar { text: self.parsed(slice)?, meaning: Meaning::Text }),
            b'n' => Content::Null,
            b't' | b'f' => literal(slice, Meaning::Value(Value::Bool(slice == "true"))),
            _ => literal(slice, number(slice)),
        };
        Some(Node { line, content })
    }

    fn list(&mut self, slice: &'a str, depth: usize) -> Option<Content> {
        let items: Vec<&RawValue> = self.parsed(slice)?;
        let nodes: Option<Vec<Node>> = items.into_iter().map(|item| self.node(item.get(), depth + 1)).collect();
        nodes.map(Content::List)
    }

    fn map(&mut self, slice: &'a str, depth: usize) -> Option<Content> {
        let RawEntries(raw) = self.parsed(slice)?;
        let mut lines: HashMap<String, u64> = HashMap::new();
        let mut entries = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let line = self.line_of(key.get());
            let key: String = self.parsed(key.get())?;
            let value = self.node(value.get(), depth + 1)?;
            if let Some(first) = lines.get(&key) {
                self.faults.push(Fault::key_twice(line, &key, *first));
                continue;
            }
            lines.insert(key.clone(), line);
            entries.push(Entry { key, line, value });
        }
        Some(Content::Map(entries))
    }
}

fn literal(source: &str, meaning: Meaning) -> Content {
    Content::Scalar(Scalar { text: source.to_owned(), meaning })
}

impl<'de> Deserialize<'de> for RawEntries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = RawEntries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(RawEntries(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
