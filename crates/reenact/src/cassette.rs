//! A cassette: every answer of a model or an agent that one line of work needed, in a file that a person reads and keeps in git.
//!
//! A run that is played from a cassette asks nobody. Each step gets the answer that was recorded at its place, and
//! what is asked there must be what was asked when it was recorded; the first step that asks something else is named, with what
//! changed. The form of the file is described in `docs/cassettes.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::case::save;
use crate::journal::StepRole;
use crate::{Error, ErrorKind, Result};

pub use header::{Distilled, Header, Judged, Played, SuiteMark};
pub use recording::Recorded;
pub(crate) use recording::Recording;
pub(crate) use replay::{At, Replay};

mod difference;
mod header;
mod line;
mod recording;
mod replay;
mod secrets;

/// What the name of a model or an agent begins with that plays from a cassette; the file follows.
pub const NAME: &str = "replay:";

/// Which verb asked. Its names are those of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Sessions were turned into cases.
    Distill,
    /// A suite was played, and judged.
    Run,
    /// The conversations of a run were judged again.
    Judge,
}

/// Whose steps, of which conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which verb asked.
    pub verb: Verb,
    /// The case's id; where sessions are distilled, the session's.
    pub case: String,
    /// Which trial of the case, from 1; where sessions are distilled, 0.
    pub trial: u32,
    /// Who answered.
    pub role: StepRole,
}

impl Place {
    /// The conversation as a person names it.
    pub(crate) fn conversation(&self) -> String {
        match self.verb {
            Verb::Distill => format!("session `{}`", self.case),
            Verb::Run | Verb::Judge => format!("case `{}`, trial {}", self.case, self.trial),
        }
    }
}

/// One answer, with what was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct CassetteStep {
    /// Where it was asked.
    pub place: Place,
    /// Which step of this place, from 1.
    pub step: u32,
    /// The model that answered; none for an agent.
    pub model: Option<String>,
    /// What was asked, without the id of the session and with secrets masked.
    pub request: Value,
    /// What was answered, or how the answer failed, with secrets masked.
    pub answer: Result<Value, Value>,
    /// How long the answer took, in milliseconds.
    pub latency_ms: u64,
}

/// Recorded answers, to be played instead of asking.
///
/// Made by [`record_distillation`](crate::distill::record), [`run::record`](crate::run::record()) and
/// [`run::record_judging`](crate::run::record_judging) from what the store's journal holds, saved, and loaded again:
///
/// ```
/// # use std::sync::Arc;
/// # use reenact::run::{Part, Participants, Stop};
/// # use reenact::{Brief, Environment, Panel, Plan, Run, Store, Suite, TestCase, agent};
/// use reenact::{Cassette, run};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # let brief = Brief { goal: "where is my parcel".into(), ..Brief::default() };
/// # let suite = Suite { name: None, cases: vec![TestCase { id: "parcel".into(), brief, ..TestCase::default() }] };
/// # let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
/// # let path = file.path();
/// # let agent = agent::from_fn(|_| async { Ok("It is on its way.") });
/// # let participants = Participants { agent: Arc::new(agent), user: Part::Offline, judge: Panel::offline() };
/// # let store = Store::temporary()?;
/// # let live = Run::new(Plan { agent: "mine".into(), ..Plan::default() }, suite.clone());
/// # store.create_run(&live)?;
/// # let played = run::run(&store, &live, &participants, &Stop::default(), &|_| {}).await?;
/// // A run that went to its end, `live`, becomes a cassette …
/// let recorded = run::record(&store, &live, &participants, &Environment::of_process()).await?;
/// recorded.cassette.save(path)?;
///
/// // … and the cassette a run that asks nobody, in a store that knows nothing of the first.
/// let cassette = Arc::new(Cassette::load(path)?);
/// let store = Store::temporary()?;
/// let again = Run::new(Plan::replayed(&cassette)?, suite);
/// store.create_run(&again)?;
/// let participants = Participants::replayed(&cassette)?;
/// let replayed = run::run(&store, &again, &participants, &Stop::default(), &|_| {}).await?;
/// assert_eq!(replayed.trials, played.trials);
/// # Ok::<_, reenact::Error>(()) }).unwrap();
/// ```
///
/// To test an agent of one's own with recorded users and judges, so that no model is asked, take its part out:
///
/// ```no_run
/// # use std::sync::Arc;
/// # use reenact::{Cassette, agent, run::Participants};
/// let cassette = Arc::new(Cassette::load("tests/cassettes/parcels.jsonl")?);
/// let agent = Arc::new(agent::from_fn(|_| async { Ok("It is on its way.") }));
/// let participants = Participants { agent, ..Participants::replayed(&cassette)? };
/// # Ok::<_, reenact::Error>(())
/// ```
///
/// As long as the agent says what it said, the users and the judges go on as recorded. The first answer that differs leads to
/// another question, and the run ends in an error of kind [`Divergence`](ErrorKind::Divergence) that names it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cassette {
    header: Header,
    steps: Vec<CassetteStep>,
    /// Where the steps of a place stand among all, in their order.
    places: BTreeMap<Place, Vec<usize>>,
    /// Where it was read from, as the caller named it.
    file: Option<PathBuf>,
}

impl Cassette {
    /// Reads a cassette.
    ///
    /// # Errors
    /// Where the file cannot be read or is no whole cassette; names the line.
    pub fn load(path: impl AsRef<Path>) -> Result<Cassette> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let kind = if error.kind() == std::io::ErrorKind::InvalidData { ErrorKind::Input } else { ErrorKind::Io };
            let error = Error::new(kind, "the cassette cannot be read").at(path, None).caused_by(error);
            error.hint("name a file that `--record` wrote")
        })?;
        Cassette::parse(&text, path)
    }

    /// Reads the text of a cassette; `file` is how errors name it.
    ///
    /// # Errors
    /// Where the text is no whole cassette; names the line.
    pub fn parse(text: &str, file: &Path) -> Result<Cassette> {
        let (header, steps) = line::read(text, file)?;
        let mut cassette = Cassette { header, file: Some(file.to_owned()), ..Cassette::default() };
        steps.into_iter().for_each(|step| cassette.push(step));
        Ok(cassette)
    }

    /// Writes the cassette: the whole of it, or nothing.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save::whole(path.as_ref(), &self.to_string(), "the cassette")
    }

    /// Where it was read from, as the caller named it.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What made it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The recorded steps, in the order of the file.
    #[must_use]
    pub fn steps(&self) -> &[CassetteStep] {
        &self.steps
    }

    /// The conversations of a verb that were recorded, each once and in the order of the file: a case and its trial, or a
    /// session and 0.
    #[must_use]
    pub fn conversations(&self, verb: Verb) -> Vec<(&str, u32)> {
        let mut seen = BTreeSet::new();
        let of_verb = self.steps.iter().map(|step| &step.place).filter(|place| place.verb == verb);
        let conversations = of_verb.map(|place| (place.case.as_str(), place.trial));
        conversations.filter(|conversation| seen.insert(*conversation)).collect()
    }

    /// This cassette with what another recorded in place of its own, and the rest as it is.
    ///
    /// A new run leaves nothing of an old one, nor of how that one was judged again.
    #[must_use]
    pub fn with(self, newer: Cassette) -> Cassette {
        let Cassette { header: old, steps: before, file, .. } = self;
        let header = old.with(&newer.header);
        let stays = |verb| match verb {
            Verb::Distill => newer.header.distilled.is_none() && header.distilled.is_some(),
            Verb::Run => newer.header.played.is_none() && header.played.is_some(),
            Verb::Judge => newer.header.judged.is_none() && header.judged.is_some(),
        };
        let kept = before.into_iter().filter(|step| stays(step.place.verb));
        let mut steps: Vec<CassetteStep> = kept.chain(newer.steps).collect();
        steps.sort_by_key(|step| step.place.verb);
        let mut cassette = Cassette { header, file, ..Cassette::default() };
        steps.into_iter().for_each(|step| cassette.push(step));
        cassette
    }

    /// What made its distillation, to be completed.
    pub(crate) fn distilled(&mut self) -> Option<&mut Distilled> {
        self.header.distilled.as_mut()
    }

    pub(crate) fn new(header: Header) -> Cassette {
        Cassette { header, ..Cassette::default() }
    }

    /// Adds a step; the steps of a place come in their order.
    pub(crate) fn push(&mut self, step: CassetteStep) {
        self.places.entry(step.place.clone()).or_default().push(self.steps.len());
        self.steps.push(step);
        self.header.steps = self.steps.len() as u64;
    }

    /// The recorded steps of a place, each with its line.
    pub(crate) fn at<'a>(&'a self, place: &Place) -> impl ExactSizeIterator<Item = (u64, &'a CassetteStep)> {
        let found = self.places.get(place).map_or(&[][..], Vec::as_slice);
        // The first line is the header's.
        found.iter().map(|at| (*at as u64 + 2, &self.steps[*at]))
    }

    /// Whether anybody answered anything in a conversation.
    pub(crate) fn has(&self, conversation: &Place) -> bool {
        let same = |place: &Place| {
            let Place { verb, case, trial, .. } = place;
            (verb, case, trial) == (&conversation.verb, &conversation.case, &conversation.trial)
        };
        let from = Place { role: StepRole::User, ..conversation.clone() };
        self.places.range(from..).next().is_some_and(|(place, _)| same(place))
    }

    /// An error about a line of the cassette, or about the whole of it.
    pub(crate) fn fault(&self, kind: ErrorKind, line: Option<u64>, message: String) -> Error {
        let error = Error::new(kind, message);
        match &self.file {
            Some(file) => error.at(file, line),
            None => error,
        }
    }
}

/// The text of the file: a line for the header, and one for each step.
impl fmt::Display for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line::write(&self.header, &self.steps, f)
    }
}
