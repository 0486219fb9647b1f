//! `--select`: which sessions are distilled, and what it leaves out.

use std::collections::{BTreeSet, HashMap};

use reenact::distill::curation::{Coverage, Curation, Selection};
use reenact::mask::unmasked_id;
use reenact::{Result, Store, Suite, TestCase};

use super::{Args, recordings};
use crate::output;
use crate::output::counted;

/// What was chosen among the sessions.
pub(super) struct Choice {
    pub(super) selection: Selection,
    curation: Curation,
}

/// Chooses, where that is asked for: sessions that the suite has cases of need not be chosen again.
pub(super) fn choose(args: &Args, suite: Option<&Suite>, store: &Store) -> Result<Option<Choice>> {
    let Some(count) = args.select else { return Ok(None) };
    output::note("looking through the sessions");
    let curation = Curation::of(recordings(args, store)?)?;
    let cases = suite.map_or(&[][..], |suite| &suite.cases);
    let had: BTreeSet<String> = cases.iter().filter_map(|case| Some(case.origin.as_ref()?.session.clone())).collect();
    let selection = curation.select(count.get(), &had);
    // The first choice is the only one.
    let _ = args.chosen.set(selection.chosen.iter().map(|chosen| chosen.session.clone()).collect());
    Ok(Some(Choice { selection, curation }))
}

/// Keeps with each case how many other sessions are nearly the same.
pub(super) fn count_alike(cases: &mut [TestCase], choice: Option<&Choice>) {
    let chosen = choice.iter().flat_map(|choice| &choice.selection.chosen);
    let alike: HashMap<&str, usize> = chosen.map(|chosen| (chosen.session.as_str(), chosen.alike)).collect();
    for origin in cases.iter_mut().filter_map(|case| case.origin.as_mut()) {
        let session = unmasked_id(&origin.session).map_or(origin.session.as_str(), |(recorded, _)| recorded);
        let count = alike.get(session).copied().unwrap_or_default();
        origin.alike = u32::try_from(count).unwrap_or(u32::MAX);
    }
}

impl Choice {
    /// Which clusters of the sessions these cases cover.
    pub(super) fn coverage(&self, cases: &[TestCase]) -> Coverage {
        self.curation.coverage(cases)
    }
}

/// The options as somebody would type them again, each with a space before it.
pub(super) fn in_words(args: &Args) -> String {
    let select = args.select.map(|count| format!(" --select {count}")).unwrap_or_default();
    let update = if args.update { " --update" } else { "" };
    format!("{select}{update}")
}

/// What became of the sessions, by reason.
pub(super) fn note(selection: &Selection) {
    use reenact::distill::curation::Why;
    let count = |is: fn(&Why) -> bool| selection.left_out.iter().filter(|left| is(&left.why)).count();
    let all = selection.chosen.len() + selection.left_out.len();
    let reasons = [
        (count(|why| matches!(why, Why::NearlyTheSameAs(_))), "nearly the same as another"),
        (count(|why| *why == Why::InTheSuite), "in the suite already"),
        (count(|why| *why == Why::Enough), "less worth having"),
        (count(|why| *why == Why::NothingSaid), "without a word of the user"),
    ];
    let told = reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("; {count} {reason}"));
    let (chosen, all) = (selection.chosen.len(), counted(all, "session"));
    output::note(format_args!("chose {chosen} of {all}{}", told.collect::<String>()));
}
