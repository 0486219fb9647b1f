//! Expectations tried on the recording before they are offered, where no code decides them: by the model that proposed them, as a judge
//! with a question of its own and words that it must cite.
//!
//! The user's words say what must come out: who turned against the agent was failed by it. An expectation that the recorded
//! agent meets all the same would not have caught that, and is dropped. One that it is not seen to fail is offered, and is no part of
//! the failure signature.

use super::evidence::Verified;
use super::{Desk, recorded_at};
use crate::cost::{CostRole, Spent};
use crate::judge::{self, Verdict};
use crate::text::sentences;
use crate::{Expectation, Result, Session, Skipped, TestCase, acts};

/// How many expectations of one case are tried. The others, if a model should propose more, are not said to have failed.
pub(crate) const TRIED_MAX: usize = 8;

/// The expectations that are tried.
pub(super) fn judged(case: &TestCase) -> impl Iterator<Item = &Expectation> {
    case.expectations.iter().filter(|expectation| expectation.check.is_judged()).take(TRIED_MAX)
}

/// Tries what no code decides; the questions stand in a cassette from this position on. Gives what it cost.
pub(super) async fn on_recording(
    desk: &Desk<'_>,
    session: &Session,
    verified: &mut Verified,
    first: u32,
) -> Result<Vec<Spent>> {
    let Verified { case: Ok(case), dropped } = verified else { return Ok(Vec::new()) };
    let (mut spent, mut failed) = (Vec::new(), Vec::new());
    for (position, expectation) in (first..).zip(judged(case).cloned().collect::<Vec<_>>()) {
        let question = judge::model::question(&expectation, &session.conversation);
        let answer = desk.ask(&recorded_at(session, position), &question).await?;
        spent.push(desk.spent(CostRole::Distiller, &answer));
        match judge::model::verdict(&session.conversation, &answer).verdict {
            Verdict::Fail => failed.push(expectation.id),
            Verdict::Pass if is_objection(case, &expectation) => dropped.push(leave_out(case, session, &expectation)),
            Verdict::Pass | Verdict::Inconclusive => {}
        }
    }
    let is_open = |expectation: &&Expectation| expectation.check.is_judged() && !failed.contains(&expectation.id);
    let open = case.expectations.iter().filter(is_open).map(|expectation| expectation.id.clone());
    case.origin.get_or_insert_default().not_failed = open.collect();
    Ok(spent)
}

/// Whether it rests on words with which the user turned against the agent.
fn is_objection(case: &TestCase, expectation: &Expectation) -> bool {
    let field = format!("expectations.{}", expectation.id);
    let evidence = case.origin.iter().flat_map(|origin| &origin.evidence).filter(|evidence| evidence.field == field);
    evidence.flat_map(|evidence| sentences(&evidence.quote)).any(|s| acts::pushes_back(s) || acts::gives_up(s))
}

fn leave_out(case: &mut TestCase, session: &Session, expectation: &Expectation) -> Skipped {
    let field = format!("expectations.{}", expectation.id);
    case.expectations.retain(|other| other.id != expectation.id);
    case.origin.get_or_insert_default().evidence.retain(|evidence| evidence.field != field);
    let reason = "the recorded agent meets it, so it would not have caught what the user turned against".to_owned();
    Skipped { what: format!("session {}, {field}", session.id), reason }
}
