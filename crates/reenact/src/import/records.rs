//! Cuts a stream into records: JSON lines, one JSON document over many lines, or a JSON array.
//!
//! Only the structure is looked at here (strings, braces, line breaks), never the values, so that one
//! broken record costs no more than itself, and a file of any size passes through a buffer of fixed
//! size: it never holds more than one record.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr2};

/// A record that is larger is not a conversation that anybody reads; holding it would let one bad file
/// take all memory.
pub(super) const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

const CHUNK_BYTES: usize = 256 * 1024;

/// One record, with the line that it starts on, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'b> {
    /// The bytes of one JSON value, as far as its structure tells.
    Whole(u64, &'b [u8]),
    /// A value that the end of the file breaks off.
    Unfinished(u64),
    /// A value larger than [`RECORD_BYTES_MAX`], passed over.
    Oversize(u64),
}

/// How the records lie in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// One record a line.
    Lines,
    /// JSON values that span lines, or the elements of an array.
    Values,
}

/// The records of a stream.
pub(super) struct Records<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    at_end: bool,
    /// What ended the stream too early; told once all complete records have been handed out.
    broken: Option<io::Error>,
    layout: Option<Layout>,
    in_wrapper: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R) -> Self {
        Records {
            reader,
            buffer: Vec::new(),
            start: 0,
            line: 1,
            at_end: false,
            broken: None,
            layout: None,
            in_wrapper: false,
        }
    }

    /// The next record, or nothing at the end of the stream.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        let layout = match self.layout {
            Some(layout) => layout,
            None => self.find_layout(),
        };
        match layout {
            Layout::Lines => self.next_line(),
            Layout::Values => self.next_value(),
        }
    }

    fn find_layout(&mut self) -> Layout {
        const LOOK_AHEAD_BYTES: usize = 1024 * 1024;
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        while self.rest().len() < LOOK_AHEAD_BYTES && self.fill() {}
        if self.rest().starts_with(BYTE_ORDER_MARK) {
            self.consume(BYTE_ORDER_MARK.len());
        }
        let layout = layout_of(self.rest(), self.at_end);
        self.layout = Some(layout);
        layout
    }

    fn next_line(&mut self) -> io::Result<Option<Record<'_>>> {
        loop {
            let Some(end) = self.line_end()? else { return Ok(Some(self.skip_oversize_line())) };
            if end == 0 && self.at_end && self.rest().is_empty() {
                return Ok(None);
            }
            let (start, line) = (self.start, self.line);
            self.consume(end);
            if self.buffer[start..start + end].trim_ascii().is_empty() {
                self.consume_line_break();
                continue;
            }
            self.consume_line_break();
            return Ok(Some(Record::Whole(line, self.buffer[start..start + end].trim_ascii())));
        }
    }

    /// Where the line ends, from the start of the rest; nothing where it is too long.
    fn line_end(&mut self) -> io::Result<Option<usize>> {
        let mut seen = 0;
        loop {
            if let Some(at) = memchr(b'\n', &self.rest()[seen..]) {
                return Ok(Some(seen + at).filter(|end| *end <= RECORD_BYTES_MAX));
            }
            seen = self.rest().len();
            if seen > RECORD_BYTES_MAX {
                return Ok(None);
            }
            if !self.fill() {
                self.check_end()?;
                return Ok(Some(seen));
            }
        }
    }

    fn skip_oversize_line(&mut self) -> Record<'static> {
        let line = self.line;
        loop {
            if let Some(at) = memchr(b'\n', self.rest()) {
                self.consume(at + 1);
                return Record::Oversize(line);
            }
            self.consume(self.rest().len());
            if !self.fill() {
                return Record::Oversize(line);
            }
        }
    }

    fn consume_line_break(&mut self) {
        if self.rest().first() == Some(&b'\n') {
            self.consume(1);
        }
    }

    fn next_value(&mut self) -> io::Result<Option<Record<'_>>> {
        if !self.skip_to_value()? {
            return Ok(None);
        }
        let line = self.line;
        let mut scan = Scan::default();
        loop {
            let (start, length) = (self.start, scan.run(&self.buffer[self.start..]));
            if let Some(length) = length {
                self.consume(length);
                let bytes = &self.buffer[start..start + length];
                let is_oversize = length > RECORD_BYTES_MAX;
                return Ok(Some(if is_oversize { Record::Oversize(line) } else { Record::Whole(line, bytes) }));
            }
            if self.rest().len() > RECORD_BYTES_MAX {
                return Ok(Some(self.skip_oversize_value(line, scan)));
            }
            if !self.fill() {
                self.check_end()?;
                self.consume(self.rest().len());
                return Ok(Some(Record::Unfinished(line)));
            }
        }
    }

    fn skip_oversize_value(&mut self, line: u64, mut scan: Scan) -> Record<'static> {
        loop {
            self.consume(scan.at);
            scan.at = 0;
            let more = self.fill();
            if let Some(length) = scan.run(self.rest()) {
                self.consume(length);
                return Record::Oversize(line);
            }
            if !more {
                self.consume(self.rest().len());
                return Record::Oversize(line);
            }
        }
    }

    /// Passes what stands between values: blanks, commas, the brackets of arrays, and the head and tail
    /// of a document that only wraps a list of traces.
    fn skip_to_value(&mut self) -> io::Result<bool> {
        loop {
            let rest = self.rest();
            let blank =
                rest.iter().take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'[')).count();
            self.consume(blank);
            match self.rest().first() {
                None => {
                    if !self.fill() {
                        self.check_end()?;
                        return Ok(false);
                    }
                }
                Some(b']') => {
                    self.consume(1);
                    self.leave_wrapper();
                }
                Some(_) => {
                    while self.rest().len() < WRAPPER_HEAD_BYTES && self.fill() {}
                    let Some(head) = wrapper_head(self.rest()).filter(|_| !self.in_wrapper) else { return Ok(true) };
                    self.consume(head);
                    self.in_wrapper = true;
                }
            }
        }
    }

    fn leave_wrapper(&mut self) {
        if !std::mem::take(&mut self.in_wrapper) {
            return;
        }
        let mut scan = Scan { depth: 1, ..Scan::default() };
        loop {
            let length = scan.run(self.rest());
            self.consume(length.unwrap_or(self.rest().len()));
            scan.at = 0;
            if length.is_some() || !self.fill() {
                return;
            }
        }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn consume(&mut self, count: usize) {
        let passed = &self.buffer[self.start..self.start + count];
        self.line += memchr_iter(b'\n', passed).count() as u64;
        self.start += count;
    }

    /// Reads more; false at the end of the stream.
    fn fill(&mut self) -> bool {
        if self.at_end {
            return false;
        }
        self.buffer.drain(..std::mem::take(&mut self.start));
        // One large record must not leave its size behind for the rest of the file.
        if self.buffer.is_empty() && self.buffer.capacity() > 16 * CHUNK_BYTES {
            self.buffer = Vec::new();
        }
        let chunk = CHUNK_BYTES.max(self.buffer.len() / 2) as u64;
        let held = self.buffer.len();
        let read = self.reader.by_ref().take(chunk).read_to_end(&mut self.buffer);
        self.broken = read.err();
        self.at_end = self.broken.is_some() || self.buffer.len() == held;
        self.buffer.len() > held
    }

    /// The end is an error where the stream broke off.
    fn check_end(&mut self) -> io::Result<()> {
        self.broken.take().map_or(Ok(()), Err)
    }
}

/// Follows the structure of one JSON value through as many chunks as it takes.
#[derive(Debug, Default)]
struct Scan {
    at: usize,
    depth: usize,
    in_string: bool,
}

impl Scan {
    /// The length of the value, where `bytes` holds its end.
    fn run(&mut self, bytes: &[u8]) -> Option<usize> {
        while self.at < bytes.len() {
            if self.in_string {
                if !self.leave_string(bytes) {
                    return None;
                }
                continue;
            }
            let byte = bytes[self.at];
            self.at += 1;
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return Some((self.at - 1).max(1)),
                b'}' | b']' if self.depth == 1 => return Some(self.at),
                b'}' | b']' => self.depth -= 1,
                b'\n' | b',' if self.depth == 0 => return Some(self.at - 1),
                _ => {}
            }
        }
        None
    }

    /// Moves behind the end of the string; false where more bytes are needed.
    fn leave_string(&mut self, bytes: &[u8]) -> bool {
        loop {
            let Some(at) = memchr2(b'"', b'\\', &bytes[self.at..]) else {
                self.at = bytes.len();
                return false;
            };
            self.at += at;
            if bytes[self.at] == b'"' {
                self.at += 1;
                self.in_string = false;
                return true;
            }
            if self.at + 2 > bytes.len() {
                return false;
            }
            self.at += 2;
        }
    }
}

/// Lines, unless the first line is the beginning of a longer value.
fn layout_of(head: &[u8], is_all: bool) -> Layout {
    let mut lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return Layout::Lines };
    let runs_on = !is_all && memchr(b'\n', head.trim_ascii_start()).is_none();
    // A line of traces is a record that one format knows; of what else is wrapped, each element is one.
    let is_record = || !runs_on && is_whole_object(first) && first[1..].trim_ascii_start().starts_with(WRAPPER_KEYS[0]);
    if first[0] == b'[' || (wrapper_head(first).is_some() && !is_record()) {
        return Layout::Values;
    }
    if first[0] != b'{' || runs_on || is_whole_object(first) || breaks_in_string(first) {
        return Layout::Lines;
    }
    // The first line is open. It is a broken record of JSON lines where a whole record stands alone on a
    // line and another follows it: inside a document a comma or a bracket would stand between.
    let mut lines = lines.peekable();
    while let Some(line) = lines.next() {
        let alone = lines.peek().map_or(is_all, |next| next.starts_with(b"{"));
        if alone && is_whole_object(line) {
            return Layout::Lines;
        }
    }
    Layout::Values
}

fn is_whole_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && Scan::default().run(line) == Some(line.len())
}

/// A line break inside a string is not JSON, so the line was broken off.
fn breaks_in_string(line: &[u8]) -> bool {
    let mut scan = Scan::default();
    scan.run(line).is_none() && scan.in_string
}

const WRAPPER_HEAD_BYTES: usize = 256;

/// Keys under which an interface wraps a page of records.
const WRAPPER_KEYS: [&[u8]; 3] = [b"\"traces\"", b"\"data\"", b"\"runs\""];

/// The length of `{"traces": [`, the head of a document that wraps a list, so that its elements can be
/// read one by one.
fn wrapper_head(bytes: &[u8]) -> Option<usize> {
    let after = |rest: &'_ [u8], token: &[u8]| rest.trim_ascii_start().strip_prefix(token).map(<[u8]>::len);
    let rest = |left: usize| &bytes[bytes.len() - left..];
    let opened = rest(after(bytes, b"{")?);
    let keyed = WRAPPER_KEYS.iter().find_map(|key| after(opened, key))?;
    let coloned = after(rest(keyed), b":")?;
    Some(bytes.len() - after(rest(coloned), b"[")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text, each as its line and its text without blanks.
    fn cut(text: &str) -> Vec<(u64, String)> {
        let mut records = Records::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(record) = records.next().unwrap() {
            found.push(match record {
                Record::Whole(line, bytes) => {
                    (line, String::from_utf8_lossy(bytes).split_whitespace().collect::<String>())
                }
                Record::Unfinished(line) => (line, "unfinished".to_owned()),
                Record::Oversize(line) => (line, "oversize".to_owned()),
            });
        }
        found
    }

    fn at(line: u64, text: &str) -> (u64, String) {
        (line, text.to_owned())
    }

    #[test]
    fn json_lines_are_cut_at_line_breaks_and_blank_lines_are_passed() {
        assert_eq!(cut("{\"a\":1}\n\n  \n{\"b\":\"}\"}\r\n"), [at(1, "{\"a\":1}"), at(4, "{\"b\":\"}\"}")]);
        assert_eq!(cut(""), []);
        assert_eq!(cut("{\"a\":1}"), [at(1, "{\"a\":1}")]);
    }

    #[test]
    fn a_broken_first_line_does_not_swallow_the_lines_after_it() {
        for broken in ["{\"a\": [{\"b\": 1", "{\"a\": \"half a stri", "{\"a\": [", "{"] {
            let found = cut(&format!("{broken}\n{{\"c\":1}}\n{{\"d\":1}}\n"));
            assert_eq!(found[1..], [at(2, "{\"c\":1}"), at(3, "{\"d\":1}")], "after {broken}");
        }
    }

    #[test]
    fn a_document_over_many_lines_is_one_record() {
        assert_eq!(cut("{\n \"a\": [\n  {\"b\": \"]\\\"}\"}\n ]\n}\n"), [at(1, "{\"a\":[{\"b\":\"]\\\"}\"}]}")]);
        assert_eq!(cut("{\n\"a\": 1\n}\n{\n\"b\": 2\n}"), [at(1, "{\"a\":1}"), at(4, "{\"b\":2}")]);
        assert_eq!(cut("\n{\n \"a\": {\n"), [at(2, "unfinished")]);
    }

    #[test]
    fn the_elements_of_an_array_are_records() {
        assert_eq!(cut("[{\"a\":1}, {\"b\":[2]}]"), [at(1, "{\"a\":1}"), at(1, "{\"b\":[2]}")]);
        assert_eq!(
            cut("[\n {\n \"a\":1},\n 7,\n {\"b\":2}\n]\n"),
            [at(2, "{\"a\":1}"), at(4, "7"), at(5, "{\"b\":2}")]
        );
        assert_eq!(cut("[{\"a\":1}, {\"b\""), [at(1, "{\"a\":1}"), at(1, "unfinished")]);
    }

    #[test]
    fn a_document_that_wraps_a_list_of_traces_is_read_one_by_one() {
        let pages = "{ \"traces\": [\n{\"a\":1},\n{\"b\":2}\n], \"next\": {\"c\": \"]\"}}\n{\"traces\":[{\"d\":3}]}";
        assert_eq!(cut(pages), [at(2, "{\"a\":1}"), at(3, "{\"b\":2}"), at(5, "{\"d\":3}")]);
        assert_eq!(cut("{\"traces\":[{\"a\":1}]}\n"), [at(1, "{\"traces\":[{\"a\":1}]}")]);
        assert_eq!(cut("{\"data\":[{\"a\":1},{\"b\":2}],\"meta\":{}}"), [at(1, "{\"a\":1}"), at(1, "{\"b\":2}")]);
        assert_eq!(cut("{\"runs\":[{\"a\":1}]}\n{\"runs\":[]}\n"), [at(1, "{\"a\":1}")]);
    }

    #[test]
    fn records_that_cross_chunks_come_out_whole() {
        let long = "x\\\"".repeat(CHUNK_BYTES);
        let line = format!("{{\"a\":\"{long}\"}}");
        assert_eq!(cut(&format!("{line}\n{line}\n")).len(), 2);
        let found = cut(&format!("[\n{line},\n{line}\n]"));
        assert_eq!(found, [(2, line.clone()), (3, line)]);
    }

    #[test]
    fn a_record_beyond_the_limit_is_passed_over_and_the_next_one_is_read() {
        let huge = "x".repeat(RECORD_BYTES_MAX + CHUNK_BYTES);
        let good = "{\"b\":2}";
        let lines = format!("{good}\n{{\"a\":\"{huge}\"}}\n{good}\n");
        let elements = format!("[{good},\n{{\"a\":\"{huge}\"}},\n{good}]");
        for text in [lines, elements] {
            let found: Vec<_> =
                cut(&text).into_iter().map(|(line, text)| (line, text.len() < 100, text == good)).collect();
            assert_eq!(found, [(1, true, true), (2, true, false), (3, true, true)]);
        }
    }
}
