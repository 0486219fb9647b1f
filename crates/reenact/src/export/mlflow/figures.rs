//! The run itself: what was planned as parameters, what it amounts to as metrics, its suite as a dataset.

use serde_json::{Value, json};

use crate::report::statistics::{Tally, pass_rate};
use crate::{Report, Run, RunOutput, Verdict};

use super::cut;

/// The longest value of a parameter.
const PARAM_CHARACTERS_MAX: usize = 6000;

/// The tag that says whose run it is; by it the run is found again.
pub(super) const RUN_TAG: &str = "reenact.run";

/// What a run begins with.
pub(super) fn created(run: &Run, experiment: &str) -> Value {
    let suite = run.suite.name.as_deref().unwrap_or("suite");
    let tag = |key: &str, value: &str| json!({ "key": key, "value": value });
    json!({
        "experiment_id": experiment,
        "run_name": format!("{suite} {}", run.created_at.strftime("%Y-%m-%d %H:%M:%S")),
        "start_time": run.created_at.as_millisecond(),
        "tags": [
            // What makes MLflow list it among the evaluations.
            tag("mlflow.runType", "genai_evaluate"),
            tag("mlflow.source.name", "reenact"),
            tag("mlflow.source.type", "LOCAL"),
            tag("reenact.version", &run.provenance.reenact),
            tag(RUN_TAG, &run.id),
        ],
    })
}

/// What was planned.
pub(super) fn params(run: &Run) -> Vec<Value> {
    let plan = &run.plan;
    let judges: Vec<&str> = plan.judging.judges.iter().map(|judge| judge.name.as_str()).collect();
    let params = [
        ("agent", plan.agent.clone()),
        ("agent_version", plan.agent_version.clone().unwrap_or_default()),
        ("user_model", plan.user_model.clone()),
        ("judge_models", plan.judging.models.join(", ")),
        ("judges", judges.join(", ")),
        ("suite", run.suite.name.clone().unwrap_or_default()),
        ("cases", run.suite.cases.len().to_string()),
        ("trials", plan.trials.to_string()),
        ("max_turns", plan.max_turns.to_string()),
        ("seed", plan.seed.to_string()),
    ];
    let told = params.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(key, value)| json!({ "key": key, "value": cut(&value, PARAM_CHARACTERS_MAX) })).collect()
}

/// The suite as it was when the run began.
pub(super) fn dataset(run: &Run) -> Value {
    let cases = run.suite.to_jsonl();
    let digest = blake3::hash(cases.as_bytes()).to_hex();
    json!({
        "dataset": {
            "name": run.suite.name.as_deref().unwrap_or("suite"),
            "digest": &digest[..8],
            "source_type": "code",
            "source": json!({ "tags": { "mlflow.source.name": "reenact", RUN_TAG: run.id } }).to_string(),
            "profile": json!({ "num_rows": run.suite.cases.len() }).to_string(),
        },
        "tags": [{ "key": "mlflow.data.context", "value": "evaluation" }],
    })
}

/// What a run amounts to, by name. A rate stands beside the ends of its 95 % interval; what could not be told has no rate.
pub(super) fn metrics(output: &RunOutput) -> Vec<(String, f64)> {
    let Report { outcomes, pass_rate: rate, pass_hat_k, cost, discarded, smallest_difference, .. } = &output.report;
    let mut metrics = Vec::new();
    let mut note = |name: String, value: f64| metrics.push((name, value));
    let counts = [
        ("passed", outcomes.passed),
        ("failed", outcomes.failed),
        ("inconclusive", outcomes.inconclusive),
        ("invalid", outcomes.invalid),
        ("errored", outcomes.errored),
    ];
    counts.iter().for_each(|(name, count)| note(format!("trials/{name}"), *count as f64));
    note("trials/discarded".into(), *discarded as f64);
    if let Some(rate) = rate {
        noted("pass_rate", (rate.rate, rate.low, rate.high), &mut note);
    }
    for k in pass_hat_k {
        noted(&format!("pass_hat_{}", k.k), (k.rate, k.low, k.high), &mut note);
    }
    smallest_difference.iter().for_each(|difference| note("smallest_difference".into(), *difference));
    if let Some(usd) = cost.as_ref().and_then(|cost| cost.total.usd.decimal().parse().ok()) {
        note("cost_usd".into(), usd);
    }
    judges(output, &mut note);
    metrics
}

fn noted(name: &str, (rate, low, high): (f64, f64, f64), note: &mut impl FnMut(String, f64)) {
    note(name.to_owned(), rate);
    note(format!("{name}/low"), low);
    note(format!("{name}/high"), high);
}

/// How often each judge of the run was content, among what it could tell.
fn judges(output: &RunOutput, note: &mut impl FnMut(String, f64)) {
    for judge in &output.run.plan.judging.judges {
        let verdicts = |case: &str| {
            let of_case = output.trials.iter().filter(|trial| trial.case == case).flat_map(|trial| &trial.assessments);
            let verdicts = of_case.filter(|assessment| assessment.expectation == judge.name);
            verdicts.map(|assessment| assessment.verdict).collect::<Vec<_>>()
        };
        let (mut tallies, mut undecided) = (Vec::new(), 0);
        for case in &output.run.suite.cases {
            let verdicts = verdicts(&case.id);
            let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count() as u64;
            let passed = count(Verdict::Pass);
            undecided += count(Verdict::Inconclusive);
            tallies.push(Tally { passed, decided: passed + count(Verdict::Fail) });
        }
        if let Some(rate) = pass_rate(&tallies) {
            noted(&format!("{}/mean", judge.name), (rate.rate, rate.low, rate.high), note);
        }
        note(format!("{}/undecided", judge.name), undecided as f64);
    }
}
