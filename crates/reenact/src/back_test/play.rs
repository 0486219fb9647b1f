//! A case played on its recording: before each turn its user has heard what the recorded user had, whatever it said itself.

use std::collections::BTreeMap;

use crate::simulate::{Act, guarded};
use crate::user::guard::Guard;
use crate::user::lines;
use crate::{Conversation, Disclosure, Leaving, Scene, Session, SimulatedUser, Speaker, TestCase};

/// What the simulated user did at one turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Did {
    /// Said this.
    Said(String),
    /// Left.
    Left(Leaving),
    /// Misbehaved, or did not answer; why.
    Failed(String),
}

/// Plays a case: what its user does at each turn of the recorded one, and at the one after them if the recorded agent answered
/// the last.
///
/// What was told before a turn is what the recorded user had told by then, so that no turn suffers for another; what that user
/// never told counts once the simulated one has told it.
pub(super) async fn play(case: &TestCase, session: &Session, user: &dyn SimulatedUser) -> Vec<(u32, Did)> {
    let (guard, wording, recorded) = (Guard::of(case), case.wording(), told_in_recording(case, session));
    let mut own: Vec<Disclosure> = Vec::new();
    let mut played = Vec::new();
    for (turn, heard) in histories(session) {
        let before = recorded.iter().filter(|said| said.turn < turn).chain(&own);
        let mut disclosures: Vec<Disclosure> = before.cloned().collect();
        disclosures.sort_by_key(|said| said.turn);
        let scene = Scene { wording: &wording, disclosures: &disclosures, ..Scene::new(&case.brief, &heard) };
        let did = match guarded(user, &guard, scene).await.act {
            Ok(Act::Says(said, told)) => {
                let is_own = |fact: &str| !recorded.iter().chain(&own).any(|known| known.fact == fact);
                let told = told.into_iter().filter(|told| is_own(&told.fact)).map(|told| disclosure(told.fact, turn));
                let told: Vec<Disclosure> = told.collect();
                own.extend(told);
                Did::Said(said.text)
            }
            Ok(Act::Leaves(why, _)) => Did::Left(why),
            Err(fault) => Did::Failed(fault.to_string()),
        };
        played.push((turn, did));
    }
    played
}

fn disclosure(fact: String, turn: u32) -> Disclosure {
    Disclosure { turn, fact, gate: String::new(), opened_by: None }
}

/// What was heard before each turn of the user, and before the one that there is no more where the last was answered.
fn histories(session: &Session) -> Vec<(u32, Conversation)> {
    let (mut heard, mut turn, mut histories) = (Conversation::default(), 0, Vec::new());
    for message in &session.conversation.messages {
        turn += u32::from(message.speaker == Speaker::User);
        if !message.is_heard() {
            continue;
        }
        if message.speaker == Speaker::User {
            histories.push((turn, heard.clone()));
        }
        heard.messages.push(message.clone());
    }
    let is_answered = heard.messages.last().is_some_and(|last| last.speaker == Speaker::Agent);
    histories.extend(is_answered.then_some((turn + 1, heard)));
    histories
}

/// The facts that the recorded user told, each with the turn: where its evidence stands, else where its words do.
fn told_in_recording(case: &TestCase, session: &Session) -> Vec<Disclosure> {
    let mut turns: BTreeMap<String, u32> = BTreeMap::new();
    let origin = case.origin.iter().filter(|origin| origin.session == session.id);
    for evidence in origin.flat_map(|origin| &origin.evidence) {
        let Some(fact) = evidence.field.strip_prefix("facts.") else { continue };
        let turn = turns.entry(fact.to_owned()).or_insert(evidence.turn);
        *turn = evidence.turn.min(*turn);
    }
    for turn in session.conversation.turns() {
        for told in lines::told(&case.brief, &turn.user.text) {
            turns.entry(told.fact).or_insert(turn.number);
        }
    }
    turns.into_iter().map(|(fact, turn)| disclosure(fact, turn)).collect()
}
