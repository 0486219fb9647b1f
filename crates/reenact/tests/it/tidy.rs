//! The rules of this house that a compiler does not know, as tests: each with its reason, and what to do where it fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const ARCHITECTURE: &str = include_str!("../../../../ARCHITECTURE.md");

/// A source file of the workspace.
struct Source {
    /// From the root of the workspace, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The code that ships: without comments, and without the tests at the end of a file.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = self.text.contains("#![cfg(test)]");
        let lines = self.text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(move |_| !is_test);
        let code = lines.take_while(|(_, line)| *line != "#[cfg(test)]" && !line.starts_with("mod tests {"));
        code.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file under these folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| walk(&root().join(folder), &mut files));
    let files: Vec<PathBuf> = files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "rs")).collect();
    assert!(!files.is_empty(), "no Rust file in {folders:?}");
    let source = |file: PathBuf| Source { path: named(&file), text: fs::read_to_string(&file).unwrap() };
    files.into_iter().map(source).collect()
}

/// The files that ship: without modules that are declared for tests only.
fn shipped_sources() -> Vec<Source> {
    let for_tests = Regex::new(r"#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?mod ([a-z_]+);").unwrap();
    let mut all = sources(&["crates/reenact/src", "crates/reenact-cli/src", "crates/reenact-py/src"]);
    let folder = |source: &Source| source.path.trim_end_matches(".rs").trim_end_matches("/lib").to_owned();
    let declared = |source: &Source| {
        let names = for_tests.captures_iter(&source.text);
        names.map(|found| format!("{}/{}.rs", folder(source), &found[1])).collect::<Vec<_>>()
    };
    let test_files: BTreeSet<String> = all.iter().flat_map(declared).collect();
    all.retain(|source| !test_files.contains(&source.path));
    all
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // What git and cargo keep is not ours; neither is what is hidden, but for the folder of CI.
        if name == "target" || name.starts_with('.') && name != ".ci" {
            continue;
        }
        if entry.is_dir() { walk(&entry, files) } else { files.push(entry) }
    }
}

fn named(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

#[test]
fn every_file_says_at_its_top_what_it_is_for() {
    let silent = |source: Source| (!source.text.starts_with("//! ")).then_some(source.path);
    let broken: Vec<String> = sources(&["crates"]).into_iter().filter_map(silent).collect();
    none(
        "a reader decides by the first line whether to read on; begin the file with `//! ` and what it is for:",
        &broken,
    );
}

#[test]
fn no_module_is_named_after_nothing() {
    let empty = ["common", "core", "helpers", "misc", "shared", "traits", "types", "util", "utils"];
    let is_empty = |path: &str| path.split(['/', '.']).any(|part| empty.contains(&part));
    let broken: Vec<String> = sources(&["crates"]).into_iter().map(|s| s.path).filter(|path| is_empty(path)).collect();
    none("such a name takes in everything and says nothing; name the one idea of the module:", &broken);
}

/// What only some files may do, and which: the rest gets it handed in, so that it can be tested and replayed.
const KEPT_TO: [(&str, &str, &[&str]); 8] = [
    // The SDK prints nothing; the command writes through its `output`, for which a reader who leaves is no error.
    (r"\be?print(ln)?!|\bdbg!", "what is printed goes through the command's `output`", &[]),
    (r"\bprocess::exit\b", "only the command ends the program", &["crates/reenact-cli/src/interrupt.rs"]),
    (
        r"\bstd::env\b|\benv::var",
        "variables are read once and handed in",
        &[
            "crates/reenact/src/environment.rs",
            // Where the program itself is, to start it as the demo's assistant.
            "crates/reenact-cli/src/participants.rs",
        ],
    ),
    (
        r"\bSystemTime\b|\bTimestamp::now\b|\bZoned::now\b|\bnow_v7\b|\bnew_v4\b",
        "the time of day is read in one place",
        &["crates/reenact/src/clock.rs"],
    ),
    (
        r"\bInstant::now\b",
        "deadlines and latencies are measured where the waiting is done",
        &[
            "crates/reenact/src/journal.rs",
            "crates/reenact/src/agent/address.rs",
            "crates/reenact/src/agent/model.rs",
            "crates/reenact/src/agent/started.rs",
            "crates/reenact/src/model/limits/",
            "crates/reenact/src/model/probe.rs",
            "crates/reenact/src/export/delivery.rs",
            "crates/reenact/src/store/schema.rs",
            "crates/reenact/src/agent/process.rs",
            "crates/reenact-py/src/participants.rs",
        ],
    ),
    (
        r"\bClient::(new|builder)\b|\bTcpStream\b|\bUdpSocket\b",
        "one module opens connections",
        &["crates/reenact/src/http.rs"],
    ),
    (r"\bTcpListener\b", "one module listens", &["crates/reenact-cli/src/serve/listening.rs"]),
    (r"\bCommand::new\b", "one module starts programs", &["crates/reenact/src/agent/process.rs"]),
];

#[test]
fn the_world_comes_in_by_the_doors_that_architecture_names() {
    for (pattern, why, doors) in KEPT_TO {
        let pattern = Regex::new(pattern).unwrap();
        let mut broken = Vec::new();
        for source in shipped_sources() {
            let is_door = doors.iter().any(|door| source.path.starts_with(door));
            let uses = source.shipped().filter(|(_, line)| !is_door && pattern.is_match(line));
            broken.extend(uses.map(|(n, line)| format!("{}:{n}: {}", source.path, line.trim())));
        }
        none(&format!("{why} ({}); take it as an argument:", doors.join(", ")), &broken);
    }
}

/// A door that is no longer used is taken off the list, so that the list stays the truth.
#[test]
fn every_door_is_used() {
    let sources = shipped_sources();
    for (pattern, _, doors) in KEPT_TO {
        let pattern = Regex::new(pattern).unwrap();
        let uses =
            |door: &&&str| sources.iter().filter(|s| s.path.starts_with(**door)).all(|s| !pattern.is_match(&s.text));
        let broken: Vec<String> = doors.iter().filter(uses).map(|door| (*door).to_owned()).collect();
        none(&format!("nothing here needs {pattern} any more; take it off the list:"), &broken);
    }
}

#[test]
fn no_file_knows_the_machine_that_it_was_written_on() {
    let somebodys =
        Regex::new(r#"(^|["'` (=])(/home/[a-z]+/|/Users/[a-z]+/|/root/|/tmp/[a-z]|[A-Z]:\\Users)"#).unwrap();
    let mut files = Vec::new();
    walk(&root(), &mut files);
    let mut broken = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let lines = text.lines().enumerate().filter(|(_, line)| somebodys.is_match(line));
        let found = lines.map(|(n, line)| format!("{}:{}: {}", named(&file), n + 1, line.trim()));
        // This file has the pattern itself.
        broken.extend(found.filter(|place| !place.contains("tests/it/tidy.rs")));
    }
    none("what names a folder of one machine works on no other; take a temporary folder or an argument:", &broken);
}

/// Nine functions in ten are read at a glance. A ratchet: it may be raised, never lowered.
const SHORT_SHARE_MIN: f64 = 0.9;
const SHORT_LINES_MAX: usize = 25;

#[test]
fn most_functions_are_short() {
    let lengths: Vec<(usize, String)> = sources(&["crates"]).iter().flat_map(functions).collect();
    let short = lengths.iter().filter(|(lines, _)| *lines <= SHORT_LINES_MAX).count();
    let share = short as f64 / lengths.len() as f64;
    let mut longest = lengths;
    longest.sort();
    let named: Vec<String> = longest.iter().rev().take(10).map(|(lines, name)| format!("{lines} {name}")).collect();
    assert!(
        share >= SHORT_SHARE_MIN,
        "only {share:.2} of all functions are short; the longest:\n  {}",
        named.join("\n  ")
    );
}

/// The functions of a file with their lengths: from `fn` to the brace at the same depth, as rustfmt sets it.
fn functions(source: &Source) -> Vec<(usize, String)> {
    let head = Regex::new(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:const )?(?:async )?fn (\w+)").unwrap();
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(head) = head.captures(line) else { continue };
        let end = format!("{}}}", &head[1]);
        let one_line = line.ends_with('}') || line.ends_with(';');
        let rest = lines[at..].iter().position(|line| one_line || *line == end);
        found.push((rest.unwrap_or(0) + 1, format!("{} {}", source.path, &head[2])));
    }
    found
}

/// The part of the code map that is about one crate.
fn code_map(title: &str) -> &str {
    let start = ARCHITECTURE.find(title).expect("a part of the code map");
    let rest = &ARCHITECTURE[start + title.len()..];
    &rest[..rest.find("\n## ").into_iter().chain(rest.find("\n### ")).min().unwrap_or(rest.len())]
}

/// The files that a part of the code map names, in its order.
fn mapped(title: &str) -> Vec<String> {
    let file = Regex::new(r"`([a-z0-9_/]+\.rs)`").unwrap();
    file.captures_iter(code_map(title)).map(|found| found[1].to_owned()).collect()
}

const MAPS: [(&str, &str); 3] = [
    ("### The SDK", "crates/reenact/src/"),
    ("### The command", "crates/reenact-cli/src/"),
    ("### The native half of the Python package", "crates/reenact-py/src/"),
];

#[test]
fn the_code_map_has_every_module_and_no_other() {
    for (title, folder) in MAPS {
        let mapped: BTreeSet<String> = mapped(title).into_iter().collect();
        let is: BTreeSet<String> = sources(&[folder]).into_iter().map(|s| s.path[folder.len()..].to_owned()).collect();
        none("a module is not in the code map of ARCHITECTURE.md; say there what it is for:", &left(&is, &mapped));
        none("the code map of ARCHITECTURE.md names a module that is gone:", &left(&mapped, &is));
    }
}

fn left(these: &BTreeSet<String>, those: &BTreeSet<String>) -> Vec<String> {
    these.difference(those).cloned().collect()
}

/// What a module calls stands above it in the code map. What comes from the crate's root is a plain type, and everybody's.
#[test]
fn modules_call_upwards_only() {
    let (title, folder) = MAPS[0];
    let order: Vec<String> = mapped(title).into_iter().filter(|file| !file.contains('/')).collect();
    let place = |module: &str| order.iter().position(|file| file.strip_suffix(".rs") == Some(module));
    let mut broken = Vec::new();
    for source in sources(&[folder]).iter().filter(|source| !source.path.ends_with("/lib.rs")) {
        let module = source.path[folder.len()..].split(['/', '.']).next().unwrap_or_default();
        let below = called(source).into_iter().filter(|called| place(called) > place(module));
        broken.extend(below.map(|called| format!("{} calls {called}", source.path)));
    }
    none("a module calls one that stands below it in the code map; move it, or turn the dependency round:", &broken);
}

/// The modules of the crate that a file names, as `crate::module` or in `use crate::{module, ...}`.
fn called(source: &Source) -> BTreeSet<String> {
    let code: String = source.shipped().flat_map(|(_, line)| [line, "\n"]).collect();
    let path = Regex::new(r"\bcrate::([a-z_]+)\b").unwrap();
    let group = Regex::new(r"\bcrate::\{([^;]*)\};").unwrap();
    let module = Regex::new(r"(?:^|[{,\s])([a-z_]+)(?:::|,|\s*$)").unwrap();
    let in_groups = group.captures_iter(&code).flat_map(|found| {
        let names = found[1].split(',').map(|name| format!("{name},"));
        names.filter_map(|name| Some(module.captures(&name)?[1].to_owned())).collect::<Vec<_>>()
    });
    path.captures_iter(&code).map(|found| found[1].to_owned()).chain(in_groups).collect()
}

#[test]
fn the_tests_that_architecture_names_are_there() {
    let test = Regex::new(r"`((?:[a-z0-9]+_){5,}[a-z0-9]+)`").unwrap();
    let sources = sources(&["crates"]);
    let is_there = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}(")));
    let names: Vec<String> = test.captures_iter(ARCHITECTURE).map(|found| found[1].to_owned()).collect();
    assert!(!names.is_empty());
    let broken: Vec<String> = names.into_iter().filter(|name| !is_there(name)).collect();
    none("ARCHITECTURE.md names a test that is gone:", &broken);
}
