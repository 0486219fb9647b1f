//! Sessions into test cases, by one signature: without a model, or by one. Both must pass the same checks.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _};

use crate::case::parts;
use crate::cassette::{self, At, Header, Recorded, Recording, Replay, Verb};
use crate::cost::{Cost, CostRole, Ledger, Spent};
use crate::journal::{Charge, Journal, StepKey, StepRole};
use crate::judge::OFFLINE;
use crate::prompt::{self, Prompt};
use crate::{
    BackTest, Cassette, Completion, Engine, Environment, Error, ErrorKind, Model, ModelFault, ModelRequest, PromptHash,
    Result, Session, Skipped, TestCase,
};

#[cfg(doc)]
use crate::model::batch::Batch;

use evidence::Verified;
pub(crate) use offline::gates;
pub use split::Split;

pub mod curation;
pub mod evidence;
pub mod model;
mod offline;
pub mod review;
mod split;
pub(crate) mod trial;
pub mod update;
pub mod values;

/// What distils.
#[derive(Debug, Clone, Copy)]
pub enum Distiller<'a> {
    /// The embedded engine: extraction by rule, every word the user's own.
    Offline,
    /// A model. Its answers are journaled, so that no session is paid for twice.
    Model {
        /// The model that is asked.
        model: &'a Model,
        /// Where its answers are kept.
        journal: &'a Journal,
        /// Calls at once.
        calls_at_once: usize,
        /// What they cost is entered here, and they are held to its cap.
        ledger: &'a Ledger,
    },
}

/// What a distillation gives: each session is a case, or is among the skipped.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Distilled {
    /// The cases, in the order of the sessions.
    pub cases: Vec<TestCase>,
    /// The sessions that gave none, with the reason.
    pub skipped: Vec<Skipped>,
    /// The parts of cases that did not pass the checks, with the reason.
    pub dropped: Vec<Skipped>,
    /// What the model cost, answers that were there from an earlier distillation included; nothing where none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Sessions that plainly turn to something else; [`Distilled::apart`] makes a case of each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub splits: Vec<Split>,
    /// How each case plays the recording that it comes from, where that was tried ([`back_test`](fn@crate::back_test::back_test)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back_tests: Vec<BackTest>,
}

/// Distils sessions into cases.
///
/// ```
/// use reenact::distill::{Distiller, distill};
/// use reenact::{Message, Session};
///
/// # futures::executor::block_on(async {
/// let messages = [Message::user("I need a taxi to the station"), Message::agent("At what time?"), Message::user("at 17:15")];
/// let session = Session::new("s-1", messages.into_iter().collect());
/// let distilled = distill([Ok(session)], Distiller::Offline).await?;
/// assert_eq!(distilled.cases[0].brief.goal, "taxi to the station");
/// assert_eq!(distilled.cases[0].brief.facts[0].text, "at 17:15");
/// # Ok::<_, reenact::Error>(()) }).unwrap();
/// ```
///
/// # Errors
/// Where a session cannot be read, or an answer cannot be kept.
pub async fn distill(
    sessions: impl IntoIterator<Item = Result<Session>>,
    distiller: Distiller<'_>,
) -> Result<Distilled> {
    let width = match distiller {
        Distiller::Offline => 1,
        Distiller::Model { calls_at_once, .. } => calls_at_once.max(1),
    };
    let has_failed = Cell::new(false);
    let sessions = sessions.into_iter().take_while(|_| !has_failed.get());
    let each = sessions.map(|session| async { one(&session?, distiller).await });
    let mut verified = futures::stream::iter(each).buffered(width);
    let mut distilled = Distilled::default();
    let mut first_error: Option<Error> = None;
    // Calls on their way are waited for also after an error, so that their answers are kept; none is begun any more.
    while let Some(verified) = verified.next().await {
        match verified {
            Ok(given) => distilled.take(given),
            Err(error) => first_error = first_error.or(Some(error)),
        }
        has_failed.set(first_error.is_some());
    }
    name(&mut distilled.cases);
    distilled.cases.iter_mut().for_each(parts::sign);
    first_error.map_or(Ok(distilled), Err)
}

/// What a session gives.
struct Given {
    verified: Verified,
    /// The turns with which the user turns to something else.
    turns: Vec<u32>,
    /// What a model was asked for it.
    spent: Vec<Spent>,
}

async fn one(session: &Session, distiller: Distiller<'_>) -> Result<Given> {
    match Desk::of(distiller) {
        None => Ok(offline(session)),
        Some(desk) => by_model(session, &desk).await,
    }
}

async fn by_model(session: &Session, desk: &Desk<'_>) -> Result<Given> {
    let answer = desk.ask(&recorded_at(session, 0), &model::request(session)).await?;
    let mut spent = vec![desk.spent(CostRole::Distiller, &answer)];
    let mut verified = model::read(session, &answer);
    spent.extend(trial::on_recording(desk, session, &mut verified, 1).await?);
    Ok(Given { verified, turns: Vec::new(), spent })
}

/// A model that is asked again for a case that plays its recording poorly, by what was found; with what that cost. None
/// where no model distils.
pub(crate) async fn again(
    session: &Session,
    (case, findings): (&TestCase, &[String]),
    (distiller, recording): (Distiller<'_>, Option<&Recording>),
) -> Result<Option<(Verified, Vec<Spent>)>> {
    let Some(desk) = Desk::of(distiller) else { return Ok(None) };
    let desk = Desk { recording, ..desk };
    let position = desk.asked_about(session)?;
    let answer = desk.ask(&recorded_at(session, position), &model::request_again(session, case, findings)).await?;
    let mut spent = vec![desk.spent(CostRole::Distiller, &answer)];
    let mut verified = model::read(session, &answer);
    spent.extend(trial::on_recording(&desk, session, &mut verified, position + 1).await?);
    Ok(Some((verified, spent)))
}

/// Whether an answer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Come {
    /// It is, be it that nothing can be made of it.
    Yes,
    /// It is to come, or may come another time.
    NotYet,
}

impl Come {
    pub(crate) fn of(answer: &Result<Completion, ModelFault>) -> Come {
        match answer {
            Err(fault) if !fault.fault.is_for_good() => Come::NotYet,
            _ => Come::Yes,
        }
    }
}

/// A model, and where its answers are kept: what was paid for once is there when the same is asked again.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) model: &'a Model,
    pub(crate) journal: &'a Journal,
    pub(crate) ledger: &'a Ledger,
    /// Where nobody is asked, and what was answered goes to a cassette.
    pub(crate) recording: Option<&'a Recording>,
}

impl<'a> Desk<'a> {
    fn of(distiller: Distiller<'a>) -> Option<Self> {
        match distiller {
            Distiller::Offline => None,
            Distiller::Model { model, journal, ledger, .. } => Some(Desk { model, journal, ledger, recording: None }),
        }
    }

    /// The recorded answer, or a new one; `at` is where a cassette has it. What may pass is told now and asked again next time, unlike
    /// what the model wrote and was paid for.
    pub(crate) async fn ask(&self, at: &StepKey, request: &ModelRequest) -> Result<Result<Completion, ModelFault>> {
        let Desk { model, journal, .. } = *self;
        let key = key(at, model.replay().map_or(model.name(), Replay::fingerprint), request);
        if let Some(recording) = self.recording {
            let unknown = || Error::new(ErrorKind::Interrupted, "the journal has no answer to this question");
            let answer = journal.look_up(&key, Some(request))?.ok_or_else(unknown)?;
            return recording.take((at, Some(model.name())), request, answer);
        }
        let Some(replay) = model.replay() else { return self.ask_model(key, request).await };
        let charge = |answer: &_| Some(Charge::of(model.name(), answer));
        let recorded = || replay.answer(At { key: at, turn: None }, request);
        Ok(journal.replayed_step(key, request, charge, recorded).await?.0)
    }

    /// How many questions were put to distil a session: for the case, and for each expectation that was tried.
    fn asked_about(&self, session: &Session) -> Result<u32> {
        let request = model::request(session);
        let key = key_of(session, self.model.replay().map_or(self.model.name(), Replay::fingerprint), &request);
        let Some((answer, _)) = self.journal.look_up(&key, Some(&request))? else { return Ok(1) };
        let case = serde_json::from_str(&answer).ok().and_then(|answer| model::read(session, &answer).case.ok());
        Ok(1 + case.map_or(0, |case| trial::judged(&case).count() as u32))
    }

    async fn ask_model(&self, key: StepKey, request: &ModelRequest) -> Result<Result<Completion, ModelFault>> {
        let Desk { model, journal, ledger, .. } = *self;
        let mut passing = None;
        let call = async || {
            let reserved = ledger.reserve(model.name(), request).await?;
            let answer = model.complete(request).await;
            reserved.settle(&answer);
            match answer {
                Err(fault) if !fault.fault.is_for_good() => {
                    let unrecorded = Error::new(ErrorKind::Model, fault.reason.clone());
                    passing = Some(fault);
                    Err(unrecorded)
                }
                answer => Ok(answer),
            }
        };
        let answer = journal.model_step(key, model.name(), request, call).await;
        passing.map_or(answer, |fault| Ok(Err(fault)))
    }

    /// What an answer came to.
    pub(crate) fn spent(&self, role: CostRole, answer: &Result<Completion, ModelFault>) -> Spent {
        let amount = self.ledger.amount(&Charge::of(self.model.name(), answer));
        Spent { role, model: self.model.name().to_owned(), amount }
    }
}

/// Where the answer about a session is kept.
pub(crate) fn key_of(session: &Session, answers: &str, request: &ModelRequest) -> StepKey {
    key(&recorded_at(session, 0), answers, request)
}

/// Where an answer is kept. It belongs to the question and to who answers, a model or a cassette, and not to one distillation:
/// asked again, it is there.
fn key(at: &StepKey, answers: &str, request: &ModelRequest) -> StepKey {
    let question = serde_json::to_vec(&(answers, request)).expect("a request is plain data");
    let case = format!("{} {}", at.case, blake3::hash(&question).to_hex());
    StepKey { case, position: 0, ..at.clone() }
}

/// Where a cassette has it: each question about a session in its turn.
fn recorded_at(session: &Session, position: u32) -> StepKey {
    StepKey { case: session.id.clone(), trial: 0, position, role: StepRole::Distiller }
}

/// Records a distillation as far as it went: every answer about these sessions that the journal has of the model; nothing but what
/// made it where none was asked. Nobody is asked now. What `environment` has as a secret, and what looks like one, is masked.
///
/// # Errors
/// Where a session or the journal cannot be read.
pub fn record(
    sessions: impl IntoIterator<Item = Result<Session>>,
    asked: Option<(&Model, &Journal)>,
    environment: &Environment,
) -> Result<Recorded> {
    let recording = Recording::new(Verb::Distill, environment);
    let made = made(asked.map_or(OFFLINE, |(model, _)| model.name()));
    let mut recorded = recording.begin(&Header { distilled: Some(made), ..Header::default() });
    let Some((model, journal)) = asked else { return Ok(recorded) };
    let ledger = Ledger::default();
    let desk = Desk { model, journal, ledger: &ledger, recording: Some(&recording) };
    for session in sessions {
        let session = session?;
        let given = by_model(&session, &desk).now_or_never().expect("nobody is asked, so there is nothing to wait for");
        recording.end(&mut recorded);
        // What was not answered before the end of the work is not in the journal.
        given.map(|_| ()).or_else(|error| if error.kind() == ErrorKind::Interrupted { Ok(()) } else { Err(error) })?;
    }
    Ok(recorded)
}

/// What made a distillation.
fn made(model: &str) -> cassette::Distilled {
    let hash = || PromptHash { name: Prompt::Distill.name().to_owned(), hash: prompt::hash(Prompt::Distill) };
    let prompts = if model == OFFLINE { Vec::new() } else { vec![hash()] };
    cassette::Distilled {
        reenact: env!("CARGO_PKG_VERSION").to_owned(),
        model: model.to_owned(),
        user_model: None,
        prompts,
    }
}

/// What distilled what a cassette recorded: a model, or the embedded engine, which distils again.
///
/// # Errors
/// Where it recorded no distillation.
pub fn replayed(cassette: &Arc<Cassette>) -> Result<Engine> {
    let Some(distilled) = &cassette.header().distilled else {
        let error = cassette.fault(ErrorKind::Usage, None, "the cassette holds no distillation".to_owned());
        return Err(error.hint("record one with `reenact distill … --record FILE`"));
    };
    Ok(match distilled.model.as_str() {
        OFFLINE => Engine::Offline,
        model => Engine::Model(Model::replayed(model, Replay::new(cassette, Verb::Distill))),
    })
}

/// The scope under which the batches of a distillation by a model are kept ([`Batch::at_providers`]).
#[must_use]
pub fn batch_scope(model: &str) -> String {
    format!("distil {model}")
}

fn offline(session: &Session) -> Given {
    let (verified, turns) = match offline::case(session) {
        Ok((case, turns)) => (evidence::verify(session, case), turns),
        Err(reason) => (Verified { case: Err(session.skipped(reason)), dropped: Vec::new() }, Vec::new()),
    };
    Given { verified, turns, spent: Vec::new() }
}

impl Distilled {
    fn take(&mut self, Given { verified, turns, spent }: Given) {
        spent.into_iter().for_each(|spent| self.cost.get_or_insert_default().add(spent));
        match verified.case {
            Ok(case) => {
                let session = case.origin.as_ref().map(|origin| origin.session.clone()).filter(|_| !turns.is_empty());
                self.splits.extend(session.map(|session| Split { session, turns }));
                self.cases.push(case);
            }
            Err(skipped) => self.skipped.push(skipped),
        }
        self.dropped.extend(verified.dropped);
    }
}

/// How much of a session's hash tells apart cases whose goals begin alike.
const MARK_DIGITS: usize = 8;

/// Gives each case an id of its own. Where ids would be the same, a piece of the session's hash tells them apart: it stays the
/// same whatever else is distilled beside it.
fn name(cases: &mut [TestCase]) {
    let mut uses: HashMap<String, usize> = HashMap::new();
    for case in cases.iter() {
        *uses.entry(case.id.clone()).or_default() += 1;
    }
    for case in cases.iter_mut().filter(|case| uses[&case.id] > 1) {
        case.id = marked(case);
    }
}

/// A case's id with a piece of its session's hash behind it.
fn marked(case: &TestCase) -> String {
    let session = case.origin.as_ref().map_or("", |origin| &origin.session);
    format!("{}-{}", case.id, &blake3::hash(session.as_bytes()).to_hex()[..MARK_DIGITS])
}
