//! Traces with their spans: from the server's database many at once, from its files one by one.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::pages::Info;
use super::server::{Ask, Server, ServerFault};

/// What a server does for a hundred traces at once costs it a tenth of what it does for each of them alone.
pub(super) const AT_ONCE: usize = 100;

/// A trace as it came, or why it did not.
pub(super) type Fetched = Result<String, String>;

#[derive(Deserialize)]
struct Traces<'a> {
    #[serde(borrow, default)]
    traces: Vec<Trace<'a>>,
}

#[derive(Deserialize)]
struct Trace<'a> {
    #[serde(borrow)]
    trace_info: &'a RawValue,
    #[serde(borrow, default)]
    spans: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named {
    trace_id: String,
}

/// These traces with their spans, in order: what the server gives of them, and for the others why it does not.
pub(super) async fn fetch(server: &Server, infos: Vec<Info>) -> Result<Vec<Fetched>, ServerFault> {
    let mut fetched = Vec::with_capacity(infos.len());
    let (in_database, in_files): (Vec<Info>, Vec<Info>) = infos.into_iter().partition(|info| info.is_in_database);
    let mut left: Vec<Vec<Info>> = vec![in_database];
    while let Some(mut some) = left.pop() {
        if some.is_empty() {
            continue;
        }
        match of_database(server, &some).await {
            Ok(traces) => fetched.extend(traces),
            // One of them is too much, or more than the server can bear: which one, shows in halves.
            Err(fault) if is_of_the_traces(&fault) && some.len() > 1 => {
                let rest = some.split_off(some.len() / 2);
                left.extend([rest, some]);
            }
            Err(fault) if is_of_the_traces(&fault) => {
                fetched.push(Err(format!("trace {}: the server does not give it: {}", some[0].trace_id, fault.reason)));
            }
            Err(fault) => return Err(fault),
        }
    }
    for info in in_files {
        fetched.push(of_file(server, &info).await?);
    }
    Ok(fetched)
}

/// Whether it is these traces that the server cannot give, and not anything just now.
fn is_of_the_traces(fault: &ServerFault) -> bool {
    fault.is_too_large || fault.code.as_deref() == Some("INTERNAL_ERROR")
}

async fn of_database(server: &Server, infos: &[Info]) -> Result<Vec<Fetched>, ServerFault> {
    let ids: Vec<String> = infos.iter().map(|info| format!("trace_ids={}", info.trace_id)).collect();
    let path = format!("/api/3.0/mlflow/traces/batchGet?{}", ids.join("&"));
    // What the server cannot give of some traces it cannot give a moment later either.
    let mut body = server.answer(Ask::get(&path).once()).await;
    if body.as_ref().is_err_and(|fault| !is_of_the_traces(fault)) {
        body = server.answer(Ask::get(&path)).await;
    }
    let body = body?;
    let malformed = |error: serde_json::Error| ServerFault::of_answer(server, "traces/batchGet", &error);
    let answer: Traces<'_> = serde_json::from_slice(&body).map_err(malformed)?;
    let mut given = std::collections::BTreeMap::new();
    for trace in answer.traces {
        let named: Named = serde_json::from_str(trace.trace_info.get()).map_err(malformed)?;
        given.insert(named.trace_id, trace);
    }
    let of = |info: &Info| match given.get(&info.trace_id) {
        None => Err(format!("trace {}: it was deleted meanwhile", info.trace_id)),
        Some(trace) => record(&info.trace_id, trace.trace_info.get(), &trace.spans),
    };
    Ok(infos.iter().map(of).collect())
}

/// A trace whose spans the tracer wrote to a file, as older versions and large traces have them.
async fn of_file(server: &Server, info: &Info) -> Result<Fetched, ServerFault> {
    let path = format!("/ajax-api/3.0/mlflow/get-trace-artifact?request_id={}", info.trace_id);
    let missing = |why: &str| Ok(Err(format!("trace {}: the server has no file of its spans{why}", info.trace_id)));
    let body = match server.answer(Ask::get(&path)).await {
        Ok(body) => body,
        Err(fault) if fault.status.is_some_and(|status| status.is_client_error()) && !is_closed(&fault) => {
            return missing("");
        }
        Err(fault) if is_of_the_traces(&fault) => return missing(&format!(": {}", fault.reason)),
        Err(fault) => return Err(fault),
    };
    #[derive(Deserialize)]
    struct File<'a> {
        #[serde(borrow, default)]
        spans: Vec<&'a RawValue>,
    }
    Ok(match serde_json::from_slice::<File<'_>>(&body) {
        Ok(file) => record(&info.trace_id, &info.raw, &file.spans),
        Err(error) => Err(format!("trace {}: the file of its spans is damaged: {error}", info.trace_id)),
    })
}

/// Whether the server lets us in at all.
fn is_closed(fault: &ServerFault) -> bool {
    fault.status.is_some_and(|status| matches!(status.as_u16(), 401 | 403))
}

/// A trace as its JSON in one piece.
fn record(id: &str, info: &str, spans: &[&RawValue]) -> Fetched {
    if spans.is_empty() {
        return Err(format!("trace {id}: it has no spans"));
    }
    let spans: Vec<&str> = spans.iter().map(|span| span.get()).collect();
    Ok(format!("{{\"info\":{info},\"data\":{{\"spans\":[{}]}}}}", spans.join(",")))
}
