//! Experiments by their names.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use super::server::{Ask, Server, ServerFault};
use crate::store::near::{either, nearest};
use crate::{Error, ErrorKind, Result};

#[derive(Deserialize)]
struct Found {
    experiment: Experiment,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    experiments: Vec<Experiment>,
}

#[derive(Deserialize)]
struct Created {
    experiment_id: String,
}

#[derive(Deserialize)]
struct Experiment {
    experiment_id: String,
    name: String,
    #[serde(default)]
    lifecycle_stage: String,
}

/// Names that are suggested.
const SUGGESTED_MAX: usize = 3;

/// The id of an experiment that is there.
pub(crate) async fn within(server: &Server, name: &str) -> Result<String> {
    match find(server, name).await.map_err(|fault| fault.error(server))? {
        Some(experiment) if experiment.lifecycle_stage == "deleted" => {
            let error = Error::new(ErrorKind::Usage, format!("experiment `{name}` of {} is deleted", server.place()));
            Err(error.hint("restore it in MLflow, or name another"))
        }
        Some(experiment) => Ok(experiment.experiment_id),
        None => Err(unknown(server, name).await),
    }
}

/// The id of an experiment, which is created where it is not there.
pub(crate) async fn or_created(server: &Server, name: &str) -> Result<String, ServerFault> {
    if let Some(experiment) = find(server, name).await? {
        return Ok(experiment.experiment_id);
    }
    let created = server.ask(Ask::post("/api/2.0/mlflow/experiments/create", &json!({ "name": name })).once()).await;
    match created {
        Ok(Created { experiment_id }) => Ok(experiment_id),
        // Somebody else was quicker, or our own answer was lost.
        Err(fault) => Ok(find(server, name).await?.ok_or(fault)?.experiment_id),
    }
}

async fn find(server: &Server, name: &str) -> Result<Option<Experiment>, ServerFault> {
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let path = format!("/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}");
    // Whoever names a server that is not there is told at once.
    let ask = Ask { attempts: 2, ..Ask::get(&path) };
    match server.ask::<Found>(ask).await {
        Ok(found) => Ok(Some(found.experiment)),
        Err(fault) if fault.code.as_deref() == Some("RESOURCE_DOES_NOT_EXIST") => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The error of a name that no experiment has, with those that somebody may have meant.
async fn unknown(server: &Server, name: &str) -> Error {
    let error = Error::new(ErrorKind::Usage, format!("{} has no experiment `{name}`", server.place()));
    let search = Ask::post("/api/2.0/mlflow/experiments/search", &json!({ "max_results": 1000 }));
    let listed: Listed = match server.ask(search).await {
        Ok(listed) => listed,
        Err(fault) => return fault.error(server),
    };
    let names = || listed.experiments.iter().map(|experiment| experiment.name.as_str());
    let near = nearest(name, names(), SUGGESTED_MAX);
    let all = if near.is_empty() { names().take(SUGGESTED_MAX).collect() } else { near };
    match all[..] {
        [] => error.hint("the server has no experiments"),
        _ => error.hint(format!("of its {} experiments, name for instance {}", listed.experiments.len(), either(&all))),
    }
}
