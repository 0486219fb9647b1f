//! store

/// The store.
pub struct Store;
