//! The suite that is written: a new file, or what `--update` adds to the one that is there.

use reenact::case::Saved;
use reenact::distill::update::{Changes, update};
use reenact::{Error, ErrorKind, Result, Suite, TestCase};

use super::Args;
use crate::output;
use crate::output::counted;

/// A suite as it was written.
pub(super) struct Written {
    pub(super) suite: Suite,
    /// What an update did to it.
    pub(super) changes: Option<Changes>,
}

/// The suite that is to be added to, where there is one; known before anything is distilled, as is whether it can be written.
pub(super) fn there(args: &Args) -> Result<Option<Suite>> {
    if args.output.exists() && !args.update {
        let error =
            Error::new(ErrorKind::Usage, "the file exists, and may hold somebody's edits").at(&args.output, None);
        return Err(error.hint("name another file, move this one away, or add to it with `--update`"));
    }
    Suite::check_name(&args.output)?;
    output::file::can_be_made(&args.output)?;
    existing(args)
}

/// The suite that is to be added to, where there is one.
pub(super) fn existing(args: &Args) -> Result<Option<Suite>> {
    let is_there = args.update && args.output.exists();
    is_there.then(|| Suite::load(&args.output)).transpose()
}

/// Writes the suite, whole or not at all.
pub(super) fn write(there: Option<Suite>, cases: &[TestCase], args: &Args) -> Result<Written> {
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

/// What an update did, and what it left alone.
pub(super) fn note(changes: &Changes) {
    let Changes { added, changed, left } = changes;
    let (cases, parts) = (counted(added.len(), "case"), counted(changed.len(), "part"));
    output::note(format_args!("{cases} added, {parts} of other cases added or renewed, {} left alone", left.len()));
    super::name_some("left alone:", left);
}
