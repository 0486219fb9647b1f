//! The check digits by which a number is known to be one of its kind.

/// Luhn's check of payment cards (ISO/IEC 7812-1, annex B).
pub(super) fn passes_luhn(digits: &str) -> bool {
    luhn_sum(digits, false) == 0
}

/// The digit that makes the number pass.
pub(super) fn luhn_digit(digits: &str) -> char {
    digit((10 - luhn_sum(digits, true)) % 10)
}

fn luhn_sum(digits: &str, doubles_last: bool) -> u32 {
    let value = |(n, b): (usize, u8)| {
        let value = u32::from(b - b'0');
        let doubled = if (n % 2 == 1) == doubles_last { value } else { value * 2 };
        if doubled > 9 { doubled - 9 } else { doubled }
    };
    digits.bytes().rev().enumerate().map(value).sum::<u32>() % 10
}

/// The remainder by 97 of an IBAN with its first four signs last (ISO 13616); 1 where it is valid.
pub(super) fn iban_remainder(iban: &str) -> u32 {
    let (head, rest) = iban.split_at(4.min(iban.len()));
    rest.chars().chain(head.chars()).fold(0, |remainder, c| match c.to_digit(36) {
        Some(value) if value > 9 => (remainder * 100 + value) % 97,
        Some(value) => (remainder * 10 + value) % 97,
        None => remainder,
    })
}

/// The two check digits of an IBAN whose own are not known.
pub(super) fn iban_check(country: &str, account: &str) -> String {
    format!("{:02}", 98 - iban_remainder(&format!("{country}00{account}")))
}

/// The last sign of a Chinese resident's number of 17 digits (GB 11643, ISO 7064 MOD 11-2).
pub(super) fn resident_check(digits: &str) -> char {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.bytes().zip(WEIGHTS).map(|(b, weight)| u32::from(b - b'0') * weight).sum();
    char::from(b"10x98765432"[(sum % 11) as usize])
}

/// The letter of a Spanish identity number.
pub(super) fn spanish_letter(digits: &str) -> char {
    let number: u32 = digits.parse().unwrap_or_default();
    char::from(b"trwagmyfpdxbnjzsqvhlcke"[(number % 23) as usize])
}

/// The two check digits of a Brazilian CPF of nine digits.
pub(super) fn cpf_check(digits: &str) -> String {
    let check = |digits: &str| {
        let weighted = digits.bytes().rev().zip(2..).map(|(b, weight)| u32::from(b - b'0') * weight);
        let rest = weighted.sum::<u32>() % 11;
        digit(if rest < 2 { 0 } else { 11 - rest })
    };
    let first = check(digits);
    let second = check(&format!("{digits}{first}"));
    format!("{first}{second}")
}

fn digit(value: u32) -> char {
    char::from(b'0' + (value % 10) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_numbers_pass_their_checks() {
        assert!(passes_luhn("4111111111111111") && passes_luhn("378282246310005") && !passes_luhn("4111111111111112"));
        assert_eq!(luhn_digit("411111111111111"), '1');
        assert_eq!(iban_remainder("GB82WEST12345698765432"), 1);
        assert_eq!(iban_remainder("DE89370400440532013000"), 1);
        assert_eq!(iban_check("DE", "370400440532013000"), "89");
        assert_eq!(resident_check("11010519491231002"), 'x');
        assert_eq!(spanish_letter("12345678"), 'z');
        assert_eq!(cpf_check("529982247"), "25");
    }
}
