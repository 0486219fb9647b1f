//! Numbers that prove themselves: cards, accounts and the identity numbers of states, each by its form and its check.

use std::sync::LazyLock;

use regex::Regex;

use super::{Found, stands_alone};
use crate::mask::Form;
use crate::mask::checksum::{cpf_check, iban_remainder, passes_luhn, resident_check, spanish_letter};
use crate::mask::pieces::canonical;
use crate::mask::surrogate::{is_test_card, is_test_iban};

/// One kind of number: how it is written, and whether a canonical spelling is one that somebody has.
struct Kind {
    form: Form,
    pattern: Regex,
    is_somebodys: fn(&str) -> bool,
}

static KINDS: LazyLock<[Kind; 9]> = LazyLock::new(|| {
    [
        (Form::Card, r"[2-6]\d{3}(?:[ -]?\d{2,6}){2,4}", is_card as fn(&str) -> bool),
        (Form::Iban, r"(?i)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?", is_iban),
        (Form::SocialSecurity, r"\d{3}-\d{2}-\d{4}", |number| !number.starts_with("000") && !number.starts_with("666")),
        (Form::Insurance, r"[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]", |_| true),
        (Form::Resident, r"[1-8]\d{5}(?:19|20)\d{9}[\dXx]", is_resident),
        (Form::Cpf, r"\d{3}\.\d{3}\.\d{3}-\d{2}", |number| number.ends_with(&cpf_check(&number[..9]))),
        (Form::SpanishPerson, r"\d{8}-?[A-Z]", |number| number.ends_with(spanish_letter(&number[..8]))),
        (Form::SpanishForeigner, r"[XYZ]-?\d{7}-?[A-Z]", is_spanish_foreigner),
        (Form::NationalId, r"[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]", |_| true),
    ]
    .map(|(form, pattern, is_somebodys)| Kind {
        form,
        pattern: Regex::new(pattern).expect("a pattern of our own"),
        is_somebodys,
    })
});

/// The fewest digits that any of these numbers has; most texts have none at all.
const DIGITS_MIN: usize = 5;

pub(super) fn find(text: &str) -> Vec<Found> {
    if text.bytes().filter(u8::is_ascii_digit).count() < DIGITS_MIN {
        return Vec::new();
    }
    let of_kind = |kind: &'static Kind| {
        let numbers = kind
            .pattern
            .find_iter(text)
            .filter(|number| stands_alone(text, &number.range()) && (kind.is_somebodys)(&canonical(number.as_str())));
        numbers.map(|number| Found { form: kind.form, range: number.range() })
    };
    KINDS.iter().flat_map(of_kind).collect()
}

fn is_card(number: &str) -> bool {
    (13..=19).contains(&number.len()) && passes_luhn(number) && !is_test_card(number)
}

fn is_iban(canonical: &str) -> bool {
    (15..=34).contains(&canonical.len()) && iban_remainder(canonical) == 1 && !is_test_iban(canonical)
}

fn is_resident(canonical: &str) -> bool {
    canonical.ends_with(resident_check(&canonical[..17]))
}

fn is_spanish_foreigner(canonical: &str) -> bool {
    let leading = match canonical.as_bytes()[0] {
        b'x' => "0",
        b'y' => "1",
        _ => "2",
    };
    canonical.ends_with(spanish_letter(&format!("{leading}{}", &canonical[1..8])))
}
