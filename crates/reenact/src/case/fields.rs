//! A mapping of the file with the table of keys that it may have: each value asked for by name and form.

use super::keys::{Need, Table};
use super::tree::{Content, Entry, Fault, Meaning, Node, shown};

const OR_LEAVE_OUT: &str = "write a text, or leave it out";

pub(crate) struct Fields<'a, 'f> {
    entries: &'a [Entry],
    table: &'static Table,
    /// Where the mapping begins.
    line: u64,
    /// The keys that an unknown key was probably meant to be: they are not called missing as well.
    misspelt: Vec<&'static str>,
    unreadable: bool,
    pub(crate) faults: &'f mut Vec<Fault>,
}

impl<'a, 'f> Fields<'a, 'f> {
    /// The fields of a mapping; a key that the table does not know is a fault.
    pub(crate) fn new(entries: &'a [Entry], table: &'static Table, line: u64, faults: &'f mut Vec<Fault>) -> Self {
        let mut fields = Fields { entries, table, line, misspelt: Vec::new(), unreadable: false, faults };
        for entry in entries.iter().filter(|entry| !table.has(&entry.key)) {
            fields.unknown_key(entry);
        }
        fields
    }

    /// The fields of something that is no mapping, which has been told already: nothing is missing in it.
    pub(crate) fn unreadable(table: &'static Table, faults: &'f mut Vec<Fault>) -> Self {
        Fields { entries: &[], table, line: 0, misspelt: Vec::new(), unreadable: true, faults }
    }

    fn unknown_key(&mut self, entry: &Entry) {
        let what = format!("`{}` is not a key of {}", shown(&entry.key), self.table.what);
        let fix = match self.table.nearest(&entry.key) {
            Some(name) => {
                self.misspelt.push(name);
                format!("did you mean `{name}`?")
            }
            None => format!("its keys are {}", self.table.listed()),
        };
        self.faults.push(Fault::new(entry.line, what, fix));
    }

    fn entry(&self, name: &str) -> Option<&'a Entry> {
        debug_assert!(self.table.has(name), "{name} is asked for and is not in the table of {}", self.table.what);
        self.entries.iter().find(|entry| entry.key == name && !matches!(entry.value.content, Content::Null))
    }

    /// Where a key stands, or where its mapping begins.
    pub(crate) fn line_of(&self, name: &str) -> u64 {
        self.entries.iter().find(|entry| entry.key == name).map_or(self.line, |entry| entry.line)
    }

    /// The value of a key in whatever form, with the line of the key.
    pub(crate) fn any(&self, name: &str) -> Option<(&'a Node, u64)> {
        self.entry(name).map(|entry| (&entry.value, entry.line))
    }

    /// Whether a key that is needed is there; a fault where it is not.
    pub(crate) fn needs(&mut self, name: &str) -> bool {
        let is_there = self.entry(name).is_some();
        if !is_there && !self.unreadable && !self.misspelt.contains(&name) {
            let is_written = self.entries.iter().any(|entry| entry.key == name);
            let what = match is_written {
                true => format!("`{name}` is empty"),
                false => format!("{} has no `{name}`", self.table.what),
            };
            let fix = format!("{} `{name}`: {}", if is_written { "fill in" } else { "add" }, self.about(name));
            let line = self.line_of(name);
            self.faults.push(Fault::new(line, what, fix));
        }
        is_there
    }

    fn about(&self, name: &str) -> String {
        let about = self.table.keys.iter().find(|key| key.name == name).map_or("", |key| key.about);
        let mut letters = about.trim_end_matches('.').chars();
        letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
    }

    /// The text of a key that must be there; empty, and a fault, where it is not.
    pub(crate) fn needed_text(&mut self, name: &str) -> String {
        if self.needs(name) { self.text(name).unwrap_or_default() } else { String::new() }
    }

    /// The text of a key. A number or a word such as `true` is the text that it is written as.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let entry = self.entry(name)?;
        let is_needed = self.table.keys.iter().any(|key| key.name == name && key.need == Need::Needed);
        let fix = if is_needed { format!("fill in `{name}`: {}", self.about(name)) } else { OR_LEAVE_OUT.to_owned() };
        Some(text(&entry.value, entry.line, &format!("`{name}`"), &fix, self.faults))
    }

    /// The texts of a key: a list of them, or a single one.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(entry) = self.entry(name) else { return Vec::new() };
        match &entry.value.content {
            Content::List(nodes) => {
                let item = format!("an item of `{name}`");
                nodes.iter().map(|node| text_item(node, &item, self.faults)).collect()
            }
            Content::Scalar(_) => vec![text_of(&entry.value, entry.line, name, self.faults)],
            _ => {
                self.wrong_form(entry, "a list of texts");
                Vec::new()
            }
        }
    }

    /// The whole number of a key, from 1.
    pub(crate) fn count(&mut self, name: &str) -> Option<u32> {
        let entry = self.entry(name)?;
        let number = match &entry.value.content {
            Content::Scalar(scalar) => match &scalar.meaning {
                Meaning::Value(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0),
                Meaning::Text | Meaning::Inexact => None,
            },
            _ => None,
        };
        if number.is_none() {
            let found = match &entry.value.content {
                Content::Scalar(scalar) => format!("`{}`", shown(&scalar.text)),
                _ => entry.value.described().to_owned(),
            };
            let what = format!("`{name}` is {found}, expected a whole number from 1");
            self.faults.push(Fault::new(entry.line, what, "write a number such as `2`, without quotes"));
        }
        number
    }

    /// The items of a key that is a list.
    pub(crate) fn list(&mut self, name: &str, of_what: &str) -> &'a [Node] {
        match self.entry(name).map(|entry| (entry, &entry.value.content)) {
            None => &[],
            Some((_, Content::List(nodes))) => nodes,
            Some((entry, _)) => {
                self.wrong_form(entry, &format!("a list of {of_what}"));
                &[]
            }
        }
    }

    /// The entries of a key that is a mapping.
    pub(crate) fn map(&mut self, name: &str, expected: &str) -> Option<&'a [Entry]> {
        let entry = self.entry(name)?;
        if let Content::Map(entries) = &entry.value.content {
            return Some(entries);
        }
        self.wrong_form(entry, expected);
        None
    }

    /// Notes that the value of a key is not of the form that was expected.
    pub(crate) fn wrong_form(&mut self, entry: &Entry, expected: &str) {
        let what = format!("`{}` is {}, expected {expected}", entry.key, entry.value.described());
        self.faults.push(Fault::new(entry.line, what, format!("write {expected} below `{}`", entry.key)));
    }
}

/// The text under a key, with the faults of one that is no text or is blank.
pub(crate) fn text_of(node: &Node, line: u64, name: &str, faults: &mut Vec<Fault>) -> String {
    text(node, line, &format!("`{name}`"), OR_LEAVE_OUT, faults)
}

/// The text that is an item of a list.
pub(crate) fn text_item(node: &Node, what: &str, faults: &mut Vec<Fault>) -> String {
    text(node, node.line, what, OR_LEAVE_OUT, faults)
}

fn text(node: &Node, line: u64, what: &str, fix_of_blank: &str, faults: &mut Vec<Fault>) -> String {
    let (what, fix) = match &node.content {
        Content::Scalar(scalar) if !scalar.text.trim().is_empty() => return scalar.text.clone(),
        Content::Scalar(_) | Content::Null => (format!("{what} is empty"), fix_of_blank),
        Content::List(_) | Content::Map(_) => {
            let fix = "write one text; one with `: ` or ` #` in it goes in quotes";
            (format!("{what} is {}, expected text", node.described()), fix)
        }
    };
    faults.push(Fault::new(line, what, fix));
    String::new()
}
