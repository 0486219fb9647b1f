//! The command line of `reenact`: one verb, one file, over the SDK of the same name.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

mod args;
mod back_test;
mod batching;
mod cassette;
mod command;
mod demo;
mod exit;
mod exporting;
mod interrupt;
mod judging;
mod masking;
mod mlflow;
mod output;
mod participants;
mod runtime;
#[cfg(test)]
mod schema;
mod serve;
mod spending;
mod suites;
mod tools;

/// Reads the arguments, runs the verb, and gives its exit status.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(args::Args::try_parse()))
}

/// As [`main`], for a program that holds the command and is not it: with these arguments, the program's name first. `itself` is
/// how the command is started again, for the verbs that start it: a program and its first arguments.
#[must_use]
pub fn main_with(arguments: Vec<OsString>, itself: Vec<OsString>) -> u8 {
    participants::start_again_by(itself);
    run(args::Args::try_parse_from(arguments))
}

fn run(args: Result<args::Args, clap::Error>) -> u8 {
    let args = match args {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::PASSED };
        }
    };
    match command::run(args) {
        Ok(status) => status,
        Err(error) => {
            output::error(&error);
            exit::of(&error)
        }
    }
}
