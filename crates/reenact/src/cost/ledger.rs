//! The account of a run while it goes on, and the cap that it may have.
//!
//! A call is let through only where the most that it can cost still fits below the cap, next to what is spent and
//! what the calls on their way may still cost. So the cap holds whatever the answers turn out to cost, at any
//! concurrency; a call that does not fit waits while others are on their way, because most cost less than they might.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Amount, Cost};
use crate::Price;
use crate::journal::{Charge, Charged};
use crate::{Completion, Error, ErrorKind, ModelFault, ModelRequest, Result, Usd};

/// What a model may write in one answer where a cap holds, reasoning included; it is told so where it can be.
pub const ANSWER_TOKENS_MAX: u32 = 16_384;

/// What chat templates put around a message, generously.
const TOKENS_AROUND_A_MESSAGE: u64 = 64;
/// What is said to a model whose answer could not be used, and why it could not.
const TOKENS_OF_A_COMPLAINT: u64 = 1_024;

/// What was spent, what is promised, and what may be.
#[derive(Debug, Default)]
pub struct Ledger {
    prices: BTreeMap<String, Price>,
    cap: Option<Usd>,
    account: Mutex<Account>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Account {
    spent: Amount,
    /// What the calls on their way may cost.
    reserved: Usd,
    on_their_way: u32,
    /// A model that answered without saying what that took, where there is a cap to keep.
    unmetered: Option<String>,
}

/// The most that a call may cost, set aside for it; given back when this is dropped.
#[derive(Debug)]
pub struct Reserved<'a> {
    ledger: &'a Ledger,
    model: String,
    bound: Usd,
}

impl Ledger {
    /// The account of work that was charged this so far. Without a cap it lets everything through.
    #[must_use]
    pub fn new(prices: BTreeMap<String, Price>, charged: &[Charged], cap: Option<Usd>) -> Ledger {
        let spent = Cost::of(charged, &prices).total;
        let is_paid = |charged: &&Charged| prices.get(&charged.charge.model) != Some(&Price::NOTHING);
        let unmetered = charged.iter().filter(is_paid).find(|charged| charged.charge.usage.is_none());
        let unmetered = unmetered.map(|charged| charged.charge.model.clone());
        let account = Account { spent, unmetered, ..Account::default() };
        Ledger { prices, cap, account: Mutex::new(account), settled: Notify::new() }
    }

    /// Whether the cap, if there is one, can be kept with these models.
    ///
    /// # Errors
    /// Names the first whose price is not known.
    pub fn check<'m>(&self, models: impl IntoIterator<Item = &'m str>) -> Result<()> {
        let mut models = models.into_iter().filter(|_| self.cap.is_some());
        models.find(|model| !self.prices.contains_key(*model)).map_or(Ok(()), |model| Err(unpriced(model)))
    }

    /// What one question came to, at the prices of this account.
    #[must_use]
    pub fn amount(&self, charge: &Charge) -> Amount {
        Amount::of(charge, self.prices.get(&charge.model).copied())
    }

    /// What was spent so far.
    #[must_use]
    pub fn spent(&self) -> Amount {
        self.account().spent
    }

    /// Sets aside the most that a call may cost; waits for calls on their way where it does not fit beside them.
    ///
    /// # Errors
    /// [`ErrorKind::CapReached`] where it does not fit, [`ErrorKind::Usage`] where its price or what another call used
    /// is not known, so that the cap cannot be kept.
    pub async fn reserve(&self, model: &str, request: &ModelRequest) -> Result<Reserved<'_>> {
        let Some(cap) = self.cap else { return Ok(self.reserved(model, Usd::ZERO)) };
        let price = self.prices.get(model).ok_or_else(|| unpriced(model))?;
        let bound = bound(price, request);
        loop {
            let settled = self.settled.notified();
            {
                let mut account = self.account();
                if let Some(model) = &account.unmetered {
                    return Err(unmetered(model));
                }
                if account.spent.usd + account.reserved + bound <= cap {
                    account.reserved = account.reserved + bound;
                    account.on_their_way += 1;
                    return Ok(self.reserved(model, bound));
                }
                if account.on_their_way == 0 {
                    return Err(cap_reached(cap, account.spent.usd, bound));
                }
            }
            settled.await;
        }
    }

    fn reserved(&self, model: &str, bound: Usd) -> Reserved<'_> {
        Reserved { ledger: self, model: model.to_owned(), bound }
    }

    /// A panic elsewhere leaves the sums as they were.
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved<'_> {
    /// Enters what the call came to.
    pub fn settle(self, answer: &Result<Completion, ModelFault>) {
        let charge = Charge::of(&self.model, answer);
        let amount = self.ledger.amount(&charge);
        let mut account = self.ledger.account();
        account.spent = account.spent + amount;
        if amount.unmetered_calls > 0 {
            account.unmetered.get_or_insert(charge.model);
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if self.ledger.cap.is_none() {
            return;
        }
        let mut account = self.ledger.account();
        account.reserved = account.reserved.less(self.bound);
        account.on_their_way -= 1;
        drop(account);
        self.ledger.settled.notify_waiters();
    }
}

/// The most that a question may cost: it may be asked twice, the second time with the first answer before it. A token is
/// a byte at the least, so that there are no more tokens than bytes; a schema is sent in a stricter and longer form.
fn bound(price: &Price, request: &ModelRequest) -> Usd {
    let bytes = |count: usize| count as u64;
    let messages = request.messages.iter().map(|message| bytes(message.content.len()) + TOKENS_AROUND_A_MESSAGE);
    let read = messages.sum::<u64>() + 2 * bytes(request.schema.schema.to_string().len()) + TOKENS_AROUND_A_MESSAGE;
    let written = u64::from(ANSWER_TOKENS_MAX);
    price.at_most(2 * read + written + TOKENS_OF_A_COMPLAINT, 2 * written)
}

fn unpriced(model: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("the price of `{model}` is not known, so that no cap on the cost can be kept"))
        .hint("state it in a file and name that with `--prices FILE`: `prices: { \"NAME\": { input: 1.25, output: 10 } }`, in dollars for a million tokens")
}

fn unmetered(model: &str) -> Error {
    let what =
        format!("`{model}` answers without saying how many tokens that took, so that no cap on the cost can be kept");
    Error::new(ErrorKind::Usage, what).hint("leave `--max-cost` out, or use a model that says so")
}

fn cap_reached(cap: Usd, spent: Usd, bound: Usd) -> Error {
    let what = format!(
        "stopped before the cap of {cap} would be passed: {spent} is spent, and the next question could cost up to {bound}"
    );
    Error::new(ErrorKind::CapReached, what).hint("go on with a higher cap")
}
