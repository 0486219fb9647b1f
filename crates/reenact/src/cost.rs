//! What models cost: tokens and money by role and model, and their sums.
//!
//! Everything is computed from what the journal has of each question ([`Charged`]) and from prices that were fixed
//! when the run began, so that a run that was resumed or is reported again costs the same. What is not known is
//! counted, and never taken for nothing.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::Add;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AgentUsage;
use crate::journal::{Charge, Charged};
use crate::{Price, PriceList};
use crate::{StepRole, Usage, Usd};

pub use ledger::{ANSWER_TOKENS_MAX, Ledger, Reserved};

mod ledger;

/// For whom a model was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostRole {
    /// To distil cases.
    Distiller,
    /// To play the user.
    User,
    /// To judge.
    Judge,
    /// To answer for tools what the recording does not.
    Tools,
    /// To judge in an earlier round, whose verdicts a later one has replaced.
    EarlierJudge,
}

impl CostRole {
    /// The role in a word or two, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            CostRole::Distiller => "distiller",
            CostRole::User => "user",
            CostRole::Judge => "judge",
            CostRole::Tools => "tools",
            CostRole::EarlierJudge => "judge, earlier rounds",
        }
    }

    /// The role of a step; an agent's own models are no part of what a run costs here.
    fn of(charged: &Charged) -> Option<CostRole> {
        CostRole::of_step(charged.key.role, charged.replaced)
    }

    pub(crate) fn of_step(role: StepRole, replaced: bool) -> Option<CostRole> {
        match role {
            StepRole::User => Some(CostRole::User),
            StepRole::Judge if replaced => Some(CostRole::EarlierJudge),
            StepRole::Judge => Some(CostRole::Judge),
            StepRole::Distiller => Some(CostRole::Distiller),
            StepRole::Tool => Some(CostRole::Tools),
            StepRole::Agent => None,
        }
    }
}

/// Tokens and money of some questions to models.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amount {
    /// Questions that were asked. One that had to be asked again counts once, with the tokens of both calls.
    pub calls: u64,
    /// Tokens, those of calls that came to nothing included.
    #[serde(flatten)]
    pub usage: Usage,
    /// What is known to have been charged.
    pub usd: Usd,
    /// Tokens, read and written, of models whose price is not known.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unpriced_tokens: u64,
    /// Answers of models that are not free, of which nobody said how many tokens they took.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unmetered_calls: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Amount {
    /// What one question came to.
    #[must_use]
    pub fn of(charge: &Charge, price: Option<Price>) -> Amount {
        let usage = charge.usage.unwrap_or_default();
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        let is_free = price == Some(Price::NOTHING);
        Amount {
            calls: 1,
            // Batched or not, tokens are tokens, and the money says what they cost.
            usage: Usage { batched: false, ..usage },
            usd: price.map_or(Usd::ZERO, |price| price.of(&usage)),
            unpriced_tokens: if price.is_some() { 0 } else { tokens },
            unmetered_calls: u64::from(charge.usage.is_none() && !is_free),
        }
    }

    /// So often the same.
    #[must_use]
    pub fn times(&self, times: u64) -> Amount {
        let Usage { input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched } = self.usage;
        Amount {
            calls: self.calls * times,
            usage: Usage {
                input_tokens: input_tokens.saturating_mul(times),
                cached_tokens: cached_tokens.saturating_mul(times),
                cache_write_tokens: cache_write_tokens.saturating_mul(times),
                output_tokens: output_tokens.saturating_mul(times),
                batched,
            },
            usd: Usd::from_picos(self.usd.picos().saturating_mul(times.into())),
            unpriced_tokens: self.unpriced_tokens.saturating_mul(times),
            unmetered_calls: self.unmetered_calls * times,
        }
    }

    /// Tokens read and written.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.usage.input_tokens.saturating_add(self.usage.output_tokens)
    }

    /// Whether the money is all that was charged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unpriced_tokens == 0 && self.unmetered_calls == 0
    }

    /// The money in words: what is known, and how much is not.
    ///
    /// ```
    /// use reenact::cost::Amount;
    ///
    /// let known = Amount { calls: 3, usd: "0.0123".parse().unwrap(), ..Amount::default() };
    /// assert_eq!(known.money(), "$0.0123");
    /// let partly = Amount { unpriced_tokens: 1234, ..known };
    /// assert_eq!(partly.money(), "at least $0.0123, and 1,234 tokens at unknown prices");
    /// assert_eq!(Amount { usd: reenact::Usd::ZERO, ..partly }.money(), "unknown: 1,234 tokens at unknown prices");
    /// ```
    #[must_use]
    pub fn money(&self) -> String {
        let unpriced =
            (self.unpriced_tokens > 0).then(|| format!("{} at unknown prices", tokens(self.unpriced_tokens)));
        let unmetered = (self.unmetered_calls > 0).then(|| {
            let calls = grouped(self.unmetered_calls);
            let which = if self.unmetered_calls == 1 { "answer that does not say" } else { "answers that do not say" };
            format!("{calls} {which} how many tokens")
        });
        let unknown = [unpriced, unmetered].into_iter().flatten().collect::<Vec<_>>().join(", and ");
        match (self.is_whole(), self.usd) {
            (true, usd) => usd.to_string(),
            (false, Usd::ZERO) => format!("unknown: {unknown}"),
            (false, usd) => format!("at least {usd}, and {unknown}"),
        }
    }

    /// Calls and tokens in words, such as `12 calls, 34,567 tokens read (12,000 from cache), 890 written`.
    #[must_use]
    pub fn work(&self) -> String {
        let calls = format!("{} call{}", grouped(self.calls), if self.calls == 1 { "" } else { "s" });
        if self.tokens() == 0 {
            return calls;
        }
        let cached = match self.usage.cached_tokens {
            0 => String::new(),
            cached => format!(" ({} from cache)", grouped(cached)),
        };
        let written = grouped(self.usage.output_tokens);
        format!("{calls}, {} read{cached}, {written} written", tokens(self.usage.input_tokens))
    }
}

impl Add for Amount {
    type Output = Amount;

    fn add(self, other: Amount) -> Amount {
        Amount {
            calls: self.calls + other.calls,
            usage: self.usage + other.usage,
            usd: self.usd + other.usd,
            unpriced_tokens: self.unpriced_tokens.saturating_add(other.unpriced_tokens),
            unmetered_calls: self.unmetered_calls + other.unmetered_calls,
        }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(amounts: I) -> Amount {
        amounts.fold(Amount::default(), Add::add)
    }
}

/// What one model cost in one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Spent {
    /// For whom it was asked.
    pub role: CostRole,
    /// The model's name.
    pub model: String,
    /// What it came to.
    #[serde(flatten)]
    pub amount: Amount,
}

impl Spent {
    /// Who asked what, what that came to, and how much it was, in a line.
    #[must_use]
    pub fn words(&self) -> String {
        let Spent { role, model, amount } = self;
        format!("{}, {model}: {}; {}", role.words(), amount.money(), amount.work())
    }
}

/// What models cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// All of it.
    #[serde(flatten)]
    pub total: Amount,
    /// Its parts, by role and model; they add up to the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Spent>,
}

impl Cost {
    /// What these questions cost at these prices; a model that is not among the prices has an unknown one.
    #[must_use]
    pub fn of<'a>(charges: impl IntoIterator<Item = &'a Charged>, prices: &BTreeMap<String, Price>) -> Cost {
        let mut parts: BTreeMap<(CostRole, &str), Amount> = BTreeMap::new();
        for charged in charges {
            let Some(role) = CostRole::of(charged) else { continue };
            let model = charged.charge.model.as_str();
            let part = parts.entry((role, model)).or_default();
            *part = *part + Amount::of(&charged.charge, prices.get(model).copied());
        }
        let spent =
            |((role, model), amount): ((CostRole, &str), Amount)| Spent { role, model: model.to_owned(), amount };
        Cost { total: parts.values().copied().sum(), parts: parts.into_iter().map(spent).collect() }
    }

    /// Enters one part more.
    pub fn add(&mut self, spent: Spent) {
        self.total = self.total + spent.amount;
        match self.parts.iter_mut().find(|part| (part.role, &part.model) == (spent.role, &spent.model)) {
            Some(part) => part.amount = part.amount + spent.amount,
            None => self.parts.push(spent),
        }
    }

    /// What it comes to, in a line.
    #[must_use]
    pub fn words(&self) -> String {
        match self.total.calls {
            0 => "no model was asked".to_owned(),
            _ => format!("{}; {}", self.total.money(), self.total.work()),
        }
    }
}

/// Why nobody knows what an agent costs, mostly.
pub(crate) const NOT_TOLD: &str = "the agent does not say how many tokens its answers took";

/// What the answers of an agent cost, by what it says of each.
///
/// # Errors
/// Why that is not known, for people.
pub(crate) fn of_agent(
    agent: &str,
    told: &[Option<AgentUsage>],
    prices: &BTreeMap<String, Price>,
) -> Result<Usd, String> {
    if told.is_empty() {
        return Err(NOT_TOLD.to_owned());
    }
    let of_answer = |(at, told): (usize, &Option<AgentUsage>)| {
        let untold = || format!("the agent does not say how many tokens its answer {} took", at + 1);
        let told = told.as_ref().ok_or_else(untold)?;
        Ok(price_of_agent(agent, told.model.as_deref(), prices)?.of(&told.usage))
    };
    told.iter().enumerate().map(of_answer).sum()
}

/// The price that is stated for the agent itself, or else that of the model that it asked.
fn price_of_agent(agent: &str, model: Option<&str>, prices: &BTreeMap<String, Price>) -> Result<Price, String> {
    if let Some(price) = prices.get(agent) {
        return Ok(*price);
    }
    let state = "state one for it or for the agent with `--prices`";
    let model = model.ok_or_else(|| format!("the agent does not say which model it asked; {state}"))?;
    let list = PriceList::stating(prices.clone());
    list.price(model).ok_or_else(|| format!("the price of `{model}`, which the agent asked, is not known; {state}"))
}

fn tokens(count: u64) -> String {
    format!("{} token{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A count with its thousands set apart: `1,234,567`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 12, 123, 1_234, 123_456, 1_234_567].map(grouped).join(" ");
        assert_eq!(shown, "0 12 123 1,234 123,456 1,234,567");
    }
}
