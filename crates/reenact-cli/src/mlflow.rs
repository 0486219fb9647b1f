//! The options that name a server of MLflow, and an experiment on it.

use reenact::mlflow::Server;
use reenact::{Environment, Error, ErrorKind, Result};

use crate::output;

#[derive(Debug, Default, clap::Args)]
#[group(id = "mlflow_server", multiple = true)]
pub(crate) struct Args {
    /// A server of MLflow [where no URL is given: MLFLOW_TRACKING_URI]; see docs/mlflow.md
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    mlflow: Option<String>,
    /// The experiment there [default: MLFLOW_EXPERIMENT_NAME]
    #[arg(long, value_name = "NAME", requires = "mlflow")]
    experiment: Option<String>,
}

impl Args {
    /// Whether a server is named.
    pub(crate) fn is_named(&self) -> bool {
        self.mlflow.is_some()
    }

    /// The server and the experiment, where a server is named.
    pub(crate) fn open(&self) -> Result<Option<(Server, String)>> {
        let Some(address) = &self.mlflow else { return Ok(None) };
        let environment = Environment::of_process();
        let server = Server::open((!address.is_empty()).then_some(address), &environment)?;
        let experiment = self.experiment.as_deref().or_else(|| environment.get("MLFLOW_EXPERIMENT_NAME"));
        let experiment = experiment.map(str::to_owned).ok_or_else(|| {
            let error = Error::new(ErrorKind::Usage, format!("no experiment of {} is named", server.place()));
            error.hint("name it with `--experiment NAME`, or set MLFLOW_EXPERIMENT_NAME")
        })?;
        Ok(Some((server, experiment)))
    }

    /// The options as somebody would type them again, with a space before each.
    pub(crate) fn in_words(&self) -> String {
        let option = |name: &str, value: &Option<String>| {
            let value = value.as_ref().filter(|value| !value.is_empty()).map(|value| output::shell_word(value));
            value.map_or_else(|| format!(" {name}"), |value| format!(" {name} {value}"))
        };
        let mut words = String::new();
        if self.mlflow.is_some() {
            words += &option("--mlflow", &self.mlflow);
        }
        if self.experiment.is_some() {
            words += &option("--experiment", &self.experiment);
        }
        words
    }
}
