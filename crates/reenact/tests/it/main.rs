//! The tests of the SDK from outside, in one binary.

mod suite;
