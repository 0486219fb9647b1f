//! Names that nobody has: made of syllables that no list of names knows, so that a surrogate is known again as one and
//! points at no real person.

use super::chance::Chance;
use crate::text::is_cjk;

const BEGINNINGS: [&str; 24] = [
    "zel", "vor", "quin", "brax", "tyr", "jeth", "wex", "drov", "glim", "hax", "lorv", "mirv", "nex", "pryl", "rusk",
    "tholl", "ulv", "vash", "wyl", "zim", "crev", "dax", "fyr", "grev",
];
const MIDDLES: [&str; 12] = ["a", "e", "i", "o", "u", "ado", "evi", "ira", "onu", "uma", "olu", "aze"];
const ENDS: [&str; 16] = [
    "dax", "mirn", "vex", "lund", "rik", "thor", "wenn", "nok", "selk", "bryn", "kesh", "tov", "gard", "plin", "zov",
    "hest",
];

const BEGINNINGS_CYRILLIC: [&str; 12] =
    ["зел", "вор", "квин", "тыр", "джет", "дров", "глим", "лорв", "мирв", "прыл", "руск", "жим"];
const ENDS_CYRILLIC: [&str; 12] =
    ["авекс", "олунд", "ирик", "утор", "авенн", "енок", "ибрын", "океш", "атов", "угард", "иплин", "озов"];

/// Weather for a family, and the signs by which the hours were counted for the person.
const FAMILIES_HAN: [char; 8] = ['霜', '雾', '霞', '雹', '虹', '岚', '霄', '霖'];
const PERSONS_HAN: [char; 16] =
    ['寅', '卯', '辰', '巳', '午', '未', '申', '酉', '戌', '亥', '甲', '乙', '戊', '己', '庚', '壬'];

/// An invented name of the same script as this one, in lower case; a name in Chinese has as many characters.
pub(super) fn name(like: &str, chance: &mut Chance) -> String {
    match like.chars().next() {
        Some(first) if is_cjk(first) => han(like.chars().count(), chance),
        Some('\u{400}'..='\u{4ff}') => {
            format!("{}{}", chance.one_of(&BEGINNINGS_CYRILLIC), chance.one_of(&ENDS_CYRILLIC))
        }
        _ => format!("{}{}{}", chance.one_of(&BEGINNINGS), chance.one_of(&MIDDLES), chance.one_of(&ENDS)),
    }
}

fn han(length: usize, chance: &mut Chance) -> String {
    let family = *chance.one_of(&FAMILIES_HAN);
    std::iter::once(family).chain((1..length).map(|_| *chance.one_of(&PERSONS_HAN))).collect()
}

/// Whether a word is a name of ours.
pub(super) fn is_invented(word: &str) -> bool {
    let word = word.to_lowercase();
    let latin = BEGINNINGS.iter().filter_map(|beginning| word.strip_prefix(beginning));
    let mut latin = latin.flat_map(|rest| MIDDLES.iter().filter_map(move |middle| rest.strip_prefix(middle)));
    let mut cyrillic = BEGINNINGS_CYRILLIC.iter().filter_map(|beginning| word.strip_prefix(beginning));
    latin.any(|rest| ENDS.contains(&rest))
        || cyrillic.any(|rest| ENDS_CYRILLIC.contains(&rest))
        || is_invented_han(&word)
}

fn is_invented_han(word: &str) -> bool {
    let mut signs = word.chars();
    signs.next().is_some_and(|family| FAMILIES_HAN.contains(&family))
        && !signs.as_str().is_empty()
        && signs.all(|person| PERSONS_HAN.contains(&person))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_name_is_known_again_and_a_real_one_is_not_taken_for_it() {
        for n in 0..500_u32 {
            for like in ["Mei", "Юлия", "王小明"] {
                let name = name(like, &mut Chance::new(&[7; 32], &["name", like], n));
                assert!(is_invented(&name), "{name}");
            }
        }
        for real in ["Mei", "Kovacs", "Victor", "Zelda", "Marina", "Quinn", "Victoria", "Юлия", "王小明", "霞"]
        {
            assert!(!is_invented(real), "{real}");
        }
    }
}
