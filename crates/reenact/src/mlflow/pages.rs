//! The traces of an experiment, page by page, in the order of their time.
//!
//! MLflow's own token says how many traces to pass over, so that deep pages grow slow and shift where traces come in meanwhile. So a page begins
//! with the time at which the one before ended, which an index finds at once; only where more traces than a page holds began in the same millisecond, the
//! token leads on.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::server::{Ask, Server, ServerFault};

/// The most that a server gives at once.
const TRACES_MAX: usize = 500;

/// What a server says of a trace without its spans.
pub(super) struct Info {
    pub(super) trace_id: String,
    /// The session that it belongs to; itself, where it names none.
    pub(super) session: Option<String>,
    /// Whether all of it has arrived.
    pub(super) is_over: bool,
    /// Whether its spans are in the server's database, and not in a file.
    pub(super) is_in_database: bool,
    /// As the server told it.
    pub(super) raw: String,
    at: i64,
}

/// Where the paging stands.
pub(super) struct Pages<'s> {
    server: &'s Server,
    experiment: String,
    filter: String,
    /// The time at which the last page ended, in milliseconds since 1970.
    from: i64,
    token: Option<String>,
    /// The traces of that time that were given.
    given: BTreeSet<String>,
    is_over: bool,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    traces: Vec<&'a RawValue>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct WireInfo {
    trace_id: String,
    #[serde(default)]
    request_time: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    trace_metadata: serde_json::Map<String, Value>,
    #[serde(default)]
    tags: serde_json::Map<String, Value>,
}

impl<'s> Pages<'s> {
    pub(super) fn new(server: &'s Server, experiment: &str, filter: &str) -> Self {
        Pages {
            server,
            experiment: experiment.to_owned(),
            filter: filter.trim().to_owned(),
            from: 0,
            token: None,
            given: BTreeSet::new(),
            is_over: false,
        }
    }

    /// The next traces; none where there are no more.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Info>>, ServerFault> {
        while !self.is_over {
            let body = self.server.answer(Ask::post("/api/3.0/mlflow/traces/search", &self.question())).await?;
            let page = self.read(&body)?;
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    fn question(&self) -> Value {
        let since = format!("attributes.timestamp_ms >= {}", self.from);
        let filter = if self.filter.is_empty() { since } else { format!("{} AND {since}", self.filter) };
        let mut question = json!({
            "locations": [{ "type": "MLFLOW_EXPERIMENT", "mlflow_experiment": { "experiment_id": self.experiment } }],
            "filter": filter,
            "max_results": TRACES_MAX,
            "order_by": ["timestamp_ms ASC"],
        });
        if let Some(token) = &self.token {
            question["page_token"] = token.as_str().into();
        }
        question
    }

    /// The traces of a page that were not given yet; and where the next one begins.
    fn read(&mut self, body: &[u8]) -> Result<Vec<Info>, ServerFault> {
        let malformed = |error: serde_json::Error| ServerFault::of_answer(self.server, "traces/search", &error);
        let page: Page<'_> = serde_json::from_slice(body).map_err(malformed)?;
        let infos: Vec<Info> = page.traces.into_iter().map(info).collect::<Result<_, _>>().map_err(malformed)?;
        let last = infos.last().map_or(self.from, |info| info.at);
        let new: Vec<Info> = infos.into_iter().filter(|info| !self.given.contains(&info.trace_id)).collect();
        self.is_over = page.next_page_token.is_none();
        if last > self.from {
            (self.from, self.token) = (last, None);
            self.given.clear();
        } else {
            self.token = page.next_page_token;
        }
        let at_the_end = new.iter().filter(|info| info.at == self.from);
        self.given.extend(at_the_end.map(|info| info.trace_id.clone()));
        Ok(new)
    }
}

fn info(raw: &RawValue) -> Result<Info, serde_json::Error> {
    let info: WireInfo = serde_json::from_str(raw.get())?;
    let text = |map: &serde_json::Map<String, Value>, key: &str| map.get(key)?.as_str().map(str::to_owned);
    let session = text(&info.trace_metadata, "mlflow.trace.session").filter(|session| !session.trim().is_empty());
    let time: Option<jiff::Timestamp> = info.request_time.parse().ok();
    Ok(Info {
        session: session.map(|session| session.trim().to_owned()),
        is_over: info.state != "IN_PROGRESS",
        is_in_database: text(&info.tags, "mlflow.trace.spansLocation").as_deref() == Some("TRACKING_STORE"),
        raw: raw.get().to_owned(),
        at: time.map_or(0, jiff::Timestamp::as_millisecond),
        trace_id: info.trace_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    fn trace(id: &str, millisecond: u32) -> Value {
        json!({ "trace_id": id, "request_time": format!("2026-03-01T12:00:00.{millisecond:03}Z"), "state": "OK" })
    }

    fn read(pages: &mut Pages<'_>, traces: &[Value], token: Option<&str>) -> Vec<String> {
        let body = json!({ "traces": traces, "next_page_token": token }).to_string();
        pages.read(body.as_bytes()).unwrap().into_iter().map(|info| info.trace_id).collect()
    }

    #[test]
    fn a_page_begins_where_the_last_one_ended_and_gives_no_trace_twice() {
        let server = Server::open(Some("http://host"), &Environment::default()).unwrap();
        let mut pages = Pages::new(&server, "1", "tags.a = 'b'");
        assert_eq!(read(&mut pages, &[trace("a", 1), trace("b", 2), trace("c", 2)], Some("t1")), ["a", "b", "c"]);
        let question = pages.question();
        assert_eq!(question["filter"], "tags.a = 'b' AND attributes.timestamp_ms >= 1772366400002");
        assert_eq!(question["page_token"], Value::Null);
        assert_eq!(read(&mut pages, &[trace("b", 2), trace("c", 2), trace("d", 3)], None), ["d"]);
        assert!(pages.is_over);
    }

    #[test]
    fn more_traces_of_one_millisecond_than_a_page_holds_are_passed_by_the_token() {
        let server = Server::open(Some("http://host"), &Environment::default()).unwrap();
        let mut pages = Pages::new(&server, "1", "");
        assert_eq!(read(&mut pages, &[trace("a", 1), trace("b", 1)], Some("t1")), ["a", "b"]);
        assert_eq!(read(&mut pages, &[trace("a", 1), trace("b", 1)], Some("t2")), [""; 0]);
        assert_eq!(pages.question()["page_token"], "t2");
        assert_eq!(read(&mut pages, &[trace("c", 1), trace("d", 2)], Some("t3")), ["c", "d"]);
        assert_eq!(pages.question()["page_token"], Value::Null);
        assert_eq!(read(&mut pages, &[trace("d", 2)], None), [""; 0]);
        assert!(pages.is_over);
    }
}
