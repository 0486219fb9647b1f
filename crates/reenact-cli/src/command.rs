//! One verb, one file.

use reenact::Result;

use crate::args::{Args, Verb};

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod distill;
pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod report;
pub(crate) mod run;
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
        Verb::Run(args) => run::run(&args, global),
        Verb::Judge(args) => judge::run(&args, global),
        Verb::Report(args) => report::run(&args, global),
        Verb::Show(args) => show::run(&args, global),
        Verb::Demo(args) => demo::run(&args, global),
    }
}
