//! Ids that a person can read and type: the first words of a text, in lower case, joined by hyphens.

/// An id is a name, not a sentence.
const CHARS_MAX: usize = 48;

/// An id from the first words of a text, letters and digits of any script; `None` where it has none.
pub(crate) fn slug(text: &str, words_max: usize) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.take(words_max).collect::<Vec<_>>().join("-").to_lowercase();
    let slug: String = joined.chars().take(CHARS_MAX).collect();
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// The id itself, or with `-2`, `-3`, … behind it where it is taken.
pub(crate) fn unique(id: String, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(&id) {
        return id;
    }
    let mut numbered = (2..).map(|n: u64| format!("{id}-{n}"));
    numbered.find(|candidate| !is_taken(candidate)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_readable_and_unique() {
        assert_eq!(slug("It's Closed, on Saturdays!", 3).as_deref(), Some("it-s-closed"));
        assert_eq!(slug("朝阳区。", 3).as_deref(), Some("朝阳区"));
        assert_eq!(slug("?!", 3), None);
        let taken = ["closed", "closed-2"];
        assert_eq!(unique("closed".to_owned(), |id| taken.contains(&id)), "closed-3");
    }
}
