//! One trial of a run: the conversation, then what its judges say of it, kept when both are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::steps::Steps;
use super::{Participants, Plan, Stop, UserKind};
use crate::cost::{self, Ledger};
use crate::export::{self, Exporting, Exports, ReplyTime};
use crate::journal::Journal;
use crate::judge::{Hearing, JudgeSpec, Panel};
use crate::model::Price;
use crate::simulate::{Setting, Simulated, simulate};
use crate::store::Outgoing;
use crate::{
    Assessment, Conversation, Discarded, Ending, ErrorKind, Outcome, Result, Run, StepRole, Store, TestCase, Trial,
    clock, judge,
};

/// What every trial of a run needs.
pub(super) struct Trying {
    store: Store,
    run: String,
    /// The run whose sessions are played: this one, or the one that was recorded.
    run_of_sessions: String,
    plan: Plan,
    prices: BTreeMap<String, Price>,
    participants: Participants,
    pub(super) stop: Stop,
    journal: Arc<Journal>,
    pub(super) ledger: Arc<Ledger>,
    exports: Exports,
}

/// A conversation that was held, and when.
struct Played {
    trial: Trial,
    began_at: Timestamp,
    replies: Vec<ReplyTime>,
}

impl Trying {
    pub(super) fn new(
        store: &Store,
        run: &Run,
        participants: &Participants,
        stop: &Stop,
        (journal, ledger): (Arc<Journal>, Arc<Ledger>),
    ) -> Self {
        let run_of_sessions = participants.played().map_or(&run.id, |played| &played.run).clone();
        let (plan, prices) = (run.plan.clone(), run.provenance.prices.clone());
        let (participants, stop) = (participants.clone(), stop.clone());
        let (store, run, exports) = (store.clone(), run.id.clone(), Exports::default());
        Trying { store, run, run_of_sessions, plan, prices, participants, stop, journal, ledger, exports }
    }

    /// The same, with traces of what is tried.
    pub(super) fn exporting(self, exports: &Exports) -> Self {
        Trying { exports: exports.clone(), ..self }
    }

    /// The steps of a trial.
    pub(super) fn steps(&self, case: &TestCase, n: u32) -> Steps {
        let steps = Steps::new(&self.journal, &self.ledger, &self.stop, &case.id, n);
        let steps = steps.in_traces(self.exports.traces());
        if self.exports.has(Exporting::Simulator) { steps.noting_questions() } else { steps }
    }

    /// One trial, played again as often as the plan allows where its simulated user misbehaves.
    pub(super) async fn trial(&self, case: &TestCase, n: u32, steps: Steps) -> Result<Trial> {
        let steps = Arc::new(steps);
        let mut discarded: Vec<Played> = Vec::new();
        loop {
            let attempt = discarded.len() as u32 + 1;
            let played = self.play(&steps, case, n, attempt).await?;
            if matches!(played.trial.ending, Ending::UserInvalid(_)) && attempt < self.plan.attempts {
                discarded.push(played);
                continue;
            }
            [StepRole::User, StepRole::Agent].into_iter().try_for_each(|role| steps.is_over(role))?;
            let thrown_away = discarded.iter().filter_map(|played| Discarded::of(&played.trial)).collect();
            let trial = Trial { discarded: thrown_away, ..played.trial.clone() };
            let plan = (&self.plan, &self.prices);
            let trial = judged(&steps, &self.participants.judge, plan, case, trial).await?;
            discarded.push(played);
            steps.keep(&trial, self.traces(&steps, case, &discarded, &trial)).await?;
            return Ok(trial);
        }
    }

    /// A trial as far as its steps are recorded, not judged. Its steps are only read.
    pub(super) async fn so_far(&self, case: &TestCase, n: u32, steps: Steps) -> Result<Trial> {
        let steps = Arc::new(steps);
        let mut discarded: Vec<Discarded> = Vec::new();
        loop {
            let attempt = discarded.len() as u32 + 1;
            let trial = self.held(&steps, case, n, attempt).await.trial;
            match (steps.unbroken(), Discarded::of(&trial)) {
                (Ok(()), Some(invalid)) if attempt < self.plan.attempts => discarded.push(invalid),
                (Err(error), _) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => return Ok(Trial { discarded, ..trial }),
            }
        }
    }

    /// The traces of a trial's conversations, the last of which counts, and of what models were asked for it.
    fn traces(&self, steps: &Steps, case: &TestCase, played: &[Played], judged: &Trial) -> Vec<Outgoing> {
        let last = played.len().saturating_sub(1);
        let held = || {
            played.iter().enumerate().map(|(index, played)| {
                let Played { trial, began_at, replies } = played;
                export::Held {
                    run: &self.run,
                    plan: &self.plan,
                    case,
                    trial: trial.trial,
                    session_id: &trial.session_id,
                    began_at: *began_at,
                    conversation: &trial.conversation,
                    ending: &trial.ending,
                    is_discarded: index < last,
                    replies,
                    agent_version: trial.agent_version.as_deref(),
                    agent_usage: &trial.agent_usage,
                }
            })
        };
        let conversations = self.exports.has(Exporting::Conversations).then(|| export::conversations(held()));
        let logged = self.exports.has(Exporting::Mlflow).then(|| export::logged(held(), judged));
        let calls = export::calls(&self.run, &steps.asked());
        conversations.into_iter().chain(logged.into_iter().flatten()).chain(calls).collect()
    }

    /// Plays a trial; that every answer was there is what makes it one.
    async fn play(&self, steps: &Arc<Steps>, case: &TestCase, n: u32, attempt: u32) -> Result<Played> {
        let played = self.held(steps, case, n, attempt).await;
        steps.unbroken()?;
        Ok(played)
    }

    /// Holds the conversation of a trial. The steps of its attempts follow each other, and each has a session and a seed of its own.
    async fn held(&self, steps: &Arc<Steps>, case: &TestCase, n: u32, attempt: u32) -> Played {
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
        let (began_at, before) = (clock::now(), steps.replies().len());
        let simulated = match &recording {
            Ok(_) => simulate(setting, user.as_ref(), &agent).await,
            Err(why) => Simulated::not_begun(Ending::UserFailed(why.clone())),
        };
        let replies = steps.replies().split_off(before);
        let latencies_ms = replies.iter().map(|reply| reply.latency_ms).collect();
        Played { trial: not_yet_judged(case, n, session_id, simulated, latencies_ms), began_at, replies }
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
    let Simulated {
        conversation,
        ending,
        disclosures,
        corrections,
        goal,
        handed_over_at,
        agent_version,
        agent_usage,
        tool_misses,
    } = simulated;
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
        tool_misses,
        assessments: Vec::new(),
    }
}

/// The trial with its assessments and its outcome.
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
    Ok(Trial { assessments, outcome, ..trial })
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
