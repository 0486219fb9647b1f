//! The text of a cassette: JSON, one line for the header and one for each step, and what can be wrong with it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::header::VERSION;
use super::{CassetteStep, Header, Place, Verb};
use crate::journal::StepRole;
use crate::{Error, ErrorKind, Result};

/// What to do about a cassette that is not whole; `--record` is safe to use on the same file again.
const HINT: &str = "undo what was edited by hand, or record it again with `--record`";

/// A step as its line has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    verb: Verb,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial: Option<u32>,
    role: StepRole,
    step: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Value>,
    /// In place of a request that goes on where the one before it ended: what is new in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adds: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    answer: Option<Value>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    fault: Option<Value>,
    latency_ms: u64,
}

/// An answer may be `null`, which is not the same as none.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

pub(super) fn write(header: &Header, steps: &[CassetteStep], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let json = |error: serde_json::Error| unreachable!("a cassette is plain data: {error}");
    writeln!(f, "{}", serde_json::to_string(header).unwrap_or_else(json))?;
    let mut before: HashMap<&Place, &Value> = HashMap::new();
    for step in steps {
        let line = Line::of(step, before.insert(&step.place, &step.request));
        writeln!(f, "{}", serde_json::to_string(&line).unwrap_or_else(json))?;
    }
    Ok(())
}

impl Line {
    fn of(step: &CassetteStep, before: Option<&Value>) -> Line {
        let CassetteStep { place, step: number, model, request, answer, latency_ms } = step.clone();
        let Place { verb, case: of, trial, role } = place;
        let (session, case, trial) = match verb {
            Verb::Distill => (Some(of), None, None),
            Verb::Run | Verb::Judge => (None, Some(of), Some(trial)),
        };
        let adds = before.and_then(|before| added(before, &request));
        let request = adds.is_none().then_some(request);
        let (answer, fault) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(fault) => (None, Some(fault)),
        };
        Line { verb, session, case, trial, role, step: number, model, request, adds, answer, fault, latency_ms }
    }

    fn place(&self) -> Result<Place, String> {
        let (verb, role) = (self.verb, self.role);
        let fits = match verb {
            Verb::Distill => matches!(role, StepRole::Distiller | StepRole::User),
            Verb::Run => role != StepRole::Distiller,
            Verb::Judge => role == StepRole::Judge,
        };
        if !fits {
            return Err(format!("a step of this verb has no `{role}`"));
        }
        match (verb, &self.session, &self.case, self.trial) {
            (Verb::Distill, Some(session), None, None) => Ok(Place { verb, case: session.clone(), trial: 0, role }),
            (Verb::Distill, ..) => Err("a step of `distill` has a `session`, and no `case` or `trial`".to_owned()),
            (_, None, Some(case), Some(trial @ 1..)) => Ok(Place { verb, case: case.clone(), trial, role }),
            _ => Err("a step of a run has a `case` and a `trial` from 1, and no `session`".to_owned()),
        }
    }

    fn answer(&mut self) -> Result<Result<Value, Value>, String> {
        match (self.answer.take(), self.fault.take()) {
            (Some(answer), None) => Ok(Ok(answer)),
            (None, Some(fault)) => Ok(Err(fault)),
            _ => Err("a step has either an `answer` or a `fault`".to_owned()),
        }
    }

    fn request(&mut self, before: Option<&Value>) -> Result<Value, String> {
        match (self.request.take(), self.adds.take()) {
            (Some(request), None) => Ok(request),
            (None, Some(adds)) => continued(before, adds),
            _ => Err("a step has either a `request` or what it `adds` to the one before it".to_owned()),
        }
    }
}

/// What a request adds to the one before it, where it is the same but for one list that goes on.
fn added(before: &Value, request: &Value) -> Option<Map<String, Value>> {
    let (before, request) = (before.as_object()?, request.as_object()?);
    let mut others = request.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let (name, list) = others.next()?;
    let (was, is) = (before.get(name)?.as_array()?, list.as_array()?);
    let goes_on = before.len() == request.len() && others.next().is_none() && is.starts_with(was);
    goes_on.then(|| [(name.clone(), Value::from(&is[was.len()..]))].into_iter().collect())
}

fn continued(before: Option<&Value>, adds: Map<String, Value>) -> Result<Value, String> {
    let mut request = before.cloned().ok_or("it adds to a step before it, and there is none")?;
    for (name, new) in adds {
        let (Some(list), Value::Array(new)) = (request.get_mut(&name).and_then(Value::as_array_mut), new) else {
            return Err(format!("it adds to `{name}`, which is no list of the step before it"));
        };
        list.extend(new);
    }
    Ok(request)
}

/// The header and the steps of a text.
pub(super) fn read(text: &str, file: &Path) -> Result<(Header, Vec<CassetteStep>)> {
    let mut lines = (1..).zip(text.lines());
    let (_, first) = lines.next().ok_or_else(|| no_cassette(file, "the file is empty"))?;
    let header = header(first, file)?;
    let mut reader = Reader { file, steps: Vec::new(), places: HashMap::new(), header: &header };
    for (number, line) in lines {
        let is_cut = !text.ends_with('\n') && text.ends_with(line);
        reader.read(number, line, is_cut)?;
    }
    let steps = reader.steps;
    if steps.len() as u64 == header.steps {
        return Ok((header, steps));
    }
    let message = format!("the header says that there are {} steps, and there are {}", header.steps, steps.len());
    Err(Error::new(ErrorKind::Input, message)
        .at(file, None)
        .hint("a part of it is missing, or was added; record it again with `--record`"))
}

fn header(line: &str, file: &Path) -> Result<Header> {
    let value: Value = json(line).map_err(|_| no_cassette(file, "its first line is not JSON"))?;
    match value.get("cassette").map(Value::as_u64) {
        None => Err(no_cassette(file, "its first line is not the header of one")),
        Some(Some(version)) if version == u64::from(VERSION) => serde_json::from_value(value).map_err(|error| {
            Error::new(ErrorKind::Input, format!("the header is not one: {error}")).at(file, Some(1)).hint(HINT)
        }),
        Some(_) => {
            let message = format!("the cassette has version {}, and this program knows {VERSION}", value["cassette"]);
            let error = Error::new(ErrorKind::Input, message).at(file, Some(1));
            Err(error.hint("use the version of reenact that recorded it, or record it again with `--record`"))
        }
    }
}

fn no_cassette(file: &Path, why: &str) -> Error {
    let error = Error::new(ErrorKind::Input, format!("this is not a cassette: {why}")).at(file, Some(1));
    error.hint("name a file that `--record` wrote")
}

/// What is wrong with a line of JSON, without where in it: the line is named by whoever reads the file.
fn json<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    serde_json::from_str(line).map_err(|error| {
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        format!("{what} (column {})", error.column())
    })
}

struct Reader<'a> {
    file: &'a Path,
    header: &'a Header,
    steps: Vec<CassetteStep>,
    /// The line of each step, and where the last of each place stands.
    places: HashMap<(Place, u32), u64>,
}

impl Reader<'_> {
    fn read(&mut self, number: u64, line: &str, is_cut: bool) -> Result<()> {
        let step = if line.trim().is_empty() { Err("the line is empty".to_owned()) } else { json(line) };
        let step = step.and_then(|line| self.step(number, line)).map_err(|what| {
            let message = if is_cut { format!("the line is cut off: {what}") } else { what };
            Error::new(ErrorKind::Input, message).at(self.file, Some(number)).hint(HINT)
        })?;
        self.steps.push(step);
        Ok(())
    }

    fn step(&mut self, number: u64, mut line: Line) -> Result<CassetteStep, String> {
        let place = line.place()?;
        let is_known = match place.verb {
            Verb::Distill => self.header.distilled.is_some(),
            Verb::Run => self.header.played.is_some(),
            Verb::Judge => self.header.judged.is_some(),
        };
        if !is_known {
            return Err("the header does not say what made this step".to_owned());
        }
        let before = line.step.checked_sub(1).ok_or("steps count from 1")?;
        let before = match before {
            0 => None,
            n => Some(
                self.places
                    .get(&(place.clone(), n))
                    .ok_or_else(|| format!("step {n} is missing before step {}", n + 1))?,
            ),
        };
        let before = before.map(|at| &self.steps[*at as usize - 2].request);
        let (request, answer) = (line.request(before)?, line.answer()?);
        match self.places.entry((place.clone(), line.step)) {
            Entry::Occupied(twice) => return Err(format!("this step is there already, in line {}", twice.get())),
            Entry::Vacant(free) => free.insert(number),
        };
        let Line { step, model, latency_ms, .. } = line;
        Ok(CassetteStep { place, step, model, request, answer, latency_ms })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Cassette, Distilled, Judged, Played};
    use super::*;
    use crate::{Judging, Plan, Run, Suite};

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// A request, and whether the next one of its place goes on with more of the same messages.
    fn request() -> impl Strategy<Value = Value> {
        (prop::collection::vec(value(), 0..4), value())
            .prop_map(|(messages, rest)| json!({"messages": messages, "rest": rest}))
    }

    /// A place, whether it goes on, what is asked and answered, how long it took, and by whom.
    type Drawn = (u8, bool, Value, Result<Value, Value>, u64, Option<String>);

    fn steps() -> impl Strategy<Value = Vec<Drawn>> {
        let answer = prop_oneof![value().prop_map(Ok), value().prop_map(Err)];
        prop::collection::vec(
            (any::<u8>(), any::<bool>(), request(), answer, any::<u64>(), any::<Option<String>>()),
            0..12,
        )
    }

    /// The place that a number stands for: a few of each verb.
    fn place(number: u8) -> Place {
        let (case, trial) = (format!("c \"{}", number % 3), u32::from(number % 2) + 1);
        match number % 5 {
            0 => Place { verb: Verb::Distill, case: format!("{case}{number}"), trial: 0, role: StepRole::Distiller },
            1 => Place { verb: Verb::Run, case, trial, role: StepRole::User },
            2 => Place { verb: Verb::Run, case, trial, role: StepRole::Agent },
            3 => Place { verb: Verb::Run, case, trial, role: StepRole::Judge },
            _ => Place { verb: Verb::Judge, case, trial, role: StepRole::Judge },
        }
    }

    fn header() -> Header {
        let played = Played::of(&Run::new(Plan::default(), Suite::default()));
        let (reenact, prompts) = ("0.1.0".to_owned(), Vec::new());
        let distilled =
            Distilled { reenact: reenact.clone(), model: "offline".into(), user_model: None, prompts: prompts.clone() };
        let judged = Judged { reenact, judging: Judging::default(), prompts };
        Header { distilled: Some(distilled), played: Some(played), judged: Some(judged), ..Header::default() }
    }

    /// The next step of a place; one that goes on asks what the one before it did, and more.
    fn next(cassette: &Cassette, place: &Place, goes_on: bool, new: Value) -> (u32, Value) {
        let before = cassette.steps().iter().rev().find(|step| step.place == *place);
        let step = before.map_or(1, |before| before.step + 1);
        let Some(before) = before.filter(|_| goes_on) else { return (step, new) };
        let mut request = before.request.clone();
        let new = new["messages"].as_array().unwrap().clone();
        request["messages"].as_array_mut().unwrap().extend(new);
        (step, request)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(steps in steps()) {
            let mut written = Cassette::new(header());
            for (number, goes_on, request, answer, latency_ms, model) in steps {
                let place = place(number);
                let (step, request) = next(&written, &place, goes_on, request);
                written.push(CassetteStep { place, step, model, request, answer, latency_ms });
            }
            let text = written.to_string();
            let read = Cassette::parse(&text, Path::new("line.jsonl")).unwrap();
            prop_assert_eq!((read.header(), read.steps()), (written.header(), written.steps()));
            prop_assert_eq!(read.to_string(), text);
        }
    }
}
