//! What one part of a case says of another: gates that wait for facts, evidence for parts.

use super::tree::{Fault, shown};
use super::{Fact, Gate, TestCase};

/// Every `after` waits for a fact that there is, and none waits for itself in the end.
pub(super) fn check_gates(facts: &[Fact], lines: &[u64], faults: &mut Vec<Fault>) {
    let next = |index: usize| match &facts[index].gate {
        Gate::After(id) => facts.iter().position(|fact| fact.id == *id),
        _ => None,
    };
    let next: Vec<Option<usize>> = (0..facts.len()).map(next).collect();
    for (index, (fact, line)) in facts.iter().zip(lines).enumerate() {
        match &fact.gate {
            Gate::After(id) if next[index].is_none() && !id.is_empty() => {
                faults.push(Fault::new(*line, format!("no fact has the id `{}`", shown(id)), known_ids(facts, id)));
            }
            _ => {}
        }
        if let Some(cycle) = cycle_from(index, &next) {
            let ids = cycle.iter().chain([&index]).map(|i| format!("`{}`", shown(&facts[*i].id))).collect::<Vec<_>>();
            let what = format!("these facts wait for each other: {}", ids.join(" after "));
            faults.push(Fault::new(*line, what, "give one of them another gate, so that it can be said first"));
        }
    }
}

fn known_ids(facts: &[Fact], wanted: &str) -> String {
    let nearest = facts.iter().map(|fact| fact.id.as_str()).filter(|id| strsim::damerau_levenshtein(id, wanted) <= 2);
    nearest.min_by_key(|id| strsim::damerau_levenshtein(id, wanted)).map_or_else(
        || {
            let ids = facts.iter().take(8).map(|fact| format!("`{}`", shown(&fact.id)));
            format!("the facts of this case are {}", ids.collect::<Vec<_>>().join(", "))
        },
        |id| format!("did you mean `{}`?", shown(id)),
    )
}

/// The cycle that starts and ends at a fact, told only by its first fact.
fn cycle_from(start: usize, next: &[Option<usize>]) -> Option<Vec<usize>> {
    let mut cycle = vec![start];
    let mut at = next[start]?;
    while at != start {
        // A fact before the start tells this cycle itself; one seen twice is a cycle further on.
        if at < start || cycle.contains(&at) {
            return None;
        }
        cycle.push(at);
        at = next[at]?;
    }
    Some(cycle)
}

/// The part that an evidence entry cites is there.
pub(super) fn check_field(field: &str, case: &TestCase, line: u64, faults: &mut Vec<Fault>) {
    let brief = &case.brief;
    let is_there = match field.split_once('.') {
        None => match field {
            "goal" | "" => true,
            "persona" => brief.persona.is_some(),
            "opening" => brief.opening.is_some(),
            _ => false,
        },
        Some(("facts", id)) => brief.facts.iter().any(|fact| fact.id == id),
        Some(("expectations", id)) => case.expectations.iter().any(|expectation| expectation.id == id),
        Some(("guidelines", number)) => {
            number.parse().is_ok_and(|number: usize| (1..=brief.guidelines.len()).contains(&number))
        }
        Some(_) => false,
    };
    if !is_there {
        let what = format!("`{}` is no part of this case", shown(field));
        let fix = "cite `goal`, `persona`, `opening`, `facts.ID`, `guidelines.N` (from 1) or `expectations.ID`";
        faults.push(Fault::new(line, what, fix));
    }
}
