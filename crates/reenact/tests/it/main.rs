//! The tests of the SDK from outside, in one binary.

mod suite;
//! The SDK as its users call it; one module for each part.

mod store;
//! The integration tests of the SDK, one module for each part.

mod report;
