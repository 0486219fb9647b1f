//! What was judged of a trial, as assessments of the first trace of its session.

use serde_json::{Value, json};

use super::super::conversation::Held;
use super::word;
use crate::case::{Check, Expectation};
use crate::{Assessment, Outcome, Trial, Verdict};

/// The judge's name where code decided, see [`Assessment::judge`].
const BY_CODE: &str = "assertion";

/// All that is said of a trial: what was expected, what each judge says, how it ended and what it amounts to.
pub(super) fn of(held: Held<'_>, trial: &Trial, trace_id: &str) -> Value {
    let expected = held.case.expectations.iter().map(|expectation| Said {
        name: expectation.id.clone(),
        kind: "expectation",
        source: ("HUMAN", "suite".to_owned()),
        what: json!({ "value": statement(expectation) }),
        rationale: None,
        more: Vec::new(),
    });
    let judged = trial.assessments.iter().map(judged);
    let all = expected.chain(judged).chain([ending(trial), outcome(trial)]);
    all.map(|said| said.written(held, trace_id)).collect()
}

/// One assessment, not yet tied to its trace.
struct Said {
    name: String,
    kind: &'static str,
    source: (&'static str, String),
    what: Value,
    rationale: Option<String>,
    more: Vec<(&'static str, String)>,
}

impl Said {
    fn written(self, held: Held<'_>, trace_id: &str) -> Value {
        let place = [held.run, held.session_id, self.kind, &self.name].join("\n");
        let id = blake3::derive_key("reenact 2026 id of an assessment", place.as_bytes());
        let mut metadata = json!({ "mlflow.trace.session": held.session_id });
        self.more.iter().for_each(|(key, value)| metadata[*key] = value.as_str().into());
        let mut written = json!({
            "assessment_id": format!("a-{}", crate::trace_context::hex(&id[..16])),
            "assessment_name": self.name,
            "trace_id": trace_id,
            "source": { "source_type": self.source.0, "source_id": self.source.1 },
            "metadata": metadata,
        });
        written[self.kind] = self.what;
        if let Some(rationale) = self.rationale {
            written["rationale"] = rationale.into();
        }
        written
    }
}

/// What an expectation says, for a reader.
fn statement(expectation: &Expectation) -> String {
    let checked = || serde_json::to_string(&expectation.check).unwrap_or_default();
    match (&expectation.text, &expectation.check) {
        (Some(text), _) => text.clone(),
        (None, Check::Judged) => expectation.id.clone(),
        (None, _) => checked(),
    }
}

fn judged(assessment: &Assessment) -> Said {
    let Assessment { expectation, verdict, decides, value, reason, turns, judge, .. } = assessment;
    let what = match (verdict, value) {
        (Verdict::Inconclusive, None) => error("INCONCLUSIVE", reason),
        (_, Some(value)) => json!({ "value": value }),
        (Verdict::Pass, None) => json!({ "value": "yes" }),
        (Verdict::Fail, None) => json!({ "value": "no" }),
    };
    let cited: Vec<String> = turns.iter().map(u32::to_string).collect();
    let mut more = vec![("reenact.verdict", verdict.as_str().to_owned())];
    more.extend((!cited.is_empty()).then(|| ("reenact.turns", cited.join(","))));
    more.extend((!decides).then(|| ("reenact.decides", "false".to_owned())));
    let source = if judge == BY_CODE { "CODE" } else { "LLM_JUDGE" };
    Said {
        name: expectation.clone(),
        kind: "feedback",
        source: (source, judge.clone()),
        what,
        rationale: Some(reason.clone()),
        more,
    }
}

fn ending(trial: &Trial) -> Said {
    let detail = serde_json::to_value(&trial.ending).ok().and_then(|ending| match ending.get("detail")? {
        Value::String(detail) => Some(detail.clone()),
        detail => Some(detail.get("reason")?.as_str()?.to_owned()),
    });
    ours("ending", json!({ "value": word(&trial.ending) }), detail)
}

/// What a trial amounts to. Only one that was decided has a value; the others are errors, so that nobody counts them as passed or failed.
fn outcome(trial: &Trial) -> Said {
    let what = match trial.outcome {
        Outcome::Passed => json!({ "value": "yes" }),
        Outcome::Failed => json!({ "value": "no" }),
        other => error(&other.as_str().to_uppercase(), &format!("the trial is {}", other.as_str())),
    };
    Said { more: vec![("reenact.outcome", trial.outcome.as_str().to_owned())], ..ours("passed", what, None) }
}

fn ours(name: &str, what: Value, rationale: Option<String>) -> Said {
    let source = ("CODE", "reenact".to_owned());
    Said { name: name.to_owned(), kind: "feedback", source, what, rationale, more: Vec::new() }
}

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "error_code": code, "error_message": message } })
}
