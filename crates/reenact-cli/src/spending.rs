//! The options that say what may be spent, the same for every verb that asks models.

use std::path::PathBuf;

use reenact::cost::{ANSWER_TOKENS_MAX, Ledger};
use reenact::model::{ModelSettings, PriceList};
use reenact::run::Stop;
use reenact::{Error, ErrorKind, Result, Run, Usd};

use crate::{output, participants};

#[derive(Debug, Default, clap::Args)]
#[group(id = "spending", multiple = true)]
pub(crate) struct Args {
    /// Stop before the models have cost more than this, in US dollars; what is done is kept, and can be gone on with
    #[arg(long, value_name = "USD")]
    pub(crate) max_cost: Option<Usd>,
    /// What models cost, where it is not known or not right: a YAML or JSON file, see docs/cost.md
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Say what it would cost, and do nothing
    #[arg(long)]
    pub(crate) estimate: bool,
}

impl Args {
    /// The prices that hold.
    pub(crate) fn prices(&self) -> Result<PriceList> {
        self.prices.as_ref().map_or_else(|| Ok(PriceList::default()), |file| PriceList::load(file))
    }

    /// Whether prices were stated.
    pub(crate) fn states_prices(&self) -> bool {
        self.prices.is_some()
    }

    /// Whether the cap can be kept in a run, before anything is done about it.
    pub(crate) fn check(&self, run: &Run) -> Result<()> {
        Ledger::new(run.provenance.prices.clone(), &[], self.max_cost).check(run.plan.models())
    }

    /// How models are opened: where there is a cap, with no more room for an answer than the cap counts on.
    pub(crate) fn settings(&self) -> ModelSettings {
        let answer_tokens_max = self.max_cost.map(|_| ANSWER_TOKENS_MAX);
        ModelSettings { answer_tokens_max, ..participants::settings() }
    }

    /// When to stop.
    pub(crate) fn stop(&self) -> Stop {
        self.max_cost.map_or_else(Stop::default, Stop::before_cost)
    }

    /// An error that says how to go on with `command`; where the cap stopped it, with twice as much.
    pub(crate) fn resumable(&self, error: Error, command: &str) -> Error {
        let go_on = match (error.kind(), self.max_cost) {
            (ErrorKind::Interrupted, None) => command.to_owned(),
            (ErrorKind::Interrupted, Some(cap)) => format!("{command} --max-cost {}", cap.decimal()),
            (ErrorKind::CapReached, cap) => {
                let cap = cap.unwrap_or_default();
                format!("{command} --max-cost {}", (cap + cap).decimal())
            }
            _ => return error,
        };
        error.hint(format!("nothing is lost; go on with `{go_on}`"))
    }

    /// The file of prices as somebody would type it again, with a space before it.
    pub(crate) fn prices_in_words(&self) -> String {
        let option = |file: &PathBuf| format!(" --prices {}", output::shell_word(&file.to_string_lossy()));
        self.prices.as_ref().map(option).unwrap_or_default()
    }
}
