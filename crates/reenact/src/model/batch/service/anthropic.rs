//! Anthropic's message batches: the requests are the body, and the answers are lines at an address of the batch's own.
//!
//! Nothing of ours is kept with a batch. One whose id was lost is sought by its time and size, and known by its answers.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{FILE_TIMEOUT, Service, Sought, Standing, State, Trouble, count, id_of};
use crate::http::transfer::Content;

/// Batches in one page of the list at the most.
const PAGE: usize = 1000;

/// Clocks differ; a batch that seems this much older may still be the one. More would take in batches of others.
const SLACK: SignedDuration = SignedDuration::from_mins(10);

pub(super) async fn begin(service: &Service, lines: Vec<u8>) -> Result<String, Trouble> {
    let body = Content::Json(Bytes::from(listed(&lines)));
    let created = service.carefully(&service.at("batches"), &body, FILE_TIMEOUT).await?;
    id_of(service, &created)
}

/// The lines as the list that the provider takes.
fn listed(lines: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(lines.len() + 16);
    body.extend_from_slice(b"{\"requests\":[");
    let lines = lines.trim_ascii_end().split(|byte| *byte == b'\n');
    for (n, line) in lines.enumerate() {
        if n > 0 {
            body.push(b',');
        }
        body.extend_from_slice(line);
    }
    body.extend_from_slice(b"]}");
    body
}

pub(super) async fn find(service: &Service, sought: Sought<'_>) -> Result<Vec<String>, Trouble> {
    let mut url = service.at("batches");
    url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
    let list = service.get(&url).await?;
    let batches = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let may_be = batches.iter().filter(|batch| is_like(batch, sought));
    let mut found: Vec<String> = may_be.filter_map(|batch| batch["id"].as_str().map(str::to_owned)).collect();
    // The list begins with the latest; the first that was begun after our intent is the likeliest.
    found.reverse();
    Ok(found)
}

fn is_like(batch: &Value, sought: Sought<'_>) -> bool {
    let counts = batch["request_counts"].as_object();
    let requests: u64 = counts.into_iter().flatten().map(|(_, number)| count(number)).sum();
    let created: Option<Timestamp> = batch["created_at"].as_str().and_then(|at| at.parse().ok());
    requests == sought.requests && created.is_some_and(|at| at >= sought.since - SLACK)
}

/// The address of the answers is made here, not taken from the answer: the key must not follow it elsewhere.
pub(super) fn standing(service: &Service, id: &str, batch: &Value) -> Standing {
    let counts = &batch["request_counts"];
    let over = ["succeeded", "errored", "canceled", "expired"];
    let done = over.iter().map(|name| count(&counts[*name])).sum();
    let state = match batch["processing_status"].as_str() {
        Some("ended") => State::Ended(vec![service.at(&format!("{}/results", service.batch_path(id)))]),
        _ => State::Running,
    };
    Standing { state, done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_one_list() {
        let list: Value = serde_json::from_slice(&listed(b"{\"custom_id\":\"a\"}\n{\"custom_id\":\"b\"}\n")).unwrap();
        assert_eq!(list["requests"][1]["custom_id"], "b");
        assert_eq!(list["requests"].as_array().map(Vec::len), Some(2));
    }
}
