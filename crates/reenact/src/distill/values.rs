//! values
/// values
pub fn values(text: &str) -> Vec<&str> {
    crate::text::words(text)
        .enumerate()
        .filter(|(i, w)| {
            w.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | '_' | '#')) && w.len() > 2
                || (*i > 0 && w.starts_with(char::is_uppercase) && w.len() > 2)
        })
        .map(|(_, w)| w)
        .collect()
}
