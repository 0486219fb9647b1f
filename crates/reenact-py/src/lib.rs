//! The native half of the Python package `reenact`: it converts, lets go of the interpreter's lock, and calls the SDK.
//!
//! Values cross as plain data ([`data`]); the classes that people see are Python's (`python/reenact`). Python's own agents, users and
//! judges are never called from here: what is asked of them waits at a [`desk`], and threads of Python's take it from there.

use pyo3::prelude::*;

mod asking;
mod command;
mod data;
mod desk;
mod distilling;
mod fault;
mod judging;
mod participants;
mod running;
mod store;
mod suite;
mod waiting;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::asking::{ask_model, check_goal, user_act};
    #[pymodule_export]
    use super::command::main;
    #[pymodule_export]
    use super::desk::{Call, Desk};
    #[pymodule_export]
    use super::distilling::distill;
    #[pymodule_export]
    use super::judging::{assess, judges};
    #[pymodule_export]
    use super::running::{Stopper, begin, drive, plan_default, rejudge};
    #[pymodule_export]
    use super::store::{Store, diff, render};
    #[pymodule_export]
    use super::suite::{suite_check, suite_load, suite_save, suite_text};

    use pyo3::prelude::*;

    /// The version of the package.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}
