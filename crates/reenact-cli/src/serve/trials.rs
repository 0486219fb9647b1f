//! A trial: the simulated conversation beside the recorded one, what was told when, how it was judged, and every call.

use reenact::journal::calls_of_trial;
use reenact::report::EndingKind;
use reenact::run::{Mark, Standing, TrialStanding, so_far};
use reenact::user::goal::GoalCheck;
use reenact::{
    Assessment, Cited, Cost, Discarded, Ending, Environment, Fact, Origin, Result, Session, Store, TestCase, ToolMiss,
    Trial,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::{Fault, Told};
use super::routes::{Answer, Routes};
use super::runs::Head;
use super::runs::grid::mark;
use crate::command::report::stored_session;
use beside::{Pair, Talk, beside};
use calls::CallShown;

pub(super) mod beside;
mod calls;

pub(super) fn routes() -> Routes {
    let about = "A trial: both conversations, what was told when, how it was judged, and every call";
    Routes::new().shown("/runs/{id}/trials/{case}/{trial}", "trial.html", about, show)
}

#[derive(Deserialize, JsonSchema)]
struct Which {
    /// The run's id, the start of it, or `latest`.
    id: String,
    /// The case's id.
    case: String,
    /// Which trial of the case, from 1.
    trial: u32,
}

/// A trial as its page shows it.
#[derive(Serialize, JsonSchema)]
struct Shown {
    run: Head,
    /// What of the run's log is told here.
    mark: Mark,
    case: TestCase,
    number: u32,
    /// Its outcome, or `begun` or `open`.
    outcome: &'static str,
    /// Why it stopped, in words; nothing while it goes on.
    ending: Option<String>,
    /// Why what was said so far cannot be told.
    untold: Option<Told>,
    session_id: String,
    agent_version: Option<String>,
    goal: Option<GoalCheck>,
    /// Earlier conversations of the trial whose simulated user misbehaved.
    discarded: Vec<Discarded>,
    tool_misses: Vec<ToolMiss>,
    /// The simulated conversation on the one side, the recorded one on the other.
    rows: Vec<Pair>,
    /// Whether the recorded session is in the store.
    has_recording: bool,
    ledger: Vec<Entry>,
    assessments: Vec<Judged>,
    calls: Vec<CallShown>,
    /// What the models cost in it, in words.
    cost: String,
    before: Option<Neighbour>,
    behind: Option<Neighbour>,
}

/// A trial to go to from here.
#[derive(Serialize, JsonSchema)]
struct Neighbour {
    case: String,
    number: u32,
}

/// A fact that the user may tell, and whether it did.
#[derive(Serialize, JsonSchema)]
struct Entry {
    fact: String,
    text: String,
    gate: String,
    /// The turn in which it was told.
    turn: Option<u32>,
    /// The words that opened its gate, where it waits for words.
    opened_by: Option<Cited>,
}

/// An assessment with what it is of.
#[derive(Serialize, JsonSchema)]
pub(super) struct Judged {
    #[serde(flatten)]
    assessment: Assessment,
    /// The expectation in words.
    text: Option<String>,
    /// The value in words.
    value_words: Option<String>,
    /// What each of several judges said, in words.
    said: Vec<String>,
}

/// How each question of a case was answered.
pub(super) fn judged(case: Option<&TestCase>, trial: &Trial) -> Vec<Judged> {
    let text_of = |id: &str| case?.expectations.iter().find(|it| it.id == id)?.text.clone();
    let judged = |assessment: &Assessment| Judged {
        text: text_of(&assessment.expectation),
        value_words: assessment.value_in_words(),
        said: assessment.votes.iter().map(|vote| format!("{}: {}", vote.judge, vote.ruling.in_words())).collect(),
        assessment: assessment.clone(),
    };
    trial.assessments.iter().map(judged).collect()
}

async fn show(app: App, which: Which, (): ()) -> Answer<Shown> {
    let shown = app.read_runs(move |known, store| {
        let found = known.standing(store, &which.id, |standing| found(standing, &which))?;
        found.map(|found| found.shown(store)).transpose()
    });
    let missing =
        || Fault::missing(Fault::bad("the run has no such trial").hint("go back to the run, which shows all"));
    shown.await.map_err(Fault::missing)?.ok_or_else(missing)
}

/// A trial of a run, and where it stands.
struct Found {
    run: Head,
    mark: Mark,
    case: TestCase,
    standing: TrialStanding,
    round: u32,
    prices: std::collections::BTreeMap<String, reenact::Price>,
    before: Option<Neighbour>,
    behind: Option<Neighbour>,
}

fn found(standing: &Standing, which: &Which) -> Option<Found> {
    let (mut before, mut here, mut behind) = (None, None, None);
    for case in standing.cases() {
        for trial in case.trials {
            let number = trial.number();
            let neighbour = || Some(Neighbour { case: case.case.id.clone(), number });
            if here.is_some() {
                behind = neighbour();
                break;
            }
            if case.case.id == which.case && number == which.trial {
                here = Some((case.case.clone(), trial));
            } else {
                before = neighbour();
            }
        }
        if behind.is_some() {
            break;
        }
    }
    let (case, trial) = here?;
    let prices = standing.run().provenance.prices.clone();
    let (run, mark, round) = (Head::of(standing), standing.mark(), standing.round());
    Some(Found { run, mark, case, standing: trial, round, prices, before, behind })
}

impl Found {
    fn shown(self, store: &Store) -> Result<Shown> {
        let (trial, untold) = self.trial(store)?;
        let has_ended = matches!(self.standing, TrialStanding::Ended(_));
        let recording = self.recording(store)?;
        let calls = calls_of_trial(store, &self.run.id, &self.case.id, self.standing.number())?;
        let calls = calls::shown(calls, &self.case, &trial.discarded, self.round, &self.prices);
        Ok(Shown {
            number: self.standing.number(),
            outcome: mark(&self.standing),
            ending: has_ended.then(|| ending(&trial.ending)),
            rows: self.rows(&trial, recording.as_ref()),
            has_recording: recording.is_some(),
            ledger: ledger(&self.case, &trial),
            assessments: judged(Some(&self.case), &trial),
            cost: self.cost(store)?.words(),
            calls,
            untold,
            session_id: trial.session_id,
            agent_version: trial.agent_version,
            goal: trial.goal,
            discarded: trial.discarded,
            tool_misses: trial.tool_misses,
            run: self.run,
            mark: self.mark,
            case: self.case,
            before: self.before,
            behind: self.behind,
        })
    }

    /// The trial, as far as it is; and why nothing can be told of it, where it has not ended.
    fn trial(&self, store: &Store) -> Result<(Trial, Option<Told>)> {
        let (run, case, number) = (&self.run.id, &self.case.id, self.standing.number());
        if let TrialStanding::Ended(_) = self.standing {
            return Ok((store.trial(run, case, number)?, None));
        }
        // Nothing in it waits: the journal answers, or it ends.
        let told = futures::executor::block_on(so_far(store, run, case, number, &Environment::of_process()));
        Ok(match (told, &self.standing) {
            (Ok(trial), TrialStanding::Begun { .. }) => (trial, None),
            (Ok(trial), _) => (Trial { conversation: self.case.staging.prefix.clone(), ..trial }, None),
            (Err(error), _) => (nothing_of(&self.case, number), Some(Fault::from(error).told())),
        })
    }

    fn recording(&self, store: &Store) -> Result<Option<(Session, Origin)>> {
        let Some(origin) = &self.case.origin else { return Ok(None) };
        Ok(stored_session(store, &origin.session)?.map(|session| (session, origin.clone())))
    }

    fn rows(&self, trial: &Trial, recording: Option<&(Session, Origin)>) -> Vec<Pair> {
        let nothing = reenact::Conversation::default();
        let (recorded, of_recorded) = match recording {
            Some((session, origin)) => (&session.conversation, Talk::of_recording(&session.conversation, origin)),
            None => (&nothing, Talk::default()),
        };
        let talk = Talk::of_trial(trial, calls::first_reply(&self.case));
        beside((&trial.conversation, talk), (recorded, of_recorded))
    }

    fn cost(&self, store: &Store) -> Result<Cost> {
        let calls = calls_of_trial(store, &self.run.id, &self.case.id, self.standing.number())?;
        let charged = calls.into_iter().filter_map(|call| {
            let replaced = call.key.role == reenact::StepRole::Judge && call.round < self.round;
            Some(reenact::journal::Charged { key: call.key, replaced, charge: call.charge? })
        });
        Ok(Cost::of(&charged.collect::<Vec<_>>(), &self.prices))
    }
}

/// The turn of the first reply in a case that was measured, for whoever shows trials elsewhere.
pub(super) fn talk(case: &TestCase, trial: &Trial) -> Talk {
    Talk::of_trial(trial, calls::first_reply(case))
}

/// Why a conversation stopped, in words.
pub(super) fn ending(ending: &Ending) -> String {
    let words = EndingKind::from(ending).words();
    match ending {
        Ending::AgentFailed(fault) => format!("{words}: {fault}"),
        Ending::ToolMissed(reason) | Ending::UserInvalid(reason) | Ending::UserFailed(reason) => {
            format!("{words}: {reason}")
        }
        _ => words.to_owned(),
    }
}

/// Every fact of the case, and what else was told, in the order of the brief.
fn ledger(case: &TestCase, trial: &Trial) -> Vec<Entry> {
    let told = |id: &str| trial.disclosures.iter().find(|told| told.fact == id);
    let of_fact = |fact: &Fact| {
        let told = told(&fact.id);
        Entry {
            fact: fact.id.clone(),
            text: fact.text.clone(),
            gate: fact.gate.to_string(),
            turn: told.map(|told| told.turn),
            opened_by: told.and_then(|told| told.opened_by.clone()),
        }
    };
    let is_fact = |id: &str| case.brief.facts.iter().any(|fact| fact.id == id);
    let wishes = trial.disclosures.iter().filter(|told| !is_fact(&told.fact)).map(|told| Entry {
        text: wish(case, &told.fact),
        fact: told.fact.clone(),
        gate: told.gate.clone(),
        turn: Some(told.turn),
        opened_by: told.opened_by.clone(),
    });
    case.brief.facts.iter().map(of_fact).chain(wishes).collect()
}

/// The line of the goal that stands in the ledger as `goal.N`.
fn wish(case: &TestCase, id: &str) -> String {
    let lines = case.brief.goal.lines().map(str::trim).filter(|line| !line.is_empty());
    let number: Option<usize> = id.strip_prefix("goal.").and_then(|number| number.parse().ok());
    let line = number.and_then(|number| lines.clone().nth(number.checked_sub(1)?));
    line.unwrap_or_default().to_owned()
}

/// A trial of which nothing is known.
fn nothing_of(case: &TestCase, number: u32) -> Trial {
    Trial {
        case: case.id.clone(),
        trial: number,
        session_id: String::new(),
        ending: Ending::SaidAll,
        outcome: reenact::Outcome::Inconclusive,
        conversation: case.staging.prefix.clone(),
        disclosures: Vec::new(),
        corrections: Vec::new(),
        goal: None,
        handed_over_at: None,
        discarded: Vec::new(),
        agent_version: None,
        agent_latencies_ms: Vec::new(),
        agent_usage: Vec::new(),
        tool_misses: Vec::new(),
        assessments: Vec::new(),
    }
}
