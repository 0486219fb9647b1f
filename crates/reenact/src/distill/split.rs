//! One session, several goals: where the user plainly turned to something else, and the cases that it then gives.
//!
//! Offline a split is a suggestion: a case holds the whole session until somebody asks for the parts.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::Distilled;
use crate::case::parts;
use crate::{Evidence, Fact, Gate, TestCase, text};

/// Where a session turns to something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Split {
    /// The session's id.
    pub session: String,
    /// The turns with which a further goal begins, in order.
    pub turns: Vec<u32>,
}

impl Distilled {
    /// The cases with those taken apart for which a split is suggested, in the order of the recording.
    #[must_use]
    pub fn apart(mut self) -> Self {
        let splits = std::mem::take(&mut self.splits);
        let turns = |case: &TestCase| {
            let session = &case.origin.as_ref()?.session;
            splits.iter().find(|split| split.session == *session).map(|split| split.turns.as_slice())
        };
        self.cases = std::mem::take(&mut self.cases)
            .into_iter()
            .flat_map(|case| match turns(&case) {
                Some(turns) => parts(&case, turns).unwrap_or_else(|| vec![case]),
                None => vec![case],
            })
            .collect();
        self
    }
}

/// A case as several, one from each of these turns on; `None` where the goal does not tell which of its lines is from where.
fn parts(case: &TestCase, turns: &[u32]) -> Option<Vec<TestCase>> {
    let evidence = &case.origin.as_ref()?.evidence;
    let lines: Vec<&str> = case.brief.goal.lines().collect();
    let line_turns: BTreeSet<u32> = evidence.iter().filter(|e| e.field == "goal").map(|e| e.turn).collect();
    if lines.len() != line_turns.len() {
        return None;
    }
    let told: Vec<(u32, &str)> = line_turns.into_iter().zip(lines).collect();
    let starts = std::iter::once(1).chain(turns.iter().copied());
    let ends = turns.iter().copied().chain([u32::MAX]);
    let parts: Vec<TestCase> =
        starts.zip(ends).enumerate().filter_map(|(n, (from, to))| part(case, &told, n, from..to)).collect();
    (parts.len() > 1).then_some(parts)
}

fn part(case: &TestCase, told: &[(u32, &str)], n: usize, turns: std::ops::Range<u32>) -> Option<TestCase> {
    let goal: Vec<&str> = told.iter().filter(|(turn, _)| turns.contains(turn)).map(|(_, line)| *line).collect();
    if goal.is_empty() {
        return None;
    }
    let mut part = case.clone();
    let origin = part.origin.as_mut()?;
    let turn_of = |evidence: &[Evidence], field: &str| evidence.iter().find(|e| e.field == field).map_or(1, |e| e.turn);
    let all = origin.evidence.clone();
    part.brief.goal = goal.join("\n");
    part.brief.facts.retain(|fact| {
        let turn = turn_of(&all, &format!("facts.{}", fact.id));
        turns.contains(&turn) || turn < turns.start && is_carried(fact)
    });
    part.expectations.retain(|e| turns.contains(&turn_of(&all, &format!("expectations.{}", e.id))));
    if n > 0 {
        part.id = format!("{}-{}", case.id, n + 1);
        part.brief.opening = None;
    }
    let is_there = |id: &String| part.expectations.iter().any(|expectation| expectation.id == *id);
    if let Some(origin) = &mut part.origin {
        origin.not_failed.retain(is_there);
    }
    let kept: BTreeSet<String> = fields(&part).collect();
    origin_of(&mut part).retain(|e| {
        (kept.contains(&e.field) || e.field.starts_with("ending.")) && (e.field != "goal" || turns.contains(&e.turn))
    });
    parts::sign(&mut part);
    Some(part)
}

fn origin_of(case: &mut TestCase) -> &mut Vec<Evidence> {
    &mut case.origin.get_or_insert_default().evidence
}

/// What the user told when asked and that names something is still known later: an account, a name, a date.
fn is_carried(fact: &Fact) -> bool {
    let names = fact.text.contains(|c: char| c.is_ascii_digit()) || !super::values::values(&fact.text).is_empty();
    matches!(fact.gate, Gate::Asked(_)) && names && text::words(&fact.text).next().is_some()
}

/// The parts of a case that evidence can be for.
fn fields(case: &TestCase) -> impl Iterator<Item = String> {
    let facts = case.brief.facts.iter().map(|fact| format!("facts.{}", fact.id));
    let expectations = case.expectations.iter().map(|expectation| format!("expectations.{}", expectation.id));
    let guidelines = (1..=case.brief.guidelines.len()).map(|n| format!("guidelines.{n}"));
    let opening = case.brief.opening.iter().map(|_| "opening".to_owned());
    let lasting = ["goal", "persona", "patience"].map(str::to_owned);
    lasting
        .into_iter()
        .chain(opening)
        .chain(guidelines)
        .chain(facts)
        .chain(expectations)
        .collect::<Vec<_>>()
        .into_iter()
}
