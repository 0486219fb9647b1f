//! The command line of `reenact`: one verb, one file, over the SDK of the same name.

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
mod spending;
mod suites;
mod tools;

/// Reads the arguments, runs the verb, and gives its exit status.
#[must_use]
pub fn main() -> ExitCode {
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::PASSED });
        }
    };
    match command::run(args) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            output::error(&error);
            ExitCode::from(exit::of(&error))
        }
    }
}
