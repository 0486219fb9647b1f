//! A reader of server-sent events, as simple as they are.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::served::Served;

/// What happens comes within this time even on a busy machine, or it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// A connection that events come from.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// Listens at an address; `last` is the id of the last event that is known.
    pub(crate) fn of(served: &Served, path: &str, last: Option<&str>) -> Events {
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
        let mut stream = TcpStream::connect(&served.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n{last}\r\n", served.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut events = Events(BufReader::new(stream));
        let status = events.line();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        while !events.line().is_empty() {}
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).expect("events go on") > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// Events until one is the last that is wanted, with that one.
    pub(crate) fn until(&mut self, is_last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next_event();
            events.push(event);
            if is_last(events.last().unwrap()) {
                return events;
            }
        }
    }

    /// The next event. Lines of the chunks that carry it begin with none of its names.
    fn next_event(&mut self) -> Event {
        let mut event = Event { kind: String::new(), id: String::new(), data: Value::Null };
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("event", kind)) => event.kind = kind.to_owned(),
                Some(("id", id)) => event.id = id.to_owned(),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line.is_empty() && !event.kind.is_empty() => return event,
                _ => {}
            }
        }
    }
}

/// That a run is over, in an event.
pub(crate) fn is_over(event: &Event) -> bool {
    event.kind == "progress" && event.data["state"] == "finished"
}
