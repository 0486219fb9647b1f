//! What one part of a case says of another: gates that wait for facts, evidence for parts.

use std::collections::HashMap;

use super::keys::KEY_LENGTH_MAX;
use super::tree::{Fault, shown};
use super::{Fact, Gate, TestCase};

/// How many ids a fix lists, and how many facts it looks through for the one that was meant.
const LISTED_MAX: usize = 8;
const SEARCHED_MAX: usize = 100;

/// Every `after` waits for a fact that there is, and none waits for itself in the end.
pub(super) fn check_gates(facts: &[Fact], lines: &[u64], faults: &mut Vec<Fault>) {
    let mut indices: HashMap<&str, usize> = HashMap::new();
    for (index, fact) in facts.iter().enumerate() {
        indices.entry(&fact.id).or_insert(index);
    }
    let mut next = vec![None; facts.len()];
    for (index, fact) in facts.iter().enumerate() {
        // An empty id was told already.
        let Gate::After(id) = &fact.gate else { continue };
        next[index] = indices.get(id.as_str()).copied();
        if next[index].is_none() && !id.is_empty() {
            let what = format!("no fact has the id `{}`", shown(id));
            faults.push(Fault::new(lines[index], what, nearest_or_all(facts, id)));
        }
    }
    for cycle in cycles(&next) {
        let what = format!("these facts wait for each other: {}", chain(facts, &cycle));
        let fix = "give one of them another gate, so that it can be said first";
        faults.push(Fault::new(lines[cycle[0]], what, fix));
    }
}

fn nearest_or_all(facts: &[Fact], wanted: &str) -> String {
    let searched = facts.iter().take(SEARCHED_MAX).map(|fact| fact.id.as_str());
    let alike = searched.filter(|id| id.len().max(wanted.len()) <= KEY_LENGTH_MAX);
    let distances =
        alike.map(|id| (strsim::damerau_levenshtein(id, wanted), id)).filter(|(distance, _)| *distance <= 2);
    distances.min().map_or_else(
        || {
            let ids = facts.iter().take(LISTED_MAX).map(|fact| format!("`{}`", shown(&fact.id)));
            format!("the facts of this case are {}{}", ids.collect::<Vec<_>>().join(", "), dots(facts.len()))
        },
        |(_, id)| format!("did you mean `{}`?", shown(id)),
    )
}

fn chain(facts: &[Fact], cycle: &[usize]) -> String {
    let ids = cycle.iter().take(LISTED_MAX).map(|index| format!("`{}`", shown(&facts[*index].id)));
    let ids = ids.collect::<Vec<_>>();
    let end = if cycle.len() > LISTED_MAX { "…" } else { ids[0].as_str() };
    format!("{} after {end}", ids.join(" after "))
}

fn dots(count: usize) -> &'static str {
    if count > LISTED_MAX { ", …" } else { "" }
}

/// The cycles of a graph in which each node leads to at most one other, each from its first node on.
fn cycles(next: &[Option<usize>]) -> Vec<Vec<usize>> {
    let mut walk_of: Vec<Option<usize>> = vec![None; next.len()];
    let mut cycles = Vec::new();
    for start in 0..next.len() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(node) = at.filter(|node| walk_of[*node].is_none()) {
            walk_of[node] = Some(start);
            path.push(node);
            at = next[node];
        }
        if let Some(entry) = at.filter(|node| walk_of[*node] == Some(start)) {
            let mut cycle: Vec<usize> = path.into_iter().skip_while(|node| *node != entry).collect();
            let first = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(place, _)| place);
            cycle.rotate_left(first);
            cycles.push(cycle);
        }
    }
    cycles
}

/// How the user of a recording can have left.
pub(crate) const ENDINGS: [&str; 4] = ["satisfied", "gave_up", "asked_for_person", "cut_off"];

/// The part that an evidence entry cites is there.
pub(super) fn check_field(field: &str, case: &TestCase, line: u64, faults: &mut Vec<Fault>) {
    let brief = &case.brief;
    let is_there = match field.split_once('.') {
        None => match field {
            "goal" | "remark" | "" => true,
            "persona" => brief.persona.is_some(),
            "opening" => brief.opening.is_some(),
            "patience" => brief.patience.is_some(),
            _ => false,
        },
        Some(("facts", id)) => brief.facts.iter().any(|fact| fact.id == id),
        Some(("expectations", id)) => case.expectations.iter().any(|expectation| expectation.id == id),
        Some(("guidelines", number)) => {
            number.parse().is_ok_and(|number: usize| (1..=brief.guidelines.len()).contains(&number))
        }
        Some(("ending", kind)) => ENDINGS.contains(&kind),
        Some(_) => false,
    };
    if !is_there {
        let what = format!("`{}` is no part of this case", shown(field));
        let fix = "cite `goal`, `persona`, `opening`, `patience`, `facts.ID`, `guidelines.N` (from 1), `expectations.ID`, `remark` or `ending.KIND`";
        faults.push(Fault::new(line, what, fix));
    }
}
