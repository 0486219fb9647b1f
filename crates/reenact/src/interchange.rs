//! Suites as the files of other tools, and back: DeepEval's goldens, promptfoo's tests, Inspect's samples. [`traces`] writes sessions.
//!
//! Each of them has a place for what somebody notes beside a test. The whole case goes there, so that a file comes back as the suite that it was;
//! what was edited there in the meantime wins. The rest is what the tool itself goes by. What it has no words for is counted and told.
//!
//! ```
//! use reenact::interchange::{Peer, read, write};
//! use reenact::{Brief, Fact, Gate, Suite, TestCase};
//!
//! let fact = Fact { id: "order".into(), text: "the order is W-2041".into(), gate: Gate::Asked("order number".into()) };
//! let brief = Brief { goal: "Exchange the shoes".into(), facts: vec![fact], ..Brief::default() };
//! let case = TestCase { id: "shoes".into(), brief, ..TestCase::default() };
//! let suite = Suite { name: None, cases: vec![case] };
//!
//! let written = write(&suite, Peer::DeepEval);
//! assert!(written.text.contains("If you are asked for order number: the order is W-2041"));
//! assert_eq!(written.lost[0].count, 1);
//! assert_eq!(read(&written.text, Peer::DeepEval)?.suite, suite);
//! # Ok::<(), reenact::Error>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::case::{self, Suite};
use crate::{Error, ErrorKind, Result};

mod deepeval;
mod inspect;
mod promptfoo;
pub mod traces;

/// A tool whose files are written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// `ConversationalGolden`s of DeepEval, as a JSON list.
    DeepEval,
    /// A configuration of promptfoo, in YAML, whose tests have its simulated user.
    Promptfoo,
    /// A dataset of Inspect, as JSON lines of samples.
    Inspect,
}

/// A suite as another tool's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub text: String,
    /// What the tool does not go by. It stands in the file all the same.
    pub lost: Vec<Lost>,
}

/// Another tool's file as a suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The suite.
    pub suite: Suite,
    /// What a suite has no words for.
    pub lost: Vec<Lost>,
}

/// Something that is not carried over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Lost {
    /// What it is, and what becomes of it.
    pub what: String,
    /// How often it is there.
    pub count: usize,
}

/// All there is to say about a tool. To add one: a file, a variant, a row.
struct Row {
    peer: Peer,
    name: &'static str,
    /// What its file looks like, for people.
    shape: &'static str,
    /// Cases in the form of the suite file, as its file.
    write: fn(Option<&str>, &[Value]) -> String,
    /// The entries of a file; nothing where it is not one of its.
    entries: fn(&str) -> Option<Vec<Value>>,
    /// One entry of its file of a case.
    entry: fn(&Value) -> Value,
    /// What an entry tells, by keys of the suite file.
    told: fn(&Value, &mut Counts) -> Map<String, Value>,
    /// Where the whole case stands in an entry.
    kept: &'static str,
}

const PEERS: [Row; 3] = [
    Row {
        peer: Peer::DeepEval,
        name: "deepeval",
        shape: "a JSON list of objects with `scenario`",
        write: deepeval::write,
        entries: deepeval::entries,
        entry: deepeval::entry,
        told: deepeval::told,
        kept: "/additional_metadata/reenact",
    },
    Row {
        peer: Peer::Promptfoo,
        name: "promptfoo",
        shape: "YAML with `tests`",
        write: promptfoo::write,
        entries: promptfoo::entries,
        entry: promptfoo::entry,
        told: promptfoo::told,
        kept: "/metadata/reenact",
    },
    Row {
        peer: Peer::Inspect,
        name: "inspect",
        shape: "JSON lines, or a JSON list, of objects with `input`",
        write: inspect::write,
        entries: inspect::entries,
        entry: inspect::entry,
        told: inspect::told,
        kept: "/metadata/reenact",
    },
];

impl Peer {
    /// Every tool, in the order in which they are listed to people.
    pub fn all() -> impl Iterator<Item = Peer> {
        PEERS.iter().map(|row| row.peer)
    }

    /// The name that the command line uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The tool whose file a text is, where it is one.
    #[must_use]
    pub fn of(text: &str) -> Option<Peer> {
        PEERS.iter().find(|row| (row.entries)(text).is_some()).map(|row| row.peer)
    }

    fn row(self) -> &'static Row {
        // The table has a row for every variant; a test below holds it to that.
        PEERS.iter().find(|row| row.peer == self).unwrap_or(&PEERS[0])
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Peer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Peer::all().find(|peer| peer.name() == name).ok_or_else(|| {
            let names: Vec<_> = Peer::all().map(Peer::name).collect();
            let error = Error::new(ErrorKind::Usage, format!("`{name}` is no tool whose files are known"));
            error.hint(format!("use one of {}", names.join(", ")))
        })
    }
}

/// How often something that is not carried over is there.
type Counts = BTreeMap<String, usize>;

fn count(counts: &mut Counts, what: &str, times: usize) {
    if times > 0 {
        *counts.entry(what.to_owned()).or_default() += times;
    }
}

fn lost(counts: Counts) -> Vec<Lost> {
    counts.into_iter().map(|(what, count)| Lost { what, count }).collect()
}

/// A suite as the file of another tool.
#[must_use]
pub fn write(suite: &Suite, peer: Peer) -> Written {
    let cases: Vec<Value> = suite.cases.iter().map(case::written).collect();
    let mut counts = Counts::new();
    cases.iter().for_each(|case| count_unheard(case, &mut counts));
    count(&mut counts, "the name of the suite does not come back", usize::from(suite.name.is_some()));
    Written { text: (peer.row().write)(suite.name.as_deref(), &cases), lost: lost(counts) }
}

/// The file of another tool as a suite.
///
/// # Errors
/// Where it is no such file, or holds something that no case can be made of.
pub fn read(text: &str, peer: Peer) -> Result<Read> {
    let row = peer.row();
    let entries = (row.entries)(text).ok_or_else(|| {
        let error = Error::new(ErrorKind::Input, format!("the file is none of {peer}'s"));
        error.hint(format!("expected {}", row.shape))
    })?;
    let mut counts = Counts::new();
    let (mut cases, mut ids) = (Vec::new(), BTreeSet::new());
    for entry in &entries {
        let mut case = Value::Object(case_of(entry, row, &mut counts));
        // Names need not be unique there. A case without an id gets one.
        if let Some(case) =
            case.as_object_mut().filter(|case| !ids.insert(case.get("id").cloned().map(|id| id.to_string())))
        {
            case.shift_remove("id");
        }
        match case["goal"].as_str().is_some_and(|goal| !goal.trim().is_empty()) {
            true => cases.push(case),
            false => count(&mut counts, "tests that say nothing of what a user wants are left out", 1),
        }
    }
    Ok(Read { suite: Suite::of_values(&cases)?, lost: lost(counts) })
}

/// The case that was kept in an entry, with what somebody edited beside it; else what the entry tells.
fn case_of(entry: &Value, row: &Row, counts: &mut Counts) -> Map<String, Value> {
    let told = (row.told)(entry, counts);
    let Some(kept) = entry.pointer(row.kept).and_then(kept) else { return told };
    let written = (row.told)(&(row.entry)(&Value::Object(kept.clone())), &mut Counts::new());
    let mut case = kept.clone();
    for key in ["id", "goal", "persona", "opening", "prefix", "expectations"] {
        if told.get(key) == written.get(key) {
            continue;
        }
        // Their texts hold more than one of our keys; who edited one of those edited all that is in it.
        match key {
            "goal" => drop(case.shift_remove("facts")),
            "persona" => drop(case.shift_remove("simulation_guidelines")),
            _ => {}
        }
        match told.get(key) {
            Some(value) => drop(case.insert(key.to_owned(), value.clone())),
            None => drop(case.shift_remove(key)),
        }
    }
    case
}

/// A case as an entry keeps it: an object, or the JSON of one where the file is YAML, whose readers do not agree on all numbers.
fn kept(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(case) => Some(case.clone()),
        Value::String(json) => serde_json::from_str(json).ok(),
        _ => None,
    }
}

/// What no other tool goes by.
fn count_unheard(case: &Value, counts: &mut Counts) {
    let gates = || list(case, "facts").filter_map(|fact| fact.get("gate"));
    let never = gates().filter(|gate| *gate == "never").count();
    let held = "facts behind gates stand in the text with their condition, and nothing holds the simulated user to it";
    count(counts, held, gates().count() - never);
    count(counts, "facts that are never said are not told", never);
    let is_check = |key: &String| !matches!(key.as_str(), "id" | "text" | "turn");
    let checks = list(case, "expectations").filter_map(Value::as_object).filter(|it| it.keys().any(is_check));
    count(counts, "checks by code are not made; where they have a text, a model judges it", checks.count());
    let turns = list(case, "expectations").filter(|expectation| expectation.get("turn").is_some()).count();
    count(counts, "expectations on one turn are judged on all of the conversation", turns);
    for (key, what) in [
        ("patience", "how many asks may stay unanswered is not said"),
        ("context", "the context is not handed to the agent"),
        ("script", "messages that are fixed are not spoken"),
        ("first_speaker", "the agent does not speak first"),
    ] {
        count(counts, what, usize::from(case.get(key).is_some()));
    }
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str().filter(|text| !text.trim().is_empty())
}

/// What the user wants and knows, for a simulated user that knows no gates.
fn scenario(case: &Value) -> String {
    let goal = text(case, "goal").unwrap_or_default();
    let known: Vec<String> = list(case, "facts").filter_map(|fact| known(case, fact)).collect();
    if known.is_empty() { goal.to_owned() } else { format!("{goal}\n\nYou also know:\n{}", known.join("\n")) }
}

/// A line about a fact, with its condition in words.
fn known(case: &Value, fact: &Value) -> Option<String> {
    let words = text(fact, "text")?;
    let gate = fact.get("gate").unwrap_or(&Value::Null);
    if gate == "never" {
        return None;
    }
    if let Some(topic) = text(gate, "asked") {
        return Some(format!("- If you are asked for {topic}: {words}"));
    }
    if let Some(id) = text(gate, "after") {
        let earlier = list(case, "facts").find(|fact| text(fact, "id") == Some(id)).and_then(|fact| text(fact, "text"));
        return Some(format!("- After you have said \"{}\": {words}", earlier.unwrap_or(id)));
    }
    match text(gate, "when") {
        Some(act) => Some(format!("- When this happens: {act}: {words}")),
        None => Some(format!("- {words}")),
    }
}

/// How the user writes and behaves, for a simulated user that has one text for it.
fn manners(case: &Value) -> Option<String> {
    let persona = text(case, "persona").map(str::to_owned);
    let guidelines = list(case, "simulation_guidelines").filter_map(|text| Some(format!("- {}", text.as_str()?)));
    let lines: Vec<String> = persona.into_iter().chain(guidelines).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What was said before the simulated user goes on, with the words of the one who says it.
fn turns(case: &Value) -> Vec<Value> {
    let said = |message: &Value| {
        let agent = text(message, "agent").map(|text| json!({ "role": "assistant", "content": text }));
        agent.or_else(|| Some(json!({ "role": "user", "content": text(message, "user")? })))
    };
    let opening = text(case, "opening").map(|opening| json!({ "role": "user", "content": opening }));
    list(case, "prefix").filter_map(said).chain(opening).collect()
}

/// The same read: what was said before, and the user's words that are said next.
fn put_turns(turns: &[Value], case: &mut Map<String, Value>, counts: &mut Counts) {
    let mut said: Vec<Value> = Vec::new();
    for turn in turns {
        match (text(turn, "role"), text(turn, "content")) {
            (Some("user"), Some(text)) => said.push(json!({ "user": text })),
            (Some("assistant"), Some(text)) => said.push(json!({ "agent": text })),
            _ => count(counts, "messages that are neither the user's nor the agent's words are left out", 1),
        }
    }
    if let Some(opening) = said.pop_if(|message| message.get("user").is_some()) {
        case.insert("opening".to_owned(), opening["user"].clone());
    }
    if !said.is_empty() {
        case.insert("prefix".to_owned(), said.into());
    }
}

/// The texts of what the agent must do.
fn expected(case: &Value) -> impl Iterator<Item = &str> {
    list(case, "expectations").filter_map(|expectation| text(expectation, "text"))
}

fn put_text(case: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        case.insert(key.to_owned(), text.into());
    }
}

fn put_expected(case: &mut Map<String, Value>, expectations: Vec<Value>) {
    if !expectations.is_empty() {
        case.insert("expectations".to_owned(), expectations.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_row_and_a_name_that_leads_back_to_it() {
        let all = [Peer::DeepEval, Peer::Promptfoo, Peer::Inspect];
        assert_eq!(Peer::all().collect::<Vec<_>>(), all);
        for peer in all {
            assert_eq!(peer.row().peer, peer);
            assert_eq!(peer.name().parse::<Peer>().unwrap(), peer);
        }
        assert!("pytest".parse::<Peer>().unwrap_err().hint_text().unwrap().contains("promptfoo"));
    }
}
