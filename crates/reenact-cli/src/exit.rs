//! The exit statuses, documented in the README: 0 all passed, 1 an expectation failed or a regression,
//! 2 usage or set-up, 3 could not be decided.

use reenact::report::Status;
use reenact::{Error, ErrorKind};

pub(crate) const PASSED: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const UNDECIDED: u8 = 3;

/// The status of an error: a run that was interrupted, or is not what was recorded, is undecided; all else is a matter of usage or
/// set-up.
pub(crate) fn of(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Interrupted | ErrorKind::CapReached | ErrorKind::Divergence => UNDECIDED,
        _ => USAGE,
    }
}

/// The status of a run.
pub(crate) fn of_run(status: Status) -> u8 {
    match status {
        Status::Passed => PASSED,
        Status::Failed => FAILED,
        Status::Undecided => UNDECIDED,
    }
}
