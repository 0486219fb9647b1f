//! The options that say where traces go, and what is told of it.

use reenact::export::{Destination, Exported, Exporting, Exports, Tracking};
use reenact::{Environment, Result};

use crate::mlflow;
use crate::output::{self, counted};

#[derive(Debug, Default, clap::Args)]
#[group(id = "exporting", multiple = true)]
pub(crate) struct Args {
    /// Export each conversation as OpenTelemetry spans to this collector, such as http://localhost:4318; see docs/traces.md
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// Export what is asked of the models that play the users and judge, to another collector
    #[arg(long, value_name = "URL")]
    otlp_simulator: Option<String>,
    #[command(flatten)]
    mlflow: mlflow::Args,
}

impl Args {
    /// Where the traces go.
    pub(crate) fn open(&self) -> Result<Exports> {
        let environment = Environment::of_process();
        let open = |address: &Option<String>, what| {
            address.as_ref().map(|address| Destination::open(address, what, &environment)).transpose()
        };
        let (otlp, simulator) =
            (open(&self.otlp, Exporting::Conversations)?, open(&self.otlp_simulator, Exporting::Simulator)?);
        let exports = Exports::new(otlp, simulator)?;
        match self.mlflow.open()? {
            Some((server, experiment)) => exports.with_mlflow(Tracking::new(server, experiment)),
            None => Ok(exports),
        }
    }

    /// The options as somebody would type them again, with a space before each.
    pub(crate) fn in_words(&self) -> String {
        let option = |name: &str, address: &Option<String>| {
            address.as_ref().map(|address| format!(" {name} {}", output::shell_word(address))).unwrap_or_default()
        };
        option("--otlp", &self.otlp) + &option("--otlp-simulator", &self.otlp_simulator) + &self.mlflow.in_words()
    }

    /// Says what came of exporting a run; `resume` is the command that goes on with it.
    pub(crate) fn note(&self, exported: &Exported, resume: &str) {
        let Exported { what, to, sent, waiting, rejected_spans, is_unfinished, reason } = exported;
        let thing = match what {
            Exporting::Conversations | Exporting::Mlflow => "conversation",
            Exporting::Simulator => "call",
        };
        let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        output::note(format_args!("exported {} to {to}", counted(*sent, thing)));
        if *rejected_spans > 0 {
            output::note(format_args!(
                "the collector threw {} away{}",
                counted(*rejected_spans, "span"),
                output::printable(&why)
            ));
        }
        if *waiting > 0 {
            let is = if *waiting == 1 { "is" } else { "are" };
            let kept = format!("{} could not be exported, and {is} kept{why}", counted(*waiting, thing));
            output::note(output::printable(&kept));
            output::note(format_args!("   send what is kept with `{resume}{}`", self.in_words()));
        } else if *is_unfinished {
            let told = format!("what the run amounts to could not be written to {to}{why}");
            output::note(output::printable(&told));
            output::note(format_args!("   write it with `{resume}{}`", self.in_words()));
        }
    }
}
