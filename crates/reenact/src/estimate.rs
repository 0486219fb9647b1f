//! What work would cost, before anything is asked.
//!
//! The questions are the real ones, written for conversations that are not there yet: as long as the recordings that the
//! cases come from, or as the suite lets expect, and as long as the limits allow. Only their answers are guessed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::{Amount, CostRole};
use crate::distill;
use crate::journal::{Charge, Charged, Journal};
use crate::judge::{self, Hearing, Judging, OFFLINE};
use crate::report::statistics::{Course, EarlyStopping};
use crate::user;
use crate::{
    Brief, Check, Conversation, Expectation, Message, ModelRequest, Outcome, Result, Run, Scene, Session, Speaker,
    TestCase, Trial, Usage,
};
use crate::{Price, PriceList};

/// Letters that make a token, in the languages that models were mostly trained on.
const LETTERS_IN_A_TOKEN: u64 = 4;
/// What a chat template puts around a message.
const TOKENS_AROUND_A_MESSAGE: u64 = 6;

/// What models write, where nothing is known of their answers: about twice what their schemas need for a plain answer.
/// One that thinks first writes more.
const USER_ANSWER_TOKENS: u64 = 80;
const JUDGE_ANSWER_TOKENS: u64 = 200;
const DISTILLER_ANSWER_TOKENS: u64 = 900;

/// A user's message and an agent's reply, where no recording shows how long they are.
const USER_LETTERS: usize = 100;
const AGENT_LETTERS: usize = 500;

/// What one model would be asked in one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimated {
    /// For whom it would be asked.
    pub role: CostRole,
    /// The model's name.
    pub model: String,
    /// With conversations as long as the recordings, or as the suite lets expect.
    pub expected: Amount,
    /// With conversations as long as they may be, and as many trials.
    pub at_most: Amount,
}

/// What work would cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// By role and model.
    pub parts: Vec<Estimated>,
    /// All of it, as it is expected.
    pub expected: Amount,
    /// All of it, at the most.
    pub at_most: Amount,
}

/// A range of amounts that grows question by question.
#[derive(Default)]
struct Forecast {
    prices: BTreeMap<String, Price>,
    parts: BTreeMap<(CostRole, String), (Amount, Amount)>,
}

/// How often something is expected to be asked, and at the most.
#[derive(Clone, Copy)]
struct Times {
    expected: u64,
    at_most: u64,
}

/// What a run would cost that has not begun, given the recorded sessions that its cases come from, as far as they are at
/// hand.
#[must_use]
pub fn of_run(run: &Run, recordings: &BTreeMap<String, Session>) -> Estimate {
    let mut forecast = Forecast::at(&run.provenance.prices);
    let times = trials(run);
    let limits = (times, run.plan.max_turns, run.plan.attempts);
    for case in &run.suite.cases {
        let recording = case.origin.as_ref().and_then(|origin| recordings.get(&origin.session));
        let recorded = recording.map(|session| &session.conversation);
        let expected = talk(case, recorded, expected_turns(case, recorded, run.plan.max_turns));
        let longest = talk(case, recorded, run.plan.max_turns);
        if run.plan.user_model != OFFLINE {
            forecast.users(&run.plan.user_model, case, (&expected, &longest), limits);
        }
        forecast.judges(&run.plan.judging, Hearing::new(case, &expected), times, Side::Expected);
        forecast.judges(&run.plan.judging, Hearing::new(case, &longest), times, Side::AtMost);
    }
    forecast.done()
}

/// What it would cost to judge these trials of a run, as its plan says.
#[must_use]
pub fn of_judging(run: &Run, trials: &[Trial]) -> Estimate {
    let mut forecast = Forecast::at(&run.provenance.prices);
    let once = Times { expected: 1, at_most: 1 };
    for trial in trials.iter().filter(|trial| trial.ending.is_judgeable()) {
        let Some(case) = run.suite.cases.iter().find(|case| case.id == trial.case) else { continue };
        for side in [Side::Expected, Side::AtMost] {
            forecast.judges(&run.plan.judging, Hearing::new(case, &trial.conversation), once, side);
        }
    }
    forecast.done()
}

/// What it would cost to distil sessions by a model, and what answers that are there already were charged: they are not
/// asked for again.
///
/// # Errors
/// Where a session or the journal cannot be read.
pub fn of_distillation(
    sessions: impl IntoIterator<Item = Result<Session>>,
    model: &str,
    journal: &Journal,
    prices: &PriceList,
) -> Result<(Estimate, Vec<Charged>)> {
    let prices = prices.price(model).map(|price| (model.to_owned(), price));
    let mut forecast = Forecast::at(&prices.into_iter().collect());
    let mut charged = Vec::new();
    for session in sessions {
        let session = session?;
        let request = distill::model::request(&session);
        let key = distill::key_of(&session, model, &request);
        match journal.charge(&key)? {
            Some(charge) => charged.push(Charged { key, replaced: false, charge }),
            None => {
                let usage = Usage {
                    input_tokens: tokens_of(&request),
                    output_tokens: DISTILLER_ANSWER_TOKENS,
                    ..Usage::default()
                };
                forecast.both(CostRole::Distiller, model, usage);
                forecast.trials_on_recording(model, &session);
            }
        }
    }
    Ok((forecast.done(), charged))
}

/// What it would cost to back-test cases of these sessions by a model that plays the users, and to have poor cases written again by a
/// model that distils; as if nothing had been asked yet.
///
/// A user is asked at each turn of the recording and at the one after, once as the case's own and once as a stranger; at the most, each
/// case is poor and all is asked that a turn may ask.
///
/// # Errors
/// Where a session cannot be read.
pub fn of_back_test(
    sessions: impl IntoIterator<Item = Result<Session>>,
    (distiller, user): (Option<&str>, Option<&str>),
    prices: &PriceList,
) -> Result<Estimate> {
    let stated = distiller.into_iter().chain(user).filter_map(|model| Some((model.to_owned(), prices.price(model)?)));
    let mut forecast = Forecast::at(&stated.collect());
    for session in sessions {
        let session = session?;
        if let Some(user) = user {
            // There is no case yet: its goal is about as long as what the user said first.
            let goal = session.conversation.by(Speaker::User).next().map(|first| first.text.clone());
            let brief = Brief { goal: goal.unwrap_or_default(), ..Brief::default() };
            let case = TestCase { brief, ..TestCase::default() };
            for usage in user_questions(&case, &session.conversation).skip(1) {
                forecast.enter(CostRole::User, user, Side::Expected, (2, usage));
                forecast.enter(CostRole::User, user, Side::AtMost, (3 * user::model::QUESTIONS_OF_A_TURN_MAX, usage));
            }
        }
        if let Some(distiller) = distiller {
            // The case stands in the question as well.
            let input_tokens = tokens_of(&distill::model::request(&session)) + DISTILLER_ANSWER_TOKENS;
            let usage = Usage { input_tokens, output_tokens: DISTILLER_ANSWER_TOKENS, ..Usage::default() };
            forecast.enter(CostRole::Distiller, distiller, Side::AtMost, (1, usage));
        }
    }
    Ok(forecast.done())
}

impl Estimate {
    /// This and other work.
    #[must_use]
    pub fn and(self, other: Estimate) -> Estimate {
        let mut parts = self.parts;
        for more in other.parts {
            match parts.iter_mut().find(|part| (part.role, &part.model) == (more.role, &more.model)) {
                Some(part) => {
                    (part.expected, part.at_most) = (part.expected + more.expected, part.at_most + more.at_most);
                }
                None => parts.push(more),
            }
        }
        let (expected, at_most) = (self.expected + other.expected, self.at_most + other.at_most);
        Estimate { parts, expected, at_most }
    }
}

/// Which end of the range something belongs to.
#[derive(Clone, Copy)]
enum Side {
    Expected,
    AtMost,
}

impl Forecast {
    fn at(prices: &BTreeMap<String, Price>) -> Self {
        Forecast { prices: prices.clone(), parts: BTreeMap::new() }
    }

    /// Enters what is asked so often, once for each of these questions.
    fn enter(&mut self, role: CostRole, model: &str, side: Side, (times, each): (u64, Usage)) {
        let charge = Charge { model: model.to_owned(), usage: Some(each) };
        let one = Amount::of(&charge, self.prices.get(model).copied());
        let part = self.parts.entry((role, model.to_owned())).or_default();
        let end = match side {
            Side::Expected => &mut part.0,
            Side::AtMost => &mut part.1,
        };
        *end = *end + one.times(times);
    }

    fn both(&mut self, role: CostRole, model: &str, each: Usage) {
        self.enter(role, model, Side::Expected, (1, each));
        self.enter(role, model, Side::AtMost, (1, each));
    }

    /// A question for each message of the user but a given opening, and a check of the goal to end; at the most, all that may
    /// be asked besides and again.
    fn users(
        &mut self,
        model: &str,
        case: &TestCase,
        (expected, longest): (&Conversation, &Conversation),
        (times, max_turns, attempts): (Times, u32, u32),
    ) {
        let first = usize::from(case.brief.opening.is_some());
        let (usual, most) = user::model::questions_of_a_turn(&case.brief);
        let at_most = times.at_most * u64::from(attempts) * most;
        let sides = [(Side::Expected, expected, times.expected * usual), (Side::AtMost, longest, at_most)];
        for (side, conversation, times) in sides {
            let questions = (conversation.turn_count() + 1).min(max_turns as usize);
            for usage in user_questions(case, conversation).skip(first).take(questions.saturating_sub(first)) {
                self.enter(CostRole::User, model, side, (times, usage));
            }
        }
    }

    /// An expectation tried on the recording is a question about all of it; most sessions give one, if any.
    fn trials_on_recording(&mut self, model: &str, session: &Session) {
        let expectation = Expectation { id: String::new(), text: None, check: Check::Judged };
        let input_tokens = tokens_of(&judge::model::question(&expectation, &session.conversation));
        let usage = Usage { input_tokens, output_tokens: JUDGE_ANSWER_TOKENS, ..Usage::default() };
        self.enter(CostRole::Distiller, model, Side::Expected, (1, usage));
        self.enter(CostRole::Distiller, model, Side::AtMost, (distill::trial::TRIED_MAX as u64, usage));
    }

    fn judges(&mut self, judging: &Judging, hearing: Hearing<'_>, times: Times, side: Side) {
        let times = match side {
            Side::Expected => times.expected,
            Side::AtMost => times.at_most,
        };
        for (model, request) in judge::questions(judging, hearing) {
            let usage =
                Usage { input_tokens: tokens_of(&request), output_tokens: JUDGE_ANSWER_TOKENS, ..Usage::default() };
            self.enter(CostRole::Judge, model, side, (times, usage));
        }
    }

    fn done(self) -> Estimate {
        let part = |((role, model), (expected, at_most))| Estimated { role, model, expected, at_most };
        let parts: Vec<Estimated> = self.parts.into_iter().map(part).collect();
        let expected = parts.iter().map(|part| part.expected).sum();
        Estimate { expected, at_most: parts.iter().map(|part| part.at_most).sum(), parts }
    }
}

/// What each question to the model that plays the user takes, from the first on: the brief, and all that was heard so far.
fn user_questions(case: &TestCase, conversation: &Conversation) -> impl Iterator<Item = Usage> {
    let nothing = Conversation::default();
    let opening = user::model::request(Scene::new(&case.brief, &nothing));
    let before = opening.as_ref().map_or(0, tokens_of);
    let mut heard = vec![before];
    for message in conversation.messages.iter().filter(|message| message.is_heard()) {
        let tokens = tokens(message.text.len());
        match message.speaker {
            // What the user says is heard in the next question, with the answer to it.
            Speaker::User => heard.push(heard.last().copied().unwrap_or(before) + tokens),
            _ => *heard.last_mut().expect("it begins with one") += tokens,
        }
    }
    heard.into_iter().map(|input_tokens| Usage { input_tokens, output_tokens: USER_ANSWER_TOKENS, ..Usage::default() })
}

/// How often each case is tried.
fn trials(run: &Run) -> Times {
    let at_most = u64::from(run.plan.trials);
    let expected = run.plan.stopping.map_or(at_most, |rule| fewest_trials(rule, run.plan.trials));
    Times { expected, at_most }
}

/// After how many trials a case is decided that passes each time.
fn fewest_trials(rule: EarlyStopping, trials_max: u32) -> u64 {
    let decides = |trials: &u32| {
        let passed = std::iter::repeat_n(Outcome::Passed, *trials as usize);
        rule.stop(passed, trials_max).course != Course::GoesOn
    };
    (1..=trials_max).find(decides).unwrap_or(trials_max).into()
}

/// As many as were recorded; without a recording, one for the goal, one for each fact, and one to end.
fn expected_turns(case: &TestCase, recorded: Option<&Conversation>, max_turns: u32) -> u32 {
    let turns = recorded.map(Conversation::turn_count).filter(|turns| *turns > 0);
    let turns = turns.unwrap_or(case.brief.facts.len() + 2);
    u32::try_from(turns).unwrap_or(u32::MAX).clamp(1, max_turns.max(1))
}

/// A conversation of so many turns: the recorded messages, over again where there are more turns than recorded ones.
fn talk(case: &TestCase, recorded: Option<&Conversation>, turns: u32) -> Conversation {
    let said = |speaker| -> Vec<&str> {
        let messages = recorded.into_iter().flat_map(|conversation| conversation.by(speaker));
        messages.filter(|message| message.is_heard()).map(|message| message.text.as_str()).collect()
    };
    let (users, agents) = (said(Speaker::User), said(Speaker::Agent));
    let (asks, replies) = ("word ".repeat(USER_LETTERS / 5), "word ".repeat(AGENT_LETTERS / 5));
    let nth = |said: &[&str], turn: usize, otherwise: &str| match said.len() {
        0 => otherwise.to_owned(),
        length => said[turn % length].to_owned(),
    };
    let opening = case.brief.opening.clone();
    let turn = |turn: usize| {
        let user = opening.clone().filter(|_| turn == 0).unwrap_or_else(|| nth(&users, turn, &asks));
        [Message::user(user), Message::agent(nth(&agents, turn, &replies))]
    };
    (0..turns as usize).flat_map(turn).collect()
}

fn tokens_of(request: &ModelRequest) -> u64 {
    let messages: u64 = request.messages.iter().map(|message| tokens(message.content.len())).sum();
    messages + tokens(request.schema.schema.to_string().len())
}

fn tokens(letters: usize) -> u64 {
    (letters as u64).div_ceil(LETTERS_IN_A_TOKEN) + TOKENS_AROUND_A_MESSAGE
}
