//! Which language a user writes in: by script, or by the words of its grammar.

use crate::text;

/// Fewer words of grammar than this tell nothing.
const WORDS_MIN: usize = 2;

/// The name of the language that most of the texts' words of grammar belong to; `None` where too few tell.
pub(super) fn language(texts: &[&str]) -> Option<&'static str> {
    script(texts).or_else(|| {
        let count = |known: &[&str]| {
            let words = texts.iter().flat_map(|text| text::words(text)).map(str::to_lowercase);
            words.filter(|word| known.contains(&word.as_str())).count()
        };
        let counted = GRAMMAR.iter().map(|(language, words)| (count(words), *language));
        let best = counted.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.filter(|(count, _)| *count >= WORDS_MIN).map(|(_, language)| language)
    })
}

/// The language of a script that only one language, or one by far, is written in.
fn script(texts: &[&str]) -> Option<&'static str> {
    let letters: Vec<char> = texts.iter().flat_map(|text| text.chars()).filter(|c| c.is_alphabetic()).collect();
    let is_mostly = |is: fn(char) -> bool| 2 * letters.iter().filter(|c| is(**c)).count() > letters.len();
    let has = |is: fn(char) -> bool| letters.iter().any(|c| is(*c));
    match () {
        () if letters.is_empty() => None,
        () if is_mostly(|c| matches!(c, '\u{ac00}'..='\u{d7af}')) => Some("Korean"),
        () if is_mostly(text::is_cjk) && has(|c| matches!(c, '\u{3040}'..='\u{30ff}')) => Some("Japanese"),
        () if is_mostly(text::is_cjk) => Some("Chinese"),
        () if is_mostly(|c| matches!(c, '\u{0400}'..='\u{04ff}')) => Some("Russian"),
        () if is_mostly(|c| matches!(c, '\u{0600}'..='\u{06ff}')) => Some("Arabic"),
        () if is_mostly(|c| matches!(c, '\u{0900}'..='\u{097f}')) => Some("Hindi"),
        () => None,
    }
}

/// Frequent words of grammar, as far as possible of one language alone.
#[rustfmt::skip]
const GRAMMAR: [(&str, &[&str]); 7] = [
    ("English", &["the", "is", "are", "and", "of", "to", "for", "you", "my", "it", "that", "please", "can", "have", "with", "what", "need", "want", "i'm", "how"]),
    ("German", &["ich", "der", "das", "und", "ist", "nicht", "ein", "eine", "bitte", "mit", "für", "auf", "zum", "wann", "mein", "meine", "wie", "kann"]),
    ("French", &["je", "le", "les", "et", "est", "pas", "une", "des", "vous", "pour", "avec", "mon", "ma", "quel", "dans", "voudrais", "svp"]),
    ("Spanish", &["el", "los", "una", "por", "para", "con", "quiero", "mi", "cuál", "necesito", "qué", "gracias", "hola", "es", "y", "está"]),
    ("Italian", &["il", "che", "di", "vorrei", "sono", "non", "una", "per", "con", "della", "mio", "quando", "grazie", "posso", "ho"]),
    ("Portuguese", &["eu", "os", "uma", "não", "para", "com", "meu", "minha", "quero", "preciso", "você", "obrigado", "qual", "é"]),
    ("Dutch", &["ik", "het", "een", "niet", "en", "van", "voor", "mijn", "wil", "graag", "naar", "kan", "dank", "wat"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_by_its_grammar_and_not_by_names() {
        assert_eq!(language(&["I need a table for two", "at Nando's"]), Some("English"));
        assert_eq!(language(&["Ich brauche ein Taxi", "um 17:15 Uhr bitte"]), Some("German"));
        assert_eq!(language(&["Quiero una mesa para dos"]), Some("Spanish"));
        assert_eq!(language(&["我想订酒店"]), Some("Chinese"));
        assert_eq!(language(&["W4711"]), None);
    }
}
