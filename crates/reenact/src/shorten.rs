//! Somebody else's text, quoted in a line of our own.

/// Enough to recognise a message or a stack trace's last line; more would hide our own words.
const QUOTE_CHARS_MAX: usize = 300;

/// The text in one line, cut at a length that a reader can take in; what was cut is marked with its size.
pub(crate) fn shorten(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(QUOTE_CHARS_MAX) {
        None => line,
        Some((cut, _)) => format!("{}… ({} bytes more)", &line[..cut], line.len() - cut),
    }
}

/// Line breaks and runs of blanks become one blank; control characters, which could drive a terminal, go.
fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_says_how_much_is_missing() {
        let shortened = shorten(&"é".repeat(QUOTE_CHARS_MAX + 10));
        assert!(shortened.ends_with("é… (20 bytes more)"), "{shortened}");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(shorten("a\u{1b}[31m\nb"), "a [31m b");
    }
}
