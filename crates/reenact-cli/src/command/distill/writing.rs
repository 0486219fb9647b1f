//! The suite that is written: a new file, or what `--update` adds to the one that is there.

use reenact::case::Saved;
use reenact::distill::update::{Changes, update};
use reenact::{Result, Suite, TestCase};

use super::Args;
use crate::output::counted;
use crate::{output, suites};

/// A suite as it was written.
pub(super) struct Written {
    pub(super) suite: Suite,
    /// What an update did to it.
    pub(super) changes: Option<Changes>,
}

/// The suite that is to be added to, where there is one; known before anything is distilled, as is whether it can be written.
pub(super) fn there(args: &Args) -> Result<Option<Suite>> {
    if !args.update {
        suites::check_new(&args.output, "name another, move this one away, or add to it with `--update`")?;
    }
    if suites::dataset(&args.output).is_none() {
        Suite::check_name(&args.output)?;
        output::file::can_be_made(&args.output)?;
    }
    existing(args)
}

/// The suite that is to be added to, where there is one.
pub(super) fn existing(args: &Args) -> Result<Option<Suite>> {
    let is_there = args.update && suites::exists(&args.output)?;
    is_there.then(|| suites::load(&args.output)).transpose()
}

/// Writes the suite, whole or not at all.
pub(super) fn write(there: Option<Suite>, cases: &[TestCase], args: &Args) -> Result<Written> {
    if let Some(name) = suites::dataset(&args.output) {
        return to_dataset(name, there, cases);
    }
    let Some(there) = there else {
        let name = args.output.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let suite = Suite { name, cases: cases.to_vec() };
        suite.save(&args.output)?;
        return Ok(Written { suite, changes: None });
    };
    let updated = update(there.clone(), cases.to_vec());
    if updated.suite != there && updated.suite.save_over(&args.output, &there)? == Saved::Anew {
        output::note("the file was written anew: its form did not allow to change lines, and comments are gone");
    }
    Ok(Written { suite: updated.suite, changes: Some(updated.changes) })
}

/// Writes the suite to a dataset of MLflow.
fn to_dataset(name: &str, there: Option<Suite>, cases: &[TestCase]) -> Result<Written> {
    let (suite, changes) = match there {
        None => (Suite { name: Some(name.to_owned()), cases: cases.to_vec() }, None),
        Some(there) => {
            let updated = update(there, cases.to_vec());
            (updated.suite, Some(updated.changes))
        }
    };
    suites::write(name, None, &suite)?;
    Ok(Written { suite, changes })
}

/// What an update did, and what it left alone.
pub(super) fn note(changes: &Changes) {
    let Changes { added, changed, left } = changes;
    let (cases, parts) = (counted(added.len(), "case"), counted(changed.len(), "part"));
    output::note(format_args!("{cases} added, {parts} of other cases added or renewed, {} left alone", left.len()));
    super::name_some("left alone:", left);
}
