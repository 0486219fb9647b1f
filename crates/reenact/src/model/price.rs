//! What models cost: a list of prices that comes with the program, and whoever knows better.
//!
//! A price is known or it is not; what is not known is never taken for nothing. The list holds facts that providers
//! publish, as gathered by the catalogue that its file names.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Usage;
use crate::shorten::shorten;
use crate::{Error, ErrorKind, Result, Usd};

/// The list that comes with the program, and how it was made: `prices/extract.py`.
const BUILT_IN: &str = include_str!("../../prices/prices.json");

/// Whose models nobody charges for: the embedded engine, scripts, recordings, and what runs on one's own machine.
const FREE: [&str; 4] = ["offline", "script:", "replay:", "ollama:"];

/// What a price file looks like, as a hint shows it.
const FORM: &str = "a price file has the key `prices`, and below it a line for each model by its whole name, in dollars for a \
    million tokens: `openai:/gpt-5: { input: 1.25, cached_input: 0.125, output: 10 }`";

/// In a batch OpenAI and Anthropic charge half of everything.
const BATCH_DIVISOR: u128 = 2;

/// What one token of a kind costs, in millionths of a dollar for a million of them; in files in dollars for a million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

impl Rate {
    /// A rate in dollars for a million tokens.
    ///
    /// # Errors
    /// Where it is negative, above a million dollars, or finer than a millionth of a dollar.
    pub fn dollars_for_a_million(dollars: f64) -> Result<Rate, String> {
        const MILLIONTHS: f64 = 1e6;
        let millionths = (dollars * MILLIONTHS).round();
        if !(0.0..=1e12).contains(&millionths) {
            return Err(format!("{dollars} is no price of a million tokens: expected dollars from 0 to 1000000"));
        }
        if (dollars * MILLIONTHS - millionths).abs() > 1e-3 {
            return Err(format!("{dollars} is finer than a millionth of a dollar; round it up"));
        }
        Ok(Rate(millionths as u64))
    }

    /// What so many tokens cost.
    fn of(self, tokens: u64) -> Usd {
        Usd::from_picos(u128::from(self.0) * u128::from(tokens))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const MILLION: u64 = 1_000_000;
        match self.0 % MILLION {
            0 => serializer.serialize_u64(self.0 / MILLION),
            _ => serializer.serialize_f64(self.0 as f64 / MILLION as f64),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rate, D::Error> {
        Rate::dollars_for_a_million(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What the tokens of a call cost, each kind in US dollars for a million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Tokens read.
    #[schemars(with = "f64")]
    pub input: Rate,
    /// Tokens read from the provider's prompt cache; as others where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub cached_input: Option<Rate>,
    /// Tokens read that are written to the cache; as others where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub cache_write: Option<Rate>,
    /// Tokens written, those of reasoning included.
    #[schemars(with = "f64")]
    pub output: Rate,
}

/// What a model costs.
///
/// ```
/// use reenact::Usage;
/// use reenact::model::{Price, PriceList};
///
/// let price: Price = serde_json::from_str(r#"{"input": 2, "cached_input": 0.5, "output": 8}"#).unwrap();
/// let usage = Usage { input_tokens: 1_000, cached_tokens: 600, output_tokens: 50, ..Usage::default() };
/// assert_eq!(price.of(&usage).decimal(), "0.0015");
/// assert_eq!(PriceList::default().price("gateway:/chat"), None);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Price {
    /// What the tokens cost.
    #[serde(flatten)]
    pub rates: Rates,
    /// What they cost in calls that read more than so many tokens, for providers that charge more then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
}

/// What the tokens of a long call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Over {
    /// A call is long that reads more tokens than this.
    pub tokens: u64,
    /// What all its tokens cost.
    #[serde(flatten)]
    pub rates: Rates,
}

impl Price {
    /// What nobody charges for.
    pub const NOTHING: Price =
        Price { rates: Rates { input: Rate(0), cached_input: None, cache_write: None, output: Rate(0) }, over: None };

    /// What a call costs that used this.
    #[must_use]
    pub fn of(&self, usage: &Usage) -> Usd {
        let whole = self.rates_for(usage.input_tokens).of(usage);
        if usage.batched { Usd::from_picos(whole.picos().div_ceil(BATCH_DIVISOR)) } else { whole }
    }

    /// What a call costs at the most that reads and writes no more than this, whatever comes from a cache.
    #[must_use]
    pub fn at_most(&self, input_tokens: u64, output_tokens: u64) -> Usd {
        let most = |rates: &Rates| rates.dearest_input().of(input_tokens) + rates.output.of(output_tokens);
        most(&self.rates).max(self.over.map_or(Usd::ZERO, |over| most(&over.rates)))
    }

    fn rates_for(&self, input_tokens: u64) -> Rates {
        self.over.filter(|over| input_tokens > over.tokens).map_or(self.rates, |over| over.rates)
    }
}

impl Rates {
    fn of(&self, usage: &Usage) -> Usd {
        let Usage { input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched: _ } = *usage;
        let plain = input_tokens.saturating_sub(cached_tokens).saturating_sub(cache_write_tokens);
        let read = self.input.of(plain)
            + self.cached_input.unwrap_or(self.input).of(cached_tokens)
            + self.cache_write.unwrap_or(self.input).of(cache_write_tokens);
        read + self.output.of(output_tokens)
    }

    fn dearest_input(&self) -> Rate {
        self.input.max(self.cached_input.unwrap_or_default()).max(self.cache_write.unwrap_or_default())
    }
}

/// A price as a file has it; flattening by hand, so that a key that is not known is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrice {
    input: Rate,
    cached_input: Option<Rate>,
    cache_write: Option<Rate>,
    output: Rate,
    over: Option<WrittenOver>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOver {
    tokens: u64,
    input: Rate,
    cached_input: Option<Rate>,
    cache_write: Option<Rate>,
    output: Rate,
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Price, D::Error> {
        let WrittenPrice { input, cached_input, cache_write, output, over } = WrittenPrice::deserialize(deserializer)?;
        let over = over.map(|over| {
            let WrittenOver { tokens, input, cached_input, cache_write, output } = over;
            Over { tokens, rates: Rates { input, cached_input, cache_write, output } }
        });
        Ok(Price { rates: Rates { input, cached_input, cache_write, output }, over })
    }
}

/// Prices by the names of models: those that somebody stated, and below them those that come with the program.
#[derive(Debug, Clone, Default)]
pub struct PriceList {
    stated: Option<Arc<File>>,
}

/// A file of prices: the one that comes with the program, or somebody's own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Where its prices come from.
    #[serde(default)]
    source: Option<String>,
    /// Of which day they are.
    #[serde(default)]
    date: Option<String>,
    prices: BTreeMap<String, Price>,
}

static BUILT_IN_FILE: LazyLock<File> =
    LazyLock::new(|| serde_json::from_str(BUILT_IN).expect("the list is part of the program, and a test reads it"));

impl PriceList {
    /// The list with the prices that a file states above it, YAML or JSON.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no list of prices.
    pub fn load(path: &Path) -> Result<PriceList> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let kind = if error.kind() == std::io::ErrorKind::InvalidData { ErrorKind::Input } else { ErrorKind::Io };
            Error::new(kind, "the prices cannot be read").at(path, None).caused_by(error).hint(FORM)
        })?;
        let file: File = serde_saphyr::from_str(&text).map_err(|error| {
            let line = error.location().map(|location| location.line());
            let message = error.without_snippet().to_string();
            // The place says the line already.
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            Error::new(ErrorKind::Input, format!("not a list of prices: {}", shorten(message)))
                .at(path, line)
                .hint(FORM)
        })?;
        Ok(PriceList { stated: Some(Arc::new(file)) })
    }

    /// The list with these prices above it.
    #[must_use]
    pub fn stating(prices: BTreeMap<String, Price>) -> PriceList {
        PriceList { stated: Some(Arc::new(File { source: None, date: None, prices })) }
    }

    /// What a model costs, by its name; nothing where that is not known.
    ///
    /// A name is looked for as it stands, and then without the date at its end; a model of Bedrock also without its
    /// version and its region. Models behind a gateway or an address of one's own have no price unless one is stated.
    #[must_use]
    pub fn price(&self, model: &str) -> Option<Price> {
        self.stated_price(model)
            .or_else(|| is_free(model).then_some(Price::NOTHING))
            .or_else(|| BUILT_IN_FILE.price(model))
    }

    /// What is stated of a model in place of, or beside, the list of the program.
    #[must_use]
    pub fn stated_price(&self, model: &str) -> Option<Price> {
        self.stated.as_ref().and_then(|file| file.price(model))
    }

    /// All that is stated, by name.
    pub fn stated(&self) -> impl Iterator<Item = (&str, Price)> {
        self.stated.iter().flat_map(|file| file.prices.iter().map(|(name, price)| (name.as_str(), *price)))
    }

    /// Where the prices that come with the program are from, and of which day, for people.
    #[must_use]
    pub fn built_in_source() -> String {
        let File { source, date, .. } = &*BUILT_IN_FILE;
        format!("{}, {}", source.as_deref().unwrap_or_default(), date.as_deref().unwrap_or_default())
    }
}

fn is_free(model: &str) -> bool {
    FREE.iter().any(|free| if free.ends_with(':') { model.starts_with(free) } else { model == *free })
}

impl File {
    fn price(&self, model: &str) -> Option<Price> {
        shorter_and_shorter(model).find_map(|name| self.prices.get(&name).copied())
    }
}

/// A name as it stands, and then with one thing less after another that does not change the price.
fn shorter_and_shorter(model: &str) -> impl Iterator<Item = String> {
    static DATE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[-@](\d{4}-\d{2}-\d{2}|\d{8})$"));
    static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"-v\d+(:\d+)?$"));
    static REGION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(bedrock:/)(us-gov|us|eu|apac|jp|au)\."));
    let undated = DATE.replace(model, "").into_owned();
    let mut names = vec![model.to_owned(), undated];
    if model.starts_with("bedrock:/") {
        let unversioned = VERSION.replace(model, "").into_owned();
        names.push(unversioned.clone());
        names.push(DATE.replace(&unversioned, "").into_owned());
        names.extend(names.clone().iter().map(|name| REGION.replace(name, "$1").into_owned()));
    }
    names.into_iter()
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of the program")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(model: &str) -> Price {
        PriceList::default().price(model).unwrap_or_else(|| panic!("{model} has no price"))
    }

    #[test]
    fn the_list_of_the_program_can_be_read_and_says_where_it_comes_from() {
        assert!(BUILT_IN_FILE.prices.len() > 500);
        assert!(PriceList::built_in_source().contains("genai-prices"), "{}", PriceList::built_in_source());
        let providers =
            ["openai", "azure", "anthropic", "gemini", "mistral", "bedrock", "openrouter", "groq", "deepseek", "xai"];
        for provider in providers {
            let own = format!("{provider}:/");
            assert!(BUILT_IN_FILE.prices.keys().any(|name| name.starts_with(&own)), "no price of {provider}");
        }
    }

    #[test]
    fn a_date_a_version_and_a_region_do_not_hide_a_price_and_an_own_row_goes_first() {
        assert_eq!(known("openai:/gpt-4o-2031-01-31"), known("openai:/gpt-4o"));
        assert_ne!(known("openai:/gpt-4o-2024-05-13"), known("openai:/gpt-4o"), "it has a price of its own");
        assert_eq!(known("anthropic:/claude-sonnet-4-5-20310131"), known("anthropic:/claude-sonnet-4-5"));
        let sonnet = "anthropic.claude-sonnet-4-5-20250929-v1:0";
        assert_eq!(known(&format!("bedrock:/us.{sonnet}")), known(&format!("bedrock:/{sonnet}")));
        assert!(
            known(&format!("bedrock:/global.{sonnet}")).rates.input < known(&format!("bedrock:/{sonnet}")).rates.input
        );
    }

    #[test]
    fn what_nobody_charges_for_costs_nothing_and_what_nobody_knows_is_not_known() {
        for free in ["offline", "script:models.yaml", "replay:run.cassette", "ollama:/qwen3"] {
            assert_eq!(known(free), Price::NOTHING);
        }
        let unknown =
            ["gateway:/chat", "endpoints:/chat", "http://localhost:8000/v1#gpt-4o", "openai:/gpt-none", "gpt-4o"];
        for name in unknown {
            assert_eq!(PriceList::default().price(name), None, "{name}");
        }
    }

    #[test]
    fn a_long_call_is_charged_as_one() {
        let price: Price =
            serde_json::from_str(r#"{"input": 1, "output": 2, "over": {"tokens": 100, "input": 10, "output": 20}}"#)
                .unwrap();
        let of = |input_tokens| price.of(&Usage { input_tokens, output_tokens: 1, ..Usage::default() }).decimal();
        assert_eq!((of(100), of(101)), ("0.000102".to_owned(), "0.00103".to_owned()));
        assert_eq!(serde_json::from_str::<Price>(&serde_json::to_string(&price).unwrap()).unwrap(), price);
    }

    #[test]
    fn a_price_file_is_read_and_goes_before_the_list_and_before_what_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.yaml");
        let text = "prices:\n  gateway:/chat: { input: 0.1, output: 1 }\n  script:a.yaml: { input: 2, output: 3 }\n";
        std::fs::write(&path, text).unwrap();
        let list = PriceList::load(&path).unwrap();
        let usage = Usage { input_tokens: 10, output_tokens: 1, ..Usage::default() };
        assert_eq!(list.price("gateway:/chat").unwrap().of(&usage).decimal(), "0.000002");
        assert_eq!(list.price("script:a.yaml").unwrap().of(&usage).decimal(), "0.000023");
        assert_eq!(list.price("openai:/gpt-4o"), PriceList::default().price("openai:/gpt-4o"));
    }

    #[test]
    fn each_bad_price_file_names_its_line_and_what_is_wrong() {
        let bad = [
            "",
            "- 1",
            "price: {}",
            "prices:\n  a:/b: 3",
            "prices:\n  a:/b: { input: 1 }",
            "prices:\n  a:/b: { input: -1, output: 2 }",
            "prices:\n  a:/b: { input: cheap, output: 2 }",
            "prices:\n  a:/b: { input: 0.00000001, output: 2 }",
            "prices:\n  a:/b: { input: .inf, output: 2 }",
            "prices:\n  a:/b: { input: 1, outputs: 2 }",
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.yaml");
        let refusal = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let error = PriceList::load(&path).expect_err("the prices should be refused");
            format!("{text:?}\n    {}:{}\n", error.place().unwrap().line.unwrap_or(0), error.message())
        };
        insta::assert_snapshot!(bad.map(refusal).concat());
    }

    proptest! {
        #[test]
        fn whatever_a_call_uses_within_its_bounds_costs_no_more_than_the_bound(
            plain in prop::array::uniform4(0_u32..1_000_000), over in prop::array::uniform4(0_u32..1_000_000),
            over_tokens in 0_u64..2_000, input in 0_u64..2_000, cached in 0_u64..2_000, written in 0_u64..2_000, output in 0_u64..2_000,
        ) {
            let rates = |[input, cached, write, output]: [u32; 4]| Rates {
                input: Rate(input.into()),
                cached_input: Some(Rate(cached.into())),
                cache_write: Some(Rate(write.into())),
                output: Rate(output.into()),
            };
            let price = Price { rates: rates(plain), over: Some(Over { tokens: over_tokens, rates: rates(over) }) };
            let cached = cached.min(input);
            let usage = Usage {
                input_tokens: input,
                cached_tokens: cached,
                cache_write_tokens: written.min(input - cached),
                output_tokens: output,
                batched: false,
            };
            prop_assert!(price.of(&usage) <= price.at_most(input, output));
        }
    }
}
