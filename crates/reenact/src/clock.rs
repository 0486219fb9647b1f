//! The one place where this crate reads the clock and draws an id or a key.

use jiff::Timestamp;

/// The time now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A new id for a run: a UUID of version 7, so that ids sort by time.
pub(crate) fn run_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A key that nobody can guess.
pub(crate) fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key).expect("the system gives random bytes");
    key
}
