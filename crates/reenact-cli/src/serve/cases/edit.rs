//! What somebody changed of a case, part by part: what is not named stays as it is, to the letter.

use reenact::case::Staging;
use reenact::{Check, Evidence, Expectation, Fact, Gate, TestCase};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::serve::fault::Fault;

/// The parts of a case that are to be others; those that are left out stay.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The `revision` of the case that was read: what was changed by somebody else since is not written over.
    pub(super) revision: String,
    goal: Option<String>,
    /// The first message; an empty text takes it away.
    opening: Option<String>,
    /// An empty text takes it away.
    persona: Option<String>,
    /// 0 takes it away.
    patience: Option<u32>,
    /// All guidelines, in their new order.
    guidelines: Option<Vec<GuidelineRow>>,
    /// All facts, in their new order.
    facts: Option<Vec<FactRow>>,
    /// All expectations, in their new order.
    expectations: Option<Vec<ExpectationRow>>,
    /// The text of a JSON object, so that no number in it loses a digit on its way.
    context: Option<String>,
    staging: Option<Staging>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GuidelineRow {
    /// Which one it was, counted from 0; none for a new one.
    was: Option<usize>,
    /// Left out where it stays.
    text: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FactRow {
    /// Which one it was, counted from 0; none for a new one, whose id is made up.
    was: Option<usize>,
    /// Left out where it stays.
    text: Option<String>,
    /// Left out where it stays.
    gate: Option<Gate>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExpectationRow {
    /// Which one it was, counted from 0; none for a new one, whose id is made up.
    was: Option<usize>,
    /// Left out where it stays; an empty text takes it away.
    text: Option<String>,
    /// Left out where it stays.
    check: Option<Check>,
}

impl Edit {
    /// The case with these parts.
    pub(super) fn made_to(self, old: &TestCase) -> Result<TestCase, Fault> {
        let mut case = old.clone();
        let brief = &mut case.brief;
        brief.goal = self.goal.unwrap_or_else(|| old.brief.goal.clone());
        brief.opening = chosen(self.opening, &old.brief.opening);
        brief.persona = chosen(self.persona, &old.brief.persona);
        brief.patience = self.patience.map_or(old.brief.patience, |asks| Some(asks).filter(|asks| *asks > 0));
        if let Some(rows) = &self.guidelines {
            brief.guidelines = rows.iter().map(|row| guideline(row, old)).collect::<Result<_, _>>()?;
        }
        if let Some(rows) = self.facts {
            brief.facts = rows.into_iter().map(|row| fact(row, old)).collect::<Result<_, _>>()?;
        }
        if let Some(rows) = self.expectations {
            case.expectations = rows.into_iter().map(|row| expectation(row, old)).collect::<Result<_, _>>()?;
        }
        case.context = self.context.map_or_else(|| Ok(old.context.clone()), |text| context(&text))?;
        case.staging = self.staging.unwrap_or_else(|| old.staging.clone());
        cite_what_is_there(&mut case, self.guidelines.as_deref());
        Ok(case)
    }
}

fn chosen(new: Option<String>, old: &Option<String>) -> Option<String> {
    new.map_or_else(|| old.clone(), |new| Some(new).filter(|new| !new.trim().is_empty()))
}

/// An item as it was, where it was one.
fn was<T: Clone>(was: Option<usize>, items: &[T]) -> Result<Option<T>, Fault> {
    let unknown = || Fault::new(axum::http::StatusCode::BAD_REQUEST, "`was` is none of the items that the case has");
    was.map(|at| items.get(at).cloned().ok_or_else(unknown)).transpose()
}

fn guideline(row: &GuidelineRow, old: &TestCase) -> Result<String, Fault> {
    let was = was(row.was, &old.brief.guidelines)?;
    Ok(row.text.clone().or(was).unwrap_or_default())
}

fn fact(row: FactRow, old: &TestCase) -> Result<Fact, Fault> {
    let new = || Fact { id: String::new(), text: String::new(), gate: Gate::Open };
    let was = was(row.was, &old.brief.facts)?.unwrap_or_else(new);
    Ok(Fact { id: was.id, text: row.text.unwrap_or(was.text), gate: row.gate.unwrap_or(was.gate) })
}

fn expectation(row: ExpectationRow, old: &TestCase) -> Result<Expectation, Fault> {
    let new = || Expectation { id: String::new(), text: None, check: Check::Judged };
    let was = was(row.was, &old.expectations)?.unwrap_or_else(new);
    Ok(Expectation { text: chosen(row.text, &was.text), id: was.id, check: row.check.unwrap_or(was.check) })
}

fn context(text: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_str(text).map_err(|error| {
        Fault::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, format!("the context is no JSON object: {error}"))
            .about("context")
    })
}

/// Words that only parts that are gone came from are no evidence any more.
fn cite_what_is_there(case: &mut TestCase, guidelines: Option<&[GuidelineRow]>) {
    let Some(mut origin) = case.origin.take() else { return };
    let is_there = |id: &str| case.expectations.iter().any(|expectation| expectation.id == id);
    origin.not_failed.retain(|id| is_there(id));
    origin.evidence.retain_mut(|entry| renumbered(entry, guidelines) && cites_a_part(entry, case));
    case.origin = Some(origin);
}

/// Gives evidence of a guideline the number that it has now; `false` where it is gone.
fn renumbered(entry: &mut Evidence, rows: Option<&[GuidelineRow]>) -> bool {
    let number = entry.field.strip_prefix("guidelines.").and_then(|number| number.parse::<usize>().ok());
    let (Some(number), Some(rows)) = (number, rows) else { return true };
    let now = rows.iter().position(|row| row.was.is_some_and(|was| was + 1 == number));
    now.inspect(|now| entry.field = format!("guidelines.{}", now + 1)).is_some()
}

fn cites_a_part(entry: &Evidence, case: &TestCase) -> bool {
    let brief = &case.brief;
    match entry.field.split_once('.') {
        Some(("facts", id)) => brief.facts.iter().any(|fact| fact.id == id),
        Some(("expectations", id)) => case.expectations.iter().any(|expectation| expectation.id == id),
        Some(_) => true,
        None => match entry.field.as_str() {
            "persona" => brief.persona.is_some(),
            "opening" => brief.opening.is_some(),
            "patience" => brief.patience.is_some(),
            _ => true,
        },
    }
}
