//! Where somebody lives, in the user's own words. What an agent says of a shop's address is public.

use std::sync::LazyLock;

use regex::Regex;

use super::Found;
use crate::mask::Form;
use crate::mask::invented::is_invented;

static STREETS: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    [
        r"(?-u:\b)\d{1,5}[A-Za-z]?\s+(?:[NSEW]\.?\s+)?(?:[A-Z][\w'-]+\s+){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Parkway|Pkwy|Highway|Hwy|Crescent|Close|Circle)(?-u:\b)(?:,?\s+(?:Suite|Apt|Apartment|Unit|#)\.?\s*\w{1,6})?",
        r"(?-u:\b)[A-ZÄÖÜ][a-zäöüß]+(?:straße|strasse|str\.|weg|platz|gasse|allee)\s+\d{1,4}[a-z]?",
        r"[\p{Han}--[区市县省镇乡在住到是]]{1,6}(?:路|街|胡同|巷|弄)\d{1,5}(?:号|弄)(?:\d{1,4}(?:室|号楼|单元))?",
    ]
    .map(|form| Regex::new(form).expect("a pattern of our own"))
});

static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    let code = r"(?P<code>(?-i:\d{5}(?:-\d{4})?|\d{6})|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})(?-u:\b)";
    let named = r"(?i)(?:zip(?:\s?code)?|post(?:al)?\s?code|邮编)(?:\s+is|\s+of|是|为)?[\s:：*]{0,3}";
    Regex::new(&format!("{named}{code}")).expect("a pattern of our own")
});

pub(super) fn find(text: &str) -> Vec<Found> {
    let streets = STREETS.iter().flat_map(|street| street.find_iter(text));
    let streets = streets.filter(|street| !street.as_str().split_whitespace().any(is_invented));
    let mut found: Vec<Found> = streets.map(|street| Found { form: Form::Address, range: street.range() }).collect();
    let codes = POSTCODE.captures_iter(text).filter_map(|code| Some(code.name("code")?.range()));
    found.extend(codes.map(|range| Found { form: Form::Postcode, range }));
    found
}
