//! Money: exact, because sums of many small prices must come out the same whatever order they are made in.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Decimal places that are kept: a token of the cheapest model costs some billionths of a dollar.
const PLACES: usize = 12;
const PICOS_IN_A_DOLLAR: u128 = 10_u128.pow(PLACES as u32);

/// More than this nobody pays, and products with it stay far from overflowing.
const DOLLARS_MAX: u128 = 1_000_000_000;

/// US dollars, exact to the trillionth. In JSON and files a decimal number as text, such as `"0.0123"`.
///
/// ```
/// use reenact::Usd;
///
/// let price: Usd = "0.0123".parse().unwrap();
/// assert_eq!((price + price).decimal(), "0.0246");
/// assert_eq!(price.to_string(), "$0.0123");
/// assert!("-1".parse::<Usd>().is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u128);

impl Usd {
    /// Nothing.
    pub const ZERO: Usd = Usd(0);

    /// An amount in trillionths of a dollar.
    #[must_use]
    pub const fn from_picos(picos: u128) -> Usd {
        Usd(picos)
    }

    /// The amount in trillionths of a dollar.
    #[must_use]
    pub const fn picos(self) -> u128 {
        self.0
    }

    /// What is left of it after so much; nothing where that is more.
    #[must_use]
    pub fn less(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }

    /// The exact amount as a decimal number, without a sign: `0.0123`.
    #[must_use]
    pub fn decimal(self) -> String {
        let (dollars, picos) = (self.0 / PICOS_IN_A_DOLLAR, self.0 % PICOS_IN_A_DOLLAR);
        let places = format!("{picos:0PLACES$}");
        match places.trim_end_matches('0') {
            "" => dollars.to_string(),
            places => format!("{dollars}.{places}"),
        }
    }

    /// To so many decimal places, half a unit up.
    fn rounded(self, places: usize) -> String {
        let unit = 10_u128.pow((PLACES - places) as u32);
        let units = (self.0 + unit / 2) / unit;
        let in_a_dollar = 10_u128.pow(places as u32);
        format!("{}.{:0places$}", units / in_a_dollar, units % in_a_dollar)
    }
}

/// For people: cents from a dollar on, below that enough places to see something.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CENT: u128 = PICOS_IN_A_DOLLAR / 100;
        match self.0 {
            0 => f.write_str("$0"),
            PICOS_IN_A_DOLLAR.. => write!(f, "${}", self.rounded(2)),
            CENT.. => write!(f, "${}", self.rounded(4)),
            // Two digits at the most that say something.
            small => {
                let leading_zeros = PLACES - small.to_string().len();
                let rounded = self.rounded((leading_zeros + 2).min(PLACES));
                write!(f, "${}", rounded.trim_end_matches('0'))
            }
        }
    }
}

impl FromStr for Usd {
    type Err = String;

    /// Reads a decimal number, with or without a `$` before it.
    fn from_str(text: &str) -> Result<Usd, String> {
        let wrong = |why: &str| Err(format!("`{text}` is no amount in US dollars: {why}"));
        let number = text.trim();
        let number = number.strip_prefix('$').unwrap_or(number);
        let (dollars, places) = number.split_once('.').unwrap_or((number, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if dollars.len() + places.len() == 0 || !is_digits(dollars) || !is_digits(places) {
            return wrong("expected a number such as 2.50");
        }
        if places.trim_end_matches('0').len() > PLACES {
            return wrong("it has more than 12 decimal places");
        }
        let dollars = if dollars.is_empty() { Ok(0) } else { dollars.parse::<u128>() };
        let Some(dollars) = dollars.ok().filter(|dollars| *dollars <= DOLLARS_MAX) else {
            return wrong("it is more than anybody pays");
        };
        let picos = format!("{:0<PLACES$}", places.trim_end_matches('0'));
        Ok(Usd(dollars * PICOS_IN_A_DOLLAR + picos.parse::<u128>().expect("twelve digits")))
    }
}

impl Add for Usd {
    type Output = Usd;

    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.decimal())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "US dollars, an exact decimal number.",
            "pattern": r"^[0-9]+(\.[0-9]{1,12})?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_shown_with_as_many_places_as_say_something() {
        let shown =
            ["0", "12.345", "1", "0.999999", "0.0123", "0.001", "0.00123", "0.0000345", "0.000000000001", "$.5"];
        let shown = shown.map(|text| usd(text).to_string()).join(" ");
        assert_eq!(shown, "$0 $12.35 $1.00 $1.0000 $0.0123 $0.001 $0.0012 $0.000035 $0.000000000001 $0.5000");
    }

    #[test]
    fn what_is_no_amount_is_refused_with_the_reason() {
        let bad = ["", ".", "$", "-1", "1e3", "1,5", "0.0000000000001", "1000000001", "99999999999999999999999999999"];
        let refusals: String = bad.map(|text| format!("{}\n", text.parse::<Usd>().unwrap_err())).concat();
        insta::assert_snapshot!(refusals, @r"
        `` is no amount in US dollars: expected a number such as 2.50
        `.` is no amount in US dollars: expected a number such as 2.50
        `$` is no amount in US dollars: expected a number such as 2.50
        `-1` is no amount in US dollars: expected a number such as 2.50
        `1e3` is no amount in US dollars: expected a number such as 2.50
        `1,5` is no amount in US dollars: expected a number such as 2.50
        `0.0000000000001` is no amount in US dollars: it has more than 12 decimal places
        `1000000001` is no amount in US dollars: it is more than anybody pays
        `99999999999999999999999999999` is no amount in US dollars: it is more than anybody pays
        ");
    }

    proptest! {
        #[test]
        fn an_amount_is_read_back_as_it_was_written(picos in 0..DOLLARS_MAX * PICOS_IN_A_DOLLAR) {
            prop_assert_eq!(usd(&Usd(picos).decimal()), Usd(picos));
            let json = serde_json::to_string(&Usd(picos)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), Usd(picos));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
            let _ = text.parse::<Usd>();
        }
    }
}
