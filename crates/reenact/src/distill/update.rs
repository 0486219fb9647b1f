//! Sessions distilled again for a suite that somebody has edited: cases and parts are added, and what a person wrote stays.
//!
//! Each distilled case carries a mark of each of its parts ([`crate::Origin::distilled`]). A part that no longer has its
//! mark was edited, one whose mark has no part was taken out, and one without a mark is somebody's own. All of these stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::parts::{self, is_for, mark, parts};
use crate::{Evidence, Fact, Gate, Skipped, Suite, TestCase, slug};

use super::curation::recorded_id;
use super::marked;

/// A suite with what a new distillation gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Updated {
    /// The suite: its cases in their order, and the new ones behind them.
    pub suite: Suite,
    /// What became of it.
    pub changes: Changes,
}

/// What a new distillation did to a suite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// The ids of the cases that are new.
    pub added: Vec<String>,
    /// The parts of other cases that are new, or that nobody had edited and are distilled otherwise now; each as `CASE: PART`.
    pub changed: Vec<String>,
    /// What was distilled otherwise and was left alone, with the reason.
    pub left: Vec<Skipped>,
}

/// Adds what was distilled to a suite. A case is known by its session.
///
/// ```
/// use reenact::distill::{Distiller, distill, update::update};
/// use reenact::{Message, Session, Suite};
///
/// # futures::executor::block_on(async {
/// let session = || Ok(Session::new("s-1", [Message::user("I need a taxi to the station")].into_iter().collect()));
/// let mut suite = Suite { name: None, cases: distill([session()], Distiller::Offline).await?.cases };
/// suite.cases[0].brief.goal = "get a taxi".into();
///
/// let again = distill([session()], Distiller::Offline).await?;
/// let updated = update(suite, again.cases);
/// assert_eq!(updated.suite.cases[0].brief.goal, "get a taxi");
/// assert_eq!(updated.changes.left[0].to_string(), "case taxi-station: goal was edited");
/// # Ok::<_, reenact::Error>(()) }).unwrap();
/// ```
#[must_use]
pub fn update(mut suite: Suite, distilled: Vec<TestCase>) -> Updated {
    let mut changes = Changes::default();
    for (session, cases) in by_session(distilled) {
        let mut known: Vec<&mut TestCase> = suite
            .cases
            .iter_mut()
            .filter(|case| session.is_some() && recorded(of(case)) == recorded(session.as_deref()))
            .collect();
        if known.is_empty() {
            add(&mut suite, cases, &mut changes);
        } else if let Some(other) = known.iter().find_map(|case| of(case).filter(|id| Some(*id) != session.as_deref()))
        {
            // Its surrogates are others, and would stand beside those of the suite.
            let reason = format!("the suite has it as {other}, masked otherwise");
            changes.left.push(Skipped { what: format!("session {}", session.unwrap_or_default()), reason });
        } else if known.len() == cases.len() {
            known.sort_by_key(|case| first_turn(case));
            known.into_iter().zip(cases).for_each(|(case, new)| merge(case, new, &mut changes));
        } else {
            let reason = format!("the suite has {} cases of it and it gives {} now", known.len(), cases.len());
            changes.left.push(Skipped { what: format!("session {}", session.unwrap_or_default()), reason });
        }
    }
    Updated { suite, changes }
}

fn of(case: &TestCase) -> Option<&str> {
    case.origin.as_ref().map(|origin| origin.session.as_str())
}

fn recorded(session: Option<&str>) -> Option<&str> {
    session.map(recorded_id)
}

/// The cases of each session, in the order of the sessions; those of one session in the order of the recording.
fn by_session(cases: Vec<TestCase>) -> Vec<(Option<String>, Vec<TestCase>)> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut found: Vec<(Option<String>, Vec<TestCase>)> = Vec::new();
    for case in cases {
        let session = of(&case).map(str::to_owned);
        let place = session.as_ref().map_or(found.len(), |id| *places.entry(id.clone()).or_insert(found.len()));
        if place == found.len() {
            found.push((session, Vec::new()));
        }
        found[place].1.push(case);
    }
    found
}

/// The turn with which a case begins.
fn first_turn(case: &TestCase) -> Option<u32> {
    let evidence = case.origin.iter().flat_map(|origin| &origin.evidence);
    evidence.filter(|evidence| evidence.field == "goal").map(|evidence| evidence.turn).min()
}

fn add(suite: &mut Suite, cases: Vec<TestCase>, changes: &mut Changes) {
    let mut ids: BTreeSet<String> = suite.cases.iter().map(|case| case.id.clone()).collect();
    for mut case in cases {
        if ids.contains(&case.id) {
            let id = marked(&case);
            case.id = slug::unique(id, |id| ids.contains(id));
        }
        ids.insert(case.id.clone());
        changes.added.push(case.id.clone());
        suite.cases.push(case);
    }
}

/// What is to be done with a part.
enum Verdict {
    /// It is the same, or nothing new is known of it.
    Keep,
    Take,
    Leave(&'static str),
}

fn merge(case: &mut TestCase, new: TestCase, changes: &mut Changes) {
    let now: BTreeMap<String, String> = parts(case).into_iter().map(|(name, value)| (name, mark(&value))).collect();
    let mut marks = case.origin.as_ref().map(|origin| origin.distilled.clone()).unwrap_or_default();
    let mut behind = None;
    for (part, value) in parts(&new) {
        let mark = mark(&value);
        match verdict(now.get(&part), marks.get(&part), &mark) {
            Verdict::Take if waits_in_vain(case, &new, &part) => {
                leave(changes, case, &part, "waits for what the case has not");
            }
            Verdict::Take => {
                changes.changed.push(format!("{}: {part}", case.id));
                take(case, &new, &part, behind.as_deref());
                marks.insert(part.clone(), mark);
            }
            // Where nothing marked it before, it is marked from now on.
            Verdict::Keep => drop(marks.insert(part.clone(), mark)),
            Verdict::Leave(why) => leave(changes, case, &part, why),
        }
        behind = Some(part);
    }
    let given: BTreeSet<String> = parts(&new).into_iter().map(|(part, _)| part).collect();
    for (part, mark) in now.iter().filter(|(part, _)| !given.contains(*part)) {
        if marks.get(part) == Some(mark) {
            leave(changes, case, part, "is not distilled any more");
        }
    }
    let is_as_distilled = parts::marks(case) == parts::marks(&new);
    let (Some(origin), Some(new)) = (&mut case.origin, new.origin) else { return };
    // What a back-test found of the case as it is distilled now is true of it where nobody edited it.
    if is_as_distilled {
        origin.back_test.clone_from(&new.back_test);
    }
    origin.distilled = marks;
    origin.alike = origin.alike.max(new.alike);
}

fn verdict(now: Option<&String>, distilled: Option<&String>, new: &String) -> Verdict {
    match (now, distilled) {
        (Some(now), _) if now == new => Verdict::Keep,
        (Some(now), Some(distilled)) if now == distilled => Verdict::Take,
        (Some(_), _) => Verdict::Leave("was edited"),
        (None, Some(_)) => Verdict::Leave("was taken out"),
        (None, None) => Verdict::Take,
    }
}

fn leave(changes: &mut Changes, case: &TestCase, part: &str, why: &str) {
    changes.left.push(Skipped { what: format!("case {}", case.id), reason: format!("{part} {why}") });
}

/// Whether a fact waits for one that the case does not have, or that comes behind it.
fn waits_in_vain(case: &TestCase, new: &TestCase, part: &str) -> bool {
    let fact = new.brief.facts.iter().find(|fact| format!("facts.{}", fact.id) == part);
    let Some(Fact { gate: Gate::After(first), .. }) = fact else { return false };
    !case.brief.facts.iter().any(|fact| fact.id == *first)
}

/// Takes a part over, with its evidence; a new fact or expectation stands behind the one that it stands behind in the distillation.
fn take(case: &mut TestCase, new: &TestCase, part: &str, behind: Option<&str>) {
    let (brief, taken) = (&mut case.brief, &new.brief);
    match part.split_once('.') {
        Some(("facts", id)) => put(&mut brief.facts, &taken.facts, id, behind, |fact| &fact.id),
        Some(("expectations", id)) => put(&mut case.expectations, &new.expectations, id, behind, |it| &it.id),
        _ => match part {
            "goal" => brief.goal.clone_from(&taken.goal),
            "persona" => brief.persona.clone_from(&taken.persona),
            "guidelines" => brief.guidelines.clone_from(&taken.guidelines),
            "opening" => brief.opening.clone_from(&taken.opening),
            "patience" => brief.patience = taken.patience,
            _ => {}
        },
    }
    let (Some(origin), Some(new)) = (&mut case.origin, &new.origin) else { return };
    let at = origin.evidence.iter().position(|evidence| is_for(evidence, part));
    origin.evidence.retain(|evidence| !is_for(evidence, part));
    if let Some(("expectations", id)) = part.split_once('.') {
        origin.not_failed.retain(|other| other != id);
        origin.not_failed.extend(new.not_failed.iter().filter(|other| *other == id).cloned());
    }
    let shown: Vec<Evidence> = new.evidence.iter().filter(|evidence| is_for(evidence, part)).cloned().collect();
    let at = at.unwrap_or(origin.evidence.len()).min(origin.evidence.len());
    origin.evidence.splice(at..at, shown);
}

fn put<T: Clone>(items: &mut Vec<T>, new: &[T], id: &str, behind: Option<&str>, id_of: impl Fn(&T) -> &String) {
    let Some(item) = new.iter().find(|item| id_of(item) == id) else { return };
    if let Some(known) = items.iter_mut().find(|known| id_of(known) == id) {
        known.clone_from(item);
        return;
    }
    let before = behind.and_then(|part| part.split_once('.')).map(|(_, id)| id);
    let at = items.iter().position(|known| Some(id_of(known).as_str()) == before).map_or(items.len(), |at| at + 1);
    items.insert(at, item.clone());
}
