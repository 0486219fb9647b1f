//! The integration tests of the SDK, one module for each part.

mod report;
//! The SDK as its users call it; one module for each part.

mod store;
