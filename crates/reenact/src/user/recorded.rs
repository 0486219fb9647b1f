//! The recorded user's own words for what a simulated one does: its messages, as long as they fit, and its remarks.
//!
//! What is said and when, the agenda decides. Here is only how the recorded user said it, and whether that can be said in this
//! conversation: a message that would give something else away, name what nobody has named, or thank for a refusal, is not
//! said, and the words of the brief are.

use super::reading::newest_reply;
use super::{DialogueAct, Said, Scene, guard};
use crate::case::Part;
use crate::{Speaker, acts, text};

/// What was said, in the words in which the recorded user told this part, where they fit.
pub(super) fn worded(scene: &Scene<'_>, part: Part<'_>, said: &Said) -> Option<String> {
    let words = scene.wording.of(part)?.words?;
    let is_refused = || text::sentences(&newest_reply(scene)).into_iter().any(acts::refuses);
    let thanks = || text::sentences(words).into_iter().any(acts::is_social);
    let recorded = Said { text: words.to_owned(), ..said.clone() };
    // Who was turned down once in these words finds others.
    let fits = scene.rejected.is_empty() && !(thanks() && is_refused()) && guard::may_say(scene, &recorded);
    fits.then_some(recorded.text)
}

/// The remark that the recorded user said next, with its turn, where something is still to come after it.
pub(super) fn remark<'a>(scene: &Scene<'a>) -> Option<(u32, &'a str)> {
    let last = scene.wording.last_telling();
    let fits = |words: &str| scene.rejected.is_empty() && may_remark(scene, words);
    next_remark(scene).filter(|(turn, words)| *turn < last && fits(words))
}

/// The words with which the recorded user left.
pub(super) fn goodbye(scene: &Scene<'_>) -> Option<String> {
    let last = scene.wording.last_telling();
    let words = scene.wording.remarks().find(|(turn, _)| *turn > last)?.1;
    may_remark(scene, words).then(|| words.to_owned())
}

fn may_remark(scene: &Scene<'_>, words: &str) -> bool {
    let said = Said { text: words.to_owned(), act: DialogueAct::Remark, discloses: Vec::new() };
    guard::may_say(scene, &said)
}

/// How many of the user's messages since a turn only were remarks.
pub(super) fn remarks_since(scene: &Scene<'_>, turn: u32) -> u32 {
    let is_remark = |text: &str| scene.wording.remarks().any(|(_, words)| words == text);
    let said = scene.heard.turns().filter(|said| said.number > turn && is_remark(&said.user.text));
    said.count() as u32
}

/// The first remark after all that was told or said of the recording.
fn next_remark<'a>(scene: &Scene<'a>) -> Option<(u32, &'a str)> {
    let told = scene.disclosures.iter().filter_map(|said| turn_of(scene, &said.fact)).max().unwrap_or(1);
    let mut reached = told;
    for message in scene.heard.by(Speaker::User) {
        let said = scene.wording.remarks().find(|(turn, words)| *turn > reached && *words == message.text);
        reached = said.map_or(reached, |(turn, _)| turn);
    }
    scene.wording.remarks().find(|(turn, _)| *turn > reached)
}

/// The recorded turn of what stands in the ledger under this name.
fn turn_of(scene: &Scene<'_>, id: &str) -> Option<u32> {
    let part = match id.strip_prefix("goal.").and_then(|line| line.parse().ok()) {
        Some(line) if super::agenda::is_wish(scene.brief, id) => Part::Wish(line),
        _ => Part::Fact(id),
    };
    Some(scene.wording.of(part)?.turn)
}
