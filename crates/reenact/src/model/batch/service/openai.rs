//! OpenAI's batches: a file of requests is uploaded, a batch is begun on it, and its answers are in two other files.

use bytes::Bytes;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{FILE_TIMEOUT, Failure, Service, Sought, Standing, State, TIMEOUT, Trouble, count, id_of};
use crate::http::transfer::Content;
use crate::model::batch::form::CHAT_COMPLETIONS;
use crate::shorten::shorten;

/// The only window there is.
const WINDOW: &str = "24h";

/// What the provider keeps our mark under.
const MARK: &str = "reenact";

/// Batches in one page of the list at the most.
const PAGE: usize = 100;

/// Clocks differ; a batch that seems this much older may still be the one.
const SLACK_SECONDS: i64 = 3600;

/// The file may be uploaded again where its answer was lost, because only a batch costs anything.
pub(super) async fn begin(service: &Service, mark: &str, lines: Vec<u8>) -> Result<String, Trouble> {
    let name = format!("reenact-{mark}.jsonl");
    let file = Content::File { purpose: "batch", name, bytes: Bytes::from(lines) };
    let file = match service.again(Method::POST, &service.at("files"), &file, FILE_TIMEOUT).await {
        Ok(file) => id_of(service, &file),
        Err(trouble) => Err(trouble),
    };
    let file = file.map_err(|trouble| match trouble {
        // Whatever came of the upload, no batch was begun.
        Trouble::Unsure(reason) => Trouble::Busy(reason),
        other => other,
    })?;
    let batch = json!({
        "input_file_id": file,
        "endpoint": CHAT_COMPLETIONS,
        "completion_window": WINDOW,
        "metadata": {MARK: mark},
    });
    let created = service.carefully(&service.at("batches"), &super::json(&batch), TIMEOUT).await?;
    id_of(service, &created)
}

pub(super) async fn find(service: &Service, sought: Sought<'_>) -> Result<Vec<String>, Trouble> {
    let oldest = sought.since.as_second() - SLACK_SECONDS;
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut url = service.at("batches");
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        if let Some(after) = &after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let list = service.get(&url).await?;
        let batches = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_ours = |batch: &&Value| batch["metadata"][MARK] == sought.mark;
        found.extend(batches.iter().filter(is_ours).filter_map(|batch| batch["id"].as_str().map(str::to_owned)));
        let is_past = batches.iter().any(|batch| batch["created_at"].as_i64().is_some_and(|at| at < oldest));
        let last = batches.last().and_then(|batch| batch["id"].as_str().map(str::to_owned));
        if is_past || list["has_more"] != true || last.is_none() || last == after {
            // The list begins with the latest; the earliest of several is the one that was begun first.
            found.reverse();
            return Ok(found);
        }
        after = last;
    }
}

pub(super) fn standing(service: &Service, batch: &Value) -> Standing {
    let file = |name: &str| batch[name].as_str().filter(|id| !id.is_empty()).map(|id| content_of(service, id));
    let files = || file("output_file_id").into_iter().chain(file("error_file_id")).collect();
    let state = match batch["status"].as_str() {
        Some("completed" | "expired") => State::Ended(files()),
        Some("cancelled") => State::Cancelled(files()),
        Some("failed") => State::Failed(failures(batch)),
        _ => State::Running,
    };
    let counts = &batch["request_counts"];
    Standing { state, done: count(&counts["completed"]) + count(&counts["failed"]) }
}

fn content_of(service: &Service, file: &str) -> Url {
    let file: String = file.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    service.at(&format!("files/{file}/content"))
}

fn failures(batch: &Value) -> Vec<Failure> {
    let errors = batch["errors"]["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failure = |error: &Value| Failure {
        code: error["code"].as_str().unwrap_or_default().to_owned(),
        reason: shorten(error["message"].as_str().unwrap_or("the provider gives no reason")),
        line: error["line"].as_u64(),
    };
    errors.iter().map(failure).collect()
}
