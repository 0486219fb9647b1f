//! How the recorded user worded what a case tells, in the order of the recording.
//!
//! A case is short, so that people can read and edit it; what its user then says should sound like the user who was recorded.
//! Both hold where the words stand beside the case, as its evidence. Only what a user may say comes from there: evidence of
//! expectations, style and endings stays where it is.

use std::fmt;

use super::{Evidence, TestCase};
use crate::text::stands_in;

/// What the recorded user said, as far as it belongs to what a simulated one may say.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wording<'a>(Vec<Worded<'a>>);

/// A message of the recorded user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Worded<'a> {
    pub(crate) turn: u32,
    pub(crate) part: Part<'a>,
    /// The words; none where the case no longer says what they say, because somebody edited it.
    pub(crate) words: Option<&'a str>,
}

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The line of the goal with this number, from 1.
    Wish(usize),
    /// The fact with this id.
    Fact(&'a str),
    /// Nothing: thanks, a goodbye.
    Remark,
}

impl TestCase {
    /// How the recorded user worded this case. There is nothing where it was not distilled, and for a
    /// [`variant`](Self::variant), whose user is another one.
    #[must_use]
    pub fn wording(&self) -> Wording<'_> {
        if self.variant.is_some() {
            return Wording::default();
        }
        let evidence = self.origin.iter().flat_map(|origin| &origin.evidence);
        let mut wording = Wording::default();
        for entry in evidence {
            let worded = self.worded(entry, &wording);
            wording.0.extend(worded);
        }
        wording.0.sort_by_key(|worded| worded.turn);
        wording
    }

    fn worded<'a>(&'a self, entry: &'a Evidence, before: &Wording<'_>) -> Option<Worded<'a>> {
        let (part, text) = match entry.field.split_once('.') {
            None if entry.field == "remark" => (Part::Remark, ""),
            None if entry.field == "goal" => {
                let mut wishes = self.brief.wishes();
                let is_new = |line| before.of(Part::Wish(line)).is_none();
                let (line, wish) = wishes.find(|(line, wish)| is_new(*line) && stands_in(wish, &entry.quote))?;
                (Part::Wish(line), wish)
            }
            Some(("facts", id)) => {
                let fact = self.brief.facts.iter().find(|fact| fact.id == id)?;
                (Part::Fact(&fact.id), fact.text.as_str())
            }
            _ => return None,
        };
        let is_new = part == Part::Remark || before.of(part).is_none();
        let words = stands_in(text, &entry.quote).then_some(entry.quote.as_str());
        is_new.then_some(Worded { turn: entry.turn, part, words })
    }
}

impl<'a> Wording<'a> {
    /// A user of whom nothing is recorded.
    pub const NONE: &'static Wording<'static> = &Wording(Vec::new());

    /// The message that tells a part.
    pub(crate) fn of(&self, part: Part<'_>) -> Option<&Worded<'a>> {
        self.0.iter().find(|worded| worded.part == part)
    }

    /// The messages that tell nothing, in order.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = (u32, &'a str)> {
        let remarks = self.0.iter().filter(|worded| worded.part == Part::Remark);
        remarks.filter_map(|worded| Some((worded.turn, worded.words?)))
    }

    /// The turn of the last message that tells something.
    pub(crate) fn last_telling(&self) -> u32 {
        self.0.iter().filter(|worded| worded.part != Part::Remark).map(|worded| worded.turn).max().unwrap_or(0)
    }
}

/// A fact that waits may stand in here: how many messages there are is all that is shown.
impl fmt::Debug for Wording<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wording of {} messages", self.0.len())
    }
}
