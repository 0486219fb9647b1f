//! Ids that a person can read: lower case, with hyphens, each once.

/// An id made from words; `fallback` where they have nothing to make one from.
pub(crate) fn slug(words: &str, fallback: &str) -> String {
    let lower = words.to_lowercase();
    let parts = lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    let id = parts.take(WORDS_MAX).collect::<Vec<_>>().join("-");
    if id.is_empty() { fallback.to_owned() } else { id }
}

/// An id that is not yet taken: the id itself, or with `-2`, `-3`, … behind it.
pub(crate) fn unique(id: String, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(&id) {
        return id;
    }
    let numbered = (2..).map(|n: u64| format!("{id}-{n}"));
    numbered.into_iter().find(|candidate| !is_taken(candidate)).expect("some number is free")
}

/// An id is a name to be typed, not a sentence.
const WORDS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_readable_and_unique() {
        assert_eq!(slug("It's Closed, on Saturdays!", "x"), "it-s-closed-on-saturdays");
        assert_eq!(slug("?!", "fact"), "fact");
        let taken = ["closed", "closed-2"];
        assert_eq!(unique("closed".to_owned(), |id| taken.contains(&id)), "closed-3");
    }
}
