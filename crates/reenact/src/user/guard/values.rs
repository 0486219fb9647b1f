//! The values that a text names, in one spelling: "forty-seven eleven", "4 7 1 1" and "#4711" are one, and so are
//! "May 20th" and "2025-05-20".

use std::collections::BTreeSet;

use crate::spelling::normalised;
use crate::text;

/// A value in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) form: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A number of two digits or more, a time, an id, a date: something with digits, or spelled as if.
    Digits,
    /// A day of the week or a month.
    Calendar,
    /// A capitalised word where no sentence begins.
    Name,
}

impl Value {
    /// Whether nobody uses it without meaning this very value.
    pub(super) fn is_checkable(&self) -> bool {
        !FIGURES_OF_SPEECH.contains(&self.form.as_str())
    }
}

/// Numbers that people say without counting.
const FIGURES_OF_SPEECH: [&str; 5] = ["100", "24", "10", "1000", "1000000"];

/// All that a text can be read as: its words, and its numbers and dates in their one spelling, also joined with their neighbours.
#[derive(Debug)]
pub(super) struct Spelled(BTreeSet<String>);

impl Spelled {
    pub(super) fn of(text: &str) -> Self {
        let words = words(text);
        let mut forms: BTreeSet<String> = words.iter().cloned().collect();
        forms.extend(
            words
                .iter()
                .filter_map(|word| CALENDAR.iter().find(|(short, _)| short == word))
                .map(|(_, l)| (*l).to_owned()),
        );
        runs(&words).into_iter().for_each(|run| forms.extend(joined(&run)));
        forms.extend(dates(&words));
        Spelled(forms)
    }

    pub(super) fn has(&self, form: &str) -> bool {
        self.0.contains(form)
    }
}

/// The values that a text names, in the order in which they stand, each once.
pub(super) fn named(text: &str) -> Vec<Value> {
    let words = words(text);
    let dates = dates(&words);
    let mut found: Vec<Value> = Vec::new();
    let mut add = |form: String, kind| {
        if !found.iter().any(|value| value.form == form) {
            found.push(Value { form, kind });
        }
    };
    let in_date =
        |word: &str| dates.iter().any(|date| date[1..].split('-').any(|part| part.trim_start_matches('0') == word));
    for run in runs(&words) {
        let whole = run.concat();
        // A date stands for its numbers; of the rest, one digit alone counts too little to tell.
        if whole.len() > 1 && !run.iter().all(|part| in_date(part)) {
            add(whole, Kind::Digits);
        }
    }
    let has_digit = |word: &&String| word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(char::is_alphabetic);
    words.iter().filter(has_digit).for_each(|word| add(word.clone(), Kind::Digits));
    let months = |word: &String| CALENDAR.iter().find(|(short, long)| short == word || long == word);
    dates.iter().for_each(|date| add(date.clone(), Kind::Digits));
    words.iter().filter_map(months).for_each(|(_, long)| add((*long).to_owned(), Kind::Calendar));
    names(text).into_iter().for_each(|name| add(name, Kind::Name));
    found
}

/// The words in their normal form, numbers that are spelled out as digits.
fn words(text: &str) -> Vec<String> {
    let form = normalised(text);
    let words: Vec<&str> = form.split_whitespace().collect();
    let mut plain = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let (word, taken) = spelled_number(&words[at..]).unwrap_or_else(|| (words[at].to_owned(), 1));
        plain.push(word);
        at += taken;
    }
    plain
}

/// A number that is spelled out at the front of the words, and how many it takes. "one" alone is an article as often as a
/// number, and stays a word.
fn spelled_number(words: &[&str]) -> Option<(String, usize)> {
    let tens = TENS.iter().position(|word| *word == words[0]).map(|at| (at as u32 + 2) * 10);
    let ones = |word: &str| ONES.iter().position(|one| *one == word).map(|at| at as u32);
    let (mut value, mut taken) = match (tens, ones(words[0])) {
        (Some(tens), _) => match words.get(1).and_then(|word| ones(word)).filter(|one| (1..10).contains(one)) {
            Some(one) => (tens + one, 2),
            None => (tens, 1),
        },
        (None, Some(one)) => (one, 1),
        (None, None) => return digit_word(words[0]).map(|digit| (digit.to_owned(), 1)),
    };
    if let Some(times) = words.get(taken).and_then(|word| MAGNITUDES.iter().find(|(name, _)| name == word)) {
        (value, taken) = (value * times.1, taken + 1);
        let rest = &words[taken..];
        let and = usize::from(rest.first() == Some(&"and"));
        let below = rest.get(and..).filter(|rest| !rest.is_empty()).and_then(spelled_number);
        if let Some((more, more_taken)) = below.filter(|(more, _)| more.parse::<u32>().is_ok_and(|more| more < times.1))
        {
            (value, taken) = (value + more.parse::<u32>().unwrap_or(0), taken + and + more_taken);
        }
    }
    Some((value.to_string(), taken))
}

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const MAGNITUDES: [(&str, u32); 2] = [("hundred", 100), ("thousand", 1000)];

/// Digits of other spellings.
fn digit_word(word: &str) -> Option<&'static str> {
    const CHINESE: [(&str, &str); 11] = [
        ("零", "0"),
        ("〇", "0"),
        ("一", "1"),
        ("二", "2"),
        ("三", "3"),
        ("四", "4"),
        ("五", "5"),
        ("六", "6"),
        ("七", "7"),
        ("八", "8"),
        ("九", "9"),
    ];
    CHINESE.iter().find(|(spelled, _)| *spelled == word).map(|(_, digit)| *digit)
}

/// Neighbouring numbers, which may be one that is read out piece by piece.
fn runs(words: &[String]) -> Vec<Vec<String>> {
    let is_number = |word: &String| word.chars().all(|c| c.is_ascii_digit());
    let mut runs: Vec<Vec<String>> = Vec::new();
    let mut goes_on = false;
    for word in words {
        match (is_number(word), goes_on) {
            (true, true) => runs.last_mut().into_iter().for_each(|run| run.push(word.clone())),
            (true, false) => runs.push(vec![word.clone()]),
            (false, _) => {}
        }
        goes_on = is_number(word);
    }
    runs
}

/// All that neighbouring numbers can be read as.
fn joined(run: &[String]) -> Vec<String> {
    let ends = |start: usize| (start + 1..=run.len()).map(move |end| (start, end));
    (0..run.len()).flat_map(ends).map(|(start, end)| run[start..end].concat()).collect()
}

/// The dates of a text as month and day: from a month's name with a day beside it, or from three numbers or two.
fn dates(words: &[String]) -> BTreeSet<String> {
    let month =
        |word: &String| MONTHS.iter().position(|(short, long)| word == short || word == long).map(|at| at as u32 + 1);
    let number = |word: &String| word.parse::<u32>().ok();
    let mut found = BTreeSet::new();
    let mut add = |month: Option<u32>, day: Option<u32>| {
        if let (Some(month @ 1..=12), Some(day @ 1..=31)) = (month, day) {
            found.insert(format!("d{month:02}-{day:02}"));
        }
    };
    for pair in words.windows(2) {
        add(month(&pair[0]), number(&pair[1]));
        add(month(&pair[1]), number(&pair[0]));
    }
    for three in words.windows(3) {
        let [first, second, third] = [&three[0], &three[1], &three[2]];
        match (first.len(), third.len(), second.as_str()) {
            (_, _, "of") => add(month(third), number(first)),
            (4, _, _) => add(number(second), number(third)),
            (_, 4, _) => {
                add(number(second), number(first));
                add(number(first), number(second));
            }
            _ => {}
        }
    }
    found
}

const MONTHS: [(&str, &str); 12] = [
    ("jan", "january"),
    ("feb", "february"),
    ("mar", "march"),
    ("apr", "april"),
    ("may", "may"),
    ("jun", "june"),
    ("jul", "july"),
    ("aug", "august"),
    ("sep", "september"),
    ("oct", "october"),
    ("nov", "november"),
    ("dec", "december"),
];

/// Days and months, short and long. "may", "march", "sun" and "sat" mean other things as often.
const CALENDAR: [(&str, &str); 17] = [
    ("mon", "monday"),
    ("tue", "tuesday"),
    ("wed", "wednesday"),
    ("thu", "thursday"),
    ("fri", "friday"),
    ("saturday", "saturday"),
    ("sunday", "sunday"),
    ("jan", "january"),
    ("feb", "february"),
    ("apr", "april"),
    ("jun", "june"),
    ("jul", "july"),
    ("aug", "august"),
    ("sep", "september"),
    ("oct", "october"),
    ("nov", "november"),
    ("dec", "december"),
];

/// Capitalised words where no sentence begins, each by itself; none in a text of capitals, where no word stands out.
fn names(text: &str) -> Vec<String> {
    let small = text.chars().filter(|c| c.is_lowercase()).count();
    let capital = text.chars().filter(|c| c.is_uppercase()).count();
    if small * 2 < capital {
        return Vec::new();
    }
    let in_sentence = |sentence: &str| {
        let is_name = |word: &&str| {
            let plain = word.to_lowercase();
            let capitals = word.chars().next().is_some_and(char::is_uppercase);
            capitals && word.chars().count() > 2 && !text::is_stop_word(&plain) && !is_calendar(&plain)
        };
        let names = text::words(sentence).skip(1).filter(is_name);
        let pieces = names.flat_map(|word| normalised(word).split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        pieces.filter(|piece| piece.chars().filter(|c| c.is_alphabetic()).count() > 2).collect::<Vec<_>>()
    };
    text::sentences(text).into_iter().flat_map(in_sentence).collect()
}

fn is_calendar(word: &str) -> bool {
    CALENDAR.iter().chain(&MONTHS).any(|(short, long)| *short == word || *long == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str) -> Vec<String> {
        named(text).into_iter().map(|value| value.form).collect()
    }

    #[test]
    fn one_value_has_one_spelling() {
        for (one, others) in [
            ("4711", &["four seven one one", "forty-seven eleven", "4 7 1 1", "47-11", "#4711"][..]),
            ("120", &["a hundred and twenty? no: one hundred and twenty", "120"]),
            ("d05-20", &["May 20th", "the 20th of May", "2025-05-20", "20/05/2025", "5/20/2025"]),
            ("saturday", &["it's Saturday", "on saturdays? no, saturday"]),
            ("t0530", &["5:30 pm", "17:30"]),
            ("w4711", &["W4711", "w4711."]),
        ] {
            for other in others {
                assert!(Spelled::of(other).has(one), "{other} is {one}: {:?}", Spelled::of(other));
            }
        }
    }

    #[test]
    fn words_that_only_look_like_values_are_none() {
        assert_eq!(forms("One more thing: may I have two of them? And then march on."), Vec::<String>::new());
        assert_eq!(forms("HOW ARE THE MARKETS DOING"), Vec::<String>::new());
        assert_eq!(forms("I live at 7 Elm Street, Leeds"), ["elm", "street", "leeds"]);
        assert_eq!(forms("order W-2041 on May 20th"), ["2041", "d05-20"]);
    }
}
