//! Names that somebody may have meant.

/// Below this likeness two names have little in common; found by trying misspelt ids.
const LIKENESS_MIN: f64 = 0.8;

/// The known names most like a name, the likest first.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let likeness = |known: &str| if known.contains(name) { 1.0 } else { strsim::jaro_winkler(known, name) };
    let mut near: Vec<(f64, &str)> = known.map(|known| (likeness(known), known)).collect();
    near.retain(|(likeness, _)| !name.is_empty() && *likeness >= LIKENESS_MIN);
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(most).map(|(_, known)| known).collect()
}

/// `a`, `b` or `c`.
pub(crate) fn either(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
