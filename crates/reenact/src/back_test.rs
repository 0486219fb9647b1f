//! A back-test: each case is tried on the recording that it was distilled from, before anybody relies on it.
//!
//! Before each turn of the recorded user the simulated one has heard what that had heard, and what it does then is held against what
//! the real one did: what it tells and when, when and how it leaves, how it writes. Beside each figure stands a floor, that of another
//! session's case on the same recording. No agent is asked. A poor case is repaired once or else marked, and what
//! was found stands in its [`Origin`](crate::Origin).

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;

use crate::case::parts;
use crate::cassette::{Recorded, Recording, Replay, Verb};
use crate::cost::{Ledger, Spent};
use crate::distill::{self, Come, Distilled, Distiller};
use crate::journal::Journal;
use crate::judge::OFFLINE;
use crate::prompt::{self, Prompt};
use crate::run::Stop;
use crate::{
    Cassette, Engine, Environment, Error, ErrorKind, Leaving, Model, PromptHash, Result, Session, SimulatedUser,
    Skipped, TestCase,
};

use asking::Users;
use play::Did;
use scores::recorded_leaving;
use told::Thing;

pub use scores::{
    CONVEYED_MIN, EARLY_MAX, Finding, LEFT_EARLY_TURNS_MAX, LeavingScore, Measure, ORDER_MIN, STYLE_DISTANCE_MAX,
    Scores,
};

mod asking;
mod play;
mod repair;
mod scores;
mod style;
mod told;

/// How one case plays the recording that it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BackTest {
    /// The case's id.
    pub case: String,
    /// The session's id.
    pub session: String,
    /// Its figures, as it is after a repair.
    pub scores: Scores,
    /// The figures of a stranger; none where all cases are of one session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
    /// What is poor; nothing where the case is good, and what the case is marked with where it is not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What a repair changed, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired: Option<Repaired>,
    /// What was said at each turn.
    pub turns: Vec<PlayedTurn>,
}

/// Another session's case on the same recording.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Floor {
    /// The other case's id.
    pub case: String,
    /// Its figures.
    pub scores: Scores,
}

/// What a repair changed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Repaired {
    /// The changes, in words.
    pub changes: Vec<String>,
    /// The figures before it.
    pub before: Scores,
}

/// One turn of the recorded user beside what the simulated one did in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlayedTurn {
    /// The turn, from 1.
    pub turn: u32,
    /// What the recorded user said; none where the recording is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// What the simulated user said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// Why it left, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Leaving>,
    /// Why it did neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Where the recordings are.
pub type Sessions<'a> = dyn Fn(&str) -> Result<Session> + 'a;

/// Who plays the users.
#[derive(Clone)]
pub enum Player {
    /// The embedded engine.
    Offline,
    /// A model. Its answers are journaled, so that no question is paid for twice.
    Model {
        /// The model that is asked.
        model: Model,
        /// Where its answers are kept: that of the distillations.
        journal: Arc<Journal>,
        /// What they cost is entered here, and they are held to its cap.
        ledger: Arc<Ledger>,
        /// Once it is requested, nothing more is asked.
        stop: Stop,
    },
    /// The caller's own, whose answers are not kept.
    Own(Arc<dyn SimulatedUser>),
}

/// Who takes part in a back-test.
#[derive(Clone)]
pub struct Tester<'a> {
    /// Who plays the users.
    pub player: Player,
    /// Who distilled the cases, and is asked once more for a poor one.
    pub distiller: Distiller<'a>,
    /// How many recordings are played at once.
    pub recordings_at_once: usize,
}

impl Tester<'_> {
    /// The embedded engine, in both parts.
    #[must_use]
    pub fn offline() -> Self {
        Tester { player: Player::Offline, distiller: Distiller::Offline, recordings_at_once: 1 }
    }
}

/// Tries each case on its recording, and repairs or marks those that play it poorly.
///
/// A case is tried whole: take it apart afterwards ([`Distilled::apart`]). What was found stands in
/// [`Distilled::back_tests`], in the order of the cases.
///
/// ```
/// use reenact::back_test::{Tester, back_test};
/// use reenact::distill::{Distiller, distill};
/// use reenact::{Message, Session};
///
/// # futures::executor::block_on(async {
/// let messages = [Message::user("I need a taxi to the station"), Message::agent("At what time?"), Message::user("at 17:15")];
/// let session = Session::new("s-1", messages.into_iter().collect());
/// let distilled = distill([Ok(session.clone())], Distiller::Offline).await?;
/// let tested = back_test(distilled, &|_| Ok(session.clone()), &Tester::offline()).await?;
/// assert_eq!(tested.back_tests[0].scores.conveyed, Some(1.0));
/// assert!(tested.back_tests[0].findings.is_empty());
/// # Ok::<_, reenact::Error>(()) }).unwrap();
/// ```
///
/// # Errors
/// Where a session cannot be read, an answer cannot be kept, or the cost comes to its cap.
pub async fn back_test(distilled: Distilled, sessions: &Sessions<'_>, tester: &Tester<'_>) -> Result<Distilled> {
    tried(distilled, sessions, (tester, None)).await
}

/// Adds to the cassette of a distillation what its back-test asked: every answer about these cases that the journal has. `distilled` is as it was
/// before the back-test. Nobody is asked now.
///
/// # Errors
/// Where a session or the journal cannot be read.
pub async fn record(
    recorded: &mut Recorded,
    distilled: Distilled,
    sessions: &Sessions<'_>,
    tester: &Tester<'_>,
    environment: &Environment,
) -> Result<()> {
    let user_model = match &tester.player {
        Player::Model { model, .. } => Some(model.name().to_owned()),
        Player::Offline | Player::Own(_) => None,
    };
    if let Some(made) = recorded.cassette.distilled() {
        let asked = user_model.iter().flat_map(|_| [Prompt::User, Prompt::Checks]);
        made.prompts.extend(asked.map(|it| PromptHash { name: it.name().to_owned(), hash: prompt::hash(it) }));
        made.user_model = Some(user_model.unwrap_or_else(|| OFFLINE.to_owned()));
    }
    let recording = Arc::new(Recording::new(Verb::Distill, environment));
    let one_by_one = Tester { recordings_at_once: 1, ..tester.clone() };
    let played = tried(distilled, sessions, (&one_by_one, Some(&recording))).await;
    recording.end(recorded);
    match played {
        // What was not asked before the end of the work is not in the journal.
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        played => played.map(|_| ()),
    }
}

/// What played the users of the back-test that a cassette recorded: a model, or the embedded engine, which plays again.
///
/// # Errors
/// Where it recorded none.
pub fn replayed(cassette: &Arc<Cassette>) -> Result<Engine> {
    let user_model = cassette.header().distilled.as_ref().and_then(|distilled| distilled.user_model.as_deref());
    let Some(user_model) = user_model else {
        let error = cassette.fault(ErrorKind::Usage, None, "the cassette holds no back-test".to_owned());
        return Err(error.hint("record one with `reenact distill … --back-test --record FILE`"));
    };
    Ok(match user_model {
        OFFLINE => Engine::Offline,
        model => Engine::Model(Model::replayed(model, Replay::new(cassette, Verb::Distill))),
    })
}

async fn tried(
    mut distilled: Distilled,
    sessions: &Sessions<'_>,
    (tester, recording): (&Tester<'_>, Option<&Arc<Recording>>),
) -> Result<Distilled> {
    let cases = std::mem::take(&mut distilled.cases);
    let all = cases.as_slice();
    let each = by_session(all).into_iter().map(|places| async move {
        let mut tried = Vec::with_capacity(places.len());
        // One after another: cases of one recording may put the same question.
        for at in places {
            tried.push((at, Trying::new(all, at, sessions, (tester, recording))?.tried().await?));
        }
        Ok::<_, Error>(tried)
    });
    let tried = futures::stream::iter(each).buffered(tester.recordings_at_once.max(1)).try_collect::<Vec<_>>().await?;
    let mut tried: Vec<(usize, Tried)> = tried.into_iter().flatten().collect();
    tried.sort_by_key(|(at, _)| *at);
    for (_, Tried { case, back_test, spent, dropped }) in tried {
        distilled.cases.push(case);
        distilled.back_tests.push(back_test);
        distilled.dropped.extend(dropped);
        spent.into_iter().for_each(|spent| distilled.cost.get_or_insert_default().add(spent));
    }
    Ok(distilled)
}

/// The places of the cases, those of one session together, in the order of their first.
fn by_session(cases: &[TestCase]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of_session: HashMap<&str, usize> = HashMap::new();
    for (at, case) in cases.iter().enumerate() {
        let session = session_of(case).unwrap_or_default();
        let group = *of_session.entry(session).or_insert(groups.len());
        groups.resize_with(groups.len().max(group + 1), Vec::new);
        groups[group].push(at);
    }
    groups
}

/// One case, what was found of it, and what that cost.
struct Tried {
    case: TestCase,
    back_test: BackTest,
    spent: Vec<Spent>,
    dropped: Vec<Skipped>,
}

/// One case on its recording.
struct Trying<'a> {
    case: &'a TestCase,
    other: Option<&'a TestCase>,
    session: Session,
    users: Users,
    distiller: (Distiller<'a>, Option<&'a Recording>),
}

/// How a case played.
struct Played {
    turns: Vec<(u32, Did)>,
    scores: Scores,
}

impl<'a> Trying<'a> {
    fn new(
        cases: &'a [TestCase],
        at: usize,
        sessions: &Sessions<'_>,
        (tester, recording): (&'a Tester<'a>, Option<&'a Arc<Recording>>),
    ) -> Result<Self> {
        let case = &cases[at];
        let others = cases[at + 1..].iter().chain(&cases[..at]);
        let other = others.into_iter().find(|other| session_of(other) != session_of(case));
        let session = sessions(session_of(case).unwrap_or_default())?;
        let users = Users::of(&tester.player, &session, recording);
        Ok(Trying { case, other, session, users, distiller: (tester.distiller, recording.map(Arc::as_ref)) })
    }

    async fn play(&self, case: &TestCase, things: &[Thing<'_>]) -> Played {
        let turns = play::play(case, &self.session, self.users.user.as_ref()).await;
        let scores = Scores::of(things, &turns, &self.session, recorded_leaving(self.case));
        Played { turns, scores }
    }

    async fn tried(self) -> Result<Tried> {
        let things = told::things(&self.session);
        let mut played = self.play(self.case, &things).await;
        let floor = match self.other {
            Some(other) => Some(Floor { case: other.id.clone(), scores: self.play(other, &things).await.scores }),
            None => None,
        };
        let (come, mut spent) = self.users.told()?;
        let (mut case, mut repaired, mut dropped) = (self.case.clone(), None, Vec::new());
        let findings = played.scores.findings();
        if !findings.is_empty() && come == Come::Yes {
            let repair = self.repair(&findings, &things, &mut spent).await?;
            if let Some(Repair { case: better, changes, dropped: lost }) = repair {
                let again = self.play(&better, &things).await;
                let (come, costs) = self.users.told()?;
                spent.extend(costs);
                if come == Come::Yes && again.scores.loss() < played.scores.loss() {
                    (case, dropped) = (better, lost);
                    parts::sign(&mut case);
                    repaired = Some(Repaired { changes, before: std::mem::take(&mut played.scores) });
                    played = again;
                }
            }
        }
        let findings = played.scores.findings();
        case.origin.get_or_insert_default().back_test = findings.iter().map(|found| found.words.clone()).collect();
        let turns = side_by_side(&self.session, &played.turns);
        let (id, session) = (case.id.clone(), self.session.id);
        let back_test = BackTest { case: id, session, scores: played.scores, floor, findings, repaired, turns };
        Ok(Tried { case, back_test, spent, dropped })
    }

    /// A case that may play its recording better: by rule, or by whoever distilled it.
    async fn repair(
        &self,
        findings: &[Finding],
        things: &[Thing<'_>],
        spent: &mut Vec<Spent>,
    ) -> Result<Option<Repair>> {
        let words: Vec<String> = findings.iter().map(|finding| finding.words.clone()).collect();
        let (distiller, recording) = self.distiller;
        let again = distill::again(&self.session, (self.case, &words), (distiller, recording)).await?;
        let Some((verified, costs)) = again else {
            let repaired = repair::by_rule(self.case, &self.session, things).await;
            return Ok(repaired.map(|(case, changes)| Repair { case, changes, dropped: Vec::new() }));
        };
        spent.extend(costs);
        let changes = vec!["the model wrote it again, told what was found".to_owned()];
        // The id is that of the case, whatever the model calls it now.
        let case = verified.case.ok().map(|case| TestCase { id: self.case.id.clone(), ..case });
        Ok(case.map(|case| Repair { case, changes, dropped: verified.dropped }))
    }
}

/// A case that may play its recording better.
struct Repair {
    case: TestCase,
    changes: Vec<String>,
    dropped: Vec<Skipped>,
}

fn session_of(case: &TestCase) -> Option<&str> {
    case.origin.as_ref().map(|origin| origin.session.as_str())
}

fn side_by_side(session: &Session, played: &[(u32, Did)]) -> Vec<PlayedTurn> {
    let turn = |(turn, did): &(u32, Did)| {
        let recorded = session.conversation.turns().find(|other| other.number == *turn);
        let mut played = PlayedTurn {
            turn: *turn,
            recorded: recorded.map(|turn| turn.user.text.clone()),
            said: None,
            left: None,
            failed: None,
        };
        match did {
            Did::Said(text) => played.said = Some(text.clone()),
            Did::Left(why) => played.left = Some(*why),
            Did::Failed(why) => played.failed = Some(why.clone()),
        }
        played
    };
    played.iter().map(turn).collect()
}
