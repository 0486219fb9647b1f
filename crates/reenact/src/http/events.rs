//! Server-sent events (the `text/event-stream` of the HTML standard), as they come, in pieces of any size.

/// Reads events from pieces of a stream. Names, ids and retry times of events are left out: those who stream answers say
/// everything in the data.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// What came and is not yet a whole line.
    rest: Vec<u8>,
    data: Option<String>,
    has_begun: bool,
    /// A line ended with a carriage return, and a line feed that follows belongs to it.
    ended_with_cr: bool,
}

impl Events {
    /// Takes in a piece, and gives the data of the events that it completes.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for &byte in piece {
            match byte {
                b'\n' if self.ended_with_cr => {}
                b'\n' | b'\r' => events.extend(self.line_ended()),
                byte => self.rest.push(byte),
            }
            self.ended_with_cr = byte == b'\r';
        }
        events
    }

    /// How much came that is not yet an event.
    pub(crate) fn bytes_waiting(&self) -> usize {
        self.rest.len() + self.data.as_ref().map_or(0, String::len)
    }

    /// The event that a stream ended with: some servers leave out the blank line behind the last one.
    pub(crate) fn end(mut self) -> Option<String> {
        let last = if self.rest.is_empty() { None } else { self.line_ended() };
        last.or(self.data)
    }

    fn line_ended(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.rest);
        let line = String::from_utf8_lossy(&line);
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let line = if is_first { line.strip_prefix('\u{feff}').unwrap_or(&line) } else { &line };
        if line.is_empty() {
            return self.data.take();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => data.extend(["\n", value]),
                None => self.data = Some(value.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(stream: &str) -> Vec<String> {
        let mut events = Events::default();
        let mut all = events.push(stream.as_bytes());
        all.extend(events.end());
        all
    }

    #[test]
    fn every_way_of_writing_an_event_is_read() {
        let stream = "\u{feff}data: one\n\n: a comment\n\nevent: x\r\ndata:two\r\ndata\r\ndata:  three\r\n\r\nid: 7\n\ndata: last";
        assert_eq!(read(stream), ["one", "two\n\n three", "last"]);
        assert_eq!(read("data: a\rdata: b\r\rdata: c\n"), ["a\nb", "c"]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_stream_is_cut_into_pieces(
            lines in prop::collection::vec("(data: ?[a-zé]{0,4}|:c|event: e|)(\n|\r\n|\r)", 0..12), cuts in prop::collection::vec(1usize..5, 0..20)
        ) {
            let stream = lines.concat();
            let whole = read(&stream);
            let (mut events, mut heard, mut rest) = (Events::default(), Vec::new(), stream.as_bytes());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                heard.extend(events.push(piece));
                rest = after;
            }
            heard.extend(events.push(rest));
            heard.extend(events.end());
            prop_assert_eq!(heard, whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut events = Events::default();
            let _ = events.push(&bytes);
            let _ = events.end();
        }
    }
}
