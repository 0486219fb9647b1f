//! A case as somebody edited it, looked through as its file would be.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::tree::{Content, Fault, Node};
use super::{TestCase, emit, reader, write, yaml};
use crate::Result;

/// What is wrong with one part of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartProblem {
    /// The key of the part in a suite file, such as `goal` or `facts`.
    pub part: String,
    /// Which item of the part, from 1, where it is a list.
    pub item: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub fix: String,
}

/// The case as a suite file that holds it is read again: ids that are missing are made up, and what would be refused in a file is refused here.
///
/// ```
/// use reenact::case::check_case;
/// use reenact::{Brief, Check, Expectation, TestCase};
///
/// let brief = Brief { goal: "Get my money back".into(), ..Brief::default() };
/// let broken = Expectation { id: "polite".into(), text: None, check: Check::Matches("(sorry".into()) };
/// let case = TestCase { id: "refund".into(), brief, expectations: vec![broken], ..TestCase::default() };
/// let problems = check_case(&case).unwrap_err();
/// assert_eq!((problems[0].part.as_str(), problems[0].item), ("expectations", Some(1)));
/// ```
///
/// # Errors
/// All that is wrong with it, in the order of its parts.
pub fn check_case(case: &TestCase) -> Result<TestCase, Vec<PartProblem>> {
    let text = emit::document(&Map::from_iter([("cases".to_owned(), json!([without_empty_ids(write::case(case))]))]));
    let (root, mut faults) = yaml::read(&text);
    let read = root.as_ref().map(|root| reader::document(root, &mut faults)).unwrap_or_default();
    if let ([read], true) = (&read.cases[..], faults.is_empty()) {
        return Ok(read.clone());
    }
    faults.sort_by_key(|fault| fault.line);
    let parts = root.as_ref().map(parts).unwrap_or_default();
    Err(faults.into_iter().map(|fault| problem(fault, &parts)).collect())
}

/// An id that is empty is one that is still to be made up.
fn without_empty_ids(mut case: Value) -> Value {
    for part in ["facts", "expectations"] {
        for item in
            case.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
        {
            if item.get("id").is_some_and(|id| id == "") {
                item.remove("id");
            }
        }
    }
    case
}

/// The line on which a part begins, its key and its item.
type Begins<'a> = (u64, &'a str, Option<usize>);

fn problem(fault: Fault, parts: &[Begins<'_>]) -> PartProblem {
    let part = parts.iter().rev().find(|(line, ..)| *line <= fault.line);
    let (part, item) = part.map_or(("", None), |(_, part, item)| (*part, *item));
    PartProblem { part: part.to_owned(), item, what: fault.what, fix: fault.fix }
}

/// The parts of the one case of a file, in the order of their lines.
fn parts(root: &Node) -> Vec<Begins<'_>> {
    let Content::Map(keys) = &root.content else { return Vec::new() };
    let cases = keys.iter().filter(|entry| entry.key == "cases").map(|entry| &entry.value.content);
    let case = cases.filter_map(|cases| if let Content::List(cases) = cases { cases.first() } else { None }).next();
    let Some(Content::Map(entries)) = case.map(|case| &case.content) else { return Vec::new() };
    let mut parts = Vec::new();
    for entry in entries {
        parts.push((entry.line, entry.key.as_str(), None));
        if let Content::List(items) = &entry.value.content {
            parts.extend(items.iter().enumerate().map(|(n, item)| (item.line, entry.key.as_str(), Some(n + 1))));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Brief, Fact, Gate};

    fn case(facts: Vec<Fact>) -> TestCase {
        let brief = Brief { goal: "Get my\nmoney back".into(), facts, ..Brief::default() };
        TestCase { id: "refund".into(), brief, ..TestCase::default() }
    }

    fn fact(id: &str, text: &str, gate: Gate) -> Fact {
        Fact { id: id.into(), text: text.into(), gate }
    }

    #[test]
    fn each_problem_is_at_its_part() {
        let facts = vec![fact("one", "it broke", Gate::Open), fact("two", "on monday", Gate::After("three".into()))];
        let problems =
            check_case(&TestCase { brief: Brief { goal: String::new(), ..case(facts.clone()).brief }, ..case(facts) });
        let places: Vec<_> = problems.unwrap_err().into_iter().map(|problem| (problem.part, problem.item)).collect();
        assert_eq!(places, [("goal".to_owned(), None), ("facts".to_owned(), Some(2))]);
    }

    #[test]
    fn a_case_that_is_good_stays_as_it_is_and_gets_the_ids_that_it_lacks() {
        let good = case(vec![fact("one", "it: broke # today", Gate::Never)]);
        assert_eq!(check_case(&good), Ok(good.clone()));
        let new = check_case(&case(vec![fact("", "it broke", Gate::Open)])).unwrap();
        assert!(!new.brief.facts[0].id.is_empty());
    }
}
