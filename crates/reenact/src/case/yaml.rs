//! YAML text as a tree with lines.
//!
//! Built from the parser's events and not from a ready document, because a document no longer knows
//! which key stood twice, how a number was written, or how much an alias unfolds to.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::tree::{Content, DEPTH_MAX, Entry, Fault, Meaning, Node, Scalar, meaning, shown};

/// How many values anchors and aliases may copy in one file; ten lines of them can stand for billions.
const COPIES_MAX: usize = 100_000;

/// The document of a YAML text, `None` where there is none, and what is wrong with it as YAML.
pub(crate) fn read(text: &str) -> (Option<Node>, Vec<Fault>) {
    let mut builder = Builder::default();
    for step in Parser::new_from_str(text) {
        let fault = match step {
            Ok((event, span)) => builder.take(event, span).err(),
            Err(error) => Some(syntax_fault(text, &error)),
        };
        if let Some(fault) = fault {
            builder.faults.push(fault);
            return (None, builder.faults);
        }
    }
    (builder.root, builder.faults)
}

fn syntax_fault(text: &str, error: &ScanError) -> Fault {
    let line = error.marker().line();
    // A tab is often noticed only in the line after it.
    let with_tab = [line, line.saturating_sub(1)].into_iter().find(|line| is_indented_with_tab(text, *line));
    if let Some(line) = with_tab {
        return Fault::new(line as u64, "this line is indented with a tab", "indent with spaces");
    }
    let what = format!("not valid YAML: {}", error.info());
    Fault::new(line as u64, what, "compare the indentation, quotes and brackets with the lines above")
}

fn is_indented_with_tab(text: &str, line: usize) -> bool {
    let line = line.checked_sub(1).and_then(|index| text.lines().nth(index)).unwrap_or("");
    line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t')
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copies: usize,
    faults: Vec<Fault>,
}

/// A list or a mapping whose end has not come yet.
struct Open {
    line: u64,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, u64)>, lines: HashMap<String, u64> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let line = span.start.line() as u64;
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(Fault::new(
                line,
                "a second YAML document starts here",
                "keep one document in a file, without `---`",
            )),
            Event::Scalar(text, style, anchor, tag) => {
                let content = scalar(&text, style, tag.as_deref(), line)?;
                self.place(Node { line, content }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.open(line, anchor, tag.as_deref(), Items::List(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let items = Items::Map { entries: Vec::new(), key: None, lines: HashMap::new() };
                self.open(line, anchor, tag.as_deref(), items)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.unfold(line, anchor),
            _ => Ok(()),
        }
    }

    fn open(&mut self, line: u64, anchor: usize, tag: Option<&Tag>, items: Items) -> Result<(), Fault> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Fault::too_deep(line));
        }
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && matches!(&*tag.suffix, "seq" | "map"))) {
            return Err(unknown_tag(tag, line));
        }
        self.open.push(Open { line, anchor, items });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(Open { line, anchor, items }) = self.open.pop() else { return Ok(()) };
        let content = match items {
            Items::List(nodes) => Content::List(nodes),
            Items::Map { entries, .. } => Content::Map(entries),
        };
        self.place(Node { line, content }, anchor)
    }

    fn unfold(&mut self, line: u64, anchor: usize) -> Result<(), Fault> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Fault::new(line, "this alias stands inside what it refers to", "write the value out"));
        };
        self.count_copies(&node, line)?;
        self.place(node, 0)
    }

    /// Puts a finished node where it belongs: into the innermost open list or mapping, or at the root.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Fault> {
        if anchor > 0 {
            self.count_copies(&node, node.line)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(nodes)) => nodes.push(node),
            Some(Items::Map { entries, key, lines }) => match key.take() {
                None => *key = Some((key_text(&node)?, node.line)),
                Some((name, line)) => match lines.get(&name) {
                    Some(first) => self.faults.push(Fault::key_twice(line, &name, *first)),
                    None => {
                        lines.insert(name.clone(), line);
                        entries.push(Entry { key: name, line, value: node });
                    }
                },
            },
        }
        Ok(())
    }

    fn count_copies(&mut self, node: &Node, line: u64) -> Result<(), Fault> {
        let (size, depth) = extent(node);
        self.copies += size;
        if self.open.len() + depth > DEPTH_MAX {
            return Err(Fault::too_deep(line));
        }
        if self.copies > COPIES_MAX {
            let what = format!("anchors and aliases unfold to more than {COPIES_MAX} values");
            return Err(Fault::new(line, what, "write the values out instead of referring to them"));
        }
        Ok(())
    }
}

/// How many values a node holds, itself among them, and how deep they stand in each other.
fn extent(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.content {
        Content::Null | Content::Scalar(_) => return (1, 0),
        Content::List(nodes) => nodes.iter().collect(),
        Content::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
    };
    let sum = |(size, depth): (usize, usize), (more, deep): (usize, usize)| (size + more, depth.max(deep + 1));
    children.into_iter().map(extent).fold((1, 1), sum)
}

fn key_text(node: &Node) -> Result<String, Fault> {
    match &node.content {
        Content::Scalar(scalar) => Ok(scalar.text.clone()),
        Content::Null => Ok("null".to_owned()),
        _ => {
            Err(Fault::new(node.line, format!("a key is {}, expected text", node.described()), "write the key as text"))
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: u64) -> Result<Content, Fault> {
    let core = tag.filter(|tag| tag.is_yaml_core_schema()).map(|tag| &*tag.suffix);
    let is_text = match (tag, core) {
        (None, _) => style != ScalarStyle::Plain,
        (Some(_), Some("str")) => true,
        (Some(_), Some("null" | "bool" | "int" | "float")) => false,
        (Some(tag), _) if tag.handle.is_empty() && &*tag.suffix == "!" => true,
        (Some(tag), _) => return Err(unknown_tag(tag, line)),
    };
    let is_null = matches!(text, "" | "~" | "null" | "Null" | "NULL");
    Ok(match is_text {
        false if is_null => Content::Null,
        false => Content::Scalar(Scalar { text: text.to_owned(), meaning: meaning(text) }),
        true => Content::Scalar(Scalar { text: text.to_owned(), meaning: Meaning::Text }),
    })
}

fn unknown_tag(tag: &Tag, line: u64) -> Fault {
    let what = format!("the YAML tag `{}` means nothing here", shown(&format!("{}{}", tag.handle, tag.suffix)));
    Fault::new(line, what, "leave the tag out; text that starts with `!` goes in quotes")
}
