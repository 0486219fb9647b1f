//! The ids of cases, facts and expectations: given ones are unique, missing ones are made.

use std::collections::HashMap;

use super::tree::{Fault, shown};
use crate::slug::slug;

/// How much of a goal goes into the id of its case.
const GOAL_WORDS_MAX: usize = 6;

/// Something with an id, which is empty where the file gives none.
pub(super) struct Named<'a> {
    pub(super) id: &'a mut String,
    /// The id that it gets where it has none, if nothing else has it.
    pub(super) made: String,
    pub(super) line: u64,
}

/// Gives every thing its id. Given ids go first, so that adding a thing without one changes no other.
pub(super) fn settle(what: &str, things: Vec<Named<'_>>, faults: &mut Vec<Fault>) {
    let mut lines: HashMap<String, u64> = HashMap::new();
    let (given, unnamed): (Vec<_>, Vec<_>) = things.into_iter().partition(|thing| !thing.id.is_empty());
    for thing in given {
        match lines.get(thing.id) {
            Some(first) => {
                let what = format!("the {what} id `{}` is taken, first at line {first}", shown(thing.id));
                faults.push(Fault::new(thing.line, what, "give each its own id"));
            }
            None => {
                lines.insert(thing.id.clone(), thing.line);
            }
        }
    }
    let mut last_tried: HashMap<String, u64> = HashMap::new();
    for thing in unnamed {
        let id = free_id(&thing.made, &lines, &mut last_tried);
        lines.insert(id.clone(), thing.line);
        *thing.id = id;
    }
}

/// `made`, or `made-2`, `made-3`, … `last_tried` keeps a thousand equal goals from being counted anew each.
fn free_id(made: &str, taken: &HashMap<String, u64>, last_tried: &mut HashMap<String, u64>) -> String {
    if !taken.contains_key(made) {
        return made.to_owned();
    }
    let number = last_tried.entry(made.to_owned()).or_insert(1);
    loop {
        *number += 1;
        let id = format!("{made}-{number}");
        if !taken.contains_key(&id) {
            return id;
        }
    }
}

/// An id from the first words of a goal.
pub(super) fn from_goal(goal: &str) -> String {
    slug(goal, GOAL_WORDS_MAX).unwrap_or_else(|| "case".to_owned())
}
