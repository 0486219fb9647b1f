//! Suites as evaluation datasets, both ways.
//!
//! A record has what MLflow's own simulator reads, and the whole case in a tag, which MLflow keeps and passes over. MLflow takes records with the same
//! inputs for one and joins what they say, so a record of ours that changed is taken away before it is written anew; nobody else's is.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::experiment;
use super::server::{Ask, Server, ServerFault};
use crate::case::envelope::{PLACE_TAG, record};
use crate::{Error, ErrorKind, Result, Suite, TestCase};

/// What stands before the name of a dataset where a suite is named.
const SCHEME: &str = "mlflow:/datasets/";

/// The tag of a dataset that has the suite's name.
const SUITE_TAG: &str = "reenact.suite";

/// The most that a server gives at once.
const RECORDS_MAX: u32 = 1000;

/// Records that are written at once: small enough to be answered soon.
const WRITTEN_AT_ONCE: usize = 200;

/// The experiment that every server has.
const EXPERIMENT_DEFAULT: &str = "0";

/// What became of the records of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Cases that the dataset did not have.
    pub new: u64,
    /// Cases that it had otherwise.
    pub renewed: u64,
    /// Cases that it had as they are.
    pub unchanged: u64,
    /// Records that are not in the suite, and were left as they are.
    pub left: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Found {
    datasets: Vec<Dataset>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    dataset: Dataset,
}

#[derive(Deserialize)]
struct Dataset {
    dataset_id: String,
    name: String,
    /// JSON in a text.
    #[serde(default)]
    tags: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    /// JSON in a text.
    records: String,
    next_page_token: Option<String>,
}

/// The name, or the id, of a dataset in `mlflow:/datasets/NAME`; nothing where the argument is no such name.
///
/// ```
/// assert_eq!(reenact::mlflow::dataset_name("mlflow:/datasets/parcels"), Some("parcels"));
/// assert_eq!(reenact::mlflow::dataset_name("parcels.yaml"), None);
/// ```
#[must_use]
pub fn dataset_name(argument: &str) -> Option<&str> {
    argument.strip_prefix(SCHEME).filter(|name| !name.is_empty())
}

/// Reads a dataset as a suite: cases that were written from here as they were, with what somebody changed of them in MLflow since, and whoever else's
/// records as MLflow's simulator would play them.
///
/// # Errors
/// Where the server has no such dataset or several, or a record is no case.
pub async fn read_suite(server: &Server, name: &str) -> Result<Suite> {
    let dataset = the_one(server, name).await?;
    let mut records = records(server, &dataset).await.map_err(|fault| fault.error(server))?;
    records.sort_by_key(place);
    let text = Value::Array(records).to_string();
    let suite = Suite::of_records(&format!("{SCHEME}{name}"), &text)?;
    let tags: Value = dataset.tags.as_deref().and_then(|tags| serde_json::from_str(tags).ok()).unwrap_or_default();
    let name = match tags[SUITE_TAG].as_str() {
        Some("") => None,
        Some(name) => Some(name.to_owned()),
        None => Some(dataset.name),
    };
    Ok(Suite { name, ..suite })
}

/// Records in the order of the suite that they come from; those of others behind them, as the server has them.
fn place(record: &Value) -> u64 {
    record["tags"][PLACE_TAG].as_str().and_then(|place| place.parse().ok()).unwrap_or(u64::MAX)
}

/// Writes a suite to a dataset, which is created in an experiment where it is not there. Cases that the dataset has as they are stay untouched; records that are
/// not in the suite are left.
///
/// # Errors
/// Where two cases are one to MLflow, which tells records apart by goal, persona, guidelines and context; or the server does not take it.
pub async fn write_suite(server: &Server, name: &str, experiment: Option<&str>, suite: &Suite) -> Result<Written> {
    check_apart(&suite.cases)?;
    let dataset = match find(server, name).await? {
        Some(dataset) => dataset,
        None => create(server, name, experiment, suite).await.map_err(|fault| fault.error(server))?,
    };
    write(server, &dataset, suite).await.map_err(|fault| fault.error(server))
}

/// Whether a server has an evaluation dataset of a name or an id.
///
/// # Errors
/// Where the server does not say, or has several.
pub async fn dataset_exists(server: &Server, name: &str) -> Result<bool> {
    Ok(find(server, name).await?.is_some())
}

fn check_apart(cases: &[TestCase]) -> Result<()> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for case in cases {
        if let Some(other) = seen.insert(record(case, 0)["inputs"].to_string(), &case.id) {
            let what = format!("MLflow would keep one record for the cases `{other}` and `{}`", case.id);
            let hint = "they have the same goal, persona, guidelines and context: make one of these differ";
            return Err(Error::new(ErrorKind::Usage, what).hint(hint));
        }
    }
    Ok(())
}

async fn write(server: &Server, dataset: &Dataset, suite: &Suite) -> Result<Written, ServerFault> {
    let known = records(server, dataset).await?;
    let mut written = Written::default();
    let (mut stale, mut fresh, mut kept) = (Vec::new(), Vec::new(), 0_usize);
    for (place, case) in suite.cases.iter().enumerate() {
        let wanted = record(case, place);
        let there: Vec<&Value> = known.iter().filter(|known| is_same_case(known, &wanted, case)).collect();
        kept += there.len();
        match there[..] {
            [one] if says(one, &wanted) => {
                written.unchanged += 1;
                continue;
            }
            [] => written.new += 1,
            _ => written.renewed += 1,
        }
        let ours = there.iter().filter(|known| own_id(known).is_some());
        stale.extend(ours.filter_map(|known| known["dataset_record_id"].as_str()));
        fresh.push(wanted);
    }
    written.left = (known.len() - kept.min(known.len())) as u64;
    let path = format!("/api/3.0/mlflow/datasets/{}/records", dataset.dataset_id);
    if !stale.is_empty() {
        let ask = Ask::delete(&path, &json!({ "dataset_record_ids": stale }));
        server.answer(ask).await?;
    }
    for some in fresh.chunks(WRITTEN_AT_ONCE) {
        let records = Value::from_iter(some.iter().cloned()).to_string();
        server.answer(Ask::post(&path, &json!({ "records": records }))).await?;
    }
    Ok(written)
}

/// Whether a record is of this case: it is ours and has its id, or has its inputs.
fn is_same_case(known: &Value, wanted: &Value, case: &TestCase) -> bool {
    own_id(known).is_some_and(|id| id == case.id) || known["inputs"] == wanted["inputs"]
}

/// The id of the case that we wrote as this record.
fn own_id(record: &Value) -> Option<String> {
    let case: Value = serde_json::from_str(record["tags"]["reenact.case"].as_str()?).ok()?;
    Some(case["id"].as_str()?.to_owned())
}

fn says(known: &Value, wanted: &Value) -> bool {
    // A mapping that is empty may come back as nothing.
    let is_empty = |value: &Value| value.as_object().is_none_or(serde_json::Map::is_empty);
    let same = |key: &&str| known[*key] == wanted[*key] || is_empty(&known[*key]) && is_empty(&wanted[*key]);
    ["inputs", "expectations", "tags"].iter().all(same)
}

async fn create(server: &Server, name: &str, experiment: Option<&str>, suite: &Suite) -> Result<Dataset, ServerFault> {
    let experiment = match experiment {
        Some(experiment) => experiment::or_created(server, experiment).await?,
        None => EXPERIMENT_DEFAULT.to_owned(),
    };
    let tags = json!({ SUITE_TAG: suite.name.as_deref().unwrap_or_default() }).to_string();
    let wanted = json!({ "name": name, "experiment_ids": [experiment], "tags": tags });
    let created: Named = server.ask(Ask::post("/api/3.0/mlflow/datasets/create", &wanted).once()).await?;
    Ok(created.dataset)
}

/// The dataset of a name or an id, which is there.
async fn the_one(server: &Server, name: &str) -> Result<Dataset> {
    find(server, name).await?.ok_or_else(|| {
        let error = Error::new(ErrorKind::Usage, format!("{} has no evaluation dataset `{name}`", server.place()));
        error.hint(
            "see the datasets of an experiment in MLflow, or write one with `reenact copy SUITE mlflow:/datasets/NAME`",
        )
    })
}

async fn find(server: &Server, name: &str) -> Result<Option<Dataset>> {
    let found = match name.strip_prefix("d-").is_some_and(|rest| rest.len() == 32) {
        true => by_id(server, name).await.map(Vec::from_iter),
        false => by_name(server, name).await,
    };
    let mut found = found.map_err(|fault| fault.error(server))?;
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|dataset| dataset.dataset_id.as_str()).collect();
        let what = format!("{} has {} evaluation datasets `{name}`", server.place(), found.len());
        return Err(Error::new(ErrorKind::Usage, what).hint(format!("name one by its id: {}", ids.join(", "))));
    }
    Ok(found.pop())
}

async fn by_id(server: &Server, id: &str) -> Result<Option<Dataset>, ServerFault> {
    match server.ask::<Named>(Ask::get(&format!("/api/3.0/mlflow/datasets/{id}"))).await {
        Ok(named) => Ok(Some(named.dataset)),
        Err(fault) if fault.code.as_deref() == Some("RESOURCE_DOES_NOT_EXIST") => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn by_name(server: &Server, name: &str) -> Result<Vec<Dataset>, ServerFault> {
    let mut all = Vec::new();
    let mut search =
        json!({ "filter_string": format!("name = '{}'", name.replace('\'', "_")), "max_results": RECORDS_MAX });
    if name.contains('\'') {
        search["filter_string"] = format!("name LIKE '{}'", name.replace('\'', "_")).into();
    }
    loop {
        let found: Found = server.ask(Ask::post("/api/3.0/mlflow/datasets/search", &search)).await?;
        all.extend(found.datasets.into_iter().filter(|dataset| dataset.name == name));
        match found.next_page_token {
            Some(token) if !token.is_empty() => search["page_token"] = token.into(),
            _ => return Ok(all),
        }
    }
}

async fn records(server: &Server, dataset: &Dataset) -> Result<Vec<Value>, ServerFault> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let page = utf8_percent_encode(&token, NON_ALPHANUMERIC);
        let page = if token.is_empty() { String::new() } else { format!("&page_token={page}") };
        let path = format!("/api/3.0/mlflow/datasets/{}/records?max_results={RECORDS_MAX}{page}", dataset.dataset_id);
        let found: Page = server.ask(Ask::get(&path)).await?;
        let malformed = |error: serde_json::Error| ServerFault::of_answer(server, "records", &error);
        if !found.records.is_empty() {
            all.extend(serde_json::from_str::<Vec<Value>>(&found.records).map_err(malformed)?);
        }
        match found.next_page_token {
            Some(next) if !next.is_empty() => token = next,
            _ => return Ok(all),
        }
    }
}
