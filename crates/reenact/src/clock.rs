//! The one place where this crate reads the clock and draws an id.

use jiff::Timestamp;

/// The time now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A new id for a run: a UUID of version 7, so that ids sort by time.
pub(crate) fn run_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
