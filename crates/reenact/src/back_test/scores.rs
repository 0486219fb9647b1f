//! The figures of a case that was played on its recording, and which of them are poor.

use schemars::JsonSchema;
use serde::Serialize;

use super::play::Did;
use super::style;
use super::told::{Message, Thing, tau};
use crate::text::sentences;
use crate::{Leaving, Session, TestCase, acts};

/// A case tells at least this share of what its user told.
///
/// A case may leave out asides, which are things like any other here, and not more than a quarter: on recorded conversations a
/// case tells three quarters to nine tenths of its own user, and a tenth of a stranger's (docs/back-test.md).
pub const CONVEYED_MIN: f64 = 0.75;

/// At least so far its user keeps the recorded order: nine pairs of things in ten.
pub const ORDER_MIN: f64 = 0.8;

/// At most this share of things is told before the real user told it.
///
/// None should be: what comes early helps the agent. A turn of mere manners that no case plays makes the next thing a turn
/// early, and so much of that is common.
pub const EARLY_MAX: f64 = 0.2;

/// A user leaves at most so many turns before the real one did, whose goodbyes are not counted.
///
/// Whether somebody takes note of the last answer or just goes is chance.
pub const LEFT_EARLY_TURNS_MAX: i32 = 1;

/// At most so far apart from its user a case writes.
///
/// Strangers are 0.4 to 0.6 apart (docs/back-test.md): who is further than the middle of them writes like anybody else.
pub const STYLE_DISTANCE_MAX: f64 = 0.55;

/// How a case plays a recording.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Scores {
    /// The share of what the recorded user told that the simulated one tells, 0 to 1; none where nothing was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conveyed: Option<f64>,
    /// How far it is told in the recorded order, -1 to 1 (Kendall's tau); none where fewer than two turns tell anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<f64>,
    /// The share of what is told that comes before the recorded user told it, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early: Option<f64>,
    /// When and how the user leaves.
    pub leaving: LeavingScore,
    /// How far the simulated messages look from the recorded ones, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style_distance: Option<f64>,
    /// At how many turns the user misbehaved, or whoever plays it did not answer.
    pub failed_turns: u32,
}

/// When and how a user leaves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct LeavingScore {
    /// How many turns after the recorded user, before it where it is negative; goodbyes are not counted. Who goes on at the end of
    /// the recording leaves one turn late at least. None where the recording does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns_late: Option<i32>,
    /// Why the simulated user leaves, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Leaving>,
    /// Whether that is how the recorded user left; none where one of them cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_recorded: Option<bool>,
}

/// A figure of a case that is poor.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// Which figure.
    pub measure: Measure,
    /// What is wrong, with the figure and what it is held to.
    pub words: String,
}

/// What a back-test measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of what the recorded user told that is told.
    Conveyed,
    /// The order in which it is told.
    Order,
    /// What comes too early.
    Early,
    /// When and how the user leaves.
    Leaving,
    /// How the messages look.
    Style,
    /// Whether the user keeps to its part.
    User,
}

impl Scores {
    /// Scores what a user did at each turn of a recording that told these things, and whose user left as `recorded` says.
    pub(super) fn of(things: &[Thing<'_>], played: &[(u32, Did)], session: &Session, recorded: Option<&str>) -> Self {
        let said = |(turn, did): &(u32, Did)| match did {
            Did::Said(text) => Some((*turn, Message::of(text))),
            Did::Left(_) | Did::Failed(_) => None,
        };
        let said: Vec<(u32, Message)> = played.iter().filter_map(said).collect();
        let first = |thing: &Thing<'_>| said.iter().find(|(_, message)| thing.is_told_by(message)).map(|said| said.0);
        let told: Vec<(u32, u32)> = things.iter().filter_map(|thing| Some((thing.turn, first(thing)?))).collect();
        let share = |count: usize, of: usize| (of > 0).then(|| count as f64 / of as f64);
        let early = told.iter().filter(|(real, simulated)| simulated < real).count();
        Scores {
            conveyed: share(told.len(), things.len()),
            order: tau(&told),
            early: share(early, told.len()),
            leaving: LeavingScore::of(played, session, recorded),
            style_distance: style_distance(played, session),
            failed_turns: played.iter().filter(|(_, did)| matches!(did, Did::Failed(_))).count() as u32,
        }
    }

    /// How far from the recorded user, all figures together and each by its distance from what is best: 0 where nothing is
    /// otherwise. Only good for saying which of two cases of one recording is better.
    pub(super) fn loss(&self) -> f64 {
        let missing = 1.0 - self.conveyed.unwrap_or(1.0);
        let disorder = (1.0 - self.order.unwrap_or(1.0)) / 2.0;
        let turns_off = f64::from(self.leaving.turns_late.unwrap_or(0).unsigned_abs());
        let otherwise = if self.leaving.as_recorded == Some(false) { 1.0 } else { 0.0 };
        let leaving = turns_off / (1.0 + turns_off) + otherwise;
        missing
            + disorder
            + self.early.unwrap_or(0.0)
            + leaving
            + self.style_distance.unwrap_or(0.0)
            + f64::from(self.failed_turns)
    }

    /// What is poor.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let below = |figure: Option<f64>, min: f64| figure.filter(|figure| *figure < min);
        let above = |figure: Option<f64>, max: f64| figure.filter(|figure| *figure > max);
        let conveyed = below(self.conveyed, CONVEYED_MIN).map(|share| {
            (Measure::Conveyed, format!("it tells {share:.2} of what the user told, and should tell {CONVEYED_MIN}"))
        });
        let order = below(self.order, ORDER_MIN).map(|tau| {
            (
                Measure::Order,
                format!("it keeps the order in which the user told it to {tau:.2}, and should to {ORDER_MIN}"),
            )
        });
        let early = above(self.early, EARLY_MAX).map(|share| {
            (
                Measure::Early,
                format!("it tells {share:.2} of it before the user did, and should tell at most {EARLY_MAX}"),
            )
        });
        let style = above(self.style_distance, STYLE_DISTANCE_MAX).map(|distance| {
            (
                Measure::Style,
                format!("it writes {distance:.2} apart from the user, and should at most {STYLE_DISTANCE_MAX}"),
            )
        });
        let failed = (self.failed_turns > 0).then(|| {
            (Measure::User, format!("its user misbehaved, or was not played, at {} of the turns", self.failed_turns))
        });
        let all = [conveyed, order, early].into_iter().chain(self.leaving.findings()).chain([style, failed]);
        all.flatten().map(|(measure, words)| Finding { measure, words }).collect()
    }
}

impl LeavingScore {
    fn of(played: &[(u32, Did)], session: &Session, recorded: Option<&str>) -> Self {
        let left = played.iter().find_map(|(turn, did)| match did {
            Did::Left(why) => Some((*turn, *why)),
            Did::Said(_) | Did::Failed(_) => None,
        });
        let (last, turns) = last_turns(session);
        let goes_on = played.last().is_some_and(|(turn, _)| *turn > turns);
        let turns_late = match left {
            Some((turn, _)) if turn <= last => Some(turn as i32 - (last + 1) as i32),
            Some(_) => Some(0),
            None => goes_on.then_some(1),
        };
        let why = left.map(|(_, why)| why);
        LeavingScore {
            turns_late,
            why,
            as_recorded: why.zip(recorded).and_then(|(why, recorded)| is_as(recorded, why)),
        }
    }

    fn findings(&self) -> [Option<(Measure, String)>; 2] {
        let early = self.turns_late.filter(|late| *late < -LEFT_EARLY_TURNS_MAX).map(|late| {
            let turns = -late;
            (
                Measure::Leaving,
                format!("it leaves {turns} turns before the user did, and should at most {LEFT_EARLY_TURNS_MAX}"),
            )
        });
        let otherwise = (self.as_recorded == Some(false)).then(|| {
            let why = self.why.map(in_words).unwrap_or_default();
            (Measure::Leaving, format!("it {why}, which is not how the user left"))
        });
        [early, otherwise]
    }
}

/// The last turn of the user that is more than a goodbye, and the last of all.
fn last_turns(session: &Session) -> (u32, u32) {
    let is_goodbye = |text: &str| sentences(text).into_iter().all(|s| acts::is_social(s) || acts::is_done(s));
    let turns = || session.conversation.turns();
    let last = turns().filter(|turn| !is_goodbye(&turn.user.text)).map(|turn| turn.number).last();
    (last.unwrap_or(0), turns().last().map_or(0, |turn| turn.number))
}

/// How a case says that its recorded user left: the evidence `ending.KIND`.
pub(super) fn recorded_leaving(case: &TestCase) -> Option<&str> {
    let evidence = case.origin.iter().flat_map(|origin| &origin.evidence);
    evidence.filter_map(|evidence| evidence.field.strip_prefix("ending.")).next()
}

/// Whether a way of leaving is the recorded one. Who was cut off, and who cannot tell whether the goal was reached, is like nobody and
/// unlike nobody.
fn is_as(recorded: &str, why: Leaving) -> Option<bool> {
    if why == Leaving::SaidAll {
        return None;
    }
    match recorded {
        "satisfied" => Some(why == Leaving::Satisfied),
        "gave_up" => Some(matches!(why, Leaving::GaveUp | Leaving::LostPatience)),
        "asked_for_person" => Some(why == Leaving::AskedForPerson),
        _ => None,
    }
}

fn in_words(why: Leaving) -> &'static str {
    match why {
        Leaving::Satisfied => "leaves satisfied",
        Leaving::GaveUp => "gives up",
        Leaving::LostPatience => "loses patience",
        Leaving::SaidAll => "leaves when all is said",
        Leaving::AskedForPerson => "asks for a person and leaves",
    }
}

fn style_distance(played: &[(u32, Did)], session: &Session) -> Option<f64> {
    let said = |(_, did): &(u32, Did)| match did {
        Did::Said(text) => Some(text.clone()),
        Did::Left(_) | Did::Failed(_) => None,
    };
    let simulated: Vec<String> = played.iter().filter_map(said).collect();
    let simulated: Vec<&str> = simulated.iter().map(String::as_str).collect();
    let recorded: Vec<&str> = session.conversation.turns().map(|turn| turn.user.text.as_str()).collect();
    style::distance(&simulated, &recorded)
}
