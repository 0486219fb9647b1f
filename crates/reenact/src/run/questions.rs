//! The questions of a judging, put before it is done: for judges whose answers take a day.

use std::sync::Arc;

use futures::StreamExt as _;

use super::steps::Steps;
use super::trying::assess;
use super::{Run, Stop};
use crate::cost::{self, Ledger};
use crate::journal::Journal;
use crate::judge::{self, Hearing, Judging, Panel};
use crate::{ErrorKind, Result, Store, TestCase, Trial};

#[cfg(doc)]
use crate::model::batch::Batch;

/// The scope under which the batches of judging a stored run again are kept ([`Batch::at_providers`]): the run and the round of
/// its judging, so that a later judging asks anew.
///
/// # Errors
/// As [`Store::run`].
pub fn batch_scope(store: &Store, run: &str, judging: &Judging) -> Result<String> {
    let id = store.run(run)?.id;
    Ok(format!("judge {id} {}", store.round_to_judge(&id, judging)?.number))
}

/// Puts to a panel every question that [`rejudge`](super::rejudge) would put to it, and changes nothing in the run: for a panel
/// whose models collect what they cannot answer yet. What this judging has recorded already is not asked again.
///
/// # Errors
/// Where the store or the journal fails.
pub async fn put_questions(store: &Store, run: &str, judging: &Judging, panel: &Panel) -> Result<()> {
    let mut run = store.run(run)?;
    judging.check(&run.suite)?;
    let round = store.round_to_judge(&run.id, judging)?;
    // The answers of a round that has not begun have no place in the journal yet.
    let journal = if round.has_begun { Some(Arc::new(Journal::open(store, &run.id)?)) } else { None };
    run.plan.judging = judging.clone();
    let trials = store.trials(&run.id)?;
    // Nothing is paid for here: what a round has recorded is read, and the rest is put to whoever collects it.
    let account = Arc::new(Ledger::new(run.provenance.prices.clone(), &[], None));
    let stop = Stop::default();
    let steps = |trial: &Trial| {
        let journal = journal.as_ref()?;
        Some(Arc::new(Steps::new(journal, &account, &stop, &trial.case, trial.trial)))
    };
    let asking = trials.iter().map(|trial| ask(&run, trial, steps(trial), panel));
    let mut asked = futures::stream::iter(asking).buffer_unordered(run.plan.concurrency.max(1) as usize);
    while let Some(asked) = asked.next().await {
        asked?;
    }
    Ok(())
}

async fn ask(run: &Run, trial: &Trial, steps: Option<Arc<Steps>>, panel: &Panel) -> Result<()> {
    let unknown = TestCase { id: trial.case.clone(), ..TestCase::default() };
    let case = run.suite.cases.iter().find(|case| case.id == trial.case).unwrap_or(&unknown);
    let (conversation, ending) = (&trial.conversation, &trial.ending);
    let agent_cost = cost::of_agent(&run.plan.agent, &trial.agent_usage, &run.provenance.prices);
    let agent_cost = agent_cost.as_ref().map(|cost| *cost).map_err(String::as_str);
    let latencies_ms = &trial.agent_latencies_ms;
    let hearing = Hearing { case, conversation, ending: Some(ending), latencies_ms, agent_cost };
    let judges = &run.plan.judging.judges;
    let Some(steps) = steps else {
        if ending.is_judgeable() {
            judge::assess(hearing, judges, panel).await;
        }
        return Ok(());
    };
    assess(&steps, panel, judges, hearing).await;
    match steps.unbroken() {
        // It waits for its answer, which is why it was put.
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        asked => asked,
    }
}
