//! Which cases of two runs are the same, and in what else than the agent the runs differ.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{RunDifference, Unmatched};
use crate::{Run, RunOutput, TestCase};

/// What makes no difference to a conversation, or is what the comparison is about.
const NO_MATTER: [&str; 5] = ["agent", "agent_version", "concurrency", "rerun_of", "threshold"];

pub(super) struct Matched<'a> {
    pub(super) same: Vec<&'a TestCase>,
    pub(super) unmatched: Vec<Unmatched>,
}

/// Every case of either run, once: among the same ones, or among the unmatched ones with why.
///
/// Two cases are the same where all is equal that a conversation or its judgement depends on; where they come from may
/// differ.
pub(super) fn matched<'a>(baseline: &RunOutput, candidate: &'a RunOutput) -> Matched<'a> {
    let mut before: BTreeMap<&str, &TestCase> =
        baseline.run.suite.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let mut matched = Matched { same: Vec::new(), unmatched: Vec::new() };
    let unmatched = |case: &TestCase, why: String| Unmatched { case: case.id.clone(), why };
    for case in &candidate.run.suite.cases {
        match before.remove(case.id.as_str()).map(|before| differing(before, case)) {
            None => matched.unmatched.push(unmatched(case, "only in the candidate".into())),
            Some(parts) if parts.is_empty() => matched.same.push(case),
            Some(parts) => matched.unmatched.push(unmatched(case, format!("differs in its {}", parts.join(", ")))),
        }
    }
    let left = baseline.run.suite.cases.iter().filter(|case| before.contains_key(case.id.as_str()));
    matched.unmatched.extend(left.map(|case| unmatched(case, "only in the baseline".into())));
    matched
}

fn differing(one: &TestCase, other: &TestCase) -> Vec<&'static str> {
    let parts = [
        ("brief", one.brief != other.brief),
        ("context", one.context != other.context),
        ("expectations", one.expectations != other.expectations),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

/// All else in which two runs differ: what they planned, and what made them.
pub(super) fn runs_differ(baseline: &Run, candidate: &Run) -> Vec<RunDifference> {
    let (before, after) = (keys(baseline), keys(candidate));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let value = |of: &Map<String, Value>, key: &str| of.get(key).unwrap_or(&Value::Null).to_string();
    let matters = |key: &&String| !NO_MATTER.contains(&key.as_str()) && before.get(*key) != after.get(*key);
    let difference =
        |key: &String| RunDifference { key: key.clone(), baseline: value(&before, key), candidate: value(&after, key) };
    names.into_iter().filter(matters).map(difference).collect()
}

fn keys(run: &Run) -> Map<String, Value> {
    let parts = [serde_json::to_value(&run.plan), serde_json::to_value(&run.provenance)];
    let keys = parts.into_iter().map(|part| match part {
        Ok(Value::Object(keys)) => keys,
        _ => unreachable!("a plan and its provenance are written as objects"),
    });
    keys.flatten().collect()
}
