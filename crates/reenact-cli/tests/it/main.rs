//! The command as its users call it; one module for each verb.

mod check;
