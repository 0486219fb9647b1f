//! The parts of a case that a distillation makes, by the names that evidence gives them, and a mark for each that tells
//! whether somebody edited it since.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Evidence, TestCase};

/// So many digits of a hash: enough to tell an edit, short enough for a line of marks.
const MARK_DIGITS: usize = 8;

/// The parts that a case has, in the order of the case.
pub(crate) fn parts(case: &TestCase) -> Vec<(String, Value)> {
    let brief = &case.brief;
    let mut parts = vec![("goal".to_owned(), json!(brief.goal))];
    parts.extend(brief.persona.as_ref().map(|persona| ("persona".to_owned(), json!(persona))));
    parts.extend((!brief.guidelines.is_empty()).then(|| ("guidelines".to_owned(), json!(brief.guidelines))));
    parts.extend(brief.opening.as_ref().map(|opening| ("opening".to_owned(), json!(opening))));
    parts.extend(brief.patience.map(|patience| ("patience".to_owned(), json!(patience))));
    parts.extend(brief.facts.iter().map(|fact| (format!("facts.{}", fact.id), json!([fact.text, fact.gate]))));
    parts.extend(case.expectations.iter().map(|it| (format!("expectations.{}", it.id), json!([it.text, it.check]))));
    parts
}

/// The mark of each part.
pub(crate) fn marks(case: &TestCase) -> BTreeMap<String, String> {
    parts(case).into_iter().map(|(name, value)| (name, mark(&value))).collect()
}

pub(crate) fn mark(part: &Value) -> String {
    blake3::hash(part.to_string().as_bytes()).to_hex()[..MARK_DIGITS].to_owned()
}

/// Marks the parts of a case as they were distilled.
pub(crate) fn sign(case: &mut TestCase) {
    let marks = marks(case);
    if let Some(origin) = &mut case.origin {
        origin.distilled = marks;
    }
}

/// Whether an entry of evidence is for this part.
pub(crate) fn is_for(evidence: &Evidence, part: &str) -> bool {
    evidence.field == part || part == "guidelines" && evidence.field.starts_with("guidelines.")
}
