//! One trial of a run: the conversation, then what its judges say of it, kept when both are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::steps::Steps;
use super::{Participants, Plan, Stop};
use crate::cost::{self, Ledger};
use crate::journal::Journal;
use crate::judge::{Hearing, JudgeSpec, Panel};
use crate::model::Price;
use crate::simulate::{Setting, Simulated, simulate};
use crate::{Assessment, Ending, Outcome, Result, Run, StepRole, TestCase, Trial, judge};

/// What every trial of a run needs.
pub(super) struct Trying {
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
        run: &Run,
        participants: &Participants,
        stop: &Stop,
        (journal, ledger): (Arc<Journal>, Arc<Ledger>),
    ) -> Arc<Self> {
        let run_of_sessions = participants.played().map_or(&run.id, |played| &played.run).clone();
        let (plan, prices) = (run.plan.clone(), run.provenance.prices.clone());
        let (participants, stop) = (participants.clone(), stop.clone());
        Arc::new(Trying { run_of_sessions, plan, prices, participants, stop, journal, ledger })
    }

    /// The steps of a trial.
    pub(super) fn steps(&self, case: &TestCase, n: u32) -> Steps {
        Steps::new(&self.journal, &self.ledger, &self.stop, &case.id, n)
    }

    pub(super) async fn trial(&self, case: &TestCase, n: u32, steps: Steps) -> Result<Trial> {
        let steps = Arc::new(steps);
        let session_id = session_id(&self.run_of_sessions, &case.id, n);
        let seed = seed(self.plan.seed, &case.id, n);
        let setting = Setting { case, session_id: &session_id, seed, max_turns: self.plan.max_turns };
        let user = steps.user(&self.participants.user);
        let agent = steps.agent(&self.participants.agent);
        let simulated = simulate(setting, user.as_ref(), &agent).await;
        steps.unbroken()?;
        [StepRole::User, StepRole::Agent].into_iter().try_for_each(|role| steps.is_over(role))?;
        let trial = not_yet_judged(case, n, session_id, simulated, steps.latencies_ms());
        judged(&steps, &self.participants.judge, (&self.plan, &self.prices), case, trial).await
    }
}

/// A trial of which all is known but what its judges say.
fn not_yet_judged(
    case: &TestCase,
    trial: u32,
    session_id: String,
    simulated: Simulated,
    latencies_ms: Vec<u64>,
) -> Trial {
    let Simulated { conversation, ending, disclosures, agent_version, agent_usage } = simulated;
    let says_nothing = agent_usage.iter().all(Option::is_none);
    Trial {
        case: case.id.clone(),
        trial,
        session_id,
        outcome: Outcome::of(&ending, &[]),
        ending,
        conversation,
        disclosures,
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

/// The id under which the agent sees a trial: the same on every turn and after every resume.
pub(super) fn session_id(run: &str, case: &str, trial: u32) -> String {
    format!("sim-{}", &hash(&[run, case, &trial.to_string()]).to_hex()[..16])
}

/// The seed of a trial: the same for the same place in the same plan, whatever the run's id.
fn seed(plan: u64, case: &str, trial: u32) -> u64 {
    let hash = hash(&[&plan.to_string(), case, &trial.to_string()]);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes of thirty-two"))
}

fn hash(parts: &[&str]) -> blake3::Hash {
    blake3::hash(parts.join("\n").as_bytes())
}
