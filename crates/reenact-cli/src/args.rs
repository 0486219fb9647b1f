//! The arguments, declared once.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::command;

/// Turns recorded conversations into test cases, plays those users again against an AI agent, and says
/// whether it got better.
#[derive(Debug, Parser)]
#[command(name = "reenact", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Where the store is, unless another file is named.
pub(crate) const STORE_DEFAULT: &str = ".reenact/store.db";

/// What every verb takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The file that keeps sessions, runs and journals
    #[arg(long, global = true, value_name = "FILE", default_value = STORE_DEFAULT, env = "REENACT_STORE")]
    pub(crate) store: PathBuf,
    /// Print data as JSON on stdout, and people's text on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Read recorded conversations into the store
    Import(command::import::Args),
    /// Find recorded sessions, or show one
    Sessions(command::sessions::Args),
    /// Turn sessions into a suite of test cases
    Distill(Box<command::distill::Args>),
    /// Find everything that is wrong with a suite, without a model
    Check(command::check::Args),
    /// Copy a suite: to and from files, evaluation datasets of MLflow, and the files of DeepEval, promptfoo and Inspect
    Copy(command::copy::Args),
    /// Play the cases of a suite against an agent, and judge what happens
    Run(Box<command::run::Args>),
    /// Judge the conversations of a stored run again
    Judge(command::judge::Args),
    /// Report a stored run again
    Report(command::report::Args),
    /// Compare two runs of the same cases: what was fixed, what broke, and whether it got worse
    Diff(command::diff::Args),
    /// Show one trial with the session that it comes from
    Show(command::show::Args),
    /// List the providers of models and which keys are there, or ask one model a small question
    Models(command::models::Args),
    /// Open the pages: sessions, cases and runs in a browser, and an API
    Serve(command::serve::Args),
    /// See the whole line at work on three versions of a small agent
    Demo(command::demo::Args),
}
