//! One trial of a run: the conversation, then what its judges say of it, kept when both are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::steps::Steps;
use super::{Participants, Plan, Stop, UserKind};
use crate::cost::{self, Ledger};
use crate::journal::Journal;
use crate::judge::{Hearing, JudgeSpec, Panel};
use crate::model::Price;
use crate::simulate::{Setting, Simulated, simulate};
use crate::{
    Assessment, Conversation, Discarded, Ending, Outcome, Result, Run, StepRole, Store, TestCase, Trial, judge,
};

/// What every trial of a run needs.
pub(super) struct Trying {
    store: Store,
    /// The run whose sessions are played: this one, or the one that was recorded.
    run_of_sessions: String,
    plan: Plan,
    prices: BTreeMap<String, Price>,
    participants: Participants,
    pub(super) stop: Stop,
    journal: Arc<Journal>,
    pub(super) ledger: Arc<Ledger>,
}

impl Trying {
    pub(super) fn new(
        store: &Store,
        run: &Run,
        participants: &Participants,
        stop: &Stop,
        (journal, ledger): (Arc<Journal>, Arc<Ledger>),
    ) -> Arc<Self> {
        let run_of_sessions = participants.played().map_or(&run.id, |played| &played.run).clone();
        let (plan, prices) = (run.plan.clone(), run.provenance.prices.clone());
        let (participants, stop) = (participants.clone(), stop.clone());
        let store = store.clone();
        Arc::new(Trying { store, run_of_sessions, plan, prices, participants, stop, journal, ledger })
    }

    /// The steps of a trial.
    pub(super) fn steps(&self, case: &TestCase, n: u32) -> Steps {
        Steps::new(&self.journal, &self.ledger, &self.stop, &case.id, n)
    }

    /// One trial, played again as often as the plan allows where its simulated user misbehaves.
    pub(super) async fn trial(&self, case: &TestCase, n: u32, steps: Steps) -> Result<Trial> {
        let steps = Arc::new(steps);
        let mut discarded: Vec<Discarded> = Vec::new();
        loop {
            let attempt = discarded.len() as u32 + 1;
            let trial = self.play(&steps, case, n, attempt).await?;
            match Discarded::of(&trial).filter(|_| attempt < self.plan.attempts) {
                Some(invalid) => discarded.push(invalid),
                None => {
                    [StepRole::User, StepRole::Agent].into_iter().try_for_each(|role| steps.is_over(role))?;
                    let (trial, plan) = (Trial { discarded, ..trial }, (&self.plan, &self.prices));
                    return judged(&steps, &self.participants.judge, plan, case, trial).await;
                }
            }
        }
    }

    /// Plays a trial. The steps of its attempts follow each other, and each has a session and a seed of its own.
    async fn play(&self, steps: &Arc<Steps>, case: &TestCase, n: u32, attempt: u32) -> Result<Trial> {
        let place = place(&case.id, n, attempt);
        let session_id = session_id(&self.run_of_sessions, &place);
        let seed = seed(self.plan.seed, &place);
        let recording = recorded(&self.store, &self.plan, case);
        let setting = Setting {
            case,
            session_id: &session_id,
            seed,
            max_turns: self.plan.max_turns,
            recording: recording.as_ref().ok().and_then(Option::as_ref),
        };
        let user = steps.user(&self.participants.user);
        let agent = steps.agent(&self.participants.agent);
        let before = steps.latencies_ms().len();
        let simulated = match &recording {
            Ok(_) => simulate(setting, user.as_ref(), &agent).await,
            Err(why) => Simulated::not_begun(Ending::UserFailed(why.clone())),
        };
        steps.unbroken()?;
        Ok(not_yet_judged(case, n, session_id, simulated, steps.latencies_ms().split_off(before)))
    }
}

/// What the recorded users said, where they are played back.
fn recorded(store: &Store, plan: &Plan, case: &TestCase) -> std::result::Result<Option<Conversation>, String> {
    if plan.user != UserKind::Recorded || !case.staging.script.is_empty() {
        return Ok(None);
    }
    let origin = case.origin.as_ref().ok_or("the case names no session whose user could be played back")?;
    let session = store.session(&origin.session);
    let session =
        session.map_err(|error| format!("the user of session {} cannot be played back: {error}", origin.session))?;
    Ok(Some(session.conversation))
}

/// A trial of which all is known but what its judges say.
fn not_yet_judged(
    case: &TestCase,
    trial: u32,
    session_id: String,
    simulated: Simulated,
    latencies_ms: Vec<u64>,
) -> Trial {
    let Simulated { conversation, ending, disclosures, corrections, goal, handed_over_at, agent_version, agent_usage } =
        simulated;
    let says_nothing = agent_usage.iter().all(Option::is_none);
    Trial {
        case: case.id.clone(),
        trial,
        session_id,
        outcome: Outcome::of(&ending, &[]),
        ending,
        conversation,
        disclosures,
        corrections,
        goal,
        handed_over_at,
        discarded: Vec::new(),
        agent_version,
        agent_latencies_ms: latencies_ms,
        agent_usage: if says_nothing { Vec::new() } else { agent_usage },
        assessments: Vec::new(),
    }
}

/// The trial with its assessments and its outcome, kept.
pub(super) async fn judged(
    steps: &Arc<Steps>,
    panel: &Panel,
    (plan, prices): (&Plan, &BTreeMap<String, Price>),
    case: &TestCase,
    trial: Trial,
) -> Result<Trial> {
    let agent_cost = cost::of_agent(&plan.agent, &trial.agent_usage, prices);
    let hearing = Hearing {
        case,
        conversation: &trial.conversation,
        ending: Some(&trial.ending),
        latencies_ms: &trial.agent_latencies_ms,
        agent_cost: agent_cost.as_ref().map(|cost| *cost).map_err(String::as_str),
    };
    let assessments = assess(steps, panel, &plan.judging.judges, hearing).await;
    steps.unbroken()?;
    steps.is_over(StepRole::Judge)?;
    let outcome = Outcome::of(&trial.ending, &assessments);
    let trial = Trial { assessments, outcome, ..trial };
    steps.keep(&trial).await?;
    Ok(trial)
}

/// One assessment for each question of our own list.
pub(super) async fn assess(
    steps: &Arc<Steps>,
    panel: &Panel,
    judges: &[JudgeSpec],
    hearing: Hearing<'_>,
) -> Vec<Assessment> {
    if !hearing.ending.is_none_or(Ending::is_judgeable) {
        return judge::not_judged(&hearing.case.expectations, judges);
    }
    judge::assess(hearing, judges, &steps.judge(panel)).await
}

/// Where in a run a conversation stands. A first attempt is not counted, so that it has the place of its trial.
pub(super) fn place(case: &str, trial: u32, attempt: u32) -> String {
    let again = if attempt > 1 { format!("\n{attempt}") } else { String::new() };
    format!("{case}\n{trial}{again}")
}

/// The id under which the agent sees a conversation: the same on every turn and after every resume.
pub(super) fn session_id(run: &str, place: &str) -> String {
    format!("sim-{}", &hash(&[run, place]).to_hex()[..16])
}

/// The seed of a conversation: the same for the same place in the same plan, whatever the run's id.
fn seed(plan: u64, place: &str) -> u64 {
    let hash = hash(&[&plan.to_string(), place]);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes of thirty-two"))
}

fn hash(parts: &[&str]) -> blake3::Hash {
    blake3::hash(parts.join("\n").as_bytes())
}
