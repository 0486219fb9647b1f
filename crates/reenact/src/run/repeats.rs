//! Asking a run's judges once more about what they have judged, to see whether they say the same again. What they
//! answer is journaled apart, and changes nothing in the run.

use std::sync::Arc;

use futures::StreamExt as _;

use super::steps::Steps;
use super::{Run, Stop};
use crate::cost::Ledger;
use crate::journal::Journal;
use crate::judge::{self, Hearing, Panel};
use crate::{Result, Store, TestCase, Trial, Verdict, cost, prompt};

/// One thing that was judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) case: &'a TestCase,
    pub(crate) trial: &'a Trial,
    /// The expectation's id, or the judge's name.
    pub(crate) id: &'a str,
}

/// What the judges say of each item, so many times.
///
/// # Errors
/// Where the store or the journal fails, or `stop` was requested; what was answered until then is kept.
pub(crate) async fn ask(
    store: &Store,
    run: &Run,
    panel: &Panel,
    items: &[Item<'_>],
    times: u32,
    stop: &Stop,
) -> Result<Vec<Vec<Verdict>>> {
    let journal = Arc::new(Journal::of_calibration(store)?);
    let ledger = Arc::new(Ledger::new(run.provenance.prices.clone(), &[], stop.max_cost()));
    ledger.check(panel.models())?;
    let asked = asked_by(run);
    let steps = |item: &Item<'_>| {
        let Item { case, trial, id } = item;
        let key = format!("{} {} {id} {asked}", run.id, case.id);
        Arc::new(Steps::new(&journal, &ledger, stop, &key, trial.trial))
    };
    let each = items.iter().map(|item| ask_one(run, panel, *item, times, steps(item)));
    let width = run.plan.concurrency.max(1) as usize;
    let said: Vec<Result<Vec<Verdict>>> = futures::stream::iter(each).buffered(width).collect().await;
    said.into_iter().collect()
}

/// What the answers depend on besides the conversation: with another judge or other prompts they are other answers.
fn asked_by(run: &Run) -> String {
    let prompts: Vec<String> = run.plan.judging.prompts().into_iter().map(prompt::hash).collect();
    let judging = serde_json::to_string(&run.plan.judging).expect("a plan is plain data");
    blake3::hash(format!("{judging} {}", prompts.join(" ")).as_bytes()).to_hex().to_string()
}

async fn ask_one(run: &Run, panel: &Panel, item: Item<'_>, times: u32, steps: Arc<Steps>) -> Result<Vec<Verdict>> {
    let Item { case, trial, id } = item;
    let panel = steps.judge(panel);
    let (conversation, ending) = (&trial.conversation, Some(&trial.ending));
    let agent_cost = cost::of_agent(&run.plan.agent, &trial.agent_usage, &run.provenance.prices);
    let agent_cost = agent_cost.as_ref().map(|cost| *cost).map_err(String::as_str);
    let hearing = Hearing { case, conversation, ending, latencies_ms: &trial.agent_latencies_ms, agent_cost };
    let mut said = Vec::with_capacity(times as usize);
    for _ in 0..times {
        said.extend(judge::assess_only(id, hearing, &run.plan.judging.judges, &panel).await);
        steps.unbroken()?;
    }
    Ok(said)
}
