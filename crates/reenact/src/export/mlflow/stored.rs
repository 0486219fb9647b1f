//! A stored run logged to a server, or what was judged anew of one that is there.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::conversation::{Held, ReplyTime};
use super::delivery::Recipient;
use super::{Kept, Tracking};
use crate::mlflow::{Ask, ServerFault};
use crate::{Result, RunOutput, TestCase, Trial};

/// Trials that are told of at once.
const TRIALS_AT_ONCE: usize = 25;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Infos {
    trace_infos: Vec<Value>,
}

/// Logs a stored run as it is now: its traces where the server does not have them, and what its judges say of each trial and of the whole. Whatever
/// is there already stands there once, with its times; when the turns of a stored run were, is not known to the millisecond.
///
/// # Errors
/// Where the server does not take it. What it took stays, and nothing is there twice when it is logged again.
pub async fn log_run(output: &RunOutput, tracking: &Tracking) -> Result<()> {
    let recipient = Recipient::new(tracking, &output.run);
    all(output, &recipient).await.map_err(|fault| fault.error(recipient.server()))
}

async fn all(output: &RunOutput, recipient: &Recipient<'_>) -> Result<(), ServerFault> {
    let there = recipient.there().await?;
    for trials in output.trials.chunks(TRIALS_AT_ONCE) {
        let all: Vec<Kept> = trials.iter().map(|trial| kept(output, trial)).collect();
        let known = known(recipient, &all).await?;
        let (mut new, mut renewed) = (Vec::new(), Vec::new());
        for kept in all {
            match known.get(first_trace(&kept)) {
                None => new.push(kept),
                Some(info) => renewed.extend(kept.infos.into_iter().next().map(|told| with_times(told, info))),
            }
        }
        recipient.infos(there, renewed.iter()).await?;
        recipient.put(&new).await?;
    }
    recipient.told(output).await
}

/// The id of the trace that has the assessments.
fn first_trace(kept: &Kept) -> &str {
    kept.infos.first().and_then(|info| info["trace_id"].as_str()).unwrap_or_default()
}

/// The first traces of these conversations that the server has.
async fn known(recipient: &Recipient<'_>, all: &[Kept]) -> Result<BTreeMap<String, Value>, ServerFault> {
    let ids: Vec<&str> = all.iter().map(first_trace).collect();
    let ask = Ask::post("/api/3.0/mlflow/traces/batchGetInfos", &json!({ "trace_ids": ids }));
    let infos: Infos = recipient.server().ask(ask).await?;
    let named = infos.trace_infos.into_iter().filter_map(|info| Some((info["trace_id"].as_str()?.to_owned(), info)));
    Ok(named.collect())
}

fn with_times(mut told: Value, known: &Value) -> Value {
    for key in ["request_time", "execution_duration"] {
        told[key] = known[key].clone();
    }
    told
}

fn kept(output: &RunOutput, trial: &Trial) -> Kept {
    let unknown = TestCase { id: trial.case.clone(), ..TestCase::default() };
    let case = output.run.suite.cases.iter().find(|case| case.id == trial.case).unwrap_or(&unknown);
    let replies = replies(output.run.created_at, &trial.agent_latencies_ms);
    let held = Held {
        run: &output.run.id,
        plan: &output.run.plan,
        case,
        trial: trial.trial,
        session_id: &trial.session_id,
        began_at: output.run.created_at,
        conversation: &trial.conversation,
        ending: &trial.ending,
        is_discarded: false,
        replies: &replies,
        agent_version: trial.agent_version.as_deref(),
        agent_usage: &trial.agent_usage,
    };
    Kept::of(held, Some(trial))
}

/// One reply after the other from the run's beginning on: what is kept of a trial is how long each took.
fn replies(began_at: Timestamp, latencies_ms: &[u64]) -> Vec<ReplyTime> {
    let mut asked_at = began_at;
    let reply = |&latency_ms: &u64| {
        let reply = ReplyTime { asked_at, latency_ms };
        let took = SignedDuration::from_millis(i64::try_from(latency_ms).unwrap_or(i64::MAX));
        asked_at = asked_at.checked_add(took).unwrap_or(asked_at);
        reply
    };
    latencies_ms.iter().map(reply).collect()
}
