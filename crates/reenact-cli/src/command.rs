//! One verb, one file.

use reenact::Result;

use crate::args::{Args, Verb};

pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod distill;
pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod models;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod show;

/// Runs the verb and gives the exit status.
pub(crate) fn run(args: Args) -> Result<u8> {
    let global = &args.global;
    match args.verb {
        Verb::Import(args) => import::run(&args, global),
        Verb::Sessions(args) => sessions::run(&args, global),
        Verb::Distill(args) => distill::run(&args, global),
        Verb::Check(args) => check::run(&args, global),
        Verb::Copy(args) => copy::run(&args, global),
        Verb::Run(args) => run::run(&args, global),
        Verb::Judge(args) => judge::run(&args, global),
        Verb::Report(args) => report::run(&args, global),
        Verb::Diff(args) => diff::run(&args, global),
        Verb::Show(args) => show::run(&args, global),
        Verb::Models(args) => models::run(&args, global),
        Verb::Serve(args) => serve::run(&args, global),
        Verb::Demo(args) => demo::run(&args, global),
    }
}

/// A share, as arguments have it.
pub(crate) fn share(text: &str) -> std::result::Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a share from 0 to 1, such as 0.9".to_owned())
}
