//! The integration tests of the SDK, one module for each part.

mod report;
