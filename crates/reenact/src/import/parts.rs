//! Records that are parts of traces, held until all of a trace is there, as far as memory allows.
//!
//! Exports of single spans have those of a trace near each other, but not in one record, and what one span says can
//! only be understood beside the others. What is crowded out is read as it is; what comes after it joins the session later.

use std::collections::HashMap;

/// Enough for thousands of traces at a time.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The records of traces that may not be whole yet.
#[derive(Debug, Default)]
pub(super) struct Parts {
    held: HashMap<String, Part>,
    bytes: usize,
    touches: u64,
}

/// Records of one trace, one after the other, and the line on which the first of them starts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) line: u64,
    pub(super) records: String,
    touched: u64,
}

impl Parts {
    /// Adds a record and gives back what it crowds out.
    pub(super) fn add(&mut self, trace: String, line: u64, record: &str) -> Vec<Part> {
        self.touches += 1;
        let part = self.held.entry(trace).or_insert_with(|| Part { line, ..Part::default() });
        part.touched = self.touches;
        part.records.push_str(record);
        part.records.push('\n');
        self.bytes += record.len() + 1;
        if self.bytes > HELD_BYTES_MAX { self.take(HELD_BYTES_MAX / 2) } else { Vec::new() }
    }

    /// All that is left, in the order of the file.
    pub(super) fn take_all(&mut self) -> Vec<Part> {
        let mut all = self.take(0);
        all.sort_by_key(|part| part.line);
        all
    }

    /// What was touched longest ago, until no more than so many bytes are left.
    fn take(&mut self, bytes: usize) -> Vec<Part> {
        let mut order: Vec<(u64, String)> = self.held.iter().map(|(id, part)| (part.touched, id.clone())).collect();
        order.sort_unstable();
        let mut taken = Vec::new();
        for (_, id) in order {
            if self.bytes <= bytes {
                break;
            }
            if let Some(part) = self.held.remove(&id) {
                self.bytes -= part.records.len();
                taken.push(part);
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_trace_come_together_and_the_oldest_are_crowded_out() {
        let mut parts = Parts::default();
        let large = "x".repeat(HELD_BYTES_MAX / 4);
        assert!(parts.add("a".into(), 1, "{}").is_empty());
        assert!(parts.add("b".into(), 2, &large).is_empty());
        assert!(parts.add("a".into(), 3, "{}").is_empty());
        assert!(parts.add("c".into(), 4, &large).is_empty());
        assert!(parts.add("d".into(), 5, &large).is_empty());
        let out = parts.add("e".into(), 6, &large);
        assert_eq!(out.iter().map(|part| part.line).collect::<Vec<_>>(), [2, 1, 4, 5]);
        assert_eq!(out[1].records, "{}\n{}\n");
        assert_eq!(parts.take_all().iter().map(|part| part.line).collect::<Vec<_>>(), [6]);
        assert_eq!(parts.bytes, 0);
    }
}
